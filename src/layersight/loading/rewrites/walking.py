"""Rewrites, and finding models, layers and references to tensors in a configuration.

The rule of this module: a configuration is hostile data. Its depth and its number of values
are bounded before anything walks it, and a value of an unexpected type is skipped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from layersight.data.saved import Config
from layersight.errors import UnsafeModelError

MODELS = ("Sequential", "Functional", "Model")  # classes whose configuration holds layers
WRAPPED = ("layer", "backward_layer", "cell")  # settings of wrappers that hold another layer

# Bounds of a configuration. Those of real networks stay below 40 levels, 300,000 values and 2,000
# layers. Calls are also counted as they multiply where models call models.
MAX_DEPTH = 100
MAX_VALUES = 1_000_000
MAX_LAYERS = 5_000
MAX_CALLS = 10_000
MAX_TENSORS = 10_000  # inputs of all calls of layers together

TENSOR = "__keras_tensor__"


def check_bounds(config: Any) -> None:
    """Refuses a configuration that is too deep or too long to be walked."""
    level: list[Any] = [config]
    values = calls = tensors = depth = 0
    while level:
        depth += 1
        values += len(level)
        if values > MAX_VALUES:
            raise _refused(f"holds more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise _refused(f"is nested more than {MAX_DEPTH} levels deep")
        mappings = [value for value in level if isinstance(value, dict)]
        entries = (value.get("inbound_nodes") for value in mappings)
        nodes = [node for node in entries if isinstance(node, list)]
        calls += sum(map(len, nodes))
        tensors += sum(map(is_tensor, mappings))
        tensors += sum(len(call) for node in nodes for call in node if isinstance(call, list))
        level = [inner for value in level for inner in _inside(value)]
    layers = sum(1 for _ in itertools.islice(each_layer(config), MAX_LAYERS + 1))
    if layers > MAX_LAYERS or calls > MAX_CALLS:
        raise _refused(f"holds more than {MAX_LAYERS} layers or {MAX_CALLS} calls of them")
    if tensors > MAX_TENSORS:
        raise _refused(f"takes more than {MAX_TENSORS} tensors in its calls")
    if count_calls(config) > MAX_CALLS:
        raise _refused(
            f"comes to more than {MAX_CALLS} calls of layers, since its models call each other"
        )


def _refused(why: str) -> UnsafeModelError:
    return UnsafeModelError(f"the model's configuration {why}: not opened")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def count_calls(layer: Any) -> int:
    """The number of calls that a call of a layer makes, including those in models inside it."""
    if not isinstance(layer, dict):
        return 1
    total = 1
    for inner in layers_of(layer):
        nodes = inner.get("inbound_nodes")
        total += count_calls(inner) * (max(1, len(nodes)) if isinstance(nodes, list) else 1)
    return total


def each_model(config: Any, *classes: str) -> Iterator[Config]:
    """All models in a configuration, or those of the given classes, the outermost first."""
    return (layer for layer in each_layer(config) if class_of(layer) in (classes or MODELS))


def each_layer(config: Any) -> Iterator[Config]:
    """All layers in a configuration, including models and wrapped layers, the outermost first."""
    if not isinstance(config, dict):
        return
    yield config
    for layer in layers_of(config):
        yield from each_layer(layer)


def layers_of(config: Config) -> list[Config]:
    """The configurations directly inside that of a model or a wrapper."""
    inner = config.get("config")
    if not isinstance(inner, dict):
        return _mappings(inner)
    return [
        *_mappings(inner.get("layers")),
        *_mappings(inner.get("cells")),
        *_mappings([inner.get(key) for key in WRAPPED]),
    ]


def _mappings(value: Any) -> list[Config]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def class_of(layer: Config) -> str:
    """The class name of a layer, empty if it is not a string."""
    name = layer.get("class_name")
    return name if isinstance(name, str) else ""


def settings_of(layer: Config) -> Config:
    """The settings of a layer, empty if they are not a mapping."""
    inner = layer.get("config")
    return inner if isinstance(inner, dict) else {}


def name_of(layer: Config) -> str:
    """The name by which a graph refers to a layer."""
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
    """The ``[name, call, output]`` of every reference to a tensor inside a value."""
    if is_tensor(value):
        yield value["config"]["keras_history"]
    else:
        for inner in _inside(value):
            yield from each_tensor(inner)


Version = tuple[int, int]

KERAS_3: Version = (3, 0)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A reason why Keras 3 refuses a configuration, and its remedy."""

    name: str  # a short name
    cause: str  # what it changes, in a sentence for the documentation
    message: str  # what was done, for the user; empty if it does not change what is computed
    before: Version | None  # the first version of Keras that does not need it, ``None`` for none
    apply: Callable[[Config], int]  # changes a configuration in place and counts the changes

    def __call__(self, config: Config) -> int:
        return self.apply(config)


def rewrite(
    name: str, message: str = "", *, before: Version | None = None
) -> Callable[[Callable[[Config], int]], Rewrite]:
    """Turns a function of a configuration into a rewrite; its docstring is the cause."""

    def make(apply: Callable[[Config], int]) -> Rewrite:
        return Rewrite(name, (apply.__doc__ or "").partition("\n")[0], message, before, apply)

    return make


def layer_rewrite(
    name: str, message: str = "", *, of: Container[str] | None = None, before: Version | None = None
) -> Callable[[Callable[[Config, Config], bool]], Rewrite]:
    """Turns a function of a single layer into a rewrite; it returns whether it changed anything.

    The function is called with the layer and its settings, for layers of the classes in ``of``.
    """

    def make(change: Callable[[Config, Config], bool]) -> Rewrite:
        def apply(config: Config) -> int:
            return sum(
                change(layer, settings_of(layer))
                for layer in list(each_layer(config))
                if of is None or class_of(layer) in of
            )

        apply.__doc__ = change.__doc__
        return rewrite(name, message, before=before)(apply)

    return make


def replace_class(layer: Config, name: str, settings: Config | None = None) -> None:
    """Gives a layer another class, and removes the origin of the old one."""
    layer["class_name"] = name
    if settings is not None:
        layer["config"] = settings
    for key in ("module", "registered_name", "build_config"):
        layer.pop(key, None)
