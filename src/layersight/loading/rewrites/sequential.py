"""Sequential models: their list of layers and the shape of their input."""

from __future__ import annotations

from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import each_model, layers_of, settings_of

DENSE = ("Dense", "MaxoutDense", "Highway")
"""Layers of Keras 1 that take a vector."""


def name_sequential_layers(config: Config) -> int:
    """A Sequential whose configuration is a bare list of layers (Keras 1.0 to 2.2.2)."""
    count = 0
    for model in each_model(config):
        if model["class_name"] == "Sequential" and isinstance(model.get("config"), list):
            number = f"_{count}" if count else ""
            name = model.get("name") or f"sequential{number}"
            model["config"] = {"name": name, "layers": model["config"]}
            count += 1
    return count


def add_input_layer(config: Config) -> int:
    """A Sequential without an input layer, the shape on its first layer (up to Keras 2.3.1).

    Keras 3 would take ``batch_input_shape`` for a shape without its batch axis and count
    that axis twice, without an error if the first layer is dense.
    """
    count = 0
    for model in each_model(config):
        inner = settings_of(model)
        layers = inner.get("layers")
        if model["class_name"] != "Sequential" or not isinstance(layers, list) or not layers:
            continue
        first = layers[0]
        if not isinstance(first, dict) or first.get("class_name") == "InputLayer":
            continue
        shape = first_shape(first) or _plain_shape(inner.get("build_input_shape"))
        if shape is None:
            continue
        name = settings_of(first).get("name") or first.get("name") or "layer"
        dtype = settings_of(first).get("input_dtype") or settings_of(first).get("dtype")
        entry = {
            "name": f"{name}_input",
            "batch_shape": shape,
            "dtype": dtype if isinstance(dtype, str) else "float32",
        }
        layers.insert(0, {"class_name": "InputLayer", "config": entry})
        count += 1
    return count


def first_shape(layer: Config) -> list[Any] | None:
    """The input shape that a layer, or the first layer inside it, was given."""
    for _ in range(20):
        inner = settings_of(layer)
        shape = inner.get("batch_input_shape") or inner.get("batch_shape")
        if isinstance(shape, list):
            return shape
        if layer.get("class_name") not in ("Sequential", "TimeDistributed", "Bidirectional"):
            return _from_dimension(layer)
        nested = layers_of(layer)
        if not nested or layer.get("class_name") != "Sequential":
            return None
        layer = nested[0]
    return None


def _from_dimension(layer: Config) -> list[Any] | None:
    """The shape of a layer of Keras 1 that says only how many numbers it takes."""
    inner = settings_of(layer)
    size = inner.get("input_dim")
    if layer.get("class_name") in DENSE and isinstance(size, int):
        return [None, size]
    return None


def _plain_shape(shape: Any) -> list[Any] | None:
    return shape if isinstance(shape, list) and len(shape) > 1 else None
