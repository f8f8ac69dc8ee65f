"""The ascent of a pattern as a curve, with what natural images reach beside it.

The rule of this module: the axis begins at zero or below it, so that heights can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import amount
from layersight.render.axes import Axes, Frame
from layersight.render.legend import nice_ticks
from layersight.writers.sketch import ACCENT, BODY, FAINT, NOTE, QUIET, TINY, Sketch

AXIS = 30.0
"""Room for the numbers left of the curve, in points."""
ASIDE = 74.0
"""Room for words right of it."""
MIN_STANDARD_ERRORS = 7.0
"""The least distance of two words above each other."""


def draw_curve(sketch: Sketch, frame: Frame, result: Patterns, place: int) -> None:
    """Draws the objective before each step, and marks of natural images."""
    values = [float(value) for value in result.history[place] if np.isfinite(value)]
    marks = _marks(result, place)
    reached = float(result.activation[place])
    every = [0.0, reached, *values, *(height for height, _ in marks)]
    low, high = min(every), max(every)
    inner = Frame(frame.left + AXIS, frame.top, frame.right - ASIDE, frame.bottom)
    axes = Axes(inner, (0, max(1, len(values))), (low, high))
    for value in dict.fromkeys((low, low + ((high - low) or 1.0) / 2, high)):
        axes.rule(sketch, value, amount(value))
    for step in nice_ticks(len(values) + 1, 6):
        axes.tick(sketch, step, str(step))
    for height, _ in marks:
        y = axes.y(height)
        sketch.line((inner.left, y), (inner.right, y), colour=QUIET, width=0.4)
    axes.curve(sketch, enumerate(values))
    end = axes.x(len(values)), axes.y(reached)
    sketch.box(end[0] - 2, end[1] - 2, 4, 4, ACCENT)
    words = [(reached, "reached", True), *((height, text, False) for height, text in marks)]
    _words(sketch, inner.right + 6, [(axes.y(at), text, strong) for at, text, strong in words])
    sketch.label(
        frame.left,
        frame.top - 10,
        "Activation before each step, as the network saw the canvas then",
        NOTE,
        "start",
    )
    sketch.label(inner.right, frame.bottom + 18, "steps", TINY, "end")


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
        y = max(height, taken[-1] + MIN_STANDARD_ERRORS) if taken else height
        taken.append(y)
        style = BODY.but(colour=ACCENT, bold=True) if strong else TINY
        sketch.line((x - 5, height), (x - 1.5, y), colour=FAINT, width=0.4)
        sketch.label(x, y + style.size * 0.33, text, style, "start")
