"""The description of a model, as data."""

from __future__ import annotations

from typing import Any

from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import kinds_of
from layersight.loading import open_for
from layersight.model import Described
from layersight.version import __version__

SCHEMA = 2
"""Raised whenever a field of the document changes its meaning."""


def summary(model: Any) -> ModelInfo:
    """The layers of a model with shapes, parameters and receptive fields.

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes: a path, the name of
            an architecture, a live ``keras.Model``.

    Returns:
        The model's description; it shows itself as a table in a notebook.
    """
    opened = open_for(model, Described, "summary", "open it with layersight.load_model")
    return opened.info


def to_json(info: ModelInfo) -> dict[str, Any]:
    """A model's description as JSON-ready data; the contract of ``summary --json``."""
    first = info.inputs[0].shape if len(info.inputs) == 1 else None
    return {
        "schema": SCHEMA,
        "layersight": __version__,
        "name": info.name,
        "source": info.source,
        "digest": info.digest,
        "framework": info.framework,
        "input_shape": list(first) if first else [list(entry.shape) for entry in info.inputs],
        "inputs": [
            {
                "name": entry.name,
                "shape": list(entry.shape),
                "data_format": entry.data_format,
                "dtype": entry.dtype,
                "picture": None if entry.picture is None else list(entry.picture),
                "vocabulary": entry.vocabulary,
                "key": entry.key,
                "preprocessing": entry.preprocessing.to_json() if entry.preprocessing else None,
            }
            for entry in info.inputs
        ],
        "outputs": list(info.outputs),
        "output_kinds": dict(kinds_of(info)),
        "parameters": info.parameters,
        **({} if info.trainable is None else {"trainable_parameters": info.trainable}),
        "preprocessing": info.preprocessing.to_json() if info.preprocessing else None,
        "rewrites": list(info.rewrites),
        "notes": list(info.notes),
        "layers": [layer_to_json(layer) for layer in info.layers],
    }


def layer_to_json(layer: LayerInfo) -> dict[str, Any]:
    """One layer as JSON-ready data; what does not apply to it is left out."""
    entry: dict[str, Any] = {
        "name": layer.name,
        "type": layer.type,
        "role": layer.role,
        "output_shape": None if layer.output_shape is None else list(layer.output_shape),
        "parameters": layer.parameters,
        "data_format": layer.data_format,
        "inputs": list(layer.inputs),
    }
    for key in ("axes", "kernel", "strides", "dilation", "receptive_field"):
        value = getattr(layer, key)
        if value is not None:
            entry[key] = list(value)
    if layer.activation is not None:
        entry["activation"] = layer.activation
    if layer.blocked is not None:
        entry["blocked"] = layer.blocked
    return entry
