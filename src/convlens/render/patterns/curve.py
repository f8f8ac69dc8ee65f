"""The ascent of a pattern as a curve, with what natural images reach beside it.

The rule of this module: the axis begins at zero or below it, so that heights can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convlens.pattern import Patterns
from convlens.render.legend import nice_ticks
from convlens.render.patterns.wording import amount
from convlens.render.sketch import ACCENT, BODY, FAINT, NOTE, QUIET, TINY, Sketch

AXIS = 30.0
"""Room for the numbers left of the curve, in points."""
ASIDE = 74.0
"""Room for words right of it."""
APART = 7.0
"""The least distance of two words above each other."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a curve is drawn: from the upper left to the lower right, in points."""

    left: float
    top: float
    right: float
    bottom: float


def draw_curve(sketch: Sketch, frame: Frame, result: Patterns, place: int) -> None:
    """Draws the objective before each step, and marks of natural images."""
    values = [float(value) for value in result.history[place] if np.isfinite(value)]
    marks = _marks(result, place)
    reached = float(result.activation[place])
    every = [0.0, reached, *values, *(height for height, _ in marks)]
    low, high = min(every), max(every)
    span = (high - low) or 1.0
    left, right = frame.left + AXIS, frame.right - ASIDE

    def y(value: float) -> float:
        return frame.bottom - (value - low) / span * (frame.bottom - frame.top)

    def x(step: float) -> float:
        return left + step / max(1, len(values)) * (right - left)

    for value in dict.fromkeys((low, low + span / 2, high)):
        sketch.line((left, y(value)), (right, y(value)), width=0.4)
        sketch.label(left - 4, y(value) + 1.9, amount(value), TINY, "end")
    for step in nice_ticks(len(values) + 1, 6):
        sketch.line((x(step), frame.bottom), (x(step), frame.bottom + 2.5), colour=FAINT)
        sketch.label(x(step), frame.bottom + 9, str(step), TINY)
    for height, _ in marks:
        sketch.line((left, y(height)), (right, y(height)), colour=QUIET, width=0.4)
    if len(values) > 1:
        points = [(x(step), y(value)) for step, value in enumerate(values)]
        sketch.line(*points, colour=ACCENT, width=1.0)
    end = x(len(values)), y(reached)
    sketch.box(end[0] - 2, end[1] - 2, 4, 4, ACCENT)
    words = [(reached, "reached", True), *((height, text, False) for height, text in marks)]
    _words(sketch, right + 6, [(y(height), text, strong) for height, text, strong in words])
    sketch.label(
        frame.left,
        frame.top - 10,
        "Activation before each step, as the network saw the canvas then",
        NOTE,
        "start",
    )
    sketch.label(right, frame.bottom + 18, "steps", TINY, "end")


def _marks(result: Patterns, place: int) -> list[tuple[float, str]]:
    """What natural images reach, in words, the greatest first."""
    if result.natural is None:
        return []
    middle, high, most = (float(value) for value in result.natural[place])
    return [(most, "strongest image"), (high, "99% of images"), (middle, "median image")]


def _words(sketch: Sketch, x: float, words: Sequence[tuple[float, str, bool]]) -> None:
    """Words beside their heights, moved apart where they would lie on each other."""
    taken: list[float] = []
    for height, text, strong in sorted(words):
        y = max(height, taken[-1] + APART) if taken else height
        taken.append(y)
        style = BODY.but(colour=ACCENT, bold=True) if strong else TINY
        sketch.line((x - 5, height), (x - 1.5, y), colour=FAINT, width=0.4)
        sketch.label(x, y + style.size * 0.33, text, style, "start")
