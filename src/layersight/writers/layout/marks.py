"""Small marks that several blocks have: covers, colour bars, bars of shares, arrows, ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from layersight.document.blocks import Bytes, Cover, Scale, Tone
from layersight.writers.page import WHITE
from layersight.writers.sketch import (
    ACCENT,
    BODY,
    BROKEN_FILL,
    BROKEN_INK,
    BROKEN_LINE,
    DEAD_FILL,
    FAINT,
    INK,
    QUIET,
    TINY,
    TRACK,
    Sketch,
    Style,
)

INKS: dict[Tone, str] = {"plain": INK, "quiet": QUIET, "accent": ACCENT, "bad": BROKEN_INK}
RAMP = np.arange(256, dtype=np.uint8)[None]
BAR_WIDTH = 128.0  # of a colour bar in a heading, in points
BAR = 15.0  # height of a lying colour bar with its words
METER = 2.4
ARROW = 5.0
TICK = 2.5


def toned(style: Style, tone: Tone, *, bold: bool = False) -> Style:
    """The style in the colour of a tone."""
    return style.but(colour=INKS[tone], bold=bold or style.bold)


def draw_ramp(
    sketch: Sketch, x: float, y: float, palette: Bytes, wide: float, tall: float = 5.0
) -> None:
    """All colours of a palette from left to right, as whole device pixels on a screen."""
    resolution = sketch.medium.resolution
    count = 256 if resolution is None else max(1, round(wide * resolution))
    steps = RAMP[:, np.arange(count) * 256 // count]
    snap = sketch.medium.snap
    sketch.picture(snap(x), snap(y), (wide / count, tall), steps, palette)


def draw_scale(sketch: Sketch, x: float, y: float, scale: Scale, wide: float) -> None:
    """A lying colour bar with its words under it."""
    draw_ramp(sketch, x, y, scale.palette, wide)
    longest = max((sketch.medium.measure(words, TINY) for _, words in scale.marks), default=0.0)
    marks = scale.marks
    if len(marks) < 3 and longest + sketch.medium.measure(scale.note, TINY) / 2 < wide / 2 - 4:
        marks = (*marks, (0.5, scale.note))
    for place, words in marks:
        anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
        sketch.label(x + place * wide, y + 12, words, TINY, anchor)


def draw_cover(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    tall: float,
    cover: Cover,
    style: Style,
) -> None:
    """A flat ground with a cross and words in place of pixels."""
    edge = 0.0 if sketch.medium.resolution else 0.5
    broken = cover.kind == "broken"
    fill, line = (BROKEN_FILL, BROKEN_LINE) if broken else (DEAD_FILL, FAINT)
    sketch.box(x - edge, y - edge, wide + 2 * edge, tall + 2 * edge, fill)
    sketch.line((x, y), (x + wide, y + tall), colour=line)
    if not broken:
        sketch.line((x, y + tall), (x + wide, y), colour=line)
    words = cover.words
    if wide > 3 * tall:
        words = (" ".join(words),)
    style = style.but(colour=BROKEN_INK if broken else QUIET)
    draw_words_on(sketch, x, y, wide, tall, words, style, fill)


def draw_words_on(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    tall: float,
    words: Sequence[str],
    style: Style,
    fill: str,
) -> None:
    """Words in the middle of a tile, on a plain ground; none if they do not fit."""
    step = style.size * 1.15
    needed = max((sketch.medium.measure(word, style) for word in words), default=0.0)
    if not words or needed > wide - 1 or step > tall:
        return
    if step * len(words) > tall - 1:
        words = words[:1]
    block = step * len(words)
    top = y + (tall - block) / 2
    sketch.box(x + (wide - needed) / 2 - 1, top - 0.5, needed + 2, block + 1, fill)
    for line, word in enumerate(words):
        sketch.text(x + wide / 2, top + step * (line + 0.82), word, style, anchor="middle")


def draw_slices(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    tall: float,
    slices: tuple[int, int],
    depth: int,
) -> None:
    """White between the depth slices of a tile, and over the cells that are left over."""
    rows, columns = slices
    for row in range(1, rows):
        edge = y + tall * row / rows
        sketch.line((x, edge), (x + wide, edge), colour=WHITE)
    for column in range(1, columns):
        edge = x + wide * column / columns
        sketch.line((edge, y), (edge, y + tall), colour=WHITE)
    used = depth - (rows - 1) * columns
    if used < columns:
        left, top = x + wide * used / columns, y + tall * (rows - 1) / rows
        sketch.box(left, top, x + wide - left + 0.5, tall / rows + 0.5, WHITE)


def draw_meter(
    sketch: Sketch, x: float, y: float, wide: float, share: float, tall: float = METER
) -> None:
    """A bar of a share of 0 to 1 on its track; nothing for NaN."""
    if share != share:
        return
    y = sketch.medium.snap(y)
    sketch.box(x, y, wide, tall, TRACK)
    sketch.box(x, y, wide * min(1.0, max(0.0, share)), tall, ACCENT)


def draw_arrow(sketch: Sketch, right: float, y: float) -> None:
    """The mark of what has not converged: an arrow upwards that ends at ``right``."""
    left, low, high = right - ARROW, y, y - ARROW
    sketch.line((left, low), (right, high), colour=ACCENT, width=0.8)
    sketch.line((right - 3.2, high), (right, high), colour=ACCENT, width=0.8)
    sketch.line((right - 0.4, high), (right - 0.4, high + 3.2), colour=ACCENT, width=0.8)


def round_ticks(length: int, at_most: int) -> range:
    """Round positions in ``0..length - 1``.

    >>> list(round_ticks(148, 6)), list(round_ticks(7, 8))
    ([0, 50, 100], [0, 1, 2, 3, 4, 5, 6])
    """
    step = 1
    for power in range(9):
        for factor in (1, 2, 5):
            step = factor * 10**power
            if (length - 1) // step < at_most:
                return range(0, length, step)
    return range(0, length, step)


def nice(low: float, high: float, most: int = 5, *, whole: bool = False) -> list[float]:
    """Round numbers between two limits, at most about so many.

    >>> nice(0, 1), nice(0, 11, 6, whole=True)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 5.0, 10.0])
    >>> nice(0, 0.0125, 4)
    [0.0, 0.005, 0.01]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(1, most - 1)
    power = 10 ** math.floor(math.log10(raw))
    steps = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(each * power for each in steps if each * power >= raw * 0.999)
    step = max(1.0, step) if whole else step
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def draw_tick(sketch: Sketch, x: float, y: float, words: str) -> None:
    """A mark under an axis with its words."""
    sketch.line((x, y), (x, y + TICK))
    sketch.text(x, y + 9, words, TINY, anchor="middle")


def draw_tick_left(sketch: Sketch, x: float, y: float, words: str) -> None:
    """A mark at the left of an axis with its words."""
    sketch.line((x - TICK, y), (x, y))
    sketch.text(x - 4, y + 1.9, words, TINY, anchor="end")


def title_height(title: str) -> float:
    """Of a block's title, in points; nothing without one."""
    return 13.0 if title else 0.0


def draw_title(sketch: Sketch, x: float, y: float, title: str, style: Style = BODY) -> float:
    """A block's title under ``y``; returns where it ends."""
    if title:
        sketch.text(x, y + 7, title, style, room=sketch.right - x)
    return y + title_height(title)
