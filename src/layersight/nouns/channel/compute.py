"""Everything that is known of one channel.

The rule of this module: each part is the result of its own verb.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from layersight.data.model import LayerInfo, ModelInfo
from layersight.errors import LayersightError, SelectionError, UsageError
from layersight.loading import open_for
from layersight.model import Forward, HasKernels, Optimisable
from layersight.nouns.activations.compute import activations
from layersight.nouns.channel.result import Channel
from layersight.nouns.kernels.compute import kernels
from layersight.nouns.kernels.result import Kernels
from layersight.nouns.patterns.compute import patterns
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.survey.reading import survey_of
from layersight.nouns.survey.result import LayerSurvey, Survey
from layersight.select import parse_channels, select_layers


def channel(
    model: Any,
    unit: str,
    *,
    survey: Survey | str | os.PathLike[str],
    over: Any = None,
    pattern: bool = True,
    steps: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Channel:
    """One channel: what it weighs, what it looks for, and what it does over a data set.

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes: a path, the name of
            an architecture, a live ``keras.Model``.
        unit: The layer and the number of the channel, ``"conv2d_3:5"``.
        survey: What :func:`layersight.survey` gave, or the folder that it was written to.
        over: An image whose map of the channel is shown; a file, an array, or an image from
            :func:`layersight.load_image`.
        pattern: Whether to make its pattern, which takes longest.
        steps: The most steps of the pattern; else those of its method.
        seed: The seed of the pattern.
        progress: Called after every step of the pattern with the steps done and their total.
        options: How the image is brought to the network, as in :class:`ImageOptions`.

    Returns:
        The channel.

    Raises:
        SelectionError: There is no such layer or channel in the survey.
        UsageError: The survey is of another model, or ``unit`` is no layer with a channel.
        OutputError: There is no survey in the folder.
        ImageError: The image cannot be read.
    """
    opened = open_for(
        model, Forward, "channel", "open the network that the weights belong to", surveyed=True
    )
    info = opened.info
    survey = survey_of(survey, info)
    entry, number = find_unit(survey, unit)
    layer = unit.rpartition(":")[0]
    notes = [survey.uncounted([layer])] if layer in survey.counted_as else []
    image = info.image_input
    if survey.size is not None and not info.layers and image is not None:
        info = opened.describe({image.name: (1, *survey.size, image.channels or 3)})
    made = _pattern(opened, entry, number, steps, seed, progress, notes) if pattern else None
    maps = None
    if over is not None:
        maps = activations(opened, over, layers={entry.name: [number]}, **options)
    return Channel(
        model=info,
        survey=survey,
        layer=entry.name,
        channel=number,
        kernel=_kernel(opened, info, entry, number),
        pattern=made,
        pattern_peak=float("nan") if made is None else _peak(opened, made, entry.name, number),
        maps=maps,
        notes=tuple(notes),
    )


def find_unit(survey: Survey, unit: str) -> tuple[LayerSurvey, int]:
    """The layer and the channel that ``"LAYER:CHANNEL"`` names.

    A layer that was counted after its activation function is found under its own name too.
    """
    name, _, number = unit.rpartition(":")
    if not name or not number.strip().isdecimal():
        raise UsageError(f"expected LAYER:CHANNEL as 'conv2d:5', found '{unit}'")
    name = survey.counted_as.get(name, name)
    chosen = select_layers([entry.layer for entry in survey.layers], [name])
    if len(chosen) != 1:
        listed = ", ".join(f"'{layer.name}'" for layer in chosen[:4])
        raise SelectionError(f"expected one layer, found {len(chosen)} for '{name}': {listed}")
    entry = survey[chosen[0].name]
    return entry, parse_channels(number, entry.channels, layer=entry.name)[0]


def _kernel(opened: Any, info: ModelInfo, entry: LayerSurvey, number: int) -> Kernels | None:
    """The weights of the channel: of its layer, or of the one before its activation function."""
    layer: LayerInfo | None = entry.layer
    layers = {other.name: other for other in info.layers}
    while layer is not None and layer.role in ("activation", "normalisation"):
        layer = layers.get(layer.inputs[0]) if len(layer.inputs) == 1 else None
    if layer is None or not isinstance(opened, HasKernels):
        return None
    try:
        return kernels(opened, layers={layer.name: [number]})
    except SelectionError:  # a layer without kernels
        return None


def _pattern(
    opened: Any,
    entry: LayerSurvey,
    number: int,
    steps: int | None,
    seed: int,
    progress: Callable[[int, int], None] | None,
    notes: list[str],
) -> Patterns | None:
    """The pattern of the channel, or a note on why there is none."""
    if not isinstance(opened, Optimisable):
        notes.append("no pattern: this kind of model has no gradients")
        return None
    try:
        return patterns(opened, {entry.name: [number]}, steps=steps, seed=seed, progress=progress)
    except LayersightError as error:
        notes.append(f"no pattern: {error}")
        return None


def _peak(opened: Forward, pattern: Patterns, layer: str, number: int) -> float:
    entry = opened.info.image_input or opened.info.inputs[0]
    if len(opened.info.inputs) > 1 or pattern.empty[0]:
        return float("nan")
    values = opened.forward({entry.name: pattern.values[:1]}, [layer]).layers[layer]
    return float(np.max(values[..., number]))
