"""Tiles in rows: one geometry for the tiles of every kind of result.

The rule of this module: tiles are in equal cells, in their order, each with its own words.
Small index tiles of one size are one image on a page, whose gaps are whole pixels of the tiles.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from layersight.data.stack import mosaic
from layersight.document.blocks import Bytes, Cover, Grid, Tile
from layersight.document.words import span
from layersight.writers.layout.body import Body, lay
from layersight.writers.layout.tile import Captions, draw_pixels
from layersight.writers.sketch import (
    BODY,
    MUTED,
    NOTE,
    SECTION,
    TINY,
    WHITE,
    Medium,
    Sketch,
    Style,
    title_height,
)

GAP = 9.0  # between two tiles with words, in points
CLOSER = 12  # with more columns than these the gap is half as wide
WIDER = 12.0  # what a wider gap adds
LABEL_ROOM = 8.6  # points under a tile of a mosaic for its number
FULL = 0.8  # the least share of a screen's width that full rows of tiles take
FEWEST_SMALL = 6  # on paper tiles are no wider than in a row of this many
FEWEST = 4
SMALL, MEDIUM, LARGE = 64, 112, 240
"""The least device pixels of a tile on a screen: with a number, with numbers under it, with a
title."""
TALLEST = 2.0  # how many times as tall as its cell is wide a tile on paper may be
NARROWEST = 76.0  # of a cell with a title, in points
SPARE = 60.0  # points of a page that no tile takes, for a heading
NAMED = 34.0  # the least width of the names of rows
BLEED = 0.5  # how far covers reach beyond a mosaic, so that no edge of a pixel shows
OUTER = 2.0
"""How far they reach where only white follows: viewers round an image up to their pixels."""
LIGHTEST = 255  # the colour step of covered cells, the least visible at a cover's edge
LARGE_TILE = 60.0  # the least width of a tile with larger words, in points


@dataclass(frozen=True, slots=True)
class Cells:
    """The positions and sizes of tiles."""

    columns: tuple[float, ...]  # the left edge of each column, in points
    wide: float  # width of a tile
    tall: float  # height of a tile
    column: float  # width of a cell, which words may take
    pitch: float  # from one row of tiles of a mosaic to the next
    pixel: float  # the size of one pixel of a tile; 0 where tiles have several sizes
    gap_x: int = 0  # pixels to the right of each tile of a mosaic; 0 for tiles one by one
    gap_y: int = 0  # pixels under each tile of a mosaic

    @property
    def width(self) -> float:
        return self.columns[-1] + self.column

    def covered(self, column: int, cover: Cover) -> float:
        """The width of a cover that begins in a column."""
        last = min(column + cover.span, len(self.columns)) - 1
        return self.columns[last] + self.wide - self.columns[column]


@lay.register
def _grid(block: Grid, medium: Medium, room: float) -> Body:
    names = _names_width(block, medium)
    if is_mosaic(block):
        cells = small_cells(block, medium, room - names)
        count = math.ceil(len(block.tiles) / len(cells.columns))
        rows = (cells.pitch,) * count
        drawer: _Mosaic | _Tiles = _Mosaic(block, cells, _label_style(cells.wide))
    else:
        cells, captions = large_cells(block, medium, room - names)
        rows = tuple(row.above + cells.tall + row.height + 7.0 for row in captions)
        drawer = _Tiles(block, cells, captions, rows)
    across = len(cells.columns)
    top = title_height(block.title)
    head = top + (11.0 if block.heads else 0.0)

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        sketch.title(x, y, block.title, SECTION)
        left, y = x + names, y + head
        heads = [*sorted(block.heads), (across, "")]
        for (column, words), (after, _) in itertools.pairwise(heads):
            end = cells.columns[after] if after < across else sketch.right - left
            wide = end - cells.columns[column] - 4
            sketch.text(left + cells.columns[column], y - 6, words, TINY, room=wide)
        snap = sketch.medium.snap
        for number, row in enumerate(range(first, min(last, len(block.rows)))):
            middle = y + sum(rows[first : first + number]) + cells.tall / 2
            name, second = block.rows[row]
            sketch.text(x, middle + 1, name, BODY.but(bold=True), room=names - 4)
            sketch.text(x, middle + 8, second, TINY, room=names - 2)
        drawer.draw(sketch, snap(left), snap(y), first, last)

    return Body(names + cells.width, rows, draw, head, 0.0, partial(_part, block, across))


def is_mosaic(block: Grid) -> bool:
    """Whether all tiles have one size and palette, and at most a number each."""
    if not isinstance(block.pixels, np.ndarray) or any(block.overlays):
        return False
    under = Captions.of(block.tiles)
    spare = under.numbered or under.rising or under.scaled
    return not spare and not any(tile.title for tile in block.tiles)


def _names_width(block: Grid, medium: Medium) -> float:
    if not block.rows:
        return 0.0
    bold = BODY.but(bold=True)
    words = [(name, bold) for name, _ in block.rows] + [(second, TINY) for _, second in block.rows]
    widest = max(medium.measure(text, style) for text, style in words)
    return min(max(NAMED, widest + 8), medium.room / 4)


def _part(block: Grid, across: int, first: int, last: int) -> str:
    """A range of rows in words: the first and the last of their names."""
    if block.rows:
        return f"{span(block.rows[first][0], block.rows[last - 1][0])} of {len(block.rows):,}"
    tiles = block.tiles[first * across : last * across]
    if tiles[0].label and tiles[-1].label:
        return f"{block.unit}s {span(tiles[0].label, tiles[-1].label)} of {len(block.tiles):,}"
    words = f"rows {span(first + 1, last)}" if last > first + 1 else f"row {last}"
    return f"{words} of {math.ceil(len(block.tiles) / across)}"


def _label_style(wide: float) -> Style:
    return NOTE if wide >= LARGE_TILE else TINY


def _gaps(block: Grid, across: int) -> frozenset[int]:
    """The columns of a row that a wider gap follows."""
    return frozenset(gap for gap in block.gaps if gap < across - 1)


def _lefts(across: int, pitch: float, gaps: frozenset[int], wider: float) -> tuple[float, ...]:
    before = [sum(gap < column for gap in gaps) for column in range(across)]
    return tuple(column * pitch + more * wider for column, more in enumerate(before))


# Mosaics.


def small_cells(block: Grid, medium: Medium, room: float) -> Cells:
    """The cells of a mosaic.

    On paper the width of the page is filled; on a screen a pixel of a tile is a whole number of
    device pixels, and full rows take most of the width. The gaps look alike for tiles of any
    size.
    """
    count, height, width = np.shape(block.pixels)[:3]
    longer = max(height, width)
    across = max(1, min(block.columns, count))
    gaps = _gaps(block, across)
    wider = medium.snap(WIDER)
    under = LABEL_ROOM if any(tile.label for tile in block.tiles) else 3.0
    least = max((medium.measure(tile.label, TINY) for tile in block.tiles), default=0.0) + 2.5

    def make(pixel: float, gap_x: int) -> Cells:
        gap_y = max(1, math.ceil(under / pixel - 0.3))
        if block.rows:  # the two lines of a row's name stand apart
            gap_y = max(gap_y, math.ceil(17.0 / pixel) - height)
        lefts = _lefts(across, (width + gap_x) * pixel, gaps, wider)
        wide, tall = width * pixel, height * pixel
        return Cells(lefts, wide, tall, wide, (height + gap_y) * pixel, pixel, gap_x, gap_y)

    def on_screen(zoom: int) -> Cells:
        pixel = zoom / (medium.resolution or 1.0)
        return make(pixel, max(1, round(8 / zoom), math.ceil(least / pixel) - width))

    if medium.resolution is not None:
        zoom = max(1, math.ceil(SMALL / longer))
        if block.side is not None:
            zoom = max(1, round(block.side * medium.resolution / longer))
        cells = on_screen(zoom)
        if block.side is None and not block.rows and count >= block.columns:
            while cells.width < FULL * room:  # a few columns leave no half of the page empty
                zoom += 1
                cells = on_screen(zoom)
        return cells
    room -= wider * len(gaps)
    share = min(block.columns, max(count, FEWEST_SMALL))
    limit = medium.body - SPARE
    pixel, gap_x = _filling(room, height, width, share, limit)
    if block.side is not None and longer * pixel > block.side:
        pixel = block.side / longer
        gap_x = max(1, round(width / 9), math.ceil(least / pixel) - width)
    cells, rows = make(pixel, gap_x), max(1, math.ceil(count / across))
    fits = limit / (rows * cells.pitch)
    # A few large tiles that would just miss the page are better a little smaller.
    if fits < 1 and fits * (cells.column + gap_x * pixel) >= LARGE_TILE:
        smaller = room * fits
        while rows * cells.pitch > limit:
            cells = make(*_filling(smaller, height, width, share, limit))
            smaller -= 4
    return cells


def _filling(room: float, height: int, width: int, share: int, limit: float) -> tuple[float, int]:
    """The size of a pixel and the gap in pixels with which ``share`` columns fill a width."""
    gap_x = max(1, round(width / 9))
    pixel = room / (share * (width + gap_x) - gap_x)
    pitch = pixel * (width + gap_x)
    tallest = min(TALLEST * pitch / height, (limit - LABEL_ROOM) / (height + 1))
    if pixel > tallest:
        pixel = tallest
        gap_x = max(1, math.floor(pitch / pixel) - width)
    return pixel, gap_x


@dataclass(frozen=True, eq=False, slots=True)
class _Mosaic:
    """Draws index tiles as one image for each group of columns."""

    block: Grid
    cells: Cells
    style: Style

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        cells, across = self.cells, len(self.cells.columns)
        part = slice(first * across, last * across)
        tiles = self.block.tiles[part]
        rows = math.ceil(len(tiles) / across)
        pixels = np.full((rows * across, *np.shape(self.block.pixels)[1:]), LIGHTEST, np.uint8)
        shown = [tile.cover is None and not tile.blank for tile in tiles]
        pixels[: len(tiles)][shown] = np.asarray(self.block.pixels[part])[shown]
        beside = min(across, len(tiles))
        grid = pixels.reshape(rows, across, *pixels.shape[1:])
        starts = [0, *(gap + 1 for gap in sorted(_gaps(self.block, beside))), beside]
        for start, end in itertools.pairwise(starts):
            self._group(sketch, x + cells.columns[start], y, grid[:, start:end])
        over = sketch.medium.snap(BLEED)
        if (left_over := rows * across - len(tiles)) and rows > 1:
            begin = cells.columns[across - left_over]
            top = y + (rows - 1) * cells.pitch
            sketch.box(x + begin, top, cells.width - begin + over, cells.tall + over, WHITE)
        self._annotate(sketch, x, y, tiles)

    def _group(self, sketch: Sketch, x: float, y: float, grid: Bytes) -> None:
        """Columns of tiles, ``(row, column, height, width)``, as one image with white gaps."""
        cells = self.cells
        rows, across = grid.shape[:2]
        tiles, gaps = grid.reshape(-1, *grid.shape[2:]), (cells.gap_y, cells.gap_x)
        sheet = mosaic(tiles, columns=across, gap=gaps, extend=True)[:, : -cells.gap_x]
        palette = self.block.palette if sheet.ndim == 2 else None
        sketch.picture(x, y, (cells.pixel, cells.pixel), sheet, palette)
        gap_x, gap_y = cells.gap_x * cells.pixel, cells.gap_y * cells.pixel
        pitch, over = cells.wide + gap_x, sketch.medium.snap(BLEED)
        wide = across * pitch - gap_x + over + OUTER
        tall = rows * cells.pitch + over + OUTER
        for column in range(1, across + 1):
            gap = OUTER if column == across else gap_x
            sketch.box(x + column * pitch - gap_x, y - over, gap, tall, WHITE)
        for row in range(1, rows + 1):
            more = OUTER if row == rows else 0.0
            sketch.box(x - over, y + row * cells.pitch - gap_y, wide, gap_y + more, WHITE)

    def _annotate(self, sketch: Sketch, x: float, y: float, tiles: Sequence[Tile]) -> None:
        cells, block = self.cells, self.block
        across = len(cells.columns)
        widest = max((sketch.medium.measure(tile.label, self.style) for tile in tiles), default=0.0)
        pitch = cells.columns[1] - cells.columns[0] if across > 1 else math.inf
        stride = max(1, math.ceil((widest + 1.5) / pitch))
        drop = cells.tall + self.style.size * 1.02
        over = sketch.medium.snap(BLEED)
        visible: list[tuple[float, float, int, Tile]] = []
        for index, tile in enumerate(tiles):
            row, column = divmod(index, across)
            left, top = x + cells.columns[column], y + row * cells.pitch
            if tile.blank:
                wide, tall = cells.wide + 2 * over, cells.tall + 2 * over
                sketch.box(left - over, top - over, wide, tall, WHITE)
            else:
                visible.append((left, top, column, tile))
        for left, top, column, tile in visible:
            if tile.cover is not None:
                wide = cells.covered(column, tile.cover)
                sketch.cover(left, top, wide, cells.tall, tile.cover, self.style)
            else:
                sketch.slices(left, top, cells.wide, cells.tall, block.slices, block.depth)
            if tile.label and column % stride == 0:
                sketch.label(left + cells.wide / 2, top + drop, tile.label, self.style)


# Tiles one by one.


def large_cells(block: Grid, medium: Medium, room: float) -> tuple[Cells, list[Captions]]:
    """The cells of tiles that are drawn one by one, and the words of each row of them."""
    drawn = [(index, tile) for index, tile in enumerate(block.tiles) if not tile.blank]
    sizes = sorted({block.pixels[index].shape[:2] for index, _ in drawn}) or [(1, 1)]
    across = max(1, min(block.columns, len(block.tiles)))
    gaps = _gaps(block, across)
    titled = any(tile.title for tile in block.tiles)
    under = Captions.of(block.tiles)
    gap, wider = medium.snap(GAP if across <= CLOSER else GAP / 2), medium.snap(WIDER)
    if block.gaps:  # tiles that belong together are closer
        gap, wider = medium.snap(5.0), medium.snap(GAP - 5.0)
    height, width = sizes[0] if len(sizes) == 1 else (1, 1)
    least = NARROWEST if titled else under.least
    if medium.resolution is not None:
        wanted = LARGE if titled else MEDIUM if under.numbered else SMALL
        if block.side is not None:
            wanted = round(block.side * medium.resolution)
        if len(sizes) == 1:
            fits = round if block.side is not None else math.ceil
            pixel = max(1, fits(wanted / max(height, width))) / medium.resolution
            wide, tall = width * pixel, height * pixel
        else:
            wide = tall = _common_side(sizes, wanted) / medium.resolution
            pixel = 0.0
        column = medium.snap(max(wide, least))
    else:
        few = FEWEST_SMALL if not under.numbered and not titled else FEWEST
        share = across if block.side is not None else min(block.columns, max(across, few))
        column = (room - gap * (share - 1) - wider * len(gaps)) / share
        most = column
        if block.side is not None:
            most = min(column, block.side * width / max(height, width))
        limit = min(TALLEST * column, medium.body - SPARE - under.tall(column))
        pixel = min(most / width, limit / height)
        wide, tall = width * pixel, height * pixel
        if block.side is not None:
            column = min(column, max(wide, least))
        if len(sizes) > 1:
            pixel = 0.0
    words = column if block.side is None else max(wide, min(least, column))
    if block.side is not None and not titled and not under.scaled:
        words = wide
    lefts = _lefts(across, column + gap, gaps, wider)
    rows = [block.tiles[index : index + across] for index in range(0, len(block.tiles), across)]
    return (
        Cells(lefts, wide, tall, column, 0.0, pixel),
        [replace(Captions.of(row), wide=words, numbered=under.numbered) for row in rows],
    )


def _common_side(sizes: Sequence[tuple[int, int]], wanted: int) -> int:
    """The device pixels that whole multiples of all tiles' sides fill best."""
    sides = {max(size) for size in sizes}
    least = max(wanted, *sides)
    return min(range(least, 2 * least), key=lambda cell: (max(cell % side for side in sides), cell))


@dataclass(frozen=True, eq=False, slots=True)
class _Tiles:
    block: Grid
    cells: Cells
    captions: Sequence[Captions]
    heights: Sequence[float]

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        across, tiles, snap = len(self.cells.columns), self.block.tiles, sketch.medium.snap
        room = self.cells.column
        for row in range(first, last):
            captions = self.captions[row]
            for column, left in enumerate(self.cells.columns):
                index = row * across + column
                if index >= len(tiles) or (tile := tiles[index]).blank:
                    continue
                left, top = snap(x + left), snap(y)
                sketch.text(left, top + 7.5, tile.title, BODY.but(bold=True), room=room)
                line = NOTE if sketch.medium.measure(tile.subtitle, NOTE) <= room else TINY
                sketch.text(left, top + 16.5, tile.subtitle, line, room=room)
                top = snap(top + captions.above)
                self._picture(sketch, left, top, index)
                captions.draw(sketch, left, top + self.cells.tall + 1, tile)
            y += self.heights[row]

    def _picture(self, sketch: Sketch, x: float, y: float, index: int) -> None:
        block, cells, tile = self.block, self.cells, self.block.tiles[index]
        pixels = block.pixels[index]
        overlay = block.photographs[index]
        style = MUTED if cells.wide >= 92 else _label_style(cells.wide)
        if tile.cover is not None and overlay is None:
            wide = cells.covered(index % len(cells.columns), tile.cover)
            sketch.cover(x, y, wide, cells.tall, tile.cover, style)
            return
        height, width = pixels.shape[:2]
        pixel, tall = cells.pixel, cells.pixel
        if not pixel:  # tiles of several sizes: each in the middle of its square
            pixel = tall = sketch.medium.zoomed(max(height, width), cells.wide)
            if height == 1:  # a map with one axis is a band, not a hairline
                tall = sketch.medium.zoomed(1, cells.wide / 4)
            x += sketch.medium.snap((cells.wide - width * pixel) / 2)
            y += sketch.medium.snap((cells.tall - height * tall) / 2)
        over, cut = (overlay, tile.cover), (block.slices, block.depth)
        size, photo = (pixel, tall), block.photos
        draw_pixels(sketch, x, y, size, pixels, block.palette_of(tile), *over, *cut, photo=photo)
