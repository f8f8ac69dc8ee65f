"""Curves over an axis, and points in a row for each name.

The rule of this module: a value has one height, and a rule with its number is drawn where it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from layersight.document.blocks import Curve, Series
from layersight.document.words import number, percent
from layersight.writers.layout.body import Body, lay
from layersight.writers.layout.marks import INKS, draw_tick, round_ticks
from layersight.writers.layout.text import STEP
from layersight.writers.page import WHITE, Point
from layersight.writers.sketch import (
    ACCENT,
    BODY,
    FAINT,
    INK,
    NOTE,
    QUIET,
    RANDOM,
    RULE,
    SECTION,
    TINY,
    Medium,
    Sketch,
)

TITLE, LEAD = 13.0, 9.0
KEY = 11.0
UNDER = 12.0
"""Under a plot, for its numbers."""
AXIS_TITLE = 8.0
ROW = 11.5
"""Height of the row of a name."""
ASIDE = 74.0
"""Room right of a plot for the words of its rules."""
APART = 7.0
"""The least distance of two words above each other."""
NAMES = 108.0
DOT = 4.2


@dataclass(frozen=True, slots=True)
class Axes:
    """Where a plot is drawn, and the values at its edges.

    Attributes:
        left: Left edge, in points.
        top: Upper edge.
        right: Right edge.
        bottom: Lower edge.
        across: The values at the left and the right edge.
        up: The values at the lower and the upper edge.
    """

    left: float
    top: float
    right: float
    bottom: float
    across: tuple[float, float]
    up: tuple[float, float]

    def x(self, value: float) -> float:
        """Where a value lies from left to right, within the edges."""
        low, high = self.across
        share = (value - low) / ((high - low) or 1.0)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Where a value lies from bottom to top, within the edges."""
        low, high = self.up
        share = (value - low) / ((high - low) or 1.0)
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)


@lay.register
def _curve(block: Curve, medium: Medium, room: float) -> Body:
    wide = room if block.wide is None else min(room, block.wide)
    tall = ROW * len(block.names) if block.names else block.tall
    keyed = [series for series in block.series if series.name]
    beside = block.wide is None and not block.lead
    above = TITLE * bool(block.title) + LEAD * bool(block.lead and not block.names)
    above += (
        0.0
        if not keyed or (beside and block.title)
        else KEY * _key_lines(_key(block), medium, wide)
    )
    above += 4.0
    lines = [line for text in block.lines for line in medium.wrap(text, NOTE, wide)]
    below = UNDER + AXIS_TITLE * bool(block.x_title)
    total = above + tall + below + NOTE.size * STEP * len(lines)
    plot = _names if block.names else _lines

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        _heading(sketch, x, y, wide, block, keyed, beside=beside)
        top = y + above
        plot(sketch, x, top, x + wide, top + tall, block)
        base = top + tall + below
        for line in lines:
            base += NOTE.size * STEP
            sketch.text(x, base - 2, line, NOTE)

    return Body(wide, (total,), draw)


def _heading(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    block: Curve,
    keyed: Sequence[Series],
    *,
    beside: bool,
) -> None:
    """The title, the line under it, and what the series are."""
    base = y + 8.0
    if block.names:
        bold = BODY.but(bold=True)
        used = sketch.text(x, base, block.title, bold, room=wide)
        sketch.text(x + used + 6, base, block.lead, TINY, room=max(0.0, wide - used - 6))
        base += TITLE if block.title else 0.0
    elif block.title:
        sketch.text(x, base, block.title, SECTION if block.wide is None else NOTE, room=wide)
    if beside and block.title and not block.names:
        right = x + wide
        for series in keyed[::-1]:
            left = right - sketch.medium.measure(series.name, NOTE)
            _sample(sketch, left - 16, base - 2.3, series)
            sketch.text(left, base, series.name, NOTE)
            right = left - 30
        return
    if block.lead and not block.names:
        base += LEAD if block.title else 0.0
        sketch.text(x, base, block.lead, NOTE.but(colour=ACCENT, bold=True), room=wide)
        base += LEAD
    _draw_key(sketch, x, base, wide, _key(block))


def shared_key(blocks: Sequence[Curve], medium: Medium, room: float) -> Body | None:
    """One key over charts of names that all have the same; ``None`` if they have not."""
    keys = [_key(block) for block in blocks]
    names = [[name for name, _ in key] for key in keys]
    if len(blocks) < 2 or not names[0] or not all(block.names for block in blocks):
        return None
    key = list({name: sample for each in keys for name, sample in each}.items())
    height = KEY * _key_lines(key, medium, room) + 4.0

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        _draw_key(sketch, x, y + 7.0, room, key)

    return Body(room, (height,), draw)


def without_key(block: Curve) -> Curve:
    """The chart without what its series are called."""
    series = tuple(replace(each, name="") for each in block.series)
    rules = tuple((value, "") for value, _ in block.rules)
    return replace(block, series=series, rules=rules)


def _draw_key(
    sketch: Sketch, x: float, y: float, wide: float, key: Sequence[tuple[str, Series | None]]
) -> None:
    left = x
    for name, sample in key:
        needed = 16 + sketch.medium.measure(name, NOTE) + 14
        if left > x and left + needed - 14 > x + wide:
            left, y = x, y + KEY
        if sample is not None:
            _sample(sketch, left, y - 2.3, sample)
        else:
            sketch.line((left + 5, y - 6), (left + 5, y + 1.5), colour=RULE, width=1.2)
        sketch.text(left + 16, y, name, NOTE)
        left += needed


def _key(block: Curve) -> list[tuple[str, Series | None]]:
    """What is drawn, by name: the series, and under names the rules."""
    found: list[tuple[str, Series | None]] = [
        (series.name, series) for series in block.series if series.name
    ]
    if block.names and found:
        found += [(words, None) for _, words in block.rules if words]
    return found


def _key_lines(key: Sequence[tuple[str, Series | None]], medium: Medium, wide: float) -> int:
    left, lines = 0.0, 1
    for name, _ in key:
        needed = 16 + medium.measure(name, NOTE) + 14
        if left and left + needed - 14 > wide:
            left, lines = 0.0, lines + 1
        left += needed
    return lines


def _sample(sketch: Sketch, x: float, y: float, series: Series) -> None:
    """A series in the key."""
    if series.style == "ticks":
        _upright(sketch, x + 5, y, series)
        return
    colour = _colour(series)
    sketch.line((x, y), (x + 11, y), colour=colour, width=0.9)
    if series.style == "line":
        _dot(sketch, x, y, series, 3.5)
        _dot(sketch, x + 11, y, series, 3.5)
    elif series.style == "points":
        _dot(sketch, x + 5.5, y, series, DOT)


def _colour(series: Series) -> str:
    if series.style == "thin":
        return QUIET
    if series.style == "ticks" and series.tone == "quiet":
        return RANDOM
    return INKS[series.tone]


def _dot(sketch: Sketch, x: float, y: float, series: Series, side: float) -> None:
    colour = _colour(series)
    fill = WHITE if series.hollow else colour
    sketch.box(x - side / 2, y - side / 2, side, side, fill, colour)


def _upright(sketch: Sketch, x: float, y: float, series: Series) -> None:
    sketch.line((x, y - 3.4), (x, y + 3.4), colour=_colour(series), width=1.2)


def _points(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """``(point,)`` x and y."""
    y = np.asarray(series.y, float)
    x = np.asarray(series.x, float)
    return (x if len(x) else np.arange(len(y), dtype=float)), y


def _limits(values: Iterable[np.ndarray]) -> tuple[float, float]:
    """The least and the greatest number."""
    every = np.concatenate([np.ravel(each) for each in values] or [np.zeros(0)])
    every = every[np.isfinite(every)]
    return (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)


def _word(value: float, *, share: bool) -> str:
    return f"{value:.0%}" if share else number(value)


def _lines(sketch: Sketch, x: float, top: float, right: float, bottom: float, block: Curve) -> None:
    """Curves over one axis."""
    points = [_points(series) for series in block.series]
    across = block.x or _limits([xs for xs, _ in points])
    rules = np.array([value for value, _ in block.rules], float)
    low, high = block.y or _limits([*(ys for _, ys in points), rules, np.zeros(1)])
    heights = [low, (low + high) / 2, high] if high > low else [low]
    numbers = [_word(value, share="y" in block.percent) for value in heights]
    left = x + max(sketch.medium.measure(words, TINY) for words in numbers) + 6
    inset = 6.0 if any(series.style == "line" for series in block.series) else 0.0
    edge = right - (ASIDE if block.rules else 0.0)
    axes = Axes(left + inset, top, edge - inset, bottom, across, (low, high))
    for value, words in zip(heights, numbers, strict=True):
        height = axes.y(value)
        sketch.line((left, height), (edge, height), width=0.4)
        sketch.label(left - 4, height + 1.9, words, TINY, "end")
    if block.y_title:
        sketch.label(left - 4, top - 6, block.y_title, TINY, "end")
    _across(sketch, axes, points, block)
    _rules(sketch, axes, left, edge, block.rules)
    for series, (xs, ys) in reversed(list(zip(block.series, points, strict=True))):
        _series(sketch, axes, series, xs, ys)
    if block.x_title:
        sketch.text(edge, bottom + UNDER + 5.5, block.x_title, TINY, anchor="end")


def _series(sketch: Sketch, axes: Axes, series: Series, xs: np.ndarray, ys: np.ndarray) -> None:
    known = np.isfinite(xs) & np.isfinite(ys)
    places = [
        (axes.x(x), axes.y(y)) for x, y in zip(xs[known].tolist(), ys[known].tolist(), strict=True)
    ]
    if series.style in ("line", "plain", "thin") and len(places) > 1:
        width = {"line": 0.9, "plain": 1.1, "thin": 0.4}[series.style]
        sketch.line(*places, colour=_colour(series), width=width)
    single = len(places) == 1
    if series.style in ("line", "points") or (single and series.style == "plain"):
        for x, y in places:
            _dot(sketch, x, y, series, 3.5 if len(places) <= 40 else 2.0)
    elif series.style == "ticks":
        for x, y in places:
            _upright(sketch, x, y, series)


def _across(
    sketch: Sketch, axes: Axes, points: Sequence[tuple[np.ndarray, np.ndarray]], block: Curve
) -> None:
    """The numbers under the curves, as many as there is room for."""
    low, high = axes.across
    if "x" in block.percent:
        for share in (low, (low + high) / 2, high):
            draw_tick(sketch, axes.x(share), axes.bottom, percent(share))
        return
    if block.x_names:
        xs = next((xs for xs, _ in points if len(xs) == len(block.x_names)), None)
        places = np.arange(len(block.x_names), dtype=float) if xs is None else xs
        _spread(sketch, axes, list(zip(places.tolist(), block.x_names, strict=True)))
        return
    every = np.unique(np.concatenate([xs for xs, _ in points]))
    whole = bool(np.all(every == np.round(every)))
    room = max(2, int((axes.right - axes.left) / 24))
    if whole and high - low < room:
        _spread(sketch, axes, [(value, f"{value:.0f}") for value in np.arange(low, high + 1)])
    elif whole:
        ticks = round_ticks(int(high) + 1, max(2, int((axes.right - axes.left) / 40)))
        _spread(sketch, axes, [(tick, str(tick)) for tick in ticks if low <= tick <= high])
    else:
        _spread(sketch, axes, [(value, number(value)) for value in np.linspace(low, high, 3)])


def _spread(sketch: Sketch, axes: Axes, ticks: Sequence[tuple[float, str]]) -> None:
    """Ticks whose words do not touch."""
    free = -math.inf
    for value, words in ticks:
        x = axes.x(float(value))
        half = sketch.medium.measure(words, TINY) / 2
        if x - half >= free:
            draw_tick(sketch, x, axes.bottom, words)
            free = x + half + 3


def _rules(
    sketch: Sketch, axes: Axes, left: float, edge: float, rules: Sequence[tuple[float, str]]
) -> None:
    """Lines at heights with words beside them, moved apart where they would touch."""
    taken = -math.inf
    for height, words, main in sorted(
        (axes.y(value), words, not place) for place, (value, words) in enumerate(rules)
    ):
        y = max(height, taken + APART)
        taken = y
        style = BODY.but(colour=ACCENT, bold=True) if main else TINY
        if main:
            sketch.box(edge - 2, height - 2, 4, 4, ACCENT)
        else:
            sketch.line((left, height), (edge, height), colour=QUIET, width=0.4)
        sketch.line((edge + 2, height), (edge + 5, y), colour=FAINT, width=0.4)
        sketch.text(edge + 7, y + style.size * 0.33, words, style, room=ASIDE - 8)


def _names(sketch: Sketch, x: float, top: float, right: float, bottom: float, block: Curve) -> None:
    """Points in a row for each name, all on one scale."""
    marks = [_points(series)[0] for series in block.series]
    errors = [
        np.nan_to_num(np.asarray(series.errors, float)) if series.errors is not None else 0.0
        for series in block.series
    ]
    every = [place - error for place, error in zip(marks, errors, strict=True)]
    every += [place + error for place, error in zip(marks, errors, strict=True)]
    every.append(np.array([value for value, _ in block.rules], float))
    low, high = block.x or _limits(every)
    step = _rounded(((high - low) or abs(high) or 1.0) / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    across = first * step, max(last, first + 1) * step
    names = max(sketch.medium.measure(name, NOTE.but(bold=True)) for name in block.names) + 8
    left = x + min(names, NAMES, (right - x) / 2)
    axes = Axes(left, top, right - 8, bottom, across, (len(block.names) - 0.5, -0.5))
    for count in range(max(last, first + 1) - first + 1):
        value = across[0] + step * count
        at = axes.x(value)
        sketch.line((at, top), (at, bottom), width=0.25)
        words = _word(value if abs(value) > step / 2 else 0.0, share="x" in block.percent)
        sketch.label(at, bottom + 8, words, TINY)
    sketch.line((axes.left, bottom), (axes.right, bottom), colour=QUIET)
    for value, _ in block.rules:
        if math.isfinite(value):
            sketch.line((axes.x(value), top - 3), (axes.x(value), bottom), colour=RULE, width=0.7)
    solid = _solid(block)
    for row, name in enumerate(block.names):
        style = NOTE.but(colour=INK, bold=row in solid)
        middle = axes.y(row)
        sketch.text(left - 6, middle + 2.2, name, style, anchor="end", room=left - x - 6)
        sketch.line((axes.left, middle), (axes.right, middle), width=0.25)
    for series in reversed(block.series):
        _row_points(sketch, axes, series)
    for row in _untold(block):
        sketch.label(axes.left + 4, axes.y(row) + 2, "nothing to tell", TINY, "start")
    if block.x_title:
        sketch.text(axes.right, bottom + UNDER + 5.5, block.x_title, TINY, anchor="end")


def _solid(block: Curve) -> set[int]:
    """The rows of filled points, where others of the chart are hollow."""
    if not any(series.style == "points" and series.hollow for series in block.series):
        return set()
    return {
        int(row)
        for series in block.series
        if series.style == "points" and not series.hollow
        for row, value in zip(series.y, series.x, strict=True)
        if math.isfinite(value)
    }


def _untold(block: Curve) -> list[int]:
    """The rows whose points are no numbers."""
    told = [series for series in block.series if series.style == "points"]
    known = {
        int(row)
        for series in told
        for row, value in zip(series.y, series.x, strict=True)
        if math.isfinite(value)
    }
    return [row for row in range(len(block.names)) if row not in known] if told else []


def _row_points(sketch: Sketch, axes: Axes, series: Series) -> None:
    xs, rows = _points(series)
    errors = np.full(len(xs), np.nan) if series.errors is None else np.asarray(series.errors)
    for value, row, error in zip(xs.tolist(), rows.tolist(), errors.tolist(), strict=True):
        if not math.isfinite(value):
            continue
        x, y = axes.x(value), axes.y(row)
        if math.isfinite(error):
            ends: tuple[Point, Point] = ((axes.x(value - error), y), (axes.x(value + error), y))
            sketch.line(*ends, colour=_colour(series), width=0.9)
        if series.style == "ticks":
            _upright(sketch, x, y, series)
        else:
            _dot(sketch, x, y, series, DOT)


def _rounded(step: float) -> float:
    """The least of 1, 2, 5, 10 ... that is as large.

    >>> [round(_rounded(step), 6) for step in (0.03, 0.2, 7)]
    [0.05, 0.2, 10.0]
    """
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999999)
