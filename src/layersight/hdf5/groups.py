"""The contents of an HDF5 file: groups, by hard links alone, attributes, and arrays.

The rule of this module: no attribute of unknown size is read, and no more than a piece of an array
is in memory.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from layersight.errors import LayersightError, ModelFileError, UnsafeModelError, shortened
from layersight.loading.bounded import MAX_CONFIG, bytes_allowed
from layersight.loading.frames import Frame

MAX_OBJECTS = 50_000  # groups and datasets of a file; a real network stays below 10,000


@contextlib.contextmanager
def damaged(path: Path, kind: str) -> Iterator[None]:
    """Reports any error but layersight's as damage to a file of that kind.

    Random bytes cause errors of all types in HDF5, h5py and memory.
    """
    try:
        yield
    except LayersightError:
        raise
    except Exception as error:
        reason = shortened(str(error), 120) or type(error).__name__
        raise ModelFileError(
            f"{path} is a damaged or truncated {kind} file ({reason}): download or save it again"
        ) from error


def child(group: h5py.Group, name: str, path: Path) -> Any:
    """A member of a group, ``None`` if there is none."""
    member: Any = group
    for part in name.split("/"):
        if not part or not isinstance(member, h5py.Group):
            continue
        link = member.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _linked(name, path)
        member = member[part]
    return member


def members(file: h5py.File, path: Path, *, strict: bool) -> Iterator[tuple[str, Any]]:
    """All groups and arrays in a file with their paths, each once.

    Links and second names are refused (``strict``) or skipped.
    """
    pending: list[tuple[str, h5py.Group]] = [("", file)]
    seen: set[int] = set()
    while pending:
        parent, group = pending.pop()
        for name in names_in(group, path):
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                if strict:
                    raise _linked(name, path)
                continue
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in seen:
                if strict:
                    raise UnsafeModelError(f"'{name}' in {path} has two names: not followed")
                continue
            if len(seen) >= MAX_OBJECTS:
                raise _too_many(path)
            seen.add(address)
            yield f"{parent}{name}", member
            if isinstance(member, h5py.Group):
                pending.append((f"{parent}{name}/", member))


def names_in(group: h5py.Group, path: Path) -> Iterator[str]:
    """The names in a group, which HDF5 reads all at once."""
    if len(group) > MAX_OBJECTS:
        raise _too_many(path)
    yield from group


def _linked(name: str, path: Path) -> UnsafeModelError:
    return UnsafeModelError(f"'{name}' in {path} is a link, perhaps to another file: not followed")


def _too_many(path: Path) -> UnsafeModelError:
    return UnsafeModelError(f"{path} holds more than {MAX_OBJECTS} groups and arrays: not read")


def check_text(file: h5py.File, path: Path) -> None:
    """Refuses a file that holds far more than its arrays and a configuration.

    Everything beside the arrays may be a single text, which HDF5 reads at once. Some of it may be
    free space, left by arrays that were deleted during training.
    """
    size = path.stat().st_size
    if size <= 2 * MAX_CONFIG:
        return
    stored = sum(
        member.id.get_storage_size()
        for _, member in members(file, path, strict=False)
        if isinstance(member, h5py.Dataset)
    )
    if size - stored > 2 * MAX_CONFIG + 3 * stored:
        raise UnsafeModelError(
            f"{path} holds {size - stored} bytes that are not weights, far more than the "
            "configuration of a network has: not read"
        )


MAX_ATTRIBUTE = 8 << 20  # bytes, except for a configuration; a list of names has a few thousand
MAX_NAMES = 50_000  # of layers, or of weights of a layer
MAX_VERSION = 40  # characters of a version or a backend's name that are kept


def read_names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names, which is split over numbered attributes if it is long."""
    names: list[str] = []
    parts: Iterable[str] = [attribute]
    if attribute not in group.attrs:
        numbered = (f"{attribute}{number}" for number in itertools.count())
        parts = itertools.takewhile(group.attrs.__contains__, numbered)
    for part in parts:
        names += [_decode(entry) for entry in np.ravel(_value(group, part, MAX_ATTRIBUTE))]
        if len(names) > MAX_NAMES:
            raise UnsafeModelError(f"more than {MAX_NAMES} names in {attribute}: not read")
    return names


def read_text(group: h5py.Group, attribute: str, limit: int = MAX_ATTRIBUTE) -> str | None:
    """A text, ``None`` if there is none."""
    if attribute not in group.attrs:
        return None
    return _decode(_value(group, attribute, limit))


def origin(*groups: h5py.Group) -> dict[str, str | None]:
    """The version of Keras and the backend that wrote a file, from the first group that has it."""
    values: dict[str, str | None] = {}
    for key, attribute in (("version", "keras_version"), ("backend", "backend")):
        texts = (read_text(group, attribute) for group in groups)
        values[key] = next((text[:MAX_VERSION] for text in texts if text), None)
    return values


def _value(group: h5py.Group, name: str, limit: int) -> Any:
    """The value of an attribute, whose size is checked before it is read.

    Texts of variable length are stored elsewhere in the file; :func:`check_text` bounds them.
    """
    attribute = group.attrs.get_id(name)
    count = math.prod(attribute.shape or ())
    if count * attribute.dtype.itemsize > limit or count > MAX_NAMES:
        raise UnsafeModelError(f"the attribute '{name}' is longer than {limit} bytes: not read")
    return group.attrs[name]


def _decode(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# The filters that are part of HDF5 and h5py: deflate, shuffle, checksum, szip and others.
FILTERS = {1, 2, 3, 4, 5, 6, 32000}

PIECE = 4 << 20  # bytes of an array that are read at once, where its chunks allow it
MIN_ENTRY = 8  # bytes for each chunk in the index of chunks
UNINDEXED = 1_000  # chunks up to which there may be no index
BFLOAT16 = "bfloat16"  # Keras stores these numbers as two opaque bytes, with this attribute


def check_dataset(dataset: h5py.Dataset, path: Path) -> None:
    """Refuses an array that is in another file or needs special code to unpack."""
    if dataset.is_virtual or dataset.external:
        raise UnsafeModelError(f"weights '{dataset.name}' of {path} are in another file: not read")
    settings = dataset.id.get_create_plist()
    filters = {settings.get_filter(index)[0] for index in range(settings.get_nfilters())}
    if not filters <= FILTERS:
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} need a filter that HDF5 loads from elsewhere: "
            "not read"
        )
    if dataset.shape is None or not (
        # Numbers, not an enumeration.
        (dataset.dtype.kind in "fiub" and h5py.check_enum_dtype(dataset.dtype) is None)
        or _is_bfloat16(dataset)
    ):
        raise ModelFileError(f"weights '{dataset.name}' of {path} are not an array of numbers")
    if dataset.chunks:
        _check_chunks(dataset, path)


def _check_chunks(dataset: h5py.Dataset, path: Path) -> None:
    """Refuses an array in more chunks than the file can list, or in chunks that are too large.

    HDF5 looks up every chunk, even one that was never written, and unpacks it as a whole.
    """
    count = math.prod(-(-n // part) for n, part in zip(dataset.shape, dataset.chunks, strict=True))
    if count > max(UNINDEXED, dataset.file.id.get_filesize() // MIN_ENTRY):
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} are in {count} chunks, more than a file of its "
            "size can list: not read"
        )
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if size > (allowed := bytes_allowed(path)):
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} are in chunks of {size} bytes, more than the "
            f"{allowed} that a file of its size may unpack to: not read"
        )


def bytes_of(dataset: h5py.Dataset) -> int:
    """The bytes that an array takes once it is read."""
    count: int = math.prod(dataset.shape)
    return count * _number(dataset).itemsize


def array_frames(name: str, dataset: h5py.Dataset) -> Iterator[Frame]:
    """The frames of a checked array: its name, shape and type of number, then its bytes."""
    number = _number(dataset)
    yield {"array": name, "shape": list(dataset.shape), "dtype": number.name}
    for values in _pieces(dataset):
        if dataset.dtype.kind == "V":  # the upper half of a float32
            values = (values.view("u2").astype("u4") << 16).view("f4")
        yield np.ascontiguousarray(values, number).reshape(-1).view("u1").data


def _number(dataset: h5py.Dataset) -> np.dtype[Any]:
    """The type of number for an array: in native byte order, of 64 bits at most."""
    kind, size = dataset.dtype.kind, dataset.dtype.itemsize
    if kind == "V":
        return np.dtype("f4")
    return np.dtype("f8" if kind == "f" and size > 8 else f"{kind}{size}")


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    if dataset.dtype.kind != "V" or dataset.dtype.names or dataset.dtype.itemsize != 2:
        return False
    if "dtype" not in dataset.attrs:
        return False
    attribute = dataset.attrs.get_id("dtype")
    if attribute.shape != () or attribute.dtype.itemsize > len(BFLOAT16) * 4:
        return False
    return bool(dataset.attrs["dtype"] == BFLOAT16)


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
        piece = buffer[: shape[axis] - start]
        dataset.read_direct(piece, (*(0,) * axis, slice(start, start + len(piece))))
        yield piece
