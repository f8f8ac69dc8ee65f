"""``.keras`` archives, read as data."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

from convlens.errors import ModelFileError, UnsafeModelError
from convlens.loading.hdf5 import MAX_CONFIG
from convlens.saved import Config

WEIGHTS = "model.weights.h5"


def read_archive(path: Path) -> tuple[Config, str | None, int]:
    """Reads the configuration and checks the weights without loading them.

    Returns:
        The configuration as saved, the version of Keras that wrote the file and how many
        numbers its weights are.

    Raises:
        ModelFileError: The archive is damaged or incomplete.
        UnsafeModelError: Something in it reaches out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            config = _json(archive, "config.json", path)
            metadata = _json(archive, "metadata.json", path, optional=True)
            if WEIGHTS not in archive.namelist():
                raise ModelFileError(f"{path} holds no weights: expected {WEIGHTS} in it")
            with archive.open(WEIGHTS) as member, h5py.File(member, "r") as file:
                size = _check_links(file, path)
    except (zipfile.BadZipFile, OSError, RuntimeError, KeyError, EOFError) as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated .keras file ({error}): download or save it again"
        ) from error
    version = metadata.get("keras_version")
    return config, None if version is None else str(version), size


def _json(
    archive: zipfile.ZipFile, name: str, path: Path, *, optional: bool = False
) -> dict[str, Any]:
    if optional and name not in archive.namelist():
        return {}
    if archive.getinfo(name).file_size > MAX_CONFIG:
        raise UnsafeModelError(f"{name} in {path} is larger than {MAX_CONFIG} bytes: not read")
    try:
        value = json.loads(archive.read(name))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} in {path} is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{name} in {path} describes no model")
    return value


def _check_links(group: h5py.Group, path: Path) -> int:
    """Refuses links out of the file, external storage and virtual datasets.

    Returns:
        How many numbers the group holds.
    """
    size = 0
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise UnsafeModelError(f"'{name}' in {path} is a link out of its place: not followed")
        member = group[name]
        if isinstance(member, h5py.Group):
            size += _check_links(member, path)
        elif isinstance(member, h5py.Dataset):
            if member.is_virtual or member.external:
                raise UnsafeModelError(f"weights '{member.name}' of {path} lie in another file")
            size += int(member.size or 0)
    return size
