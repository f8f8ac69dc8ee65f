"""Pixels as PNG files and photographs, and as URIs for a page.

The rule of this module: the pixels that went in come out exactly, and the same pixels give the
same bytes; only photographs may lose a little. The encoder is written here because maps compress
a third better and several times faster with the filter "up" and run-length matching than Pillow's
palette images.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Literal

import numpy as np

from layersight.document.blocks import Bytes

UP = 2  # the filter that takes from each byte the one above it (W3C, PNG, section 9)

QUALITY = {"JPEG": 85, "WEBP": 78}  # of photographs, as Pillow counts it

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def png(pixels: Bytes, colours: Bytes | None = None, opacity: Bytes | None = None) -> bytes:
    """Pixels as a PNG file.

    Args:
        pixels: ``(height, width)`` grey, or indices of ``colours``; ``(height, width, channel)``
            with one (grey), three (RGB) or four channels (RGBA).
        colours: ``(256, 3)``, the palette.
        opacity: ``(256,)``, of each colour of the palette; by default all are opaque.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = 3 if colours is not None else _COLOUR_TYPES[channels]
    lines = up_filtered(pixels.reshape(height, width * channels))
    strategy = zlib.Z_RLE if channels == 1 else zlib.Z_FILTERED
    press = zlib.compressobj(6, zlib.DEFLATED, 15, 9, strategy)
    data = press.compress(lines.data) + press.flush()
    parts = [b"\x89PNG\r\n\x1a\n"]
    parts.append(_chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)))
    if colours is not None:
        parts.append(_chunk(b"PLTE", colours.tobytes()))
    if opacity is not None:
        parts.append(_chunk(b"tRNS", opacity.tobytes()))
    return b"".join([*parts, _chunk(b"IDAT", data), _chunk(b"IEND", b"")])


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return b"".join([struct.pack(">I", len(data)), name, data, struct.pack(">I", check)])


def photo(pixels: Bytes, kind: Literal["JPEG", "WEBP"]) -> bytes:
    """A photograph compressed with losses that are hardly visible, a tenth of its size as PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind, quality=QUALITY[kind])
    return file.getvalue()


def data_uri(file: bytes, kind: str = "png") -> str:
    """An image file as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(file).decode("ascii")


def up_filtered(rows: Bytes) -> Bytes:
    """The rows with the filter "up", ``(height, 1 + width)``, each after the number of the filter.

    >>> up_filtered(np.array([[5, 6], [7, 6]], np.uint8)).tolist()
    [[2, 5, 6], [2, 2, 0]]
    """
    height, width = rows.shape
    lines = np.full((height, 1 + width), UP, np.uint8)
    lines[:, 1:] = rows
    lines[1:, 1:] -= rows[:-1]
    return lines
