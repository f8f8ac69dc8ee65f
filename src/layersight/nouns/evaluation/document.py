"""An evaluation as a document.

The rule of this module: below the methods stand the maps that know nothing, so that no number is
read without them; all methods of a metric share one scale.
"""

from __future__ import annotations

import numpy as np

from layersight.document.blocks import (
    Beside,
    Cell,
    Column,
    Curve,
    Document,
    Facts,
    Note,
    Part,
    Section,
    Series,
    Table,
)
from layersight.document.words import model_facts, own_notes, percent
from layersight.errors import SelectionError
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Column as Metric
from layersight.nouns.evaluation.result import Evaluation, mean
from layersight.nouns.evaluation.wording import (
    CENTRE,
    amount,
    captions,
    facts,
    key,
    made_of,
    random_name,
    spread,
)
from layersight.nouns.heatmaps.wording import way

ROOM, GAP = 508.0, 18.0
"""Points that charts beside each other have on paper, and what is between them."""


def describe(result: Evaluation, options: TableOptions) -> Document:
    """The document of an evaluation: the table, the metrics as points, what they are.

    Raises:
        SelectionError: There is nothing in it.
    """
    if not result.rows or not result.columns or not result.images:
        raise SelectionError("no evaluation to draw: it holds no method, metric or image")
    lines = captions(result)
    wide = (ROOM + GAP) / options.columns - GAP
    metrics = range(len(result.columns))
    charts = tuple((_points(result, metric, wide),) for metric in metrics)
    return Document(
        title=result.model.name,
        kicker="How far the heatmaps can be believed",
        facts=(*model_facts(result.model), facts(result)),
        parts=(
            Part(
                (
                    Section("Method by method", (Beside(charts, fill=False),), anchor="points"),
                    Section("What the numbers are", (_words(result),), anchor="words"),
                ),
                front=(*own_notes(result.notes), _table(result)),
                follow=True,
            ),
        ),
        captions=lines,
        caption=_caption(result, lines),
        name=f"{result.model.name}: heatmaps measured",
        fewer="choose fewer methods or metrics",
    )


def _caption(result: Evaluation, lines: tuple[str, ...]) -> str:
    means = "; ".join(
        f"{row.name}: "
        + ", ".join(
            f"{column.name} {amount(float(value))}"
            for column, value in zip(result.columns, values, strict=True)
        )
        for row, values in zip(result.rows, result.means, strict=True)
    )
    return f"{means}. {key(result)} " + " ".join(lines)


def _table(result: Evaluation) -> Table:
    """A row for each method, a column for each metric; then the maps that know nothing."""
    several = len(result.rows) > 1
    rows: list[tuple[Cell, ...]] = []
    for index, row in enumerate(result.rows):
        cells = [Cell(row.title, note=made_of(row))]
        for metric in range(len(result.columns)):
            share = float(result.better[index, metric])
            leading = several and bool(result.leading[index, metric])
            behind = not np.isnan(share) and not result.ahead[index, metric]
            words = [] if np.isnan(share) else [percent(share)]
            if behind and result.columns[metric].name == "randomisation":
                words.insert(0, "fails")
            cells.append(
                Cell(
                    amount(float(result.means[index, metric])),
                    "bad" if behind else "plain",
                    bold=leading,
                    marked=leading,
                    aside=spread(float(result.errors[index, metric])),
                    note=", ".join(words),
                    share=None if np.isnan(share) else share,
                )
            )
        rows.append(tuple(cells))
    rivals = [(random_name(cells), result.random_of(cells)) for cells in result.grains]
    for name, values in [*rivals, (CENTRE, result.centre)]:
        numbers = [Cell(amount(float(value)), "quiet") for value in mean(values)]
        rows.append((Cell(name, "quiet"), *numbers))
    columns = (
        Column("Method", wide=1),
        *(Column(each.title, "right", way(each.higher_is_better)) for each in result.columns),
    )
    last = frozenset({len(result.rows) - 1})
    return Table(columns, tuple(rows), "Methods", key(result), ruled=last)


def _points(result: Evaluation, metric: int, wide: float) -> Curve:
    """The mean of each method with its error, beside what knows nothing."""
    column = result.columns[metric]
    indices = np.arange(len(result.rows), dtype=np.float32)
    means, errors = result.means[:, metric], result.errors[:, metric]
    leading = result.leading[:, metric] & (len(result.rows) > 1)
    centre = float(mean(result.centre[metric]))

    def only(chosen: np.ndarray) -> np.ndarray:
        return np.where(chosen, means, np.float32(np.nan))

    series = (
        Series(indices, only(leading), "best", style="points", errors=errors),
        Series(
            indices,
            only(~leading),
            "method, with its standard error",
            style="points",
            hollow=True,
            errors=errors,
        ),
        Series(indices, mean(result.random[:, metric]), "random maps", "ticks", tone="quiet"),
    )
    shown = series if leading.any() else series[1:]
    return Curve(
        shown,
        title=f"{column.title}   {way(column.higher_is_better)}",
        names=tuple(row.title for row in result.rows),
        rules=((centre, "centre of the image"),) if np.isfinite(centre) else (),
        wide=max(150.0, wide),
        tall=11.5 * len(result.rows),
    )


def _words(result: Evaluation) -> Facts | Note:
    """What each metric is and when it misleads, and what is to be said of methods."""
    rows = [(column.title, metric_words(column)) for column in result.columns]
    rows += [(row.title, row.warning) for row in result.rows if row.warning]
    return Facts(tuple(rows))


def metric_words(column: Metric) -> str:
    """What a metric is, when it misleads, and whose it is."""
    return f"{column.says} {column.misleads} {column.source}."
