"""Pages as data, and what layouts draw with: the media, the styles, the items of a page.

The rule of this module: a page is plain values, of no file format; ``y`` runs downwards from the
upper edge. Every colour and font size is named here, once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from layersight.document.blocks import Bytes, Cell, Cover, Scale, Tone
from layersight.writers.fonts import clean, shorten, text_width, wrap

Point = tuple[float, float]

WHITE = "#ffffff"


@dataclass(frozen=True, slots=True)
class Text:
    x: float  # of the start, middle or end of the text, as anchor says
    y: float  # of the baseline
    text: str  # without line breaks
    size: float  # of the font, in points
    colour: str  # as #rrggbb
    bold: bool = False  # whether in the bold face
    anchor: str = "start"  # which part of the text is at x: "start", "middle" or "end"


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """An image that is drawn with its own pixels, never smoothed unless it is a photograph."""

    x: float  # left edge
    y: float  # upper edge
    width: float  # as drawn, in points
    height: float  # likewise
    pixels: Bytes  # (height, width) indices of palette, or (height, width, 3) RGB
    palette: Bytes | None = None  # (256, 3) RGB, for the first kind of pixels
    photo: bool = False  # whether it is a photograph, which may be compressed with small losses


@dataclass(frozen=True, slots=True)
class Line:
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
    """A target of links and of the outline."""

    name: str  # unique in a document
    title: str = ""  # in the outline; empty for none
    y: float = 0.0
    level: int = 0  # its depth in the outline, from 0


Item = Text | Picture | Line | Box | Link | Anchor


@dataclass(frozen=True, slots=True)
class Page:
    """A page; what comes later in ``items`` is drawn over what comes before."""

    width: float  # in points
    height: float
    items: tuple[Item, ...]
    # Device pixels for one point when it is drawn as pixels. The pictures of a page for the screen
    # are then a whole multiple of their own pixels.
    resolution: float = 1.0


INK = "#1a1c1e"
QUIET = "#5c6166"  # secondary text, 6.3 to 1 on white
FAINT = "#c9cdd1"  # rules and marks, never text
ACCENT = "#0b6570"
DEAD_FILL = "#eceeef"
BROKEN_FILL = "#f7e6e0"
BROKEN_INK = "#8c2f12"
BROKEN_LINE = "#d9b3a6"
TRACK = "#e3e7e9"  # the background of a bar of a share
MARKED = "#e0efef"
RANDOM = "#8a9096"
RULE = "#b3622a"
INKS: dict[Tone, str] = {"plain": INK, "quiet": QUIET, "accent": ACCENT, "bad": BROKEN_INK}
RAMP = np.arange(256, dtype=np.uint8)[None]
BAR_WIDTH = 128.0  # of a colour bar in a heading, in points
BAR = 15.0  # height of a horizontal colour bar with its words
SWATCH = 30.0  # width of a small colour bar in place of text
METER = 2.4  # height of a bar of a share
ARROW = 5.0
TICK = 2.5


@dataclass(frozen=True, slots=True)
class Style:
    size: float
    colour: str = INK
    bold: bool = False

    def but(self, **changes: Any) -> Style:
        return replace(self, **changes)

    def toned(self, tone: Tone, *, bold: bool = False) -> Style:
        return self.but(colour=INKS[tone], bold=bold or self.bold)


TITLE = Style(21, bold=True)
HEADING = Style(10, bold=True)
LEAD = Style(9)
BODY = Style(7.5)
NOTE = Style(6.5, QUIET)
TINY = Style(5.5, QUIET)
SECTION = BODY.but(colour=ACCENT, bold=True)
MUTED = BODY.but(colour=QUIET)


def title_height(title: str) -> float:
    return 13.0 if title else 0.0


@dataclass(frozen=True, slots=True)
class Medium:
    """Where a page will be seen: on paper, or on a screen."""

    width: float  # of a page, in points; on a screen the least width
    height: float | None  # of a page; None if it is as tall as its content
    resolution: float | None = None  # device pixels per point; None if pictures may have any size
    dejavu: bool = False  # whether words are drawn in DejaVu, not in the standard fonts of PDF
    margin: float = 42.0
    foot: float = 62.0

    @property
    def room(self) -> float:
        return self.width - 2 * self.margin

    @property
    def bottom(self) -> float:
        """The lower limit of a page's content."""
        return math.inf if self.height is None else self.height - self.foot

    @property
    def body(self) -> float:
        """The height between the upper margin and the foot."""
        return self.bottom - self.margin

    def measure(self, text: str, style: Style) -> float:
        """The width of a text, in points."""
        return text_width(clean(text), style.size, style.bold, pixels=self.dejavu)

    def wrap(self, text: str, style: Style, room: float, most: int | None = None) -> list[str]:
        """The text in lines no wider than ``room``, cut after ``most`` lines if that is given."""
        lines = wrap(clean(text), room, lambda line: self.measure(line, style))
        if most is None or len(lines) <= most:
            return lines
        return [*lines[: most - 1], lines[most - 1] + " …"]

    def snap(self, value: float) -> float:
        """The nearest position on the edge of a device pixel."""
        unit = self.resolution
        return value if unit is None else round(value * unit) / unit

    def zoomed(self, pixels: int, wanted: float) -> float:
        """The size of one of ``pixels`` that together take about ``wanted`` points.

        On a screen it is a whole number of device pixels, at least 1.
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
    """A page that is being drawn."""

    medium: Medium
    width: float  # of the page, in points
    back: str = ""  # the anchor of the cover that it leads back to
    items: list[Item] = field(default_factory=list)
    # the indices of items that are page numbers not known yet, and the anchors on those pages
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
        """Draws a line of text, shortened to ``room``; returns its width."""
        text = clean(text)
        if room is not None:
            text = shorten(text, room, lambda cut: self.medium.measure(cut, style))
        if text:
            self.label(x, y, text, style, anchor)
        return self.medium.measure(text, style)

    def label(self, x: float, y: float, text: str, style: Style, anchor: str = "middle") -> None:
        """Draws text that is short and clean, such as a number."""
        self.items.append(Text(x, y, text, style.size, style.colour, style.bold, anchor))

    def paragraph(
        self, x: float, y: float, text: str, style: Style, room: float, *, lines: int = 99
    ) -> float:
        """Draws text in lines from the baseline ``y`` on; returns the next baseline."""
        for line in self.medium.wrap(text, style, room, lines):
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
        """Draws an image whose pixels have the size ``pixel``; returns its width and height."""
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

    def ramp(self, x: float, y: float, palette: Bytes, wide: float, tall: float = 5.0) -> None:
        """Draws all colours of a palette from left to right, in whole device pixels on a screen."""
        resolution = self.medium.resolution
        count = 256 if resolution is None else max(1, round(wide * resolution))
        steps = RAMP[:, np.arange(count) * 256 // count]
        snap = self.medium.snap
        self.picture(snap(x), snap(y), (wide / count, tall), steps, palette)

    def scale(self, x: float, y: float, scale: Scale, wide: float) -> None:
        """Draws a horizontal colour bar with its words under it."""
        self.ramp(x, y, scale.palette, wide)
        longest = max((self.medium.measure(words, TINY) for _, words in scale.marks), default=0.0)
        marks = scale.marks
        if len(marks) < 3 and longest + self.medium.measure(scale.note, TINY) / 2 < wide / 2 - 4:
            marks = (*marks, (0.5, scale.note))
        for position, words in marks:
            anchor = "start" if position < 0.02 else "end" if position > 0.98 else "middle"
            self.label(x + position * wide, y + 12, words, TINY, anchor)

    def cover(
        self, x: float, y: float, wide: float, tall: float, cover: Cover, style: Style
    ) -> None:
        """Draws a flat background with a cross and words in place of pixels."""
        edge = 0.0 if self.medium.resolution else 0.5
        broken = cover.kind == "broken"
        fill, line = (BROKEN_FILL, BROKEN_LINE) if broken else (DEAD_FILL, FAINT)
        self.box(x - edge, y - edge, wide + 2 * edge, tall + 2 * edge, fill)
        self.line((x, y), (x + wide, y + tall), colour=line)
        if not broken:
            self.line((x, y + tall), (x + wide, y), colour=line)
        words = cover.words
        if wide > 3 * tall:
            words = (" ".join(words),)
        style = style.but(colour=BROKEN_INK if broken else QUIET)
        self.words_on(x, y, wide, tall, words, style, fill)

    def words_on(
        self,
        x: float,
        y: float,
        wide: float,
        tall: float,
        words: Sequence[str],
        style: Style,
        fill: str,
    ) -> None:
        """Draws words in the middle of a tile, on a plain background, if they fit."""
        step = style.size * 1.15
        needed = max((self.medium.measure(word, style) for word in words), default=0.0)
        if not words or needed > wide - 1 or step > tall:
            return
        if step * len(words) > tall - 1:
            words = words[:1]
        block = step * len(words)
        top = y + (tall - block) / 2
        self.box(x + (wide - needed) / 2 - 1, top - 0.5, needed + 2, block + 1, fill)
        for line, word in enumerate(words):
            self.text(x + wide / 2, top + step * (line + 0.82), word, style, anchor="middle")

    def slices(
        self, x: float, y: float, wide: float, tall: float, slices: tuple[int, int], depth: int
    ) -> None:
        rows, columns = slices
        for row in range(1, rows):
            edge = y + tall * row / rows
            self.line((x, edge), (x + wide, edge), colour=WHITE)
        for column in range(1, columns):
            edge = x + wide * column / columns
            self.line((edge, y), (edge, y + tall), colour=WHITE)
        used = depth - (rows - 1) * columns
        if used < columns:
            left, top = x + wide * used / columns, y + tall * (rows - 1) / rows
            self.box(left, top, x + wide - left + 0.5, tall / rows + 0.5, WHITE)

    def meter(self, x: float, y: float, wide: float, share: float, tall: float = METER) -> None:
        """Draws a bar of a share of 0 to 1 on its background; nothing for NaN."""
        if share != share:
            return
        y = self.medium.snap(y)
        self.box(x, y, wide, tall, TRACK)
        self.box(x, y, wide * min(1.0, max(0.0, share)), tall, ACCENT)

    def arrow(self, right: float, y: float) -> None:
        """Draws the mark of what has not converged: an arrow upwards that ends at ``right``."""
        left, low, high = right - ARROW, y, y - ARROW
        self.line((left, low), (right, high), colour=ACCENT, width=0.8)
        self.line((right - 3.2, high), (right, high), colour=ACCENT, width=0.8)
        self.line((right - 0.4, high), (right - 0.4, high + 3.2), colour=ACCENT, width=0.8)

    def tick(self, x: float, y: float, words: str) -> None:
        """Draws a tick under an axis with its words."""
        self.line((x, y), (x, y + TICK))
        self.text(x, y + 9, words, TINY, anchor="middle")

    def tick_left(self, x: float, y: float, words: str) -> None:
        """Draws a tick at the left of an axis with its words."""
        self.line((x - TICK, y), (x, y))
        self.text(x - 4, y + 1.9, words, TINY, anchor="end")

    def title(self, x: float, y: float, title: str, style: Style = BODY) -> float:
        """Draws a block's title under ``y``; returns its lower edge."""
        if title:
            self.text(x, y + 7, title, style, room=self.right - x)
        return y + title_height(title)

    def caption_on(self, x: float, y: float, area: tuple[float, float], words: str) -> None:
        """Draws words on a plain background at the lower edge of a picture, if they fit."""
        wide, tall = self.medium.measure(words, NOTE) + 6, NOTE.size * 1.5
        if wide <= area[0] and tall <= area[1]:
            self.box(x, y + area[1] - tall, wide, tall, DEAD_FILL)
            self.label(x + 3, y + area[1] - NOTE.size * 0.45, words, NOTE, "start")

    def swatch(self, x: float, y: float, cell: Cell) -> None:
        if cell.swatch is not None:
            self.ramp(x, y, cell.swatch, SWATCH, 6.0)

    def link(self, x: float, y: float, width: float, height: float, target: str) -> None:
        self.items.append(Link(x, y, width, height, target))

    def anchor(self, name: str, title: str, y: float, level: int = 0) -> None:
        self.items.append(Anchor(name, clean(title), y, level))

    def page_number(self, x: float, y: float, target: str, style: Style) -> None:
        """Reserves room, ending at ``x``, for the number of the page that an anchor is on."""
        self.references.append((len(self.items), target))
        self.label(x, y, "", style, "end")

    def page(self, height: float) -> Page:
        """The finished page; ``height`` is used if the medium does not set one."""
        tall = height if self.medium.height is None else self.medium.height
        if self.medium.resolution is None:
            return Page(self.width, tall, tuple(self.items))
        unit = self.medium.resolution
        width, tall = math.ceil(self.width * unit) / unit, math.ceil(tall * unit) / unit
        return Page(width, tall, tuple(self.items), unit)
