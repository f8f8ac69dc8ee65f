"""One map: the photograph, the heat, and the heat over the photograph.

The rule of this module: every map stands beside its photograph, with its scale under it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layersight.data.photograph import Photograph
from layersight.document.words import size
from layersight.errors import SelectionError
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps
from layersight.nouns.heatmaps.wording import (
    around,
    captions,
    facts,
    method_title,
    predicted,
    remarks,
    target_name,
)
from layersight.render.flow import Block, Flow, add_foot
from layersight.render.heatmaps.block import HeatBlock, below, words_room
from layersight.render.heatmaps.board import FINE, GAP, Box, Cell, board, drawn, fit
from layersight.render.heatmaps.measures import draw_measures, measured_height
from layersight.render.heatmaps.tile import BAR, HeatTile, make_tile
from layersight.render.prose import Prose
from layersight.writers.page import Page
from layersight.writers.sketch import NOTE, Medium, Sketch

MOST = 256
"""So many maps are drawn at most, each with a page or a part of one."""
PAPER = Box(164.4, 250.0)
SCREEN = Box(190.0, 250.0)
LONG = Box(500.0, 200.0)
"""Of each picture, where they lie under each other."""
SLIM = 2.5
"""From this ratio of width to height on, pictures lie under each other."""
TITLE = 11.0
"""Room over a picture for what it is, in points."""


def single_pages(result: Heatmaps, options: HeatOptions, medium: Medium) -> list[Page]:
    """A block for each map.

    Raises:
        SelectionError: There are too many of them.
    """
    if len(result) > MOST:
        raise SelectionError(
            f"the view 'single' draws each map by itself: expected at most {MOST}, found "
            f"{len(result):,}. Choose fewer images, targets or methods, or the view table."
        )
    medium = single_board(result, medium)
    feet = captions(result, options)
    blocks = [
        block for group in by_image(result) for block in single_blocks(group, options, medium)
    ]
    found = Flow(medium, feet).pages(blocks)
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def single_board(result: Heatmaps, medium: Medium, *, bare: bool = False) -> Medium:
    """The medium, fine enough for the photographs of a result."""
    return board(medium, [(each, box_of(each, medium, bare=bare)) for each in result.photographs])


def single_blocks(
    group: ImageMaps, options: HeatOptions, medium: Medium, *, bare: bool = False
) -> list[Block]:
    """The maps of an image, ready to be placed; ``bare`` without the photograph alone."""
    result = group.result
    found: list[Block] = []
    for place in group.places:
        entry = result.maps[place]
        name = target_name(result, entry)
        kind = method_title(result, entry)
        kind += "" if bare else f" of {group.name}"
        alone = ImageMaps(result, group.image, (place,))
        body = make_body(alone, options, medium, bare=bare)
        told = facts(result, entry, options)
        found.append(HeatBlock(name, kind, told, f"heat:{place}", body, titled=not bare))
    return found


def lies(photograph: Photograph) -> bool:
    """Whether pictures of it lie under each other, since it is far wider than tall."""
    height, width = photograph.pixels.shape[:2]
    return bool(width > SLIM * height)


def box_of(photograph: Photograph, medium: Medium, *, bare: bool = False) -> Box:
    """Where each picture of a photograph is to fit in."""
    box = PAPER if medium.resolution is None else SCREEN
    if lies(photograph):
        return Box(LONG.wide, LONG.tall, FINE) if bare else LONG
    return Box(1.5 * box.wide + GAP / 2, box.tall, FINE) if bare else box


@dataclass(frozen=True, eq=False, slots=True)
class SingleBody:
    """The pictures of one map, what they mean, and what metrics say of it.

    Attributes:
        entry: The map.
        tile: Its pictures.
        cell: How large they are.
        own: The photograph's size in its file, in words.
        prose: What stands under the pictures.
        lying: Whether they lie under each other.
        bare: Whether the photograph alone is left out.
    """

    entry: Heatmap
    tile: HeatTile
    cell: Cell
    own: str
    prose: Prose
    lying: bool
    bare: bool

    @property
    def rows(self) -> int:
        """All of it stays together."""
        return 1

    @property
    def row_height(self) -> float:
        """Of pictures, words and numbers."""
        return self._pictures + self.prose.height + 8 + measured_height(self.entry)

    @property
    def extra(self) -> float:
        """Nothing stands under it."""
        return 0.0

    def part(self, first: int, last: int) -> str:
        """It has no parts."""
        return ""

    @property
    def width(self) -> float:
        """Of the pictures."""
        return across(self.cell, lying=self.lying, bare=self.bare)

    @property
    def _pictures(self) -> float:
        """The height of the pictures with their titles and the bar."""
        under = (2 if self.bare else 3) if self.lying else 1
        return under * self._step + BAR + 6

    @property
    def _step(self) -> float:
        """The height of a picture with its title."""
        return TITLE + self.cell.tall + 4

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the pictures, the bar, the words and the numbers."""
        snap = sketch.medium.snap
        cell, tile = self.cell, self.tile
        parts: list[tuple[str, Callable[[Sketch, float, float, Cell], None]]] = [
            ("heat", tile.draw_heat),
            ("heat over the photograph", tile.draw_overlay),
        ]
        if not self.bare:
            parts.insert(0, (f"photograph, {self.own}", tile.draw_photograph))
        left, top = x, y
        for words, draw in parts:
            sketch.text(left, top + 7, words, NOTE, room=cell.column)
            draw(sketch, snap(left), snap(top + TITLE), cell)
            if words == "heat" and not self.lying:
                tile.draw_bar(sketch, snap(left), top + self._step, cell.column)
            left += 0.0 if self.lying else cell.column + GAP
            top += self._step if self.lying else 0.0
        if self.lying:
            tile.draw_bar(sketch, snap(x), top, cell.column)
        end = self.prose.draw(sketch, x, y + self._pictures)
        draw_measures(sketch, end + 6, self.entry)


def across(cell: Cell, *, lying: bool, bare: bool) -> float:
    """How wide the pictures of a map are, in points."""
    beside = 1 if lying else 2 if bare else 3
    return beside * (cell.column + GAP) - GAP


def make_body(
    group: ImageMaps, options: HeatOptions, medium: Medium, *, bare: bool = False
) -> SingleBody:
    """The pictures of an image's only map, ready to be placed."""
    result, place = group.result, group.places[0]
    entry = result.maps[place]
    lying = lies(group.photograph)
    box = box_of(group.photograph, medium, bare=bare)
    photograph = drawn(group.photograph, box)
    cell = fit(medium, photograph, box)
    hottest = describe_peak(result, place)
    lines = [f"Hottest at {hottest}." if hottest else ""]
    lines += remarks(group) if bare else [predicted(group), *around(group), *remarks(group)]
    room = words_room(medium, across(cell, lying=lying, bare=bare))
    return SingleBody(
        entry=entry,
        tile=make_tile(result, place, photograph, options),
        cell=cell,
        own=size(group.shown.original_size),
        prose=below(group, (entry,), lines, medium, room),
        lying=lying,
        bare=bare,
    )
