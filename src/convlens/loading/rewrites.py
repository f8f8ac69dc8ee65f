"""Bringing old configurations to the form that Keras 3 takes, as data.

A rewrite is one cause and its cure: a name, a sentence for the user and a function that
changes a configuration in place and says how often. They run in the order of
:data:`REWRITES`, before any object is made. A new cause is a new function and a new line.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from convlens.saved import Config

MODELS = ("Sequential", "Functional", "Model")
"""The classes whose configuration holds layers."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One cause for which Keras 3 refuses a configuration, and its cure.

    Attributes:
        name: A short name for it.
        says: What was done, in words.
        apply: Changes a configuration in place and returns in how many places.
    """

    name: str
    says: str
    apply: Callable[[Config], int]


def upgrade(config: Config) -> tuple[Config, tuple[str, ...]]:
    """Applies every rewrite that a configuration needs.

    Args:
        config: As saved; it is left as it is.

    Returns:
        The upgraded configuration and what was done, in words.
    """
    config = copy.deepcopy(config)
    done = []
    for rewrite in REWRITES:
        count = rewrite.apply(config)
        if count:
            places = f" ({count} places)" if count > 1 else ""
            done.append(f"{rewrite.name}: {rewrite.says}{places}")
    return config, tuple(done)


def each_model(config: Any) -> Iterator[Config]:
    """Every model in a configuration, the outermost first."""
    if not isinstance(config, dict):
        return
    if config.get("class_name") in MODELS:
        yield config
    for layer in layers_of(config):
        yield from each_model(layer)


def layers_of(config: Config) -> list[Config]:
    """The configurations directly inside that of a model or a wrapper."""
    inner = config.get("config")
    if isinstance(inner, list):
        return [layer for layer in inner if isinstance(layer, dict)]
    if not isinstance(inner, dict):
        return []
    found = inner.get("layers")
    nested = [layer for layer in found if isinstance(layer, dict)] if isinstance(found, list) else []
    wrapped = inner.get("layer")
    return [*nested, wrapped] if isinstance(wrapped, dict) else nested


def name_sequential_layers(config: Config) -> int:
    """A Sequential whose configuration is a bare list of layers (Keras 1.0 to 2.2.2)."""
    count = 0
    for model in each_model(config):
        if model["class_name"] == "Sequential" and isinstance(model.get("config"), list):
            number = f"_{count}" if count else ""
            model["config"] = {"name": f"sequential{number}", "layers": model["config"]}
            count += 1
    return count


def add_input_layer(config: Config) -> int:
    """A Sequential without an input layer, the shape on its first layer (up to Keras 2.3.1).

    Keras 3 would take ``batch_input_shape`` for a shape without its batch axis and count
    that axis twice.
    """
    count = 0
    for model in each_model(config):
        layers = model["config"].get("layers") if isinstance(model["config"], dict) else None
        if model["class_name"] != "Sequential" or not layers:
            continue
        first = layers[0]
        inner = first.get("config") if isinstance(first, dict) else None
        if not isinstance(inner, dict) or first.get("class_name") == "InputLayer":
            continue
        shape = inner.pop("batch_input_shape", None)
        if shape is None:
            continue
        name = f"{inner.get('name', 'layer')}_input"
        entry = {"name": name, "batch_shape": shape, "dtype": inner.get("dtype") or "float32"}
        layers.insert(0, {"class_name": "InputLayer", "config": entry})
        count += 1
    return count


REWRITES: tuple[Rewrite, ...] = (
    Rewrite(
        "sequential-list",
        "the list of layers of an old Sequential was given a name",
        name_sequential_layers,
    ),
    Rewrite(
        "input-layer",
        "the input shape on the first layer became an input layer",
        add_input_layer,
    ),
)
"""The chain, in the order in which it runs."""
