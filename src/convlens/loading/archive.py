"""``.keras`` archives, read as data."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py

from convlens.errors import ModelFileError, UnsafeModelError
from convlens.loading.bounded import read_file, read_member
from convlens.loading.hdf5 import MAX_CONFIG, MAX_VERSION, bytes_allowed, check_dataset
from convlens.saved import Config

WEIGHTS = "model.weights.h5"

STORED = ("layers", "_layer_checkpoint_dependencies")
"""What a weight store of Keras 3, or of 2.13 and 2.14, holds at its top."""

MAX_OBJECTS = 50_000
"""How many groups and datasets a file may hold; that of a real network stays below 10,000."""

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, OSError, RuntimeError, KeyError, EOFError),
    *(ValueError, TypeError),
)
"""What reading a damaged archive raises."""


def read_archive(path: Path) -> tuple[Config, str | None, int, bytes]:
    """Reads the configuration and checks the weights without unfolding them.

    Returns:
        The configuration as saved, the version of Keras that wrote the file, how many
        numbers its weights are, and the HDF5 file that holds them.

    Raises:
        ModelFileError: The archive is damaged or incomplete.
        UnsafeModelError: Something in it reaches out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path)
            config = _json(archive, "config.json", path)
            metadata = _json(archive, "metadata.json", path, optional=True)
            if WEIGHTS not in archive.namelist():
                raise ModelFileError(f"{path} holds no weights: expected {WEIGHTS} in it")
            # Read once: HDF5 reads here and there, and a packed member is unpacked from its
            # start each time that it goes back.
            store = read_member(archive, WEIGHTS, bytes_allowed(path), path)
        with h5py.File(io.BytesIO(store), "r") as file:
            size = _check_links(file, path)
    except DAMAGED as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated .keras file ({error}): download or save it again"
        ) from error
    version = metadata.get("keras_version")
    return config, None if version is None else str(version)[:MAX_VERSION], size, store


def is_store(path: Path) -> bool:
    """Whether an HDF5 file is a weight store of Keras 3, as in ``model.weights.h5``."""
    try:
        with h5py.File(path, "r") as file:
            legacy = "layer_names" in file.attrs or "layer_names0" in file.attrs
            return not legacy and any(name in file for name in STORED)
    except (OSError, RuntimeError, ValueError):
        return False


def read_store(path: Path) -> tuple[int, bytes]:
    """Reads and checks a weight store of Keras 3 that is a file of its own.

    Returns:
        How many numbers it holds, and the bytes of the file.

    Raises:
        ModelFileError: It is damaged.
        UnsafeModelError: Something in it reaches out of it.
    """
    store = read_file(path, bytes_allowed(path))
    try:
        with h5py.File(io.BytesIO(store), "r") as file:
            return _check_links(file, path), store
    except DAMAGED as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated HDF5 file ({str(error)[:120]}): download or save "
            "it again"
        ) from error


def _json(
    archive: zipfile.ZipFile, name: str, path: Path, *, optional: bool = False
) -> dict[str, Any]:
    if optional and name not in archive.namelist():
        return {}
    data = read_member(archive, name, MAX_CONFIG, path)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} in {path} is no JSON ({str(error)[:120]})") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{name} in {path} describes no model")
    return value


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuses an archive with two members of one name, or that unfolds to far too much."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnsafeModelError(f"{path} holds two members called '{twice}': not opened")
    size = sum(member.file_size for member in members)
    if size > bytes_allowed(path):
        raise UnsafeModelError(
            f"{path} unfolds to {size} bytes, far more than weights of its size: not opened"
        )


def _check_links(file: h5py.File, path: Path) -> int:
    """Refuses links out of the file, external storage and virtual datasets.

    Returns:
        How many numbers the file holds.
    """
    size, allowance = 0, bytes_allowed(path)
    waiting: list[h5py.Group] = [file]
    seen: set[int] = set()
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeModelError(
                    f"'{name}' in {path} is a link out of its place: not followed"
                )
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if len(seen) >= MAX_OBJECTS:
                raise UnsafeModelError(
                    f"{path} holds more than {MAX_OBJECTS} groups and arrays: not read"
                )
            if address in seen:
                raise UnsafeModelError(f"'{name}' in {path} stands in two places: not followed")
            seen.add(address)
            if isinstance(member, h5py.Group):
                waiting.append(member)
            elif isinstance(member, h5py.Dataset):
                check_dataset(member, path)
                size += int(member.size or 0)
                allowance -= int(member.size or 0) * member.dtype.itemsize
        if allowance < 0:
            raise UnsafeModelError(
                f"{path} declares far larger weights than a file of its size holds: not read"
            )
    return size
