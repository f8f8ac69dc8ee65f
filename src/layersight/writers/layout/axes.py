"""Numbers along axes, and the points of curves, for pages and HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from layersight.document.blocks import Series
from layersight.writers.sketch import INKS, QUIET, RANDOM


def round_ticks(length: int, at_most: int) -> range:
    """Round positions in ``0..length - 1``.

    >>> list(round_ticks(148, 6)), list(round_ticks(7, 8))
    ([0, 50, 100], [0, 1, 2, 3, 4, 5, 6])
    """
    steps = (factor * 10**power for power in range(20) for factor in (1, 2, 5))
    return range(0, length, next(step for step in steps if (length - 1) // step < at_most))


def nice(low: float, high: float, most: int = 5, *, integers: bool = False) -> list[float]:
    """About ``most`` round numbers between two limits.

    >>> nice(0, 1), nice(0, 11, 6, integers=True)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 5.0, 10.0])
    >>> nice(0, 0.0125, 4)
    [0.0, 0.005, 0.01]
    """
    if not math.isfinite(high - low) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(1, most - 1)
    power = 10 ** math.floor(math.log10(raw))
    steps = (1, 2, 5, 10) if integers else (1, 2, 2.5, 5, 10)
    step = next(factor * power for factor in steps if factor * power >= raw * 0.999)
    step = max(1.0, step) if integers else step
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [float(f"{multiple * step:.12g}") for multiple in range(first, last + 1)]


def rounded_up(step: float) -> float:
    """The least of 1, 2, 5, 10 ... that is not smaller.

    >>> [round(rounded_up(step), 6) for step in (0.03, 0.2, 7)]
    [0.05, 0.2, 10.0]
    """
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999999)


def points_of(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """``(point,)`` x and y."""
    y = np.asarray(series.y, float)
    x = np.asarray(series.x, float)
    return (x if len(x) else np.arange(len(y), dtype=float)), y


def limits_of(values: Iterable[np.ndarray]) -> tuple[float, float]:
    """The least and the greatest number."""
    numbers = np.concatenate([np.ravel(array) for array in values] or [np.zeros(0)])
    numbers = numbers[np.isfinite(numbers)]
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)


def colour_of(series: Series) -> str:
    if series.style == "thin":
        return QUIET
    if series.style == "ticks" and series.tone == "quiet":
        return RANDOM
    return INKS[series.tone]


def inks_of(series: Series, drawn: np.ndarray) -> list[str]:
    """The colour of each point that is drawn."""
    if series.colours is None:
        return [colour_of(series)] * int(drawn.sum())
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in series.colours[drawn]]


def runs(inks: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Pieces of a line with one colour, as first and last point; each has its end's colour.

    >>> list(runs(["a", "a", "b", "b"]))
    [(0, 1, 'a'), (1, 3, 'b')]
    """
    first = 0
    for index in range(1, len(inks)):
        if index + 1 == len(inks) or inks[index + 1] != inks[index]:
            yield first, index, inks[index]
            first = index
