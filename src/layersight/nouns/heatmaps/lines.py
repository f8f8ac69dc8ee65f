"""Heat along signals, as a coloured curve, and of vectors, as bars.

The rule of this module: every position has the colour of its heat; a map of zeros is labelled as
one and has no colour.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.document.blocks import Block, Bytes, Cell, Column, Curve, Note, Series, Table
from layersight.document.image import MOST_CHANNELS, thinned
from layersight.document.words import number, plural
from layersight.nouns.heatmaps.colours import HeatScale, colour_bar, heat_scale
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps
from layersight.nouns.heatmaps.wording import NO_EVIDENCE, map_name

TALL, LOW = 90.0, 46.0  # points of a plot by itself, and of one among others
MOST_UNITS = 12  # units of a vector at most that are listed or named, by the strongest heat


def heat_blocks(
    result: Heatmaps,
    index: int,
    options: HeatOptions,
    *,
    title: str = "",
    lead: str = "",
    tall: float = LOW,
    wide: float | None = None,
) -> list[Block]:
    """A map as a curve for each channel of its signal, or as bars for the units of its vector."""
    entry = result.maps[index]
    image = result.images[entry.image]
    scale = heat_scale(result, index, options)
    empty = entry.empty or scale.most == 0
    heat = entry.heat
    if image.values.ndim == 1:
        names = image.names if 0 < len(image.names) <= MOST_UNITS else ()
        bars = Series(heat, style="bars", colours=_colours(scale, heat, empty=empty))
        curves = [Curve((bars,), x_title="unit; height and colour: heat", x_names=names)]
    else:
        curves = _channels(image, heat, scale, empty=empty)
    blocks: list[Block] = []
    for curve in curves:
        last = curve is curves[-1]
        blocks.append(
            dataclasses.replace(
                curve,
                title=title if curve is curves[0] else "",
                lead=lead if curve is curves[0] else "",
                tall=tall if len(curves) == 1 else LOW * 0.7,
                wide=wide,
                x_title=curve.x_title if last else "",
                lines=(NO_EVIDENCE,) if last and empty else (),
                scale=colour_bar(scale) if last and not empty else None,
                name=map_name(result, entry),
            )
        )
    more = image.values.shape[-1] - len(curves) if image.values.ndim == 2 else 0
    if more:
        words = f"{plural(more, 'more channel')} of the signal not drawn; heat is of all"
        blocks.append(Note((words,), tone="quiet"))
    return blocks


def _channels(image: InputImage, heat: FloatArray, scale: HeatScale, *, empty: bool) -> list[Curve]:
    """A curve for each channel of a signal, in the colours of the heat of its positions."""
    length, channels = image.values.shape
    curves = []
    for channel in range(min(channels, MOST_CHANNELS)):
        x, y, strength = thinned(image.values[:, channel], heat)
        name = image.names[channel] if channel < len(image.names) else f"channel {channel}"
        colours = None if strength is None else _colours(scale, strength, empty=empty)
        curves.append(
            Curve(
                (Series(y, x, style="thin" if empty else "plain", colours=colours),),
                x=(0.0, float(max(1, length - 1))),
                y=round_ends(y),
                x_title="position; colour: heat",
                y_title=name if channels > 1 else "",
            )
        )
    return curves


def round_ends(values: FloatArray) -> tuple[float, float]:
    """Round numbers below and above all values, for short labels beside a plot.

    >>> round_ends(np.array([-0.99, 0.98])), round_ends(np.array([3.0, 3.0]))
    ((-1.0, 1.0), (3.0, 4.0))
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low == high:
        return low, low + 1
    step = 10.0 ** math.floor(math.log10(high - low)) / 5
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _colours(scale: HeatScale, heat: FloatArray, *, empty: bool) -> Bytes | None:
    return None if empty else scale.colours[scale.steps(heat)]


def strongest_units(image: InputImage, entry: Heatmap) -> tuple[Table, ...]:
    """The units of a vector with the strongest heat."""
    if image.values.ndim != 1 or entry.empty:
        return ()
    heat = entry.heat
    order = np.argsort(-np.abs(heat), kind="stable")[:MOST_UNITS]
    named = bool(image.names)
    rows = tuple(
        (
            *((Cell(image.names[unit]),) if named else ()),
            Cell(str(unit), "quiet" if named else "plain"),
            Cell(number(float(image.values[unit]))),
            Cell(number(float(heat[unit]))),
        )
        for unit in order.tolist()
    )
    columns = (
        *((Column("name"),) if named else ()),
        Column("unit", "right"),
        Column("value", "right"),
        Column("heat", "right"),
    )
    more = len(heat) - len(rows)
    return (Table(columns, rows, "Strongest", f"and {plural(more, 'unit')} more" if more else ""),)
