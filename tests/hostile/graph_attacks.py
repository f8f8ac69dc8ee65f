"""Attacks by the shape of a graph: what its layers take, and its inputs and outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hostile.files import Config, conv, functional, layer, write_h5, write_keras
from hostile.registry import Attack, Traps, register_attack


def _graph(name: str, says: str, change: Any, *, version: int = 2, heavy: bool = False) -> None:
    def writer(path: Path, traps: Traps) -> None:
        config = functional(conv(), layer("ReLU", "relu"), layer("Add", "add"), version=version)
        change(config["config"])
        (write_h5 if version == 2 else write_keras)(path, config)

    file = "model.h5" if version == 2 else "model.keras"
    register_attack(Attack(name, file, says, writer, heavy=heavy))


def _node(number: int, value: Any) -> Any:
    def change(config: Config) -> None:
        config["layers"][number]["inbound_nodes"] = value

    return change


def _set(key: str, value: Any) -> Any:
    def change(config: Config) -> None:
        config[key] = value

    return change


def _same_names(config: Config) -> None:
    for entry in config["layers"]:
        entry["name"] = entry["config"]["name"] = "conv"


def _self_nested(config: Config) -> None:
    inner = json.loads(json.dumps({"class_name": "Functional", "config": config, "name": "model"}))
    inner["inbound_nodes"] = [[["entry", 0, 0, {}]]]
    config["layers"].append(inner)
    config["output_layers"] = [["model", 1, 0]]


_graph("loop", "A layer that takes from the one after it.", _node(1, [[["add", 0, 0, {}]]]))
_graph("loop_of_one", "A layer that takes from itself.", _node(1, [[["conv", 0, 0, {}]]]))
_graph(
    "to_nowhere", "A layer that takes from one that is not there.", _node(1, [[["x", 0, 0, {}]]])
)
_graph("call_99", "A layer that takes call 10^9.", _node(2, [[["conv", 10**9, 0, {}]]]))
_graph("call_minus", "A layer that takes call -1, output -1.", _node(2, [[["conv", -1, -1, {}]]]))
_graph("output_99", "A layer that takes output 999.", _node(2, [[["conv", 0, 999, {}]]]))
_graph("output_huge", "A layer that takes output 10^9.", _node(2, [[["conv", 0, 10**9, {}]]]))
_graph("calls_of_bool", "Calls and outputs that are true.", _node(2, [[["conv", True, False, {}]]]))
_graph(
    "odd_nodes", "Nodes of odd forms.", _node(2, [3, None, [], [[]], {"args": 3}, {"kwargs": []}])
)
_graph("odd_nodes_text", "Nodes that are text.", _node(2, "conv"))
_graph("node_without_tensor", "A call without any tensor.", _node(2, [[[3, 4, 5, {}]]]))
_graph("no_outputs", "No outputs.", _set("output_layers", []))
_graph("odd_outputs", "Outputs of odd forms.", _set("output_layers", [[3, "x"], {"a": None}]))
_graph(
    "many_outputs",
    "An output named 100,000 times.",
    _set("output_layers", [["add", 0, 0]] * 100_000),
    heavy=True,
)
_graph("output_is_input", "The output is the input.", _set("output_layers", [["entry", 0, 0]]))
_graph("input_is_layer", "The input is a layer inside.", _set("input_layers", [["relu", 0, 0]]))
_graph("same_names", "All layers have the same name.", _same_names)
_graph("same_names_3", "All layers have the same name, Keras 3.", _same_names, version=3)
_graph("self_nested", "A model that holds a model of its own name.", _self_nested)
_graph(
    "kwargs_unknown",
    "Arguments that the layer does not take.",
    _node(2, [[["conv", 0, 0, {"__class__": 1, "self": 2, "evil": [["conv", 0, 0]]}]]]),
)
_graph(
    "kwargs_training",
    "Arguments that switch training on.",
    _node(2, [[["conv", 0, 0, {"training": True, "mask": [True]}]]]),
)
_graph(
    "many_arguments",
    "A call on 100,000 tensors.",
    _node(3, [[["conv", 0, 0, {}]] * 100_000]),
    heavy=True,
)
