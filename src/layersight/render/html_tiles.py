"""The section of one layer in the page: its numbers, its colour bar, all its channels.

The rule of this module: every channel is there, dead ones too, each with its layer, its
number and its real size, whether or not scripts run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from layersight.document.words import axes_line
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.render.html_data import image_numbers, layer_numbers
from layersight.render.html_sprites import Sprite, cells_of, sprite_of
from layersight.render.html_text import (
    dead_count,
    escape,
    is_vector,
    number,
    output_size,
    percent,
    real_size,
    receptive_field,
    size,
    sparsity,
)

TARGETS = {"s": 64, "m": 112, "l": 224}
"""About how many pixels of the screen the longer edge of a tile takes."""

_ROW_HEIGHT = {"s": 10, "m": 16, "l": 24}
_CELL_EDGES = ((16, 40), (1024, 12), (8192, 8), (math.inf, 5))
_READABLE = 16
"""Vectors of so many units have their values written out."""


@dataclass(frozen=True, slots=True)
class LayerPart:
    """What one layer puts into the page.

    Attributes:
        html: Its section.
        numbers: Its entry in the embedded JSON.
    """

    html: str
    numbers: dict[str, Any]


def layer_part(
    result: Activations, entry: LayerActivation, place: int, options: PictureOptions
) -> LayerPart:
    """The section of one layer and its numbers.

    Args:
        result: All activations, for the images' names.
        entry: The layer.
        place: Its place among the layers, from 1.
        options: The normalisation and the colour map.
    """
    blocks, numbers, tall = [], [], 0.0
    form = "tiles"
    for image in range(len(result.images)):
        tiles = make_tiles(entry, image, options)
        form = tiles.form
        make = cells_of if form == "units" else sprite_of
        sprite = make(tiles, options.colormap)
        numbers.append(image_numbers(entry, image, tiles, sprite))
        blocks.append(_image_block(result, entry, image, tiles, sprite, options))
        tall += _tall(form, sprite)
    title = f'<span class="name">{escape(entry.name)}</span> - {escape(entry.layer.type)} '
    text = (
        f'<section class="layer" id="layer-{place}" data-layer="{place}" '
        f'style="contain-intrinsic-size:auto {round(tall) + 120}px">'
        f'<h3><a href="#layer-{place}">{title}<span class="size">{escape(real_size(entry))}'
        f"</span></a></h3>{_facts(result, entry)}{''.join(blocks)}</section>"
    )
    return LayerPart(text, layer_numbers(entry, form, numbers))


def _tall(form: str, sprite: Sprite) -> float:
    """About the height on a wide screen, so that the scroll bar hardly moves."""
    if form == "units":
        return sprite.rows * cell_edge(sprite.count) + 60
    width, height = shown(sprite.width, sprite.height, "m", form)
    return math.ceil(sprite.count / max(1, 1000 // (width + 10))) * (height + 32) + 60


def cell_edge(count: int) -> int:
    """How many pixels of the screen the edge of a unit takes, the fewer the more units."""
    return next(edge for most, edge in _CELL_EDGES if count <= most)


def shown(width: int, height: int, which: str, form: str) -> tuple[int, int]:
    """Width and height of a tile on the screen.

    Each pixel of a map takes a whole number of the screen's, or a whole number of a map's
    pixels share one, whichever comes nearest to the size asked for.
    """
    if form == "rows":
        return max(1, round(width * zoom_to(width, 3 * TARGETS[which]))), _ROW_HEIGHT[which]
    zoom = zoom_to(max(width, height), TARGETS[which])
    return max(1, round(width * zoom)), max(1, round(height * zoom))


def zoom_to(edge: int, target: int) -> float:
    """The zoom, whole or one over a whole number, that brings an edge nearest to a target.

    >>> zoom_to(36, 112), zoom_to(148, 112), zoom_to(224, 112)
    (3, 1, 0.5)
    """
    ratio = max(edge, target) / min(edge, target)
    whole = math.floor(ratio)
    if (whole + 1) / ratio < ratio / whole:
        whole += 1
    return whole if edge <= target or whole == 1 else 1 / whole


def _facts(result: Activations, entry: LayerActivation) -> str:
    layer, images = entry.layer, range(len(result.images))
    facts = [("parameters", f"{layer.parameters:,}")]
    for label, axes in (
        ("kernel", layer.kernel),
        ("stride", layer.strides),
        ("dilation", layer.dilation),
    ):
        if axes is not None and (label == "kernel" or set(axes) != {1}):
            facts.append((label, size(axes)))
    if layer.activation:
        facts.append(("activation", layer.activation))
    if layer.axes is not None:
        facts.append(("axes", axes_line(layer.axes)))
    if layer.receptive_field is not None:
        facts.append(("receptive field", receptive_field(layer)))
    if layer.channels is not None and layer.channels != len(entry.channels):
        facts.append(("shown", f"{len(entry.channels)} of {layer.channels} channels"))
    if layer.output_shape is not None and output_size(layer) != real_size(entry):
        facts.append(("output of the model", output_size(layer)))
    if not is_vector(entry):
        facts.append(("dead", dead_count(entry, images)))
    facts.append(("sparsity", sparsity(entry, images)))
    told = "".join(f"<div><dt>{label}</dt><dd>{escape(value)}</dd></div>" for label, value in facts)
    return f'<dl class="facts">{told}</dl>'


def _image_block(
    result: Activations,
    entry: LayerActivation,
    image: int,
    tiles: Tiles,
    sprite: Sprite,
    options: PictureOptions,
) -> str:
    name = escape(result.images[image].name)
    head = ""
    if len(result.images) > 1:
        told = f"sparsity {percent(entry.sparsity(image))}"
        if tiles.form != "units":
            told = f"dead {dead_count(entry, [image])}, {told}"
        head = f"<h4>{image + 1}. {name} <span>{told}</span></h4>"
    scale = _bar(tiles, options)
    body = _cells if tiles.form == "units" else _tiles
    return f'<div class="maps">{head}{scale}{body(entry, image, tiles, sprite, name)}</div>'


def _bar(tiles: Tiles, options: PictureOptions) -> str:
    low, high, told = limits(tiles, options)
    return f'<p class="bar"><span>{low}</span><i></i><span>{high}</span> <em>{told}</em></p>'


def limits(tiles: Tiles, options: PictureOptions) -> tuple[str, str, str]:
    """What the first and the last colour stand for, and for how much they hold, in words."""
    if tiles.low is not None and tiles.high is not None:
        if tiles.form == "units":
            if tiles.low == tiles.high:
                return number(tiles.low), number(tiles.high), "every unit has this value"
            return number(tiles.low), number(tiles.high), "the vector on one scale"
        return number(tiles.low), number(tiles.high), "one scale for the layer"
    if options.normalise == "standardise":
        below = options.centre / options.contrast
        above = (255 - options.centre) / options.contrast
        return f"mean - {below:.3g} std", f"mean + {above:.3g} std", "each map by itself"
    return "least value", "greatest value", "each map by itself"


def _tiles(entry: LayerActivation, image: int, tiles: Tiles, sprite: Sprite, name: str) -> str:
    style = [
        f"--cols:{sprite.columns};--rows:{sprite.rows}",
        *(
            f"--w{which}:{width}px;--h{which}:{height}px"
            for which in TARGETS
            for width, height in [shown(sprite.width, sprite.height, which, tiles.form)]
        ),
        f"background-image:url({sprite.uri})",
    ]
    note = ""
    if tiles.slices != (1, 1):
        depth = entry.values.shape[1]
        note = (
            f'<p class="note">Each tile holds {depth} depth slices, {tiles.slices[1]} in a row, '
            "first to last.</p>"
        )
        style.insert(0, _clip(depth, tiles.slices))
    parts = "".join(_each_tile(entry, image, tiles, sprite))
    label = f"Channels of {escape(entry.name)} for {name}"
    return (
        f'{note}<ul class="tiles {tiles.form}" data-image="{image}" aria-label="{label}" '
        f'style="{";".join(style)}">{parts}</ul>'
    )


def _clip(depth: int, slices: tuple[int, int]) -> str:
    """Cuts the places of the last row that hold no slice out of every tile.

    >>> _clip(3, (2, 2))
    '--clip:polygon(0 0,100% 0,100% 50%,50% 50%,50% 100%,0 100%)'
    """
    rows, columns = slices
    x = f"{100 * (depth - (rows - 1) * columns) / columns:.6g}%"
    y = f"{100 * (rows - 1) / rows:.6g}%"
    return f"--clip:polygon(0 0,100% 0,100% {y},{x} {y},{x} 100%,0 100%)"


def _each_tile(entry: LayerActivation, image: int, tiles: Tiles, sprite: Sprite) -> Iterator[str]:
    stats = entry.statistics
    start = f"{escape(entry.name)}, channel "
    middle = f", {size(entry.values.shape[1:-1])}: "
    columns = zip(
        tiles.channels,
        tiles.dead.tolist(),
        tiles.broken.tolist(),
        tiles.constants.tolist(),
        stats.mean[image].tolist(),
        stats.std[image].tolist(),
        stats.min[image].tolist(),
        stats.max[image].tolist(),
        stats.sparsity[image].tolist(),
        strict=True,
    )
    for place, (channel, dead, broken, constant, mean, std, low, high, zeros) in enumerate(columns):
        told = f"{start}{channel}{middle}"
        if broken:
            yield (
                f'<li class="broken"><button title="{told}holds values that are not numbers">'
                f"<i>not a number</i>{channel}</button></li>"
            )
        elif dead:
            yield (
                f'<li class="dead"><button title="{told}dead for this image, constant '
                f'{number(constant)}"><i>dead<b>{number(constant)}</b></i>{channel}</button></li>'
            )
        else:
            y, x = divmod(place, sprite.columns)
            yield (
                f'<li><button title="{told}mean {mean:.4g}, std {std:.4g}, min {low:.4g}, '
                f'max {high:.4g}, sparsity {100 * zeros:.3g} %">'
                f'<i style="--x:{x};--y:{y}"></i>{channel}</button></li>'
            )


def _cells(entry: LayerActivation, image: int, tiles: Tiles, sprite: Sprite, name: str) -> str:
    count = sprite.count
    edge = cell_edge(count)
    broken = int(tiles.broken.sum())
    values = entry.values[image].reshape(-1)
    notes = []
    if count <= _READABLE:
        pairs = zip(tiles.channels, values.tolist(), strict=True)
        notes.append(", ".join(f"unit {unit}: {number(value)}" for unit, value in pairs))
    if broken:
        notes.append(f"{broken} of {count} units are not a number, drawn grey")
    alt = f"{count} units of {escape(entry.name)} for {name}, {sprite.columns} in a row"
    note = f'<p class="note">{"; ".join(notes)}</p>' if notes else ""
    return (
        f'{note}<div class="units" data-image="{image}"><button title="{alt}">'
        f'<img src="{sprite.uri}" alt="{alt}" width="{sprite.columns * edge}" '
        f'height="{sprite.rows * edge}"></button></div>'
    )
