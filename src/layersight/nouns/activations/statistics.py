"""Mean, deviation, extremes and zeros of every channel, and whether it is dead.

The rule of this module: a channel's numbers are those of its map alone, to the last bit,
whatever other channels and images stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.activations.result import ChannelStatistics

ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""A map whose range is within this share of its greatest value is constant but for the rounding
of float32 arithmetic (16 units in the last place)."""

ALMOST = np.nextafter(np.float32(1), np.float32(0))
"""The largest share below 1, for so many zeros that their share would round to 1."""


def measure(values: FloatArray) -> ChannelStatistics:
    """The statistics of every channel of every image.

    Args:
        values: ``(image, ..., channel)`` float32.

    Returns:
        Arrays ``(image, channel)``. Mean and standard deviation are those that
        ``numpy.mean`` and ``numpy.std`` give for one map alone, to the last bit.

    Example:
        >>> maps = np.zeros((1, 2, 2, 2), np.float32)
        >>> maps[0, 0, 0, 1] = 4
        >>> measure(maps).mean.tolist(), measure(maps).dead.tolist()
        ([[0.0, 1.0]], [[True, False]])
    """
    count, channels = values.shape[0], values.shape[-1]
    positions = values.size // max(1, count * channels)
    flat = np.moveaxis(values, -1, 1).reshape(count, channels, positions)
    shape = (count, channels)
    mean, std, low, high, sparsity = (np.zeros(shape, np.float32) for _ in range(5))
    for image in range(count):
        for start, stop in _blocks(channels, positions):
            part = np.ascontiguousarray(flat[image, start:stop])
            with np.errstate(invalid="ignore", over="ignore"):
                mean[image, start:stop] = part.mean(axis=1)
                std[image, start:stop] = part.std(axis=1)
            low[image, start:stop] = part.min(axis=1)
            high[image, start:stop] = part.max(axis=1)
            zeros = positions - np.count_nonzero(part, axis=1)
            share = np.float32(zeros / positions)
            sparsity[image, start:stop] = np.where(zeros < positions, np.minimum(share, ALMOST), 1)
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore", over="ignore"):
        spread = high - low
        largest = np.maximum(np.abs(high), np.abs(low))
    dead = finite & (spread <= ROUNDING * largest) & (positions > 1)
    return ChannelStatistics(mean, std, low, high, sparsity, dead, finite)


def measure_range(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The least and the greatest value of each image, ``(image,)``, of ``(image, ..., channel)``.

    A channel with a value that is no finite number does not count; NaN where none is left.
    """
    positions = tuple(range(1, values.ndim - 1))
    low, high = values.min(positions), values.max(positions)
    finite = np.isfinite(low) & np.isfinite(high)
    least = np.where(finite, low, np.inf).min(1)
    greatest = np.where(finite, high, -np.inf).max(1)
    least[~finite.any(1)] = greatest[~finite.any(1)] = np.nan
    return least.astype(np.float32), greatest.astype(np.float32)


def _blocks(channels: int, positions: int) -> Iterable[tuple[int, int]]:
    """Ranges of channels small enough for the processor's cache."""
    step = max(1, (1 << 17) // max(1, positions))
    return ((start, min(start + step, channels)) for start in range(0, channels, step))
