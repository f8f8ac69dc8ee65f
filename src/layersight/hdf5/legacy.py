"""Legacy HDF5 files of Keras, read as data.

The rule of this module: only what lies inside this one file is read. Links out of it,
external storage and virtual datasets are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.hdf5.attributes import origin, read_names, read_text
from layersight.hdf5.damage import damaged
from layersight.hdf5.datasets import array_frames, bytes_of, check_dataset
from layersight.hdf5.groups import check_text, child, names_in
from layersight.hdf5.store import is_legacy, is_store
from layersight.loading.bounded import MAX_CONFIG, bytes_allowed
from layersight.loading.frames import Frame, text_frames


def read_model(path: Path) -> Iterator[Frame]:
    """Reads a model: its configuration as text, then the weights layer by layer.

    Raises:
        ModelFileError: The file is damaged, or holds no configuration.
        UnsafeModelError: It reaches out of itself.
    """
    with damaged(path, "HDF5"), h5py.File(path, "r") as file:
        check_text(file, path)
        text = read_text(file, "model_config", MAX_CONFIG)
        if text is None:
            raise ModelFileError(_without_config(file, path))
        group = child(file, "model_weights", path)
        if not isinstance(group, h5py.Group):
            raise ModelFileError(f"{path} holds a configuration but no weights")
        config = text.encode("utf-8", "replace")
        if len(config) > MAX_CONFIG:
            raise UnsafeModelError(f"{path} has a configuration of {len(config)} bytes: too long")
        yield from text_frames("config", config)
        yield from layer_frames(group, path, origin(file, group))


def layer_frames(group: h5py.Group, path: Path, written: dict[str, str | None]) -> Iterator[Frame]:
    """The weights layer by layer.

    Args:
        group: What holds the layers.
        path: The file, for the messages and its size.
        written: By which version of Keras and on which backend.
    """
    yield {"form": "layers", **written}
    allowance = bytes_allowed(path)
    for layer in read_names(group, "layer_names"):
        inner = child(group, layer, path)
        if not isinstance(inner, h5py.Group):
            raise ModelFileError(f"{path} names a layer '{layer}' but holds no weights of it")
        names = read_names(inner, "weight_names")
        yield {"layer": layer, "names": names}
        for name in names:
            dataset = child(inner, name, path)
            if not isinstance(dataset, h5py.Dataset):
                raise ModelFileError(f"{path} names weights '{name}' but does not hold them")
            check_dataset(dataset, path)
            allowance -= bytes_of(dataset)
            if allowance < 0:
                raise UnsafeModelError(
                    f"{path} declares far larger weights ('{name}' of shape {dataset.shape}) "
                    "than a file of its size holds: not read"
                )
            yield from array_frames(name, dataset)


def _without_config(file: h5py.File, path: Path) -> str:
    """What to say of an HDF5 file without a configuration."""
    names = list(names_in(file, path))
    if is_legacy(file) or is_store(file, path):
        return (
            f"{path} holds weights without the network they belong to: expected a whole model "
            "(model.save). Name the network with --architecture, by a JSON file of its "
            "configuration or, for example, --architecture VGG16; or look at its kernels alone: "
            "layersight kernels FILE --stored"
        )
    held = ", ".join(name[:80] for name in names[:4]) or "nothing"
    return f"{path} is an HDF5 file without a Keras model: expected model_config, found {held}"
