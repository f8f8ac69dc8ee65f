"""The table of an evaluation: a row for each method, a column for each metric.

The rule of this module: below the methods stand the maps that know nothing, so that no number is
read without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layersight.document.words import percent
from layersight.nouns.evaluation.result import Evaluation, mean
from layersight.nouns.evaluation.wording import CENTRE, amount, made_of, random_name, spread, way
from layersight.writers.sketch import ACCENT, BODY, FAINT, INK, NOTE, QUIET, TINY, Sketch

TALL, LOW = 24.0, 13.0
"""Height of the row of a method, and of one of maps that know nothing, in points."""
HEAD = 29.0
NAMES = 120.0
"""Width of the column of names at most."""
WIDEST = 84.0
"""Width of a column of numbers at most."""
TITLE = NOTE.but(colour=INK, bold=True)
METER, GROUND, LEAD_FILL = 24.0, "#e9ecee", "#e0efef"


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of the table.

    Attributes:
        value: The mean.
        error: Its standard error, or nothing.
        share: The share of images better than the bar; ``None`` for maps that know nothing.
        leading: Whether it is the best, or not told apart from the best.
    """

    value: str
    error: str = ""
    share: float | None = None
    leading: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    Attributes:
        name: The method, or the maps that know nothing.
        below: What its maps are made of.
        cells: One for each metric.
        known: Whether it is a method.
    """

    name: str
    below: str
    cells: tuple[Cell, ...]
    known: bool = True


def lines_of(result: Evaluation) -> list[Line]:
    """The rows: the methods, random maps of each grain, the centre."""
    means, errors, better, leading = result.means, result.errors, result.better, result.leading
    found = [
        Line(
            row.title,
            made_of(row),
            tuple(
                Cell(
                    amount(float(means[place, column])),
                    spread(float(errors[place, column])),
                    float(better[place, column]),
                    bool(leading[place, column]) and len(result.rows) > 1,
                )
                for column in range(len(result.columns))
            ),
        )
        for place, row in enumerate(result.rows)
    ]
    rivals = [(random_name(cells), result.random_of(cells)) for cells in result.grains]
    for name, values in [*rivals, (CENTRE, result.centre)]:
        cells = tuple(Cell(amount(float(value))) for value in mean(values))
        found.append(Line(name, "", cells, known=False))
    return found


def draw_table(sketch: Sketch, y: float, result: Evaluation, lines: Sequence[Line]) -> float:
    """Draws the head and some rows; returns where they end."""
    room = sketch.right - sketch.left
    wide = min(WIDEST, (room - NAMES) / max(1, len(result.columns)))
    right = sketch.left + NAMES + wide * len(result.columns)
    for place, column in enumerate(result.columns):
        x = sketch.left + NAMES + wide * (place + 1) - 3
        words = column.title.split(" ", 1)
        for after, part in enumerate(reversed(words)):
            base = y + 15 - 8 * after
            sketch.text(x, base, part, TITLE, anchor="end", room=wide - 2)
        sketch.text(x, y + 23, way(column), TINY, anchor="end", room=wide - 2)
    y += HEAD
    sketch.line((sketch.left, y), (right, y), colour=QUIET)
    before = True
    for line in lines:
        if before and not line.known:
            sketch.line((sketch.left, y), (right, y), colour=QUIET)
        before = line.known
        tall = TALL if line.known else LOW
        _draw(sketch, y, line, wide)
        y += tall
        sketch.line((sketch.left, y), (right, y), colour=FAINT, width=0.25)
    return y


def _draw(sketch: Sketch, y: float, line: Line, wide: float) -> None:
    style = BODY if line.known else BODY.but(colour=QUIET)
    sketch.text(sketch.left, y + 9.5, line.name, style, room=NAMES - 6)
    if line.below:
        sketch.text(sketch.left, y + 18.5, line.below, TINY, room=NAMES - 6)
    for place, cell in enumerate(line.cells):
        left = sketch.left + NAMES + wide * place
        right = left + wide - 3
        if cell.leading:
            sketch.box(left + 2, y + 0.5, wide - 3, TALL - 1, LEAD_FILL)
        aside = sketch.measure(cell.error, TINY)
        fits = aside + sketch.measure(cell.value, BODY) < wide - 8
        if cell.error and fits:
            sketch.label(right, y + 9.5, cell.error, TINY, "end")
        edge = right - (aside + 2 if cell.error and fits else 0)
        sketch.label(edge, y + 9.5, cell.value, style.but(bold=cell.leading), "end")
        if cell.share is not None:
            _meter(sketch, right, y + 19, cell.share)


def _meter(sketch: Sketch, right: float, y: float, share: float) -> None:
    """A share as a bar with its number, ending at ``right``."""
    if share != share:
        return
    sketch.label(right, y, percent(share), TINY.but(colour=INK if share >= 0.5 else QUIET), "end")
    left = right - METER - 19
    sketch.box(left, y - 3.6, METER, 3.4, GROUND)
    sketch.box(left, y - 3.6, METER * share, 3.4, ACCENT)


def legend(sketch: Sketch, y: float, words: str) -> float:
    """How to read the table, under it; returns where it ends."""
    return sketch.paragraph(sketch.left, y + 10, words, NOTE, sketch.right - sketch.left)
