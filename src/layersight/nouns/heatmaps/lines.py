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
from layersight.document.blocks import (
    Block,
    Bytes,
    Cell,
    Column,
    Curve,
    Note,
    Section,
    Series,
    Table,
)
from layersight.document.image import MOST_CHANNELS, input_block, thinned
from layersight.document.words import DOT, number, plural
from layersight.nouns.heatmaps.colours import HeatScale, bar_of, scale_of
from layersight.nouns.heatmaps.groups import ImageMaps
from layersight.nouns.heatmaps.measured import measured, measures_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps
from layersight.nouns.heatmaps.wording import (
    EMPTY,
    around,
    facts,
    layer_words,
    method_title,
    notes_below,
    predicted,
    remarks,
    score_words,
    size_words,
    target_name,
)

TALL, LOW = 90.0, 46.0
"""Points of a plot that stands alone, and of one among others."""
MOST_UNITS = 12
"""So many of the units of a vector are listed or named, those of the strongest heat."""


def sections_of(group: ImageMaps, options: HeatOptions, view: str, *, bare: bool) -> list[Section]:
    """The maps of a signal or vector in a view; ``bare`` where it has been drawn before them."""
    if view in ("single", "overlay"):
        return [_single(group, index, options, bare=bare) for index in group.indices]
    chosen = [group.of_method(method) for method in group.methods]
    parts = chosen if view == "row" else [group.indices]
    return [*(_several(group, part, options, bare=bare) for part in parts), *measured(group)]


def _single(group: ImageMaps, index: int, options: HeatOptions, *, bare: bool) -> Section:
    result, entry = group.result, group.result.maps[index]
    alone = ImageMaps(result, group.image, (index,))
    hottest = describe_peak(result, index)
    lines = [f"Hottest at {hottest}." if hottest else ""]
    lines += remarks(alone) if bare else [predicted(group), *around(group), *remarks(alone)]
    return Section(
        target_name(result, entry),
        (
            *heat_blocks(result, index, options, tall=TALL),
            *_strongest(group.shown, entry),
            *notes_below(group, (entry,), lines),
            *measures_of(entry),
        ),
        kind=method_title(result, entry) + ("" if bare else f" of {group.name}"),
        facts=facts(result, entry, options),
        anchor=f"heat:{index}",
    )


def _several(
    group: ImageMaps, indices: tuple[int, ...], options: HeatOptions, *, bare: bool
) -> Section:
    """Maps under each other, so that their positions can be compared."""
    result = group.result
    entries = [result.maps[index] for index in indices]
    part = ImageMaps(result, group.image, indices)
    blocks: list[Block] = [] if bare else [input_block(group.shown)]
    for index, entry in zip(indices, entries, strict=True):
        words = [method_title(result, entry)] if len(part.methods) > 1 else []
        words += [target_name(result, entry)] if len(part.targets) > 1 else []
        title = DOT.join(words or [target_name(result, entry)])
        lead = score_words(result, entry) if len(part.targets) > 1 else ""
        blocks += heat_blocks(result, index, options, title=title, lead=lead)
    lines = remarks(part) if bare else [predicted(group), *around(group), *remarks(part)]
    several = plural(len(part.methods), "method"), plural(len(part.targets), "target")
    kind = DOT.join(
        several[place] if len(each) > 1 else name
        for place, (each, name) in enumerate(
            (
                (part.methods, method_title(result, entries[0])),
                (part.targets, target_name(result, entries[0])),
            )
        )
    )
    for place, block in enumerate(blocks[:-1]):
        if isinstance(block, Curve) and isinstance(blocks[place + 1], Curve):
            blocks[place] = dataclasses.replace(block, x_title="")
    made = [score_words(result, entries[0])] if len(part.targets) == 1 else []
    if len(part.methods) == 1:
        made += [layer_words(entries[0]), size_words(entries[0], smooth=options.smooth)]
    return Section(
        "Heatmaps" if bare else group.name,
        (*blocks, *notes_below(group, entries, lines)),
        kind=kind,
        facts=DOT.join(filter(None, made)),
        anchor=f"heat:{indices[0]}",
    )


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
    scale = scale_of(result, index, options)
    empty = entry.empty or scale.most == 0
    name = f"{method_title(result, entry)} of {target_name(result, entry)} on {shown.name}"
    heat = entry.above_ground(entry.values)
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
                lines=(EMPTY,) if last and empty else (),
                scale=bar_of(scale) if last and not empty else None,
                name=name,
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


def _strongest(shown: InputImage, entry: Heatmap) -> tuple[Table, ...]:
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
