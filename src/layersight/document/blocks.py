"""The blocks of a document: facts, notes, tables, grids of tiles, large pictures and curves.

The rule of this module: plain frozen data. No block knows a format, a page or a noun.

Pixels are uint8 arrays: ``(height, width)`` are indices into a palette of 256 colours, ``(256,
3)``; ``(height, width, 3)`` are RGB. They are drawn with their own pixels, never smoothed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import Bytes as Bytes  # what writers draw

Values = NDArray[np.floating[Any]]

Tone = Literal["plain", "quiet", "accent", "bad"]
"""How text is set: as usual, secondary, coloured, or as something that is wrong."""


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """What colours stand for: drawn as a colour bar.

    Attributes:
        palette: ``(256, 3)``.
        marks: Words by their position on the bar, 0 to 1.
        low: The value of index 0, where that is one for all that the bar belongs to.
        high: Likewise of index 255.
        note: What else is to be said of it, such as "each map by itself".
    """

    palette: Bytes
    marks: tuple[tuple[float, str], ...]
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, a line each.

    Attributes:
        rows: Name and value.
        title: Over them; empty for none.
    """

    rows: tuple[tuple[str, str | Cell], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Sentences.

    Attributes:
        lines: A paragraph each.
        title: Over them; empty for none.
        lead: A first line in bold, such as a file's name.
        tone: How they are set.
        most: On pages so many are shown and the rest counted; all elsewhere.
    """

    lines: tuple[str, ...]
    title: str = ""
    lead: str = ""
    tone: Tone = "plain"
    most: int = 99


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, or a value among facts.

    Attributes:
        text: What stands in it.
        tone: How it is set.
        bold: Whether in bold.
        aside: Beside it, smaller: its standard error.
        note: A second, smaller line under it, beside the bar where there is one.
        share: 0 to 1 to draw a bar beside the text.
        target: The anchor of a section that it leads to.
        marked: Whether its ground is tinted, as of the best in a column.
        rising: Whether it has the arrow of what has not converged.
        swatch: The palette of a small colour bar in place of text.
    """

    text: str = ""
    tone: Tone = "plain"
    bold: bool = False
    aside: str = ""
    note: str = ""
    share: float | None = None
    target: str = ""
    marked: bool = False
    rising: bool = False
    swatch: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its head.
        align: ``"left"`` or ``"right"``.
        note: A smaller line under its head.
        wide: The share of the room left over that it takes; 0 for as wide as its texts.
        pages: Whether its cells hold the page of their ``target``; the column exists only where
            there are pages with numbers.
    """

    title: str
    align: Literal["left", "right"] = "left"
    note: str = ""
    wide: float = 0.0
    pages: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose head is repeated where a page ends.

    Attributes:
        columns: Its columns.
        rows: A cell for each column.
        title: Over it; empty for none.
        note: Under it.
        ruled: Rows after which a stronger line is drawn.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    note: str = ""
    ruled: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Cover:
    """What is drawn in place of pixels: a flat ground, a cross and words.

    Attributes:
        kind: ``"dead"`` (grey) for what is constant or empty, ``"broken"`` (reddish) for values
            that are not numbers.
        words: A word or two on it, as ``("dead", "= 0")``.
        span: How many tiles beside each other it covers.
    """

    kind: Literal["dead", "broken"]
    words: tuple[str, ...]
    span: int = 1


@dataclass(frozen=True, eq=False, slots=True)
class Tile:
    """What is said of one tile of a grid.

    Attributes:
        label: Under it: the channel's number, as a rule.
        title: Over it, in bold.
        subtitle: Under the title, secondary.
        value: At the right end of the label's line, such as the activation reached.
        lines: More lines under the label: name and value.
        share: 0 to 1 to draw a bar under it.
        rising: Whether it has the arrow of what has not converged.
        cover: What is drawn in place of its pixels.
        blank: Whether nothing is drawn at all, since its row has fewer.
        scale: Its own colour bar, drawn under it.
        palette: Of its pixels, where they are indices and the grid has none.
        name: Its full name for the card and the screen reader; where empty it is made of the
            section's title, the grid's unit and the label: ``"conv2d_1, channel 3"``.
        facts: Name and value, for the card, beside the numbers of the grid.
        curve: How it came about, for the large view of a tile (HTML).
        also: A second picture of it, ``(height, width, 3)``, for the large view: what is left of a
            pattern through its mask.
    """

    label: str = ""
    title: str = ""
    subtitle: str = ""
    value: str = ""
    lines: tuple[tuple[str, Cell], ...] = ()
    share: float | None = None
    rising: bool = False
    cover: Cover | None = None
    blank: bool = False
    scale: Scale | None = None
    palette: Bytes | None = None
    name: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    curve: Curve | None = None
    also: Bytes | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Numbers:
    """A number of every tile of a grid, for the tiles' cards and to order them by.

    Attributes:
        name: What it is.
        values: ``(tile,)``; NaN where there is none.
        percent: Whether it is a share, 0 to 1.
        order: Whether tiles can be ordered by it, greatest first.
    """

    name: str
    values: Values
    percent: bool = False
    order: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class Overlay:
    """A photograph under a tile or a picture, which lies over it as ``alpha`` says.

    Attributes:
        under: ``(height, width, 3)``.
        alpha: ``(height, width)`` uint8 opacity of the pixels that lie over it.
        faded: ``(height, width)`` bool: where the photograph was not seen by the network, drawn
            pale; ``None`` if all of it was seen.
    """

    under: Bytes
    alpha: Bytes
    faded: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Tiles in rows.

    Attributes:
        pixels: ``(tile, height, width)`` or ``(tile, height, width, 3)``: one array where all tiles
            have one size, drawn as one mosaic; else a sequence of arrays, each fitted into the same
            square.
        tiles: What is said of each.
        palette: Of pixels that are indices; ``None`` for RGB or where each tile has its own.
        columns: Tiles in a row at most.
        side: Points that the longer side of a tile takes about, where the rows need not fill the
            width; ``None``: rows fill the width of paper, and are as large as needed on screens.
        title: Over it; empty for none.
        unit: What a tile is, in the singular: ``"channel"``, ``"filter"``, ``"pattern"``.
        slices: Rows and columns of depth slices in each tile, else ``(1, 1)``.
        depth: How many slices there are; the last row may have cells left over.
        overlays: For each tile the photograph under it.
        rows: Names at the left of each row of tiles, with a smaller second line.
        gaps: Columns after which a wider gap is left.
        heads: Words over columns, by column.
        numbers: Numbers of every tile.
        photos: Whether the pixels are photographs at a size of their own, which may be smoothed,
            and which files may hold with small losses.
    """

    pixels: Bytes | Sequence[Bytes]
    tiles: Sequence[Tile]
    palette: Bytes | None = None
    columns: int = 16
    side: float | None = None
    title: str = ""
    unit: str = "channel"
    slices: tuple[int, int] = (1, 1)
    depth: int = 1
    overlays: Sequence[Overlay | None] = ()
    rows: tuple[tuple[str, str], ...] = ()
    gaps: frozenset[int] = frozenset()
    heads: tuple[tuple[int, str], ...] = ()
    numbers: tuple[Numbers, ...] = ()
    photos: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """The numbers beside a picture's rows or under its columns.

    Attributes:
        labels: Of each row or column; empty for 0, 1, 2 ...
        title: What they are.
    """

    labels: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of a picture that is covered: rows and columns from, up to before.

    Attributes:
        top: First row.
        left: First column.
        bottom: Row after the last.
        right: Column after the last.
        cover: What is drawn; ``None`` for nothing at all, where there are no pixels.
    """

    top: int
    left: int
    bottom: int
    right: int
    cover: Cover | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """One picture, large, with axes and a colour bar.

    Attributes:
        pixels: ``(height, width)`` or ``(height, width, 3)``.
        palette: Of pixels that are indices.
        title: Over it, small.
        lines: Under it, small.
        side: Points that its longer side takes about.
        tall: Points that each row takes at least, where rows are things by themselves (channels
            of a layer with one axis, units of a vector); such a picture may be broken between rows
            and need not keep its aspect. ``None`` for a picture.
        rows: Numbers beside its rows; ``None`` for none.
        columns: Numbers under its columns.
        scale: Its colour bar.
        bar: Where that stands.
        cover: What is drawn in its place.
        patches: Parts that are covered.
        slices: As of :class:`Grid`.
        depth: Likewise.
        overlay: The photograph under it.
        name: For the screen reader and the card.
        unit: What a row is, where ``tall`` is given, or a cell (``"unit"``).
        facts: Name and value, for the card.
        cells: The names of its cells, read like text, where they do not count on from the labels of
            the rows: some units of a vector.
        values: ``(height, width)``: the exact values, for the card, where every pixel is a thing by
            itself (the units of a vector); else they are read off ``scale``.
    """

    pixels: Bytes
    palette: Bytes | None = None
    title: str = ""
    lines: tuple[str, ...] = ()
    side: float = 430.0
    tall: float | None = None
    rows: Axis | None = None
    columns: Axis | None = None
    scale: Scale | None = None
    bar: Literal["right", "below"] = "right"
    cover: Cover | None = None
    patches: tuple[Patch, ...] = ()
    slices: tuple[int, int] = (1, 1)
    depth: int = 1
    overlay: Overlay | None = None
    name: str = ""
    unit: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    cells: tuple[str, ...] = ()
    values: Values | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """The values of one curve, or of one kind of points.

    Attributes:
        y: ``(point,)``; NaN where there is none. In a chart of names, the index of the name.
        x: ``(point,)``; empty for 0, 1, 2 ...
        name: In the key; empty for none.
        style: ``"line"`` with points, ``"plain"`` without, ``"thin"`` grey, ``"points"``,
            ``"ticks"`` small upright strokes, ``"bars"`` from 0.
        hollow: Whether the points are hollow.
        tone: Its colour.
        errors: ``(point,)``: the length of a line to either side, along x.
        colours: ``(point, 3)``: of a plain line or of bars, point by point, in place of the tone.
    """

    y: Values
    x: Values = field(default_factory=lambda: np.zeros(0, np.float32))
    name: str = ""
    style: Literal["line", "plain", "thin", "points", "ticks", "bars"] = "line"
    hollow: bool = False
    tone: Tone = "accent"
    errors: Values | None = None
    colours: Bytes | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """Curves over one axis; or, with ``names``, points in a row for each name.

    Attributes:
        series: What is drawn, the first in front.
        title: Over it.
        lead: The first words of a second line over it, in bold and accent.
        x: The limits of the axis; ``None`` for those of the data.
        y: Likewise.
        x_title: Under the axis.
        y_title: Beside the axis.
        percent: Which axes are shares, ``""``, ``"x"``, ``"y"`` or ``"xy"``.
        names: Of the rows, top to bottom.
        x_names: Of the points along x.
        rules: Values of x (with ``names``) or y where a line is drawn, with its words.
        wide: Points; ``None`` for all the room.
        tall: Points of the plot itself.
        lines: Under it, small.
        scale: What the colours of its points stand for, as a colour bar under it.
        name: For the screen reader.
    """

    series: tuple[Series, ...]
    title: str = ""
    lead: str = ""
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    x_title: str = ""
    y_title: str = ""
    percent: str = ""
    names: tuple[str, ...] = ()
    x_names: tuple[str, ...] = ()
    rules: tuple[tuple[float, str], ...] = ()
    wide: float | None = None
    tall: float = 74.0
    lines: tuple[str, ...] = ()
    scale: Scale | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """Blocks beside each other; they go on in a new row where the room ends.

    Attributes:
        parts: From left to right; a part of several blocks is a column.
        fill: Whether the last part takes the rest of the width.
    """

    parts: tuple[tuple[Block, ...], ...]
    fill: bool = True


Block = Facts | Note | Table | Grid | Picture | Curve | Beside


def flat(blocks: Iterable[Block]) -> Iterator[Facts | Note | Table | Grid | Picture | Curve]:
    """All blocks in order, those beside each other one by one."""
    for block in blocks:
        if isinstance(block, Beside):
            yield from flat(each for part in block.parts for each in part)
        else:
            yield block


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """A heading with blocks under it; it is kept together where a page can hold it.

    Attributes:
        title: The heading, as a layer's name; empty for a section of a cover, without one.
        blocks: What is under it.
        kind: Beside the title, secondary: type and size.
        facts: Under the title: a line of facts.
        anchor: A name, unique in the document, that cells lead to.
        outline: In the outline of a PDF and the contents of a page; the title where empty.
        listed: Whether it stands there.
        scale: The colour bar at the right end of the heading.
        alone: Whether it begins a page and stands alone on it (one map, one pattern).
        fresh: Whether it begins a page.
        aside: At the right end of the heading, such as a link to all tiles of a row.
        details: Name and value that only pages with room for it show (HTML).
    """

    title: str
    blocks: tuple[Block, ...]
    kind: str = ""
    facts: str = ""
    anchor: str = ""
    outline: str = ""
    listed: bool = True
    scale: Scale | None = None
    alone: bool = False
    fresh: bool = False
    aside: Cell | None = None
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """A cover and the sections that follow it: what is shown of one image, as a rule.

    Attributes:
        sections: In order; their anchors are unique in the document.
        front: The blocks of the cover; empty for none.
        notes: What pages with room for it (HTML) say before the sections where there is no cover.
        follow: Whether the sections follow the cover on its page.
        title: In the outline, where a document has several parts.
        anchor: Of the cover, which pages lead back to.
    """

    sections: tuple[Section, ...]
    front: tuple[Block, ...] = ()
    notes: tuple[Block, ...] = ()
    follow: bool = False
    title: str = ""
    anchor: str = "cover"


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """All that is shown of a result.

    Attributes:
        title: The model's name.
        kicker: Over the title: "What the network sees".
        facts: Under the title, a line each.
        parts: What follows.
        captions: At the foot of every page: the scale, the input, the model.
        heading: Of all sections together, such as "Feature maps".
        guide: Sentences that tell how to read the sections, for pages with room for it (HTML).
        caption: All that a file's metadata says: layers, channels, scale, preprocessing, versions.
        name: The file's title in its metadata.
        fewer: How to ask for less, for formats that hold a single page.
    """

    title: str
    kicker: str
    facts: tuple[str, ...]
    parts: tuple[Part, ...]
    captions: tuple[str, ...] = ()
    heading: str = ""
    guide: tuple[str, ...] = ()
    caption: str = ""
    name: str = ""
    fewer: str = ""
