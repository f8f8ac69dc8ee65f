"""The methods and targets of one image: a picture for each pair.

The rule of this module: methods are rows and targets columns; of a single target the methods
follow each other in rows of their own. The photograph stands before them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from layersight.document.words import plural, size
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import (
    DOT,
    around,
    captions,
    layer_words,
    method_title,
    remarks,
    score_words,
    size_words,
    target_name,
)
from layersight.render.cover import draw_predictions
from layersight.render.flow import Block, Flow, add_foot
from layersight.render.heatmaps.block import HeatBlock, below, rows_part, words_room
from layersight.render.heatmaps.board import FINE, GAP, Box, Cell, board, drawn, fit
from layersight.render.heatmaps.measures import measure_blocks
from layersight.render.heatmaps.tile import BAR, HeatTile, draw_photograph, make_tile
from layersight.render.prose import Prose
from layersight.writers.page import Page
from layersight.writers.sketch import BODY, NOTE, TINY, Medium, Sketch

FINER = 6.0
"""Pixels to a point at most, but in a document."""
SCREEN = Box(140.0, 140.0, FINER)
TITLES = 20.0
"""Room over a picture for a name and a line, in points."""
UNDER = 9.0
FEWEST = 3
"""On paper pictures are no wider than those of a row of so many."""


def table_pages(result: Heatmaps, options: HeatOptions, medium: Medium) -> list[Page]:
    """A block for each image."""
    medium = table_board(result, medium)
    feet = captions(result, options)
    groups = by_image(result)
    blocks = [block for group in groups for block in table_blocks(group, options, medium)]
    found = Flow(medium, feet).pages(blocks)
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def table_board(result: Heatmaps, medium: Medium, *, bare: bool = False) -> Medium:
    """The medium, fine enough for the photographs of a result."""
    return board(medium, [(photograph, _screen(bare=bare)) for photograph in result.photographs])


def table_blocks(
    group: ImageMaps, options: HeatOptions, medium: Medium, *, bare: bool = False
) -> list[Block]:
    """The maps of an image, ready to be placed; ``bare`` without the photograph."""
    result, targets = group.result, group.targets
    methods = plural(len(group.methods), "method")
    if len(targets) == 1:
        entry = group.maps[0]
        kind = f"{target_name(result, entry)}, {methods}"
        facts = score_words(result, entry)
    else:
        kind = f"{methods}, {plural(len(targets), 'target')}"
        facts = "Each picture: the heat over the photograph, with its own scale under it"
    body = make_body(group, options, medium, bare=bare)
    name = "Heatmaps" if bare else group.name
    block = HeatBlock(name, kind, facts, f"heat:{group.places[0]}", body, titled=not bare)
    return [block, *measure_blocks(group, words_room(medium, body.width))]


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture of a table: where its map stands, and the words over it."""

    place: int
    title: str
    line: str


@dataclass(frozen=True, eq=False, slots=True)
class TableBody:
    """Pictures in rows.

    Attributes:
        group: The maps of an image.
        lines: The pictures of each row; ``None`` where there is no map.
        photographed: Whether the photograph is the first picture of all.
        cell: How large pictures are.
        tiles: Makes the picture of a map.
        columns: Pictures in a row.
        prose: What stands under them.
    """

    group: ImageMaps
    lines: tuple[tuple[Entry | None, ...], ...]
    photographed: bool
    cell: Cell
    tiles: dict[int, HeatTile]
    columns: int
    prose: Prose

    @property
    def rows(self) -> int:
        """Rows of pictures."""
        return len(self.lines)

    @property
    def row_height(self) -> float:
        """Of a picture, its words and its bar."""
        return TITLES + self.cell.tall + 4 + BAR + UNDER

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
        return self.columns * (self.cell.column + GAP) - GAP

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the pictures of these rows."""
        snap = sketch.medium.snap
        for line in self.lines[first:last]:
            for column, entry in enumerate(line):
                left = snap(x + column * (self.cell.column + GAP))
                if entry is PHOTOGRAPH:
                    self._photograph(sketch, left, y, alone=len(line) == 1)
                elif entry is not None:
                    self._picture(sketch, left, y, entry)
            y += self.row_height
        if last == self.rows:
            self.prose.draw(sketch, sketch.left, y)

    def _photograph(self, sketch: Sketch, x: float, y: float, *, alone: bool) -> None:
        """Draws the photograph; where it stands alone, with what the model says beside it."""
        own = size(self.group.shown.original_size)
        self._titles(sketch, x, y, "photograph", own)
        tile = next(iter(self.tiles.values()))
        top = sketch.medium.snap(y + TITLES)
        draw_photograph(sketch, x, top, self.cell, tile.photograph)
        if alone:
            beside = x + self.cell.column + GAP + 6
            draw_predictions(sketch, beside, top + 7, self.group.predictions[:1])

    def _picture(self, sketch: Sketch, x: float, y: float, entry: Entry) -> None:
        self._titles(sketch, x, y, entry.title, entry.line)
        tile = self.tiles[entry.place]
        top = sketch.medium.snap(y + TITLES)
        tile.draw_overlay(sketch, x, top, self.cell)
        tile.draw_bar(sketch, x, top + self.cell.tall + 4, self.cell.column)

    def _titles(self, sketch: Sketch, x: float, y: float, title: str, line: str) -> None:
        sketch.text(x, y + 7.5, title, BODY.but(bold=True), room=self.cell.column)
        style = NOTE if sketch.measure(line, NOTE) <= self.cell.column else TINY
        sketch.text(x, y + 16, line, style, room=self.cell.column)


PHOTOGRAPH = Entry(-1, "photograph", "")
"""What stands for the photograph among the pictures."""


def arrange_lines(
    group: ImageMaps, columns: int, *, bare: bool
) -> tuple[tuple[Entry | None, ...], ...]:
    """The pictures of each row: methods as rows, or one after the other for a single target."""
    result = group.result
    if len(group.targets) == 1:
        entries: list[Entry | None] = [] if bare else [PHOTOGRAPH]
        for place in group.places:
            entry = result.maps[place]
            line = DOT.join(filter(None, (layer_words(entry), size_words(entry))))
            entries.append(Entry(place, method_title(result, entry), line))
        return tuple(
            tuple(entries[start : start + columns]) for start in range(0, len(entries), columns)
        )
    lines: list[tuple[Entry | None, ...]] = [] if bare else [(PHOTOGRAPH,)]
    for start in range(0, len(group.targets), columns):
        for method in group.methods:
            places = [group.at(method, each) for each in group.targets[start : start + columns]]
            lines.append(tuple(None if at is None else _pair(group, at) for at in places))
    return tuple(lines)


def _pair(group: ImageMaps, place: int) -> Entry:
    result, entry = group.result, group.result.maps[place]
    words = f"{target_name(result, entry)}, {score_words(result, entry)}"
    return Entry(place, method_title(result, entry), words)


def make_body(
    group: ImageMaps, options: HeatOptions, medium: Medium, *, bare: bool = False
) -> TableBody:
    """The maps of an image, ready to be placed."""
    alone = len(group.targets) == 1
    most = len(group.places) + (0 if bare else 1) if alone else len(group.targets)
    columns = min(options.columns, most)
    paper = medium.resolution is None
    box = _paper(medium, columns, bare=bare) if paper else _screen(bare=bare)
    photograph = drawn(group.photograph, box)
    cell = fit(medium, photograph, box)
    tiles = {place: make_tile(group.result, place, photograph, options) for place in group.places}
    lines = arrange_lines(group, columns, bare=bare)
    room = words_room(medium, columns * (cell.column + GAP) - GAP)
    words = remarks(group) if bare else [*around(group), *remarks(group)]
    prose = below(group, group.maps, words, medium, room)
    return TableBody(group, lines, not bare, cell, tiles, columns, prose)


def _screen(*, bare: bool) -> Box:
    """What a picture has on the screen; in a document it has fewer pixels."""
    return Box(SCREEN.wide, SCREEN.tall, FINE) if bare else SCREEN


def _paper(medium: Medium, columns: int, *, bare: bool) -> Box:
    share = max(columns, FEWEST)
    wide = (medium.room - (share - 1) * GAP) / share
    return Box(wide, min(1.4 * wide, medium.body - 160), FINE if bare else FINER)
