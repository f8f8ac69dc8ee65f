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
    """One line of text.

    Attributes:
        x: Of the start, middle or end of the text, as ``anchor`` says.
        y: Of the baseline.
        text: The characters, without line breaks.
        size: Of the font, in points.
        colour: As ``#rrggbb``.
        bold: Whether in the bold face.
        anchor: Which part of the text ``x`` is of: ``"start"``, ``"middle"`` or ``"end"``.
    """

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool = False
    anchor: str = "start"


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """An image that is drawn with its own pixels, never smoothed unless it is a photograph.

    Attributes:
        x: Left edge.
        y: Upper edge.
        width: As drawn, in points.
        height: Likewise.
        pixels: ``(height, width)`` indices of ``palette``, or ``(height, width, 3)`` RGB.
        palette: ``(256, 3)`` RGB, for the first kind of pixels.
        photo: Whether it is a photograph, which a file may hold with small losses.
    """

    x: float
    y: float
    width: float
    height: float
    pixels: Bytes
    palette: Bytes | None = None
    photo: bool = False


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
    """What links and the outline lead to.

    Attributes:
        name: By which links ask for it, unique in a document.
        title: In the outline; empty for none.
        y: Where on the page.
        level: How deep in the outline, from 0.
    """

    name: str
    title: str = ""
    y: float = 0.0
    level: int = 0


Item = Text | Picture | Line | Box | Link | Anchor


@dataclass(frozen=True, slots=True)
class Page:
    """A page; what comes later in ``items`` is drawn over what comes before.

    Attributes:
        width: In points.
        height: In points.
        items: What is on it.
        resolution: Device pixels for one point when it is drawn as pixels. The pictures of a page
            for the screen are then a whole multiple of their own pixels.
    """

    width: float
    height: float
    items: tuple[Item, ...]
    resolution: float = 1.0
