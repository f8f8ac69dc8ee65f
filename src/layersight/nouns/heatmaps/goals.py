"""From targets to the numbers that are explained, and what the network says of each image.

The rule of this module: what the network says and what a method explains are both weighted sums
over one layer, made from the same target. One forward pass says what the network sees in an image,
which of its classes are the strongest, and where.
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
from layersight.nouns.heatmaps.images import Given, make_batch

SURE = 0.5  # from here on the only channel of a map of probabilities says yes


@dataclass(frozen=True, eq=False, slots=True)
class ResolvedTarget:
    """A target of one image, with the score that the network gives for it.

    ``shape`` is that of the target's layer for one image, channels last; ``predicted`` says at
    which positions a target is that is explained where it is predicted.
    """

    image: int
    target: Target
    score: float
    shape: tuple[int, ...]
    predicted: NDArray[np.bool_] | None = None


def predicted_at(values: FloatArray, unit: int, *, probability: bool) -> NDArray[np.bool_]:
    """Where a unit of ``(*positions, channel)`` is the strongest; an only one: says yes."""
    if values.shape[-1] == 1:
        yes: NDArray[np.bool_] = values[..., 0] > (SURE if probability else 0)
        return yes
    strongest: NDArray[np.bool_] = values.argmax(axis=-1) == unit
    return strongest


def make_goal(asked: Sequence[ResolvedTarget], *, before: bool) -> Goal:
    """The number of each image of a batch that its target means, all targets of one layer.

    One readout, before the activation function or behind it. Of several positions the mean is
    taken; what is nowhere predicted gives 0.

    >>> target = Target("top", 1, against=0)
    >>> goal = make_goal([ResolvedTarget(0, target, 0.5, (3,))], before=True)
    >>> goal[0].weights.tolist()
    [[-1.0, 1.0, 0.0]]
    """
    *sides, channels = asked[0].shape
    everywhere = all(entry.target.where == MEAN for entry in asked)
    weights = np.zeros((len(asked), *((1,) * len(sides) if everywhere else sides), channels))
    for row, entry in zip(weights, asked, strict=True):
        target = entry.target
        share = 1 / max(1, math.prod(sides)) if everywhere else _shares(entry, sides)
        row[..., target.unit] = target.sign * share
        if target.against is not None:
            row[..., target.against] = -target.sign * share
    return (Readout(asked[0].target.layer, weights.astype(np.float32), before),)


def _shares(entry: ResolvedTarget, sides: Sequence[int]) -> NDArray[np.float64]:
    """How much each position counts; together 1, or 0 if there are none."""
    where = entry.target.where
    chosen: NDArray[np.float64] = np.zeros(tuple(sides))
    if where == PREDICTED:
        assert entry.predicted is not None
        chosen[entry.predicted] = 1
    else:
        chosen[... if isinstance(where, str) else slices_of(where, len(sides))] = 1
    shares: NDArray[np.float64] = chosen / max(1.0, chosen.sum())
    return shares


def slices_of(where: Sequence[int], axes: int) -> tuple[slice, ...]:
    """The positions that a place or region stands for, along each axis.

    >>> slices_of((4, 7), 2), slices_of((4, 7), 1)
    ((slice(4, 5, None), slice(7, 8, None)), (slice(4, 7, None),))
    """
    ends = where[axes:] or [start + 1 for start in where]
    return tuple(slice(start, end) for start, end in zip(where[:axes], ends, strict=True))


def read_off(goal: Goal, values: FloatArray) -> FloatArray:
    """The numbers of a goal of one layer, from what that layer gives, ``(image,)``."""
    axes = tuple(range(1, values.ndim))
    weights = goal[0].weights
    counted = np.where(weights == 0, 0, values.astype(np.float64))  # what does not count may be NaN
    with np.errstate(over="ignore"):
        found: FloatArray = (weights * counted).sum(axis=axes).astype(np.float32)
    return found


def offset_of(target: Target, *, probability: bool) -> float:
    """What is added to the number that a target's goal reads off to have its score.

    For the other side of a probability that is 1: its score is 1 - p where the goal gives -p.
    """
    return 1.0 if probability and target.sign < 0 and target.against is None else 0.0


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

    The images go through the model in one pass. Without ``wanted`` the ``top`` strongest classes of
    each are its targets.
    """
    notes = []
    if wanted is None:
        end, note = default_output(info)
        names = [end.name]
        own = _output_note(info, end)
        notes += [text for text in ((own,) if end.has_maps else (note, own)) if text]
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
    """The strongest classes that an output, ``(*positions, channel)``, says of one image.

    Of a single unit that gives a probability both sides are classes. Of a map the classes are
    those that are the strongest at most positions, and are explained where they are; of a map
    of one channel that says yes nowhere, its mean is.
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


def _output_note(info: ModelInfo, end: LayerInfo) -> str | None:
    """What is explained of an output that is a map, or no classes, where nothing was asked for."""
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
