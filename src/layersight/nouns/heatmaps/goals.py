"""From targets to the numbers that are explained.

The rule of this module: what the network says and what a method explains are both weighted
sums over one layer, made from the same target.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal, Readout
from layersight.data.target import MEAN, PREDICTED, Target

SURE = 0.5
"""From here on the only channel of a map of probabilities says yes."""


@dataclass(frozen=True, eq=False, slots=True)
class ResolvedTarget:
    """A target of one image.

    Attributes:
        image: The number of the image.
        target: What is explained of it.
        score: What the network gives for it.
        shape: Of the output of the target's layer for one image, channels last.
        predicted: For a target where it is predicted: at which positions that is.
    """

    image: int
    target: Target
    score: float
    shape: tuple[int, ...]
    predicted: NDArray[np.bool_] | None = None


def predicted_at(values: FloatArray, unit: int, *, probability: bool) -> NDArray[np.bool_]:
    """Where a unit is the strongest of all; the only one of a layer, where it says yes.

    Args:
        values: ``(*positions, channel)``: what the layer gives for one image.
        unit: The number of the channel.
        probability: Whether the values are probabilities.
    """
    if values.shape[-1] == 1:
        yes: NDArray[np.bool_] = values[..., 0] > (SURE if probability else 0)
        return yes
    strongest: NDArray[np.bool_] = values.argmax(axis=-1) == unit
    return strongest


def make_goal(asked: Sequence[ResolvedTarget], *, before: bool) -> Goal:
    """The number of each image of a batch that its target means.

    Args:
        asked: For each image of the batch its target, all of one layer.
        before: Whether it is read before the activation function.

    Returns:
        One readout. Of several positions the mean is taken; what is nowhere predicted gives 0.

    Example:
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
    if where == MEAN:
        chosen[...] = 1
    elif where == PREDICTED:
        assert entry.predicted is not None
        chosen[entry.predicted] = 1
    elif not isinstance(where, str):
        chosen[slices_of(where, len(sides))] = 1
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
