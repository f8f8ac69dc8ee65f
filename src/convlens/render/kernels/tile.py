"""One kernel, or one slice of it, as a small picture.

The rule of this module: a weight is a square of one colour, and a kernel of zeros is a mark
with the word and not a flat colour.
"""

from __future__ import annotations

import numpy as np

from convlens.kernel import LayerKernels
from convlens.render.kernels.colours import diverging, steps
from convlens.render.legend import mark_broken, mark_flat
from convlens.render.page import Bytes
from convlens.render.sketch import BODY, NOTE, QUIET, Sketch
from convlens.results import FloatArray

LARGE = 60.0
"""Width from which on the words on a mark are larger, in points."""


def coloured(values: FloatArray, most: float, *, bgr: bool = False) -> Bytes:
    """``(height, width, 3)`` weights as RGB, mid grey for 0."""
    found = steps(values, most)
    return np.ascontiguousarray(found[..., ::-1] if bgr else found)


def draw_slice(
    sketch: Sketch, x: float, y: float, pixel: float, values: FloatArray, most: float
) -> None:
    """Draws ``(height, width)`` weights by their sign and size."""
    sketch.picture(x, y, (pixel, pixel), steps(values, most), diverging())


def mark(
    sketch: Sketch, x: float, y: float, wide: float, tall: float, entry: LayerKernels, place: int
) -> bool:
    """Marks a kernel that cannot be drawn; returns whether it was one."""
    style = BODY.but(colour=QUIET) if wide >= LARGE else NOTE
    if entry.zero[place]:
        mark_flat(sketch, x, y, wide, tall, ("zero",), style)
        return True
    if not np.isfinite(entry.values[..., place]).all():
        mark_broken(sketch, x, y, wide, tall, style)
        return True
    return False
