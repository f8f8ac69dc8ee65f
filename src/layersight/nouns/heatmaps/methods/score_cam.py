"""Score-CAM.

Wang, Wang, Du, Yang, Zhang, Ding, Mardziel and Hu, "Score-CAM: Score-Weighted Visual Explanations
for Convolutional Neural Networks", CVPR Workshops 2020: each map of a layer, enlarged to the image
and brought to 0..1, masks the image, and the channel counts by what the network then says,

    H_k = N(enlarged A^k)          N(x) = (x - min x) / (max x - min x)
    s_k = y(X H_k + B (1 - H_k)) - y(B)
    alpha_k = exp(s_k) / sum_j exp(s_j)          L = ReLU(sum_k alpha_k A^k)

with B the baseline: black is the 0 of the paper. The exponentials are those of its algorithm 1.
They make y(B) cancel, so that it is never run; y is the number that is explained, a logit unless
the output is requested. The authors' code omits the exponentials and takes the probability itself
as alpha_k, so that its maps differ.

A channel whose map is constant has no N and counts 0, without a pass. Channels whose maps are the
same after N, to a millionth, share one pass. ``masks`` limits the channels to those whose values
have the greatest standard deviation over the positions, before N.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.placing import enlarge
from layersight.nouns.heatmaps.baselines import baseline
from layersight.nouns.heatmaps.methods.method import Images, Method, Request
from layersight.nouns.heatmaps.passes import (
    Indices,
    Rows,
    layer_maps,
    normalise,
    read_scores,
    rectify,
    strongest_indices,
    weighted_sum,
)

SAME = 1e-6  # the greatest difference between two maps of 0..1 that share a pass


def score_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    images, progress = request.images, request.progress
    values = layer_maps(request)
    chosen = [choose(maps, request.options.masks) for maps in values]
    distinct = [channels[channels == like] for channels, like in chosen]
    image_of = np.repeat(np.arange(len(images)), [len(channels) for channels in distinct])
    passes = Rows(np.concatenate(distinct), image_of).split(request.batch_size)
    progress(1, len(passes) + 1)
    nothing = baseline(images, request.options.baseline)
    buffer = np.empty((request.batch_size, *images.pixels.shape[1:]), np.float32)
    scores = np.full((len(images), values.shape[-1]), -np.inf)
    for done, rows in enumerate(passes, 2):
        masked = buffer[: len(rows)]
        valid = mask(images, nothing, values, rows, out=masked)
        part = read_scores(request, rows, masked)
        scores[rows.images[valid], rows.copies[valid]] = part[valid]
        progress(done, len(passes) + 1)
    weights = np.stack(
        [weigh(row, *channels) for channels, row in zip(chosen, scores, strict=True)]
    )
    return rectify(weighted_sum(values, weights))


@np.errstate(all="ignore")
def choose(maps: FloatArray, count: int) -> tuple[Indices, Indices]:
    """The strongest channels of ``(*positions, channel)``, all for 0, and for each its equal.

    That is the channel whose pass it shares, often itself.
    """
    scaled, varies = normalise(np.moveaxis(maps, -1, 0).copy())
    sizes = np.where(varies, maps.std(axis=tuple(range(maps.ndim - 1)), dtype=np.float64), 0)
    channels = strongest_indices(sizes, count)
    return channels, channels[find_equal(scaled[channels])]


@np.errstate(all="ignore")
def weigh(scores: NDArray[np.float64], channels: Indices, like: Indices) -> NDArray[np.float64]:
    """The weight of each channel by its score; minus infinity counts 0."""
    weights = np.zeros(len(scores))
    chosen = scores[like]
    if np.any(chosen > -np.inf):
        powers = np.exp(chosen - chosen.max())
        weights[channels] = powers / powers.sum()
    return weights


@np.errstate(all="ignore")
def find_equal(maps: FloatArray) -> Indices:
    """For each of ``(map, *positions)`` the index of one that is the same.

    Maps that are the same have the same mean, however the positions are weighted; so each map is
    only compared with those whose mean, by random weights, is as close.
    """
    shares = np.random.default_rng(0).random(maps.shape[1:])
    means = np.tensordot(maps.astype(np.float64), shares / shares.sum(), axes=shares.ndim)
    equal = np.arange(len(maps))
    distinct: list[int] = []
    for index in np.argsort(means, kind="stable").tolist():
        for other in reversed(distinct):
            if not means[index] - means[other] <= SAME:
                break
            if np.abs(maps[index] - maps[other]).max() <= SAME:
                equal[index] = other
                break
        if equal[index] == index:
            distinct.append(index)
    return equal


def mask(
    images: Images, nothing: FloatArray, values: FloatArray, rows: Rows, *, out: FloatArray
) -> NDArray[np.bool_]:
    """Writes the masked images of one batch to ``out``.

    Returns for each row whether its mask varies: where the image is smaller than the map, the
    resized map can be constant although the map is not.
    """
    varies = np.empty(len(rows), np.bool_)
    for image in np.unique(rows.images):
        indices = np.flatnonzero(rows.images == image)
        part = slice(indices[0], indices[-1] + 1)
        maps = np.moveaxis(values[image][..., rows.copies[part]], -1, 0)
        shares, varies[part] = normalise(enlarge(maps, images.size))
        blend(images.pixels[image], nothing[image], shares, out[part])
    return varies


@np.errstate(all="ignore")
def blend(pixels: FloatArray, nothing: FloatArray, shares: FloatArray, out: FloatArray) -> None:
    """The image where a mask is 1, the baseline where it is 0, ``(mask, *positions, channel)``.

    Channel by channel, so that NumPy's innermost loop runs along whole rows.
    """
    for channel in range(pixels.shape[-1]):
        difference = np.subtract(pixels[..., channel], nothing[..., channel], order="C")
        np.multiply(shares, difference, out=out[..., channel])
    if nothing.any():
        out += nothing


METHOD = Method(
    name="score-cam",
    order=80,
    title="Score-CAM",
    says="Adds the maps of a layer, each by the score of the image masked by it.",
    assumes="That a channel matters if the network knows the target where the channel is active.",
    misleads=(
        "The exponential of the score weighs: a few channels can decide all where scores differ "
        "much, and all count alike where they differ little, as probabilities do."
    ),
    source="Wang et al., CVPR Workshops 2020",
    compute=score_cam,
    passes=lambda options, images, channels: min(options.masks or channels, channels),
    uses=("masks", "baseline"),
    costly=True,
)
