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
"""How text is set: normal, secondary, coloured, or as a warning."""


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """What colours stand for: drawn as a colour bar."""

    palette: Bytes  # (256, 3)
    marks: tuple[tuple[float, str], ...]  # words by their position on the bar, 0 to 1
    # the value of index 0, if everything that the bar belongs to shares it
    low: float | None = None
    high: float | None = None  # likewise for index 255
    note: str = ""  # a remark, such as "each map by itself"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, a line each."""

    rows: tuple[tuple[str, str | Cell], ...]  # name and value
    title: str = ""  # over them; empty for none


@dataclass(frozen=True, slots=True)
class Note:
    """Sentences."""

    lines: tuple[str, ...]  # a paragraph each
    title: str = ""  # over them; empty for none
    lead: str = ""  # a first line in bold, such as a file's name
    tone: Tone = "plain"
    most: int = 99  # how many lines pages show; the rest are counted there, and shown elsewhere


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, or a value among facts."""

    text: str = ""
    tone: Tone = "plain"
    bold: bool = False
    aside: str = ""  # beside it, smaller: its standard error
    note: str = ""  # a second, smaller line under it, beside the bar if there is one
    share: float | None = None  # 0 to 1 to draw a bar beside the text
    target: str = ""  # the anchor of the section that it links to
    marked: bool = False  # whether its background is tinted, as for the best in a column
    rising: bool = False  # whether it has the arrow of what has not converged
    swatch: Bytes | None = None  # the palette of a small colour bar in place of text


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str  # its head
    align: Literal["left", "right"] = "left"
    note: str = ""  # a smaller line under its head
    wide: float = 0.0  # the share of the room left over that it takes; 0 for as wide as its texts
    # Whether its cells hold the page of their target; the column exists only on numbered pages.
    pages: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose head is repeated where a page ends."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]  # a cell for each column
    title: str = ""  # over it; empty for none
    note: str = ""  # under it
    ruled: frozenset[int] = frozenset()  # rows after which a stronger line is drawn


@dataclass(frozen=True, slots=True)
class Cover:
    """What is drawn in place of pixels: a flat background, a cross and words."""

    # "dead" (grey) for constant or empty maps, "broken" (reddish) for values that are not numbers
    kind: Literal["dead", "broken"]
    words: tuple[str, ...]  # a word or two on it, such as ("dead", "= 0")
    span: int = 1  # how many tiles beside each other it covers


@dataclass(frozen=True, eq=False, slots=True)
class Tile:
    """A tile of a grid, apart from its pixels."""

    label: str = ""  # under it: the channel's number, as a rule
    title: str = ""  # over it, in bold
    subtitle: str = ""  # under the title, secondary
    value: str = ""  # at the right end of the label's line, such as the activation reached
    lines: tuple[tuple[str, Cell], ...] = ()  # more lines under the label: name and value
    share: float | None = None  # 0 to 1 to draw a bar under it
    rising: bool = False  # whether it has the arrow of what has not converged
    cover: Cover | None = None  # what is drawn in place of its pixels
    blank: bool = False  # whether nothing is drawn at all, since its row has fewer
    scale: Scale | None = None  # its own colour bar, drawn under it
    palette: Bytes | None = None  # of its pixels, where they are indices and the grid has none
    # Its full name for the card and the screen reader; where empty it is made of the section's
    # title, the grid's unit and the label: "conv2d_1, channel 3".
    name: str = ""
    # name and value, for the card, beside the numbers of the grid
    facts: tuple[tuple[str, str], ...] = ()
    curve: Curve | None = None  # how it came about, for the large view of a tile (HTML)
    # A second picture of it, (height, width, 3), for the large view: what is left of a pattern
    # through its mask.
    also: Bytes | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Numbers:
    """A number of every tile of a grid, for the tiles' cards and to order them by."""

    name: str
    values: Values  # (tile,); NaN for none
    percent: bool = False  # whether it is a share, 0 to 1
    order: bool = True  # whether tiles can be ordered by it, greatest first


@dataclass(frozen=True, eq=False, slots=True)
class Overlay:
    """A photograph under a tile or a picture."""

    under: Bytes  # (height, width, 3)
    alpha: Bytes  # (height, width) uint8 opacity of the pixels that lie over it
    # (height, width) bool: where the photograph was not seen by the network, drawn pale; None if
    # all of it was seen.
    faded: NDArray[np.bool_] | None = None

    @property
    def seen(self) -> tuple[int, int, int, int] | None:
        """The rows and columns that the network saw: top, left, bottom, right; ``None`` for all."""
        if self.faded is None or not self.faded.any():
            return None
        rows, columns = (np.flatnonzero(~self.faded.all(axis)) for axis in (1, 0))
        if not len(rows):
            return 0, 0, 0, 0
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Tiles in rows."""

    # (tile, height, width) or (tile, height, width, 3): one array where all tiles have one size,
    # drawn as one mosaic; else a sequence of arrays, each fitted into the same square.
    pixels: Bytes | Sequence[Bytes]
    tiles: Sequence[Tile]
    # of pixels that are indices; None for RGB or where each tile has its own
    palette: Bytes | None = None
    columns: int = 16  # the most tiles in a row
    # Points that the longer side of a tile takes about, where the rows need not fill the width;
    # None: rows fill the width of paper, and are as large as needed on screens.
    side: float | None = None
    title: str = ""  # over it; empty for none
    unit: str = "channel"  # what a tile is, in the singular: "channel", "filter", "pattern"
    slices: tuple[int, int] = (1, 1)  # rows and columns of depth slices in each tile, else (1, 1)
    depth: int = 1  # how many slices there are; the last row may have cells left over
    overlays: Sequence[Overlay | None] = ()  # for each tile the photograph under it
    # names at the left of each row of tiles, with a smaller second line
    rows: tuple[tuple[str, str], ...] = ()
    gaps: frozenset[int] = frozenset()  # columns after which a wider gap is left
    heads: tuple[tuple[int, str], ...] = ()  # words over columns, by column
    numbers: tuple[Numbers, ...] = ()  # numbers of every tile
    # Whether the pixels are photographs, which may be smoothed and compressed with small losses.
    photos: bool = False

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Height and width of each tile; only of the first where all are in one array."""
        tiles = self.pixels[:1] if isinstance(self.pixels, np.ndarray) else self.pixels
        return [(tile.shape[0], tile.shape[1]) for tile in tiles] or [(1, 1)]

    @property
    def photographs(self) -> Sequence[Overlay | None]:
        """The photograph under each tile."""
        return self.overlays or (None,) * len(self.tiles)

    def palette_of(self, tile: Tile) -> Bytes | None:
        """The palette of a tile: its own, the grid's, or that of its colour bar."""
        palette = self.palette if tile.palette is None else tile.palette
        return tile.scale.palette if palette is None and tile.scale is not None else palette


@dataclass(frozen=True, slots=True)
class Axis:
    """The numbers beside a picture's rows or under its columns."""

    labels: tuple[str, ...] = ()  # of each row or column; empty for 0, 1, 2 ...
    title: str = ""  # what they are


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of a picture that is covered: rows and columns from, up to before."""

    top: int  # the first row
    left: int  # the first column
    bottom: int  # row after the last
    right: int  # column after the last
    cover: Cover | None = None  # what is drawn; None for nothing, where there are no pixels


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """One picture, large, with axes and a colour bar."""

    pixels: Bytes  # (height, width) or (height, width, 3)
    palette: Bytes | None = None  # of pixels that are indices
    title: str = ""  # over it, small
    lines: tuple[str, ...] = ()  # under it, small
    side: float = 430.0  # points that its longer side takes about
    # The least points of a row, if rows are separate things (channels of a layer with one axis,
    # units of a vector); such a picture may be broken between rows and stretched. None otherwise.
    tall: float | None = None
    rows: Axis | None = None  # numbers beside its rows; None for none
    columns: Axis | None = None  # numbers under its columns
    scale: Scale | None = None  # its colour bar
    bar: Literal["right", "below"] = "right"  # the position of the colour bar
    cover: Cover | None = None  # what is drawn instead of it
    patches: tuple[Patch, ...] = ()  # parts that are covered
    slices: tuple[int, int] = (1, 1)  # as for Grid
    depth: int = 1  # likewise
    overlay: Overlay | None = None  # the photograph under it
    name: str = ""  # for the screen reader and the card
    unit: str = ""  # what a row is, if tall is set, or a cell ("unit")
    facts: tuple[tuple[str, str], ...] = ()  # name and value, for the card
    # The names of its cells, in reading order, if they do not count up from the labels of the rows.
    cells: tuple[str, ...] = ()
    # (height, width): the exact values for the card, if pixels are separate things (the units of a
    # vector); else values are read off the scale.
    values: Values | None = None

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """As of :class:`Grid`: the one height and width."""
        return [(self.pixels.shape[0], self.pixels.shape[1])]

    @property
    def photographs(self) -> Sequence[Overlay | None]:
        return (self.overlay,)


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """The values of one curve, or of one kind of points."""

    y: Values  # (point,); NaN for none. In a chart of names, the index of the name.
    # (point,); empty for 0, 1, 2 ...
    x: Values = field(default_factory=lambda: np.zeros(0, np.float32))
    name: str = ""  # in the key; empty for none
    # "line" with points, "plain" without, "thin" grey, "points", "ticks" small upright strokes,
    # "bars" from 0.
    style: Literal["line", "plain", "thin", "points", "ticks", "bars"] = "line"
    hollow: bool = False  # whether the points are hollow
    tone: Tone = "accent"  # its colour
    errors: Values | None = None  # (point,): the length of a line to either side, along x
    # (point, 3): the colours of the points of a plain line or of bars, instead of the tone
    colours: Bytes | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """Curves over one axis; or, with ``names``, points in a row for each name."""

    series: tuple[Series, ...]  # the first is in front
    title: str = ""  # over it
    lead: str = ""  # the first words of a second line over it, in bold and accent
    x: tuple[float, float] | None = None  # the limits of the axis; None for those of the data
    y: tuple[float, float] | None = None  # likewise
    x_title: str = ""  # under the axis
    y_title: str = ""  # beside the axis
    percent: str = ""  # which axes are shares, "", "x", "y" or "xy"
    names: tuple[str, ...] = ()  # of the rows, top to bottom
    x_names: tuple[str, ...] = ()  # of the points along x
    # values of x (with names) or y where a line is drawn, with its words
    rules: tuple[tuple[float, str], ...] = ()
    wide: float | None = None  # points; None for all the room
    tall: float = 74.0  # points of the plot itself
    lines: tuple[str, ...] = ()  # under it, small
    scale: Scale | None = None  # of the colours of its points, as a colour bar under it
    name: str = ""  # for the screen reader


@dataclass(frozen=True, slots=True)
class Beside:
    """Blocks side by side; they continue in a new row where the room ends."""

    parts: tuple[tuple[Block, ...], ...]  # from left to right; a part of several blocks is a column
    fill: bool = True  # whether the last part takes the rest of the width


Block = Facts | Note | Table | Grid | Picture | Curve | Beside


def flat(blocks: Iterable[Block]) -> Iterator[Facts | Note | Table | Grid | Picture | Curve]:
    """All blocks in order, also those that are side by side."""
    for block in blocks:
        if isinstance(block, Beside):
            yield from flat(inner for part in block.parts for inner in part)
        else:
            yield block


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """A heading with blocks under it; it is kept together if a page can hold it."""

    title: str  # the heading, as a layer's name; empty for a section of a cover, without one
    blocks: tuple[Block, ...]
    kind: str = ""  # beside the title, secondary: type and size
    facts: str = ""  # under the title: a line of facts
    anchor: str = ""  # a name, unique in the document, that cells lead to
    outline: str = ""  # in the outline of a PDF and the contents of a page; the title where empty
    listed: bool = True  # whether it is listed there
    scale: Scale | None = None  # the colour bar at the right end of the heading
    alone: bool = False  # whether it has a page of its own (one map, one pattern)
    fresh: bool = False  # whether it begins a page
    # at the right end of the heading, such as a link to all tiles of a row
    aside: Cell | None = None
    # names and values that only pages with room for them show (HTML)
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """A cover and the sections that follow it: usually what is shown of one image."""

    sections: tuple[Section, ...]  # in order; their anchors are unique in the document
    front: tuple[Block, ...] = ()  # the blocks of the cover; empty for none
    # what pages with room for it (HTML) show before the sections if there is no cover
    notes: tuple[Block, ...] = ()
    follow: bool = False  # whether the sections follow the cover on its page
    title: str = ""  # in the outline, where a document has several parts
    anchor: str = "cover"  # of the cover, which pages lead back to

    @property
    def intro(self) -> tuple[Block, ...]:
        """What precedes the sections where there is room: the cover's blocks, else the notes."""
        return self.front or self.notes


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """All that is shown of a result."""

    title: str  # the model's name
    kicker: str  # over the title: "What the network sees"
    facts: tuple[str, ...]  # under the title, a line each
    parts: tuple[Part, ...]
    captions: tuple[str, ...] = ()  # at the foot of every page: the scale, the input, the model
    heading: str = ""  # of all sections together, such as "Feature maps"
    # sentences on how to read the sections, for pages with room for them (HTML)
    guide: tuple[str, ...] = ()
    # the description in a file's metadata: layers, channels, scale, preprocessing, versions
    caption: str = ""
    name: str = ""  # the file's title in its metadata
    fewer: str = ""  # how to ask for less, for formats that hold a single page

    def pictures(self) -> Iterator[Grid | Picture]:
        """Every grid and every picture, in order."""
        for part in self.parts:
            for blocks in (part.intro, *(section.blocks for section in part.sections)):
                yield from (block for block in flat(blocks) if isinstance(block, Grid | Picture))
