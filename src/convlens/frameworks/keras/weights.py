"""Giving a built model the weights of its file, checked one by one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from convlens.errors import ModelFileError
from convlens.loading.archive import WEIGHTS
from convlens.saved import LayerWeights, SavedNetwork


def assign(model: Any, network: SavedNetwork) -> None:
    """Sets every weight of a model.

    Raises:
        ModelFileError: A layer or a shape does not match; nothing is loaded in part.
    """
    if network.weights is not None:
        _assign_layers(model, network.weights, network.path)
    elif network.archive is not None:
        _assign_archive(model, network.archive)


def _assign_layers(model: Any, saved: tuple[LayerWeights, ...], path: Path) -> None:
    """Legacy HDF5: layer by layer, by name, else by place if the names are not the same."""
    holders = [layer for layer in model.layers if layer.weights]
    entries = [entry for entry in saved if entry.arrays]
    by_name = {entry.layer: entry for entry in entries}
    if {layer.name for layer in holders} == set(by_name):
        pairs = [(layer, by_name[layer.name]) for layer in holders]
    elif len(holders) == len(entries):
        pairs = list(zip(holders, entries, strict=True))
    else:
        missing = [layer.name for layer in holders if layer.name not in by_name]
        raise ModelFileError(
            f"{path} holds weights for {len(entries)} layers, the network has {len(holders)}"
            + (f": none for '{missing[0]}'" if missing else "")
        )
    for layer, entry in pairs:
        _assign_one(layer, entry, path)


def _assign_one(layer: Any, entry: LayerWeights, path: Path) -> None:
    """One layer, in the order of the format: trainable weights, then the others."""
    variables = layer.trainable_weights + layer.non_trainable_weights
    if len(variables) != len(entry.arrays):
        raise ModelFileError(
            f"{path}: layer '{layer.name}' has {len(variables)} weights, the file holds "
            f"{len(entry.arrays)} for '{entry.layer}'"
        )
    for variable, array in zip(variables, entry.arrays, strict=True):
        _assign_array(variable, array, layer.name, path)


def _assign_array(variable: Any, array: NDArray[np.generic], layer: str, path: Path) -> None:
    wanted = tuple(variable.shape)
    if wanted != array.shape:
        raise ModelFileError(
            f"{path}: layer '{layer}' expects '{variable.name}' of shape {wanted}, the file "
            f"holds {array.shape}"
        )
    variable.assign(array)


def _assign_archive(model: Any, path: Path) -> None:
    """Keras 3: by the loader of Keras, which follows the attributes of the objects."""
    try:
        if path.suffix == ".keras":
            model.load_weights(path)
            return
        with tempfile.TemporaryDirectory() as folder, ZipFile(path) as archive:
            model.load_weights(archive.extract(WEIGHTS, folder))
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelFileError(
            f"{path}: its weights do not fit its configuration: {' '.join(lines)[:300]}"
        ) from error
