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

from convlens.heat import Photograph
from convlens.render.heatmaps.numbers import reduced
from convlens.render.sketch import MEDIA, Medium

LARGEST = 4096
"""Pixels along the longest side of a photograph that is drawn at its own size."""
GAP = 9.0
"""Between two pictures beside each other, in points."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a picture is to fit in, in points, and how many of its pixels are drawn.

    Attributes:
        wide: Width.
        tall: Height.
        side: Pixels along the longest side at most.
    """

    wide: float
    tall: float
    side: int = LARGEST


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


def board(name: str, photographs: Sequence[Photograph], box: Box) -> Medium:
    """The medium of a name, fine enough for the photographs to fit their boxes."""
    medium = MEDIA[name]
    if medium.resolution is None:
        return medium
    finest = medium.resolution
    for photograph in photographs:
        height, width = drawn(photograph, box).pixels.shape[:2]
        finest = max(finest, math.ceil(max(width / box.wide, height / box.tall)))
    return dataclasses.replace(medium, resolution=float(finest))


def drawn(photograph: Photograph, box: Box) -> Photograph:
    """The photograph with as many pixels as are drawn."""
    return reduced(photograph, box.side)


def fit(medium: Medium, photograph: Photograph, box: Box) -> Cell:
    """How large a photograph, reduced to what is drawn, is in a box."""
    height, width = (int(side) for side in photograph.pixels.shape[:2])
    exact = min(box.wide / width, box.tall / height)
    if medium.resolution is not None:
        exact = max(1, round(exact * medium.resolution)) / medium.resolution
    return Cell(exact, width * exact, height * exact)
