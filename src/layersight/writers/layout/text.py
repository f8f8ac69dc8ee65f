"""Facts and notes: lines of words.

The rule of this module: nothing is cut that can be wrapped; what is left out is counted.
"""

from __future__ import annotations

from layersight.document.blocks import Cell, Facts, Note
from layersight.document.words import plural
from layersight.writers.layout.body import Body, lay
from layersight.writers.sketch import (
    ARROW,
    BODY,
    LEAD,
    MUTED,
    NOTE,
    SECTION,
    SWATCH,
    Medium,
    Sketch,
    Style,
    title_height,
)

STEP = 1.4  # from one baseline to the next, as a share of the size of the font
NUMBERS = 186.0  # the greatest width of names with short values, in points
BARS = 300.0  # likewise with bars between them
SHORT = 96.0  # the widest value that counts as short
ROW = 14.0  # height of a name with a short value
BAR = 110.0
GAP = 12.0
ASIDE = 1.5  # between two paragraphs


@lay.register
def _note(block: Note, medium: Medium, room: float) -> Body:
    lines: list[tuple[str, Style, float]] = []
    if block.title:
        lines.append((block.title, SECTION, 13.0))
    if block.lead:
        lines.append((block.lead, LEAD.but(bold=True), 14.0))
    style = BODY.toned(block.tone)
    for paragraph in block.lines[: block.most]:
        wrapped = medium.wrap(paragraph, style, room)
        lines += [(line, style, style.size * STEP) for line in wrapped]
        if wrapped:
            lines[-1] = (wrapped[-1], style, style.size * STEP + ASIDE)
    if (more := len(block.lines) - block.most) > 0:
        lines.append((f"and {plural(more, 'more note')}", NOTE, NOTE.size * STEP))

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        for text, style, height in lines[first:last]:
            sketch.text(x, y + style.size * 0.95, text, style, room=room)
            y += height

    width = max((medium.measure(text, style) for text, style, _ in lines), default=0.0)
    return Body(min(room, width), tuple(height for *_, height in lines), draw)


@lay.register
def _facts(block: Facts, medium: Medium, room: float) -> Body:
    rows = [(name, value if isinstance(value, Cell) else Cell(value)) for name, value in block.rows]
    names = max((medium.measure(name, MUTED) for name, _ in rows), default=0.0)
    values = [medium.measure(cell.text, BODY.toned(cell.tone, bold=cell.bold)) for _, cell in rows]
    if max(values, default=0.0) <= SHORT and not any(cell.note for _, cell in rows):
        return _numbers(block.title, rows, room, names)
    names = min(names, room / 3)
    left = names + GAP
    starts = [left + (SWATCH + 6.0 if cell.swatch is not None else 0.0) for _, cell in rows]
    laid = [
        (
            medium.wrap(name, MUTED, names),
            medium.wrap(cell.text, BODY, room - start),
            medium.wrap(cell.note, NOTE, room - start),
            cell,
        )
        for (name, cell), start in zip(rows, starts, strict=True)
    ]
    step = BODY.size * STEP
    heights = [
        max(len(name) * step, len(text) * step + len(note) * NOTE.size * STEP, step) + ASIDE
        for name, text, note, _ in laid
    ]

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        if first == 0:
            y = sketch.title(x, y, block.title, SECTION)
        for row in range(first, last):
            name, text, note, cell = laid[row]
            base = y + BODY.size * 0.95
            for line, words in enumerate(name):
                sketch.text(x, base + line * step, words, MUTED)
            style = BODY.toned(cell.tone, bold=cell.bold)
            start = x + starts[row]
            for line, words in enumerate(text):
                sketch.text(start, base + line * step, words, style)
            base += len(text) * step
            for line, words in enumerate(note):
                sketch.text(start, base + line * NOTE.size * STEP, words, NOTE)
            sketch.swatch(x + left, y + 1.5, cell)
            if cell.rising:
                sketch.arrow(x + left + ARROW, y + BODY.size * 0.95)
            _link(sketch, x, y, room, heights[row], cell)
            y += heights[row]

    first_row = title_height(block.title) + heights[0] if heights else 0.0
    return Body(room, (first_row, *heights[1:]), draw)


def _numbers(title: str, rows: list[tuple[str, Cell]], room: float, names: float) -> Body:
    """Names with short values at the right end, a thin line under each."""
    shares = any(cell.share is not None for _, cell in rows)
    wide = min(room, BARS if shares and names > 70 else NUMBERS)

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        if first == 0:
            y = sketch.title(x, y, title, SECTION)
        for name, cell in rows[first:last]:
            base, right = y + 8.0, x + wide
            style = BODY.toned(cell.tone, bold=cell.bold)
            if cell.rising:
                sketch.arrow(right, base)
                right -= ARROW + 3
            value = sketch.text(right, base, cell.text, style, anchor="end")
            edge = right - value - 8
            if cell.share is not None:
                edge = x + wide - 46
                left = max(edge - BAR, x + min(names, wide / 2) + 8)
                sketch.meter(left, y + 3.2, edge - left, cell.share, 4.2)
                edge = left - 6
            sketch.swatch(x + wide - SWATCH, y + 2, cell)
            sketch.text(x, base, name, MUTED, room=edge - x)
            sketch.line((x, base + 4), (x + wide, base + 4), width=0.25)
            _link(sketch, x, y, wide, ROW, cell)
            y += ROW

    heights = [ROW] * len(rows)
    if heights:
        heights[0] += title_height(title)
    return Body(wide, tuple(heights), draw)


def _link(sketch: Sketch, x: float, y: float, wide: float, tall: float, cell: Cell) -> None:
    if cell.target:
        sketch.link(x, y, wide, tall, cell.target)
