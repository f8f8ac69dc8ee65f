"""One kernel, or one slice of it, as a small picture.

The rule of this module: a weight is a square of one colour, and a kernel of zeros is a mark
with the word and not a flat colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.document.diverging import diverging, steps
from layersight.nouns.kernels.result import LayerKernels
from layersight.render.legend import mark_broken, mark_flat
from layersight.writers.page import Bytes
from layersight.writers.sketch import BODY, NOTE, QUIET, Sketch

LARGE = 60.0
"""Width from which on the words on a mark are larger, in points."""


def coloured(values: FloatArray, most: float, *, bgr: bool = False) -> Bytes:
    """``(height, width, 3)`` weights as RGB, mid grey for 0."""
    found = steps(values, most)
    return np.ascontiguousarray(found[..., ::-1] if bgr else found)


def by_sign(values: FloatArray, most: float) -> Bytes:
    """Weights of any shape as RGB by their sign and size, ``(..., 3)``."""
    return diverging()[steps(values, most)]


def strip(tiles: Sequence[Bytes], gap: int) -> Bytes:
    """Tiles ``(height, width, 3)`` beside each other, ``gap`` white pixels apart, as one picture.

    One picture for many tiles keeps files small.
    """
    height = tiles[0].shape[0]
    white = np.full((height, gap, 3), 255, np.uint8)
    parts = [part for tile in tiles for part in (white, tile)]
    return np.concatenate(parts[1:], axis=1)


def mark(
    sketch: Sketch, x: float, y: float, wide: float, tall: float, entry: LayerKernels, place: int
) -> bool:
    """Marks a kernel that cannot be drawn; returns whether it was one."""
    style = BODY.but(colour=QUIET) if wide >= LARGE else NOTE
    if entry.zero[place]:
        mark_flat(sketch, x, y, wide, tall, ("zero",), style)
        return True
    if not np.isfinite(entry.values[..., place]).all():
        words = ("not a number",) if wide > 2 * tall else ("not a", "number")
        mark_broken(sketch, x, y, wide, tall, style, words=words)
        return True
    return False
