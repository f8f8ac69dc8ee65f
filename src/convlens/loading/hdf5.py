"""Legacy HDF5 files of Keras, read as data.

The rule of this module: only what lies inside this one file is read. Links out of it,
external storage and virtual datasets are refused.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from convlens.errors import ModelFileError, UnsafeModelError
from convlens.saved import Config, LayerWeights

MAX_CONFIG = 64 << 20
"""The longest configuration that is read, in bytes."""

MAX_ATTRIBUTE = 8 << 20
"""The longest other attribute that is read, in bytes; a list of names has some thousand."""

MAX_NAMES = 50_000
"""How many layers, or weights of a layer, a file may name."""

MAX_VERSION = 40
"""How much of a version or a backend's name is kept."""

FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""The filters that HDF5 and h5py bring along: deflate, shuffle, checksum, szip and others."""


def read_hdf5(path: Path) -> tuple[Config, tuple[LayerWeights, ...], str | None, str | None]:
    """Reads configuration and weights.

    Returns:
        The configuration as saved, the weights layer by layer, the version of Keras and the
        backend that wrote the file.

    Raises:
        ModelFileError: The file is damaged, or holds no configuration.
        UnsafeModelError: It reaches out of itself.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_text(file, path)
            config = _config(file, path)
            version, backend = _text(file, "keras_version"), _text(file, "backend")
            group = _child(file, "model_weights", path)
            if not isinstance(group, h5py.Group):
                raise ModelFileError(f"{path} holds a configuration but no weights")
            version = version or _text(group, "keras_version")
            backend = backend or _text(group, "backend")
            return config, _weights(group, path), _cut(version), _cut(backend)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated HDF5 file ({_short(error)}): download or save "
            "it again"
        ) from error


def read_weights(path: Path) -> tuple[tuple[LayerWeights, ...], str | None, str | None]:
    """Reads a file of weights alone: the weights, the version of Keras and the backend.

    Raises:
        ModelFileError: It is damaged, or holds no weights layer by layer.
        UnsafeModelError: It reaches out of itself.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_text(file, path)
            group = file if "layer_names" in file.attrs else _child(file, "model_weights", path)
            if not isinstance(group, h5py.Group):
                raise ModelFileError(
                    f"{path} holds no weights layer by layer: expected a file of "
                    "model.save_weights of Keras 1 or 2"
                )
            weights = _weights(group, path)
            version, backend = _text(group, "keras_version"), _text(group, "backend")
            return weights, _cut(version), _cut(backend)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"{path} is a damaged or truncated HDF5 file ({_short(error)}): download or save "
            "it again"
        ) from error


def _config(file: h5py.File, path: Path) -> Config:
    text = _text(file, "model_config", MAX_CONFIG)
    if text is None:
        raise ModelFileError(_without_config(file, path))
    if len(text) > MAX_CONFIG:
        raise UnsafeModelError(f"{path} has a configuration of {len(text)} bytes: too long")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} has a configuration that is no JSON ({_short(error)})"
        ) from error
    if not isinstance(config, dict):
        raise ModelFileError(f"{path} has a configuration that describes no model")
    return config


def _without_config(file: h5py.File, path: Path) -> str:
    """What to say of an HDF5 file without a configuration."""
    names = list(file)
    if (
        "layer_names" in file.attrs
        or "layers" in names
        or "_layer_checkpoint_dependencies" in names
    ):
        return (
            f"{path} holds weights without the network they belong to: expected a whole model "
            "(model.save). Name the network with --architecture, by a JSON file of its "
            f"configuration or, for example, --architecture VGG16"
        )
    held = ", ".join(name[:80] for name in names[:4]) or "nothing"
    return f"{path} is an HDF5 file without a Keras model: expected model_config, found {held}"


def _weights(group: h5py.Group, path: Path) -> tuple[LayerWeights, ...]:
    found = []
    allowance = [bytes_allowed(path)]
    for layer in _names(group, "layer_names"):
        inner = _child(group, layer, path)
        if not isinstance(inner, h5py.Group):
            raise ModelFileError(f"{path} names a layer '{layer}' but holds no weights of it")
        names = _names(inner, "weight_names")
        arrays = tuple(_array(inner, name, path, allowance) for name in names)
        found.append(LayerWeights(layer, tuple(names), arrays))
    return tuple(found)


def _array(group: h5py.Group, name: str, path: Path, allowance: list[int]) -> np.ndarray[Any, Any]:
    dataset = _child(group, name, path)
    if not isinstance(dataset, h5py.Dataset):
        raise ModelFileError(f"{path} names weights '{name}' but does not hold them")
    check_dataset(dataset, path)
    allowance[0] -= int(dataset.size or 0) * dataset.dtype.itemsize
    if allowance[0] < 0:
        raise UnsafeModelError(
            f"{path} declares far larger weights ('{name}' of shape {dataset.shape}) than a file "
            "of its size holds: not read"
        )
    values: np.ndarray[Any, Any] = dataset[()]
    return values


def bytes_allowed(path: Path) -> int:
    """How many bytes of weights a file may unfold to.

    Weights hardly shrink when they are packed: a file that says it unfolds to many times its
    size is made to fill the memory.
    """
    return 20 * path.stat().st_size + (64 << 20)


def check_dataset(dataset: h5py.Dataset, path: Path) -> None:
    """Refuses what lies in another file, needs code of its own to unpack, or is no numbers.

    Raises:
        UnsafeModelError: It does.
        ModelFileError: It is no array of numbers.
    """
    if dataset.is_virtual or dataset.external:
        raise UnsafeModelError(f"weights '{dataset.name}' of {path} lie in another file: not read")
    settings = dataset.id.get_create_plist()
    filters = {settings.get_filter(place)[0] for place in range(settings.get_nfilters())}
    if not filters <= FILTERS:
        raise UnsafeModelError(
            f"weights '{dataset.name}' of {path} need a filter that HDF5 loads from elsewhere: "
            "not read"
        )
    if dataset.shape is None or dataset.dtype.kind not in "fiub":
        raise ModelFileError(f"weights '{dataset.name}' of {path} are no array of numbers")


def _child(group: h5py.Group, name: str, path: Path) -> Any:
    """A member of a group, by hard links alone; ``None`` if there is none."""
    place: Any = group
    for part in name.split("/"):
        if not part or not isinstance(place, h5py.Group):
            continue
        link = place.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise UnsafeModelError(f"'{name}' in {path} is a link out of its place: not followed")
        place = place[part]
    return place


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names, which long files split over numbered attributes."""
    found: list[str] = []
    number = 0
    name = attribute if attribute in group.attrs else f"{attribute}0"
    while name in group.attrs:
        found += [_decode(entry) for entry in np.ravel(_attribute(group, name, MAX_ATTRIBUTE))]
        if len(found) > MAX_NAMES:
            raise UnsafeModelError(f"more than {MAX_NAMES} names in {attribute}: not read")
        if name == attribute:
            break
        number += 1
        name = f"{attribute}{number}"
    return found


def _text(group: h5py.Group, attribute: str, limit: int = MAX_ATTRIBUTE) -> str | None:
    if attribute not in group.attrs:
        return None
    return _decode(_attribute(group, attribute, limit))


def _attribute(group: h5py.Group, name: str, limit: int) -> Any:
    """The value of an attribute whose size is looked at before it is read.

    Texts of any length are kept elsewhere in the file, so that :func:`_check_text` has to
    bound them.
    """
    held = group.attrs.get_id(name)
    count = math.prod(held.shape or ())
    if count * held.dtype.itemsize > limit or count > MAX_NAMES:
        raise UnsafeModelError(f"the attribute '{name}' is longer than {limit} bytes: not read")
    return group.attrs[name]


def _check_text(file: h5py.File, path: Path) -> None:
    """Refuses a file that holds far more than its arrays and a configuration.

    What lies beside the arrays may be one text, which HDF5 reads as a whole. A part of it may
    be free: where training left arrays that were deleted since.
    """
    size = path.stat().st_size
    if size <= 2 * MAX_CONFIG:
        return
    stored = 0
    waiting: list[h5py.Group] = [file]
    seen: set[int] = set()
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_NAMES:
                raise UnsafeModelError(
                    f"{path} holds more than {MAX_NAMES} groups and arrays: not read"
                )
            if isinstance(member, h5py.Group):
                waiting.append(member)
            elif isinstance(member, h5py.Dataset):
                stored += member.id.get_storage_size()
    if size - stored > 2 * MAX_CONFIG + 3 * stored:
        raise UnsafeModelError(
            f"{path} holds {size - stored} bytes that are no weights, far more than the "
            "configuration of a network has: not read"
        )


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MAX_VERSION]


def _decode(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
