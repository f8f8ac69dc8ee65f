"""Finding models, layers and references to tensors in a configuration.

The rule of this module: a configuration is hostile data. Its depth and its number of pieces
are bounded before anything walks it, and a piece of an unexpected kind is passed over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from layersight.data.saved import Config
from layersight.errors import UnsafeModelError

MODELS = ("Sequential", "Functional", "Model")
"""The classes whose configuration holds layers."""

WRAPPED = ("layer", "backward_layer", "cell")
"""Where the configuration of a wrapper holds another layer."""

MAX_DEPTH = 100
"""How deep a configuration may be nested; that of a real network stays below 40."""

MAX_PIECES = 1_000_000
"""How many values a configuration may hold; that of a real network stays below 300,000."""

MAX_LAYERS = 5_000
"""How many layers a configuration may hold; that of a real network stays below 2,000."""

MAX_CALLS = 10_000
"""How many calls of layers it may hold, and how many it may come to where models call models."""

MAX_TAKEN = 10_000
"""How many tensors the calls of a model may take in all."""

TENSOR = "__keras_tensor__"


def check_bounds(config: Any) -> None:
    """Refuses a configuration that is too deep or too long to be walked.

    Raises:
        UnsafeModelError: It is.
    """
    level: list[Any] = [config]
    pieces = calls = taken = 0
    for _ in range(MAX_DEPTH):
        pieces += len(level)
        if pieces > MAX_PIECES:
            raise UnsafeModelError(
                f"the model's configuration holds more than {MAX_PIECES} values: not opened"
            )
        mappings = [value for value in level if isinstance(value, dict)]
        nodes = [value.get("inbound_nodes") for value in mappings]
        calls += sum(len(given) for given in nodes if isinstance(given, list))
        taken += sum(is_tensor(value) for value in mappings)
        taken += sum(
            len(call)
            for given in nodes
            if isinstance(given, list)
            for call in given
            if isinstance(call, list)
        )
        level = [
            inner
            for value in level
            for inner in (
                value.values()
                if isinstance(value, dict)
                else value
                if isinstance(value, list)
                else ()
            )
        ]
        if not level:
            break
    else:
        raise UnsafeModelError(
            f"the model's configuration is nested more than {MAX_DEPTH} levels deep: not opened"
        )
    layers = sum(1 for _ in itertools.islice(each_layer(config), MAX_LAYERS + 1))
    if layers > MAX_LAYERS or calls > MAX_CALLS:
        raise UnsafeModelError(
            f"the model's configuration holds more than {MAX_LAYERS} layers or {MAX_CALLS} calls "
            "of them: not opened"
        )
    if taken > MAX_TAKEN:
        raise UnsafeModelError(
            f"the calls of the model's configuration take more than {MAX_TAKEN} tensors: not opened"
        )
    if count_calls(config) > MAX_CALLS:
        raise UnsafeModelError(
            f"the model's configuration comes to more than {MAX_CALLS} calls of layers, since its "
            "models call each other: not opened"
        )


def count_calls(layer: Any) -> int:
    """How many calls one call of a layer comes to, with those in the models inside it."""
    if not isinstance(layer, dict):
        return 1
    total = 1
    for inner in layers_of(layer):
        nodes = inner.get("inbound_nodes")
        total += count_calls(inner) * (max(1, len(nodes)) if isinstance(nodes, list) else 1)
    return total


def each_model(config: Any) -> Iterator[Config]:
    """Every model in a configuration, the outermost first."""
    for layer in each_layer(config):
        if layer.get("class_name") in MODELS:
            yield layer


def each_layer(config: Any) -> Iterator[Config]:
    """Every layer in a configuration, models and wrapped layers too, the outermost first."""
    if not isinstance(config, dict):
        return
    yield config
    for layer in layers_of(config):
        yield from each_layer(layer)


def layers_of(config: Config) -> list[Config]:
    """The configurations directly inside that of a model or a wrapper."""
    inner = config.get("config")
    if isinstance(inner, list):
        return [layer for layer in inner if isinstance(layer, dict)]
    if not isinstance(inner, dict):
        return []
    found = inner.get("layers")
    nested = (
        [layer for layer in found if isinstance(layer, dict)] if isinstance(found, list) else []
    )
    cells = inner.get("cells")
    nested += [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    return nested + [inner[key] for key in WRAPPED if isinstance(inner.get(key), dict)]


def settings_of(layer: Config) -> Config:
    """The settings of a layer; empty where they are no mapping."""
    inner = layer.get("config")
    return inner if isinstance(inner, dict) else {}


def name_of(layer: Config) -> str:
    """The name under which a graph refers to a layer."""
    name = layer.get("name") or settings_of(layer).get("name")
    return name if isinstance(name, str) else ""


def tensor(name: str, call: int, output: int) -> Config:
    """A reference to a tensor, as Keras 3 writes it."""
    return {"class_name": TENSOR, "config": {"keras_history": [name, call, output]}}


def is_tensor(value: Any) -> bool:
    """Whether a value refers to a tensor."""
    if not isinstance(value, dict) or value.get("class_name") != TENSOR:
        return False
    inner = value.get("config")
    history = inner.get("keras_history") if isinstance(inner, dict) else None
    return (
        isinstance(history, list)
        and len(history) == 3
        and isinstance(history[0], str)
        and all(isinstance(part, int) for part in history[1:])
    )


def each_tensor(value: Any) -> Iterator[list[Any]]:
    """The name, call and output of every reference to a tensor inside a value."""
    if is_tensor(value):
        yield value["config"]["keras_history"]
    elif isinstance(value, dict):
        for inner in value.values():
            yield from each_tensor(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from each_tensor(inner)


def count_layers(config: Config, change: Callable[[Config], bool]) -> int:
    """Applies a change to every layer and says to how many it did something."""
    return sum(change(layer) for layer in list(each_layer(config)))
