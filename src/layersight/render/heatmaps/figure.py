"""Heatmaps as a Matplotlib figure.

The rule of this module: that of ``layersight.render.figure``: no pyplot, nothing left behind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from layersight.errors import SelectionError
from layersight.nouns.heatmaps.groups import by_image, only
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import reduced
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import (
    DOT,
    EMPTY,
    captions,
    layer_words,
    method_title,
    score_words,
    size_words,
    target_name,
    warnings_of,
)
from layersight.render.figure import GREY, QUIET, WORDS, changed, plain, step
from layersight.render.heatmaps.tile import HeatTile, make_tile, photograph_pixels
from layersight.writers.page import Bytes

WIDTH = 10.0
BAR, GAP = 0.07, 0.06
"""Inches that a colour bar is tall, and that it lies under its picture."""
SIDE = 1024
"""Pixels along the longest side of a picture."""


def plot(
    result: Heatmaps,
    options: HeatOptions | None = None,
    *,
    image: int | None = None,
    method: str | None = None,
    **changes: Any,
) -> Figure:
    """Heatmaps as a Matplotlib figure.

    Args:
        result: The heatmaps.
        options: How they look.
        image: Only of this image, from 0.
        method: Only by this method.
        changes: Single options, such as ``columns=3``, ``colormap="magma"`` or
            ``view="single"``.

    Returns:
        A figure that ``pyplot`` does not know of: of a single map, or for the view
        ``"single"`` of the first, the photograph, the heat and both together; else the
        photograph of each image and the heat over it for every map, each with its scale.

    Raises:
        SelectionError: There is no such image or method.
        UsageError: There is no such option.
    """
    chosen = changed(options or HeatOptions(), changes)
    places = [
        place
        for place, entry in enumerate(result)
        if image in (None, entry.image) and method in (None, entry.method)
    ]
    if not places:
        raise SelectionError(
            f"no heatmap of image {'any' if image is None else image} by {method or 'any method'} "
            f"here: there are {len(result.images)} image(s), by {', '.join(result.methods)}"
        )
    alone = chosen.view == "single" or (chosen.view is None and len(places) == 1)
    shown = only(result, places[:1] if alone else places)
    figure = _single(shown, chosen) if alone else _grid(shown, chosen)
    lines = (*warnings_of(shown, shown.maps), *captions(shown, chosen))
    figure.supxlabel(plain("\n".join(lines)), fontsize=6.5, color=QUIET)
    return figure


def _tile(result: Heatmaps, place: int, options: HeatOptions) -> HeatTile:
    photograph = reduced(result.photographs[result.maps[place].image], (SIDE, SIDE))
    return make_tile(result, place, photograph, options)


def _single(result: Heatmaps, options: HeatOptions) -> Figure:
    """The photograph, the heat, and both together."""
    tile = _tile(result, 0, options)
    pixels = photograph_pixels(tile.photograph)
    share = pixels.shape[0] / pixels.shape[1]
    figure = Figure(figsize=(WIDTH, min(12.0, 3.1 * share + 1.6)), layout="constrained")
    axes = figure.subplots(1, 3)
    entry = result.maps[0]
    name = result.images[0].name
    _show(axes[0], pixels, f"{name}\nphotograph")
    explained = f"{target_name(result, entry)}\n{score_words(result, entry)}"
    _show(axes[1], _heat(tile, axes[1]), explained)
    parts = (layer_words(entry), size_words(entry, smooth=options.smooth))
    made = DOT.join(part for part in parts if part)
    _show(axes[2], tile.overlay(), f"{method_title(result, entry)}\n{made}")
    _bar(figure, axes[1], tile, WIDTH / 3 * share)
    return figure


def _heat(tile: HeatTile, one: Axes) -> Bytes:
    """The heat alone in RGB; a map of zeros is flat, with words on it."""
    height, width = tile.photograph.pixels.shape[:2]
    if not (tile.empty or tile.broken):
        return tile.scale.colours[tile.steps()]
    words = "not a number" if tile.broken else EMPTY
    one.annotate(words, ((width - 1) / 2, (height - 1) / 2), **WORDS | {"fontsize": 8})
    return np.broadcast_to(step(GREY), (height, width, 3))


def _grid(result: Heatmaps, options: HeatOptions) -> Figure:
    """For each image its photograph and the heat over it, map by map."""
    groups = by_image(result)
    columns = min(options.columns, 1 + max(len(group.places) for group in groups))
    rows = [math.ceil((1 + len(group.places)) / columns) for group in groups]
    shares = [_share(group.photograph.pixels) for group in groups]
    wide = WIDTH / columns
    heights = [
        wide * share + 0.75 for share, count in zip(shares, rows, strict=True) for _ in range(count)
    ]
    figure = Figure(figsize=(WIDTH, sum(heights) + 1.0), layout="constrained")
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    for one in grid.ravel():
        one.set_axis_off()
    start = 0
    for group, count, share in zip(groups, rows, shares, strict=True):
        axes: Sequence[Axes] = grid[start : start + count].ravel().tolist()
        start += count
        photograph = reduced(group.photograph, (SIDE, SIDE))
        _show(axes[0], photograph_pixels(photograph), f"{group.name}\nphotograph")
        for one, place in zip(axes[1:], group.places, strict=False):
            entry = result.maps[place]
            tile = _tile(result, place, options)
            told = f"{method_title(result, entry)}, {target_name(result, entry)}\n"
            told += EMPTY if tile.empty else score_words(result, entry)
            _show(one, tile.overlay(), told)
            _bar(figure, one, tile, wide * share)
    return figure


def _share(pixels: Bytes) -> float:
    return float(min(2.0, pixels.shape[0] / pixels.shape[1]))


def _show(one: Axes, pixels: Bytes, words: str) -> None:
    one.imshow(pixels, interpolation="antialiased")
    one.set_axis_off()
    one.set_anchor("N")
    one.set_title(words, loc="left", fontsize=7.5, parse_math=False)


def _bar(figure: Figure, one: Axes, tile: HeatTile, tall: float) -> None:
    """The colours with the values of their ends, under a picture of ``tall`` inches."""
    if tile.empty or tile.broken:
        return
    low, high = tile.scale.low, tile.scale.high
    colours = ListedColormap(tile.scale.ramp() / 255.0)
    mapped = ScalarMappable(Normalize(low, high), colours)
    place = one.inset_axes((0.0, -(GAP + BAR) / tall, 1.0, BAR / tall))
    bar = figure.colorbar(mapped, cax=place, orientation="horizontal")
    bar.outline.set_visible(False)
    span = high - low
    marks = {low + share * span: words for share, words in tile.scale.marks().items()}
    bar.set_ticks(list(marks), labels=list(marks.values()))
    bar.ax.tick_params(labelsize=6, length=2)
    labels = bar.ax.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
