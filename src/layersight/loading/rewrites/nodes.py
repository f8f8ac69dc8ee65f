"""The graph of a model: the names of its layers, and the inputs of each call of each layer.

After these rewrites every layer has a name that Keras 3 accepts, and the nodes of all versions have
the same form: ``{"args": [...], "kwargs": {...}}`` with references to tensors, whose calls
count from 0 for every layer.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from layersight.data.saved import Config
from layersight.errors import ModelFileError
from layersight.loading.rewrites.walking import (
    MODELS,
    class_of,
    each_model,
    each_tensor,
    is_tensor,
    layers_of,
    name_of,
    rewrite,
    settings_of,
    tensor,
)

MAX_NAME = 200  # characters of a layer's name that are kept; files are named by it

# Categories of characters that break lines, change the direction of text or move the cursor.
CONTROL = ("Cc", "Cf", "Cs", "Zl", "Zp")

# Layers without weights, whose names may contain points.
OPERATIONS = ("TFOpLambda", "SlicingOpLambda")


@rewrite("slashes", "'/', '.' and the like in the names of layers became '_'")
def replace_slashes(config: Config) -> int:
    """A layer's name with `/` or `.`, which Keras 3 and PyTorch use for paths: they become `_`."""
    count = 0
    for model in each_model(config):
        taken = {name_of(layer) for layer in layers_of(model)}
        renamed: dict[str, str] = {}
        for layer in layers_of(model):
            name = name_of(layer)
            new = (clean_name if class_of(layer) in OPERATIONS else plain_name)(name)
            if new == name:
                continue
            while new in taken:
                new += "_"
            taken.add(new)
            renamed[name] = new
            if "name" in layer:
                layer["name"] = new
            if isinstance(layer.get("config"), dict):
                layer["config"]["name"] = new
        if renamed:
            _rename_references(model, renamed)
            count += len(renamed)
    title = settings_of(config).get("name")
    if isinstance(title, str) and ("/" in title or clean_name(title) != title):
        config["config"]["name"] = plain_name(title)
        count += 1
    return count


def plain_name(name: str) -> str:
    """A name without slashes and points.

    >>> plain_name("block/conv.1")
    'block_conv_1'
    """
    return clean_name(name.replace("/", "_").replace(".", "_"))


def clean_name(name: str) -> str:
    r"""A name of bounded length without control characters.

    >>> clean_name("conv\x1b[31m\x00"), len(clean_name("x" * 1000))
    ('conv_[31m_', 200)
    """
    if not name.isprintable():
        name = "".join("_" if unicodedata.category(sign) in CONTROL else sign for sign in name)
    return name[:MAX_NAME]


@rewrite("names")
def name_every_layer(config: Config) -> int:
    """A layer of a graph with its name in only one of the two places for it."""
    count = 0
    for model in each_model(config):
        for number, layer in enumerate(layers_of(model)):
            inner = layer.get("config")
            if not isinstance(inner, dict):
                continue
            name = layer.get("name") or inner.get("name")
            if not isinstance(name, str):
                name = f"{str(layer.get('class_name', 'layer')).lower()}_{number}"
                count += 1
            inner["name"] = name
            if model.get("class_name") == "Functional":
                layer["name"] = name
    return count


def _rename_references(model: Config, renamed: dict[str, str]) -> None:
    """Renames layers in the nodes and outputs of a graph, of any version."""
    inner = settings_of(model)
    nodes: list[Any] = [layer.get("inbound_nodes") for layer in layers_of(model)]
    for value in [*nodes, inner.get("input_layers"), inner.get("output_layers")]:
        for history in each_tensor(value):
            history[0] = renamed.get(history[0], history[0])
        _rename_lists(value, renamed)


def _rename_lists(value: Any, renamed: dict[str, str]) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            _rename_lists(inner, renamed)
    if not isinstance(value, list):
        return
    if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        value[0] = renamed.get(value[0], value[0])
    for inner in value:
        _rename_lists(inner, renamed)


# Layers that take a list even of a single tensor.
MERGING = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")

# Layers whose further inputs are their initial state.
WITH_STATE = {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM2D"}

CONSTANT = "_CONSTANT_VALUE"


@rewrite("nodes")
def spread_nodes(config: Config) -> int:
    """Nodes as lists of lists, as all versions before Keras 3 wrote them."""
    changed = False
    for model in each_model(config, "Functional"):
        layers = layers_of(model)
        names = {name_of(layer) for layer in layers}
        for layer in layers:
            nodes = layer.get("inbound_nodes")
            if not isinstance(nodes, list):
                nodes = layer["inbound_nodes"] = []
            if any(not isinstance(node, dict) or "args" not in node for node in nodes):
                layer["inbound_nodes"] = [_spread(node, layer, names) for node in nodes]
                changed = True
    return int(changed)


def _spread(node: Any, layer: Config, names: set[str]) -> Config:
    if isinstance(node, dict) and "args" in node:
        return node
    kwargs: Config = {}
    inputs = _argument(node, names, kwargs)
    tensors = inputs if isinstance(inputs, list) else [inputs]
    name = layer.get("class_name")
    args: list[Any] = [inputs]
    if len(tensors) == 1 and name not in MERGING:
        args = [tensors[0]]
    elif name in WITH_STATE and len(tensors) > 1:
        args = [tensors[0]]
        kwargs["initial_state"] = tensors[1:]
    return {"args": args, "kwargs": kwargs}


def _argument(value: Any, names: set[str], kwargs: Config | None) -> Any:
    """An argument of a call; the settings beside a tensor go to ``kwargs``, if they are passed."""
    if _is_reference(value, names):
        if kwargs is not None and len(value) > 3 and isinstance(value[3], dict):
            kwargs.update({key: _argument(item, names, None) for key, item in value[3].items()})
        return value[2] if value[0] == CONSTANT else tensor(value[0], value[1], value[2])
    if isinstance(value, list):
        return [_argument(item, names, kwargs) for item in value]
    if isinstance(value, dict):
        return {key: _argument(item, names, kwargs) for key, item in value.items()}
    return value


def _is_reference(value: Any, names: set[str]) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and (value[0] == CONSTANT or (value[0] in names and isinstance(value[2], int)))
    )


@rewrite("single-output")
def name_outputs(config: Config) -> int:
    """Inputs and outputs of a graph as lists, where Keras 3 has references.

    A list of one becomes that reference: a nested model that gives a list of one cannot be followed
    by a layer that takes a tensor, as in every file of Teachable Machine.
    """
    count = 0
    for model in each_model(config, "Functional"):
        inner = settings_of(model)
        for key in ("input_layers", "output_layers"):
            inner[key] = _references(inner.get(key), key, model)
        count += model is not config and is_tensor(inner["output_layers"])
    return count


def _references(value: Any, key: str, model: Config) -> Any:
    if is_tensor(value):
        return value
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        if all(isinstance(part, int) for part in value[1:]):
            return tensor(*value)
    elif isinstance(value, list) and value:
        inner = [_references(entry, key, model) for entry in value]
        return inner[0] if len(inner) == 1 else inner
    elif isinstance(value, dict) and value:
        return {name: _references(entry, key, model) for name, entry in value.items()}
    raise ModelFileError(
        f"the model '{name_of(model)}' has no {key}: its configuration is damaged or incomplete"
    )


@rewrite("calls-from-zero", "calls of nested models that counted from 1 count from 0")
def count_from_zero(config: Config) -> int:
    """Calls of nested models that count from 1, since creating a model counted as a call."""
    count = 0
    for model in each_model(config, "Functional"):
        layers = {name_of(layer): layer for layer in layers_of(model)}
        inner = settings_of(model)
        inside = [layer.get("inbound_nodes") for layer in layers.values()]
        outside = [inner.get("output_layers"), inner.get("input_layers")]
        for value in (inside, outside):
            by_name: dict[str, list[list[Any]]] = {}
            for history in each_tensor(value):
                by_name.setdefault(history[0], []).append(history)
            for name, histories in by_name.items():
                layer = layers.get(name, {})
                calls = len(layer.get("inbound_nodes") or [])
                numbers = [history[1] for history in histories]
                # They start at 1 if none is 0 and the last is beyond the end.
                if layer.get("class_name") in MODELS and min(numbers) > 0 and max(numbers) >= calls:
                    for history in histories:
                        history[1] -= 1
                    count += 1
    return count


@rewrite("references")
def check_references(config: Config) -> int:
    """A reference to a layer or a call that does not exist, which is an error that names it."""
    for model in each_model(config, "Functional"):
        calls: dict[str, int] = {}
        for layer in layers_of(model):
            name = name_of(layer)
            if name in calls:
                raise ModelFileError(f"two layers of the model are called '{name}'")
            nodes = layer["inbound_nodes"]
            calls[name] = len(nodes) or (1 if layer.get("class_name") == "InputLayer" else 0)
        inner = settings_of(model)
        references = [inner["input_layers"], inner["output_layers"]]
        references += [layer["inbound_nodes"] for layer in layers_of(model)]
        for name, call, _ in each_tensor(references):
            if name not in calls:
                raise ModelFileError(
                    f"the model '{name_of(model)}' uses a layer '{name}' that it does not have"
                )
            if not 0 <= call < calls[name]:
                raise ModelFileError(
                    f"the model '{name_of(model)}' uses call {call} of layer '{name}', which is "
                    f"called {calls[name]} times"
                )
    return 0
