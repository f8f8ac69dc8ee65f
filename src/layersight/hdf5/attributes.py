"""Attributes of an HDF5 file: texts and lists of names, none read before its size is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np

from layersight.errors import UnsafeModelError

MAX_ATTRIBUTE = 8 << 20  # bytes, but for a configuration; a list of names has some thousand
MAX_NAMES = 50_000  # of layers, or of weights of a layer
MAX_VERSION = 40  # characters of a version or a backend's name that are kept


def read_names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names, which long files split over numbered attributes."""
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
    written: dict[str, str | None] = {}
    for key, attribute in (("version", "keras_version"), ("backend", "backend")):
        texts = (read_text(group, attribute) for group in groups)
        written[key] = next((text[:MAX_VERSION] for text in texts if text), None)
    return written


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


def _decode(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
