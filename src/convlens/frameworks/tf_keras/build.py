"""From a configuration to steps of tf_keras layers, laid flat, with their weights set.

The program is that of :mod:`convlens.frameworks.keras.program`: a step for each call of a
layer, nested models laid out in their place. What a call takes stands in its ``node``, with
the numbers of values in the place of references.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tf_keras

from convlens.errors import ModelFileError, UnsafeModelError
from convlens.frameworks.keras.graph import order_calls
from convlens.frameworks.keras.program import Key, Program, Step
from convlens.frameworks.keras.sizes import at_most, check_output
from convlens.frameworks.keras.weights import BESIDE
from convlens.frameworks.tf_keras.layers import make_layer
from convlens.limits import Limits
from convlens.loading.rewrites.names import plain_name
from convlens.loading.rewrites.walking import MAX_CALLS, each_tensor, is_tensor, name_of
from convlens.results import InputInfo
from convlens.saved import Config, SavedNetwork


@dataclass(frozen=True, slots=True)
class Value:
    """Stands in what a call takes for the value of that number."""

    number: int


@dataclass(slots=True)
class Built:
    """A network of tf_keras layers.

    Attributes:
        name: Its name.
        program: Its steps.
        inputs: Its inputs.
        holders: For each layer of the outermost model, by name, its layers of tf_keras.
    """

    name: str
    program: Program = field(default_factory=Program)
    inputs: tuple[InputInfo, ...] = ()
    holders: dict[str, list[Any]] = field(default_factory=dict)


def build(network: SavedNetwork, limits: Limits) -> Built:
    """Makes the layers of a network, and sets their weights.

    Args:
        network: The network as data.
        limits: How much memory it may ask for.

    Raises:
        ModelFileError: A layer cannot be had, or weights do not fit.
        UnsafeModelError: It asks for more than its file holds.
    """
    maker = _Maker(str(network.path))
    with at_most(network.size, str(network.path), limits):
        built = maker.make(network.config)
        shapes = [entry.shape for entry in built.inputs]
        follow_shapes(built, shapes)
    _assign(built, network)
    return built


class _Maker:
    def __init__(self, path: str) -> None:
        self._path = path
        self._layers: dict[Key, Any] = {}
        self._inputs: list[InputInfo] = []
        self._calls = 0

    def make(self, config: Config) -> Built:
        built = Built(str(config["config"].get("name") or "model"))
        outputs = self._model(built, config, (), None)
        built.program.outputs = tuple(outputs)
        producers = built.program.producers()
        built.program.output_names = tuple(
            built.program.steps[producers[number]].key[-1][0] for number in outputs
        )
        built.inputs = tuple(self._inputs)
        return built

    def _where(self, name: str) -> str:
        return f"{self._path}: layer '{name}'"

    def _model(
        self, built: Built, config: Config, prefix: Key, given: Sequence[int] | None
    ) -> list[int]:
        """Adds the steps of a model; gives the numbers of its outputs.

        Args:
            built: Takes the steps.
            config: The model.
            prefix: Where the call of the model stands.
            given: What it is called on; ``None`` for the outermost model.
        """
        entries = config["config"].get("layers") or []
        calls: Counter[str] = Counter()
        if config["class_name"] == "Sequential":
            values = list(given) if given is not None else []
            for entry in entries:
                if entry["class_name"] == "InputLayer":
                    values = values if given is not None else [self._input(built, entry)]
                else:
                    values = self._call(built, entry, prefix, calls, [Value(n) for n in values], {})
            return values
        by_name = {name_of(entry): entry for entry in entries}
        taken = [place[0] for place in each_tensor(config["config"]["input_layers"])]
        found: dict[tuple[str, int], list[int]] = {}
        numbers = [self._input(built, by_name[n]) for n in taken] if given is None else list(given)
        found.update({(n, 0): [value] for n, value in zip(taken, numbers, strict=True)})
        for name, number in order_calls(by_name, self._path):
            if (name, number) in found:
                continue
            node = by_name[name]["inbound_nodes"][number]
            args = [_resolve(value, found) for value in node.get("args") or []]
            kwargs = {
                key: _resolve(value, found)
                for key, value in (node.get("kwargs") or {}).items()
                if key not in ("training", "mask")
            }
            found[name, number] = self._call(built, by_name[name], prefix, calls, args, kwargs)
        ends = each_tensor(config["config"]["output_layers"])
        return [found[name, number][output] for name, number, output in ends]

    def _input(self, built: Built, entry: Config) -> int:
        shape = tuple(entry["config"]["batch_shape"])
        dtype = entry["config"].get("dtype")
        kind = dtype if isinstance(dtype, str) else "float32"
        self._inputs.append(InputInfo(name_of(entry), (None, *shape[1:]), dtype=kind))
        number = built.program.new_value()
        built.program.inputs = (*built.program.inputs, number)
        return number

    def _call(
        self,
        built: Built,
        entry: Config,
        prefix: Key,
        calls: Counter[str],
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> list[int]:
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise UnsafeModelError(f"{self._path} holds more than {MAX_CALLS} calls: not opened")
        name = name_of(entry)
        key: Key = (*prefix, (name, calls[name]))
        calls[name] += 1
        numbers = [value.number for value in _values((args, kwargs))]
        if entry["class_name"] in ("Sequential", "Functional"):
            return self._model(built, entry, key, numbers)
        path: Key = tuple((part, 0) for part, _ in key)
        if path not in self._layers:
            layer = make_layer(entry, self._where(name))
            if getattr(layer, "data_format", None) == "channels_first":
                raise ModelFileError(f"{self._where(name)} wants its channels first")
            self._layers[path] = layer
            built.holders.setdefault(path[0][0], []).append(layer)
        many = built.program
        wanted = max(1, self._outputs(entry))
        given = tuple(many.new_value() for _ in range(wanted))
        inputs = tuple((number, number) for number in numbers)
        many.steps.append(Step(key, self._layers[path], (args, kwargs), inputs, given))
        return list(given)

    def _outputs(self, entry: Config) -> int:
        """How many tensors a layer gives: more than one if it gives its state too."""
        states = {"LSTM": 3, "GRU": 2, "SimpleRNN": 2, "ConvLSTM2D": 3}
        if entry["config"].get("return_state") is True:
            return states.get(str(entry["class_name"]), 1)
        return 1


def _resolve(value: Any, found: dict[tuple[str, int], list[int]]) -> Any:
    if is_tensor(value):
        name, number, output = value["config"]["keras_history"]
        return Value(found[name, number][output])
    if isinstance(value, list):
        return [_resolve(item, found) for item in value]
    if isinstance(value, dict):
        raise ModelFileError("a layer is called with an object")
    return value


def _values(value: Any) -> Iterator[Value]:
    if isinstance(value, Value):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _values(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _values(item)


def fill_in(value: Any, tensors: dict[int, Any]) -> Any:
    """What a call takes, with tensors in the place of numbers."""
    if isinstance(value, Value):
        return tensors[value.number]
    if isinstance(value, list | tuple):
        return type(value)(fill_in(item, tensors) for item in value)
    if isinstance(value, dict):
        return {key: fill_in(item, tensors) for key, item in value.items()}
    return value


def run(step: Step, tensors: dict[int, Any]) -> list[Any]:
    """Calls the layer of a step, not training."""
    args, kwargs = fill_in(step.node, tensors)
    if getattr(step.operation, "_expects_training_arg", False):
        kwargs = {**kwargs, "training": False}
    given = step.operation(*args, **kwargs)
    flat = list(given) if isinstance(given, list | tuple) else [given]
    if len(flat) != len(step.outputs):
        raise ModelFileError(f"layer '{step.key[-1][0]}' gives {len(flat)} tensors")
    tensors.update(zip(step.outputs, flat, strict=True))
    return flat


def follow_shapes(built: Built, shapes: Sequence[tuple[int | None, ...]]) -> None:
    """Brings the steps' shapes up to date; on the first time layers make their weights."""
    tensors = {
        number: tf_keras.Input(shape=shape[1:], dtype=entry.dtype)
        for number, shape, entry in zip(built.program.inputs, shapes, built.inputs, strict=True)
    }
    for step in built.program.steps:
        given = run(step, tensors)
        check_output(given, f"layer '{step.key[-1][0]}'")
        step.shapes = [tuple(tensor.shape) for tensor in given]


def _assign(built: Built, network: SavedNetwork) -> None:
    """Sets every weight by the name of its layer, its place and its shape."""
    saved = {
        plain_name(entry.layer): [
            (name, array)
            for name, array in zip(entry.names, entry.arrays, strict=True)
            if not BESIDE.fullmatch(_last(name))
        ]
        for entry in network.weights or ()
    }
    for holder, layers in built.holders.items():
        held = saved.pop(holder, [])
        split = [v for layer in layers for v in layer.trainable_weights]
        split += [v for layer in layers for v in layer.non_trainable_weights]
        nested = [v for layer in layers for v in layer.weights]
        for order in (split, nested):
            if len(order) == len(held) and all(
                tuple(v.shape) == array.shape and _last(v.name) == _last(name)
                for v, (name, array) in zip(order, held, strict=True)
            ):
                for variable, (_, array) in zip(order, held, strict=True):
                    variable.assign(np.asarray(array))
                break
        else:
            raise ModelFileError(f"the weights of layer '{holder}' do not fit it")
    if left := next((name for name, held in saved.items() if held), None):
        raise ModelFileError(f"there are weights for '{left}', which the network does not have")


def _last(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]
