"""How alike two maps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray

WINDOW, SIGMA = 11, 1.5
"""The Gaussian window of the structural similarity, in pixels."""

STEADY = (0.01**2, 0.03**2)
"""What keeps its quotients from dividing by nothing, for maps of 0..1."""


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
