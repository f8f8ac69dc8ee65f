"""What metrics say of heatmaps, as tables and small curves.

The rule of this module: a number stands beside that of a random map, and whether it is better
is said in words.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from layersight.data.target import Target
from layersight.document.words import DASH, number
from layersight.nouns.heatmaps.groups import ImageMaps
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.wording import better, method_title, target_name
from layersight.render.axes import Axes, Frame
from layersight.render.flow import Block
from layersight.render.heatmaps.block import HeatBlock, rows_part
from layersight.render.ruled import ROW, Cell, Column, Row, draw_table
from layersight.writers.sketch import ACCENT, BODY, BROKEN_INK, NOTE, QUIET, TINY, Sketch

COLUMNS = (
    Column("metric", 0, "start", room=104),
    Column("this map", 150),
    Column("random map", 206),
    Column("centre map", 262),
    Column("", 280, "start"),
)
CURVE = 58.0
"""Height of a small curve, in points."""
WIDTH = 150.0
"""Of a small curve with its numbers."""
AXIS = 20.0
MIN_STANDARD_ERRORS = 24.0
BESIDE = 3
"""So many small curves stand beside each other."""
ROUND = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
UNDER = 24.0
"""Room under a curve for its numbers."""


def curved(entry: Heatmap) -> list[Measure]:
    """The measures of a map that have a curve."""
    return [measure for measure in entry.measures if measure.curve is not None]


def measured_height(entry: Heatmap) -> float:
    """How tall the table of a map and its curves are, in points."""
    if not entry.measures:
        return 0.0
    curves = 12 + CURVE + UNDER if curved(entry) else 0.0
    return (len(entry.measures) + 1) * ROW + 10 + curves


def draw_measures(sketch: Sketch, y: float, entry: Heatmap) -> None:
    """Draws the table of a map, and its curves under it."""
    if not entry.measures:
        return
    rows = [_row(measure) for measure in entry.measures]
    y = draw_table(sketch, y, COLUMNS, rows, paged=False) + 22
    x = sketch.left
    for measure in curved(entry):
        if x + WIDTH > sketch.right + 0.01:
            break
        _curve(sketch, Frame(x, y, x + WIDTH, y + CURVE), measure)
        x += WIDTH + MIN_STANDARD_ERRORS


def _row(measure: Measure) -> Row:
    verdict = better(measure)
    way = "higher" if measure.higher_is_better else "lower"
    words = f"{verdict} than random ({way} is better)"
    if verdict == DASH:
        words = DASH
    elif verdict == "no different":
        words = "no different from random"
    elif measure.bar is not None:
        words = f"{verdict}: {'above' if measure.higher_is_better else 'below'} {measure.bar:g}"
        words += " is good"
    style = BODY.but(colour=BROKEN_INK) if verdict in ("worse", "fails") else BODY
    return Row(
        (
            Cell(measure.metric),
            Cell(told(measure.value), style.but(bold=verdict == "better")),
            Cell(told(measure.random)),
            Cell(told(measure.centre)),
            Cell(words, style),
        )
    )


def told(value: float) -> str:
    """A number of a metric; a dash where there is none."""
    return number(value) if math.isfinite(value) else DASH


def limits(measure: Measure) -> tuple[float, float]:
    """The least and the greatest height of a curve's axis; a round share for probabilities.

    >>> from layersight.nouns.heatmaps.result import Curve
    >>> limits(Measure("deletion", 0.1, 0, 0, False, Curve((0.0, 1.0), (0.42, 0.0))))
    (0.0, 0.5)
    """
    given = measure.curve.scores if measure.curve else ()
    scores = [score for score in given if math.isfinite(score)]
    low, high = min([0.0, *scores]), max(scores, default=1.0)
    if low < 0 or not 0 < high <= 1:
        return low, high
    return low, next(top for top in ROUND if top >= high)


def _points(measure: Measure) -> list[tuple[float, float]]:
    """The places of a curve that are numbers."""
    if measure.curve is None:
        return []
    pairs = zip(measure.curve.shares, measure.curve.scores, strict=True)
    return [pair for pair in pairs if math.isfinite(pair[1])]


def _axes(sketch: Sketch, frame: Frame, ends: tuple[float, float]) -> Axes:
    """Draws the axes of a small curve."""
    low, high = ends
    inner = Frame(frame.left + AXIS, frame.top, frame.right, frame.bottom)
    axes = Axes(inner, (0, 1), (low, high))
    for value in dict.fromkeys((low, (low + high) / 2, high)):
        axes.rule(sketch, value, number(value))
    for share in (0.0, 0.5, 1.0):
        axes.tick(sketch, share, f"{share:.0%}")
    sketch.label(frame.right, frame.bottom + 17, "score by share of pixels", TINY, "end")
    return axes


def _curve(sketch: Sketch, frame: Frame, measure: Measure) -> None:
    """The score along the way of a metric."""
    words = f"{measure.metric} {told(measure.value)}"
    sketch.text(frame.left, frame.top - 7, words, NOTE, room=frame.right - frame.left)
    _axes(sketch, frame, limits(measure)).curve(sketch, _points(measure))


@dataclass(frozen=True, eq=False, slots=True)
class MeasureBody:
    """A row for each map, a column for each metric."""

    group: ImageMaps
    wide: float

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, in order."""
        named = (measure.metric for entry in self.group.maps for measure in entry.measures)
        return tuple(dict.fromkeys(named))

    @property
    def _rows(self) -> list[Row]:
        """The maps target by target, after those of one coarseness the random one."""
        several = len(self.group.targets) > 1
        found = []
        for target in self.group.targets:
            entries = [entry for entry in self.group.maps if entry.target == target]
            for _, alike in itertools.groupby(entries, lambda entry: self._values(entry, "random")):
                part = list(alike)
                found += [self._row(entry, several=several) for entry in part]
                found.append(
                    self._compared(part[0], "random map as coarse", "random", several=several)
                )
            found.append(self._compared(entries[0], "map of the centre", "centre", several=several))
        return found

    def _values(self, entry: Heatmap, field: str) -> tuple[str, ...]:
        """What each metric says of a map that knows nothing, in words."""
        known = {measure.metric: measure for measure in entry.measures}
        return tuple(
            told(getattr(known[metric], field)) if metric in known else ""
            for metric in self.metrics
        )

    @property
    def rows(self) -> int:
        """Of the table, without its head."""
        return len(self._rows)

    @property
    def row_height(self) -> float:
        """Of a row."""
        return ROW

    @property
    def extra(self) -> float:
        """The head, and a line under the table."""
        return ROW + 14

    def part(self, first: int, last: int) -> str:
        """Some of its rows, in words."""
        return rows_part(first, last, self.rows)

    @property
    def width(self) -> float:
        """Of the table."""
        return self.wide

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the rows with the table's head over them."""
        columns = [Column("map", 0, "start", room=150)]
        step = min(64.0, (sketch.right - sketch.left - 160) / max(1, len(self.metrics)))
        columns += [
            Column(name, 160 + step * (place + 1)) for place, name in enumerate(self.metrics)
        ]
        end = draw_table(sketch, y, columns, self._rows[first:last], paged=False)
        words = "Bold: better than a random map. Brown: worse."
        sketch.label(sketch.left, end + 9, words, NOTE, "start")

    def _row(self, entry: Heatmap, *, several: bool) -> Row:
        known = {measure.metric: measure for measure in entry.measures}
        name = method_title(self.group.result, entry)
        if several:
            name += f", {target_name(self.group.result, entry)}"
        return Row((Cell(name), *(self._cell(known.get(metric)) for metric in self.metrics)))

    def _cell(self, measure: Measure | None) -> Cell | None:
        if measure is None:
            return None
        verdict = better(measure)
        style = BODY.but(bold=verdict == "better")
        style = style.but(colour=BROKEN_INK) if verdict == "worse" else style
        return Cell(told(measure.value), style)

    def _compared(self, entry: Heatmap, words: str, field: str, *, several: bool) -> Row:
        """What a map that knows nothing reaches: a random one, or one of the middle."""
        quiet = BODY.but(colour=QUIET)
        name = f", {target_name(self.group.result, entry)}" if several else ""
        values = self._values(entry, field)
        return Row((Cell(f"a {words}{name}", quiet), *(Cell(value, quiet) for value in values)))


@dataclass(frozen=True, eq=False, slots=True)
class CurveBody:
    """A small plot for each target and metric with a curve, the best map of each in colour."""

    group: ImageMaps
    beside: int
    wide: float

    @property
    def plots(self) -> list[list[tuple[Heatmap, Measure]]]:
        """For each plot the maps, each with its measure."""
        found: dict[tuple[Target, str], list[tuple[Heatmap, Measure]]] = {}
        for entry in self.group.maps:
            for measure in curved(entry):
                found.setdefault((entry.target, measure.metric), []).append((entry, measure))
        return list(found.values())

    @property
    def rows(self) -> int:
        """Rows of plots."""
        return math.ceil(len(self.plots) / self.beside)

    @property
    def row_height(self) -> float:
        """Of a plot with its title and its numbers."""
        return 22 + CURVE + UNDER + 6

    @property
    def extra(self) -> float:
        """Nothing stands under the last row."""
        return 0.0

    def part(self, first: int, last: int) -> str:
        """Some of its rows, in words."""
        return rows_part(first, last, self.rows)

    @property
    def width(self) -> float:
        """Of a row."""
        return self.wide

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the plots of these rows."""
        for order, pairs in enumerate(self.plots[first * self.beside : last * self.beside]):
            row, column = divmod(order, self.beside)
            left = x + column * (WIDTH + MIN_STANDARD_ERRORS)
            top = y + row * self.row_height + 20
            self._plot(sketch, Frame(left, top, left + WIDTH, top + CURVE), pairs)

    def _plot(self, sketch: Sketch, frame: Frame, pairs: list[tuple[Heatmap, Measure]]) -> None:
        order = ranked(pairs)
        entry, best = order[-1]
        name = target_name(self.group.result, entry) if len(self.group.targets) > 1 else ""
        words = f"{best.metric}{f', {name}' if name else ''}"
        sketch.text(frame.left, frame.top - 13, words, NOTE, room=WIDTH)
        told_best = f"best: {method_title(self.group.result, entry)} {told(best.value)}"
        style = NOTE.but(colour=ACCENT, bold=True)
        sketch.text(frame.left, frame.top - 5, told_best, style, room=WIDTH)
        ends = [limits(measure) for _, measure in pairs]
        axes = _axes(sketch, frame, (min(low for low, _ in ends), max(high for _, high in ends)))
        for _, measure in order:
            colour = ACCENT if measure is best else QUIET
            axes.curve(
                sketch, _points(measure), colour=colour, width=1.2 if colour == ACCENT else 0.4
            )


def ranked(pairs: list[tuple[Heatmap, Measure]]) -> list[tuple[Heatmap, Measure]]:
    """Maps with what one metric says of them, the best last."""

    def rank(pair: tuple[Heatmap, Measure]) -> float:
        value = pair[1].value
        if not math.isfinite(value):
            return -math.inf
        return value if pair[1].higher_is_better else -value

    return sorted(pairs, key=rank)


def measure_blocks(group: ImageMaps, wide: float) -> list[Block]:
    """What metrics say of an image's maps, if they were asked; blocks of that width."""
    if not any(entry.measures for entry in group.maps):
        return []
    told = "Of each map, of a random one, and of one that is brightest in the middle"
    table, curves = MeasureBody(group, wide), CurveBody(group, BESIDE, wide)
    found: list[Block] = [
        HeatBlock("Metrics", group.name, told, f"measures:{group.image}", table, titled=False)
    ]
    if curves.plots:
        told = "The score of the target by the share of pixels; each grey line another map"
        anchor = f"curves:{group.image}"
        found.append(HeatBlock("Curves", group.name, told, anchor, curves, titled=False))
    return found
