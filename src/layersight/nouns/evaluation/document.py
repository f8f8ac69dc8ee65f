"""An evaluation as a document.

The rule of this module: random maps and the centre are listed below the methods, so that no number
is read without them; all methods of a metric share one scale.
"""

from __future__ import annotations

import math

import numpy as np

from layersight.document.blocks import (
    Beside,
    Cell,
    Column,
    Curve,
    Document,
    Facts,
    Part,
    Section,
    Series,
    Table,
)
from layersight.document.layers import model_document
from layersight.document.words import (
    DASH,
    DOT,
    PLUS_MINUS,
    brief,
    model_facts,
    model_line,
    number,
    percent,
    plural,
    result_notes,
    size,
)
from layersight.errors import SelectionError
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import MIN_STANDARD_ERRORS, Evaluation, Row, mean
from layersight.nouns.heatmaps.wording import direction_words

CENTRE = "Centre of the image"


def table_number(value: float) -> str:
    """A number in a table; a dash for NaN.

    >>> [table_number(value) for value in (0.12345, -0.0001, 123.4, float("nan"))]
    ['0.123', '0.000', '123', '–']
    """
    if math.isnan(value):
        return DASH
    if abs(value) >= 10 or math.isinf(value):
        return number(value)
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def error_words(value: float) -> str:
    return "" if math.isnan(value) else f"{PLUS_MINUS}{table_number(value)}"


def describe_maps(row: Row) -> str:
    """The layers and the resolution of the maps of a method."""
    if not row.layers:
        return size(row.resolution)
    names = brief(row.layers[-1], 24) if len(row.layers) == 1 else f"{len(row.layers)} layers"
    return f"{names}, {size(row.resolution)}"


def facts(result: Evaluation) -> str:
    images = plural(len(result.images), "image")
    if result.count > len(result.images):
        images = f"{len(result.images):,} of {plural(result.count, 'image')}, interrupted"
    return f"{images}{DOT}explained: {result.explained}"


def key(result: Evaluation) -> str:
    several = len(result.images) > 1
    words = "One image"
    if several:
        words = f"Mean over {plural(len(result.images), 'image')} {PLUS_MINUS} its standard error"
    words += (
        ". Bold: the best method that is better in the mean than random maps and than the centre "
        "of the image, or one that is not told apart from it (image by image their difference is "
        f"in the mean within {MIN_STANDARD_ERRORS:g} standard errors). Brown: no better than "
        "random maps. Bars: the share of images where the method is better than random maps as "
        f"coarse as its own (the mean of {result.measured.randoms})"
    )
    if "randomisation" in result.metrics:
        words += "; for randomised weights, below 0.5, or else the check fails"
    return words + "."


def captions(result: Evaluation) -> tuple[str, ...]:
    scale = result.preprocessing
    return (
        f"{facts(result)}; {scale.describe()} ({scale.reason}).",
        f"Model {model_line(result.model)}.",
    )


ROOM, GAP = 508.0, 18.0
"""The width of all charts of a row on paper and of the gaps between them, in points."""


def describe(result: Evaluation, options: TableOptions) -> Document:
    """The document of an evaluation: the table, the metrics as points, what they are.

    Raises:
        SelectionError: It is empty.
    """
    if not result.rows or not result.columns or not result.images:
        raise SelectionError("no evaluation to draw: it holds no method, metric or image")
    lines = captions(result)
    width = (ROOM + GAP) / options.columns - GAP
    words = [(each.title, f"{each.says} {each.misleads} {each.source}.") for each in result.columns]
    words += [(row.title, row.warning) for row in result.rows if row.warning]
    charts = tuple((_points(result, metric, width),) for metric in range(len(result.columns)))
    sections = (
        Section("Method by method", (Beside(charts, fill=False),), anchor="points"),
        Section("What the numbers are", (Facts(tuple(words)),), anchor="words"),
    )
    part = Part(sections, front=(*result_notes(result.notes), _table(result)), follow=True)
    return model_document(
        result.model,
        "How far the heatmaps can be believed",
        [part],
        "heatmaps measured",
        facts=(*model_facts(result.model), facts(result)),
        captions=lines,
        caption=_caption(result, lines),
        fewer="choose fewer methods or metrics",
    )


def _caption(result: Evaluation, lines: tuple[str, ...]) -> str:
    means = "; ".join(
        f"{row.name}: "
        + ", ".join(
            f"{column.name} {table_number(float(value))}"
            for column, value in zip(result.columns, values, strict=True)
        )
        for row, values in zip(result.rows, result.means, strict=True)
    )
    return f"{means}. {key(result)} " + " ".join(lines)


def _table(result: Evaluation) -> Table:
    """A row for each method, a column for each metric; then random maps and the centre."""
    several = len(result.rows) > 1
    rows: list[tuple[Cell, ...]] = []
    for index, row in enumerate(result.rows):
        cells = [Cell(row.title, note=describe_maps(row))]
        for metric in range(len(result.columns)):
            share = float(result.better[index, metric])
            leading = several and bool(result.leading[index, metric])
            behind = not np.isnan(share) and not result.ahead[index, metric]
            words = [] if np.isnan(share) else [percent(share)]
            if behind and result.columns[metric].name == "randomisation":
                words.insert(0, "fails")
            cells.append(
                Cell(
                    table_number(float(result.means[index, metric])),
                    "bad" if behind else "plain",
                    bold=leading,
                    marked=leading,
                    aside=error_words(float(result.errors[index, metric])),
                    note=", ".join(words),
                    share=None if np.isnan(share) else share,
                )
            )
        rows.append(tuple(cells))
    others = {f"Random maps of {size(each)}": result.random_of(each) for each in result.resolutions}
    for name, values in {**others, CENTRE: result.centre}.items():
        numbers = [Cell(table_number(float(value)), "quiet") for value in mean(values)]
        rows.append((Cell(name, "quiet"), *numbers))
    columns = (
        Column("Method", wide=1),
        *(
            Column(each.title, "right", direction_words(each.higher_is_better))
            for each in result.columns
        ),
    )
    last = frozenset({len(result.rows) - 1})
    return Table(columns, tuple(rows), "Methods", key(result), ruled=last)


def _points(result: Evaluation, metric: int, width: float) -> Curve:
    """The mean of each method with its error, beside random maps and the centre."""
    column = result.columns[metric]
    indices = np.arange(len(result.rows), dtype=np.float32)
    means, errors = result.means[:, metric], result.errors[:, metric]
    leading = result.leading[:, metric] & (len(result.rows) > 1)
    centre = float(mean(result.centre[metric]))

    def masked(chosen: np.ndarray) -> np.ndarray:
        return np.where(chosen, means, np.float32(np.nan))

    series = (
        Series(indices, masked(leading), "best", style="points", errors=errors),
        Series(
            indices,
            masked(~leading),
            "method, with its standard error",
            style="points",
            hollow=True,
            errors=errors,
        ),
        Series(indices, mean(result.random[:, metric]), "random maps", "ticks", tone="quiet"),
    )
    return Curve(
        series if leading.any() else series[1:],
        title=f"{column.title}   {direction_words(column.higher_is_better)}",
        names=tuple(row.title for row in result.rows),
        rules=((centre, "centre of the image"),) if np.isfinite(centre) else (),
        wide=max(150.0, width),
        tall=11.5 * len(result.rows),
    )
