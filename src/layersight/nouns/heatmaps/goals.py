"""From targets to the numbers that are explained, and the predictions for each image.

The rule of this module: the score of a target and the number that a method explains are both
weighted sums over one layer, made from the same target. One forward pass gives the predictions of
an image, the strongest classes, and where they are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    predict,
)
from layersight.data.readout import Goal, Readout
from layersight.data.target import MEAN, PREDICTED, Target
from layersight.errors import ModelInputError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.classes import default_output, names_of, unit_target
from layersight.nouns.heatmaps.images import ImagesByInput, make_batch

SURE = 0.5  # above it, the only channel of a map of probabilities predicts its class


@dataclass(frozen=True, eq=False, slots=True)
class ResolvedTarget:
    """A target of one image, with the score that the network gives for it.

    ``shape`` is that of the target's layer for one image, channels last; ``predicted`` marks the
    positions of a target that is explained where it is predicted.
    """

    image: int
    target: Target
    score: float
    shape: tuple[int, ...]
    predicted: NDArray[np.bool_] | None = None


def predicted_at(values: FloatArray, unit: int, *, probability: bool) -> NDArray[np.bool_]:
    """Where a unit of ``(*positions, channel)`` is the strongest; a single one: is positive."""
    if values.shape[-1] == 1:
        positive: NDArray[np.bool_] = values[..., 0] > (SURE if probability else 0)
        return positive
    strongest: NDArray[np.bool_] = values.argmax(axis=-1) == unit
    return strongest


def make_goal(targets: Sequence[ResolvedTarget], *, before: bool) -> Goal:
    """The number that the target of each image of a batch stands for, all of one layer.

    One readout, before the activation function or after it: the mean of the target's positions, or
    0 if it is predicted nowhere.

    >>> target = Target("top", 1, against=0)
    >>> goal = make_goal([ResolvedTarget(0, target, 0.5, (3,))], before=True)
    >>> goal[0].weights.tolist()
    [[-1.0, 1.0, 0.0]]
    """
    *sides, channels = targets[0].shape
    everywhere = all(entry.target.where == MEAN for entry in targets)
    weights = np.zeros((len(targets), *((1,) * len(sides) if everywhere else sides), channels))
    for row, entry in zip(weights, targets, strict=True):
        target = entry.target
        share = 1 / max(1, math.prod(sides)) if everywhere else _shares(entry, sides)
        row[..., target.unit] = target.sign * share
        if target.against is not None:
            row[..., target.against] = -target.sign * share
    return (Readout(targets[0].target.layer, weights.astype(np.float32), before),)


def _shares(entry: ResolvedTarget, sides: Sequence[int]) -> NDArray[np.float64]:
    """The weight of each position; they sum to 1, or 0 if there are none."""
    where = entry.target.where
    chosen: NDArray[np.float64] = np.zeros(tuple(sides))
    if where == PREDICTED:
        assert entry.predicted is not None
        chosen[entry.predicted] = 1
    else:
        chosen[... if isinstance(where, str) else position_slices(where, len(sides))] = 1
    shares: NDArray[np.float64] = chosen / max(1.0, chosen.sum())
    return shares


def position_slices(where: Sequence[int], axes: int) -> tuple[slice, ...]:
    """The positions of a point or region along each axis.

    >>> position_slices((4, 7), 2), position_slices((4, 7), 1)
    ((slice(4, 5, None), slice(7, 8, None)), (slice(4, 7, None),))
    """
    ends = where[axes:] or [start + 1 for start in where]
    return tuple(slice(start, end) for start, end in zip(where[:axes], ends, strict=True))


def read_goal(goal: Goal, values: FloatArray) -> FloatArray:
    """The numbers of a goal of one layer, from the output of that layer, ``(image,)``."""
    axes = tuple(range(1, values.ndim))
    weights = goal[0].weights
    counted = np.where(weights == 0, 0, values.astype(np.float64))  # the others may be NaN
    with np.errstate(over="ignore"):
        scores: FloatArray = (weights * counted).sum(axis=axes).astype(np.float32)
    return scores


def score_offset(target: Target, *, probability: bool) -> float:
    """The difference between a target's score and the number that its goal reads.

    It is 1 for the other side of a probability, whose score is 1 - p where the goal gives -p.
    """
    return 1.0 if probability and target.sign < 0 and target.against is None else 0.0


def resolve_targets(
    model: Differentiable,
    info: ModelInfo,
    inputs: ImagesByInput,
    targets: Sequence[Target] | None,
    numbers: Sequence[int],
    *,
    top: int,
) -> tuple[list[ResolvedTarget], tuple[tuple[Prediction, ...], ...], list[str]]:
    """The targets of the images with some numbers, their predictions, and notes.

    The images go through the model in one pass. Without ``targets`` they are the ``top`` strongest
    classes of each image.
    """
    notes = []
    if targets is None:
        end, note = default_output(info)
        names = [end.name]
        kind_note = _output_note(info, end)
        notes += [text for text in (None if end.has_maps else note, kind_note) if text]
    else:
        names = list(dict.fromkeys(target.layer for target in targets))
    layers = {layer.name: layer for layer in info.layers if layer.name in names}
    resolved: list[ResolvedTarget] = []
    result = model.forward(make_batch(inputs, numbers), names, outputs=True)
    if result.missing:
        notes.append(result.missing)
    for row, image in enumerate(numbers):
        values = {name: array[row] for name, array in result.layers.items()}
        chosen = targets
        if chosen is None:
            chosen = strongest(info, layers[names[0]], values[names[0]], top)
        resolved += [
            _resolve(info, layers[target.layer], image, target, values[target.layer])
            for target in chosen
        ]
    for entry in resolved:
        if not np.isfinite(entry.score):
            name = next(iter(inputs.values()))[entry.image].name
            raise ModelInputError(
                f"the network gives {entry.score} for '{entry.target.name}' of image '{name}', "
                "which is no finite number, so that there is nothing to explain: "
                + (
                    "; ".join(info.notes)
                    or "'layersight activations' tells in which layer it arises"
                )
            )
    return resolved, predict(result.outputs, info.labels, kinds_of(info)), notes


def strongest(info: ModelInfo, layer: LayerInfo, values: FloatArray, top: int) -> list[Target]:
    """The strongest classes of one image in an output, ``(*positions, channel)``.

    A single unit that gives a probability has two classes. The classes of a map are those that are
    the strongest at most positions, and are explained there; for a map of one channel that is
    positive nowhere, its mean is explained.
    """
    probability = gives_probability(info, layer)
    count = values.shape[-1]
    if values.ndim > 1 and kind_of(info, layer) in (PICTURE, SEQUENCE):
        means = values.mean(axis=tuple(range(values.ndim - 1)), dtype=np.float64)
        return [unit_target(info, layer, unit) for unit in _descending(means)[:top]]
    if values.ndim > 1:
        shares = [
            float(predicted_at(values, unit, probability=probability).mean())
            for unit in range(count)
        ]
        order = [unit for unit in _descending(np.array(shares)) if shares[unit] > 0]
        if not order:
            return [unit_target(info, layer, 0)]  # the only channel is positive nowhere
        targets = [unit_target(info, layer, unit) for unit in order[:top]]
        return [dataclasses.replace(target, where=PREDICTED) for target in targets]
    if count == 1:
        unit = unit_target(info, layer, 0)
        other = dataclasses.replace(unit, sign=-1)
        sides = [unit, other] if not probability or values[0] >= 0.5 else [other, unit]
        two = probability or names_of(info, layer) is not None
        return sides[:top] if two else sides[:1]
    return [unit_target(info, layer, unit) for unit in _descending(values)[:top]]


def _output_note(info: ModelInfo, end: LayerInfo) -> str | None:
    """What is explained by default of an output that is a map or has no classes."""
    kind, several = kind_of(info, end), end.channels != 1
    if end.has_maps and kind in (PICTURE, SEQUENCE):
        which = f", of its {end.channels} channels the greatest" if several else ""
        return (
            f"output '{end.name}' is a {kind} and no classes: explained is what raises its mean "
            f"over all positions{which}; for another say --target {end.name}:N or "
            f"{end.name}:N@ROW,COLUMN"
        )
    if end.has_maps:
        what = "the class that is the strongest at most positions, where it is"
        if not several:
            what = "its channel where it says yes, or the mean of it where it does so nowhere"
        return (
            f"output '{end.name}' is a map: explained is {what}; for another say "
            f"--target {end.name}:N@predicted"
        )
    if not is_value(info, end.name):
        return None
    if kind == VALUE:
        return (
            f"'{end.name}' is a value and no class: shown is what raises it (a negative one: what "
            f"brings it nearer to 0); for what lowers it say --target 'not {end.name}:0'"
        )
    return (
        f"'{end.name}' gives {end.channels} values and no classes: explained is what raises the "
        f"greatest of each image; for another say --target {end.name}:N"
    )


def _descending(values: FloatArray) -> list[int]:
    """The indices of values in descending order, NaN last."""
    order: list[int] = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable").tolist()
    return order


def _resolve(
    info: ModelInfo, layer: LayerInfo, image: int, target: Target, values: FloatArray
) -> ResolvedTarget:
    probability = gives_probability(info, layer)
    mask = None
    if target.where == PREDICTED:
        mask = predicted_at(values, target.unit, probability=probability)
    entry = ResolvedTarget(image, target, 0.0, values.shape, mask)
    number = float(read_goal(make_goal([entry], before=False), values[np.newaxis])[0])
    return dataclasses.replace(entry, score=number + score_offset(target, probability=probability))
