"""Numbers, sizes and captions in words, the same in every picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from layersight.data.image import InputImage
from layersight.data.model import LayerInfo, ModelInfo
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.render.options import PictureOptions
from layersight.render.page import Information
from layersight.render.tiles import Tiles
from layersight.version import __version__

TIMES = "\u00d7"
"""The sign between the sides of a size."""
DASH = "\u2013"
"""The sign between the ends of a range, and where there is nothing to tell."""


def count(number: int) -> str:
    """A whole number, grouped.

    >>> count(3453121)
    '3,453,121'
    """
    return f"{number:,}"


def percent(share: float) -> str:
    """A share of 0..1; never rounded to nothing or to all.

    >>> percent(0.214), percent(0.001), percent(0.9999), percent(0)
    ('21%', '<1%', '>99%', '0%')
    """
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def number(value: float) -> str:
    """A number in three digits.

    >>> number(0.12345), number(-0.0), number(1234567.0), number(123.4)
    ('0.123', '0', '1.23e+06', '123')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("infinite" if value > 0 else "-infinite")
    return f"{value + 0.0:.3g}"


def size(shape: Iterable[int | None]) -> str:
    """A shape without its batch.

    >>> size((148, 148, 32)), size((None, 10))
    ('148 × 148 × 32', '? × 10')
    """
    return f" {TIMES} ".join("?" if side is None else str(side) for side in shape)


def plural(amount: int, noun: str) -> str:
    """An amount with its noun.

    >>> plural(1, "map"), plural(2048, "map")
    ('1 map', '2,048 maps')
    """
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"


def span(first: int | str, last: int | str) -> str:
    """From one number to another."""
    return f"{first}{DASH}{last}"


def ranges(numbers: Sequence[int], limit: int = 8) -> str:
    """Ascending numbers, runs as ranges.

    >>> ranges([0, 1, 2, 5])
    '0–2, 5'
    """
    runs: list[list[int]] = []
    for value in numbers:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    words = [str(first) if first == last else span(first, last) for first, last in runs]
    return ", ".join(words[:limit]) + (", …" if len(words) > limit else "")


def output_size(info: LayerInfo) -> str:
    """The size of a layer's output, channels last, without the batch."""
    if info.output_shape is None:
        return DASH
    return size(info.example_shape or ())


def real_size(entry: LayerActivation) -> str:
    """The size of what a layer made of an image, with all channels that the layer has."""
    spatial = entry.values.shape[1:-1]
    channels = entry.layer.channels
    return size((*spatial, entry.values.shape[-1] if channels is None else channels))


def axes_line(axes: tuple[str, ...]) -> str:
    """What rows, columns and maps are, where they are no positions in a picture.

    >>> axes_line(("query", "key", "head"))
    'rows: query, columns: key, maps: head'
    """
    rows, columns, maps = axes
    return f"rows: {rows}, columns: {columns}, maps: {maps}"


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


def model_line(model: ModelInfo) -> str:
    """The model, its digest and the versions."""
    file = f"{brief(model.source)}, {short_digest(model.digest)}"
    return f"{file}; {model.framework}; layersight {__version__}"


def brief(name: str, limit: int = 48) -> str:
    """A name of at most ``limit`` characters, cut in the middle.

    >>> brief("abcdefghij", 5)
    'ab…ij'
    """
    if len(name) <= limit:
        return name
    return name[: limit // 2] + "…" + name[-(limit // 2) :]


def short_digest(digest: str) -> str:
    """The first characters of a digest.

    >>> short_digest("sha256:" + "0123456789abcdef" * 4)
    'sha256 0123456789ab'
    """
    kind, _, value = digest.rpartition(":")
    return f"{kind} {value[:12]}".strip()


def input_line(shown: InputImage) -> str:
    """The image and its preprocessing."""
    how = shown.preprocessing
    return f"{brief(shown.name)}, {how.describe()} ({how.reason})"


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
