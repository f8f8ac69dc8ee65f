"""The way from an evaluation to pages.

The rule of this module: the table comes first and whole rows stay together.
"""

from __future__ import annotations

from layersight.errors import SelectionError
from layersight.nouns.evaluation.result import Column, Evaluation
from layersight.nouns.evaluation.wording import captions, facts, key
from layersight.render.cover import SECTION, draw_notes, draw_title
from layersight.render.evaluations.dots import draw_dots, draw_key, tall
from layersight.render.evaluations.table import HEAD, LOW, TALL, Line, draw_table, legend, lines_of
from layersight.render.flow import add_foot, end_screen
from layersight.writers.page import Page
from layersight.writers.sketch import BODY, LEAD, MEDIA, QUIET, Medium, Sketch

ACROSS = 2
"""How many metrics stand side by side."""
GUTTER = 18.0


def pages(result: Evaluation, medium: str = "paper") -> list[Page]:
    """The pages of an evaluation: the table, the metrics as dots, what they are.

    Args:
        result: The evaluation.
        medium: ``"paper"`` for PDF and SVG, ``"screen"`` for PNG.

    Raises:
        SelectionError: There is nothing in it.
    """
    if not result.rows or not result.columns or not result.images:
        raise SelectionError("no evaluation to draw: it holds no method, metric or image")
    board = MEDIA[medium]
    press = _Press(board, captions(result))
    y = draw_title(press.sketch, "How far the heatmaps can be believed", result.model)
    room = press.sketch.right - press.sketch.left
    press.sketch.text(press.sketch.left, y - 6, facts(result), LEAD, room=room)
    press.y = draw_notes(press.sketch, y + 12, [*result.model.rewrites, *result.notes])
    _table(press, result)
    _dots(press, result)
    _words(press, result)
    found = press.finish()
    total = len(found)
    return [
        add_foot(page, board, press.feet, number=place, total=total)
        for place, page in enumerate(found, 1)
    ]


class _Press:
    """Pages that fill up from top to bottom; on the screen one that never ends."""

    def __init__(self, medium: Medium, feet: tuple[str, ...]) -> None:
        self.medium, self.feet = medium, feet
        self.sketch = Sketch(medium, medium.width)
        self.y = medium.margin
        self._done: list[Page] = []

    def need(self, height: float) -> None:
        """Begins a page if so much does not fit on this one."""
        if self.y + height > self.medium.bottom and self.y > self.medium.margin:
            self._done.append(self.sketch.page("Heatmaps measured", 0))
            self.sketch = Sketch(self.medium, self.medium.width)
            self.y = self.medium.margin

    def finish(self) -> list[Page]:
        """All pages."""
        if self.medium.height is None:
            return [end_screen(self.sketch, "Heatmaps measured", self.y + 8, self.feet)]
        return [*self._done, self.sketch.page("Heatmaps measured", 0)]


def _table(press: _Press, result: Evaluation) -> None:
    rest = lines_of(result)
    while rest:
        fitting: list[Line] = []
        room = press.medium.bottom - press.y - HEAD
        for line in rest:
            room -= TALL if line.known else LOW
            if room < 0:
                break
            fitting.append(line)
        if not fitting:
            press.need(press.medium.body)
            fitting = rest[:1]
        press.y = draw_table(press.sketch, press.y, result, fitting)
        rest = rest[len(fitting) :]
        if rest:
            press.need(press.medium.body)
    press.need(40)
    press.y = legend(press.sketch, press.y, key(result)) + 14


def _dots(press: _Press, result: Evaluation) -> None:
    height = tall(result)
    press.need(height + 30)
    press.sketch.label(press.sketch.left, press.y + 8, "Method by method", SECTION, "start")
    draw_key(press.sketch, press.y + 21)
    press.y += 30
    width = (press.medium.room - GUTTER * (ACROSS - 1)) / ACROSS
    for first in range(0, len(result.columns), ACROSS):
        press.need(height)
        for place in range(first, min(first + ACROSS, len(result.columns))):
            x = press.sketch.left + (place - first) * (width + GUTTER)
            draw_dots(press.sketch, x, press.y, width, result, place)
        press.y += height


def _words(press: _Press, result: Evaluation) -> None:
    """What each metric is and when it misleads, and what is to be said of methods."""
    press.need(60)
    press.y += 8
    press.sketch.label(press.sketch.left, press.y, "What the numbers are", SECTION, "start")
    press.y += 13
    for column in result.columns:
        _said(press, column.title, metric_words(column))
    for row in result.rows:
        if row.warning:
            _said(press, row.title, row.warning)


def metric_words(column: Column) -> str:
    """What a metric is, when it misleads, and whose it is."""
    return f"{column.says} {column.misleads} {column.source}."


def _said(press: _Press, title: str, words: str) -> None:
    press.need(34)
    bold = BODY.but(bold=True)
    press.sketch.text(press.sketch.left, press.y, title, bold, room=84)
    room = press.sketch.right - press.sketch.left - 90
    quiet = BODY.but(colour=QUIET)
    press.y = press.sketch.paragraph(press.sketch.left + 90, press.y, words, quiet, room) + 2
