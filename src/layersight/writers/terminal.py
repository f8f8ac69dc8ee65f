"""Documents in a terminal.

The rule of this module: everything that words can express is printed: facts, notes and tables as
they are, pictures as a line of words. Control characters of names never reach the terminal; colours
and line breaks are for terminals only, so that piped output has one line for each item.
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
    Numbers,
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

UNBOUNDED = 100_000  # columns where there is no terminal, so that no line is broken
STEPS = "▁▂▃▄▅▆▇█"  # heights of a curve in a line of words
MOST_STEPS = 48
FOLDED = 14  # words of fewer columns are not broken
STYLES = {"plain": "", "quiet": "dim", "accent": "cyan", "bad": "yellow"}
"""The style of each tone in a terminal."""


def to_text(document: Document, *, width: int | None = None, colour: bool = False) -> str:
    """A document in words and tables, lines without trailing spaces.

    Without the ``width`` of a terminal no line is broken; with ``colour`` tones are coloured.
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
    _print_document(console, document)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    compact = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return "\n".join(compact).strip("\n")


def _print_document(console: Console, document: Document) -> None:
    console.print(_text(document.title, "bold"), _text(document.kicker, "dim"), sep="  ")
    for line in document.facts:
        console.print(_text(line, "dim"))
    for part in document.parts:
        if part.title and len(document.parts) > 1:
            console.print("\n", _text(part.title, "bold"), sep="")
        front = part.intro
        _print_blocks(console, front)
        linked = set(_targets(front))
        for section in part.sections:
            _print_section(console, section, linked)


def _print_section(console: Console, section: Section, linked: set[str]) -> None:
    """Prints a section, unless a table links to it and it has only pictures, or another has all."""
    pictures_only = all(_is_picture(block) for block in flat(section.blocks))
    if (pictures_only and section.anchor in linked) or (section.aside and section.aside.target):
        return
    if not any(True for block in flat(section.blocks) for _ in _lines(block, console.width)):
        return
    if section.title:
        words = [_text(section.title, "bold"), _text(section.kind, "dim")]
        console.print("\n", words[0], "  " if section.kind else "", words[1], sep="")
    if section.facts:
        console.print(_text(section.facts, "dim"))
    _print_blocks(console, section.blocks, gap=not section.title)


def _print_blocks(console: Console, blocks: Sequence[Block], *, gap: bool = True) -> None:
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
            # Bold marks the best of a column, and facts have no columns.
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
            marked = any(_is_starred(cell, n) for row in block.rows for n, cell in enumerate(row))
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
    """A table; if it is too wide, in parts that each have the column that names the rows."""
    columns = [
        index
        for index, column in enumerate(table.columns)
        if not column.pages and (column.title or any(row[index].text for row in table.rows))
    ]
    first = next((n for n in columns if table.columns[n].align == "left"), -1)
    least = {n: _min_width(table, n) for n in columns}
    part: list[int] = []
    for index in columns:
        room = sum(least[n] + 2 for n in part) + least[index]
        if len(part) > 1 and room > width:
            yield _table(table, part)
            part = [first] if first >= 0 and index != first else []
        part.append(index)
    if part:
        yield _table(table, part)


def _min_width(table: Table, index: int) -> int:
    """The least width of a column: numbers are never broken, long words may be."""
    from rich.cells import cell_len

    column = table.columns[index]
    longest = (
        max(cell_len(_cell(row[index], index).plain) for row in table.rows) if table.rows else 0
    )
    words = max(map(cell_len, _head(column).split("\n")))
    return max(words, longest if column.align == "right" else min(longest, FOLDED))


def _head(column: Column) -> str:
    return "\n".join(filter(None, [column.title, column.note]))


def _table(table: Table, columns: Sequence[int]) -> RenderableType:
    from rich.table import Table as RichTable

    titled = any(table.columns[index].title for index in columns)
    rich_table = RichTable(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=titled, header_style="dim"
    )
    for index in columns:
        column = table.columns[index]
        right = column.align == "right"
        words = _text(_head(column), lines=True)
        rich_table.add_column(words, justify=column.align, overflow="fold", no_wrap=right)
    for row in table.rows:
        rich_table.add_row(*(_cell(row[index], index) for index in columns))
    return rich_table


def _is_starred(cell: Cell, index: int) -> bool:
    """Whether a number is emphasised, which must also be visible where nothing is bold."""
    return cell.marked or (cell.bold and index > 0)


def _cell(cell: Cell, index: int) -> Text:
    style = " ".join(filter(None, [STYLES[cell.tone], "bold" if cell.bold or cell.marked else ""]))
    signs = " \u2197" * cell.rising + " *" * _is_starred(cell, index)
    words = _text(f"{cell.text}{signs}", style)
    for more in filter(None, (cell.aside, cell.note)):
        words.append_text(_text(f" {more}", "dim"))
    return words


def _has_table(grid: Grid) -> bool:
    """Whether its tiles have names or numbers beside them, and are printed as a table."""
    measured = bool(grid.numbers) or any(tile.facts for tile in grid.tiles)
    return measured and any(tile.title or tile.value or tile.lines for tile in grid.tiles)


def _tiles(grid: Grid) -> Table:
    facts = [dict(tile.facts) for tile in grid.tiles]
    names = [
        name
        for name in dict.fromkeys(name for of_tile in facts for name in of_tile)
        if len(facts) == 1 or len({of_tile.get(name, "") for of_tile in facts}) > 1
    ]
    rows = []
    for index, tile in enumerate(grid.tiles):
        words = [_number(numbers, float(numbers.values[index])) for numbers in grid.numbers]
        words += [facts[index].get(name, "") for name in names]
        label = Cell(_label(tile), bold=True, rising=tile.rising)
        rows.append((label, *map(Cell, words)))
    heads = [Column(numbers.name, "right") for numbers in grid.numbers]
    return Table((Column(grid.unit), *heads, *map(Column, names)), tuple(rows))


def _number(numbers: Numbers, value: float) -> str:
    if math.isnan(value):
        return ""
    return fine_percent(value) if numbers.percent else number(value)


def _label(tile: Tile) -> str:
    return tile.label or ", ".join(filter(None, [tile.title, tile.subtitle])) or tile.name


def _grid_words(grid: Grid) -> str:
    """The number and size of tiles, and how many of them have nothing to show."""
    tiles = [tile for tile in grid.tiles if not tile.blank]
    words = [plural(len(tiles), grid.unit)]
    shapes = {pixels.shape[:2] for pixels in grid.pixels} if len(grid.pixels) else set()
    if len(shapes) == 1:
        words[0] += f" of {size(shapes.pop())}"
    covers = [" ".join(tile.cover.words[:1]) for tile in tiles if tile.cover]
    words += [f"{covers.count(word)} {word}" for word in dict.fromkeys(filter(None, covers))]
    if len(tiles) <= 16 and any(tile.value or tile.lines for tile in tiles):
        listed = (_tile_words(tile) for tile in tiles)
        return f"{', '.join(words)}: {'; '.join(listed)}"
    return ", ".join(words)


def _tile_words(tile: Tile) -> str:
    lines = (f"{name} {cell.text}".strip() for name, cell in tile.lines)
    return " ".join(filter(None, [_label(tile), tile.value, *lines]))


def _picture_words(picture: Picture) -> str:
    """A picture's name, and the ends of its colours."""
    shape = picture.pixels.shape
    # As everywhere, a photograph's width comes first; the size of a map is with its layer.
    photograph = len(shape) == 3 or picture.overlay is not None
    sides = f"{size(shape[1::-1])} pixels" if photograph else ""
    words = [picture.title or picture.name or "picture", sides]
    if picture.cover:
        words.append(" ".join(picture.cover.words))
    if picture.scale and picture.scale.marks:
        words.append(f"{picture.scale.marks[0][1]} to {picture.scale.marks[-1][1]}")
    return ", ".join(filter(None, [*words, *picture.lines]))


def _curve_words(curve: Curve) -> Iterator[str]:
    """A curve as a line for each series, unless there are many."""
    heads = ": ".join(filter(None, [curve.title, curve.lead]))
    series = [
        curve_series
        for curve_series in curve.series
        if curve_series.style != "thin" and len(curve_series.y)
    ]
    if curve.names:
        return  # such points are the numbers of a table
    yield from ([heads] if heads else [])
    if len(series) <= 4:
        lines = [_series_words(curve_series, share="y" in curve.percent) for curve_series in series]
        yield from (f"  {words}" for words in lines if words)


def _series_words(series: Series, *, share: bool) -> str:
    values = [value for value in series.y.tolist() if math.isfinite(value)]
    if len(values) < 2:
        return ""
    low, high = (0.0, 1.0) if share else (min(values), max(values))
    stride = -(-len(values) // MOST_STEPS)
    steps = "".join(
        STEPS[round((value - low) / ((high - low) or 1) * (len(STEPS) - 1))]
        for value in values[::stride]
    )
    limits = [percent(value) if share else number(value) for value in (min(values), max(values))]
    return f"{steps}  {f'{series.name}, ' if series.name else ''}{limits[0]} to {limits[1]}"
