"""All feature maps of a layer, as a section of a document.

The rule of this module: a layer has its name, its real size and its scale over its maps.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from layersight.data.model import LayerInfo
from layersight.document.blocks import (
    Axis,
    Block,
    Cell,
    Cover,
    Grid,
    Numbers,
    Patch,
    Picture,
    Scale,
    Section,
    Tile,
)
from layersight.document.colour import PALE, palette
from layersight.document.words import (
    DASH,
    DOT,
    axes_line,
    count,
    number,
    percent,
    plural,
    size,
    span,
)
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles

READABLE = 20  # units of a vector up to which their values are written out
FLAT = "flat here"  # said of a channel that is constant for this image, but not over a survey
BROKEN = Cover("broken", ("not a", "number"))


def real_size(entry: LayerActivation) -> str:
    """The size of an activation for one image, with all channels that the layer has."""
    channels = entry.layer.channels
    return size(
        (*entry.values.shape[1:-1], entry.values.shape[-1] if channels is None else channels)
    )


def anchor_of(image: int, name: str) -> str:
    return f"layer:{image}:{name}"


def dead_in(entry: LayerActivation, image: int) -> int:
    """How many channels are dead: over the images of a survey, else for this image."""
    return entry.dead(image) if entry.among is None else int(entry.among.dead.sum())


def is_vector(entry: LayerActivation) -> bool:
    return math.prod(entry.values.shape[1:-1]) == 1


def layer_section(entry: LayerActivation, options: PictureOptions, image: int) -> Section:
    tiles = make_tiles(entry, image, options)
    flat = tiles.low is not None and tiles.low == tiles.high
    block: Block
    match tiles.form:
        case "tiles":
            block = _tiles(entry, tiles, options, image)
        case "rows":
            block = _rows(entry, tiles, options)
        case _:
            block = _units(entry, tiles, options, image)
    return Section(
        entry.name,
        (block,),
        kind=f"{entry.layer.type}   {real_size(entry)}",
        facts=_facts(entry, tiles, image),
        anchor=anchor_of(image, entry.name),
        scale=None if flat else scale_of(tiles, options),
        details=_details(entry.layer),
    )


def _facts(entry: LayerActivation, tiles: Tiles, image: int) -> str:
    shown = len(entry.channels)
    noun = "unit" if tiles.form == "units" else "map"
    total = entry.layer.channels or shown
    facts = [plural(shown, noun) if shown == total else f"{count(shown)} of {plural(total, noun)}"]
    facts.append(f"{percent(entry.sparsity(image))} zeros")
    dead, broken = int(tiles.dead.sum()), int(tiles.broken.sum())
    if noun == "map" and entry.among is not None:
        over = f"over {plural(entry.among.images, 'image')}"
        everywhere, flat = dead_in(entry, image), int((tiles.dead & ~entry.among.dead).sum())
        facts.append(f"{count(everywhere)} dead {over}" if everywhere else f"none dead {over}")
        facts += [f"{count(flat)} more flat for this image"] if flat else []
    elif noun == "map":
        facts.append(f"{count(dead)} dead for this image" if dead else "none dead for this image")
    elif shown > 1 and tiles.low is not None and tiles.low == tiles.high:
        facts.append(f"all equal to {number(tiles.low)}")
    if broken:
        facts.append(f"{count(broken)} with values that are not numbers")
    if entry.layer.axes:
        facts.append(axes_line(entry.layer.axes))
    if entry.layer.receptive_field:
        facts.append(f"receptive field {size(entry.layer.receptive_field)}")
    if math.prod(tiles.slices) > 1 and entry.values.ndim == 5:
        facts.append(f"{entry.values.shape[1]} depth slices per tile")
    return DOT.join(facts)


def _details(layer: LayerInfo) -> tuple[tuple[str, str], ...]:
    """Further facts of a layer, for pages with room for them."""
    details = [("parameters", count(layer.parameters))]
    if layer.kernel is not None:
        details.append(("kernel", size(layer.kernel)))
    for label, axes in (("stride", layer.strides), ("dilation", layer.dilation)):
        if axes is not None and set(axes) != {1}:
            details.append((label, size(axes)))
    if layer.activation:
        details.append(("activation", layer.activation))
    return tuple(details)


def scale_of(tiles: Tiles, options: PictureOptions) -> Scale:
    """The meaning of the ends, and of the centre, of a layer's colours."""
    colours = palette(options.colormap)
    if tiles.low is not None and tiles.high is not None:
        marks = ((0.0, number(tiles.low)), (1.0, number(tiles.high)))
        note = "the vector on one scale" if tiles.form == "units" else "one scale for the layer"
        return Scale(colours, marks, tiles.low, tiles.high, note)
    note = "each map by itself"
    if options.normalise != "standardise":
        return Scale(colours, ((0.0, "least of each map"), (1.0, "greatest")), note=note)
    centre = options.centre / 255
    ends = [(edge - options.centre) / options.contrast for edge in (0, 255)]
    low, high = (f"mean {DASH if end < 0 else '+'} {abs(end):.2g} std" for end in ends)
    middle = ((centre, "mean"),) if 0.35 < centre < 0.65 else ()
    return Scale(colours, ((0.0, low), *middle, (1.0, high)), note=note)


def covers_of(entry: LayerActivation, tiles: Tiles) -> list[Cover | None]:
    """What covers each channel's map; with a survey, whether it is dead over all images."""
    among, everywhere = entry.among, set[int]()
    if among is not None:
        everywhere = set(np.array(entry.channels)[among.dead].tolist())
    covers: list[Cover | None] = []
    maps = zip(tiles.channels, tiles.broken, tiles.dead, tiles.constants.tolist(), strict=True)
    for channel, broken, dead, constant in maps:
        value = f"= {number(constant)}"
        words: tuple[str, ...] = ("dead", value)
        if among is not None:
            over = f"over {count(among.images)}"
            words = ("dead", value, over) if channel in everywhere else (FLAT, value)
        covers.append(BROKEN if broken else Cover("dead", words) if dead else None)
    return covers


def _numbers(entry: LayerActivation, image: int) -> tuple[Numbers, ...]:
    stats = entry.statistics
    columns = tuple(
        Numbers(name, getattr(stats, name)[image], percent=name == "sparsity")
        for name in ("mean", "std", "min", "max", "sparsity")
    )
    if entry.among is None:
        return columns
    name = f"images below, of {count(entry.among.images)}"
    return (Numbers(name, entry.among.below[image], percent=True), *columns)


def _tiles(entry: LayerActivation, tiles: Tiles, options: PictureOptions, image: int) -> Grid:
    covers = zip(tiles.channels, covers_of(entry, tiles), strict=True)
    return Grid(
        tiles.pixels,
        [Tile(label=str(channel), cover=cover) for channel, cover in covers],
        palette(options.colormap),
        columns=options.columns,
        slices=tiles.slices,
        depth=tiles.depth,
        numbers=_numbers(entry, image),
    )


def _rows(entry: LayerActivation, tiles: Tiles, options: PictureOptions) -> Picture:
    """A layer with one axis: a row for each channel; equal neighbours share a cover."""
    covers, patches = covers_of(entry, tiles), []
    length = int(tiles.pixels.shape[2])
    for cover, members in itertools.groupby(range(len(covers)), lambda row: covers[row]):
        rows = list(members)
        if cover is not None:
            first, last = tiles.channels[rows[0]], tiles.channels[rows[-1]]
            which = str(first) if len(rows) == 1 else span(first, last)
            shared = dataclasses.replace(cover, words=(f"{which} {' '.join(cover.words)}",))
            patches.append(Patch(rows[0], 0, rows[-1] + 1, length, shared))
    return Picture(
        tiles.pixels[0],
        palette(options.colormap),
        tall=min(10.0, max(2.0, 400.0 / len(covers))),
        rows=Axis(tuple(map(str, tiles.channels))),
        columns=Axis(title="position; a row for each channel"),
        patches=tuple(patches),
        unit="channel",
        name=entry.name,
    )


def _units(
    entry: LayerActivation, tiles: Tiles, options: PictureOptions, image: int
) -> Grid | Picture:
    """A vector: a few units as tiles with their values, many as cells, read like text."""
    values = entry.values[image].reshape(-1)
    cells = tiles.pixels[0]
    flat = tiles.low == tiles.high
    single = len(values) == 1  # its colour would say nothing, and it is not dead
    if len(values) <= READABLE:
        units = [
            Tile(
                label=str(unit),
                lines=(("", Cell(number(value) if math.isfinite(value) else "not a number")),),
                cover=BROKEN if broken else Cover("dead", ()) if flat and not single else None,
            )
            for unit, value, broken in zip(
                tiles.channels, values.tolist(), tiles.broken.tolist(), strict=True
            )
        ]
        pixels = cells.reshape(-1)[: len(values), None, None]
        colours = np.full((256, 3), PALE, np.uint8) if single else palette(options.colormap)
        return Grid(pixels, units, colours, READABLE, side=22.0, unit="unit")
    rows, width = cells.shape
    patches = [
        Patch(row, column, row + 1, column + 1, Cover("broken", ()))
        for row, column in (divmod(unit, width) for unit in np.flatnonzero(tiles.broken).tolist())
    ]
    if flat:
        patches = [Patch(0, 0, rows, width, Cover("dead", ()))]
    if unused := rows * width - len(values):
        patches.append(Patch(rows - 1, width - unused, rows, width))
    first = entry.channels[0]
    consecutive = entry.channels == tuple(range(first, first + len(values)))
    exact = np.full(rows * width, np.nan, np.float32)
    exact[: len(values)] = values
    return Picture(
        cells,
        palette(options.colormap),
        tall=min(8.0, max(2.5, 400.0 / rows)),
        rows=Axis(tuple(map(str, tiles.channels[::width]))),
        patches=tuple(patches),
        unit="unit",
        name=entry.name,
        cells=() if consecutive else tuple(map(str, entry.channels)),
        values=exact.reshape(rows, width),
    )
