"""Arrays of an HDF5 file: what is refused of them, and how they are read piece by piece.

The rule of this module: no more than a piece of an array is held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading.bounded import bytes_allowed
from layersight.loading.frames import Frame

# The filters that HDF5 and h5py bring along: deflate, shuffle, checksum, szip and others.
FILTERS = {1, 2, 3, 4, 5, 6, 32000}

PIECE = 4 << 20  # bytes of an array that are read at once, where its chunks allow it
ENTRY = 8  # bytes that the index of chunks takes at least for each chunk
FEW = 1_000  # chunks up to which there may be no index
SHORT = "bfloat16"  # Keras keeps these numbers as two bytes of no type, with this attribute


def check_dataset(dataset: h5py.Dataset, path: Path) -> None:
    """Refuses an array in another file or that needs code of its own to unpack."""
    if dataset.is_virtual or dataset.external:
        raise UnsafeModelError(f"weights '{dataset.name}' of {path} lie in another file: not read")
    settings = dataset.id.get_create_plist()
    filters = {settings.get_filter(index)[0] for index in range(settings.get_nfilters())}
    if not filters <= FILTERS:
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} need a filter that HDF5 loads from elsewhere: "
            "not read"
        )
    if dataset.shape is None or not (_is_plain(dataset.dtype) or _is_short(dataset)):
        raise ModelFileError(f"weights '{dataset.name}' of {path} are not an array of numbers")
    if dataset.chunks:
        _check_chunks(dataset, path)


def _check_chunks(dataset: h5py.Dataset, path: Path) -> None:
    """Refuses an array in more chunks than the file can list, or with one that is too large.

    HDF5 looks for each chunk, even one that was never written, and unpacks it as a whole.
    """
    count = math.prod(-(-n // part) for n, part in zip(dataset.shape, dataset.chunks, strict=True))
    if count > max(FEW, dataset.file.id.get_filesize() // ENTRY):
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} lie in {count} chunks, more than a file of its "
            "size can list: not read"
        )
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if size > (allowed := bytes_allowed(path)):
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} lie in chunks of {size} bytes, more than the "
            f"{allowed} that a file of its size may unfold to: not read"
        )


def bytes_of(dataset: h5py.Dataset) -> int:
    """How many bytes an array takes once it is read."""
    count: int = math.prod(dataset.shape)
    return count * _number(dataset).itemsize


def array_frames(name: str, dataset: h5py.Dataset) -> Iterator[Frame]:
    """An array that was checked: its name, shape and type of number, then its bytes."""
    number, short = _number(dataset), dataset.dtype.kind == "V"
    yield {"array": name, "shape": list(dataset.shape), "dtype": number.name}
    for values in _pieces(dataset):
        if short:  # the upper half of a float32
            values = (values.view("u2").astype("u4") << 16).view("f4")
        plain = np.ascontiguousarray(values, number)
        yield plain.reshape(-1).view("u1").data


def _number(dataset: h5py.Dataset) -> np.dtype[Any]:
    """The type of number that an array is read as: of this machine, of 64 bits at most."""
    kind, size = dataset.dtype.kind, dataset.dtype.itemsize
    if kind == "V":
        return np.dtype("f4")
    return np.dtype("f8" if kind == "f" and size > 8 else f"{kind}{size}")


def _is_plain(kind: np.dtype[Any]) -> bool:
    """Whether a type is that of numbers, and not of names for numbers."""
    return kind.kind in "fiub" and h5py.check_enum_dtype(kind) is None


def _is_short(dataset: h5py.Dataset) -> bool:
    if dataset.dtype.kind != "V" or dataset.dtype.names or dataset.dtype.itemsize != 2:
        return False
    if "dtype" not in dataset.attrs:
        return False
    noted = dataset.attrs.get_id("dtype")
    if noted.shape != () or noted.dtype.itemsize > len(SHORT) * 4:
        return False
    return bool(dataset.attrs["dtype"] == SHORT)


def _pieces(dataset: h5py.Dataset) -> Iterator[np.ndarray[Any, Any]]:
    shape = dataset.shape
    size = math.prod(shape) * dataset.dtype.itemsize
    if not size:
        return
    if size <= PIECE:
        yield np.asarray(dataset[()])
        return
    axis = next(index for index, length in enumerate(shape) if length > 1)
    rows = max(1, PIECE * shape[axis] // size)
    if dataset.chunks:  # a chunk is unpacked as a whole
        rows = -(-rows // dataset.chunks[axis]) * dataset.chunks[axis]
    buffer = np.empty((min(rows, shape[axis]), *shape[axis + 1 :]), dataset.dtype)
    for start in range(0, shape[axis], rows):
        taken = buffer[: shape[axis] - start]
        dataset.read_direct(taken, (*(0,) * axis, slice(start, start + len(taken))))
        yield taken
