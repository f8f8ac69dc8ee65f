"""Kernels of one or three inputs: each a tile with its filter's number.

The rule of this module: all tiles of a layer have one scale, so that weak filters look weak.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from layersight.document.words import plural, span
from layersight.nouns.kernels.parts import limit
from layersight.nouns.kernels.result import LayerKernels
from layersight.render.kernels.tile import by_sign, coloured, mark
from layersight.writers.sketch import BODY, TINY, Medium, Sketch, Style

GAP = 5.0
"""Between two tiles beside each other, in points."""
UNDER = 6.0
"""Under the numbers of a row."""
FEWEST = 8
"""On paper tiles are no wider than those of a row of so many."""
SCREEN_TILE = 56
"""Device pixels that the longer side of a tile on the screen takes at least."""
TALLEST = 240.0
"""Points that a tile on paper is tall at most."""
NUMBER = 13.0
"""Points that the number of a filter needs."""
LARGE = 44.0
"""Width from which on numbers are larger, in points."""


@dataclass(frozen=True, eq=False, slots=True)
class GridBody:
    """Rows of kernels, one tile for each filter.

    Attributes:
        entry: The kernels.
        columns: Tiles in a row.
        pixel: The size of a weight, in points.
        pitch: From one tile to the next.
        bgr: Whether the first of three inputs is blue.
    """

    entry: LayerKernels
    columns: int
    pixel: float
    pitch: float
    bgr: bool

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return math.ceil(len(self.entry.filters) / self.columns)

    @property
    def tall(self) -> float:
        """Of a tile."""
        return int(self.entry.values.shape[0]) * self.pixel

    @property
    def wide(self) -> float:
        """Of a tile."""
        return int(self.entry.values.shape[1]) * self.pixel

    @property
    def style(self) -> Style:
        """Of the numbers."""
        return BODY if self.wide >= LARGE else TINY

    @property
    def row_height(self) -> float:
        """Of a tile with its number."""
        return self.tall + self.style.size * 1.5 + UNDER

    @property
    def extra(self) -> float:
        """Nothing stands under the last row."""
        return 0.0

    @property
    def width(self) -> float:
        """Of a row."""
        return (self.columns - 1) * self.pitch + self.wide

    def part(self, first: int, last: int) -> str:
        """The filters in these rows."""
        shown = self.entry.filters[first * self.columns : last * self.columns]
        return f"{span(shown[0], shown[-1])} of {plural(len(self.entry.filters), 'filter')}"

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the kernels of these rows."""
        medium, start = sketch.medium, first * self.columns
        most = limit(self.entry)
        for number, place in enumerate(range(len(self.entry.filters))[start : last * self.columns]):
            row, column = divmod(number, self.columns)
            left = medium.snap(x + column * self.pitch)
            top = medium.snap(y + row * self.row_height)
            self._tile(sketch, left, top, place, most)
            middle, under = left + self.wide / 2, top + self.tall + self.style.size * 1.2
            sketch.label(middle, under, str(self.entry.filters[place]), self.style)

    def _tile(self, sketch: Sketch, x: float, y: float, place: int, most: float) -> None:
        if mark(sketch, x, y, self.wide, self.tall, self.entry, place):
            return
        values = self.entry.values[..., place]
        if self.entry.inputs == 3:
            picture = coloured(values, most, bgr=self.bgr)
        else:
            picture = by_sign(values[..., 0], most)
        sketch.picture(x, y, (self.pixel, self.pixel), picture)


def make_grid(medium: Medium, entry: LayerKernels, columns: int, *, bgr: bool) -> GridBody:
    """Rows of tiles that fill the width of paper, or of whole device pixels on the screen."""
    height, width, _, count = (int(side) for side in entry.values.shape)
    beside = min(columns, count)
    if medium.resolution is not None:
        pixel = max(1, math.ceil(SCREEN_TILE / max(height, width))) / medium.resolution
        pitch = medium.snap(max(width * pixel + GAP, NUMBER))
    else:
        share = min(columns, max(beside, FEWEST))
        pitch = (medium.room + GAP) / share
        pixel = min((pitch - min(GAP, 0.2 * pitch)) / max(height, width), TALLEST / height)
    return GridBody(entry, beside, pixel, pitch, bgr)
