"""Feature maps as a document.

The rule of this module: a layer that lacks the channel of a page is named there.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.data.model import LayerInfo
from layersight.document.blocks import (
    Axis,
    Beside,
    Block,
    Bytes,
    Cell,
    Cover,
    Curve,
    Document,
    Facts,
    Grid,
    Part,
    Picture,
    Scale,
    Section,
    Series,
    Table,
    Tile,
)
from layersight.document.colour import palette
from layersight.document.image import input_block, input_note, input_picture, prediction_blocks
from layersight.document.layers import FEWER, layer_table, model_document, receptive_field_cell
from layersight.document.noun import check_count
from layersight.document.words import (
    DOT,
    MOST_NAMED,
    count,
    input_line,
    model_line,
    number,
    output_size,
    percent,
    plural,
    ranges,
    result_notes,
    sentence,
    size,
)
from layersight.errors import SelectionError, few
from layersight.nouns.activations.layer import (
    anchor_of,
    covers_of,
    dead_in,
    is_vector,
    layer_section,
    real_size,
    scale_of,
)
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.nouns.survey.montage import example_images

MOST_MAPS = 256
MOST_CHANNELS = 128
INPUT_WIDE = 240.0  # points, of an input that is a signal


def describe(result: Activations, options: PictureOptions) -> Document:
    if not result.layers:
        raise SelectionError("no layers to draw: the result holds none")
    options = options.settled()
    make = {"sheet": _sheet, "grid": _grid, "channel": _maps, "across": _across}[options.view]
    how = normalisation_words(result, options)
    several = len(result.images) > 1
    parts = (
        dataclasses.replace(
            make(result, options, index),
            title=image.name if several else "",
            anchor=f"cover:{index}",
        )
        for index, image in enumerate(result.images)
    )
    return model_document(
        result.model,
        "What the network sees",
        parts,
        ", ".join(image.name for image in result.images[:4]),
        captions=_captions(result, options, how),
        heading="Feature maps",
        guide=(f"{sentence(how)} Dead maps are flat grey with their constant value",),
        caption=_caption(result, how),
        fewer=FEWER,
    )


def normalisation_words(result: Activations, options: PictureOptions) -> str:
    """How values become colours, in words."""
    options = options.settled()
    with_vectors = options.view in ("sheet", "grid")  # the others show maps alone
    return options.describe(vectors=with_vectors and any(map(is_vector, result.layers)))


def _captions(result: Activations, options: PictureOptions, how: str) -> tuple[str, ...]:
    marks = "Crossed grey: dead, that is constant for this image."
    among = next((entry.among for entry in result.layers if entry.among is not None), None)
    if among is not None:
        marks = (
            f"Grey: dead over {plural(among.images, 'image')} of a survey, or flat here: constant "
            "for this image alone."
        )
    inputs = [f"Input {input_line(image)}." for image in result.images[:3]]
    if len(result.images) > 3:
        inputs.append(f"And {plural(len(result.images) - 3, 'more input')}.")
    colours = f"Colours {options.colormap}, {how}. {marks}"
    return (colours, *inputs, f"Model {model_line(result.model)}.")


def _caption(result: Activations, how: str) -> str:
    layers = [
        f"{entry.name} {real_size(entry)}, channels {ranges(entry.channels)}"
        for entry in result.layers
    ]
    return (
        f"Layers {few(layers, MOST_NAMED)}. {sentence(how)} "
        f"Preprocessing: {result.images[0].preprocessing.describe()}. "
        f"Model {result.model.name}, {result.model.digest}. {result.model.framework}."
    )


def _sheet(result: Activations, options: PictureOptions, image: int) -> Part:
    """A cover and every channel of every layer."""
    shown = result.images[image]
    predictions = result.predictions[image] if image < len(result.predictions) else ()
    words = (input_note(shown, "Input, as the network saw it"), *prediction_blocks(predictions))
    front: tuple[Block, ...] = (
        Beside(((input_block(shown, wide=INPUT_WIDE),), words)),
        *result_notes(result.notes),
        *_depth(result, image),
        _layers(result, image),
    )
    return dataclasses.replace(_grid(result, options, image), front=front)


def _grid(result: Activations, options: PictureOptions, image: int) -> Part:
    return Part(tuple(layer_section(entry, options, image) for entry in result.layers))


def _depth(result: Activations, image: int) -> Iterator[Curve]:
    """Zeros and dead channels over the depth of the network."""
    if len(result.layers) < 2:
        return
    numbers = {info.name: index for index, info in enumerate(_infos(result), 1)}
    x = np.array([numbers[entry.name] for entry in result.layers], np.float32)
    zeros = np.array([entry.sparsity(image) for entry in result.layers], np.float32)
    dead = [
        math.nan if is_vector(entry) else dead_in(entry, image) / max(1, len(entry.channels))
        for entry in result.layers
    ]
    y = np.array(dead, np.float32)
    yield Curve(
        (
            Series(zeros, x, "zeros, share of values"),
            Series(y, x, "dead, share of channels", hollow=True, tone="plain"),
        ),
        title="Over depth",
        y=(0.0, 1.0),
        x_title="layer",
        percent="y",
    )


def _infos(result: Activations) -> list[LayerInfo]:
    """All layers of the model, and what is shown beside them."""
    known = {info.name: info for info in result.model.layers}
    return [*known.values(), *(entry.layer for entry in result.layers if entry.name not in known)]


def _layers(result: Activations, image: int) -> Table:
    """The type and size of each layer, and how much of it is zero or dead."""
    shown = {entry.name: entry for entry in result.layers}
    infos = _infos(result)

    def cells(info: LayerInfo) -> Iterator[Cell]:
        entry = shown.get(info.name)
        yield Cell(real_size(entry) if entry else output_size(info))
        yield Cell(count(info.parameters) if info.parameters else "")
        yield receptive_field_cell(info)
        if entry is None or is_vector(entry):
            yield Cell()
        else:
            dead = dead_in(entry, image)
            yield Cell(f"{dead} / {len(entry.channels)}", "plain" if dead else "quiet")
        zeros = None if entry is None else entry.sparsity(image)
        yield Cell() if zeros is None else Cell(percent(zeros), share=zeros)

    counted = {entry.among.images for entry in result.layers if entry.among is not None}
    over = f"over {plural(max(counted), 'image')} of a survey" if counted else "for this image"
    return layer_table(
        [info.name for info in infos],
        ("output", "parameters", "field", "dead", "zeros"),
        (
            (
                info.name,
                info,
                anchor_of(image, info.name) if info.name in shown else "",
                cells(info),
            )
            for info in infos
        ),
        f"Field: receptive field. Dead: constant {over}. Zeros: the share of exact zeros.",
    )


def _maps(result: Activations, options: PictureOptions, image: int) -> Part:
    """Each map large, with its rows and columns numbered and its real values."""
    amount = result.map_count
    if not amount:
        raise SelectionError("no layer here has feature maps, so there is no channel to draw")
    check_count("channel", "map", amount, MOST_MAPS, "Choose fewer layers or channels.")
    maps = (
        _map(result.images[image], entry, index, options, image)
        for entry in result.layers
        if entry.has_maps
        for index in range(len(entry.channels))
    )
    return Part(tuple(maps))


def _map(
    shown: InputImage, entry: LayerActivation, index: int, options: PictureOptions, image: int
) -> Section:
    tiles = make_tiles(entry, image, options, only=(index,))
    name = f"{entry.name}, channel {entry.channels[index]}"
    (cover,) = covers_of(entry, tiles)
    stats = entry.statistics
    ends = float(stats.min[image, index]), float(stats.max[image, index])
    if tiles.low is not None and tiles.high is not None:
        ends = tiles.low, tiles.high
    large: Block
    if entry.values.ndim > 3:
        large = _large(tiles, ends, cover, palette(options.colormap), name)
    elif cover is not None:
        large = Picture(tiles.pixels, None, cover=cover, columns=Axis(title="position"))
    else:
        values: FloatArray = entry.values[image, :, index]
        series = Series(values, style="plain")
        large = Curve((series,), y=ends, x_title="position", tall=215.0)
    source: Block = input_block(shown, 120.0, INPUT_WIDE)
    if not shown.is_line and shown.frames is None:
        sides = size(shown.pixels.shape[:2])
        source = input_picture(shown, 120.0, (shown.name, f"input, {sides}"))
    below = Beside(((source,), (_map_facts(entry, index, image),)), fill=False)
    return Section(
        name,
        (large, below, *_strongest(entry, index)),
        kind=f"{entry.layer.type}   {real_size(entry)}",
        anchor=f"map:{image}:{name}",
        alone=True,
    )


def _strongest(entry: LayerActivation, index: int) -> Iterator[Block]:
    """What excites the channel most among the images of a survey."""
    if entry.among is not None:
        survey, channel = entry.among.survey, entry.channels[index]
        counted = survey[entry.name]
        title = f"Strongest of {plural(entry.among.images, 'image')}: what excites it most"
        yield from example_images(survey, counted, counted.strongest, channel, title)


def _map_facts(entry: LayerActivation, index: int, image: int) -> Facts:
    stats = entry.statistics
    columns = {
        "mean": stats.mean,
        "standard deviation": stats.std,
        "least": stats.min,
        "greatest": stats.max,
    }
    facts = [(name, number(float(values[image, index]))) for name, values in columns.items()]
    facts.append(("zeros", percent(float(stats.sparsity[image, index]))))
    if entry.among is not None:
        share, images = float(entry.among.below[image, index]), plural(entry.among.images, "image")
        if share == share:
            facts.append(("greatest is no less than of", f"{percent(share)} of {images}"))
        if entry.among.dead[index]:
            facts.append(("dead", f"over all {images}"))
    if entry.layer.receptive_field:
        facts.append(("receptive field", size(entry.layer.receptive_field)))
    return Facts(tuple(facts))


def _large(
    tiles: Tiles, ends: tuple[float, float], cover: Cover | None, colours: Bytes, name: str
) -> Picture:
    low, high = ends
    marks = tuple((step / 4, number(low + (high - low) * step / 4)) for step in range(5))
    flat = tiles.slices == (1, 1)
    return Picture(
        tiles.pixels[0],
        colours,
        rows=Axis() if flat else None,
        columns=Axis() if flat else None,
        lines=() if flat else (f"{tiles.depth} depth slices, read like text",),
        scale=None if cover else Scale(colours, marks, low, high),
        cover=cover,
        slices=tiles.slices,
        depth=tiles.depth,
        name=name,
    )


def _across(result: Activations, options: PictureOptions, image: int) -> Part:
    """One channel number through all layers that have maps, a section for each number."""
    layers = [entry for entry in result.layers if entry.has_maps]
    channels = sorted({channel for entry in layers for channel in entry.channels})
    if not channels:
        raise SelectionError("no layer here has feature maps, so no channel runs across layers")
    advice = f"Choose some, such as channel {channels[0]}."
    check_count("across", "channel", len(channels), MOST_CHANNELS, advice)
    return Part(tuple(_channel(layers, channel, options, image) for channel in channels))


def _channel(
    layers: list[LayerActivation], channel: int, options: PictureOptions, image: int
) -> Section:
    entries = [entry for entry in layers if channel in entry.channels]
    maps = [
        make_tiles(entry, image, options, only=(entry.channels.index(channel),))
        for entry in entries
    ]
    pixels, tiles, dead = [], [], 0
    for entry, made in zip(entries, maps, strict=True):
        (cover,), (drawn,) = covers_of(entry, made), made.pixels
        dead += cover is not None and cover.kind == "dead"
        # A map with a single axis is a band, not a hairline.
        pixels.append(drawn if len(drawn) > 1 else drawn.repeat(max(1, drawn.shape[1] // 4), 0))
        name = f"{entry.name}, channel {channel}"
        tiles.append(Tile(title=entry.name, subtitle=real_size(entry), cover=cover, name=name))
    facts = [f"{plural(dead, 'map')} dead for this image" if dead else "none dead for this image"]
    without = [entry.name for entry in layers if channel not in entry.channels]
    if without:
        facts.append("not in " + ", ".join(without))
    scale = scale_of(maps[0], options)
    if options.normalise == "layer":
        ends = ((0.0, "least of the layer"), (1.0, "greatest"))
        scale = Scale(scale.palette, ends, note="one scale for each layer")
    grid = Grid(
        pixels,
        tiles,
        palette(options.colormap),
        columns=4 if len(entries) <= 16 else 6,
        side=120.0,
        unit="layer",
    )
    return Section(
        f"Channel {channel}",
        (grid,),
        kind=f"through {plural(len(entries), 'layer')}",
        facts=DOT.join(facts),
        anchor=f"channel:{image}:{channel}",
        outline=f"channel {channel}",
        scale=scale,
        alone=True,
    )
