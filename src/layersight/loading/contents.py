"""What the process that reads HDF5 sends of a file, checked like data of a stranger.

A damaged file may have done anything to that process. The rule of this module: only what is
expected is taken, of known types of number, and no more than a file of its size may hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from layersight.data.arrays import Array
from layersight.data.saved import LayerWeights
from layersight.errors import LayersightError, ModelFileError, UnsafeModelError
from layersight.loading.frames import Incoming, ProtocolError, RemoteError

# The types of number that are taken.
NUMBERS = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}

# The errors that the other side may send.
ERRORS: dict[str, type[LayersightError]] = {
    "ModelFileError": ModelFileError,
    "UnsafeModelError": UnsafeModelError,
}

MAX_DIMENSIONS = 32  # of an array: as many as HDF5 has
MAX_PARTS = 100  # of a path in a store: more than the layers of a configuration can be nested
MAX_ERROR = 2000  # characters of an error that are kept
COST = 256  # bytes of memory that a message or an array takes beside its content


@dataclass(slots=True)
class Contents:
    """What a file holds."""

    # The ``config`` and the ``metadata``, if there are any.
    texts: dict[str, bytes] = field(default_factory=dict)
    version: str | None = None  # the version of Keras that wrote it, if it says so
    backend: str | None = None  # the backend that wrote it, if it says so
    # The weights layer by layer, where the file keeps them so.
    layers: list[LayerWeights] | None = None
    # The weights by their path, where it is a store of Keras 3.
    store: dict[str, Array] | None = None

    @property
    def size(self) -> int:
        """The number of values of the weights."""
        arrays = [array for entry in self.layers or () for array in entry.arrays]
        return sum(array.size for array in (*arrays, *(self.store or {}).values()))


def collect(source: Incoming, allowance: int) -> Contents:
    """Takes the frames of one file."""
    taken = Contents()
    try:
        while "end" not in (message := source.message()):
            for key, take in _TAKERS.items():
                if key in message:
                    allowance -= COST + take(taken, message, source, allowance)
                    break
            else:
                raise ProtocolError("an unknown message")
            if allowance < 0:
                raise ProtocolError("more than a file of its size holds")
    except RemoteError as error:
        (sent,) = error.args
        kind, text = ERRORS.get(str(sent["error"])), sent.get("text")
        if kind is None or not isinstance(text, str):
            raise ProtocolError("an unknown error") from None
        raise kind(text[:MAX_ERROR]) from None
    _check_complete(taken)
    return taken


def _take_text(taken: Contents, message: dict[str, Any], source: Incoming, allowance: int) -> int:
    name, size = message["text"], message.get("bytes")
    if name not in ("config", "metadata") or name in taken.texts or not _is_size(size):
        raise ProtocolError("an unknown text")
    if size > allowance:
        raise ProtocolError("a text that is too long")
    text = bytearray(size)
    source.pieces(memoryview(text))
    taken.texts[name] = bytes(text)
    return size


def _take_form(taken: Contents, message: dict[str, Any], _: Incoming, __: int) -> int:
    if taken.layers is not None or taken.store is not None:
        raise ProtocolError("a second form")
    taken.version, taken.backend = _text(message.get("version")), _text(message.get("backend"))
    if message["form"] == "layers":
        taken.layers = []
    elif message["form"] == "store":
        taken.store = {}
    else:
        raise ProtocolError("an unknown form")
    return 0


def _take_layer(taken: Contents, message: dict[str, Any], source: Incoming, allowance: int) -> int:
    layer, names = message["layer"], message.get("names")
    if taken.layers is None or not isinstance(layer, str) or not isinstance(names, list):
        raise ProtocolError("an unexpected layer")
    if not all(isinstance(name, str) for name in names):
        raise ProtocolError("a weight without a name")
    used = len(layer) + sum(map(len, names)) + COST * len(names)
    arrays = []
    for name in names:
        inner = source.message()
        if inner.get("array") != name:
            raise ProtocolError("an array of another name")
        arrays.append(_read_array(inner, source, allowance - used))
        used += arrays[-1].nbytes
    taken.layers.append(LayerWeights(layer, tuple(names), tuple(arrays)))
    return used


def _take_array(taken: Contents, message: dict[str, Any], source: Incoming, allowance: int) -> int:
    path = message["array"]
    if taken.store is None or not isinstance(path, str) or path in taken.store:
        raise ProtocolError("an unexpected array")
    if (parts := path.count("/") + 1) > MAX_PARTS:
        raise ProtocolError(f"a path of more than {MAX_PARTS} parts")
    taken.store[path] = _read_array(message, source, allowance)
    return taken.store[path].nbytes + len(path) * parts  # the path of each group is kept too


# The messages by the key that they have: each reads what follows and returns how many bytes.
_TAKERS: dict[str, Callable[[Contents, dict[str, Any], Incoming, int], int]] = {
    "text": _take_text,
    "form": _take_form,
    "layer": _take_layer,
    "array": _take_array,
}


def _read_array(message: dict[str, Any], source: Incoming, allowance: int) -> Array:
    shape, number = message.get("shape"), message.get("dtype")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(map(_is_size, shape)):
        raise ProtocolError("an array without a shape")
    if not isinstance(number, str) or number not in NUMBERS:
        raise ProtocolError("an array of another type")
    kind = np.dtype(number)
    if math.prod(size or 1 for size in shape) * kind.itemsize > allowance:
        raise ProtocolError("an array that is too large")
    array: Array = np.empty(tuple(shape), kind)
    if array.size:
        source.pieces(array.reshape(-1).view("u1").data)
    if number == "bool" and array.size and int(array.view("u1").max()) > 1:
        raise ProtocolError("a truth value that is neither true nor false")
    return array


def _check_complete(taken: Contents) -> None:
    """Refuses an answer without weights, or with an array inside an array."""
    if taken.layers is None and taken.store is None:
        raise ProtocolError("no weights")
    paths = taken.store or {}
    for path in paths:
        while path := path.rpartition("/")[0]:
            if path in paths:
                raise ProtocolError("an array inside an array")


def _is_size(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _text(value: Any) -> str | None:
    return value[:MAX_ERROR] if isinstance(value, str) else None
