"""Where the tiles of a mosaic lie.

The rule of this module: gaps are whole pixels of the maps, so that one image holds all
tiles of a layer at their own pixels; they look alike for maps of any size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from layersight.writers.sketch import Medium

LABEL_ROOM = 8.6
"""Points under a tile for its number."""

SCREEN_TILE = 64
"""Device pixels that a tile on the screen has at least."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The geometry of a mosaic.

    Attributes:
        height: Of a tile, in its own pixels.
        width: Likewise.
        columns: Tiles in a row.
        gap_y: Pixels under each tile.
        gap_x: Pixels to the right of each tile.
        pixel: The size of one pixel, in points.
    """

    height: int
    width: int
    columns: int
    gap_y: int
    gap_x: int
    pixel: float

    @property
    def tall(self) -> float:
        """The height of a tile, in points."""
        return self.height * self.pixel

    @property
    def wide(self) -> float:
        """The width of a tile, in points."""
        return self.width * self.pixel

    @property
    def pitch_x(self) -> float:
        """From one tile to the next in its row, in points."""
        return (self.width + self.gap_x) * self.pixel

    @property
    def pitch_y(self) -> float:
        """From one row to the next, in points."""
        return (self.height + self.gap_y) * self.pixel

    @property
    def total_width(self) -> float:
        """Of a whole row, without the last gap, in points."""
        return self.columns * self.pitch_x - self.gap_x * self.pixel


def lay_cells(medium: Medium, height: int, width: int, tiles: int, columns: int) -> Cells:
    """The geometry for ``tiles`` maps of ``(height, width)`` on a medium.

    On paper the width of the page is filled; on the screen a map's pixel is a whole number
    of device pixels.
    """
    beside = max(1, min(columns, tiles))
    if medium.resolution is not None:
        return _screen(medium.resolution, height, width, beside)
    cells = _paper(medium.room, height, width, beside, min(columns, max(tiles, 6)))
    rows = math.ceil(tiles / beside)
    share = (medium.body - 60) / (rows * cells.pitch_y)
    # A few large tiles that would just miss the page are better a little smaller.
    if share < 1 and share * cells.pitch_x >= 60:
        room = medium.room * share
        cells = _paper(room, height, width, beside, min(columns, max(tiles, 6)))
        while rows * cells.pitch_y > medium.body - 60:
            room -= 4
            cells = _paper(room, height, width, beside, min(columns, max(tiles, 6)))
    return cells


def _paper(room: float, height: int, width: int, columns: int, share: int) -> Cells:
    gap_x = max(1, round(width / 9))
    pixel = room / (share * (width + gap_x) - gap_x)
    pitch = pixel * (width + gap_x)
    if height * pixel > 2 * pitch:  # tall maps: no taller than twice the column
        pixel = 2 * pitch / height
        gap_x = max(1, math.floor(pitch / pixel) - width)
    gap_y = max(1, math.ceil(LABEL_ROOM / pixel - 0.3))
    return Cells(height, width, columns, gap_y, gap_x, pixel)


def _screen(resolution: float, height: int, width: int, columns: int) -> Cells:
    zoom = max(1, math.ceil(SCREEN_TILE / max(height, width)))
    gap_x = max(1, round(8 / zoom))
    gap_x = max(gap_x, math.ceil(28 / zoom) - width)  # room for a number
    gap_y = max(1, math.ceil(LABEL_ROOM * resolution / zoom - 0.3))
    return Cells(height, width, columns, gap_y, gap_x, zoom / resolution)
