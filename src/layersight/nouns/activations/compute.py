"""What every layer makes of an image.

The rule of this module: one forward pass serves all chosen layers and stops at the deepest of them;
the result is data, never a picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from layersight import images
from layersight.batch.gather import (
    check_batch_size,
    choose_preprocessing,
    find_input,
    gather,
    input_notes,
    make_options,
)
from layersight.batch.request import ImageOptions
from layersight.batch.scale import settle_scale
from layersight.data.arrays import FloatArray
from layersight.data.fields import names_options
from layersight.data.image import InputImage
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import kinds_of, predict
from layersight.errors import ModelInputError, few
from layersight.loading import open_for
from layersight.model import Forward
from layersight.nouns.activations.result import Activations, AmongImages, LayerActivation
from layersight.nouns.activations.statistics import measure, measure_range
from layersight.nouns.survey.reading import survey_of
from layersight.nouns.survey.result import Survey
from layersight.select import (
    ChannelSpec,
    LayerSpecs,
    choose_channels,
    lacking_note,
    select_able,
    split_channels,
)

ImageSource = images.Source
"""A file, an array, a Pillow image, or an image loaded before."""


@names_options(ImageOptions)
def load_image(
    source: ImageSource, model: Any, *, input_name: str | None = None, **options: Any
) -> InputImage:
    """An image as a model will see it, and how it came to be.

    Args:
        source: A file, or an array ``(height, width, channel)``; bytes are pixels, floats
            are taken as they are.
        model: A model from :func:`layersight.load_model`, or what that takes: a path, the name of
            an architecture, a live ``keras.Model``.
        input_name: Which input, for a model with several.
        options: As in :class:`ImageOptions`.

    Raises:
        ImageError: It cannot be read.
        ModelInputError: The model takes no image, or none of this kind.
        UsageError: An option is unknown.
    """
    chosen = make_options(**options)
    opened = open_for(model, Forward, "activations", "open the network that the weights belong to")
    info = opened.info
    entry = find_input(info, input_name)
    loaded, _ = images.load(
        source,
        entry,
        preprocessing=choose_preprocessing(entry, chosen.scale),
        fit=chosen.fit,
        interpolation=chosen.interpolation,
        size=chosen.size,
        frame=chosen.frame,
    )
    return settle_scale(opened, info, {entry.name: [loaded]})[entry.name][0]


@names_options(ImageOptions)
def activations(
    model: Any,
    image: ImageSource | Sequence[ImageSource] | Mapping[str, Any] | None = None,
    *,
    layers: LayerSpecs = None,
    channels: ChannelSpec = None,
    predictions: bool = False,
    survey: Survey | str | os.PathLike[str] | None = None,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Activations:
    """What the layers of a model make of some images.

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes: a path, the name of
            an architecture, a live ``keras.Model``.
        image: A file, a folder, a glob, an array, an image from :func:`load_image`, several
            of these, or for a model with several inputs a mapping from their names, or from
            the model's own keys, to these. For such a model a list or tuple of arrays is one
            for each input, in the model's order, as in Keras. One image for a model with
            several inputs goes to each that takes pictures; the others, and all inputs of a
            model that takes no picture at all if ``image`` is ``None``, are drawn from a seed.
        layers: Which layers; see :func:`layersight.select.select_layers`. ``None`` is all
            that can be computed. ``"conv2d:0,4"`` and ``{"conv2d": [0, 4]}`` are layers with
            channels of their own.
        channels: Which channels of layers with maps, ``"0,3,5-9"`` or ``"0:16"``; of dense
            layers if only such are chosen. ``None`` is all.
        predictions: Also run to the model's outputs and name the strongest classes.
        survey: What :func:`layersight.survey` gave, or the folder that it was written to: says
            where each channel stands among all images of it, and which are dead over all of them.
        batch_size: Images in one pass.
        progress: Called after each pass with the images done and their number.
        options: As in :class:`ImageOptions`: ``scale``, ``fit``, ``interpolation``,
            ``size``, ``frame``, ``seed``.

    Returns:
        The activations, channels last, with the statistics of every channel.

    Raises:
        SelectionError: There is no such layer or channel.
        ImageError: An image cannot be read.
        ModelInputError: The model takes no image, or none of this kind.
        UsageError: An option is unknown or has a value that it cannot have.
    """
    check_batch_size(batch_size)
    opened = open_for(
        model,
        Forward,
        "activations",
        "open the network that the weights belong to",
        surveyed=survey is not None,
    )
    info = opened.info
    compared = None if survey is None else survey_of(survey, info)
    gathered = gather(info, image, make_options(**options))
    inputs = gathered.images
    count = len(next(iter(inputs.values())))
    info = opened.describe(
        {name: (1, *entries[0].values.shape) for name, entries in inputs.items()}
    )
    inputs = settle_scale(opened, info, inputs)
    specs, by_layer = split_channels(info.layers, layers)
    able, blocked = select_able(info, specs)
    chosen, numbers, lacking = _choose(able, channels, by_layer)
    parts: dict[str, list[tuple[FloatArray, ...]]] = {entry.name: [] for entry in chosen}
    outputs: dict[str, list[FloatArray]] = {}
    missing = None
    for start in range(0, count, batch_size):
        batch = {
            name: np.stack([entry.values for entry in entries[start : start + batch_size]])
            for name, entries in inputs.items()
        }
        result = opened.forward(batch, [entry.name for entry in chosen], outputs=predictions)
        missing = result.missing or missing
        for name, array in result.layers.items():
            _check_size(name, array, batch)
            rows = array if array.ndim >= 2 else array.reshape(len(array) if array.ndim else 1, -1)
            limits = measure_range(rows)
            if name in numbers:
                rows = np.ascontiguousarray(rows[..., list(numbers[name])])
            parts[name].append((rows, *limits))
        for name, array in result.outputs.items():
            outputs.setdefault(name, []).append(array)
        if progress is not None:
            progress(min(start + batch_size, count), count)
    finished = tuple(
        _finish(entry, parts.pop(entry.name), numbers.get(entry.name), compared) for entry in chosen
    )
    joined = {name: _join(arrays) for name, arrays in outputs.items()}
    notes = [*info.notes, missing, gathered.note, blocked, lacking]
    notes += _layer_notes(finished, compared)
    return Activations(
        model=info,
        images=tuple(inputs[find_input(info, None).name]),
        layers=finished,
        predictions=predict(joined, info.labels, kinds_of(info)),
        notes=(
            *dict.fromkeys(note for note in notes if note),
            *input_notes(info, inputs),
            *_label_notes(info),
        ),
    )


def _check_size(name: str, array: FloatArray, batch: Mapping[str, FloatArray]) -> None:
    """Refuses a layer that gives nothing: pooling may use up a small image before it."""
    count = max(map(len, batch.values()))
    if array.ndim < 2 and array.shape[:1] != (count,):
        raise ModelInputError(
            f"layer '{name}' has nothing to show: it gives {array.size} numbers for {count} "
            "images together, none for each. Choose other layers with --layers"
        )
    if array.size:
        return
    shapes = " and ".join(str(values.shape[1:]) for values in batch.values())
    raise ModelInputError(
        f"layer '{name}' has nothing to show: for an input of shape {shapes} its output has the "
        f"shape {array.shape[1:]}. Give a larger image, or a larger size with size=."
    )


def _choose(
    layers: Sequence[LayerInfo], spec: ChannelSpec, by_layer: Mapping[str, ChannelSpec]
) -> tuple[tuple[LayerInfo, ...], dict[str, tuple[int, ...]], str | None]:
    """The layers to show, the chosen channels of those that have a choice, and a note.

    ``spec`` applies to the layers with maps, or to all if there are none. A layer that has none of
    its channels is left out, and the note names it.
    """
    with_maps = [entry for entry in layers if entry.has_maps] or layers
    counts = {
        entry.name: entry.channels
        for entry in layers
        if entry.channels is not None
        and (entry.name in by_layer or (spec is not None and entry in with_maps))
    }
    numbers = choose_channels(counts, spec, by_layer)
    shown = tuple(entry for entry in layers if numbers.get(entry.name) != ())
    return shown, numbers, lacking_note(numbers)


def _join(parts: Sequence[FloatArray]) -> FloatArray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _finish(
    layer: LayerInfo,
    parts: Sequence[tuple[FloatArray, ...]],
    numbers: tuple[int, ...] | None,
    survey: Survey | None,
) -> LayerActivation:
    """A layer with its statistics, and where its channels stand among the images of a survey."""
    values, low, high = map(_join, zip(*parts, strict=True))
    channels = tuple(range(values.shape[-1])) if numbers is None else numbers
    statistics, among = measure(values), None
    if survey is not None and layer.name in survey:
        counted = survey[layer.name]
        share = counted.peaks.share_below
        below = [list(map(share, channels, peaks)) for peaks in statistics.max.tolist()]
        dead = counted.dead[list(channels)]
        among = AmongImages(survey.images, np.array(below, np.float32), dead, survey)
    return LayerActivation(layer, values, channels, statistics, low, high, among)


def _layer_notes(layers: Sequence[LayerActivation], survey: Survey | None) -> Iterator[str]:
    """Which layers hold values that are not finite, and which a survey did not count."""
    counts = [(entry, int((~entry.statistics.finite).any(axis=0).sum())) for entry in layers]
    broken = [f"{entry.name} ({n} of {len(entry.channels)} channels)" for entry, n in counts if n]
    if broken:
        yield f"values that are not finite numbers in {few(broken)}"
    if survey is not None:
        yield survey.uncounted(entry.name for entry in layers)


def _label_notes(info: ModelInfo) -> Iterator[str]:
    if info.labels is None:
        return
    count = len(info.labels)
    channels = {layer.name: layer.channels for layer in info.layers}
    sizes = {channels.get(name) for name in info.outputs}
    if not (count in sizes or (count == 2 and 1 in sizes) or sizes == {None}):
        yield f"{count} class names do not fit the model's outputs"
