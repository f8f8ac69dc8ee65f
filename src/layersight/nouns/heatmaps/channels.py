"""What the methods that weigh the channels of a layer share.

The rule of this module: arrays in, arrays out; what a method is stands in its own file. Sums over
positions are taken in float64, and no arithmetic here warns: what is not a number stays so, and
is named by the verb.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.methods.method import Request

Indices = NDArray[np.intp]

ROUNDING = 1e-6
"""The range of a map that is taken for constant, as a share of its largest absolute value."""


AXES = {1: "position", 2: "height, width", 3: "frame or slice, height, width"}
"""The axes of positions of what is explained, by their number."""


def checked(values: FloatArray, layer: str, axes: int) -> FloatArray:
    """The output of a layer, if it has maps with as many axes as what is explained."""
    if values.ndim != axes + 2:
        shape = " x ".join(str(size) for size in values.shape[1:])
        raise ModelInputError(
            f"expected a layer with maps, (image, {AXES[axes]}, channel), but one image makes "
            f"{shape} of '{layer}'; name a convolution or pooling layer before it"
        )
    return values


def maps_of(request: Request) -> FloatArray:
    """The maps of the first layer, ``(image, *positions, channel)``, if it has some."""
    layer = request.layers[0]
    found = request.model.forward(request.images.values, [layer])
    return checked(found.layers[layer], layer, len(request.images.size))


def maps_and_gradients(request: Request) -> tuple[FloatArray, FloatArray]:
    """The maps of the first layer and the gradients of the target by their values.

    Both ``(image, *positions, channel)``; a layer without such maps is refused.
    """
    layer = request.layers[0]
    found = request.model.differentiate(request.images.values, request.target, layers=[layer])
    values = checked(found.values[layer], layer, len(request.images.size))
    return values, found.slopes[layer]


@np.errstate(all="ignore")
def weighted(values: FloatArray, weights: NDArray[np.floating]) -> FloatArray:
    """The sum over channels of weight times map, ``(image, *positions)`` float32.

    Values are ``(image, *positions, channel)``, weights ``(image, channel)``.
    """
    flat = values.reshape(len(values), -1, values.shape[-1])
    summed: FloatArray = np.matmul(flat, weights.astype(np.float32)[:, :, np.newaxis])
    return summed.reshape(values.shape[:-1])


def rectified(maps: FloatArray) -> FloatArray:
    """Values below 0 become 0; float32."""
    return np.maximum(maps, 0).astype(np.float32, copy=False)


@np.errstate(all="ignore")
def normalise(maps: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Brings each map of ``(map, *positions)`` from its own range to 0..1, in place.

    Told is also for each whether it has a range; a constant one is 0.
    """
    axes = tuple(range(1, maps.ndim))
    low, high = maps.min(axis=axes), maps.max(axis=axes)
    ranged = ~(high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    one_each = (-1, *(1 for _ in axes))
    maps -= low.reshape(one_each)
    maps /= np.where(ranged, high - low, 1).reshape(one_each)
    maps[~ranged] = 0
    return maps, ranged


def of_image(goal: Goal, image: int) -> Goal:
    """What is explained of one image of a batch, for a batch of copies of that image."""
    return tuple(
        part
        if len(part.weights) == 1
        else dataclasses.replace(part, weights=part.weights[image : image + 1])
        for part in goal
    )


def strongest(sizes: NDArray[np.floating], count: int) -> Indices:
    """The indices of the largest sizes above 0, rising; of equal ones the first.

    At most ``count``, or all for 0; one that is no number counts as large.
    """
    known = np.where(np.isnan(sizes), np.inf, sizes)
    alive = np.flatnonzero(known > 0)
    if count and len(alive) > count:
        order = np.argsort(-known[alive], kind="stable")
        alive = np.sort(alive[order[:count]])
    return alive
