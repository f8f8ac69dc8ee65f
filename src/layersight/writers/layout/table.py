"""Tables with a rule under every row, whose head is repeated on each page.

The rule of this module: the columns are the same on every page, and a row that leads to one
section is one link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layersight.document.blocks import Cell, Column, Table
from layersight.document.words import span
from layersight.writers.layout.body import Body, lay
from layersight.writers.layout.text import STEP
from layersight.writers.sketch import (
    ACCENT,
    ARROW,
    BODY,
    FAINT,
    INK,
    MARKED,
    NOTE,
    QUIET,
    SECTION,
    SWATCH,
    TINY,
    Medium,
    Sketch,
    Style,
    title_height,
)

ROW = 12.6  # height of a row of one line, in points
LINE = 9.3  # what each further line adds
SECOND = 8.6  # what the second, smaller line of a cell adds
METER = 24.0
GAP = 13.0  # between two columns
MOST_LINES = 6
HEAD = NOTE.but(colour=INK, bold=True)


@dataclass(frozen=True, slots=True)
class _Track:
    """A column's left edge, its width, and how much of that is for a bar."""

    column: Column
    left: float
    wide: float
    aside: float

    @property
    def room(self) -> float:
        return self.wide - self.aside

    @property
    def head(self) -> Style:
        return _head_style(self.column)

    def put(self, sketch: Sketch, x: float, y: float, text: str, style: Style, bar: float) -> None:
        """Puts a line of text at the column's side, which leaves room for a bar."""
        room, right = self.wide - bar, self.column.align == "right"
        edge, anchor = (x + self.left + room, "end") if right else (x + self.left, "start")
        sketch.text(edge, y, text, style, anchor=anchor, room=room + GAP / 2)


@lay.register
def _table(block: Table, medium: Medium, room: float) -> Body:
    paged = medium.height is not None
    indices = [
        index
        for index, column in enumerate(block.columns)
        if not column.pages or (paged and any(row[index].target for row in block.rows))
    ]
    rows = [[row[index] for index in indices] for row in block.rows]
    tracks = _tracks([block.columns[index] for index in indices], rows, medium, room)
    wide = tracks[-1].left + tracks[-1].wide if tracks else 0.0
    head_lines = [
        medium.wrap(track.column.title, track.head, max(24.0, track.wide + GAP / 2))[:2]
        for track in tracks
    ]
    noted = 8.0 if any(track.column.note for track in tracks) else 0.0
    tallest = max((len(lines) for lines in head_lines), default=1)
    head = ROW + 8.0 * (tallest - 1) + noted if any(head_lines) else 2.0
    texts = [
        [_lines(cell, track, medium) for cell, track in zip(row, tracks, strict=True)]
        for row in rows
    ]
    heights = [_height(row, lines) for row, lines in zip(rows, texts, strict=True)]
    tail = medium.wrap(block.note, NOTE, room)
    step = NOTE.size * STEP

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        y = sketch.title(x, y, block.title, SECTION) + head
        for track, lines in zip(tracks, head_lines, strict=True):
            for line, words in enumerate(reversed(lines)):
                track.put(sketch, x, y - 3.6 - noted - 8.0 * line, words, track.head, 0.0)
            if track.column.note:
                track.put(sketch, x, y - 3.6, track.column.note, TINY, 0.0)
        sketch.line((x, y), (x + wide, y), colour=QUIET)
        for number in range(first, last):
            row, tall = rows[number], heights[number]
            targets = {cell.target for cell in row if cell.target}
            if len(targets) == 1:
                sketch.link(x, y, wide, tall, *targets)
            for cell, track, lines in zip(row, tracks, texts[number], strict=True):
                if cell.target and len(targets) > 1:
                    sketch.link(x + track.left, y, track.wide, tall, cell.target)
                _cell(sketch, x, y, tall, cell, track, lines)
            y += tall
            strong = number in block.ruled
            colour, width = (QUIET, 0.5) if strong else (FAINT, 0.25)
            sketch.line((x, y), (x + wide, y), colour=colour, width=width)
        for words in tail:
            y += step
            sketch.text(x, y + 1, words, NOTE)

    def part(first: int, last: int) -> str:
        return f"rows {span(first + 1, last)} of {len(rows):,}"

    top = title_height(block.title) + head
    under = len(tail) * step + (2 if tail else 0)
    return Body(wide, tuple(heights), draw, top, under, part)


def _head_style(column: Column) -> Style:
    return HEAD if column.note else NOTE


def _style(cell: Cell) -> Style:
    style = BODY.toned(cell.tone, bold=cell.bold)
    return style.but(colour=ACCENT) if cell.target and cell.tone == "plain" else style


def _aside(cells: Sequence[Cell], medium: Medium, *, right: bool) -> float:
    """Room at the right end of a column for smaller words, bars and arrows."""
    shares = any(cell.share is not None for cell in cells)
    beside = METER + 5.0 if shares and not _stacked(cells) else 0.0
    if any(cell.aside for cell in cells):
        beside += max(medium.measure(cell.aside, TINY) for cell in cells) + 3.0
    return beside + (ARROW + 3.0 if right and any(cell.rising for cell in cells) else 0.0)


def _stacked(cells: Sequence[Cell]) -> bool:
    """Whether bars of shares stand under the text, beside a second line, and not beside it."""
    return any(cell.share is not None and cell.note for cell in cells)


def _tracks(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], medium: Medium, room: float
) -> list[_Track]:
    """The columns, as wide as their texts; those that share spare room shrink first."""
    asides, widths = [], []
    for number, column in enumerate(columns):
        cells = [row[number] for row in rows]
        asides.append(_aside(cells, medium, right=column.align == "right"))
        text, under = _natural(column, cells, medium)
        widths.append(max(text + asides[-1], under))
    gaps = GAP * (len(columns) - 1)
    left_over = room - gaps - sum(widths)
    shares = [column.wide for column in columns]
    if left_over >= 0 and any(shares):
        widths = [w + left_over * s / sum(shares) for w, s in zip(widths, shares, strict=True)]
    elif medium.height is None:  # a screen is wide enough
        left_over += room / 2
    if left_over < 0:
        widths = _narrowed(widths, [bool(share) for share in shares], -left_over)
    tracks, x = [], 0.0
    for column, wide, aside in zip(columns, widths, asides, strict=True):
        tracks.append(_Track(column, x, wide, aside))
        x += wide + GAP
    return tracks


def _narrowed(widths: list[float], first: list[bool], excess: float) -> list[float]:
    """Widths that together are ``excess`` less; the widest shrink, among ``first`` at first."""
    for kinds in (first, [True] * len(widths)):
        floor = 60.0 if kinds is first else 12.0
        while excess > 0.01:
            able = [n for n, kind in enumerate(kinds) if kind and widths[n] > floor]
            if not able:
                break
            widest = max(widths[n] for n in able)
            equal = [n for n in able if widths[n] > widest - 0.01]
            below = max([floor, *(widths[n] for n in able if widths[n] <= widest - 0.01)])
            step = min(widest - below, excess / len(equal))
            for n in equal:
                widths[n] -= step
            excess -= step * len(equal)
    return widths


def _natural(column: Column, cells: Sequence[Cell], medium: Medium) -> tuple[float, float]:
    """The widest text of a column, and the widest of its head and its second lines."""
    words = column.title.split() or [""]
    if len(words) <= 2 and not column.note:
        words = [column.title]
    under = max(medium.measure(word, _head_style(column)) for word in words)
    under = max(under, medium.measure(column.note, TINY), 14.0 if column.pages else 0.0)
    text = 0.0
    for cell in cells:
        text = max(text, medium.measure(cell.text, _style(cell)))
        second = medium.measure(cell.note, TINY)
        under = max(under, second + (METER + 4.0 if cell.share is not None else 0.0) * bool(second))
        if cell.swatch is not None:
            under = max(under, SWATCH)
        if cell.rising and not cell.text:
            under = max(under, ARROW)
    return text, under


def _lines(cell: Cell, track: _Track, medium: Medium) -> list[str]:
    """The lines of a cell; only columns that share spare room may have several."""
    if not cell.text:
        return []
    if not track.column.wide:
        return [cell.text]
    return medium.wrap(cell.text, _style(cell), track.room, MOST_LINES)


def _height(row: Sequence[Cell], texts: Sequence[Sequence[str]]) -> float:
    return max(
        ROW + LINE * max(0, len(lines) - 1) + (SECOND if cell.note else 0.0)
        for cell, lines in zip(row, texts, strict=True)
    )


def _cell(
    sketch: Sketch, x: float, y: float, tall: float, cell: Cell, track: _Track, lines: Sequence[str]
) -> None:
    left, right = x + track.left, x + track.left + track.wide
    at_right = track.column.align == "right"
    if cell.marked:
        sketch.box(left - 3, y + 0.5, track.wide + 6, tall - 1, MARKED)
    if track.column.pages:
        if cell.target:
            sketch.page_number(right, y + 9, cell.target, BODY.but(colour=ACCENT))
        return
    for number, line in enumerate(lines):
        track.put(sketch, x, y + 9 + LINE * number, line, _style(cell), track.aside)
    if cell.aside:
        sketch.text(left + track.room + 3, y + 9, cell.aside, TINY)
    second = y + 9 + LINE * max(0, len(lines) - 1) + SECOND
    if cell.note:
        track.put(sketch, x, second, cell.note, TINY, 0.0)
    if cell.share is not None and cell.note:
        wide = sketch.medium.measure(cell.note, TINY)
        edge = right - wide - 4 - METER if at_right else left + wide + 4
        sketch.meter(edge, second - 3.6, METER, cell.share, 3.4)
    elif cell.share is not None:
        sketch.meter(left + track.room + 5, y + 4.2, METER, cell.share, 4.2)
    if cell.rising:
        beside = left + sketch.medium.measure(cell.text, _style(cell)) + (3 if cell.text else 0)
        sketch.arrow(right if at_right else beside + ARROW, y + 9)
    sketch.swatch(left, y + 3, cell)
