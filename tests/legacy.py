"""Legacy HDF5 files written by hand, as old versions of Keras wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Weights = Mapping[str, Mapping[str, np.ndarray[Any, Any]]]


def layer(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **settings}}


def node(kind: str, name: str, *inputs: str, **settings: Any) -> dict[str, Any]:
    """A layer of a graph that is called once, on what others give."""
    calls = [[[other, 0, 0, {}] for other in inputs]] if inputs else []
    return {**layer(kind, name, **settings), "name": name, "inbound_nodes": calls}


def entry(*shape: int | None) -> dict[str, Any]:
    """An input layer for images of a shape."""
    return layer("InputLayer", "i", batch_shape=[None, *shape])


def sequential(
    *layers: dict[str, Any], version: str = "2.2.4", name: str = "model"
) -> dict[str, Any]:
    """A Sequential as the version wrote it: a bare list up to Keras 2.2.2."""
    bare = version.startswith("1")
    return {
        "class_name": "Sequential",
        "config": list(layers) if bare else {"name": name, "layers": list(layers)},
    }


def write(
    path: Path,
    config: dict[str, Any],
    weights: Weights | None = None,
    *,
    version: str = "2.2.4",
    backend: str | None = "tensorflow",
) -> Path:
    """Writes a file; the order of the weights is that of the mappings."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        if backend:
            file.attrs["backend"] = backend
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights or {}]
        for name, arrays in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [key.encode() for key in arrays]
            for key, array in arrays.items():
                inner[key] = array
    return path
