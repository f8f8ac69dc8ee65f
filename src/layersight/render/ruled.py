"""Tables with a rule under every row, which go on from page to page.

The rule of this module: the columns are the same on every page, and a row that leads somewhere
is a link as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from layersight.writers.page import Page
from layersight.writers.sketch import ACCENT, BODY, FAINT, NOTE, QUIET, Sketch, Style

ROW = 12.6
"""Height of a row, in points."""
METER = 24.0
METER_FILL = "#e9ecee"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        words: Its heading.
        x: Where its text starts, or ends, from the left margin.
        anchor: ``"start"`` or ``"end"``.
        room: The width that its text may take; ``None`` for text that is short.
    """

    words: str
    x: float
    anchor: str = "end"
    room: float | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row and a column.

    Attributes:
        text: In words.
        style: Of the text.
        share: A share of 0..1 to be shown as a bar beside the text.
    """

    text: str
    style: Style = BODY
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        cells: One for each column, ``None`` where there is nothing to tell.
        target: The anchor that the row leads to.
        page: Its page.
    """

    cells: tuple[Cell | None, ...]
    target: str = ""
    page: int | None = None


def draw_table(
    sketch: Sketch, y: float, columns: Sequence[Column], rows: Sequence[Row], *, paged: bool
) -> float:
    """Draws the head and some rows; returns where they end.

    Args:
        sketch: Where.
        y: The upper edge.
        columns: The same for all rows.
        rows: Those that stand here.
        paged: Whether the last column tells pages.
    """
    if not rows:
        return y
    left, right = sketch.left, sketch.right
    for column in columns:
        sketch.label(left + column.x, y + 9, column.words, NOTE, column.anchor)
    if paged:
        sketch.label(right, y + 9, "page", NOTE, "end")
    y += ROW
    sketch.line((left, y), (right, y), colour=QUIET)
    for row in rows:
        _row(sketch, y, columns, row)
        y += ROW
        sketch.line((left, y), (right, y), colour=FAINT, width=0.25)
    return y


def _row(sketch: Sketch, y: float, columns: Sequence[Column], row: Row) -> None:
    for column, cell in zip(columns, row.cells, strict=True):
        if cell is None:
            continue
        x = sketch.left + column.x
        if column.room is not None:
            sketch.text(x, y + 9, cell.text, cell.style, anchor=column.anchor, room=column.room)
        else:
            sketch.label(x, y + 9, cell.text, cell.style, column.anchor)
        if cell.share is not None:
            sketch.box(x + 5, y + 4.2, METER, 4.2, METER_FILL)
            sketch.box(x + 5, y + 4.2, METER * min(1.0, cell.share), 4.2, ACCENT)
    if row.page:
        style = BODY.but(colour=ACCENT)
        sketch.label(sketch.right, y + 9, str(row.page), style, "end")
        sketch.link(sketch.left, y, sketch.right - sketch.left, ROW, row.target)


def table_pages(
    sketch: Sketch,
    y: float,
    fresh: Callable[[], Sketch],
    columns: Sequence[Column],
    rows: Sequence[Row],
) -> list[Page]:
    """A table under what a page holds already, and the pages that it runs on to.

    Args:
        sketch: The first page.
        y: Where the table begins on it.
        fresh: Makes an empty page.
        columns: Of the table.
        rows: Of the table.
    """
    rest = list(rows)
    paged = any(row.page for row in rows)
    endless = (len(rest) + 2) * ROW + y
    bottom = endless if sketch.medium.height is None else sketch.medium.bottom
    found: list[Page] = []
    while True:
        fitting = min(len(rest), max(0, int((bottom - y - ROW) / ROW)))
        y = draw_table(sketch, y, columns, rest[:fitting], paged=paged)
        rest = rest[fitting:]
        found.append(sketch.page("Overview" if not found else "Layers", y + 24))
        if not rest:
            return found
        sketch, y = fresh(), sketch.medium.margin
