"""The files that Keras writes: models and weights in HDF5, ``.keras`` archives, all read as data.

The rule of this module: only what is inside the file is read. Links out of it, external storage
and virtual datasets are refused. Every function raises ``ModelFileError`` for a file that is
damaged or incomplete and ``UnsafeModelError`` for one that refers to something outside itself.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import h5py

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.hdf5.groups import (
    array_frames,
    bytes_of,
    check_dataset,
    check_text,
    child,
    damaged,
    members,
    names_in,
    origin,
    read_names,
    read_text,
)
from layersight.loading.bounded import (
    MAX_CONFIG,
    bytes_allowed,
    max_unpacked,
    member_pieces,
    open_zip,
)
from layersight.loading.frames import Frame, text_frames

WEIGHTS = "model.weights.h5"

# Members of an archive that are sent unchanged, and their names in the frames.
TEXTS = {"config.json": "config", "metadata.json": "metadata"}

# Groups at the top of a weight store of Keras 3, or of 2.13 and 2.14.
TOP = ("layers", "_layer_checkpoint_dependencies")

UNUSED = "optimizer/"  # belongs to training and is not read
WINDOWS = "\\"  # separates the parts of paths in stores that were written on Windows


def read_model(path: Path) -> Iterator[Frame]:
    """Reads a model in HDF5: its configuration as text, then the weights layer by layer."""
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
        yield from _layer_frames(group, path, origin(file, group))


def read_weights(path: Path) -> Iterator[Frame]:
    """Reads the weights in HDF5 that any version of Keras wrote, without a model."""
    with damaged(path, "HDF5"), h5py.File(path, "r") as file:
        if _is_store(file, path):
            yield from _store_frames(file, path, bytes_allowed(path))
            return
        check_text(file, path)
        group = file if _is_legacy(file) else child(file, "model_weights", path)
        if not isinstance(group, h5py.Group):
            raise ModelFileError(
                f"{path} holds no weights layer by layer: expected a file of "
                "model.save_weights of Keras 1 or 2"
            )
        yield from _layer_frames(group, path, origin(group))


def read_archive(path: Path) -> Iterator[Frame]:
    """Reads the texts of a ``.keras`` archive, then the weights by their path in the store."""
    with damaged(path, ".keras"), open_zip(path) as archive:
        allowance = _check_members(archive, path)
        names = archive.namelist()
        for name, key in TEXTS.items():
            if name in names or key == "config":
                text = b"".join(member_pieces(archive, name, MAX_CONFIG, path))
                yield from text_frames(key, text)
        if WEIGHTS not in names:
            raise ModelFileError(f"{path} holds no weights: expected {WEIGHTS} in it")
        store = yield from open_member(archive, WEIGHTS, path, allowance)
        with h5py.File(store, "r") as file:
            yield from _store_frames(file, path, allowance)


def _check_members(archive: zipfile.ZipFile, path: Path) -> int:
    """Refuses an archive with two members of the same name, or that unpacks to far too much.

    Returns the bytes that it may unpack to. What is in the file beside its members does not count.
    """
    members = archive.infolist()
    count = Counter(member.filename for member in members)
    if (twice := max(count, key=count.__getitem__, default="")) and count[twice] > 1:
        raise UnsafeModelError(f"{path} holds two members called '{twice:.100}': not opened")
    packed = sum(member.compress_size for member in members)
    allowance = min(max_unpacked(packed), bytes_allowed(path))
    size = sum(member.file_size for member in members)
    if size > allowance:
        raise UnsafeModelError(
            f"{path} unpacks to {size} bytes, far more than weights of its size: not opened"
        )
    return allowance


def _layer_frames(
    group: h5py.Group, path: Path, written_by: dict[str, str | None]
) -> Iterator[Frame]:
    """The weights layer by layer, after the version of Keras and the backend."""
    yield {"form": "layers", **written_by}
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


def _store_frames(file: h5py.File, path: Path, allowance: int) -> Iterator[Frame]:
    """The weights of a store of Keras 3 by their path, after all of the file was checked."""
    arrays: dict[str, h5py.Dataset] = {}
    # The names at the top are those of attributes, so a backslash there is never part of a name.
    separator = WINDOWS if any(WINDOWS in name for name in names_in(file, path)) else "/"
    for name, member in members(file, path, strict=True):
        if not isinstance(member, h5py.Dataset):
            continue
        name = name.replace(separator, "/")
        if name in arrays:
            raise UnsafeModelError(f"{path} holds two arrays '{name}': not opened")
        check_dataset(member, path)
        allowance -= bytes_of(member)
        if allowance < 0:
            raise UnsafeModelError(
                f"{path} declares far larger weights than a file of its size holds: not read"
            )
        if not name.startswith(UNUSED):
            arrays[name] = member
    yield {"form": "store", "version": None, "backend": None}
    for name, dataset in arrays.items():
        yield from array_frames(name, dataset)


def _is_legacy(file: h5py.File) -> bool:
    """Whether an HDF5 file lists layers at its top, as weights alone from Keras 1 and 2 do."""
    return "layer_names" in file.attrs or "layer_names0" in file.attrs


def _is_store(file: h5py.File, path: Path) -> bool:
    """Whether an HDF5 file is a weight store of Keras 3, as in ``model.weights.h5``."""
    tops = {name.partition(WINDOWS)[0] for name in names_in(file, path)}
    return not _is_legacy(file) and not tops.isdisjoint(TOP)


def _without_config(file: h5py.File, path: Path) -> str:
    names = list(names_in(file, path))
    if _is_legacy(file) or _is_store(file, path):
        return (
            f"{path} holds weights without the network they belong to: expected a whole model "
            "(model.save). Name the network with --architecture, by a JSON file of its "
            "configuration or, for example, --architecture VGG16; or look at its kernels alone: "
            "layersight kernels FILE --stored"
        )
    listed = ", ".join(name[:80] for name in names[:4]) or "nothing"
    return f"{path} is an HDF5 file without a Keras model: expected model_config, found {listed}"


# The header of a member, with the lengths of its name and of its extra field.
HEAD = struct.Struct("<26xHH")


def open_member(
    archive: zipfile.ZipFile, name: str, path: Path, allowance: int
) -> Generator[None, None, io.BytesIO | Window]:
    """Opens a member as a file, and yields heartbeats while it is read to its end and checked.

    A compressed member is unpacked into memory, since otherwise it would be unpacked from its start
    each time that HDF5 seeks back; others are read in place.
    """
    info = archive.getinfo(name)
    compressed = info.compress_type != zipfile.ZIP_STORED
    unpacked = io.BytesIO()
    for piece in member_pieces(archive, name, allowance, path):
        if compressed:
            unpacked.write(piece)
        yield None
    if compressed:
        return unpacked
    file: Any = archive.fp
    file.seek(info.header_offset)
    before = HEAD.size + sum(HEAD.unpack(file.read(HEAD.size)))
    return Window(file, info.header_offset + before, info.file_size)


class Window(io.RawIOBase):
    """A part of an open file."""

    def __init__(self, file: Any, start: int, size: int) -> None:
        self._file, self._start, self._size, self._position = file, start, size, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        count = max(0, min(len(view), self._size - self._position))
        self._file.seek(self._start + self._position)
        count = int(self._file.readinto(view[:count]))
        self._position += count
        return count
