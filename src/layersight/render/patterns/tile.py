"""One pattern with what it reached under it.

The rule of this module: whoever sees the picture sees its number, and a dead pattern is a flat
tile with the word.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import amount, empty_mark, kept, outdone, reached, short_name
from layersight.render.legend import constant, mark_flat
from layersight.writers.sketch import (
    ACCENT,
    BODY,
    BROKEN_INK,
    FAINT,
    INK,
    NOTE,
    QUIET,
    TINY,
    Sketch,
    Style,
)

FULL = 44.0
"""Width from which on a tile has all its numbers, in points."""
SCANT = 24.0
"""Width from which on it has its channel and what it reached."""
LARGE = 92.0
"""Width from which on the words are larger."""
METER = 2.4
METER_FILL = "#e3e7e9"
ARROW = 5.0


@dataclass(frozen=True, slots=True)
class Caption:
    """How the numbers under tiles of one width are set.

    Attributes:
        wide: Of a tile, in points.
        compared: Whether there are numbers of natural images.
        rising: Whether some patterns have not converged, so that room for their mark is kept.
        numbered: Whether there are numbers at all, or the channel alone.
    """

    wide: float
    compared: bool = False
    rising: bool = False
    numbered: bool = True

    @property
    def style(self) -> Style:
        """Of the words."""
        return dataclasses.replace(BODY if self.wide >= LARGE else NOTE, colour=QUIET)

    @property
    def step(self) -> float:
        """From one baseline to the next."""
        return self.style.size * 1.28

    @property
    def height(self) -> float:
        """Of all lines, in points."""
        if not self.numbered or self.wide < SCANT:
            return TINY.size * 1.5
        if self.wide < FULL:
            return TINY.size * 2.6 + METER
        return self.step * (3 if self.compared else 2) + 1.5

    def draw(self, sketch: Sketch, x: float, y: float, result: Patterns, place: int) -> None:
        """Draws the numbers of a pattern under the tile whose lower edge is ``y``."""
        objective = result.objectives[place]
        name = f"facet {objective.facet}" if objective.facet else short_name(result, place)
        if not self.numbered or self.wide < SCANT:
            sketch.text(x + self.wide / 2, y + TINY.size * 1.1, name, TINY, anchor="middle")
        elif self.wide < FULL:
            sketch.text(x, y + TINY.size * 1.1, name, TINY.but(colour=INK, bold=True))
            sketch.label(x, y + TINY.size * 2.25, _told(result, place), TINY, "start")
            self._meter(sketch, x, y + TINY.size * 2.6, self.wide, result, place)
        else:
            self._lines(sketch, x, y, name, result, place)

    def _lines(
        self, sketch: Sketch, x: float, y: float, name: str, result: Patterns, place: int
    ) -> None:
        style, right = self.style, x + self.wide
        y += self.step * 0.95
        edge = right - (ARROW + 1.5 if self.rising else 0.0)
        empty = bool(result.empty[place])
        quiet = bool(result.objectives[place].facet)
        title = style if quiet else style.but(colour=INK, bold=True)
        told = _told(result, place)
        room = edge - x - sketch.measure(told, style) - 3
        sketch.text(x, y, name, title, room=room)
        sketch.label(edge, y, told, style.but(colour=QUIET if empty else INK), "end")
        if not empty and not result.converged[place]:
            draw_arrow(sketch, right, y)
        if empty:
            return
        if self.compared and result.natural is not None:
            y += self.step
            sketch.label(x, y, "images", style, "start")
            colour = BROKEN_INK if outdone(result, place) else QUIET
            most = amount(float(result.natural[place, 2]))
            sketch.label(edge, y, most, style.but(colour=colour), "end")
        y += self.step
        words = kept(result, place)
        sketch.label(edge, y, words, style, "end")
        room = edge - x - sketch.measure("100%", style) - 4
        self._meter(sketch, x, y - style.size * 0.52, room, result, place)

    def _meter(
        self, sketch: Sketch, x: float, y: float, wide: float, result: Patterns, place: int
    ) -> None:
        """A bar as long as the share that is kept."""
        share = float(result.robustness[place])
        if math.isfinite(share):
            draw_meter(sketch, x, y, wide, share)


def _told(result: Patterns, place: int) -> str:
    return empty_mark(result, place) or reached(result, place)


def draw_meter(sketch: Sketch, x: float, y: float, wide: float, share: float) -> None:
    """A bar of a share of 0..1 on its track."""
    y = sketch.medium.snap(y)
    sketch.box(x, y, wide, METER, METER_FILL)
    sketch.box(x, y, wide * min(1.0, max(0.0, share)), METER, ACCENT)


def draw_arrow(sketch: Sketch, right: float, y: float) -> None:
    """The mark of a pattern that has not converged: an arrow upwards, ending at ``right``."""
    left, low, high = right - ARROW, y, y - ARROW
    sketch.line((left, low), (right, high), colour=ACCENT, width=0.8)
    sketch.line((right - 3.2, high), (right, high), colour=ACCENT, width=0.8)
    sketch.line((right - 0.4, high), (right - 0.4, high + 3.2), colour=ACCENT, width=0.8)


def draw_tile(
    sketch: Sketch,
    x: float,
    y: float,
    pixel: float,
    result: Patterns,
    place: int,
) -> None:
    """Draws a pattern whose pixels are ``pixel`` points wide, or the mark of one that is empty."""
    pixels = result.images[place]
    mark = empty_mark(result, place)
    if not mark:
        sketch.picture(x, y, (pixel, pixel), pixels)
        return
    tall, wide = pixels.shape[0] * pixel, pixels.shape[1] * pixel
    style = LABELS[wide >= LARGE]
    words = (mark, constant(float(result.activation[place])))
    mark_flat(sketch, x, y, wide, tall, words, style)


LABELS = {False: NOTE, True: dataclasses.replace(BODY, colour=QUIET)}
"""The style of the word on an empty tile, by whether it is large."""

OUTLINE = FAINT
"""What lines beside tiles are drawn in."""
