"""The targets of one image and one method beside each other.

The rule of this module: the photograph stands first, and each target has the heat over the
photograph with the heat alone and its scale under it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from layersight.document.words import plural, size
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps
from layersight.nouns.heatmaps.wording import (
    DOT,
    around,
    captions,
    layer_words,
    method_title,
    predicted,
    remarks,
    score_words,
    size_words,
    target_name,
)
from layersight.render.flow import Block, Flow, add_foot
from layersight.render.heatmaps.block import HeatBlock, below, rows_part, words_room
from layersight.render.heatmaps.board import FINE, GAP, Box, Cell, board, drawn, fit
from layersight.render.heatmaps.measures import measure_blocks
from layersight.render.heatmaps.tile import BAR, HeatTile, make_tile
from layersight.render.prose import Prose
from layersight.writers.page import Page
from layersight.writers.sketch import BODY, NOTE, Medium, Sketch

SCREEN = Box(150.0, 190.0)
TITLES = 21.0
"""Room over a picture for a name and a score, in points."""
UNDER = 10.0
"""Under a line of pictures."""
FEWEST = 3
"""On paper pictures are no wider than those of a row of so many."""


def row_pages(result: Heatmaps, options: HeatOptions, medium: Medium) -> list[Page]:
    """A block for each image and method."""
    medium = row_board(result, medium)
    feet = captions(result, options)
    blocks = [block for group in by_image(result) for block in row_blocks(group, options, medium)]
    found = Flow(medium, feet).pages(blocks)
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def row_board(result: Heatmaps, medium: Medium, *, bare: bool = False) -> Medium:
    """The medium, fine enough for the photographs of a result."""
    return board(medium, [(photograph, _box(bare=bare)) for photograph in result.photographs])


def row_blocks(
    group: ImageMaps, options: HeatOptions, medium: Medium, *, bare: bool = False
) -> list[Block]:
    """The maps of an image, a block for each method; ``bare`` without the photograph."""
    result = group.result
    found: list[Block] = []
    for method in group.methods:
        part = ImageMaps(result, group.image, group.of_method(method))
        entry = part.maps[0]
        words = (layer_words(entry), size_words(entry, smooth=options.smooth))
        title, count = method_title(result, entry), plural(len(part.places), "target")
        found.append(
            HeatBlock(
                title if bare else group.name,
                count if bare else f"{title}, {count}",
                DOT.join(word for word in words if word),
                f"heat:{part.places[0]}",
                make_body(part, options, medium, bare=bare),
                titled=not bare,
            )
        )
    widest = max(block.body.width for block in found)
    return found + measure_blocks(group, words_room(medium, widest))


@dataclass(frozen=True, eq=False, slots=True)
class RowBody:
    """Targets in columns, the photograph before them.

    Attributes:
        group: The maps of one image and one method.
        tiles: Their pictures.
        cell: How large they are.
        columns: Targets in a row.
        prose: What stands under them.
        bare: Whether the photograph is left out.
    """

    group: ImageMaps
    tiles: tuple[HeatTile, ...]
    cell: Cell
    columns: int
    prose: Prose
    bare: bool

    @property
    def rows(self) -> int:
        """Rows of targets."""
        return math.ceil(len(self.tiles) / self.columns)

    @property
    def row_height(self) -> float:
        """Of two pictures under each other, with words and the bar."""
        return TITLES + 2 * self.cell.tall + 5 + 4 + BAR + UNDER

    @property
    def extra(self) -> float:
        """The words under the last row."""
        return self.prose.height + 4

    def part(self, first: int, last: int) -> str:
        """Some of its rows, in words."""
        return rows_part(first, last, self.rows)

    @property
    def width(self) -> float:
        """Of a row."""
        beside = self.columns + (0 if self.bare else 1)
        return beside * (self.cell.column + GAP) - GAP

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the targets of these rows."""
        snap, step = sketch.medium.snap, self.cell.column + GAP
        if not self.bare:
            self._photograph(sketch, x, y)
            x += step
        start = first * self.columns
        for number, tile in enumerate(self.tiles[start : last * self.columns]):
            row, column = divmod(number, self.columns)
            self._target(sketch, snap(x + column * step), y + row * self.row_height, tile)
        if last == self.rows:
            self.prose.draw(sketch, sketch.left, y + (last - first) * self.row_height)

    def _photograph(self, sketch: Sketch, x: float, y: float) -> None:
        room, snap = self.cell.column, sketch.medium.snap
        sketch.text(x, y + 7.5, "photograph", BODY.but(bold=True), room=room)
        own = size(self.group.shown.original_size)
        sketch.text(x, y + 16.5, own, NOTE, room=room)
        self.tiles[0].draw_photograph(sketch, snap(x), snap(y + TITLES), self.cell)

    def _target(self, sketch: Sketch, x: float, y: float, tile: HeatTile) -> None:
        snap, cell = sketch.medium.snap, self.cell
        draw_titles(sketch, x, y, cell.column, *titles(self.group, tile.entry))
        top = snap(y + TITLES)
        tile.draw_overlay(sketch, x, top, cell)
        under = snap(top + cell.tall + 5)
        tile.draw_heat(sketch, x, under, cell)
        tile.draw_bar(sketch, x, under + cell.tall + 4, cell.column)


def titles(group: ImageMaps, entry: Heatmap) -> tuple[str, str]:
    """The name of a target, and its score."""
    return target_name(group.result, entry), score_words(group.result, entry)


def draw_titles(sketch: Sketch, x: float, y: float, room: float, name: str, told: str) -> None:
    """Draws two lines over a picture."""
    sketch.text(x, y + 7.5, name, BODY.but(bold=True), room=room)
    sketch.text(x, y + 16.5, told, NOTE, room=room)


def _paper(medium: Medium, beside: int, *, bare: bool) -> Box:
    """What each of some pictures beside each other has on paper."""
    share = max(beside, FEWEST)
    wide = (medium.room - (share - 1) * GAP) / share
    return Box(wide, min(1.6 * wide, (medium.body - 140) / 2), FINE if bare else None)


def _box(*, bare: bool) -> Box:
    """What a picture has on the screen; in a document it has fewer pixels."""
    return Box(SCREEN.wide, SCREEN.tall, FINE) if bare else SCREEN


def make_body(
    group: ImageMaps, options: HeatOptions, medium: Medium, *, bare: bool = False
) -> RowBody:
    """The maps of one image and one method, ready to be placed."""
    before = 0 if bare else 1
    columns = max(1, min(options.columns - before, len(group.places)))
    box = (
        _paper(medium, columns + before, bare=bare)
        if medium.resolution is None
        else _box(bare=bare)
    )
    photograph = drawn(group.photograph, box)
    cell = fit(medium, photograph, box)
    tiles = [make_tile(group.result, place, photograph, options) for place in group.places]
    lines = remarks(group)
    if not bare:
        lines = [predicted(group), *around(group), *lines]
    room = words_room(medium, (columns + before) * (cell.column + GAP) - GAP)
    prose = below(group, group.maps, lines, medium, room)
    return RowBody(group, tuple(tiles), cell, columns, prose, bare)
