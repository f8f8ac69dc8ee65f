"""Two small networks whose heatmaps other libraries have recorded, and those recordings.

The rule of this module: it holds what ``scripts/make_heatmap_references.py`` and the test of
the recordings share, so that both use the same network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

FILE = Path(__file__).parent / "references" / "heatmaps.npz"

NETWORKS = ("gap", "flat")
"""What stands above the last convolution: the mean of each map, or all positions side by side."""

SIZE = (24, 28)
"""Height and width of the images, unlike each other so that no axis can be taken for another."""

FILTERS = {"conv1": 8, "conv2": 10, "conv3": 12}
CLASSES = 5


def build(network: str, weights: Arrays) -> keras.Model:
    """The network in Keras, on the current backend.

    Args:
        network: One of :data:`NETWORKS`.
        weights: The arrays of the file, those of this network as ``network/layer/kernel`` and
            ``network/layer/bias``.
    """
    inputs = keras.Input((*SIZE, 3), name="picture")
    stream = inputs
    for name, filters in FILTERS.items():
        convolution = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)
        stream = convolution(stream)
        if pooled(network, name):
            stream = keras.layers.MaxPooling2D(name=f"pool{name[-1]}")(stream)
    if network == "gap":
        stream = keras.layers.GlobalAveragePooling2D(name="gap")(stream)
    else:
        stream = keras.layers.Flatten(name="flat")(stream)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES, name="top")(stream), name=network)
    for name in (*FILTERS, "top"):
        prefix = f"{network}/{name}"
        model.get_layer(name).set_weights([weights[f"{prefix}/kernel"], weights[f"{prefix}/bias"]])
    return model


def pooled(network: str, layer: str) -> bool:
    """Whether a pooling halves the maps of a layer before the next one sees them."""
    return layer == "conv1" or (layer == "conv2" and network == "flat")


def load() -> tuple[dict[str, NDArray[Any]], list[dict[str, Any]]]:
    """The arrays of the file, and its table: one entry for each recording."""
    with np.load(FILE, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    table: list[dict[str, Any]] = json.loads(str(arrays.pop("table")))
    return arrays, table
