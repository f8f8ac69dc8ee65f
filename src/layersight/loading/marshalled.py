"""Reading the byte code of a saved lambda as data, without creating a code object.

Python's reader of this format (``marshal``) may crash on hostile bytes; this one is bounded,
creates plain values only, and knows the layouts of Python 2.7 to 3.13.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 100_000  # the code of a well-known formula has a few hundred
MAX_DEPTH = 20
MAX_ITEMS = 1_000


class NotReadError(Exception):
    """The bytes are not code in a known layout."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a function, as data."""

    layout: str  # ``"2"``, ``"3.0"``, ``"3.8"`` or ``"3.11"``: the first version with its layout
    arguments: int  # the number of its arguments
    code: bytes
    constants: tuple[Any, ...]
    names: tuple[Any, ...]  # of globals and attributes
    variables: tuple[Any, ...]  # names of arguments and variables; from 3.11 on of free ones too
    free: tuple[Any, ...]  # names of the variables of enclosing functions


def read_code(data: bytes) -> list[Code]:
    """All readings of bytes as the code of a function, usually a single one."""
    codes = []
    if len(data) <= MAX_BYTES:
        for layout in ("3.11", "3.8", "3.0", "2"):
            reader = _Reader(data, layout)
            try:
                value = reader.value(0)
            except (NotReadError, struct.error, IndexError, UnicodeDecodeError, ValueError):
                continue
            if isinstance(value, Code) and reader.position == len(data):
                codes.append(value)
    return codes


class _Reader:
    """A reader of code in one layout."""

    def __init__(self, data: bytes, layout: str) -> None:
        self.position = 0
        self._data = data
        self._layout = layout
        self._shared: list[Any] = []
        self._interned: list[Any] = []
        self._items = 0

    def value(self, depth: int) -> Any:
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            raise NotReadError
        byte = self._take(1)[0]
        kind, share = chr(byte & 0x7F), bool(byte & 0x80) and self._layout != "2"
        slot = len(self._shared)
        if share:
            self._shared.append(None)
        value = self._of_kind(kind, depth)
        if share:
            self._shared[slot] = value
        return value

    def _of_kind(self, kind: str, depth: int) -> Any:
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        if kind == "i":
            return self._int()
        if kind == "l":
            count = self._int()
            if abs(count) > 8:
                raise NotReadError
            digits = struct.unpack(f"<{abs(count)}H", self._take(2 * abs(count)))
            total: int = sum(digit << (15 * index) for index, digit in enumerate(digits))
            return -total if count < 0 else total
        if kind == "g":
            return struct.unpack("<d", self._take(8))[0]
        if kind == "f":
            return float(self._take(self._take(1)[0]).decode("ascii"))
        if kind in "stuaAzZ":
            return self._text(kind)
        if kind in "()[":
            count = self._take(1)[0] if kind == ")" else self._int()
            if not 0 <= count <= MAX_ITEMS:
                raise NotReadError
            return tuple(self.value(depth + 1) for _ in range(count))
        if kind == "r":
            return self._shared[self._int()]
        if kind == "R":
            return self._interned[self._int()]
        if kind == "c":
            return self._code(depth)
        raise NotReadError

    def _text(self, kind: str) -> Any:
        size = self._take(1)[0] if kind in "zZ" else self._int()
        raw = self._take(size)
        if kind == "t":
            self._interned.append(raw.decode("utf-8", "replace"))
            return self._interned[-1]
        if kind == "s":
            return raw
        return raw.decode("utf-8" if kind == "u" else "latin-1")

    def _code(self, depth: int) -> Code:
        counts = {"2": 4, "3.0": 5, "3.8": 6, "3.11": 5}[self._layout]
        numbers = [self._int() for _ in range(counts)]
        code, constants, names, variables = (self.value(depth + 1) for _ in range(4))
        rest = [self.value(depth + 1) for _ in range(4)]
        self._int()
        tail = [self.value(depth + 1) for _ in range(2 if self._layout == "3.11" else 1)]
        free: Any = rest[0]
        if self._layout == "3.11":
            if not isinstance(free, bytes) or len(free) != len(variables):
                raise NotReadError
            free = tuple(n for n, kind in zip(variables, free, strict=True) if kind & 0x80)
        tuples = all(isinstance(item, tuple) for item in (constants, names, variables, free))
        if not isinstance(code, bytes) or not tuples or not isinstance(tail[0], bytes | str):
            raise NotReadError
        texts = [names, variables, free]
        if self._layout == "2":
            texts = [
                tuple(n.decode("latin-1") if isinstance(n, bytes) else n for n in part)
                for part in texts
            ]
        if not all(isinstance(name, str) for part in texts for name in part):
            raise NotReadError
        return Code(self._layout, numbers[0], code, constants, *texts)

    def _take(self, count: int) -> bytes:
        if count < 0 or self.position + count > len(self._data):
            raise NotReadError
        self.position += count
        return self._data[self.position - count : self.position]

    def _int(self) -> int:
        return int(struct.unpack("<i", self._take(4))[0])


_SIMPLE = {"N": None, "T": True, "F": False, ".": Ellipsis}
