"""The curves of sparsity and of dead channels over the depth of a network."""

from __future__ import annotations

from collections.abc import Sequence

from convlens.render.page import Point
from convlens.render.sketch import ACCENT, FAINT, INK, QUIET, TINY, Sketch

NAMES = 110.0
"""Room right of the curves for their names, in points."""
AXIS = 22.0


def draw_depth(
    sketch: Sketch,
    upper_left: Point,
    lower_right: Point,
    points: Sequence[tuple[int, float, float | None]],
) -> None:
    """Both curves, each named at its end.

    Args:
        sketch: Where.
        upper_left: The corner where 100% is.
        lower_right: The corner where 0% is.
        points: For each layer its place from 1, the share of zeros, and the share of dead
            channels or ``None`` where it has no maps.
    """
    left, top = upper_left[0] + AXIS, upper_left[1]
    right, bottom = lower_right[0] - NAMES, lower_right[1]
    for share, words in ((0.0, "0%"), (0.5, "50%"), (1.0, "100%")):
        y = bottom - share * (bottom - top)
        sketch.line((left, y), (right, y), width=0.4)
        sketch.label(left - 4, y + 1.9, words, TINY, "end")
    first, last = points[0][0], points[-1][0]
    across = (right - left - 12) / max(1, last - first)

    def where(place: int, share: float) -> Point:
        return left + 6 + (place - first) * across, bottom - share * (bottom - top)

    _numbers(sketch, [point[0] for point in points], where, bottom, across)
    zeros = [where(place, share) for place, share, _ in points]
    dead = [where(place, share) for place, _, share in points if share is not None]
    _curve(sketch, dead, INK, hollow=True)
    _curve(sketch, zeros, ACCENT, hollow=False)
    ends = [(zeros[-1], "zeros, share of values", ACCENT)]
    if dead:
        ends.append((dead[-1], "dead, share of channels", INK))
    _name(sketch, ends, right + 6)


def _curve(sketch: Sketch, points: list[Point], colour: str, *, hollow: bool) -> None:
    if len(points) > 1:
        sketch.line(*points, colour=colour, width=1.0)
    radius = 1.75 if len(points) <= 40 else 1.0
    for x, y in points:
        fill = "#ffffff" if hollow else colour
        sketch.box(x - radius, y - radius, 2 * radius, 2 * radius, fill, colour)


def _numbers(sketch, places, where, bottom, across) -> None:  # type: ignore[no-untyped-def]
    every = max(1, round(14 / across + 0.49)) if across else 1
    for order, place in enumerate(places):
        if order % every == 0:
            x, _ = where(place, 0)
            sketch.line((x, bottom), (x, bottom + 2.5), colour=FAINT)
            sketch.label(x, bottom + 9, str(place), TINY)


def _name(sketch: Sketch, ends: list[tuple[Point, str, str]], x: float) -> None:
    """The curves' names beside their ends, pushed apart where they would touch."""
    free = -1e9
    for (_, y), words, colour in sorted(ends, key=lambda end: end[0][1]):
        y = max(y + 2, free)
        sketch.label(x, y, words, TINY.but(colour=colour if colour != INK else QUIET), "start")
        free = y + 8
