"""From 16 bits, 32 bits and floating point to 8 bits.

The rule of this module: how the numbers were scaled is always reported.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pillow's modes whose pixels have more than 8 bits.
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")

_PHOTOMETRIC = 262

_PART = 2**20


def raw_mode(image: Image.Image) -> str:
    """Pillow's raw mode of an image that is open but not yet decoded."""
    for tile in getattr(image, "tile", ()):
        args = tile[3]
        mode = args[0] if isinstance(args, tuple) and args else args
        return mode if isinstance(mode, str) else ""
    return ""


def counts_from_white(image: Image.Image) -> bool:
    """Whether zero is white in a TIFF file, which Pillow heeds up to 8 bits only."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(_PHOTOMETRIC) == 0


def to_eight_bits(
    image: Image.Image, raw: str, *, white_is_zero: bool = False
) -> tuple[Image.Image, str]:
    """A grey image of more than 8 bits in 8 bits, and how it was scaled.

    ``raw`` is its raw mode before it was decoded. The result is in mode ``L``, or ``LA`` if one of
    its values stands for transparent.
    """
    values = np.asarray(image)
    if image.mode == "F":
        scaled, step = _from_floats(values)
    elif raw == "I;12":
        scaled, step = _divided(values, 4095), "12 bits scaled to 8 (value / 16.06)"
    elif image.mode != "I" or raw in ("I;16", "I;16B", "I;16N"):
        scaled, step = _from_sixteen(values)
    else:
        scaled, step = _from_integers(values)
    if white_is_zero:
        scaled, step = 255 - scaled, f"{step}, inverted as its zero is white"
    result = Image.fromarray(scaled)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        result.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return result, step


def stretch(values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], float, float]:
    """Numbers scaled so that the least becomes 0 and the greatest 255, and these two numbers.

    What is not finite becomes 0, and so does everything where all numbers are the same.

    Example:
        >>> stretch(np.array([1.0, 2.0, 3.0, np.nan]))
        (array([  0, 128, 255,   0], dtype=uint8), 1.0, 3.0)
    """
    low, high, finite = _limits(values)
    # Halved, so that the range of the largest floats does not overflow.
    span = high / 2 - low / 2
    if not finite or not span:
        return np.zeros(values.shape, np.uint8), low, high

    def spread(part: NDArray[np.generic]) -> NDArray[np.generic]:
        numbers = np.where(np.isfinite(part), part, low).astype(np.float64)
        return np.rint((numbers / 2 - low / 2) / span * 255)

    return _in_parts(values, spread), low, high


def _in_parts(
    values: NDArray[np.generic], convert: Callable[[NDArray[np.generic]], NDArray[np.generic]]
) -> NDArray[np.uint8]:
    """Converts part after part, as intermediate numbers take eight times as much as bytes."""
    flat = values.reshape(-1)
    result = np.empty(flat.size, np.uint8)
    for start in range(0, flat.size, _PART):
        part = slice(start, start + _PART)
        result[part] = convert(flat[part]).astype(np.uint8)
    return result.reshape(values.shape)


def _limits(values: NDArray[np.generic]) -> tuple[float, float, int]:
    """The least and the greatest finite number, and the count of finite ones."""
    flat = values.reshape(-1)
    limits: list[float] = []
    count = 0
    for start in range(0, flat.size, _PART):
        part = flat[start : start + _PART].astype(np.float64)
        part = part[np.isfinite(part)]
        count += part.size
        limits += [float(part.min()), float(part.max())] if part.size else []
    return (min(limits), max(limits), count) if limits else (0.0, 0.0, 0)


def _divided(values: NDArray[np.generic], largest: int) -> NDArray[np.uint8]:
    def divide(part: NDArray[np.generic]) -> NDArray[np.generic]:
        rounded = (part.astype(np.uint32) * 255 + largest // 2) // largest
        return np.minimum(rounded, 255)

    return _in_parts(values, divide)


def _from_sixteen(values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    step = "16 bits scaled to 8 (value / 257)"
    bits = int(values.max(initial=0)).bit_length()
    if 8 < bits < 15:
        step += (
            f", dark if they are data of {bits} bits: multiply those by {2 ** (16 - bits)} first"
        )
    return _divided(values, 65535), step


def _from_integers(values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 255:
        return values.astype(np.uint8), "wide integers in 0..255 kept as they are"
    if low >= 0 and high <= 65535:
        return _from_sixteen(values)
    return stretch(values)[0], f"wide integers scaled from {low}..{high} to 0..255"


def _from_floats(values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    def shares(part: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.rint(np.where(np.isfinite(part), part, 0).astype(np.float64) * 255)

    low, high, finite = _limits(values)
    if finite and low >= 0 and high <= 1:
        scaled, step = _in_parts(values, shares), "floats in 0..1 scaled to 0..255"
    else:
        scaled, step = stretch(values)[0], f"floats scaled from {low:g}..{high:g} to 0..255"
    if finite and low == high and not 0 <= low <= 1:
        step = f"floats that are all {low:g} set to 0"
    lost = values.size - finite
    return scaled, f"{step}, {lost} pixels that are not numbers set to 0" if lost else step
