"""How large photographs are drawn.

The rule of this module: on the screen a pixel of the photograph is a whole number of device
pixels, at least one, and there are so many of them to a point that words are as large beside a
large photograph as beside a small one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from layersight.data.photograph import Photograph
from layersight.nouns.heatmaps.photographs import reduced
from layersight.writers.sketch import Medium

LARGEST = 4096
"""Pixels along the longest side of a photograph that is drawn at its own size."""
FINE = 4.0
"""Pixels to a point at most, in a document of many."""
GAP = 9.0
"""Between two pictures beside each other, in points."""
NARROWEST = 76.0
"""Of a column of pictures, so that words fit over them, in points."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a picture is to fit in.

    Attributes:
        wide: Width, in points.
        tall: Height, in points.
        fine: Pixels to a point at most; ``None`` for as many as the photograph has, up to
            :data:`LARGEST` along its longest side.
    """

    wide: float
    tall: float
    fine: float | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """The size of a picture.

    Attributes:
        pixel: Of one of its pixels, in points.
        wide: Of the whole.
        tall: Likewise.
    """

    pixel: float
    wide: float
    tall: float

    @property
    def column(self) -> float:
        """How much of a row it takes, with its words and its colour bar."""
        return max(self.wide, NARROWEST)


def board(medium: Medium, pairs: Sequence[tuple[Photograph, Box]]) -> Medium:
    """The medium, on the screen fine enough for every photograph to fit its box."""
    if medium.resolution is None:
        return medium
    finest = medium.resolution
    for photograph, box in pairs:
        height, width = drawn(photograph, box).pixels.shape[:2]
        finest = max(finest, math.ceil(max(width / box.wide, height / box.tall)))
    return dataclasses.replace(medium, resolution=float(finest))


def drawn(photograph: Photograph, box: Box) -> Photograph:
    """The photograph with as many pixels as are drawn."""
    if box.fine is None:
        return reduced(photograph, (LARGEST, LARGEST))
    return reduced(photograph, (round(box.tall * box.fine), round(box.wide * box.fine)))


def fit(medium: Medium, photograph: Photograph, box: Box) -> Cell:
    """How large a photograph, reduced to what is drawn, is in a box."""
    height, width = (int(side) for side in photograph.pixels.shape[:2])
    exact = min(box.wide / width, box.tall / height)
    if medium.resolution is not None:
        exact = max(1, round(exact * medium.resolution)) / medium.resolution
    return Cell(exact, width * exact, height * exact)
