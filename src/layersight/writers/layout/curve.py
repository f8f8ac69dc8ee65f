"""Curves over an axis, and points in a row for each name.

The rule of this module: a value has one height, and a rule is drawn at its number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from layersight.document.blocks import Curve, Series
from layersight.document.words import number, percent
from layersight.writers.layout.axes import (
    colour_of,
    inks_of,
    limits_of,
    nice,
    points_of,
    round_ticks,
    rounded_up,
    runs,
)
from layersight.writers.layout.body import Body, lay
from layersight.writers.layout.text import STEP
from layersight.writers.sketch import (
    ACCENT,
    BAR,
    BAR_WIDTH,
    BODY,
    FAINT,
    INK,
    NOTE,
    QUIET,
    RULE,
    SECTION,
    TINY,
    WHITE,
    Medium,
    Sketch,
)

TITLE, LEAD = 13.0, 9.0
SAMPLE = 16.0  # width of a sample in a key
UNDER = 12.0  # under a plot, for its numbers
AXIS_TITLE = 8.0
ROW = 11.5  # height of the row of a name
ASIDE = 74.0  # room right of a plot for the words of its rules
APART = 7.0  # the least distance between two words above each other
FLOOR = 22.0  # about the distance between the numbers of an upright axis
NAMES = 108.0
DOT, SMALL_DOT = 4.2, 3.5
WIDTHS = {"line": 0.9, "plain": 1.1, "thin": 0.4}
COLOURED, CASING = 1.7, 2.5
"""Widths of a line whose points have colours of their own, and of the grey line under it."""
BAR_SHARE = 0.8  # of the room between points that a bar takes


@dataclass(frozen=True, slots=True)
class Axes:
    """The area of a plot, and the values at its edges."""

    left: float  # left edge, in points
    top: float  # upper edge
    right: float  # right edge
    bottom: float  # lower edge
    across: tuple[float, float]  # the values at the left and the right edge
    up: tuple[float, float]  # the values at the lower and the upper edge

    def x(self, value: float) -> float:
        """The x of a value, within the edges."""
        return self.left + _share(value, *self.across) * (self.right - self.left)

    def y(self, value: float) -> float:
        """The y of a value, within the edges."""
        return self.bottom - _share(value, *self.up) * (self.bottom - self.top)


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))


Key = list[tuple[str, Series | None]]  # names of series, and of rules with None


@lay.register
def _curve(block: Curve, medium: Medium, room: float) -> Body:
    wide = room if block.wide is None else min(room, block.wide)
    tall = ROW * len(block.names) if block.names else block.tall
    title = BODY.but(bold=True) if block.names else SECTION if block.wide is None else NOTE
    lead = TINY if block.names else NOTE.but(colour=ACCENT, bold=True)
    used = medium.measure(block.title, title) + 20 if block.title else 0.0
    below_title = block.title and block.lead and not block.names
    key = _key_positions(_key(block), medium, wide, 0.0 if block.lead else used)
    if block.lead and key:  # the line of the title is taken
        key = [(x, line + 1, name, series) for x, line, name, series in key]
    last = max((line for _, line, _, _ in key), default=0 if block.title or block.lead else -1)
    above = TITLE * (last + 1) + LEAD * bool(below_title) + 4.0
    lines = [line for text in block.lines for line in medium.wrap(text, NOTE, wide)]
    aside = block.scale is not None and bool(block.title) and not key
    bar = BAR + 3.0 if block.scale is not None and not aside else 0.0
    above = max(above, BAR + 4.0) if aside else above
    below = UNDER + AXIS_TITLE * bool(block.x_title) + bar
    plot = _names if block.names else _lines

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        sketch.text(x, y + 8, block.title, title, room=wide)
        beside = (used - 14, 0.0) if block.names else (0.0, LEAD * bool(block.title))
        left = x + beside[0]
        sketch.text(left, y + 8 + beside[1], block.lead, lead, room=max(0.0, wide - beside[0]))
        _draw_key(sketch, x, y + 8, key)
        plot(sketch, x, y + above, x + wide, y + above + tall, block)
        base = y + above + tall + below
        if block.scale is not None and aside:
            sketch.scale(x + wide - BAR_WIDTH, y, block.scale, BAR_WIDTH)
        elif block.scale is not None:
            sketch.scale(x, base - BAR, block.scale, min(wide, BAR_WIDTH))
        for line in lines:
            base += NOTE.size * STEP
            sketch.text(x, base - 2, line, NOTE)

    return Body(wide, (above + tall + below + NOTE.size * STEP * len(lines),), draw)


def shared_key(blocks: Sequence[Curve], medium: Medium, room: float) -> Body | None:
    """One key over several charts of names; ``None`` for other blocks."""
    key = list({name: series for block in blocks for name, series in _key(block)}.items())
    if len(blocks) < 2 or not key or not all(block.names for block in blocks):
        return None
    positions = _key_positions(key, medium, room, 0.0)

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        _draw_key(sketch, x, y + 7, positions)

    return Body(room, (TITLE * (positions[-1][1] + 1),), draw)


def without_key(block: Curve) -> Curve:
    """The chart without the names of its series."""
    series = tuple(replace(named, name="") for named in block.series)
    return replace(block, series=series, rules=tuple((value, "") for value, _ in block.rules))


def _key(block: Curve) -> Key:
    entries: Key = [(series.name, series) for series in block.series if series.name]
    if block.names and entries:
        entries += [(words, None) for _, words in block.rules if words]
    return entries


def _key_positions(
    key: Key, medium: Medium, wide: float, used: float
) -> list[tuple[float, int, str, Series | None]]:
    """For each entry of a key its left edge and its line, the first beside ``used`` points."""
    entries, left, line = [], used, 0
    for name, series in key:
        needed = SAMPLE + medium.measure(name, NOTE)
        if left and left + needed > wide:
            left, line = 0.0, line + 1
        entries.append((left, line, name, series))
        left += needed + 14
    if entries and line == 0 and used:  # beside a title, at the right end
        return [(x + wide + 14 - left, line, name, series) for x, line, name, series in entries]
    return entries


def _draw_key(
    sketch: Sketch, x: float, y: float, key: list[tuple[float, int, str, Series | None]]
) -> None:
    for shift, line, name, series in key:
        left, base = x + shift, y + TITLE * line
        sketch.text(left + SAMPLE, base, name, NOTE)
        if series is None:
            sketch.line((left + 5, base - 6), (left + 5, base + 1.5), colour=RULE, width=1.2)
            continue
        if series.style != "ticks":
            ends = (left, base - 2.3), (left + 11, base - 2.3)
            sketch.line(*ends, colour=colour_of(series), width=0.9)
        if series.style in ("points", "ticks"):
            _mark(sketch, left + 5.5, base - 2.3, series, DOT)
        elif series.style == "line":
            _mark(sketch, left, base - 2.3, series, SMALL_DOT)
            _mark(sketch, left + 11, base - 2.3, series, SMALL_DOT)


def _mark(sketch: Sketch, x: float, y: float, series: Series, side: float) -> None:
    """A point of a series: a small stroke, or a square."""
    colour = colour_of(series)
    if series.style == "ticks":
        sketch.line((x, y - 3.4), (x, y + 3.4), colour=colour, width=1.2)
    else:
        fill = WHITE if series.hollow else colour
        sketch.box(x - side / 2, y - side / 2, side, side, fill, colour)


def _lines(sketch: Sketch, x: float, top: float, right: float, bottom: float, block: Curve) -> None:
    points = [points_of(series) for series in block.series]
    across = block.x or limits_of([xs for xs, _ in points])
    rules = np.array([value for value, _ in block.rules], float)
    low, high = block.y or limits_of([*(ys for _, ys in points), rules, np.zeros(1)])
    heights = nice(low, high, max(3, int((bottom - top) / FLOOR))) or [low]
    numbers = list(map(percent if "y" in block.percent else number, heights))
    left = x + max(sketch.medium.measure(words, TINY) for words in numbers) + 6
    inset = 6.0 if any(series.style == "line" for series in block.series) else 0.0
    count = max((len(series.y) for series in block.series if series.style == "bars"), default=0)
    if count:
        inset = (right - left) / (2 * count + 2)
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
    finite = np.isfinite(xs) & np.isfinite(ys)
    pairs = zip(xs[finite].tolist(), ys[finite].tolist(), strict=True)
    corners = [(axes.x(x), axes.y(y)) for x, y in pairs]
    if series.style == "bars":
        inks = inks_of(series, finite)
        wide = BAR_SHARE * (axes.right - axes.left) / max(1, len(ys))
        zero = axes.y(0.0)
        for (x, y), ink in zip(corners, inks, strict=True):
            sketch.box(x - wide / 2, min(y, zero), wide, max(abs(y - zero), 0.4), ink)
        return
    if series.colours is not None and len(corners) > 1:
        sketch.line(*corners, colour=QUIET, width=CASING)
        for first, last, ink in runs(inks_of(series, finite)):
            sketch.line(*corners[first : last + 1], colour=ink, width=COLOURED)
        return
    if series.style in WIDTHS and len(corners) > 1:
        sketch.line(*corners, colour=colour_of(series), width=WIDTHS[series.style])
    if series.style not in ("plain", "thin") or len(corners) == 1:
        for x, y in corners:
            _mark(sketch, x, y, series, SMALL_DOT if len(corners) <= 40 else 2.0)


def _across(
    sketch: Sketch, axes: Axes, points: Sequence[tuple[np.ndarray, np.ndarray]], block: Curve
) -> None:
    """Draws the numbers under the curves, as many as fit."""
    low, high = axes.across
    if "x" in block.percent:
        for share in nice(low, high, 3):
            sketch.tick(axes.x(share), axes.bottom, percent(share))
        return
    if block.x_names:
        xs = next((xs for xs, _ in points if len(xs) == len(block.x_names)), None)
        positions = np.arange(len(block.x_names), dtype=float) if xs is None else xs
        _spread(sketch, axes, list(zip(positions.tolist(), block.x_names, strict=True)))
        return
    values = np.unique(np.concatenate([np.zeros(0), *(xs for xs, _ in points)]))
    whole = bool(np.all(values == np.round(values)))
    room = max(2, int((axes.right - axes.left) / 24))
    if whole and high - low < room:
        _spread(sketch, axes, [(value, f"{value:.0f}") for value in np.arange(low, high + 1)])
    elif whole:
        ticks = round_ticks(int(high) + 1, max(2, int((axes.right - axes.left) / 40)))
        _spread(sketch, axes, [(tick, str(tick)) for tick in ticks if low <= tick <= high])
    else:
        _spread(sketch, axes, [(value, number(value)) for value in nice(low, high, 4)])


def _spread(sketch: Sketch, axes: Axes, ticks: Sequence[tuple[float, str]]) -> None:
    """Draws ticks whose words do not touch."""
    free = -math.inf
    for value, words in ticks:
        x = axes.x(float(value))
        half = sketch.medium.measure(words, TINY) / 2
        if x - half >= free:
            sketch.tick(x, axes.bottom, words)
            free = x + half + 3


def _rules(
    sketch: Sketch, axes: Axes, left: float, edge: float, rules: Sequence[tuple[float, str]]
) -> None:
    """Draws horizontal lines with words beside them, moved apart where they would touch."""
    taken = -math.inf
    for height, words, main in sorted(
        (axes.y(value), words, not index) for index, (value, words) in enumerate(rules)
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
    points = [(series, *points_of(series), _errors(series)) for series in block.series]
    ends = [xs + sign * np.nan_to_num(errors) for _, xs, _, errors in points for sign in (-1, 1)]
    low, high = block.x or limits_of([*ends, np.array([value for value, _ in block.rules])])
    step = rounded_up(((high - low) or abs(high) or 1.0) / 4)
    first = math.floor(low / step + 1e-9)
    count = max(math.ceil(high / step - 1e-9), first + 1) - first
    names = max(sketch.medium.measure(name, NOTE.but(bold=True)) for name in block.names) + 8
    left = x + min(names, NAMES, (right - x) / 2)
    across = first * step, (first + count) * step
    axes = Axes(left, top, right - 8, bottom, across, (len(block.names) - 0.5, -0.5))
    for value in (step * (first + each) for each in range(count + 1)):
        edge = axes.x(value)
        sketch.line((edge, top), (edge, bottom), width=0.25)
        words = percent if "x" in block.percent else number
        sketch.label(edge, bottom + 8, words(value if abs(value) > step / 2 else 0.0), TINY)
    sketch.line((axes.left, bottom), (axes.right, bottom), colour=QUIET)
    for value, _ in block.rules:
        if math.isfinite(value):
            sketch.line((axes.x(value), top - 3), (axes.x(value), bottom), colour=RULE, width=0.7)
    solid, hollow = _rows(block, hollow=False), _rows(block, hollow=True)
    contrasted = any(series.hollow for series in block.series)
    for row, name in enumerate(block.names):
        style = NOTE.but(colour=INK, bold=contrasted and row in solid)
        middle = axes.y(row)
        sketch.text(left - 6, middle + 2.2, name, style, anchor="end", room=left - x - 6)
        sketch.line((axes.left, middle), (axes.right, middle), width=0.25)
        if row not in solid | hollow:
            sketch.label(axes.left + 4, middle + 2, "nothing to tell", TINY, "start")
    for series, xs, ys, errors in reversed(points):
        for value, y, error in zip(xs, [axes.y(row) for row in ys], errors, strict=True):
            if math.isfinite(value) and math.isfinite(error):
                reach = (axes.x(value - error), y), (axes.x(value + error), y)
                sketch.line(*reach, colour=colour_of(series), width=0.9)
            if math.isfinite(value):
                _mark(sketch, axes.x(value), y, series, DOT)
    if block.x_title:
        sketch.text(axes.right, bottom + UNDER + 5.5, block.x_title, TINY, anchor="end")


def _errors(series: Series) -> np.ndarray:
    return np.asarray(
        np.full(len(series.y), np.nan) if series.errors is None else series.errors, float
    )


def _rows(block: Curve, *, hollow: bool) -> set[int]:
    """The rows that have a point, filled or hollow."""
    return {
        int(row)
        for series in block.series
        if series.style == "points" and series.hollow == hollow
        for value, row in zip(*points_of(series), strict=True)
        if math.isfinite(value)
    }
