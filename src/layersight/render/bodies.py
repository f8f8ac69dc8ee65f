"""The picture of one layer: tiles, rows or units, drawn a few rows at a time.

The rule of this module: a body knows its rows and their height, so that a page can take as
many as fit; it never knows what a page is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from layersight.document.colour import palette
from layersight.document.words import number, span
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import LayerActivation
from layersight.nouns.activations.tiles import Tiles
from layersight.render.cells import Cells, lay_cells
from layersight.render.legend import (
    constant,
    draw_ticks_below,
    draw_ticks_left,
    mark_broken,
    mark_dead,
    part_slices,
)
from layersight.writers.page import WHITE
from layersight.writers.pixels import mosaic
from layersight.writers.sketch import (
    BROKEN_FILL,
    BROKEN_INK,
    DEAD_FILL,
    FAINT,
    INK,
    NOTE,
    QUIET,
    TINY,
    Medium,
    Sketch,
)

GUTTER = 24.0
"""Room for row numbers left of rows and units."""
MARGINALIA = 60.0
"""Room for the marks of dead rows."""
BLEED = 0.5
"""How far covers reach beyond a mosaic, so that no edge of a pixel shows."""
OUTER = 2.0
"""How far they reach where only white follows: viewers round an image up to their pixels."""
LIGHTEST = 255
"""The colour step of cells that are covered; the least to be seen at a cover's edge."""
LARGE = 60.0
"""Width from which on a tile has larger words, in points."""


class Body(Protocol):
    """The picture of one layer.

    Attributes:
        rows: How many rows there are.
        row_height: Of each, in points.
        extra: The height of what stands under the last row, in points.
        width: In points.
    """

    @property
    def rows(self) -> int: ...
    @property
    def row_height(self) -> float: ...
    @property
    def extra(self) -> float: ...
    @property
    def width(self) -> float: ...

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the rows from ``first`` up to before ``last``."""

    def part(self, first: int, last: int) -> str:
        """Those rows in words."""


def make_body(
    medium: Medium, entry: LayerActivation, tiles: Tiles, image: int, options: PictureOptions
) -> Body:
    """The body that fits the form of the tiles."""
    return BODIES[tiles.form](medium, entry, tiles, image, options)


@dataclass(frozen=True, eq=False, slots=True)
class TileBody:
    """A mosaic with the number of each channel under its tile."""

    tiles: Tiles
    cells: Cells
    options: PictureOptions

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return math.ceil(len(self.tiles.pixels) / self.cells.columns)

    @property
    def row_height(self) -> float:
        """Of a tile with its number."""
        return self.cells.pitch_y

    @property
    def extra(self) -> float:
        """Nothing stands under the mosaic."""
        return 0.0

    @property
    def width(self) -> float:
        """Of the mosaic."""
        return self.cells.total_width

    def part(self, first: int, last: int) -> str:
        """The channels in these rows."""
        channels = self.tiles.channels
        start = first * self.cells.columns
        stop = min(last * self.cells.columns, len(channels))
        return f"channels {span(channels[start], channels[stop - 1])} of {len(channels):,}"

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the mosaic of these rows, covers its gaps, marks and numbers the tiles."""
        cells = self.cells
        x, y = sketch.medium.snap(x), sketch.medium.snap(y)
        start = first * cells.columns
        shown = self.tiles.pixels[start : last * cells.columns]
        covered = (self.tiles.dead | self.tiles.broken)[start : last * cells.columns]
        if covered.any():
            shown = np.where(covered[:, None, None], np.uint8(LIGHTEST), shown)
        sheet = mosaic(
            shown,
            columns=cells.columns,
            gap=(cells.gap_y, cells.gap_x),
            fill=LIGHTEST,
            extend=True,
        )
        sketch.picture(x, y, (cells.pixel, cells.pixel), sheet, palette(self.options.colormap))
        self._cover(sketch, x, y, len(shown))
        self._annotate(sketch, x, y, start, len(shown))

    def _cover(self, sketch: Sketch, x: float, y: float, count: int) -> None:
        """White over the gaps and over the cells that are left over."""
        cells = self.cells
        beside = min(cells.columns, count)
        rows = math.ceil(count / cells.columns)
        gap_x, gap_y = cells.gap_x * cells.pixel, cells.gap_y * cells.pixel
        over = sketch.medium.snap(BLEED)
        wide = beside * cells.pitch_x + over + OUTER
        tall = rows * cells.pitch_y + over + OUTER
        for column in range(1, beside + 1):
            more = OUTER if column == beside else 0.0
            edge = x + column * cells.pitch_x - gap_x
            sketch.box(edge, y - over, gap_x + more, tall, WHITE)
        for row in range(1, rows + 1):
            more = OUTER if row == rows else 0.0
            edge = y + row * cells.pitch_y - gap_y
            sketch.box(x - over, edge, wide, gap_y + more, WHITE)
        left_over = rows * cells.columns - count
        if left_over and rows > 1:
            begin = (cells.columns - left_over) * cells.pitch_x
            top = y + (rows - 1) * cells.pitch_y
            sketch.box(x + begin, top, wide - begin, cells.tall + over, WHITE)

    def _annotate(self, sketch: Sketch, x: float, y: float, start: int, count: int) -> None:
        """The channel numbers, and the marks of dead and broken tiles."""
        cells, tiles = self.cells, self.tiles
        style = NOTE if cells.wide >= LARGE else TINY
        widest = sketch.measure(str(max(tiles.channels, default=0)), style) + 1.5
        every = max(1, math.ceil(widest / cells.pitch_x))
        flagged = tiles.dead | tiles.broken
        volume = math.prod(tiles.slices) > 1
        drop = cells.tall + style.size * 1.02
        for place in range(count):
            row, column = divmod(place, cells.columns)
            left, top = x + column * cells.pitch_x, y + row * cells.pitch_y
            index = start + place
            if flagged[index]:
                if tiles.broken[index]:
                    mark_broken(sketch, left, top, cells.wide, cells.tall, style)
                else:
                    value = float(tiles.constants[index])
                    mark_dead(sketch, left, top, cells.wide, cells.tall, value, style)
            elif volume:
                part_slices(sketch, left, top, cells.wide, cells.tall, tiles)
            if column % every == 0:
                text = str(tiles.channels[index])
                sketch.label(left + cells.wide / 2, top + drop, text, style)


@dataclass(frozen=True, eq=False, slots=True)
class RowBody:
    """A 1-D layer: a row for each channel, positions from left to right."""

    tiles: Tiles
    pixel: tuple[float, float]
    options: PictureOptions

    @property
    def rows(self) -> int:
        """One for each channel."""
        return len(self.tiles.channels)

    @property
    def row_height(self) -> float:
        """Of a channel."""
        return self.pixel[1]

    @property
    def extra(self) -> float:
        """The axis of positions."""
        return 19.0

    @property
    def width(self) -> float:
        """With the numbers at the left and the marks at the right."""
        return GUTTER + int(self.tiles.pixels.shape[2]) * self.pixel[0] + MARGINALIA

    def part(self, first: int, last: int) -> str:
        """The channels in these rows."""
        channels = self.tiles.channels
        return f"channels {span(channels[first], channels[last - 1])} of {len(channels):,}"

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the rows of these channels with both axes and marks the dead ones."""
        x, y = sketch.medium.snap(x + GUTTER), sketch.medium.snap(y)
        shown = np.ascontiguousarray(self.tiles.pixels[0, first:last])
        wide, tall = sketch.picture(x, y, self.pixel, shown, palette(self.options.colormap))
        draw_ticks_left(sketch, x, y, self.pixel[1], self.tiles.channels[first:last])
        title = "position; a row for each channel"
        draw_ticks_below(sketch, x, y + tall, self.pixel[0], shown.shape[1], title)
        self._mark(sketch, x, y, wide, first, last)

    def _mark(self, sketch: Sketch, x: float, y: float, wide: float, first: int, last: int) -> None:
        """Greys dead and broken rows, neighbours of one kind together, and names them."""
        tiles = self.tiles

        def kind(row: int) -> tuple[bool, bool, float]:
            return bool(tiles.broken[row]), bool(tiles.dead[row]), float(tiles.constants[row])

        free = -math.inf
        for (broken, dead, value), group in itertools.groupby(range(first, last), kind):
            if not (broken or dead):
                continue
            members = list(group)
            top = y + (members[0] - first) * self.pixel[1]
            tall = len(members) * self.pixel[1]
            over = 0.0 if sketch.medium.resolution else BLEED
            fill = BROKEN_FILL if broken else DEAD_FILL
            sketch.box(x - over, top, wide + 2 * over, tall, fill)
            sketch.line((x, top + tall / 2), (x + wide, top + tall / 2))
            names = [str(tiles.channels[row]) for row in (members[0], members[-1])]
            which = names[0] if len(members) == 1 else span(*names)
            words = "not a number" if broken else f"dead {constant(value)}"
            middle = max(top + tall / 2 + 1.9, free)
            free = middle + TINY.size * 1.1
            style = TINY.but(colour=BROKEN_INK if broken else QUIET)
            sketch.label(x + wide + 4, middle, f"{which} {words}", style, "start")


@dataclass(frozen=True, eq=False, slots=True)
class UnitBody:
    """A vector: cells in rows, read like text."""

    tiles: Tiles
    values: tuple[float, ...]
    pixel: tuple[float, float]
    options: PictureOptions

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return int(self.tiles.pixels.shape[1])

    @property
    def row_height(self) -> float:
        """Of a cell, with the numbers over it and its value under it where those are shown."""
        return self.pixel[1] + (19.0 if self.values else 0.0)

    @property
    def extra(self) -> float:
        """Nothing stands under the cells."""
        return 0.0

    @property
    def width(self) -> float:
        """With the numbers at the left."""
        return (0.0 if self.values else GUTTER) + int(self.tiles.pixels.shape[2]) * self.pixel[0]

    def part(self, first: int, last: int) -> str:
        """The units in these rows."""
        width, units = self.tiles.pixels.shape[2], len(self.tiles.channels)
        return f"units {span(first * width, min(last * width, units) - 1)} of {units:,}"

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws these rows of cells with the number of each row's first unit."""
        offset = (0.0, 8.0) if self.values else (GUTTER, 0.0)
        x, y = sketch.medium.snap(x + offset[0]), sketch.medium.snap(y + offset[1])
        shown = np.ascontiguousarray(self.tiles.pixels[0, first:last])
        wide, tall = sketch.picture(x, y, self.pixel, shown, palette(self.options.colormap))
        if self.tiles.low == self.tiles.high:
            sketch.box(x, y, wide, tall, DEAD_FILL, FAINT)
        width, units = shown.shape[1], len(self.tiles.channels)
        left_over = last * width - units
        if left_over > 0:
            edge = x + (width - left_over) * self.pixel[0]
            top = y + (last - first - 1) * self.pixel[1]
            sketch.box(edge, top, left_over * self.pixel[0] + 0.5, self.pixel[1] + 0.5, WHITE)
        if self.values:
            self._print_values(sketch, x, y)
        else:
            starts = tuple(self.tiles.channels[first * width : last * width : width])
            draw_ticks_left(sketch, x, y, self.pixel[1], starts, apart=8.0)
        self._mark_broken(sketch, x, y, first, last)

    def _print_values(self, sketch: Sketch, x: float, y: float) -> None:
        for place, (unit, value) in enumerate(zip(self.tiles.channels, self.values, strict=True)):
            middle = x + (place + 0.5) * self.pixel[0]
            sketch.label(middle, y - 2.5, str(unit), TINY)
            text = "not a number" if self.tiles.broken[place] else number(value)
            sketch.label(middle, y + self.pixel[1] + 8, text, TINY.but(colour=INK))

    def _mark_broken(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        width = self.tiles.pixels.shape[2]
        wide, tall = self.pixel
        for unit in np.flatnonzero(self.tiles.broken[: last * width]).tolist():
            row, column = divmod(unit, width)
            if row >= first:
                left, top = x + column * wide, y + (row - first) * tall
                sketch.box(left, top, wide, tall, BROKEN_FILL)
                sketch.line((left, top), (left + wide, top + tall), colour=BROKEN_INK)


def _tile_body(
    medium: Medium, entry: LayerActivation, tiles: Tiles, image: int, options: PictureOptions
) -> Body:
    count, height, width = tiles.pixels.shape
    return TileBody(tiles, lay_cells(medium, height, width, count, options.columns), options)


def _row_body(
    medium: Medium, entry: LayerActivation, tiles: Tiles, image: int, options: PictureOptions
) -> Body:
    _, rows, length = tiles.pixels.shape
    across = medium.zoomed(length, medium.room - GUTTER - MARGINALIA)
    down = medium.zoomed(rows, min(10.0 * rows, max(2.0 * rows, 400.0)))
    return RowBody(tiles, (across, down), options)


def _unit_body(
    medium: Medium, entry: LayerActivation, tiles: Tiles, image: int, options: PictureOptions
) -> Body:
    rows = tiles.pixels.shape[1]
    if len(tiles.channels) <= 20:
        values = tuple(float(value) for value in entry.values[image].reshape(-1))
        return UnitBody(tiles, values, (medium.zoomed(20, medium.room), 12.0), options)
    side = min((medium.room - GUTTER) / 64, max(2.5, 400.0 / rows))
    side = medium.zoomed(1, side)
    return UnitBody(tiles, (), (side, side), options)


BODIES: dict[str, Callable[[Medium, LayerActivation, Tiles, int, PictureOptions], Body]] = {
    "tiles": _tile_body,
    "rows": _row_body,
    "units": _unit_body,
}
"""What draws each form of tiles."""
