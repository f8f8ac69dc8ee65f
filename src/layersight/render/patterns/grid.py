"""All patterns of each layer, layer after layer.

The rule of this module: facets of one channel stand beside each other, and a layer is only
broken between rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from layersight.document.words import plural, span
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import LayerPatterns, by_layer, facets_beside
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import captions, kind_of, layer_facts, rising, short_name
from layersight.render.flow import Block, Flow, add_foot, draw_heading
from layersight.render.patterns.tile import OUTLINE, Caption, draw_tile
from layersight.writers.page import Page
from layersight.writers.sketch import ACCENT, BODY, Medium, Sketch

GAP = 9.0
"""Between two tiles beside each other, in points."""
INNER = 5.0
"""Between two facets of one channel."""
UNDER = 9.0
"""Under the numbers of a row."""
FEWEST = 4
"""On paper tiles are no wider than those of a row of so many."""
SCREEN_TILE = 112
"""Device pixels that a tile on the screen is wide at least."""
TALLEST = 2.0
"""How many times as tall as a column is wide a tile on paper is at most."""
SPARE = 90.0
"""Points of a page that no tile takes, for headings and numbers."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where tiles of one size lie.

    Attributes:
        columns: Tiles in a row.
        facets: How many of them belong together.
        pixel: The size of a pixel of a pattern, in points.
        wide: Of a tile.
        tall: Likewise.
        gap: Between two tiles that do not belong together.
    """

    columns: int
    facets: int
    pixel: float
    wide: float
    tall: float
    gap: float = GAP

    def x(self, column: int) -> float:
        """The left edge of a column, from that of the first."""
        groups, inside = divmod(column, self.facets)
        return groups * (self.facets * self.wide + self._inner + self.gap) + inside * (
            self.wide + INNER
        )

    @property
    def _inner(self) -> float:
        return (self.facets - 1) * INNER

    @property
    def width(self) -> float:
        """Of a whole row."""
        return self.x(self.columns - 1) + self.wide


def lay_tiles(
    medium: Medium,
    size: tuple[int, int],
    count: int,
    columns: int,
    facets: int = 1,
    *,
    least: int = SCREEN_TILE,
) -> Lattice:
    """The lattice of ``count`` patterns of ``size`` pixels on a medium.

    On paper the width of the page is filled; on the screen a pattern's pixel is a whole number
    of device pixels, so many that it is at least ``least`` of them wide. Facets of one channel
    are not parted where a row can hold them.
    """
    facets, columns = share_row(columns, facets)
    beside = min(columns, math.ceil(count / facets) * facets)
    height, width = size
    if medium.resolution is not None:
        zoom = max(1, math.ceil(least / width)) / medium.resolution
        return Lattice(beside, facets, zoom, width * zoom, height * zoom, medium.snap(GAP))
    share = min(columns, max(beside, FEWEST))
    groups = share / facets
    gaps = (groups - 1) * GAP + groups * (facets - 1) * INNER
    column = (medium.room - gaps) / share
    pixel = min(column / width, TALLEST * column / height, (medium.body - SPARE) / height)
    return Lattice(beside, facets, pixel, column, height * pixel)


def share_row(columns: int, facets: int) -> tuple[int, int]:
    """How many facets stay together in a row, and how many columns it then has.

    >>> share_row(8, 3), share_row(8, 12)
    ((3, 6), (1, 8))
    """
    facets = facets if facets <= columns else 1
    return facets, columns - columns % facets


@dataclass(frozen=True, eq=False, slots=True)
class PatternBody:
    """Rows of patterns with their numbers."""

    result: Patterns
    places: tuple[int, ...]
    lattice: Lattice
    caption: Caption

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return math.ceil(len(self.places) / self.lattice.columns)

    @property
    def row_height(self) -> float:
        """Of a tile with its numbers."""
        return self.lattice.tall + self.caption.height + UNDER

    @property
    def extra(self) -> float:
        """Nothing stands under the last row."""
        return 0.0

    @property
    def width(self) -> float:
        """Of a row."""
        return self.lattice.width

    def part(self, first: int, last: int) -> str:
        """The patterns in these rows."""
        shown = self.places[first * self.lattice.columns : last * self.lattice.columns]
        ends = [short_name(self.result, place) for place in (shown[0], shown[-1])]
        return f"{span(*ends)} of {plural(len(self.places), 'pattern')}"

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the patterns of these rows."""
        lattice, medium = self.lattice, sketch.medium
        start = first * lattice.columns
        for number, place in enumerate(self.places[start : last * lattice.columns]):
            row, column = divmod(number, lattice.columns)
            left = medium.snap(x + lattice.x(column))
            top = medium.snap(y + row * self.row_height)
            draw_tile(sketch, left, top, lattice.pixel, self.result, place)
            self.caption.draw(sketch, left, top + lattice.tall + 1, self.result, place)
            if lattice.facets > 1 and column % lattice.facets == 0:
                beside = min(lattice.facets, len(self.places) - start - number)
                wide = lattice.x(beside - 1) + lattice.wide
                sketch.line((left, top - 2.5), (left + wide, top - 2.5), colour=OUTLINE)


def make_body(
    medium: Medium, result: Patterns, places: Sequence[int], options: GalleryOptions
) -> PatternBody:
    """Rows of some patterns, ready to be placed."""
    size = (int(result.images.shape[1]), int(result.images.shape[2]))
    facets = facets_beside(result, places)
    lattice = lay_tiles(medium, size, len(places), options.columns, facets)
    caption = Caption(lattice.wide, result.natural is not None, rising(result))
    return PatternBody(result, tuple(places), lattice, caption)


def layer_anchor(name: str) -> str:
    """The name of the place where the patterns of a layer begin."""
    return f"patterns:{name}"


@dataclass(frozen=True, eq=False, slots=True)
class PatternBlock:
    """The patterns of one layer, ready to be placed.

    Attributes:
        group: The patterns.
        body: Rows of them, perhaps not of all.
        anchor: By which links lead here.
        leads: Where a link to all patterns of the layer leads, if not all are here.
    """

    group: LayerPatterns
    body: PatternBody
    anchor: str
    leads: str = ""

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.group.name

    def draw_head(self, sketch: Sketch, y: float, first: int, last: int) -> None:
        """Draws the layer's name and its facts."""
        if first == 0:
            sketch.anchor(self.anchor, "" if self.leads else self.name, y - 8)
        kind = kind_of(self.group.layer)
        if (first, last) != (0, self.body.rows):
            kind += f"   {self.body.part(first, last)}"
        room = sketch.right - sketch.left
        if self.leads:
            shown = len(self.body.places)
            words = f"{shown} of {len(self.group.places)}, see all"
            wide = sketch.measure(words, BODY)
            sketch.label(sketch.right, y + 12, words, BODY.but(colour=ACCENT), "end")
            sketch.link(sketch.right - wide - 2, y + 4, wide + 4, 11, self.leads)
            room -= wide + 12
        draw_heading(sketch, y, self.name, kind, layer_facts(self.group), room)


def make_blocks(result: Patterns, options: GalleryOptions, medium: Medium) -> list[Block]:
    """All layers with all their patterns."""
    return [
        PatternBlock(
            group, make_body(medium, result, group.places, options), layer_anchor(group.name)
        )
        for group in by_layer(result)
    ]


def grid_pages(result: Patterns, options: GalleryOptions, medium: Medium) -> list[Page]:
    """All patterns of every layer."""
    feet = captions(result)
    found = Flow(medium, feet).pages(make_blocks(result, options, medium))
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]
