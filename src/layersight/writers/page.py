"""A page as data: what is drawn where, in points, before any file format is chosen.

The rule of this module: a page is plain values; ``y`` runs downwards from the upper edge.
"""

from __future__ import annotations

from dataclasses import dataclass

from layersight.document.blocks import Bytes

Point = tuple[float, float]


WHITE = "#ffffff"


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text."""

    x: float  # of the start, middle or end of the text, as anchor says
    y: float  # of the baseline
    text: str  # the characters, without line breaks
    size: float  # of the font, in points
    colour: str  # as #rrggbb
    bold: bool = False  # whether in the bold face
    anchor: str = "start"  # which part of the text x is of: "start", "middle" or "end"


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """An image that is drawn with its own pixels, never smoothed unless it is a photograph."""

    x: float  # left edge
    y: float  # upper edge
    width: float  # as drawn, in points
    height: float  # likewise
    pixels: Bytes  # (height, width) indices of palette, or (height, width, 3) RGB
    palette: Bytes | None = None  # (256, 3) RGB, for the first kind of pixels
    photo: bool = False  # whether it is a photograph, which a file may hold with small losses


@dataclass(frozen=True, slots=True)
class Line:
    """A line through two or more points."""

    points: tuple[Point, ...]
    colour: str
    width: float = 0.5


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, filled, outlined or both."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An area that leads to the :class:`Anchor` called ``target``."""

    x: float
    y: float
    width: float
    height: float
    target: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """What links and the outline lead to."""

    name: str  # by which links ask for it, unique in a document
    title: str = ""  # in the outline; empty for none
    y: float = 0.0  # where on the page
    level: int = 0  # how deep in the outline, from 0


Item = Text | Picture | Line | Box | Link | Anchor


@dataclass(frozen=True, slots=True)
class Page:
    """A page; what comes later in ``items`` is drawn over what comes before."""

    width: float  # in points
    height: float  # in points
    items: tuple[Item, ...]  # what is on it
    # Device pixels for one point when it is drawn as pixels. The pictures of a page for the screen
    # are then a whole multiple of their own pixels.
    resolution: float = 1.0
