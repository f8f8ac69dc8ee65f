"""Maps of a network whose weights are randomised, layer by layer from its output down.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS
2018: a map that shows the network has to change when its weights are replaced by random ones. A
map that stays the same shows the image, as an edge detector does.
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

STEADY = (0.01**2, 0.03**2)  # keep its quotients from dividing by 0, for maps of 0..1


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing theirs.

    A constant map has no ranks: it equals another constant map (1) and no other map (0).

    >>> round(rank_correlation(np.array([1, 2, 3]), np.array([10, 20, 15])), 6)
    0.5
    """
    first, second = (_ranks(values.ravel()) for values in (one, other))
    sizes = [float(np.sqrt(np.square(ranks).sum())) for ranks in (first, second)]
    if not all(sizes):
        return float(not any(sizes))
    return float(np.clip((first * second).sum() / (sizes[0] * sizes[1]), -1, 1))


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The ranks of values, less their mean; equal values share the mean of their ranks."""
    _, groups, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[groups.ravel()]
    return np.asarray(ranks - ranks.mean(), np.float64)


def structural_similarity(one: FloatArray, other: FloatArray) -> float:
    """The structural similarity (SSIM) of two maps of 0..1.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", IEEE TIP 2004: the mean, over all windows inside the maps, of

        (2 m n + c) (2 s_mn + d) / ((m^2 + n^2 + c) (s_m^2 + s_n^2 + d))

    for means m, n, variances s_m^2, s_n^2 and the covariance s_mn, weighted by a Gaussian of
    11 x 11 pixels with a standard deviation of 1.5; c = 0.01^2, d = 0.03^2.

    Args:
        one: ``(height, width)``, or the positions along other axes.
        other: Of the same shape.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    m, n = _window_means(first), _window_means(second)
    first_variance = _window_means(first * first) - m * m
    second_variance = _window_means(second * second) - n * n
    covariance = _window_means(first * second) - m * n
    luminance = (2 * m * n + STEADY[0]) / (m**2 + n**2 + STEADY[0])
    structure = (2 * covariance + STEADY[1]) / (first_variance + second_variance + STEADY[1])
    return float((luminance * structure).mean())


def _window_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted mean of every window inside a map."""
    for axis in range(values.ndim):
        side = min(WINDOW, values.shape[axis])
        offsets = np.arange(side) - (side - 1) / 2
        weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
        windows = np.lib.stride_tricks.sliding_window_view(values, side, axis)
        values = windows @ (weights / weights.sum())
    return values


def strength(values: FloatArray) -> FloatArray:
    """The strength of a map at each pixel: its absolute value as a share of the greatest, 0..1."""
    sizes = np.abs(np.asarray(values, np.float32))
    most = sizes.max(initial=0)
    return np.asarray(sizes / most if most > 0 else sizes, np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class Cascade:
    """The maps of a network whose weights are randomised from the output down.

    Attributes:
        layers: For each stage the layer nearest to the input that has random weights.
        counts: For each stage how many layers have random weights.
        before: ``(height, width)`` float32: the map of the trained network.
        maps: ``(stage, height, width)`` float32.
        ranks: ``(stage,)`` float32: Spearman's rank correlation of each map with :attr:`before`,
            both without their signs.
        structures: ``(stage,)`` float32: their structural similarity (SSIM), both without their
            signs and divided by their greatest values.
    """

    layers: tuple[str, ...]
    counts: tuple[int, ...]
    before: FloatArray
    maps: FloatArray
    ranks: FloatArray
    structures: FloatArray

    @property
    def likeness(self) -> float:
        """The mean rank correlation: 1 if the map stayed the same, 0 if nothing of it is left."""
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
    """Makes the map of a network again and again while its weights are randomised.

    Args:
        model: The network; it has its own weights again afterwards.
        images: One image.
        explain: Makes the map of ``(1, height, width, channel)`` with the present weights.
        layers: The layers with weights, in the order in which they run; see
            :func:`~layersight.nouns.heatmaps.metrics.bench.weighted_layers`.
        values: The map of the trained network, ``(height, width)``; ``None``: it is made.
        stages: How many times the map is made again: first with random weights in the last layer
            alone, then in evenly more layers.
        share: The share of the layers that have random weights in the end.
        seed: Of the random weights.
        progress: Called after each stage with how many are done and how many there are.

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
    for done, count in enumerate(counts, 1):
        with model.randomised(down[:count], seed):
            maps.append(np.asarray(explain(pixels)[0], np.float32))
        if progress is not None:
            progress(done, len(counts))
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
