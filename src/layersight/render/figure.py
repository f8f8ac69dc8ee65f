"""Activations as a Matplotlib figure.

The rule of this module: it alone imports Matplotlib, and it makes figures without pyplot, so
that nothing is left behind and no window opens.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from layersight.document.colour import palette
from layersight.errors import SelectionError, UsageError
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.patterns.options import GalleryOptions
from layersight.render.channel import limits, linear_options
from layersight.render.legend import bar_marks, constant
from layersight.render.wording import captions, layer_facts, real_size
from layersight.writers.fonts import clean
from layersight.writers.page import Bytes
from layersight.writers.pixels import mosaic

OptionsT = TypeVar("OptionsT", PictureOptions, GalleryOptions, KernelOptions, HeatOptions)

WIDTH = 10.0
QUIET = "#5c6166"
GREY = (0.925, 0.933, 0.937)
RED = (0.969, 0.902, 0.878)
WORDS: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6, "color": QUIET}


def plot(
    result: Activations,
    options: PictureOptions | None = None,
    *,
    image: int = 0,
    layer: str | None = None,
    channel: int | None = None,
    **changes: Any,
) -> Figure:
    """Feature maps as a Matplotlib figure.

    Args:
        result: The feature maps.
        options: How values become colours. Its view counts only if it is asked for in
            ``changes``: a layer and a channel give one map, a channel alone is drawn through
            all layers, anything else is the grid.
        image: Which image, from 0.
        layer: Only this layer.
        channel: Only this channel.
        changes: Single options, such as ``columns=4`` or ``normalise="minmax"``.

    Returns:
        A figure that ``pyplot`` does not know of.

    Raises:
        SelectionError: There is no such image, layer or channel.
        UsageError: There is no such option.
    """
    options = changed(options or PictureOptions(), changes)
    if not 0 <= image < len(result.images):
        raise SelectionError(f"no image {image}: the result holds {len(result.images)}")
    layers = [result.layer(layer)] if layer is not None else list(result.layers)
    view = changes.get("view")
    if view in (None, "sheet"):
        view = "grid" if channel is None else "across" if layer is None else "channel"
    figure = PLOTS[view](layers, options, image, channel)
    shown = linear_options(options) if view == "channel" else options
    figure.supxlabel(plain("\n".join(captions(result, shown, image))), fontsize=6.5, color=QUIET)
    return figure


def changed(options: OptionsT, changes: dict[str, Any]) -> OptionsT:
    """The options with some of them changed.

    Raises:
        UsageError: There is no such option.
    """
    known = {entry.name for entry in dataclasses.fields(options)}
    for name in changes:
        if name not in known:
            raise UsageError(
                f"no option '{name}' of a picture: expected {', '.join(sorted(known))}"
            )
    return dataclasses.replace(options, **changes)


def plain(text: str) -> str:
    """Text that does not start mathematics."""
    return clean(text).replace("$", r"\$") if "\n" not in text else text.replace("$", r"\$")


def _grid(
    layers: Sequence[LayerActivation], options: PictureOptions, image: int, channel: int | None
) -> Figure:
    """All channels of each layer, one axes for a layer."""
    made = [make_tiles(entry, image, options) for entry in layers]
    sheets = [_sheet(tiles, options) for tiles in made]
    heights = [_height(picture, gap is not None) for picture, gap in sheets]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.8 * len(layers) + 0.8), layout="constrained")
    axes = figure.subplots(len(layers), 1, squeeze=False, height_ratios=heights)[:, 0]
    for one, entry, tiles, (picture, gap) in zip(axes, layers, made, sheets, strict=True):
        one.imshow(picture, interpolation="nearest", aspect="equal" if gap else "auto")
        _title(one, f"{entry.name}  {entry.layer.type}  {real_size(entry)}")
        one.set_xlabel(plain(layer_facts(entry, tiles, image)), fontsize=7, color=QUIET)
        one.set_xticks([])
        for side in one.spines.values():
            side.set_visible(False)
        _row_numbers(one, tiles, options, gap)
        _bar(figure, one, options, bar_marks(tiles, options))
    return figure


def _height(picture: Bytes, square: bool) -> float:
    """Of a layer's axes, in inches; rows and units have no aspect ratio to keep."""
    rows, width = int(picture.shape[0]), int(picture.shape[1])
    height = (WIDTH - 1) * rows / width if square else 0.14 * rows
    return min(max(height, 0.4), 14.0 if square else 5.0)


def _sheet(tiles: Tiles, options: PictureOptions) -> tuple[Bytes, tuple[int, int] | None]:
    """A layer's picture in RGB, and the gaps between its tiles."""
    colours = palette(options.colormap)
    if tiles.form != "tiles":
        picture = colours[tiles.pixels[0]]
        if tiles.form == "rows":
            picture[tiles.dead], picture[tiles.broken] = step(GREY), step(RED)
        elif tiles.low == tiles.high:
            picture[:] = step(GREY)
        return picture, None
    count, height, width = tiles.pixels.shape
    gap = (max(1, round(width / 9)),) * 2
    picture = colours[mosaic(tiles.pixels, columns=options.columns, gap=gap)]
    every = np.ones((count, height, width), np.uint8)
    kinds = np.where(tiles.broken, 3, np.where(tiles.dead, 2, 1)).astype(np.uint8)
    kind = mosaic(every * kinds[:, None, None], columns=options.columns, gap=gap)
    for number, colour in ((0, (1.0, 1.0, 1.0)), (2, GREY), (3, RED)):
        picture[kind == number] = step(colour)
    return picture, (gap[0], gap[1])


def step(colour: tuple[float, float, float]) -> Bytes:
    """A colour as three bytes."""
    return np.round(np.array(colour) * 255).astype(np.uint8)


def _row_numbers(
    one: Axes, tiles: Tiles, options: PictureOptions, gap: tuple[int, int] | None
) -> None:
    """The number of each row's first channel, and the words on dead tiles."""
    if gap is None:
        rows, width = tiles.pixels.shape[1:]
        step = 1 if tiles.form == "rows" else width
        places = range(0, rows, max(1, math.ceil(rows / 20)))
        one.set_yticks(list(places), [str(tiles.channels[row * step]) for row in places])
        one.tick_params(labelsize=6, length=0)
        if tiles.form == "rows":
            for row in np.flatnonzero(tiles.dead).tolist():
                text = f"dead {constant(float(tiles.constants[row]))}"
                one.annotate(text, ((width - 1) / 2, row), **WORDS)
        return
    count, height, width = tiles.pixels.shape
    columns = min(options.columns, count)
    tall, wide = height + gap[0], width + gap[1]
    starts = range(0, count, columns)
    one.set_yticks(
        [place // columns * tall + height / 2 for place in starts],
        [str(tiles.channels[place]) for place in starts],
    )
    one.tick_params(labelsize=6, length=0)
    for place in np.flatnonzero(tiles.dead | tiles.broken).tolist():
        row, column = divmod(place, columns)
        middle = column * wide + (width - 1) / 2, row * tall + (height - 1) / 2
        text = "dead" if tiles.dead[place] else "not a\nnumber"
        one.annotate(text, middle, **WORDS)


def _across(
    layers: Sequence[LayerActivation], options: PictureOptions, image: int, channel: int | None
) -> Figure:
    """One channel number in every layer that has it."""
    layers = [entry for entry in layers if entry.has_maps]
    numbers = sorted({number for entry in layers for number in entry.channels})
    if not numbers:
        raise SelectionError("no layer here has feature maps, so no channel runs across layers")
    number = numbers[0] if channel is None else channel
    layers = [entry for entry in layers if number in entry.channels]
    if not layers:
        raise SelectionError(f"no layer here has a channel {number}: the last is {numbers[-1]}")
    columns = min(4, len(layers))
    rows = math.ceil(len(layers) / columns)
    figure = Figure(figsize=(WIDTH, 2.9 * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for one in axes[len(layers) :]:
        one.set_axis_off()
    for one, entry in zip(axes, layers, strict=False):
        tiles = make_tiles(entry, image, options, only=(entry.channels.index(number),))
        _map(one, tiles, options)
        one.set_xticks([])
        one.set_yticks([])
        _title(one, f"{entry.name}\n{real_size(entry)}")
    marks = bar_marks(tiles, options)
    if options.normalise == "layer":
        marks = {0.0: "least of the layer", 1.0: "greatest"}
    _bar(figure, axes.tolist(), options, marks)
    figure.suptitle(f"Channel {number}", x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _channel(
    layers: Sequence[LayerActivation], options: PictureOptions, image: int, channel: int | None
) -> Figure:
    """One map with its pixels' numbers and its real values."""
    layers = [entry for entry in layers if entry.has_maps]
    if not layers:
        raise SelectionError("no layer here has feature maps, so there is no channel to draw")
    entry = layers[0]
    number = entry.channels[0] if channel is None else channel
    if number not in entry.channels:
        raise SelectionError(
            f"no channel {number} of layer '{entry.name}' here: it holds "
            f"{entry.channels[0]} to {entry.channels[-1]}"
        )
    options = linear_options(options)
    position = entry.channels.index(number)
    tiles = make_tiles(entry, image, options, only=(position,))
    figure = Figure(figsize=(7, 6.6), layout="constrained")
    one = figure.add_subplot()
    _map(one, tiles, options)
    one.tick_params(labelsize=7)
    _title(one, f"{entry.name}, channel {number}  {entry.layer.type}  {real_size(entry)}")
    if not (tiles.dead[0] or tiles.broken[0]):
        low, high = limits(entry, position, image, tiles)
        colours = ListedColormap(palette(options.colormap) / 255.0)
        bar = figure.colorbar(ScalarMappable(Normalize(low, high), colours), ax=one, shrink=0.85)
        bar.ax.tick_params(labelsize=7)
    return figure


def _map(one: Axes, tiles: Tiles, options: PictureOptions) -> None:
    """One map in its own pixels, or the mark of a dead one."""
    pixels = tiles.pixels[0]
    picture = palette(options.colormap)[pixels]
    if tiles.dead[0] or tiles.broken[0]:
        colour = GREY if tiles.dead[0] else RED
        picture = np.broadcast_to(step(colour), picture.shape)
        height, width = pixels.shape
        text = f"dead\n{constant(float(tiles.constants[0]))}" if tiles.dead[0] else "not a number"
        one.annotate(text, ((width - 1) / 2, (height - 1) / 2), **WORDS | {"fontsize": 9})
    flat = pixels.shape[0] == 1
    one.imshow(picture, interpolation="nearest", aspect="auto" if flat else "equal")
    if flat:
        one.set_yticks([])


def _title(one: Axes, text: str) -> None:
    one.set_title(
        clean(text) if "\n" not in text else text, loc="left", fontsize=8, parse_math=False
    )


def _bar(figure: Figure, axes: Any, options: PictureOptions, marks: dict[float, str]) -> None:
    """A colour bar whose ticks are words."""
    colours = ListedColormap(palette(options.colormap) / 255.0)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), colours), ax=axes, shrink=0.8, aspect=30, pad=0.01
    )
    bar.set_ticks(list(marks), labels=list(marks.values()))
    bar.ax.tick_params(labelsize=6, length=2)


PLOTS: dict[str, Callable[[Sequence[LayerActivation], PictureOptions, int, int | None], Figure]] = {
    "grid": _grid,
    "across": _across,
    "channel": _channel,
}
"""What draws each view."""
