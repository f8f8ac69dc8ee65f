"""One picture, large, with its axes and its colour bar.

The rule of this module: a picture whose rows are separate things may be broken between them and
stretched; any other keeps its aspect ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from layersight.document.blocks import Axis, Patch, Picture, Scale
from layersight.document.words import number, span
from layersight.writers.layout.axes import round_ticks
from layersight.writers.layout.body import Body, lay
from layersight.writers.layout.text import STEP
from layersight.writers.layout.tile import draw_pixels
from layersight.writers.sketch import (
    BAR,
    BODY,
    BROKEN_FILL,
    BROKEN_INK,
    DEAD_FILL,
    FAINT,
    LEAD,
    NOTE,
    QUIET,
    RAMP,
    TINY,
    WHITE,
    Medium,
    Sketch,
)

TITLE = 11.0
SPARE = 60.0  # points of a page that no picture takes, for a heading
STANDING = 60.0  # width of a standing colour bar with its words
BLEED = 0.5
BROAD = 60.0  # the least width of a cell with larger labels under columns


@lay.register
def _picture(block: Picture, medium: Medium, room: float) -> Body:
    height, width = block.pixels.shape[:2]
    gutter = _gutter(block.rows, height, medium)
    margin = _margin(block, medium)
    lines = [line for text in block.lines for line in medium.wrap(text, NOTE, room)]
    if block.tall is None:
        extra = TITLE + _below(block) + NOTE.size * STEP * len(lines) + SPARE
        side = min(block.side, (room - gutter - margin) * max(1, height / width))
        side = min(side, (medium.body - extra) * max(1, width / height))
        exact = side / max(height, width)
        if medium.resolution is not None:
            exact = max(1, round(block.side * medium.resolution / max(height, width)))
            exact /= medium.resolution
        pixel = (exact, exact)
    else:
        pixel = (
            medium.zoomed(width, min(block.side, room - gutter - margin)),
            medium.zoomed(1, block.tall),
        )
    wide = gutter + width * pixel[0] + margin
    head = TITLE if block.title else 0.0
    tail = _below(block) + NOTE.size * STEP * len(lines)

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        if block.title:
            sketch.text(x, y + 7, block.title, NOTE, room=wide)
            y += TITLE
        left, top = sketch.medium.snap(x + gutter), sketch.medium.snap(y)
        if block.tall is None:
            first, last = 0, height
        bottom = _Drawing(sketch, left, top, pixel, block, first, last).draw()
        bottom += _below(block)
        for line in lines:
            bottom += NOTE.size * STEP
            sketch.text(x, bottom - 1, line, NOTE)

    rows = (pixel[1],) * height if block.tall is not None else (height * pixel[1],)
    return Body(wide, rows, draw, head, tail, partial(_part, block))


def _gutter(axis: Axis | None, count: int, medium: Medium) -> float:
    if axis is None:
        return 0.0
    labels = axis.labels or (str(count - 1),)
    return max(medium.measure(label, TINY) for label in labels) + 8.0


def _margin(block: Picture, medium: Medium) -> float:
    """Room right of a picture: for its colour bar, or for words beside its rows."""
    if block.scale is not None and block.bar == "right":
        return STANDING
    asides = [_aside(block, patch) for patch in block.patches]
    widest = max((medium.measure(words, TINY) for words in asides), default=0.0)
    return widest + 5.0 if widest else 0.0


def _aside(block: Picture, patch: Patch) -> str:
    """The words beside a patch that covers entire rows."""
    full_width = patch.left == 0 and patch.right == block.pixels.shape[1]
    if block.tall is None or not full_width or patch.cover is None:
        return ""
    return " ".join(patch.cover.words)


def _below(block: Picture) -> float:
    below = 0.0
    if block.columns is not None:
        below += 19.0 if block.columns.title else 12.0
    if block.scale is not None and block.bar == "below":
        below += BAR + 4.0
    return below


def _part(block: Picture, first: int, last: int) -> str:
    count = len(block.pixels)
    if block.unit == "unit" or block.values is not None:  # every pixel is one
        return f"rows {span(first + 1, last)} of {count:,}"
    labels = block.rows.labels if block.rows is not None and block.rows.labels else None
    names = labels or [str(row) for row in range(count)]
    return f"{block.unit or 'row'}s {span(names[first], names[last - 1])} of {count:,}"


@dataclass(frozen=True, eq=False, slots=True)
class _Drawing:
    """The rows of a picture from ``first`` up to before ``last`` at (x, y)."""

    sketch: Sketch
    x: float
    y: float
    pixel: tuple[float, float]  # the size of a pixel
    block: Picture
    first: int
    last: int

    @property
    def wide(self) -> float:
        return float(self.block.pixels.shape[1] * self.pixel[0])

    @property
    def tall(self) -> float:
        return (self.last - self.first) * self.pixel[1]

    def draw(self) -> float:
        """Draws the rows with their axes, covers and bar; returns the lower edge of the pixels."""
        block, sketch, x, y = self.block, self.sketch, self.x, self.y
        if block.cover is not None and block.overlay is None:
            style = LEAD.but(colour=QUIET)
            sketch.cover(x, y, self.wide, self.tall, block.cover, style)
        else:
            rows, over = block.pixels[self.first : self.last], (block.overlay, block.cover)
            cut = block.slices, block.depth
            draw_pixels(sketch, x, y, self.pixel, rows, block.palette, *over, *cut)
        self._patches()
        if block.rows is not None:
            self._row_numbers(block.rows)
        bottom: float = y + self.tall
        if block.columns is not None:
            self._column_numbers(bottom, block.columns)
        if block.scale is not None and block.cover is None:
            if block.bar == "right":
                _standing(sketch, x + self.wide + 14, y, self.tall, block.scale)
            else:
                sketch.scale(x, bottom + _below(block) - BAR, block.scale, self.wide)
        return bottom

    def _row_numbers(self, axis: Axis) -> None:
        apart = 8.0 if self.block.tall is not None else 24.0
        count, tall = self.last - self.first, self.pixel[1]
        for tick in round_ticks(count, max(2, int(count * tall / apart))):
            row = self.first + tick
            words = axis.labels[row] if axis.labels else str(row)
            self.sketch.tick_left(self.x, self.y + (tick + 0.5) * tall, words)
        if axis.title:
            self.sketch.label(self.x - 4, self.y - 4, axis.title, TINY, "end")

    def _column_numbers(self, y: float, axis: Axis) -> None:
        sketch, x, wide, count = self.sketch, self.x, self.pixel[0], self.block.pixels.shape[1]
        widest = max((sketch.medium.measure(label, TINY) for label in axis.labels), default=22.0)
        if len(axis.labels) == count and widest + 4 <= wide:
            style = BODY if wide >= BROAD else TINY
            for column, words in enumerate(axis.labels):
                sketch.text(x + (column + 0.5) * wide, y + 9, words, style, anchor="middle")
        else:
            for tick in round_ticks(count, max(2, int(count * wide / (widest + 6)))):
                words = axis.labels[tick] if axis.labels else str(tick)
                sketch.tick(x + (tick + 0.5) * wide, y, words)
        if axis.title:
            sketch.label(x + count * wide, y + 17, axis.title, TINY, "end")

    def _patches(self) -> None:
        """Covers parts of the rows; the words on entire rows are beside them."""
        sketch, free = self.sketch, -math.inf
        over = 0.0 if sketch.medium.resolution else BLEED
        for patch in self.block.patches:
            begin, end = max(patch.top, self.first), min(patch.bottom, self.last)
            if begin >= end:
                continue
            left = self.x + patch.left * self.pixel[0]
            top = self.y + (begin - self.first) * self.pixel[1]
            wide = (patch.right - patch.left) * self.pixel[0]
            tall, cover = (end - begin) * self.pixel[1], patch.cover
            if cover is None:
                sketch.box(left, top, wide + over, tall + over, WHITE)
                continue
            words = _aside(self.block, patch)
            if not words and (cover.words or self.block.tall is None):
                sketch.cover(left, top, wide, tall, cover, TINY)
                continue
            broken = cover.kind == "broken"
            fill, ink = (BROKEN_FILL, BROKEN_INK) if broken else (DEAD_FILL, FAINT)
            sketch.box(left - over, top, wide + 2 * over, tall, fill)
            if words:
                sketch.line((left, top + tall / 2), (left + wide, top + tall / 2))
                middle = max(top + tall / 2 + 1.9, free)
                free = middle + TINY.size * 1.1
                style = TINY.but(colour=BROKEN_INK) if broken else TINY
                sketch.label(self.x + self.wide + 4, middle, words, style, "start")
            else:
                sketch.line((left, top), (left + wide, top + tall), colour=ink)


def _standing(sketch: Sketch, x: float, y: float, tall: float, scale: Scale) -> None:
    """An upright colour bar: with five values if its ends have numbers, else with its words."""
    x = sketch.medium.snap(x)
    rows = max(1, round(tall * (sketch.medium.resolution or 256 / tall)))
    ramp = np.ascontiguousarray(RAMP[0, ::-1][np.arange(rows) * 256 // rows][:, None])
    sketch.picture(x, y, (7.0, tall / rows), ramp, scale.palette)
    x += 7
    marks = scale.marks
    if scale.low is not None and scale.high is not None:
        reach = scale.high - scale.low
        marks = tuple((step / 4, number(scale.low + reach * step / 4)) for step in range(5))
    for position, words in marks:
        height = y + tall * (1 - position)
        sketch.line((x, height), (x + 2.5, height))
        shift = 4.0 if position >= 1 else 0.0 if position <= 0 else 2.0
        sketch.text(x + 4.5, height + shift, words, TINY)
