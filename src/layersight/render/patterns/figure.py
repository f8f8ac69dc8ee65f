"""Patterns as a Matplotlib figure.

The rule of this module: that of ``layersight.render.figure``: no pyplot, nothing left behind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layersight.errors import SelectionError
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import LayerPatterns, by_layer, facets_beside, only
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import (
    aim,
    amount,
    captions,
    empty_mark,
    ending,
    full_name,
    kept,
    kind_of,
    layer_facts,
    reached,
    short_name,
    tile_key,
)
from layersight.render.figure import GREY, QUIET, WORDS, changed, plain, step
from layersight.render.patterns.grid import share_row
from layersight.writers.page import Bytes
from layersight.writers.pixels import mosaic
from layersight.writers.sketch import ACCENT

WIDTH = 10.0
UNDER = {False: 0.3, True: 0.42}
"""Room for words under a tile, as a share of its width, by whether images are compared."""


def plot(
    result: Patterns,
    options: GalleryOptions | None = None,
    *,
    layer: str | None = None,
    channel: int | None = None,
    **changes: Any,
) -> Figure:
    """Patterns as a Matplotlib figure.

    Args:
        result: The patterns.
        options: How they are laid out.
        layer: Only this layer.
        channel: Only this channel.
        changes: Single options, such as ``columns=4`` or ``view="pattern"``.

    Returns:
        A figure that ``pyplot`` does not know of: the view ``"pattern"`` shows the first
        pattern with its ascent, any other view a grid for each layer.

    Raises:
        SelectionError: There is no such layer or channel.
        UsageError: There is no such option.
    """
    chosen = changed(options or GalleryOptions(), changes)
    places = [
        place
        for place, objective in enumerate(result)
        if layer in (None, objective.layer) and channel in (None, objective.channel)
    ]
    if not places:
        raise SelectionError(
            f"no pattern of layer {layer or 'any'}, channel {'any' if channel is None else channel}"
            f" here: there are {', '.join(dict.fromkeys(result.layers)) or 'none'}"
        )
    shown = only(result, places)
    alone = chosen.view == "pattern" or (chosen.view is None and len(shown) == 1)
    figure = _single(shown) if alone else _grid(shown, chosen)
    key = () if alone else (tile_key(shown, coloured=False),)
    lines = (*key, *captions(shown)[1:])
    figure.supxlabel(plain("\n".join(lines)), fontsize=6.5, color=QUIET)
    return figure


def _grid(result: Patterns, options: GalleryOptions) -> Figure:
    """All patterns of each layer, one axes for a layer."""
    groups = by_layer(result)
    sheets = [_sheet(group, _columns(group, options)) for group in groups]
    heights = [(WIDTH - 1) * sheet.shape[0] / sheet.shape[1] for sheet in sheets]
    size = (WIDTH, sum(heights) + 0.6 * len(groups) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for one, group, sheet in zip(axes, groups, sheets, strict=True):
        one.imshow(sheet, interpolation="nearest")
        one.set_axis_off()
        title = f"{group.name}  {kind_of(group.layer)}\n{layer_facts(group)}"
        one.set_title(title, loc="left", fontsize=8, parse_math=False)
        _words(one, group, _columns(group, options))
    return figure


def _gap(result: Patterns) -> tuple[int, int]:
    """Pixels under and beside a tile."""
    width = int(result.images.shape[2])
    return max(1, math.ceil(width * UNDER[result.natural is not None])), max(1, round(width / 12))


def _columns(group: LayerPatterns, options: GalleryOptions) -> int:
    """Tiles in a row; facets of one channel are not parted."""
    return share_row(options.columns, facets_beside(group.result, group.places))[1]


def _sheet(group: LayerPatterns, columns: int) -> Bytes:
    """The tiles of a layer in white, grey without a picture. A row is as wide as a full one."""
    images = group.result.images[list(group.places)].copy()
    images[group.result.empty[list(group.places)]] = step(GREY)
    gap = _gap(group.result)
    parts = [mosaic(images[..., colour], columns=columns, gap=gap, fill=255) for colour in range(3)]
    sheet = np.stack(parts, -1)
    wide = min(columns, max(len(images), 4)) * (images.shape[2] + gap[1])
    return np.pad(sheet, ((0, 0), (0, max(0, wide - sheet.shape[1])), (0, 0)), constant_values=255)


def _words(one: Axes, group: LayerPatterns, columns: int) -> None:
    """What stands under each tile."""
    result = group.result
    height, width = result.images.shape[1:3]
    gap = _gap(result)
    columns = min(columns, len(group.places))
    style: dict[str, Any] = {"fontsize": 6.5, "va": "top", "parse_math": False}
    for number, place in enumerate(group.places):
        row, column = divmod(number, columns)
        x, y = column * (width + gap[1]) - 0.5, row * (height + gap[0]) + height + gap[0] * 0.08
        objective = result.objectives[place]
        name = f"facet {objective.facet}" if objective.facet else short_name(result, place)
        one.text(x, y, name, fontweight="bold", **style)
        if mark := empty_mark(result, place):
            middle = x + width / 2, y - height / 2
            words = f"{mark}\n= {amount(float(result.activation[place]))}"
            one.annotate(words, middle, **WORDS)
            continue
        told = f"{reached(result, place)}\n{kept(result, place)} kept"
        if not result.converged[place]:
            told = told.replace("\n", " \N{NORTH EAST ARROW}\n", 1)
        if result.natural is not None:
            told += f"\nimages {amount(float(result.natural[place, 2]))}"
        one.text(x + width, y, told, ha="right", color=QUIET, **style)


def _single(result: Patterns) -> Figure:
    """The first pattern, large, and its ascent."""
    height, width = result.images.shape[1:3]
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(max(1.0, min(2.0, width / height)), 1))
    picture = result.images[0]
    if mark := empty_mark(result, 0):
        picture = np.broadcast_to(step(GREY), picture.shape)
        words = f"{mark}\n= {amount(float(result.activation[0]))}"
        left.annotate(words, ((width - 1) / 2, (height - 1) / 2), **WORDS | {"fontsize": 9})
    left.imshow(picture, interpolation="nearest")
    left.set_axis_off()
    title = f"{full_name(result, 0)}\nmaximises {aim(result.objectives[0])}"
    left.set_title(title, loc="left", fontsize=8, parse_math=False)
    _ascent(right, result)
    return figure


def _ascent(one: Axes, result: Patterns) -> None:
    history = result.history[0][np.isfinite(result.history[0])]
    one.plot(np.arange(len(history)), history, color=ACCENT, linewidth=1.2)
    one.plot([len(history)], [result.activation[0]], "s", color=ACCENT, markersize=4)
    if result.natural is not None:
        _marks(one, result.natural[0].tolist())
    one.set_ylim(bottom=min(0.0, one.get_ylim()[0]))
    one.tick_params(labelsize=7)
    one.set_xlabel("steps", fontsize=7)
    facts = f"reached {reached(result, 0)}, {kept(result, 0)} kept\n{ending(result, 0)}"
    one.set_title(facts, loc="left", fontsize=8)


def _marks(one: Axes, marks: Sequence[float]) -> None:
    """What natural images reach."""
    for value, words in zip(
        marks, ("median image", "99% of images", "strongest image"), strict=True
    ):
        one.axhline(value, color=QUIET, linewidth=0.6, linestyle="--")
        place = (0.01, value)
        one.annotate(words, place, xycoords=("axes fraction", "data"), fontsize=6, color=QUIET)
