"""Score-CAM.

Wang, Wang, Du, Yang, Zhang, Ding, Mardziel and Hu, "Score-CAM: Score-Weighted Visual Explanations
for Convolutional Neural Networks", CVPR Workshops 2020: each map of a layer, enlarged to the image
and brought to 0..1, masks the image, and the channel counts by what the network then says,

    H_k = N(enlarged A^k)          N(x) = (x - min x) / (max x - min x)
    s_k = y(X H_k + B (1 - H_k)) - y(B)
    alpha_k = exp(s_k) / sum_j exp(s_j)          L = ReLU(sum_k alpha_k A^k)

with B the baseline: black is the 0 of the paper. The exponentials are those of its algorithm 1.
They make y(B) cancel, so that it is never run; and y is the number explained, a logit
unless the output is asked for. The authors' code leaves the exponentials out and takes the
probability itself as alpha_k, so that its maps differ.

A channel whose map is constant has no N and counts 0, without a pass. Channels whose maps are the
same after N, to a millionth, share one pass. Of ``masks`` channels those are taken whose values
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
    maps_of,
    normalise,
    read,
    rectified,
    strongest,
    weighted,
)

SAME = 1e-6  # how far two maps of 0..1 may be apart that share a pass


def score_cam(request: Request) -> FloatArray:
    """``(image, *positions)`` in the size of the layer; none below 0."""
    images, progress = request.images, request.progress
    values = maps_of(request)
    chosen = [choose(maps, request.options.masks) for maps in values]
    shown = [channels[channels == like] for channels, like in chosen]  # each kind of map once
    image_of = np.repeat(np.arange(len(images)), [len(each) for each in shown])
    passes = Rows(np.concatenate(shown), image_of).split(request.batch_size)
    progress(1, len(passes) + 1)
    nothing = baseline(images, request.options.baseline)
    buffer = np.empty((request.batch_size, *images.pixels.shape[1:]), np.float32)
    scores = np.full((len(images), values.shape[-1]), -np.inf)
    for place, rows in enumerate(passes):
        masked = buffer[: len(rows)]
        seen = mask(images, nothing, values, rows, out=masked)
        found = read(request, rows, masked)
        scores[rows.images[seen], rows.copies[seen]] = found[seen]
        progress(place + 2, len(passes) + 1)
    weights = np.stack([weigh(row, *one) for one, row in zip(chosen, scores, strict=True)])
    return rectified(weighted(values, weights))


@np.errstate(all="ignore")
def choose(maps: FloatArray, count: int) -> tuple[Indices, Indices]:
    """The strongest channels of ``(*positions, channel)``, all for 0, and what stands for each.

    That is the channel that is shown in its place, often itself.
    """
    scaled, ranged = normalise(np.moveaxis(maps, -1, 0).copy())
    sizes = np.where(ranged, maps.std(axis=tuple(range(maps.ndim - 1)), dtype=np.float64), 0)
    channels = strongest(sizes, count)
    return channels, channels[alike(scaled[channels])]


@np.errstate(all="ignore")
def weigh(scores: NDArray[np.float64], channels: Indices, like: Indices) -> NDArray[np.float64]:
    """The weight of each channel by its score; minus infinity counts 0."""
    weights = np.zeros(len(scores))
    mine = scores[like]
    if np.any(mine > -np.inf):
        powers = np.exp(mine - mine.max())
        weights[channels] = powers / powers.sum()
    return weights


@np.errstate(all="ignore")
def alike(maps: FloatArray) -> Indices:
    """For each of ``(map, *positions)`` the place of one that is the same.

    Maps that are the same have the same mean, however the positions are weighted; so each is
    compared with those alone whose mean, by some weights, is no further away.
    """
    shares = np.random.default_rng(0).random(maps.shape[1:])
    means = np.tensordot(maps.astype(np.float64), shares / shares.sum(), axes=shares.ndim)
    found = np.arange(len(maps))
    known: list[int] = []
    for place in np.argsort(means, kind="stable").tolist():
        for other in reversed(known):
            if not means[place] - means[other] <= SAME:
                break
            if np.abs(maps[place] - maps[other]).max() <= SAME:
                found[place] = other
                break
        if found[place] == place:
            known.append(place)
    return found


def mask(
    images: Images, nothing: FloatArray, values: FloatArray, rows: Rows, *, out: FloatArray
) -> NDArray[np.bool_]:
    """Makes the masked images of one batch in ``out``.

    Told is for each row whether its mask is one: where the image is smaller than the map, an
    enlarged map can be constant although the map is not.
    """
    seen = np.empty(len(rows), np.bool_)
    for image in np.unique(rows.images):
        mine = np.flatnonzero(rows.images == image)
        part = slice(mine[0], mine[-1] + 1)
        maps = np.moveaxis(values[image][..., rows.copies[part]], -1, 0)
        shares, seen[part] = normalise(enlarge(maps, images.size))
        blend(images.pixels[image], nothing[image], shares, out[part])
    return seen


@np.errstate(all="ignore")
def blend(pixels: FloatArray, nothing: FloatArray, shares: FloatArray, out: FloatArray) -> None:
    """The image where a mask is 1, the baseline where it is 0, ``(mask, *positions, channel)``.

    Colour by colour, so that NumPy's innermost loop runs along whole rows.
    """
    for colour in range(pixels.shape[-1]):
        apart = np.subtract(pixels[..., colour], nothing[..., colour], order="C")
        np.multiply(shares, apart, out=out[..., colour])
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
    passes=lambda options, size, channels: min(options.masks or channels, channels),
    uses=("masks", "baseline"),
    costly=True,
)
