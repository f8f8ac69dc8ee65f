"""The curves of sparsity and of dead channels over the depth of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from layersight.writers.page import WHITE, Point
from layersight.writers.sketch import ACCENT, FAINT, INK, NOTE, TINY, Sketch

AXIS = 22.0
ZEROS = "zeros, share of values"
DEAD = "dead, share of channels"

Places = Callable[[int, float], Point]


def draw_key(sketch: Sketch, right: float, y: float) -> None:
    """What the two curves are, on one line that ends at ``right``."""
    for words, colour, hollow in ((DEAD, INK, True), (ZEROS, ACCENT, False)):
        left = right - sketch.measure(words, NOTE)
        sketch.label(left, y, words, NOTE, "start")
        _curve(sketch, [(left - 16, y - 2.3), (left - 5, y - 2.3)], colour, hollow=hollow)
        right = left - 30


def draw_depth(
    sketch: Sketch,
    upper_left: Point,
    lower_right: Point,
    points: Sequence[tuple[int, float, float | None]],
) -> None:
    """Both curves over the layers' places.

    Args:
        sketch: Where.
        upper_left: The corner where 100% is.
        lower_right: The corner where 0% is.
        points: For each layer its place from 1, the share of zeros, and the share of dead
            channels or ``None`` where it has no maps.
    """
    left, top = upper_left[0] + AXIS, upper_left[1]
    right, bottom = lower_right
    for share, words in ((0.0, "0%"), (0.5, "50%"), (1.0, "100%")):
        y = bottom - share * (bottom - top)
        sketch.line((left, y), (right, y), width=0.4)
        sketch.label(left - 4, y + 1.9, words, TINY, "end")
    first, last = points[0][0], points[-1][0]
    across = (right - left - 12) / max(1, last - first)

    def where(place: int, share: float) -> Point:
        return left + 6 + (place - first) * across, bottom - share * (bottom - top)

    _numbers(sketch, [point[0] for point in points], where, across)
    zeros = [where(place, share) for place, share, _ in points]
    dead = [where(place, share) for place, _, share in points if share is not None]
    _curve(sketch, dead, INK, hollow=True)
    _curve(sketch, zeros, ACCENT, hollow=False)


def _curve(sketch: Sketch, points: list[Point], colour: str, *, hollow: bool) -> None:
    if len(points) > 1:
        sketch.line(*points, colour=colour, width=0.9)
    radius = 1.75 if len(points) <= 40 else 1.0
    for x, y in points:
        fill = WHITE if hollow else colour
        sketch.box(x - radius, y - radius, 2 * radius, 2 * radius, fill, colour)


def _numbers(sketch: Sketch, places: list[int], where: Places, across: float) -> None:
    """The layers' numbers under the curves, as many as there is room for."""
    free = 0.0
    for place in places:
        x, bottom = where(place, 0)
        if x >= free:
            sketch.line((x, bottom), (x, bottom + 2.5), colour=FAINT)
            sketch.label(x, bottom + 9, str(place), TINY)
            free = x + max(12.0, across - 0.01)
