"""Colour bars, axes and the marks of dead and broken maps."""

from __future__ import annotations

import numpy as np

from layersight.document.colour import palette
from layersight.document.words import DASH, number
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.tiles import Tiles
from layersight.writers.page import WHITE, Bytes
from layersight.writers.sketch import BROKEN_FILL, BROKEN_INK, DEAD_FILL, FAINT, TINY, Sketch, Style

RAMP = np.arange(256, dtype=np.uint8)[None]
BAR_HEIGHT = 5.0
BAR_WIDTH = 128.0
"""Of a lying colour bar, in points."""


def draw_bar(
    sketch: Sketch, right: float, y: float, options: PictureOptions, marks: dict[float, str]
) -> None:
    """A lying colour bar that ends at ``right``, with words under it.

    Args:
        sketch: Where.
        right: The right edge.
        y: The upper edge.
        options: The colour map.
        marks: Words by their place on the bar, 0..1.
    """
    draw_ramp(sketch, right, y, palette(options.colormap), marks)


def draw_ramp(
    sketch: Sketch,
    right: float,
    y: float,
    colours: Bytes,
    marks: dict[float, str],
    wide: float = BAR_WIDTH,
) -> None:
    """A lying bar of 256 colours, ``(256, 3)``, with words by their place on it, 0..1."""
    medium = sketch.medium
    count = 256 if medium.resolution is None else round(wide * medium.resolution)
    steps = RAMP[:, np.arange(count) * 256 // count]
    left = medium.snap(right - wide)
    sketch.picture(left, medium.snap(y), (wide / count, BAR_HEIGHT), steps, colours)
    for place, words in marks.items():
        anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
        sketch.label(left + place * wide, y + BAR_HEIGHT + 7, words, TINY, anchor)


def bar_marks(tiles: Tiles, options: PictureOptions) -> dict[float, str]:
    """What the ends (and the centre) of a layer's colour bar mean."""
    if tiles.low is not None and tiles.high is not None:
        return {0.0: number(tiles.low), 1.0: number(tiles.high)}
    if options.normalise == "standardise":
        low, high = ((edge - options.centre) / options.contrast for edge in (0, 255))
        marks = {0.0: _deviations(low), 1.0: _deviations(high)}
        place = options.centre / 255
        return {**marks, place: "mean"} if 0.35 < place < 0.65 else marks
    return {0.0: "least of each map", 1.0: "greatest"}


def _deviations(amount: float) -> str:
    """So many standard deviations from the mean."""
    return f"mean {DASH if amount < 0 else '+'} {abs(amount):.2g} std"


def constant(value: float) -> str:
    """The value of a dead map in words."""
    return f"= {number(value)}"


def mark_dead(
    sketch: Sketch, x: float, y: float, wide: float, tall: float, value: float, style: Style
) -> None:
    """Covers a tile as dead: flat grey, a cross, the word, the value."""
    mark_flat(sketch, x, y, wide, tall, ("dead", constant(value)), style)


def mark_flat(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    tall: float,
    words: tuple[str, ...],
    style: Style,
) -> None:
    """Covers a tile that has nothing in it: flat grey, a cross, and words for why."""
    edge = 0.0 if sketch.medium.resolution else 0.5
    sketch.box(x - edge, y - edge, wide + 2 * edge, tall + 2 * edge, DEAD_FILL)
    sketch.line((x, y), (x + wide, y + tall))
    sketch.line((x, y + tall), (x + wide, y))
    words_on(sketch, x, y, wide, tall, words, style, DEAD_FILL)


def mark_broken(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    tall: float,
    style: Style,
    *,
    words: tuple[str, ...] = ("not a", "number"),
) -> None:
    """Covers a tile whose values are not all numbers."""
    edge = 0.0 if sketch.medium.resolution else 0.5
    sketch.box(x - edge, y - edge, wide + 2 * edge, tall + 2 * edge, BROKEN_FILL)
    sketch.line((x, y), (x + wide, y + tall), colour="#d9b3a6")
    words_on(sketch, x, y, wide, tall, words, style.but(colour=BROKEN_INK), BROKEN_FILL)


def words_on(
    sketch: Sketch,
    x: float,
    y: float,
    wide: float,
    tall: float,
    words: tuple[str, ...],
    style: Style,
    fill: str,
) -> None:
    """Words in the middle of a tile, on a plain ground; none if they do not fit."""
    step = style.size * 1.15
    needed = max(sketch.measure(word, style) for word in words)
    if needed > wide - 1 or step > tall:
        return
    if step * len(words) > tall - 1:
        words = words[:1]
    block = step * len(words)
    top = y + (tall - block) / 2
    sketch.box(x + (wide - needed) / 2 - 1, top - 0.5, needed + 2, block + 1, fill)
    for line, word in enumerate(words):
        sketch.label(x + wide / 2, top + step * (line + 0.82), word, style)


def part_slices(sketch: Sketch, x: float, y: float, wide: float, tall: float, tiles: Tiles) -> None:
    """White between the depth slices of a tile, and over the places that are left over."""
    rows, columns = tiles.slices
    for row in range(1, rows):
        place = y + tall * row / rows
        sketch.line((x, place), (x + wide, place), colour=WHITE)
    for column in range(1, columns):
        place = x + wide * column / columns
        sketch.line((place, y), (place, y + tall), colour=WHITE)
    used = tiles.depth - (rows - 1) * columns
    if used < columns:
        left, top = x + wide * used / columns, y + tall * (rows - 1) / rows
        sketch.box(left, top, x + wide - left + 0.5, tall / rows + 0.5, WHITE)


def nice_ticks(length: int, at_most: int) -> list[int]:
    """Round positions in ``0..length - 1``.

    >>> nice_ticks(148, 6)
    [0, 50, 100]
    >>> nice_ticks(7, 8)
    [0, 1, 2, 3, 4, 5, 6]
    """
    step = 1
    for factor in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 10**5, 10**6):
        step = factor
        if (length - 1) // factor < at_most:
            break
    return list(range(0, length, step))


def draw_ticks_below(
    sketch: Sketch, x: float, y: float, pixel: float, length: int, title: str = ""
) -> None:
    """An axis of pixel numbers under a picture."""
    label = TINY
    for tick in nice_ticks(length, max(2, int(length * pixel / 28))):
        middle = x + (tick + 0.5) * pixel
        sketch.line((middle, y), (middle, y + 2.5), colour=FAINT)
        sketch.label(middle, y + 9, str(tick), label)
    if title:
        sketch.label(x + length * pixel, y + 17, title, label, "end")


def draw_ticks_left(
    sketch: Sketch,
    x: float,
    y: float,
    pixel: float,
    numbers: tuple[int, ...] | range,
    *,
    apart: float = 9.0,
) -> None:
    """An axis of numbers to the left of a picture's rows, at least ``apart`` points apart."""
    label = TINY
    fitting = max(2, int(len(numbers) * pixel / apart))
    for tick in nice_ticks(len(numbers), fitting):
        middle = y + (tick + 0.5) * pixel
        sketch.line((x - 2.5, middle), (x, middle), colour=FAINT)
        sketch.label(x - 4, middle + 1.9, str(numbers[tick]), label, "end")
