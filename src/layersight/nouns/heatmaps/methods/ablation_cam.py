"""Ablation-CAM.

Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via
Gradient-free Localization", WACV 2020: a channel counts by the share of the score that is lost
when its map is set to 0,

    w_k = (y - y_k) / y        L = ReLU(sum_k w_k A^k)

The paper takes y to be above 0. Here it is divided by |y|: the same there, and where y is below 0,
as a logit can be, a channel that raises the score still counts for it, not against. Where y is
exactly 0 nothing is divided; the divisor scales the whole map of an image and no more.

A channel whose map is 0 everywhere counts 0, without a pass. Of ``masks`` channels those are taken
whose maps have the largest sum of squares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.nouns.heatmaps.methods.method import Method, Request, all_positions
from layersight.nouns.heatmaps.passes import (
    Indices,
    goals_of,
    maps_of,
    rectified,
    strongest,
    weighted,
)

WHOLE = -1  # in place of a channel: none is set to 0


def ablation_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    images, layer, progress = request.images, request.layers[0], request.progress
    values = maps_of(request)
    with np.errstate(all="ignore"):
        squares = np.square(values, dtype=np.float64).sum(axis=all_positions(values))
    channels = [strongest(each, request.options.masks) for each in squares]
    # Of each image the whole, and each channel without which it is run; nothing of a dead layer.
    shown = [np.concatenate([[WHOLE], chosen]) if len(chosen) else chosen for chosen in channels]
    passes = [
        (image, rows[start : start + request.batch_size])
        for image, rows in enumerate(shown)
        for start in range(0, len(rows), request.batch_size)
    ]
    progress(1, len(passes) + 1)
    scores = np.zeros((len(images), values.shape[-1] + 1))
    for place, (image, part) in enumerate(passes):
        factors = np.ones((len(part), values.shape[-1]), np.float32)
        ablated = np.flatnonzero(part != WHOLE)
        factors[ablated, part[ablated]] = 0
        one = images.one(image)
        target = goals_of(request.target, np.array([image]))
        scores[image, part] = request.model.ablate(one.values, target, layer, factors)
        progress(place + 2, len(passes) + 1)
    weights = np.stack([weigh(row, chosen) for row, chosen in zip(scores, channels, strict=True)])
    return rectified(weighted(values, weights))


@np.errstate(all="ignore")
def weigh(scores: NDArray[np.float64], chosen: Indices) -> NDArray[np.float64]:
    """The weight of each channel, ``(channel,)``; of those that were not set to 0, 0.

    Scores, ``(channel + 1,)``, are those without each channel, and last that of the whole.
    """
    whole = scores[WHOLE]
    weights = np.zeros(len(scores) - 1)
    weights[chosen] = (whole - scores[chosen]) / (abs(whole) or 1)
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
    passes=lambda options, size, channels: min(options.masks or channels, channels),
    uses=("masks",),
    costly=True,
)
