"""Numbers, sizes and captions in words, the same in every picture."""

from __future__ import annotations

import math

from layersight.document.words import (
    axes_line,
    count,
    input_line,
    model_line,
    number,
    percent,
    plural,
    ranges,
    size,
)
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles
from layersight.writers.page import Information


def real_size(entry: LayerActivation) -> str:
    """The size of what a layer made of an image, with all channels that the layer has."""
    spatial = entry.values.shape[1:-1]
    channels = entry.layer.channels
    return size((*spatial, entry.values.shape[-1] if channels is None else channels))


def layer_facts(entry: LayerActivation, tiles: Tiles, image: int) -> str:
    """The line under a layer's name."""
    shown = len(entry.channels)
    noun = "unit" if tiles.form == "units" else "map"
    total = entry.layer.channels or shown
    facts = [plural(shown, noun) if shown == total else f"{count(shown)} of {plural(total, noun)}"]
    facts.append(f"{percent(entry.sparsity(image))} zeros")
    dead, broken = int(tiles.dead.sum()), int(tiles.broken.sum())
    if noun == "map":
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
    return "  ·  ".join(facts)


def captions(result: Activations, options: PictureOptions, image: int) -> tuple[str, ...]:
    """The lines at the foot of every page: the colours, the input, the model."""
    marks = "Grey: dead, that is constant for this image."
    colours = f"Colours {options.colormap}, {options.describe()}. {marks}"
    source = f"Input {input_line(result.images[image])}."
    return colours, source, f"Model {model_line(result.model)}."


def information(
    result: Activations, options: PictureOptions, image: int = 0, manifest: str = "{}"
) -> Information:
    """What a file with these pictures says of itself."""
    shown = result.images[image]
    layers = "; ".join(
        f"{entry.name} {real_size(entry)}, channels {ranges(entry.channels)}"
        for entry in result.layers
    )
    caption = f"Layers: {layers}. " + " ".join(captions(result, options, image))
    return Information(f"{result.model.name}: {shown.name}", caption, manifest)
