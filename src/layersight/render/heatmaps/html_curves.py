"""Small curves of metrics as inline SVG."""

from __future__ import annotations

import math

from layersight.data.target import Target
from layersight.nouns.heatmaps.groups import ImageMaps
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.wording import method_title, target_name
from layersight.render.heatmaps.measures import limits, ranked, told
from layersight.render.html_text import escape, number

WIDTH, HEIGHT = 260, 170
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 34, 34


def curve_svg(group: ImageMaps, target: Target, metric: str) -> str:
    """The curves of a target's maps by one metric; empty if there is none.

    Args:
        group: The maps of an image.
        target: Of which target.
        metric: By which metric.
    """
    pairs = [
        (entry, one)
        for entry in group.maps
        for one in entry.measures
        if (entry.target, one.metric) == (target, metric) and one.curve is not None
    ]
    if not pairs:
        return ""
    order = ranked(pairs)
    entry, best = order[-1]
    ends = [limits(one) for _, one in pairs]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    name = f", {target_name(group.result, entry)}" if len(group.targets) > 1 else ""
    told_best = f"{method_title(group.result, entry)} {told(best.value)}"
    label = escape(f"{metric}{name}: the score by the share of pixels; best {told_best}")
    lines = "".join(_line(group, *pair, low, high, strong=pair[1] is best) for pair in order)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f'<text class="head" x="0" y="11">{escape(metric + name)}</text>'
        f'<text class="best" x="0" y="25">best: {escape(told_best)}</text>'
        f"{_axes(low, high)}{lines}</svg>"
    )


def _axes(low: float, high: float) -> str:
    parts = []
    for value in dict.fromkeys((low, (low + high) / 2, high)):
        y = _y(value, low, high)
        parts.append(
            f'<path class="rule" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            f'<text x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{number(value)}</text>'
        )
    for share, anchor in ((0, "start"), (1, "end")):
        parts.append(
            f'<text x="{_x(share):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="{anchor}">'
            f"{share:.0%}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    words = "score by share of pixels"
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{words}</text>')
    return "".join(parts)


def _line(
    group: ImageMaps, entry: Heatmap, one: Measure, low: float, high: float, *, strong: bool
) -> str:
    if one.curve is None:
        return ""
    pairs = zip(one.curve.shares, one.curve.scores, strict=True)
    points = " ".join(
        f"{_x(share):.1f},{_y(score, low, high):.1f}"
        for share, score in pairs
        if math.isfinite(score)
    )
    name = escape(f"{method_title(group.result, entry)} {told(one.value)}")
    kind = "line" if strong else "other"
    return f'<polyline class="{kind}" points="{points}"><title>{name}</title></polyline>'


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1.0) * (HEIGHT - TOP - BOTTOM)
