"""What the process that reads HDF5 sends about a file, checked like any untrusted data.

A damaged file may have done anything to that process. The rule of this module: only messages that
are expected are accepted, with known types of number, and no more than a file of that size holds.
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
from layersight.loading.frames import Incoming, Message, ProtocolError, RemoteError

# The types of number that are accepted.
NUMBERS = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}

# The errors that the process may send.
ERRORS: dict[str, type[LayersightError]] = {
    "ModelFileError": ModelFileError,
    "UnsafeModelError": UnsafeModelError,
}

MAX_DIMENSIONS = 32  # of an array: as many as HDF5 has
MAX_PARTS = 100  # of a path in a store: more than layers can be nested in a configuration
MAX_ERROR = 2000  # characters of an error that are kept
OVERHEAD = 256  # bytes of memory that a message or an array takes beside its content


@dataclass(slots=True)
class Contents:
    """The contents of a file."""

    texts: dict[str, bytes] = field(default_factory=dict)  # ``config`` and ``metadata``, if present
    version: str | None = None  # the version of Keras that wrote it, if it is recorded
    backend: str | None = None  # the backend that wrote it, if it is recorded
    layers: list[LayerWeights] | None = None  # the weights by layers, in files of Keras 1 and 2
    store: dict[str, Array] | None = None  # the weights by path, in a store of Keras 3

    @property
    def size(self) -> int:
        """The number of values of the weights."""
        arrays = [array for entry in self.layers or () for array in entry.arrays]
        return sum(array.size for array in (*arrays, *(self.store or {}).values()))


def collect(source: Incoming, allowance: int) -> Contents:
    """Reads the frames of a file, which may take ``allowance`` bytes of memory."""
    contents = Contents()
    try:
        while "end" not in (message := source.message()):
            for key, read in _READERS.items():
                if key in message:
                    allowance -= OVERHEAD + read(contents, message, source, allowance)
                    break
            else:
                raise ProtocolError("an unknown message")
            if allowance < 0:
                raise ProtocolError("more than a file of its size holds")
    except RemoteError as error:
        (message,) = error.args
        kind, text = ERRORS.get(str(message["error"])), message.get("text")
        if kind is None or not isinstance(text, str):
            raise ProtocolError("an unknown error") from None
        raise kind(text[:MAX_ERROR]) from None
    _check_complete(contents)
    return contents


def _read_text(contents: Contents, message: Message, source: Incoming, allowance: int) -> int:
    name, size = message["text"], message.get("bytes")
    if name not in ("config", "metadata") or name in contents.texts or not _is_size(size):
        raise ProtocolError("an unknown text")
    if size > allowance:
        raise ProtocolError("a text that is too long")
    text = bytearray(size)
    source.pieces(memoryview(text))
    contents.texts[name] = bytes(text)
    return size


def _read_form(contents: Contents, message: Message, _: Incoming, __: int) -> int:
    if contents.layers is not None or contents.store is not None:
        raise ProtocolError("a second form")
    contents.version = _text(message.get("version"))
    contents.backend = _text(message.get("backend"))
    if message["form"] == "layers":
        contents.layers = []
    elif message["form"] == "store":
        contents.store = {}
    else:
        raise ProtocolError("an unknown form")
    return 0


def _read_layer(contents: Contents, message: Message, source: Incoming, allowance: int) -> int:
    layer, names = message["layer"], message.get("names")
    if contents.layers is None or not isinstance(layer, str) or not isinstance(names, list):
        raise ProtocolError("an unexpected layer")
    if not all(isinstance(name, str) for name in names):
        raise ProtocolError("a weight without a name")
    used = len(layer) + sum(map(len, names)) + OVERHEAD * len(names)
    arrays = []
    for name in names:
        inner = source.message()
        if inner.get("array") != name:
            raise ProtocolError("an array of another name")
        arrays.append(_read_array(inner, source, allowance - used))
        used += arrays[-1].nbytes
    contents.layers.append(LayerWeights(layer, tuple(names), tuple(arrays)))
    return used


def _read_path(contents: Contents, message: Message, source: Incoming, allowance: int) -> int:
    path = message["array"]
    if contents.store is None or not isinstance(path, str) or path in contents.store:
        raise ProtocolError("an unexpected array")
    if (parts := path.count("/") + 1) > MAX_PARTS:
        raise ProtocolError(f"a path of more than {MAX_PARTS} parts")
    contents.store[path] = _read_array(message, source, allowance)
    return contents.store[path].nbytes + len(path) * parts  # the path of each group is kept too


# Functions by the key of a message: each reads what follows and returns the bytes that it takes.
_READERS: dict[str, Callable[[Contents, Message, Incoming, int], int]] = {
    "text": _read_text,
    "form": _read_form,
    "layer": _read_layer,
    "array": _read_path,
}


def _read_array(message: Message, source: Incoming, allowance: int) -> Array:
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


def _check_complete(contents: Contents) -> None:
    """Refuses contents without weights, or with an array inside an array."""
    if contents.layers is None and contents.store is None:
        raise ProtocolError("no weights")
    paths = contents.store or {}
    for path in paths:
        while path := path.rpartition("/")[0]:
            if path in paths:
                raise ProtocolError("an array inside an array")


def _is_size(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _text(value: Any) -> str | None:
    return value[:MAX_ERROR] if isinstance(value, str) else None
