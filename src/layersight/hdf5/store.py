"""The store in which Keras 3 keeps weights along the attributes of objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from layersight.errors import UnsafeModelError
from layersight.hdf5.datasets import array_frames, bytes_of, check_dataset
from layersight.hdf5.groups import members, names_in
from layersight.loading.frames import Frame

TOP = ("layers", "_layer_checkpoint_dependencies")
"""What a weight store of Keras 3, or of 2.13 and 2.14, holds at its top."""

UNUSED = "optimizer/"
"""What belongs to training and is not read."""

WINDOWS = "\\"
"""What stands between the parts of a place where Keras wrote the store on Windows."""


def is_legacy(file: h5py.File) -> bool:
    """Whether an HDF5 file names layers at its top, as Keras 1 and 2 wrote weights alone."""
    return "layer_names" in file.attrs or "layer_names0" in file.attrs


def is_store(file: h5py.File, path: Path) -> bool:
    """Whether an HDF5 file is a weight store of Keras 3, as in ``model.weights.h5``."""
    tops = {name.partition(WINDOWS)[0] for name in names_in(file, path)}
    return not is_legacy(file) and not tops.isdisjoint(TOP)


def store_frames(file: h5py.File, path: Path, allowance: int) -> Iterator[Frame]:
    """The weights by their place, once the whole file was looked through.

    Args:
        file: The store.
        path: The file that it lies in, for the messages.
        allowance: How many bytes it may unfold to.

    Raises:
        UnsafeModelError: Something reaches out of the file, or is far too large.
        ModelFileError: Something is no array of numbers.
    """
    found: dict[str, h5py.Dataset] = {}
    # Only names of attributes stand at the top, so that a backslash there is never part of one.
    separator = WINDOWS if any(WINDOWS in name for name in names_in(file, path)) else "/"
    for place, member in members(file, path, strict=True):
        if not isinstance(member, h5py.Dataset):
            continue
        place = place.replace(separator, "/")
        if place in found:
            raise UnsafeModelError(f"{path} holds two arrays '{place}': not opened")
        check_dataset(member, path)
        allowance -= bytes_of(member)
        if allowance < 0:
            raise UnsafeModelError(
                f"{path} declares far larger weights than a file of its size holds: not read"
            )
        if not place.startswith(UNUSED):
            found[place] = member
    yield {"form": "store", "version": None, "backend": None}
    for place, dataset in found.items():
        yield from array_frames(place, dataset)
