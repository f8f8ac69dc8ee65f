"""Attributes of an HDF5 file: texts and lists of names, none read before its size is known."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from layersight.errors import UnsafeModelError

MAX_ATTRIBUTE = 8 << 20
"""The longest attribute that is read, in bytes, but for a configuration; a list of names has
some thousand."""

MAX_NAMES = 50_000
"""How many layers, or weights of a layer, a file may name."""

MAX_VERSION = 40
"""How much of a version or a backend's name is kept."""


def read_names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names, which long files split over numbered attributes.

    Raises:
        UnsafeModelError: There are far too many.
    """
    found: list[str] = []
    number = 0
    name = attribute if attribute in group.attrs else f"{attribute}0"
    while name in group.attrs:
        found += [decode(entry) for entry in np.ravel(_value(group, name, MAX_ATTRIBUTE))]
        if len(found) > MAX_NAMES:
            raise UnsafeModelError(f"more than {MAX_NAMES} names in {attribute}: not read")
        if name == attribute:
            break
        number += 1
        name = f"{attribute}{number}"
    return found


def read_text(group: h5py.Group, attribute: str, limit: int = MAX_ATTRIBUTE) -> str | None:
    """A text, ``None`` if there is none.

    Raises:
        UnsafeModelError: It is longer than the limit, in bytes.
    """
    if attribute not in group.attrs:
        return None
    return decode(_value(group, attribute, limit))


def origin(*groups: h5py.Group) -> dict[str, str | None]:
    """The version of Keras and the backend that wrote a file, as the first group says."""
    found: dict[str, str | None] = {}
    for key, attribute in (("version", "keras_version"), ("backend", "backend")):
        texts = (read_text(group, attribute) for group in groups)
        said = next((text for text in texts if text), None)
        found[key] = None if said is None else said[:MAX_VERSION]
    return found


def _value(group: h5py.Group, name: str, limit: int) -> Any:
    """The value of an attribute whose size is looked at before it is read.

    Texts of any length are kept elsewhere in the file, so that
    :func:`layersight.hdf5.groups.check_text` has to bound them.
    """
    held = group.attrs.get_id(name)
    count = math.prod(held.shape or ())
    if count * held.dtype.itemsize > limit or count > MAX_NAMES:
        raise UnsafeModelError(f"the attribute '{name}' is longer than {limit} bytes: not read")
    return group.attrs[name]


def decode(value: Any) -> str:
    """Bytes or whatever else it is as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
