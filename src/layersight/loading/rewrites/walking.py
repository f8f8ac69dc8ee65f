"""What a rewrite is, and finding models, layers and references to tensors in a configuration.

The rule of this module: a configuration is hostile data. Its depth and its number of values
are bounded before anything walks it, and a value of an unexpected kind is passed over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from layersight.data.saved import Config
from layersight.errors import UnsafeModelError

MODELS = ("Sequential", "Functional", "Model")  # classes whose configuration holds layers
WRAPPED = ("layer", "backward_layer", "cell")  # where that of a wrapper holds another layer

# The most that a configuration may hold. Those of real networks stay below 40 levels, 300,000
# values and 2,000 layers. Calls are also counted as they multiply where models call models.
MAX_DEPTH = 100
MAX_VALUES = 1_000_000
MAX_LAYERS = 5_000
MAX_CALLS = 10_000
MAX_TENSORS = 10_000  # that the calls of layers take in all

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
        nodes = [value.get("inbound_nodes") for value in mappings]
        listed = [given for given in nodes if isinstance(given, list)]
        calls += sum(map(len, listed))
        tensors += sum(map(is_tensor, mappings))
        tensors += sum(len(call) for given in listed for call in given if isinstance(call, list))
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
    """How many calls one call of a layer comes to, with those in the models inside it."""
    if not isinstance(layer, dict):
        return 1
    total = 1
    for inner in layers_of(layer):
        nodes = inner.get("inbound_nodes")
        total += count_calls(inner) * (max(1, len(nodes)) if isinstance(nodes, list) else 1)
    return total


def each_model(config: Any, *classes: str) -> Iterator[Config]:
    """Every model in a configuration, the outermost first; of some classes only."""
    return (layer for layer in each_layer(config) if class_of(layer) in (classes or MODELS))


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
    """The class that a layer names; empty where that is no text."""
    name = layer.get("class_name")
    return name if isinstance(name, str) else ""


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
    else:
        for inner in _inside(value):
            yield from each_tensor(inner)


Version = tuple[int, int]

KERAS_3: Version = (3, 0)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One cause for which Keras 3 refuses a configuration, and its cure."""

    name: str  # a short name for it
    cause: str  # what it changes, in a sentence for the documentation
    says: str  # what was done, in words for the user; empty for what changes the form alone
    before: Version | None  # the first version of Keras that does not need it, ``None`` if any may
    # Changes a configuration in place and returns in how many places.
    apply: Callable[[Config], int]

    def __call__(self, config: Config) -> int:
        return self.apply(config)


def rewrite(
    name: str, says: str = "", *, before: Version | None = None
) -> Callable[[Callable[[Config], int]], Rewrite]:
    """Makes a rewrite of a function of a whole configuration; its docstring is the cause."""

    def make(apply: Callable[[Config], int]) -> Rewrite:
        return Rewrite(name, (apply.__doc__ or "").partition("\n")[0], says, before, apply)

    return make


def layer_rewrite(
    name: str, says: str = "", *, of: Container[str] | None = None, before: Version | None = None
) -> Callable[[Callable[[Config, Config], bool]], Rewrite]:
    """Makes a rewrite of a function of one layer, which says whether it changed something.

    The function gets the layer and its settings. ``of`` names the classes of the layers that it is
    called for.
    """

    def make(change: Callable[[Config, Config], bool]) -> Rewrite:
        def apply(config: Config) -> int:
            return sum(
                change(layer, settings_of(layer))
                for layer in list(each_layer(config))
                if of is None or class_of(layer) in of
            )

        apply.__doc__ = change.__doc__
        return rewrite(name, says, before=before)(apply)

    return make


def replace_class(layer: Config, name: str, settings: Config | None = None) -> None:
    """Gives a layer another class, and forgets where the old one came from."""
    layer["class_name"] = name
    if settings is not None:
        layer["config"] = settings
    for key in ("module", "registered_name", "build_config"):
        layer.pop(key, None)
