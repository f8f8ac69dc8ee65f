"""The drawing board of the layouts: the medium, the styles, and a list that fills up.

The rule of this module: every size, weight and colour of the pages is named here, once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from layersight.document.blocks import Bytes
from layersight.writers.fonts import clean, shorten, text_width, wrap
from layersight.writers.page import (
    Anchor,
    Box,
    Item,
    Line,
    Link,
    Page,
    Picture,
    Point,
    Text,
)

INK = "#1a1c1e"
QUIET = "#5c6166"  # secondary text, 6.3 to 1 on white
FAINT = "#c9cdd1"  # rules and marks, never text
ACCENT = "#0b6570"
DEAD_FILL = "#eceeef"
BROKEN_FILL = "#f7e6e0"
BROKEN_INK = "#8c2f12"
BROKEN_LINE = "#d9b3a6"
TRACK = "#e3e7e9"  # what a bar of a share lies on
MARKED = "#e0efef"
RANDOM = "#8a9096"
RULE = "#b3622a"


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of text."""

    size: float
    colour: str = INK
    bold: bool = False

    def but(self, *, colour: str | None = None, bold: bool | None = None) -> Style:
        """The same style in another colour or weight."""
        return replace(
            self,
            colour=self.colour if colour is None else colour,
            bold=self.bold if bold is None else bold,
        )


TITLE = Style(21, bold=True)
HEADING = Style(10, bold=True)
LEAD = Style(9)
BODY = Style(7.5)
NOTE = Style(6.5, QUIET)
TINY = Style(5.5, QUIET)
SECTION = BODY.but(colour=ACCENT, bold=True)


@dataclass(frozen=True, slots=True)
class Medium:
    """Where a page will be seen."""

    width: float  # of a page, in points; on the screen the least width
    height: float | None  # of a page; None where it is as tall as what it holds
    resolution: float | None = None  # pixels for one point; None where pictures may have any size
    # whether words are drawn in the font of pictures of pixels, and not in that of PDF
    dejavu: bool = False
    margin: float = 42.0
    foot: float = 62.0

    @property
    def room(self) -> float:
        return self.width - 2 * self.margin

    @property
    def bottom(self) -> float:
        """Where the content of a page must end."""
        return math.inf if self.height is None else self.height - self.foot

    @property
    def body(self) -> float:
        """The height between the upper margin and the foot."""
        return self.bottom - self.margin

    def measure(self, text: str, style: Style) -> float:
        """How wide the text is, in points."""
        return text_width(clean(text), style.size, style.bold, pixels=self.dejavu)

    def wrap(self, text: str, style: Style, room: float) -> list[str]:
        """The text in lines no wider than ``room``."""
        return wrap(clean(text), room, style.size, style.bold, pixels=self.dejavu)

    def snap(self, value: float) -> float:
        """The nearest position on a pixel's edge."""
        return (
            value if self.resolution is None else round(value * self.resolution) / self.resolution
        )

    def zoomed(self, pixels: int, wanted: float) -> float:
        """The size of one of ``pixels`` so that all take about ``wanted`` points.

        On the screen it is a whole number of device pixels, at least 1.
        """
        exact = wanted / pixels
        if self.resolution is None:
            return exact
        return max(1, math.floor(exact * self.resolution + 1e-6)) / self.resolution


PAPER = Medium(595.28, 841.89)  # A4, for PDF and SVG
SCREEN = Medium(595.0, None, resolution=2.0, dejavu=True, margin=30.0)
"""As wide and tall as needed, for PNG."""


@dataclass(slots=True)
class Sketch:
    """A page in the making."""

    medium: Medium  # where it will be seen
    width: float  # of the page, in points
    items: list[Item] = field(default_factory=list)  # what is on it so far
    # which items are numbers of pages that are not known yet, and the anchors on those pages
    references: list[tuple[int, str]] = field(default_factory=list)

    @property
    def left(self) -> float:
        return self.medium.margin

    @property
    def right(self) -> float:
        return self.width - self.medium.margin

    def text(
        self,
        x: float,
        y: float,
        text: str,
        style: Style,
        *,
        anchor: str = "start",
        room: float | None = None,
    ) -> float:
        """Puts a line of text, shortened to ``room``; returns its width."""
        text = clean(text)
        pixels = self.medium.dejavu
        if room is not None:
            text = shorten(text, room, style.size, style.bold, pixels=pixels)
        if text:
            self.items.append(Text(x, y, text, style.size, style.colour, style.bold, anchor))
        return text_width(text, style.size, style.bold, pixels=pixels)

    def label(self, x: float, y: float, text: str, style: Style, anchor: str = "middle") -> None:
        """Puts text that is known to be short and clean, such as a number."""
        self.items.append(Text(x, y, text, style.size, style.colour, style.bold, anchor))

    def paragraph(
        self, x: float, y: float, text: str, style: Style, room: float, *, lines: int = 99
    ) -> float:
        """Puts text in lines from the baseline ``y`` on; returns the next baseline."""
        wrapped = self.medium.wrap(text, style, room)
        if len(wrapped) > lines:
            wrapped = [*wrapped[: lines - 1], wrapped[lines - 1] + " …"]
        for line in wrapped:
            self.label(x, y, line, style, "start")
            y += style.size * 1.4
        return y

    def picture(
        self,
        x: float,
        y: float,
        pixel: Point,
        pixels: Bytes,
        palette: Bytes | None = None,
        *,
        photo: bool = False,
    ) -> tuple[float, float]:
        """Puts an image whose pixels have the size ``pixel``; returns its width and height."""
        width, height = pixels.shape[1] * pixel[0], pixels.shape[0] * pixel[1]
        self.items.append(Picture(x, y, width, height, pixels, palette, photo))
        return width, height

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str | None = None,
        stroke: str | None = None,
    ) -> None:
        self.items.append(Box(x, y, width, height, fill, stroke))

    def line(self, *points: Point, colour: str = FAINT, width: float = 0.5) -> None:
        self.items.append(Line(points, colour, width))

    def link(self, x: float, y: float, width: float, height: float, target: str) -> None:
        """Makes an area lead to an anchor."""
        self.items.append(Link(x, y, width, height, target))

    def anchor(self, name: str, title: str, y: float, level: int = 0) -> None:
        """Marks a place that links lead to."""
        self.items.append(Anchor(name, clean(title), y, level))

    def page_number(self, x: float, y: float, target: str, style: Style) -> None:
        """Keeps room, ending at ``x``, for the number of the page that an anchor is on."""
        self.references.append((len(self.items), target))
        self.label(x, y, "", style, "end")

    def page(self, height: float) -> Page:
        """The finished page; ``height`` is used where the medium does not set one."""
        tall = height if self.medium.height is None else self.medium.height
        if self.medium.resolution is None:
            return Page(self.width, tall, tuple(self.items))
        unit = self.medium.resolution
        width, tall = math.ceil(self.width * unit) / unit, math.ceil(tall * unit) / unit
        return Page(width, tall, tuple(self.items), unit)
