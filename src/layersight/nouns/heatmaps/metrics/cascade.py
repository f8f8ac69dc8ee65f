"""A network loses what it has learned, layer by layer from its output down, and a map beside it.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS
2018: what shows a network has to change when its weights are replaced by random ones. A map that
stays as it was shows the image, as an edge detector does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.errors import SelectionError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.methods.method import Images, Progress
from layersight.nouns.heatmaps.metrics.bench import Explain

WINDOW, SIGMA = 11, 1.5  # the Gaussian window of the structural similarity, in pixels

STEADY = (0.01**2, 0.03**2)  # what keeps its quotients from dividing by nothing, for maps of 0..1


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing theirs.

    A map that is the same everywhere has no ranks: it is like another such map (1) and like
    no other map (0).

    >>> round(rank_correlation(np.array([1, 2, 3]), np.array([10, 20, 15])), 6)
    0.5
    """
    first, second = (_ranks(values.ravel()) for values in (one, other))
    sizes = [float(np.sqrt(np.square(ranks).sum())) for ranks in (first, second)]
    if not all(sizes):
        return float(not any(sizes))
    return float(np.clip((first * second).sum() / (sizes[0] * sizes[1]), -1, 1))


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The ranks of values about their mean; equal values get the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places.ravel()]
    return np.asarray(ranks - ranks.mean(), np.float64)


def structural_similarity(one: FloatArray, other: FloatArray) -> float:
    """The structural similarity (SSIM) of two maps of 0..1.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", IEEE TIP 2004: the mean over all windows that lie within of

        (2 m n + c) (2 s_mn + d) / ((m^2 + n^2 + c) (s_m^2 + s_n^2 + d))

    for means m, n, variances s_m^2, s_n^2 and the covariance s_mn, weighted by a Gaussian of
    11 x 11 pixels with a standard deviation of 1.5; c = 0.01^2, d = 0.03^2.

    Args:
        one: ``(height, width)``, or the positions along other axes.
        other: Of the same shape.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    mean, wanted = _blur(first), _blur(second)
    spread = _blur(first * first) - mean * mean
    other_spread = _blur(second * second) - wanted * wanted
    together = _blur(first * second) - mean * wanted
    light = (2 * mean * wanted + STEADY[0]) / (mean**2 + wanted**2 + STEADY[0])
    form = (2 * together + STEADY[1]) / (spread + other_spread + STEADY[1])
    return float((light * form).mean())


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over every window that lies within."""
    for axis in range(values.ndim):
        side = min(WINDOW, values.shape[axis])
        places = np.arange(side) - (side - 1) / 2
        weights = np.exp(-(places**2) / (2 * SIGMA**2))
        windows = np.lib.stride_tricks.sliding_window_view(values, side, axis)
        values = windows @ (weights / weights.sum())
    return values


def strength(values: FloatArray) -> FloatArray:
    """How strong a map is at each pixel, 0..1: its size without its sign, over the greatest."""
    found = np.abs(np.asarray(values, np.float32))
    most = found.max(initial=0)
    return np.asarray(found / most if most > 0 else found, np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class Cascade:
    """The map of a network that loses what it has learned, from the output down.

    Attributes:
        layers: For each stage the layer nearest to the input whose weights were drawn anew.
        counts: How many layers those are then.
        before: ``(height, width)`` float32: the map of the network as it was.
        maps: ``(stage, height, width)`` float32.
        ranks: ``(stage,)`` float32: Spearman's rank correlation of each with the first, without
            their signs.
        structures: ``(stage,)`` float32: their structural similarity (SSIM), without their signs,
            each over its greatest value.
    """

    layers: tuple[str, ...]
    counts: tuple[int, ...]
    before: FloatArray
    maps: FloatArray
    ranks: FloatArray
    structures: FloatArray

    @property
    def likeness(self) -> float:
        """The mean rank correlation: 1 if the map stayed as it was, 0 if nothing is left."""
        return float(self.ranks.mean())


def cascade(
    model: Differentiable,
    images: Images,
    explain: Explain,
    *,
    layers: Sequence[str],
    values: FloatArray | None = None,
    stages: int = 8,
    share: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Cascade:
    """The maps of a network whose weights are drawn anew, from the output down.

    Args:
        model: The network; it has its own weights again afterwards.
        images: One image.
        explain: Makes the map of ``(1, height, width, channel)`` with the network as it is.
        layers: The layers with weights, in the order in which they run; see
            :func:`~layersight.nouns.heatmaps.metrics.bench.weighted_layers`.
        values: The map before, ``(height, width)``; ``None``: it is made.
        stages: How many times the map is made anew: first after the last layer alone, then
            after evenly more.
        share: Of the layers, how many are drawn anew in the end.
        seed: Of what is drawn.
        progress: Told after each stage how many are done and how many there are.

    Raises:
        SelectionError: No layer has weights.
    """
    if not layers:
        raise SelectionError("no layer has weights: there is nothing to draw anew")
    pixels = images.pixels
    before = explain(pixels)[0] if values is None else values
    down = list(layers)[::-1]
    last = max(1.0, share * len(down))
    counts = np.unique(np.rint(np.linspace(1, last, stages)).astype(int)).tolist()
    maps = []
    for place, count in enumerate(counts, 1):
        with model.randomised(down[:count], seed):
            maps.append(np.asarray(explain(pixels)[0], np.float32))
        if progress is not None:
            progress(place, len(counts))
    first = strength(before)
    return Cascade(
        layers=tuple(down[count - 1] for count in counts),
        counts=tuple(counts),
        before=np.asarray(before, np.float32),
        maps=np.stack(maps),
        ranks=np.array([rank_correlation(first, strength(each)) for each in maps], np.float32),
        structures=np.array(
            [structural_similarity(first, strength(each)) for each in maps], np.float32
        ),
    )
