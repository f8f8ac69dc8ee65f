"""Answers and requests as bytes.

A frame is the length of a JSON text (four bytes, least first), the text, and some buffers whose
lengths stand in the text under ``sizes``; text and buffers are padded to a multiple of 8 bytes, so
that numbers can be read in place.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.errors import UsageError

Json = dict[str, Any]
Buffer = bytes | NDArray[Any]

MAX_TEXT = 1 << 20
"""Bytes of the JSON text of a request."""


def as_bytes(buffer: Buffer) -> bytes:
    """The bytes of a buffer, numbers with their least byte first."""
    if isinstance(buffer, bytes):
        return buffer
    return np.ascontiguousarray(buffer, buffer.dtype.newbyteorder("<")).tobytes()


def encode(head: Json, buffers: Sequence[Buffer] = ()) -> bytes:
    """A frame.

    Args:
        head: The content of its text, without ``sizes``.
        buffers: Bytes, or arrays.

    Example:
        >>> frame = encode({"json": 1}, [b"ab"])
        >>> len(frame), decode(frame)
        (40, ({'json': 1}, [b'ab']))
    """
    parts = [as_bytes(buffer) for buffer in buffers]
    sizes = [len(part) for part in parts]
    text = json.dumps({**head, "sizes": sizes}, allow_nan=False, separators=(",", ":")).encode()
    pieces = [struct.pack("<I", len(text)), text, bytes(-(len(text) + 4) % 8)]
    for part in parts:
        pieces += [part, bytes(-len(part) % 8)]
    return b"".join(pieces)


def decode(frame: bytes) -> tuple[Json, list[bytes]]:
    """The text and the buffers of a frame from an untrusted page.

    Raises:
        UsageError: It is no frame.
    """
    try:
        (length,) = struct.unpack_from("<I", frame)
        if length > min(MAX_TEXT, len(frame) - 4):
            raise ValueError("its text is too long")
        head = json.loads(frame[4 : 4 + length])
        if not isinstance(head, dict):
            raise ValueError("its text is no object")
        start = 4 + length + -(length + 4) % 8
        buffers = []
        for size in head.pop("sizes", []):
            if type(size) is not int or not 0 <= size <= len(frame) - start:
                raise ValueError("a buffer is cut short")
            buffers.append(frame[start : start + size])
            start += size + -size % 8
        if start != len(frame):
            raise ValueError("it does not end where it should")
    except (struct.error, ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"expected a request of the explorer, found other bytes: {error}"
        ) from None
    return head, buffers
