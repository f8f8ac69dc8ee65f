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

from convlens.readout import Goal, Readout
from convlens.results import FloatArray, LayerInfo
from convlens.target import MEAN, PREDICTED, Target
from convlens.verbs.attribution.outputs import gives_probability

SURE = 0.5
"""From here on the only channel of a map of probabilities says yes."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A target of one image.

    Attributes:
        image: The number of the image.
        target: What is explained of it.
        score: What the network gives for it.
        predicted: For a target where it is predicted: at which positions that is.
    """

    image: int
    target: Target
    score: float
    predicted: NDArray[np.bool_] | None = None


def predicted_at(values: FloatArray, unit: int, layer: LayerInfo) -> NDArray[np.bool_]:
    """Where a unit is the strongest of all; the only one of a layer, where it says yes.

    Args:
        values: ``(*positions, channel)``: what the layer gives for one image.
        unit: The number of the channel.
        layer: The layer.
    """
    if values.shape[-1] == 1:
        yes: NDArray[np.bool_] = values[..., 0] > (SURE if gives_probability(layer) else 0)
        return yes
    strongest: NDArray[np.bool_] = values.argmax(axis=-1) == unit
    return strongest


def make_goal(asked: Sequence[Asked], shape: Sequence[int], *, before: bool) -> Goal:
    """The number of each image of a batch that its target means.

    Args:
        asked: For each image of the batch its target, all of one layer.
        shape: Of the layer's output for one image, channels last: ``(*positions, channel)``.
        before: Whether it is read before the activation function.

    Returns:
        One readout. Of several positions the mean is taken; what is nowhere predicted gives 0.

    Example:
        >>> goal = make_goal([Asked(0, Target("top", 1, against=0), 0.5)], (3,), before=True)
        >>> goal[0].weights.tolist()
        [[-1.0, 1.0, 0.0]]
    """
    *sides, channels = shape
    everywhere = all(entry.target.where == MEAN for entry in asked)
    weights = np.zeros((len(asked), *((1,) * len(sides) if everywhere else sides), channels))
    for row, entry in zip(weights, asked, strict=True):
        target = entry.target
        share = 1 / max(1, math.prod(sides)) if everywhere else _shares(entry, sides)
        row[..., target.unit] = target.sign * share
        if target.against is not None:
            row[..., target.against] = -target.sign * share
    return (Readout(asked[0].target.layer, weights.astype(np.float32), before),)


def _shares(entry: Asked, sides: Sequence[int]) -> NDArray[np.float64]:
    """How much each position counts; together 1, or 0 if there are none."""
    where = entry.target.where
    chosen = np.zeros(tuple(sides))
    if where == MEAN:
        chosen[...] = 1
    elif where == PREDICTED:
        assert entry.predicted is not None
        chosen[entry.predicted] = 1
    elif len(where) == 2:
        chosen[where] = 1
    elif not isinstance(where, str):
        top, left, bottom, right = where
        chosen[top:bottom, left:right] = 1
    return chosen / max(1.0, chosen.sum())


def read_off(goal: Goal, values: FloatArray) -> FloatArray:
    """The numbers of a goal of one layer, from what that layer gives, ``(image,)``."""
    axes = tuple(range(1, values.ndim))
    found: FloatArray = (goal[0].weights * values.astype(np.float64)).sum(axis=axes)
    return found.astype(np.float32)


def score_of(target: Target, layer: LayerInfo, number: float) -> float:
    """What the network gives for a target, from the number that its goal reads off.

    For the other side of a probability that is 1 - p, where the goal gives -p.
    """
    opposite = target.sign < 0 and target.against is None and gives_probability(layer)
    return 1 + number if opposite else number
