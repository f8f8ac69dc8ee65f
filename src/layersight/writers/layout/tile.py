"""One tile: its pixels over a photograph, and the words under it.

The rule of this module: a tile is never shown without its numbers; where there is little room, the
most important ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layersight.document.blocks import Bytes, Cell, Cover, Overlay, Tile
from layersight.document.colour import blend
from layersight.document.words import percent
from layersight.writers.sketch import (
    ARROW,
    BAR,
    BODY,
    DEAD_FILL,
    INK,
    METER,
    NOTE,
    QUIET,
    TINY,
    Sketch,
    Style,
)

FULL = 44.0  # the least width of a tile with all its numbers, in points
TITLES = 21.0  # height over a tile for a title and a line under it
TITLE = 12.0
SCANT = 24.0  # the width below which they are centred
LARGE = 92.0  # the least width with larger words


def draw_pixels(
    sketch: Sketch,
    x: float,
    y: float,
    pixel: tuple[float, float],
    pixels: Bytes,
    palette: Bytes | None,
    overlay: Overlay | None,
    cover: Cover | None,
    slices: tuple[int, int],
    depth: int,
    *,
    photo: bool = False,
) -> None:
    """Draws pixels, over their photograph if they have one, with the marks on them."""
    if overlay is not None:
        mixed = blend(pixels, palette, overlay, bare=cover is not None)
        area = sketch.picture(x, y, pixel, mixed)
        _draw_unseen(sketch, x, y, area, overlay)
    else:
        drawn, colours = np.ascontiguousarray(pixels), palette if pixels.ndim == 2 else None
        area = sketch.picture(x, y, pixel, drawn, colours, photo=photo)
    if cover is not None:
        sketch.caption_on(x, y, area, " ".join(cover.words))
    else:
        sketch.slices(x, y, *area, slices, depth)


def _draw_unseen(
    sketch: Sketch, x: float, y: float, area: tuple[float, float], overlay: Overlay
) -> None:
    """Marks the edges of a photograph that the network did not see, where words fit."""
    if overlay.seen is None or not any(overlay.seen):
        return
    height, width = overlay.alpha.shape
    top, bottom = (area[1] * edge / height for edge in overlay.seen[::2])
    left, right = (area[0] * edge / width for edge in overlay.seen[1::2])
    strips = (
        (0.0, 0.0, area[0], top),
        (0.0, bottom, area[0], area[1]),
        (0.0, top, left, bottom),
        (right, top, area[0], bottom),
    )
    for x0, y0, x1, y1 in strips:
        wide, tall = x1 - x0, y1 - y0
        for words in (("not seen",), ("not", "seen")):
            needed = sketch.medium.measure(words[0], NOTE) + 4
            if wide > needed and tall > NOTE.size * 1.3 * len(words):
                sketch.words_on(x + x0, y + y0, wide, tall, words, NOTE, DEAD_FILL)
                break


@dataclass(frozen=True, slots=True)
class Captions:
    """How the words over and under the tiles of a row, or of a whole grid, are set."""

    above: float  # height of the title and the line over the tiles, in points
    numbered: bool  # whether any tile has more than a label
    lines: int  # the greatest number of lines under a tile
    shares: bool  # whether any has a bar of a share
    alone: bool  # whether any has one in a line by itself
    rising: bool  # whether any has not converged, so that room for the arrow is reserved
    scaled: bool  # whether any has a colour bar
    labelled: bool  # whether any has a label
    wide: float = 0.0  # of a cell, in points

    @classmethod
    def of(cls, tiles: Sequence[Tile]) -> Captions:
        titled = any(tile.title for tile in tiles)
        return cls(
            above=TITLES if any(tile.subtitle for tile in tiles) else TITLE * titled,
            numbered=any(tile.value or tile.lines or tile.share is not None for tile in tiles),
            lines=max((len(tile.lines) for tile in tiles), default=0),
            shares=any(
                tile.share is not None or any(cell.share is not None for _, cell in tile.lines)
                for tile in tiles
            ),
            alone=any(tile.share is not None for tile in tiles),
            rising=any(tile.rising for tile in tiles),
            scaled=any(tile.scale is not None for tile in tiles),
            labelled=any(tile.label for tile in tiles),
        )

    @property
    def least(self) -> float:
        return FULL if self.numbered else NOTE.size * 2

    @property
    def _style(self) -> Style:
        return (BODY if self.wide >= LARGE else NOTE).but(colour=QUIET)

    @property
    def _step(self) -> float:
        return self._style.size * 1.28

    def tall(self, wide: float) -> float:
        scale = BAR + 4.0 if self.scaled else 0.0
        if not self.numbered:
            return scale + (NOTE.size * 1.5 if self.labelled else 0.0)
        if wide < FULL:
            return scale + TINY.size * 2.6 + (METER if self.shares else 0.0)
        step = (BODY if wide >= LARGE else NOTE).size * 1.28
        lines = self.lines + self.labelled + self.alone
        return scale + step * lines + 1.5

    @property
    def height(self) -> float:
        return self.tall(self.wide)

    def draw(self, sketch: Sketch, x: float, y: float, tile: Tile) -> None:
        if tile.scale is not None:
            sketch.scale(x, y + 3, tile.scale, self.wide)
        if self.scaled:
            y += BAR + 4.0
        middle = x + self.wide / 2
        if not self.numbered:
            style = NOTE if self.wide >= 60 else TINY
            sketch.text(middle, y + style.size * 1.1, tile.label, style, anchor="middle")
        elif self.wide < FULL:
            self._few(sketch, x, y, tile)
        else:
            self._lines(sketch, x, y, tile)

    def _few(self, sketch: Sketch, x: float, y: float, tile: Tile) -> None:
        """The label, the most important number, and a bar."""
        candidates = [_value(tile), *(cell.text for _, cell in tile.lines)]
        number = next(filter(None, candidates), "")
        narrow = self.wide < SCANT
        left, anchor = (x + self.wide / 2, "middle") if narrow else (x, "start")
        dark = TINY.but(colour=INK)
        room = self.wide + (4 if narrow else 0)
        if self.labelled:
            label = dark.but(bold=True)
            sketch.text(left, y + TINY.size * 1.1, tile.label, label, anchor=anchor, room=room)
        sketch.text(left, y + TINY.size * 2.25, number, dark, anchor=anchor, room=room)
        shares = [cell.share for _, cell in tile.lines if cell.share is not None]
        share = tile.share if tile.share is not None else next(iter(shares), None)
        if share is not None:
            sketch.meter(x, y + TINY.size * 2.6, self.wide, share)

    def _lines(self, sketch: Sketch, x: float, y: float, tile: Tile) -> None:
        style, right = self._style, x + self.wide
        edge = right - (ARROW + 1.5 if self.rising else 0.0)
        base = y + self._step * 0.95
        if self.labelled:
            value_style = style if tile.cover else style.but(colour=INK)
            value = sketch.text(edge, base, _value(tile), value_style, anchor="end", room=edge - x)
            bold = style.but(colour=INK, bold=True)
            sketch.text(x, base, tile.label, bold, room=edge - x - value - 3)
            if tile.rising:
                sketch.arrow(right, base)
            base += self._step
        for name, cell in tile.lines:
            self._line(sketch, x, base, edge, name, cell)
            base += self._step
        if tile.share is not None and tile.share == tile.share:
            cell = Cell(percent(tile.share), share=tile.share)
            self._line(sketch, x, base, edge, "", cell)

    def _line(self, sketch: Sketch, x: float, y: float, edge: float, name: str, cell: Cell) -> None:
        """A name, a value at the right, and a bar between them."""
        style = self._style
        wide = sketch.text(x, y, name, style, room=edge - x)
        tone = "quiet" if cell.tone == "plain" and not name else cell.tone
        value_style = style.toned(tone).but(bold=cell.bold)
        sketch.text(edge, y, cell.text, value_style, anchor="end", room=edge - x - wide - 3)
        if cell.share is not None:
            left = x + (wide + 4 if name else 0.0)
            room = edge - left - sketch.medium.measure("100%", style) - 4
            sketch.meter(left, y - style.size * 0.52, room, cell.share)


def _value(tile: Tile) -> str:
    """The words beside the label; of a covered tile the cover's, which may not fit on it."""
    return tile.value or (tile.cover.words[0] if tile.cover and tile.cover.words else "")
