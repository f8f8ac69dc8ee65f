"""The axes of a curve.

The rule of this module: a value has one height, and a rule with its number is drawn where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from layersight.writers.page import Point
from layersight.writers.sketch import ACCENT, FAINT, TINY, Sketch

TICK = 2.5


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a curve is drawn: from the upper left to the lower right, in points."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Axes:
    """A frame with numbers: from left to right, and from bottom to top."""

    frame: Frame
    across: tuple[float, float]
    up: tuple[float, float]

    def x(self, value: float) -> float:
        """Where a number lies from left to right, in points."""
        first, last = self.across
        share = (value - first) / ((last - first) or 1.0)
        return self.frame.left + share * (self.frame.right - self.frame.left)

    def y(self, value: float) -> float:
        """Where a number lies from bottom to top, in points."""
        low, high = self.up
        share = (value - low) / ((high - low) or 1.0)
        return self.frame.bottom - share * (self.frame.bottom - self.frame.top)

    def rule(self, sketch: Sketch, value: float, words: str) -> None:
        """Draws a line at a height, with its number to the left."""
        y = self.y(value)
        sketch.line((self.frame.left, y), (self.frame.right, y), width=0.4)
        sketch.label(self.frame.left - 4, y + 1.9, words, TINY, "end")

    def tick(self, sketch: Sketch, value: float, words: str) -> None:
        """Draws a mark under a place, with its number."""
        x, bottom = self.x(value), self.frame.bottom
        sketch.line((x, bottom), (x, bottom + TICK), colour=FAINT)
        sketch.label(x, bottom + 9, words, TINY)

    def curve(
        self,
        sketch: Sketch,
        points: Iterable[Point],
        *,
        colour: str = ACCENT,
        width: float = 1.0,
    ) -> None:
        """Draws a line through places; nothing through fewer than two."""
        found = [(self.x(x), self.y(y)) for x, y in points]
        if len(found) > 1:
            sketch.line(*found, colour=colour, width=width)
