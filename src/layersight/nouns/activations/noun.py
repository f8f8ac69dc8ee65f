"""What feature maps can become."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from layersight.data.prediction import Prediction
from layersight.document.noun import Array, Entry, Json, Noun
from layersight.document.words import file_name, finite, specification
from layersight.errors import SelectionError
from layersight.nouns.activations.document import describe, normalisation_words
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation

STATISTICS = ("mean", "std", "min", "max", "sparsity", "dead")
SPATIAL = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
MOST_UNITS = 64  # of a layer without maps in the JSON of several images, unless all are requested


def manifest(result: Activations, options: PictureOptions) -> Json:
    """The images, the channels of each layer, and how values became colours."""
    options = options.settled()
    return {
        "images": [image.to_json() for image in result.images],
        "layers": [
            {"name": entry.name, "channels": specification(entry.channels)}
            for entry in result.layers
        ],
        "options": {
            **dataclasses.asdict(options),
            "normalisation": normalisation_words(result, options),
        },
    }


def numbers(result: Activations, options: PictureOptions) -> Json:
    """The statistics of every channel.

    For one image ``layers`` and ``predictions`` are at the top; for several there is a list
    ``images``, each entry with its own, and large layers without maps say how many units were left
    out unless all are requested.
    """
    units = options.units or len(result.images) == 1
    images = [_image(result, image, units=units) for image in range(len(result.images))]
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.images[0].preprocessing.to_json(),
        **(images[0] if len(images) == 1 else {"images": images}),
    }


def _image(result: Activations, image: int, *, units: bool) -> Json:
    predictions: tuple[Prediction, ...] = result.predictions[image] if result.predictions else ()
    return {
        "image": result.images[image].to_json(),
        "predictions": [prediction.to_json() for prediction in predictions],
        "layers": [_layer(entry, image, units=units) for entry in result.layers],
    }


def _layer(entry: LayerActivation, image: int, *, units: bool) -> Json:
    shown = units or entry.has_maps or len(entry.channels) <= MOST_UNITS
    stats = entry.statistics
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(stats.mean[image].mean())
    return {
        "name": entry.name,
        "type": entry.layer.type,
        "shape": list(entry.values.shape[1:]),
        **({} if entry.layer.axes is None else {"axes": list(entry.layer.axes)}),
        "mean": finite(mean),
        "min": finite(float(stats.min[image].min())),
        "max": finite(float(stats.max[image].max())),
        "sparsity": finite(entry.sparsity(image)),
        "dead": entry.dead(image),
        **({} if shown else {"omitted": len(entry.channels)}),
        "channels": list(_channels(entry, image)) if shown else [],
    }


def _channels(entry: LayerActivation, image: int) -> Iterator[Json]:
    """The numbers of each channel, and what a survey says of it."""
    columns = {name: getattr(entry.statistics, name)[image].tolist() for name in STATISTICS}
    if entry.among is not None:
        columns["images_below"] = entry.among.below[image].tolist()
        columns["dead_over_data"] = entry.among.dead.tolist()
    for channel, *values in zip(entry.channels, *columns.values(), strict=True):
        yield {"index": channel, **dict(zip(columns, map(finite, values), strict=True))}


def arrays(result: Activations) -> dict[str, Array]:
    """One array for each layer, keyed by its name."""
    return {entry.name: _array(entry) for entry in result.layers}


def rows(result: Activations) -> Iterator[tuple[object, ...]]:
    """One line for each image, layer and channel, with a head."""
    yield ("image", "layer", "channel", *STATISTICS)
    for image, shown in enumerate(result.images):
        for entry in result.layers:
            for channel in _channels(entry, image):
                numbers = (channel[name] for name in STATISTICS)
                yield (shown.name, entry.name, channel["index"], *numbers)


def _array(entry: LayerActivation) -> Array:
    rank = entry.values.ndim - 2
    inner = SPATIAL.get(rank, tuple(f"axis{axis}" for axis in range(rank)))
    own = entry.layer.axes or (*inner, "channel" if entry.has_maps else "unit")
    attributes = {"layer": entry.name, "type": entry.layer.type, "channels": list(entry.channels)}
    split = ("image", own[-1]) if entry.has_maps else ("image",)
    return Array(("image", *own), entry.values, own, split, attributes)


def folder(
    result: Activations, options: PictureOptions
) -> Iterator[Entry[Activations, PictureOptions]]:
    """The document, a picture of each layer, one of a channel through all layers, the numbers."""
    yield Entry("sheet.pdf", result, dataclasses.replace(options, view="sheet"))
    yield Entry("sheet.html", result, options)
    grid = dataclasses.replace(options, view="grid")
    across = dataclasses.replace(options, view="across")
    for image, stem in enumerate(_stems(result)):
        for number, entry in enumerate(result.layers):
            name = f"{stem}{number:02d}-{file_name(entry.name)}.png"
            yield Entry(name, only(result, image, layer=entry.name)[0], grid)
        channel = alive_everywhere(result, image)
        if channel is not None:
            name = f"{stem}across-channel-{channel}.png"
            yield Entry(name, only(result, image, channel=channel)[0], across)
    yield Entry("statistics.json", result, options)


def _stems(result: Activations) -> list[str]:
    """The beginnings of the names of each image's files; empty if there is one image."""
    if len(result.images) == 1:
        return [""]
    stems = [f"{file_name(Path(image.name).stem)}-" for image in result.images]
    if len(set(stems)) == len(stems):
        return stems
    return [f"{number}-{stem}" for number, stem in enumerate(stems, 1)]


def alive_everywhere(result: Activations, image: int = 0) -> int | None:
    """The first channel number that is alive in every layer with maps, if there is one."""
    alive = [
        set(np.array(entry.channels)[~entry.statistics.dead[image]].tolist())
        for entry in result.layers
        if entry.has_maps
    ]
    return min(set.intersection(*alive), default=None) if alive else None


def only(
    result: Activations, image: int = 0, layer: str | None = None, channel: int | None = None
) -> tuple[Activations, Mapping[str, object]]:
    """The maps of one image, and of a layer or a channel."""
    if not 0 <= image < len(result.images):
        raise SelectionError(f"no image {image}: the result holds {len(result.images)}")
    layers = [result.layer(layer)] if layer is not None else list(result.layers)
    fields: dict[str, object] = {}
    if channel is not None:
        layers = [entry for entry in layers if entry.has_maps and channel in entry.channels]
        if not layers:
            where = "any layer here" if layer is None else f"layer '{layer}' here"
            raise SelectionError(f"no channel {channel} with maps in {where}")
        fields = {"view": "across" if layer is None else "channel"}
    entries = []
    for entry in layers:
        start = 0 if channel is None else entry.channels.index(channel)
        entries.append(entry.part(image, slice(start, None if channel is None else start + 1)))
    images = slice(image, image + 1)
    part = dataclasses.replace(
        result,
        images=result.images[images],
        layers=tuple(entries),
        predictions=result.predictions[images],
    )
    return part, fields


NOUN: Noun[Activations, PictureOptions] = Noun(
    name="activations",
    options=PictureOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
    arrays=arrays,
    rows=rows,
    folder=folder,
    page={"view": "sheet"},
    plot={"view": "grid"},
    only=only,
)
