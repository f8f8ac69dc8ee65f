"""Heat along signals, as a coloured curve, and of vectors, as bars.

The rule of this module: every position has the colour of its heat, and a map of zeros is told and
never a colour.
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

TALL, LOW = 90.0, 46.0  # points of a plot that stands alone, and of one among others
MOST_UNITS = 12  # so many of the units of a vector are listed or named, those of the strongest heat


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
    shown = result.images[entry.image]
    scale = heat_scale(result, index, options)
    empty = entry.empty or scale.most == 0
    heat = entry.above_neutral(entry.values)
    if shown.values.ndim == 1:
        few = shown.names if 0 < len(shown.names) <= MOST_UNITS else ()
        bars = Series(heat, style="bars", colours=_colours(scale, heat, empty=empty))
        drawn = [Curve((bars,), x_title="unit; height and colour: heat", x_names=few)]
    else:
        drawn = _channels(shown, heat, scale, empty=empty)
    made: list[Block] = []
    for place, curve in enumerate(drawn):
        last = place == len(drawn) - 1
        made.append(
            dataclasses.replace(
                curve,
                title="" if place else title,
                lead="" if place else lead,
                tall=tall if len(drawn) == 1 else LOW * 0.7,
                wide=wide,
                x_title=curve.x_title if last else "",
                lines=(NO_EVIDENCE,) if last and empty else (),
                scale=colour_bar(scale) if last and not empty else None,
                name=map_name(result, entry),
            )
        )
    more = shown.values.shape[-1] - len(drawn) if shown.values.ndim == 2 else 0
    if more:
        words = f"{plural(more, 'more channel')} of the signal not drawn; heat is of all"
        made.append(Note((words,), tone="quiet"))
    return made


def _channels(shown: InputImage, heat: FloatArray, scale: HeatScale, *, empty: bool) -> list[Curve]:
    """A curve for each channel of a signal, in the colours of the heat of its positions."""
    length, channels = shown.values.shape
    drawn = []
    for channel in range(min(channels, MOST_CHANNELS)):
        x, y, strength = thinned(shown.values[:, channel], heat)
        own = shown.names[channel] if channel < len(shown.names) else f"channel {channel}"
        inks = None if strength is None else _colours(scale, strength, empty=empty)
        drawn.append(
            Curve(
                (Series(y, x, style="thin" if empty else "plain", colours=inks),),
                x=(0.0, float(max(1, length - 1))),
                y=round_ends(y),
                x_title="position; colour: heat",
                y_title=own if channels > 1 else "",
            )
        )
    return drawn


def round_ends(values: FloatArray) -> tuple[float, float]:
    """Round numbers below and above all values, so that those beside a plot are short.

    >>> round_ends(np.array([-0.99, 0.98])), round_ends(np.array([3.0, 3.0]))
    ((-1.0, 1.0), (3.0, 4.0))
    """
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if low == high:
        return low, low + 1
    step = 10.0 ** math.floor(math.log10(high - low)) / 5
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _colours(scale: HeatScale, heat: FloatArray, *, empty: bool) -> Bytes | None:
    return None if empty else scale.colours[scale.steps(heat)]


def strongest_units(shown: InputImage, entry: Heatmap) -> tuple[Table, ...]:
    """The units of a vector with the strongest heat."""
    if shown.values.ndim != 1 or entry.empty:
        return ()
    heat = entry.heat
    order = np.argsort(-np.abs(heat), kind="stable")[:MOST_UNITS]
    named = bool(shown.names)
    rows = tuple(
        (
            *((Cell(shown.names[unit]),) if named else ()),
            Cell(str(unit), "quiet" if named else "plain"),
            Cell(number(float(shown.values[unit]))),
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
