"""One metric as dots: the mean of each method with its error, beside what knows nothing.

The rule of this module: all methods of a metric share one scale, and its ends are said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from layersight.nouns.evaluation.result import Evaluation, mean
from layersight.nouns.evaluation.wording import amount, way
from layersight.writers.page import WHITE
from layersight.writers.sketch import ACCENT, BODY, FAINT, INK, NOTE, QUIET, TINY, Sketch

ROW = 11.5
TOP, BOTTOM = 20.0, 18.0
"""Above the first row and below the last, in points."""
NAMES = 108.0
RANDOM_INK, CENTRE_INK = "#8a9096", "#b3622a"


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers to places along an axis.

    Attributes:
        low: The number at the left end.
        high: The number at the right end.
        step: From tick to tick.
        left: The left end, in points.
        right: The right end.
    """

    low: float
    high: float
    step: float
    left: float
    right: float

    def __call__(self, value: float) -> float:
        """Where a number lies, within the ends."""
        share = (value - self.low) / (self.high - self.low)
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))


def tall(result: Evaluation) -> float:
    """The height of one metric."""
    return TOP + ROW * len(result.rows) + BOTTOM


def draw_dots(
    sketch: Sketch, x: float, y: float, width: float, result: Evaluation, metric: int
) -> None:
    """Draws one metric at ``(x, y)``."""
    column = result.columns[metric]
    means, errors = result.means[:, metric], result.errors[:, metric]
    random, centre = mean(result.random[:, metric]), float(mean(result.centre[metric]))
    name = BODY.but(bold=True)
    sketch.label(x, y + 8, column.title, name, "start")
    sketch.label(x + sketch.measure(column.title, name) + 6, y + 8, way(column), TINY, "start")
    ends = _ends(means, errors, random, centre)
    if ends is None:
        sketch.label(x, y + 22, "nothing to tell: no image has a number", NOTE, "start")
        return
    scale = Scale(*ends, x + NAMES, x + width - 8)
    bottom = y + TOP + ROW * len(result.rows)
    _axis(sketch, scale, bottom, y + TOP)
    if math.isfinite(centre):
        place = scale(centre)
        sketch.line((place, y + TOP - 3), (place, bottom), colour=CENTRE_INK, width=0.7)
    for row, method in enumerate(result.rows):
        middle = y + TOP + ROW * (row + 0.5)
        bold = bool(result.leading[row, metric]) and len(result.rows) > 1
        style = NOTE.but(colour=INK, bold=bold)
        sketch.text(scale.left - 6, middle + 2.2, method.title, style, anchor="end", room=NAMES - 8)
        sketch.line((scale.left, middle), (scale.right, middle), colour=FAINT, width=0.25)
        if math.isfinite(random[row]):
            _tick(sketch, scale(float(random[row])), middle)
        _dot(sketch, scale, middle, float(means[row]), float(errors[row]), filled=bold)


def draw_key(sketch: Sketch, y: float) -> None:
    """What the marks are, in a line at ``y``."""
    x = sketch.left + 4
    sketch.box(x, y - 4.2, 4.2, 4.2, ACCENT, ACCENT)
    sketch.line((x - 4, y - 2.1), (x + 8.2, y - 2.1), colour=ACCENT, width=0.9)
    x += 13
    for words, ink in (
        ("method, with its standard error", None),
        ("random maps", RANDOM_INK),
        ("centre of the image", CENTRE_INK),
    ):
        if ink is not None:
            sketch.line((x, y - 6), (x, y + 1.5), colour=ink, width=1.2)
            x += 5
        x += sketch.text(x, y, words, NOTE) + 16


def _tick(sketch: Sketch, x: float, y: float) -> None:
    sketch.line((x, y - 3.4), (x, y + 3.4), colour=RANDOM_INK, width=1.2)


def _dot(
    sketch: Sketch, scale: Scale, y: float, value: float, error: float, *, filled: bool
) -> None:
    if not math.isfinite(value):
        sketch.label(scale.left + 4, y + 2, "nothing to tell", TINY, "start")
        return
    if math.isfinite(error):
        ends = (scale(value - error), y), (scale(value + error), y)
        sketch.line(*ends, colour=ACCENT, width=0.9)
    side = 4.2
    x = scale(value) - side / 2
    sketch.box(x, y - side / 2, side, side, ACCENT if filled else WHITE, ACCENT)


def _ends(
    means: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    errors: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    random: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    centre: float,
) -> tuple[float, float, float] | None:
    """Round ends that hold every mark, and the step from tick to tick."""
    width = np.nan_to_num(errors)
    marks = np.concatenate([means - width, means + width, random, [centre]])
    marks = marks[np.isfinite(marks)]
    if not marks.size:
        return None
    low, high = float(marks.min()), float(marks.max())
    step = rounded((high - low or abs(high) or 1.0) / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, max(last, first + 1) * step, step


def rounded(step: float) -> float:
    """The least of 1, 2, 5, 10 ... that is as large.

    >>> [round(rounded(step), 6) for step in (0.03, 0.2, 7)]
    [0.05, 0.2, 10.0]
    """
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999999)


def _axis(sketch: Sketch, scale: Scale, y: float, top: float) -> None:
    step = scale.step
    count = round((scale.high - scale.low) / step)
    for place in range(count + 1):
        value = scale.low + step * place
        x = scale(value)
        sketch.line((x, top), (x, y), colour=FAINT, width=0.25)
        sketch.label(x, y + 8, f"{value + 0.0:.3g}" if abs(value) > step / 2 else "0", TINY)
    sketch.line((scale.left, y), (scale.right, y), colour=QUIET)


def range_words(result: Evaluation, metric: int) -> str:
    """From the least to the greatest mean, for what is only heard."""
    found = result.means[:, metric]
    found = found[np.isfinite(found)]
    if not found.size:
        return "nothing to tell"
    return f"{amount(float(found.min()))} to {amount(float(found.max()))}"
