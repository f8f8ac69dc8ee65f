"""Paragraphs that know their height before they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layersight.writers.fonts import clean, wrap
from layersight.writers.sketch import Medium, Sketch, Style

STEP = 1.4
"""From one baseline to the next, as a share of the size of the font."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Lines of text, each in its style."""

    lines: tuple[tuple[str, Style], ...]

    @property
    def height(self) -> float:
        """Of all lines, in points."""
        return sum(style.size * STEP for _, style in self.lines)

    def draw(self, sketch: Sketch, x: float, y: float) -> float:
        """Draws the lines under ``y``; returns where they end."""
        for text, style in self.lines:
            sketch.label(x, y + style.size, text, style, "start")
            y += style.size * STEP
        return y


def set_prose(medium: Medium, parts: Sequence[tuple[str, Style]], room: float) -> Prose:
    """Paragraphs in lines of at most ``room`` points."""
    pixels = medium.resolution is not None
    return Prose(
        tuple(
            (line, style)
            for text, style in parts
            for line in wrap(clean(text), room, style.size, style.bold, pixels=pixels)
        )
    )
