"""The metrics of heatmaps as tables and small curves.

The rule of this module: a number is beside that of a random map, and words say whether it is
better.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from layersight.data.target import Target
from layersight.document.blocks import (
    Beside,
    Block,
    Cell,
    Column,
    Curve,
    Section,
    Series,
    Table,
    Tone,
)
from layersight.document.words import DASH, number
from layersight.nouns.heatmaps.result import Heatmap, ImageMaps, Measure
from layersight.nouns.heatmaps.wording import (
    BAD,
    GOOD,
    direction_words,
    method_title,
    target_name,
    verdict_words,
)

KEY = (
    "Bold: better than a random map and than the map of the centre, or passes. Brown: worse than "
    "a random map, or fails."
)
WORDS = {
    "better": "better than random and centre",
    "outdone": "better than random, not than the centre",
    "worse": "worse than random",
    "no different": "no different from random",
}
"""The meaning of :func:`~layersight.nouns.heatmaps.wording.verdict_words` beside a metric."""
ROUND = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def format_measure(value: float) -> str:
    return number(value) if math.isfinite(value) else DASH


def measure_blocks(entry: Heatmap) -> Iterator[Block]:
    """The metrics of one map: a table and small curves."""
    if not entry.measures:
        return
    maps = (Column(f"{name} map", "right") for name in ("this", "random", "centre"))
    columns = (Column("metric"), *maps, Column("", wide=1))
    yield Table(columns, tuple(_measure(measure) for measure in entry.measures))
    curves = [measure for measure in entry.measures if measure.curve is not None]
    if curves:
        plots = (_curve([each], _curve_title(each), format_measure(each.value)) for each in curves)
        yield Beside(tuple((plot,) for plot in plots), fill=False)


def _measure(measure: Measure) -> tuple[Cell, ...]:
    verdict = verdict_words(measure)
    words = WORDS.get(verdict, verdict)
    if measure.bar is not None and verdict != DASH:
        side = "above" if measure.higher_is_better else "below"
        words = f"{verdict}: {side} {measure.bar:g} is good"
    tone: Tone = "bad" if verdict in BAD else "plain"
    return (
        Cell(measure.metric, note=direction_words(measure.higher_is_better)),
        Cell(format_measure(measure.value), tone, bold=verdict in GOOD),
        Cell(format_measure(measure.random)),
        Cell(format_measure(measure.centre)),
        Cell(words, tone),
    )


def _curve_title(measure: Measure) -> str:
    return f"{measure.metric}, {direction_words(measure.higher_is_better)}"


def _curve(measures: Sequence[Measure], title: str, lead: str = "", *, front: bool = True) -> Curve:
    """The curves of a metric, the best last and, if it is good, in front."""
    series = []
    for order, measure in enumerate(reversed(measures)):
        if measure.curve is not None:
            y = np.array(measure.curve.scores, np.float32)
            x = np.array(measure.curve.shares, np.float32)
            series.append(Series(y, x, style="thin" if order or not front else "plain"))
    ends = [limits(measure) for measure in measures]
    return Curve(
        tuple(series),
        title=title,
        lead=lead,
        x=(0.0, 1.0),
        y=(min(low for low, _ in ends), max(high for _, high in ends)),
        x_title="score by share of pixels",
        percent="x",
        wide=150.0,
        tall=58.0,
    )


def limits(measure: Measure) -> tuple[float, float]:
    """The range of a curve's axis of scores; round for probabilities.

    >>> from layersight.nouns.heatmaps.result import Curve
    >>> limits(Measure("deletion", 0.1, 0, 0, False, Curve((0.0, 1.0), (0.42, 0.0))))
    (0.0, 0.5)
    """
    curve = measure.curve.scores if measure.curve else ()
    scores = [score for score in curve if math.isfinite(score)]
    low, high = min([0.0, *scores]), max(scores, default=1.0)
    if low < 0 or not 0 < high <= 1:
        return low, high
    return low, next(top for top in ROUND if top >= high)


def measure_sections(group: ImageMaps) -> list[Section]:
    """The metrics of the maps of an image."""
    if not any(entry.measures for entry in group.maps):
        return []
    line = "Of each map, of a random one, and of one that is brightest in the middle"
    sections = [
        Section(
            "Metrics",
            (_metrics(group),),
            kind=group.name,
            facts=line,
            anchor=f"measures:{group.image}",
        )
    ]
    plots = list(_plots(group))
    if plots:
        sections.append(
            Section(
                "Curves",
                (Beside(tuple((plot,) for plot in plots), fill=False),),
                kind=group.name,
                facts="The score of the target by the share of pixels; each grey line another map",
                anchor=f"curves:{group.image}",
            )
        )
    return sections


def _metrics(group: ImageMaps) -> Table:
    """A row for each map, and below those of one coarseness the random one; metrics are columns."""
    directions = {
        measure.metric: direction_words(measure.higher_is_better)
        for entry in group.maps
        for measure in entry.measures
    }

    def row(entry: Heatmap, title: str, field: str) -> tuple[Cell, ...]:
        if len(group.targets) > 1:
            title += f", {target_name(group.result, entry)}"
        is_map = field == "value"
        measures = {measure.metric: measure for measure in entry.measures}
        cells = [Cell(title, "plain" if is_map else "quiet")]
        for metric in directions:
            measure = measures.get(metric)
            text = format_measure(getattr(measure, field)) if measure else ""
            verdict = verdict_words(measure) if measure and is_map else ""
            tone: Tone = "bad" if verdict in BAD else "plain"
            cells.append(Cell(text, tone if is_map else "quiet", bold=verdict in GOOD))
        return tuple(cells)

    def randoms(entry: Heatmap) -> list[str]:
        return [cell.text for cell in row(entry, "", "random")[1:]]

    rows: list[tuple[Cell, ...]] = []
    for target in group.targets:
        entries = [entry for entry in group.maps if entry.target == target]
        for _, same_randoms in itertools.groupby(entries, randoms):
            part = list(same_randoms)
            rows += [row(entry, method_title(group.result, entry), "value") for entry in part]
            rows.append(row(part[0], "a random map as coarse", "random"))
        rows.append(row(entries[0], "a map of the centre", "centre"))
    columns = (Column("map"), *(Column(name, "right", note) for name, note in directions.items()))
    return Table(columns, tuple(rows), note=KEY)


def _plots(group: ImageMaps) -> Iterator[Curve]:
    """A small plot for each target and metric with a curve, the best map of each in colour."""
    pairs: dict[tuple[Target, str], list[tuple[Heatmap, Measure]]] = {}
    for entry in group.maps:
        for measure in entry.measures:
            if measure.curve is not None:
                pairs.setdefault((entry.target, measure.metric), []).append((entry, measure))
    for measured in pairs.values():
        order = sorted(measured, key=_rank)
        entry, best = order[-1]
        name = f", {target_name(group.result, entry)}" if len(group.targets) > 1 else ""
        lead = f"best: {method_title(group.result, entry)} {format_measure(best.value)}"
        good = verdict_words(best) in GOOD
        if not good:
            lead = "none is better than a random map and the centre"
        title = f"{_curve_title(best)}{name}"
        yield _curve([measure for _, measure in order], title, lead, front=good)


def _rank(pair: tuple[Heatmap, Measure]) -> float:
    """A number that is the greatest for the best map."""
    measure = pair[1]
    if not math.isfinite(measure.value):
        return -math.inf
    return measure.value if measure.higher_is_better else -measure.value
