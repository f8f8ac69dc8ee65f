"""An evaluation as a Matplotlib figure.

The rule of this module: that of ``layersight.render.figure``: no pyplot, nothing left behind.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layersight.errors import SelectionError
from layersight.nouns.evaluation.result import Evaluation, mean
from layersight.nouns.evaluation.wording import captions, facts, way
from layersight.render.evaluations.dots import CENTRE_INK, RANDOM_INK
from layersight.render.figure import QUIET, plain
from layersight.writers.sketch import ACCENT

ACROSS = 3
"""How many metrics stand side by side."""


def plot(result: Evaluation, *, columns: int = ACROSS) -> Figure:
    """An evaluation as a Matplotlib figure, one axes for each metric.

    Args:
        result: The evaluation.
        columns: How many metrics stand side by side.

    Returns:
        A figure that ``pyplot`` does not know of.

    Raises:
        SelectionError: There is nothing in it.
    """
    count = len(result.columns)
    if not count or not result.rows:
        raise SelectionError("no evaluation to plot: it holds no method or metric")
    across = max(1, min(columns, count))
    rows = math.ceil(count / across)
    size = (1.6 + 2.9 * across, rows * (0.9 + 0.24 * len(result.rows)) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, across, squeeze=False, sharey=True).ravel()
    for metric, one in enumerate(axes[:count]):
        _draw(one, result, metric)
    for one in axes[count:]:
        one.set_axis_off()
    figure.suptitle(plain(facts(result)), fontsize=9)
    figure.supxlabel(plain("\n".join(captions(result))), fontsize=6.5, color=QUIET)
    return figure


def _draw(one: Axes, result: Evaluation, metric: int) -> None:
    column = result.columns[metric]
    means, errors = result.means[:, metric], np.nan_to_num(result.errors[:, metric])
    places = np.arange(len(result.rows))
    centre = float(mean(result.centre[metric]))
    if math.isfinite(centre):
        one.axvline(centre, color=CENTRE_INK, linewidth=1, label="centre of the image")
    random = mean(result.random[:, metric])
    one.plot(random, places, "|", color=RANDOM_INK, markersize=9, label="random maps")
    one.errorbar(means, places, xerr=errors, fmt="o", color=ACCENT, markersize=4, label="method")
    one.set_yticks(places, [plain(row.title) for row in result.rows], fontsize=7)
    one.set_ylim(len(result.rows) - 0.5, -0.5)
    one.tick_params(axis="x", labelsize=7)
    one.grid(axis="x", linewidth=0.3)
    one.set_title(plain(f"{column.title} ({way(column)})"), fontsize=8)
    if metric == 0:
        one.legend(fontsize=6, frameon=False, loc="best")
