"""Curves as the geometry of inline SVG: where lines, points and words stand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from layersight.document.blocks import Curve, Series
from layersight.document.words import fine_percent
from layersight.writers.html.drawn import PER_POINT
from layersight.writers.layout.axes import inks_of, limits_of, nice, points_of, runs

WIDE = 800.0  # width of a curve that takes all the room
LETTER = 6.4  # about the width of a letter; names are not cut for a little more
ROW = 19.0  # height of a row of points
LONGEST_NAME = 26  # the most letters of a name beside a row


@dataclass(frozen=True, slots=True)
class Words:
    """A text, its position and anchor, and by how many degrees it is turned."""

    x: float
    y: float
    text: str
    anchor: str = "end"
    turned: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A series: its path, its points with their tooltips, its error bars."""

    series: Series
    path: str
    points: tuple[tuple[float, float, str], ...]
    errors: str
    # of a line whose points have colours of their own: parts of its path, with theirs
    pieces: tuple[tuple[str, str], ...] = ()
    # of bars: left, top, width, height, colour and tooltip
    bars: tuple[tuple[float, float, float, float, str, str], ...] = ()


@dataclass(slots=True)
class Chart:
    """A curve, laid out."""

    width: float  # of the picture
    height: float = 0.0  # likewise
    words: list[Words] = field(default_factory=list)  # the numbers and names of its axes
    rules: str = ""  # path of the thin lines
    marks: str = ""  # path of the lines that have words of their own
    lines: list[Line] = field(default_factory=list)  # its series, the first drawn last


def lay_out(curve: Curve) -> Chart:
    """The geometry of a curve."""
    chart = Chart(WIDE if curve.wide is None else curve.wide * PER_POINT)
    ruled = np.array([value for value, _ in curve.rules], np.float64)
    x = curve.x or limits_of([*map(_reach, curve.series), ruled[: len(ruled) * bool(curve.names)]])
    y = curve.y or limits_of([*(series.y for series in curve.series), ruled])
    if curve.names:
        y = (-0.5, len(curve.names) - 0.5)
        margin = 0.0 if curve.x else (x[1] - x[0]) / 25
        x = (x[0] - margin, x[1] + margin)
    if any(series.style == "bars" for series in curve.series):
        x = x[0] - 0.5, x[1] + 0.5
        y = min(0.0, y[0]), max(0.0, y[1])
    up = [] if curve.names else nice(*y)
    labels = [_format(value, "y" in curve.percent) for value in up]
    names = [
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        for name in curve.names
    ]
    left = 10 + LETTER * max(map(len, names or labels or [""])) + (16 if curve.y_title else 0)
    top = 22.0 if curve.names and curve.rules else 10.0
    tall = ROW * len(names) if names else curve.tall * PER_POINT
    aside = 0.0 if curve.names else LETTER * max([0, *(len(words) for _, words in curve.rules)])
    right, bottom = chart.width - 16 - aside, top + tall

    def across(value: float) -> float:
        return left + (value - x[0]) / ((x[1] - x[0]) or 1) * (right - left)

    def down(value: float) -> float:
        share = (value - y[0]) / ((y[1] - y[0]) or 1)
        return top + share * tall if curve.names else bottom - share * tall

    for value, text in zip(up, labels, strict=True):
        chart.rules += f"M{left:.1f} {down(value):.1f}H{right:.1f}"
        chart.words.append(Words(left - 7, down(value) + 4, text))
    for row, name in enumerate(names):
        chart.rules += f"M{left:.1f} {down(row):.1f}H{right:.1f}"
        chart.words.append(Words(left - 7, down(row) + 4, name))
    last = -math.inf
    for value, text in sorted(curve.rules, reverse=True):
        if curve.names:
            chart.marks += f"M{across(value):.1f} {top:.1f}V{bottom:.1f}"
            chart.words.append(Words(across(value), top - 8, text, "middle"))
        else:
            chart.marks += f"M{left:.1f} {down(value):.1f}H{right:.1f}"
            last = max(down(value) + 4, last + 12)
            chart.words.append(Words(right + 6, last, text, "start"))
    foot = bottom + 17
    turned = _below(curve, chart, x, across, foot)
    foot += turned
    if curve.x_title:
        foot += 17
        chart.words.append(Words((left + right) / 2, foot, curve.x_title, "middle"))
    if curve.y_title:
        chart.words.append(Words(11, (top + bottom) / 2, curve.y_title, "middle", -90))
    chart.height = foot + 6
    chart.lines = [_line(series, curve, across, down) for series in reversed(curve.series)]
    return chart


def _below(
    curve: Curve,
    chart: Chart,
    x: tuple[float, float],
    across: Callable[[float], float],
    foot: float,
) -> float:
    """Adds the words under the axis; returns the height that they take beyond one line."""
    if not curve.x_names:
        xs = [value for series in curve.series for value in points_of(series)[0].tolist()]
        whole = all(value == round(value) for value in xs if math.isfinite(value))
        for value in nice(*x, 6, integers=whole and x[1] - x[0] > 1):
            text = _format(value, "x" in curve.percent)
            chart.words.append(Words(across(value), foot, text, "middle"))
        return 0.0
    positions = points_of(curve.series[0])[0] if curve.series else np.arange(len(curve.x_names))
    gap = (chart.width - 60) / max(1, len(curve.x_names))
    longest = LETTER * max(map(len, curve.x_names))
    turned = longest > gap - 6
    stride = max(1, math.ceil(15 / gap))
    for value, name in list(zip(positions, curve.x_names, strict=False))[::stride]:
        if turned:
            chart.words.append(Words(across(float(value)) + 5, foot - 2, name, "end", -30))
        else:
            chart.words.append(Words(across(float(value)), foot, name, "middle"))
    return 0.5 * longest if turned else 0.0


def _reach(series: Series) -> np.ndarray:
    """The x of points and of the ends of their error bars."""
    x, _ = points_of(series)
    if series.errors is None:
        return x
    return np.concatenate([x, x - series.errors, x + series.errors])


def _line(
    series: Series, curve: Curve, across: Callable[[float], float], down: Callable[[float], float]
) -> Line:
    path, points, errors, drawn = "", [], "", False
    for index, (x, y) in enumerate(zip(*map(np.ndarray.tolist, points_of(series)), strict=True)):
        if not (math.isfinite(x) and math.isfinite(y)):
            drawn = False
            continue
        point = across(x), down(y)
        path += f"{'L' if drawn else 'M'}{point[0]:.1f} {point[1]:.1f}"
        drawn = True
        points.append((*point, _tooltip(series, curve, index, x, y)))
        if series.errors is not None and math.isfinite(reach := float(series.errors[index])):
            errors += f"M{across(x - reach):.1f} {point[1]:.1f}H{across(x + reach):.1f}"
    finite = np.isfinite(series.y)
    if series.style == "bars":
        wide = 0.8 * (across(1.0) - across(0.0))
        bars = tuple(
            (x - wide / 2, min(y, down(0.0)), wide, max(0.5, abs(y - down(0.0))), ink, tooltip)
            for (x, y, tooltip), ink in zip(points, inks_of(series, finite), strict=True)
        )
        return Line(series, "", (), "", (), bars)
    if series.colours is None:
        return Line(series, path, tuple(points), errors)
    pieces = tuple(
        ("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points[first : last + 1]), ink)
        for first, last, ink in runs(inks_of(series, finite))
    )
    return Line(series, path, tuple(points), errors, pieces)


def _tooltip(series: Series, curve: Curve, index: int, x: float, y: float) -> str:
    """The tooltip of a point."""
    if curve.names:
        words = [curve.names[round(y)], _format(x, "x" in curve.percent)]
    else:
        named = index < len(curve.x_names)
        position = curve.x_names[index] if named else _format(x, "x" in curve.percent)
        words = [f"{curve.x_title} {position}".strip(), _format(y, "y" in curve.percent)]
    return ": ".join(filter(None, [series.name, *words]))


def _format(value: float, share: bool) -> str:
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}") if not share else fine_percent(value)
