"""Documents in a terminal.

The rule of this module: whatever can be said is said: facts, notes and tables as they are, pictures
as a line of words. Control characters of names never reach the terminal; colours and line breaks
are for terminals only, so that what is piped is one line for each thing.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from layersight.document.blocks import (
    Block,
    Cell,
    Column,
    Curve,
    Document,
    Facts,
    Grid,
    Note,
    Picture,
    Section,
    Series,
    Table,
    Tile,
    flat,
)
from layersight.document.words import fine_percent, number, percent, plural, size
from layersight.writers.printable import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

UNBOUNDED = 100_000  # columns of what is no terminal: nothing is broken there
STEPS = "▁▂▃▄▅▆▇█"  # heights of a curve in a line of words
MOST_STEPS = 48
FOLDED = 14  # columns of the terminal below which words are not broken
STYLES = {"plain": "", "quiet": "dim", "accent": "cyan", "bad": "yellow"}
"""What each tone is in a terminal."""


def to_text(document: Document, *, width: int | None = None, colour: bool = False) -> str:
    """A document in words and tables, lines without trailing spaces.

    Without the ``width`` of a terminal no line is broken; tones may be said in ``colour``.
    """
    from rich.console import Console

    file = io.StringIO()
    console = Console(
        file=file,
        width=width or UNBOUNDED,
        force_terminal=colour,
        color_system="standard" if colour else None,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    _say(console, document)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return "\n".join(kept).strip("\n")


def _say(console: Console, document: Document) -> None:
    console.print(_text(document.title, "bold"), _text(document.kicker, "dim"), sep="  ")
    for line in document.facts:
        console.print(_text(line, "dim"))
    for part in document.parts:
        if part.title and len(document.parts) > 1:
            console.print("\n", _text(part.title, "bold"), sep="")
        front = part.front or part.notes
        _say_blocks(console, front)
        known = set(_targets(front))
        for section in part.sections:
            _say_section(console, section, known)


def _say_section(console: Console, section: Section, known: set[str]) -> None:
    """A section; not where a table named it and it has nothing but pictures, or another has all."""
    silent = all(_is_picture(block) for block in flat(section.blocks))
    if (silent and section.anchor in known) or (section.aside and section.aside.target):
        return
    if not any(True for block in flat(section.blocks) for _ in _lines(block, console.width)):
        return
    if section.title:
        words = [_text(section.title, "bold"), _text(section.kind, "dim")]
        console.print("\n", words[0], "  " if section.kind else "", words[1], sep="")
    if section.facts:
        console.print(_text(section.facts, "dim"))
    _say_blocks(console, section.blocks, gap=not section.title)


def _say_blocks(console: Console, blocks: Sequence[Block], *, gap: bool = True) -> None:
    for block in flat(blocks):
        lines = list(_lines(block, console.width))
        if not lines:
            continue
        if gap:
            console.print()
        gap = not _is_picture(block)
        if isinstance(block, Facts | Note | Table | Grid) and block.title:
            console.print(_text(block.title, "bold"))
        for line in lines:
            console.print(line)


def _targets(blocks: Sequence[Block]) -> Iterator[str]:
    for block in flat(blocks):
        if isinstance(block, Table):
            yield from (cell.target for row in block.rows for cell in row if cell.target)


def _is_picture(block: Block) -> bool:
    return isinstance(block, Picture) or (isinstance(block, Grid) and not _has_table(block))


def _lines(block: Block, width: int) -> Iterator[RenderableType]:
    match block:
        case Facts():
            cells = (value if isinstance(value, Cell) else Cell(value) for _, value in block.rows)
            # Bold marks the best of a column, which facts have not.
            plain = (dataclasses.replace(cell, bold=False) for cell in cells)
            rows = tuple(
                (Cell(name, "quiet"), cell)
                for (name, _), cell in zip(block.rows, plain, strict=True)
            )
            yield from _tables(Table((Column(""), Column("")), rows), width)
        case Note():
            yield from ([_text(block.lead, "bold")] if block.lead else [])
            yield from (_text(line, STYLES[block.tone]) for line in block.lines)
        case Table():
            yield from _tables(block, width)
            marked = any(_starred(cell, n) for row in block.rows for n, cell in enumerate(row))
            note = " ".join(filter(None, [block.note, "(*: bold.)" if marked else ""]))
            yield from ([_text(note, "dim")] if note else [])
        case Grid():
            if _has_table(block):
                yield from _tables(_tiles(block), width)
            else:
                yield _text(_grid_words(block))
        case Picture():
            yield _text(_picture_words(block))
        case Curve():
            yield from map(_text, _curve_words(block))


def _text(words: str, style: str = "", *, lines: bool = False) -> Text:
    from rich.text import Text

    return Text(printable(words, lines=lines), style)


def _tables(table: Table, width: int) -> Iterator[RenderableType]:
    """A table; one that is too wide in parts, each with the column that names the rows."""
    shown = [
        place
        for place, column in enumerate(table.columns)
        if not column.pages and (column.title or any(row[place].text for row in table.rows))
    ]
    first = next((n for n in shown if table.columns[n].align == "left"), -1)
    least = {n: _least(table, n) for n in shown}
    part: list[int] = []
    for place in shown:
        room = sum(least[n] + 2 for n in part) + least[place]
        if len(part) > 1 and room > width:
            yield _table(table, part)
            part = [first] if first >= 0 and place != first else []
        part.append(place)
    if part:
        yield _table(table, part)


def _least(table: Table, place: int) -> int:
    """Columns of the terminal that a column needs: numbers are never broken, long words may be."""
    from rich.cells import cell_len

    column = table.columns[place]
    longest = (
        max(cell_len(_cell(row[place], place).plain) for row in table.rows) if table.rows else 0
    )
    words = max(map(cell_len, _head(column).split("\n")))
    return max(words, longest if column.align == "right" else min(longest, FOLDED))


def _head(column: Column) -> str:
    return "\n".join(filter(None, [column.title, column.note]))


def _table(table: Table, shown: Sequence[int]) -> RenderableType:
    from rich.table import Table as RichTable

    titled = any(table.columns[place].title for place in shown)
    made = RichTable(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=titled, header_style="dim"
    )
    for place in shown:
        column = table.columns[place]
        right = column.align == "right"
        words = _text(_head(column), lines=True)
        made.add_column(words, justify=column.align, overflow="fold", no_wrap=right)
    for row in table.rows:
        made.add_row(*(_cell(row[place], place) for place in shown))
    return made


def _starred(cell: Cell, place: int) -> bool:
    """Whether a number is in bold for a reason, which must also be seen where nothing is bold."""
    return cell.marked or (cell.bold and place > 0)


def _cell(cell: Cell, place: int) -> Text:
    style = " ".join(filter(None, [STYLES[cell.tone], "bold" if cell.bold or cell.marked else ""]))
    signs = " \u2197" * cell.rising + " *" * _starred(cell, place)
    words = _text(f"{cell.text}{signs}", style)
    for more in filter(None, (cell.aside, cell.note)):
        words.append_text(_text(f" {more}", "dim"))
    return words


def _has_table(grid: Grid) -> bool:
    """Whether its tiles have names or numbers beside them, and are told in a table."""
    known = bool(grid.numbers) or any(tile.facts for tile in grid.tiles)
    return known and any(tile.title or tile.value or tile.lines for tile in grid.tiles)


def _tiles(grid: Grid) -> Table:
    every = [dict(tile.facts) for tile in grid.tiles]
    names = [
        name
        for name in dict.fromkeys(name for told in every for name in told)
        if len(every) == 1 or len({told.get(name, "") for told in every}) > 1
    ]
    heads = [Column(one.name, "right") for one in grid.numbers]
    rows = []
    for place, tile in enumerate(grid.tiles):
        told = dict(tile.facts)
        values = [float(one.values[place]) for one in grid.numbers]
        words = [
            "" if math.isnan(value) else fine_percent(value) if one.percent else number(value)
            for one, value in zip(grid.numbers, values, strict=True)
        ]
        cells = [Cell(words) for words in (*words, *(told.get(name, "") for name in names))]
        rows.append((Cell(_label(tile), bold=True, rising=tile.rising), *cells))
    columns = (Column(grid.unit), *heads, *(Column(name) for name in names))
    return Table(columns, tuple(rows))


def _label(tile: Tile) -> str:
    return tile.label or ", ".join(filter(None, [tile.title, tile.subtitle])) or tile.name


def _grid_words(grid: Grid) -> str:
    """How many tiles of which size, and how many of them have nothing to show."""
    tiles = [tile for tile in grid.tiles if not tile.blank]
    words = [plural(len(tiles), grid.unit)]
    shapes = {each.shape[:2] for each in grid.pixels} if len(grid.pixels) else set()
    if len(shapes) == 1:
        words[0] += f" of {size(shapes.pop())}"
    covers = [" ".join(tile.cover.words[:1]) for tile in tiles if tile.cover]
    words += [f"{covers.count(word)} {word}" for word in dict.fromkeys(filter(None, covers))]
    if len(tiles) <= 16 and any(tile.value or tile.lines for tile in tiles):
        told = (_told(tile) for tile in tiles)
        return f"{', '.join(words)}: {'; '.join(told)}"
    return ", ".join(words)


def _told(tile: Tile) -> str:
    lines = (f"{name} {cell.text}".strip() for name, cell in tile.lines)
    return " ".join(filter(None, [_label(tile), tile.value, *lines]))


def _picture_words(picture: Picture) -> str:
    """What a picture is, and the ends of its colours."""
    shape = picture.pixels.shape
    # A photograph is told as everywhere, width first; the size of a map stands with its layer.
    photograph = len(shape) == 3 or picture.overlay is not None
    sides = f"{size(shape[1::-1])} pixels" if photograph else ""
    words = [picture.title or picture.name or "picture", sides]
    if picture.cover:
        words.append(" ".join(picture.cover.words))
    if picture.scale and picture.scale.marks:
        words.append(f"{picture.scale.marks[0][1]} to {picture.scale.marks[-1][1]}")
    return ", ".join(filter(None, [*words, *picture.lines]))


def _curve_words(curve: Curve) -> Iterator[str]:
    """A curve as a line for each series that is not one of many."""
    heads = ": ".join(filter(None, [curve.title, curve.lead]))
    series = [each for each in curve.series if each.style != "thin" and len(each.y)]
    if curve.names:
        return  # such points are the numbers of a table
    yield from ([heads] if heads else [])
    if len(series) <= 4:
        told = [_series_words(each, share="y" in curve.percent) for each in series]
        yield from (f"  {words}" for words in told if words)


def _series_words(series: Series, *, share: bool) -> str:
    values = [value for value in series.y.tolist() if math.isfinite(value)]
    if len(values) < 2:
        return ""
    low, high = (0.0, 1.0) if share else (min(values), max(values))
    every = -(-len(values) // MOST_STEPS)
    steps = "".join(
        STEPS[round((value - low) / ((high - low) or 1) * (len(STEPS) - 1))]
        for value in values[::every]
    )
    ends = [percent(value) if share else number(value) for value in (min(values), max(values))]
    return f"{steps}  {f'{series.name}, ' if series.name else ''}{ends[0]} to {ends[1]}"
