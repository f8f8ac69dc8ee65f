"""Ablation-CAM.

Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via
Gradient-free Localization", WACV 2020: a channel counts by the share of the score that is lost
when its map is set to 0,

    w_k = (y - y_k) / y        L = ReLU(sum_k w_k A^k)

The paper takes y to be above 0. Here it is divided by |y|: the same there, and where y is below 0,
as a logit can be, a channel that raises the score still counts for it, not against. Where y is
exactly 0 nothing is divided; the divisor scales the whole map of an image and no more.

A channel whose map is 0 everywhere counts 0, without a pass. ``masks`` limits the channels to those
whose maps have the largest sum of squares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request, position_axes
from layersight.nouns.heatmaps.passes import (
    Indices,
    layer_maps,
    rectify,
    select_goals,
    strongest_indices,
    weighted_sum,
)

INTACT = -1  # in place of a channel: none is set to 0


def ablation_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    images, layer, progress = request.images, request.layers[0], request.progress
    values = layer_maps(request)
    with np.errstate(all="ignore"):
        squares = np.square(values, dtype=np.float64).sum(axis=position_axes(values))
    channels = [strongest_indices(each, request.options.masks) for each in squares]
    # Each image is run intact, and without each of its channels; not at all if its layer is dead.
    runs = [np.concatenate([[INTACT], chosen]) if len(chosen) else chosen for chosen in channels]
    passes = [
        (image, rows[start : start + request.batch_size])
        for image, rows in enumerate(runs)
        for start in range(0, len(rows), request.batch_size)
    ]
    progress(1, len(passes) + 1)
    scores = np.zeros((len(images), values.shape[-1] + 1))
    for done, (image, part) in enumerate(passes, 2):
        factors = np.ones((len(part), values.shape[-1]), np.float32)
        ablated = np.flatnonzero(part != INTACT)
        factors[ablated, part[ablated]] = 0
        inputs = images.select(image).values
        target = select_goals(request.target, np.array([image]))
        scores[image, part] = request.model.ablate(inputs, target, layer, factors)
        progress(done, len(passes) + 1)
    weights = np.stack([weigh(row, chosen) for row, chosen in zip(scores, channels, strict=True)])
    return rectify(weighted_sum(values, weights))


@np.errstate(all="ignore")
def weigh(scores: NDArray[np.float64], chosen: Indices) -> NDArray[np.float64]:
    """The weight of each channel, ``(channel,)``; 0 for channels that were not ablated.

    ``scores``, ``(channel + 1,)``, are those without each channel, and last the intact one.
    """
    intact = scores[INTACT]
    weights = np.zeros(len(scores) - 1)
    weights[chosen] = (intact - scores[chosen]) / (abs(intact) or 1)
    return weights


METHOD = Method(
    name="ablation-cam",
    order=90,
    title="Ablation-CAM",
    says="Adds the maps of a layer, each by the share of the score that is lost without it.",
    assumes="That a channel matters by itself, and that a map of 0 is what its absence looks like.",
    misleads="Where channels stand in for each other: without either one the score hardly falls.",
    source="Desai and Ramaswamy, WACV 2020",
    compute=ablation_cam,
    passes=lambda options, images, channels: min(options.masks or channels, channels),
    uses=("masks",),
    costly=True,
)
