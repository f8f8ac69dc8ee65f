"""What is explained of each image, with the score that the network gives for it.

The rule of this module: one forward pass says what the network sees in an image, which of its
classes are the strongest, and where.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from layersight.batch.predictions import predict
from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import (
    PICTURE,
    SEQUENCE,
    VALUE,
    Prediction,
    gives_probability,
    is_value,
    kind_of,
    kinds_of,
)
from layersight.data.target import PREDICTED, Target
from layersight.errors import ModelInputError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.classes import names_of, unit_target
from layersight.nouns.heatmaps.goals import (
    ResolvedTarget,
    make_goal,
    offset_of,
    predicted_at,
    read_off,
)
from layersight.nouns.heatmaps.images import Given, make_batch
from layersight.nouns.heatmaps.outputs import default_output


def ask_images(
    model: Differentiable,
    info: ModelInfo,
    given: Given,
    wanted: Sequence[Target] | None,
    numbers: Sequence[int],
    *,
    top: int,
) -> tuple[list[ResolvedTarget], tuple[tuple[Prediction, ...], ...], list[str]]:
    """The targets of some images, what the outputs say of them, and what a reader should know.

    Args:
        model: The model.
        info: What is known of it for these images.
        given: The images.
        wanted: The targets of every image; ``None`` for the strongest classes of each.
        numbers: Which images; they go through the model in one pass.
        top: How many of those classes.

    Raises:
        ModelInputError: A score is no number.
        SelectionError: The model has several outputs and none is a vector.
    """
    notes = []
    if wanted is None:
        end, note = default_output(info)
        names = [end.name]
        note = _map_note(info, end) if end.has_maps else note
        notes += [text for text in (note, _value_note(info, end)) if text]
    else:
        names = list(dict.fromkeys(target.layer for target in wanted))
    layers = {layer.name: layer for layer in info.layers if layer.name in names}
    asked: list[ResolvedTarget] = []
    found = model.forward(make_batch(given, numbers), names, outputs=True)
    if found.missing:
        notes.append(found.missing)
    for row, image in enumerate(numbers):
        values = {name: array[row] for name, array in found.layers.items()}
        targets = wanted
        if targets is None:
            targets = strongest(info, layers[names[0]], values[names[0]], top)
        asked += [
            _ask(info, layers[target.layer], image, target, values[target.layer])
            for target in targets
        ]
    for entry in asked:
        if not np.isfinite(entry.score):
            name = next(iter(given.values()))[entry.image].name
            raise ModelInputError(
                f"the network gives {entry.score} for '{entry.target.name}' of image '{name}', "
                "which is no finite number, so that there is nothing to explain: "
                + (
                    "; ".join(info.notes)
                    or "'layersight activations' tells in which layer it arises"
                )
            )
    return asked, predict(found.outputs, info.labels, kinds_of(info)), notes


def strongest(info: ModelInfo, layer: LayerInfo, values: FloatArray, top: int) -> list[Target]:
    """The strongest classes that an output says of one image, the strongest first.

    Of a single unit that gives a probability both sides are classes. Of a map the classes are
    those that are the strongest at most positions, and are explained where they are; of a map
    of one channel that says yes nowhere, its mean is.

    Args:
        info: The model.
        layer: The layer that gives the output.
        values: What it gives, ``(*positions, channel)``.
        top: How many at most.
    """
    probability = gives_probability(info, layer)
    count = values.shape[-1]
    if values.ndim > 1 and kind_of(info, layer) in (PICTURE, SEQUENCE):
        means = values.mean(axis=tuple(range(values.ndim - 1)), dtype=np.float64)
        return [unit_target(info, layer, unit) for unit in _falling(means)[:top]]
    if values.ndim > 1:
        shares = [
            float(predicted_at(values, unit, probability=probability).mean())
            for unit in range(count)
        ]
        order = [unit for unit in _falling(np.array(shares)) if shares[unit] > 0]
        if not order:
            return [unit_target(info, layer, 0)]  # the only channel says yes nowhere
        found = [unit_target(info, layer, unit) for unit in order[:top]]
        return [dataclasses.replace(target, where=PREDICTED) for target in found]
    if count == 1:
        unit = unit_target(info, layer, 0)
        other = dataclasses.replace(unit, sign=-1)
        sides = [unit, other] if not probability or values[0] >= 0.5 else [other, unit]
        two = probability or names_of(info, layer) is not None
        return sides[:top] if two else sides[:1]
    return [unit_target(info, layer, unit) for unit in _falling(values)[:top]]


def _value_note(info: ModelInfo, end: LayerInfo) -> str | None:
    """What is explained of an output that is a vector and no classes."""
    if end.has_maps or not is_value(info, end.name):
        return None
    if kind_of(info, end) == VALUE:
        return (
            f"'{end.name}' is a value and no class: shown is what raises it (a negative one: what "
            f"brings it nearer to 0); for what lowers it say --target 'not {end.name}:0'"
        )
    return (
        f"'{end.name}' gives {end.channels} values and no classes: explained is what raises the "
        f"greatest of each image; for another say --target {end.name}:N"
    )


def _map_note(info: ModelInfo, end: LayerInfo) -> str:
    """What is explained of an output with maps where nothing was asked for."""
    kind = kind_of(info, end)
    if kind in (PICTURE, SEQUENCE):
        which = "" if end.channels == 1 else f", of its {end.channels} channels the greatest"
        return (
            f"output '{end.name}' is a {kind} and no classes: explained is what raises its mean "
            f"over all positions{which}; for another say --target {end.name}:N or "
            f"{end.name}:N@ROW,COLUMN"
        )
    what = "the class that is the strongest at most positions, where it is"
    if end.channels == 1:
        what = "its channel where it says yes, or the mean of it where it does so nowhere"
    return (
        f"output '{end.name}' is a map: explained is {what}; for another say "
        f"--target {end.name}:N@predicted"
    )


def _falling(values: FloatArray) -> list[int]:
    """The indices of values from the greatest on; those that are no numbers come last."""
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    return [int(place) for place in order]


def _ask(
    info: ModelInfo, layer: LayerInfo, image: int, target: Target, values: FloatArray
) -> ResolvedTarget:
    probability = gives_probability(info, layer)
    mask = None
    if target.where == PREDICTED:
        mask = predicted_at(values, target.unit, probability=probability)
    entry = ResolvedTarget(image, target, 0.0, values.shape, mask)
    read = float(read_off(make_goal([entry], before=False), values[np.newaxis])[0])
    return dataclasses.replace(entry, score=read + offset_of(target, probability=probability))
