"""What is kept of the maps of one image: a few numbers for each channel.

The rule of this module: the numbers of an image are found from its maps alone, in one fixed order,
whatever other images went through the network with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray

Ints = NDArray[np.int32]
CACHED = 1 << 15
"""Numbers that are worked on at once: few enough for a processor's second cache."""


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """A row for each image, a column for each channel.

    Attributes:
        peak: ``(image, channel)`` float32: the greatest activation of the map.
        position: Where it is, counted along the axes of the map, int32; of several the one whose
            last axis is least, then its last but one: of maps the leftmost, then the topmost.
        low: The least activation.
        mean: The mean activation, float64.
        spread: The sum of squared differences from that mean, float64.
        zeros: How many activations are exactly 0, int32.
        known: Whether all activations are finite numbers.
    """

    peak: FloatArray
    position: Ints
    low: FloatArray
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    zeros: Ints
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.peak)

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of several groups of images."""
        if len(parts) == 1:
            return parts[0]
        joined = (np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls))
        return cls(*joined)


def rows_of(values: FloatArray) -> Rows:
    """The rows of some images.

    Args:
        values: ``(image, ..., channel)`` float32: what a layer gives.

    Example:
        >>> maps = np.zeros((1, 2, 3, 1), np.float32)
        >>> maps[0, 1, 2] = 6
        >>> rows = rows_of(maps)
        >>> rows.peak.item(), rows.position.item(), rows.mean.item(), rows.zeros.item()
        (6.0, 5, 1.0, 5)
    """
    values = np.ascontiguousarray(values, np.float32)
    count, channels = len(values), values.shape[-1]
    shape = (count, channels)
    found = Rows(
        peak=np.empty(shape, np.float32),
        position=np.zeros(shape, np.int32),
        low=np.empty(shape, np.float32),
        mean=np.empty(shape, np.float64),
        spread=np.zeros(shape, np.float64),
        zeros=np.empty(shape, np.int32),
        known=np.empty(shape, np.bool_),
    )
    with np.errstate(all="ignore"):
        if values.ndim == 2:
            for array in (found.peak, found.low, found.mean):
                array[...] = values
            np.equal(values, 0, out=found.zeros, casting="unsafe")
        else:
            high = values.shape[1]
            scratch = _Scratch.of(values[0].size // high, channels)
            for index, one in enumerate(values.reshape(count, high, -1)):
                _fill(found, index, one, scratch)
        np.isfinite(found.peak, out=found.known)
        # A sum of numbers all of which are finite can only be infinite by overflow.
        found.known[...] &= np.isfinite(found.low) & np.isfinite(found.spread)
    found.peak[...] = np.where(found.known, found.peak + np.float32(0), 0)  # no negative zero
    for name in ("low", "mean", "spread", "position", "zeros"):
        getattr(found, name)[~found.known] = 0
    return found


@dataclass(frozen=True, eq=False, slots=True)
class _Scratch:
    """Memory for the work on a few rows of a map, which stays in a processor's cache.

    Attributes:
        rows: How many rows.
        apart: ``(row, others)`` float32.
        zero: ``(row, others)``.
        sums: ``(4, others)`` float32: greatest, least, sum, sum of squares.
        zeros: ``(others,)`` int32.
        short: ``(others,)`` uint8.
    """

    rows: int
    apart: FloatArray
    zero: NDArray[np.bool_]
    sums: FloatArray
    zeros: Ints
    short: NDArray[np.uint8]

    @classmethod
    def of(cls, others: int, channels: int) -> _Scratch:
        """For maps with so many numbers along all axes but the first."""
        rows = max(4, min(CACHED // max(1, others), 255))
        return cls(
            rows,
            np.empty((rows, others), np.float32),
            np.empty((rows, others), np.bool_),
            np.empty((4, others), np.float32),
            np.empty(others, np.int32),
            np.empty(others, np.uint8),
        )


def _fill(found: Rows, index: int, one: FloatArray, scratch: _Scratch) -> None:
    """The row of one image.

    Args:
        found: Gets it.
        index: Of the image.
        one: ``(first axis, all others)``; along the first everything is done for all channels and
            all other positions at once, which is what processors are quick at.
        scratch: For as many of the others.
    """
    high, channels = len(one), found.peak.shape[1]
    across = one.shape[1] // channels
    each = np.arange(channels)
    (tops, lows, total, squares), zeros = scratch.sums, scratch.zeros
    # Differences from about the mean are small, so that little is lost in adding them; of most
    # maps zero is as good.
    middle = one[high // 2].reshape(across, channels)
    about = middle.mean(0)
    near = not np.any(np.abs(about) > middle.max(0) - middle.min(0))
    tiled = None if near else np.tile(about, across)
    for start in range(0, high, scratch.rows):
        part = one[start : start + scratch.rows]
        apart, zero = scratch.apart[: len(part)], scratch.zero[: len(part)]
        if start == 0:
            part.max(0, out=tops)
            part.min(0, out=lows)
            total.fill(0)
            squares.fill(0)
            zeros.fill(0)
        else:
            np.maximum(tops, part.max(0), out=tops)
            np.minimum(lows, part.min(0), out=lows)
        given = part if tiled is None else np.subtract(part, tiled, out=apart)
        total += given.sum(0)
        squares += np.multiply(given, given, out=apart).sum(0)
        np.equal(part, 0, out=zero)
        zeros += np.add.reduce(zero.view(np.uint8), axis=0, out=scratch.short)
    maps, least = tops.reshape(across, channels), lows.reshape(across, channels)
    column = maps.argmax(0)
    found.peak[index] = maps[column, each]
    row = one[:, column * channels + each].argmax(0)
    found.position[index] = row * across + column
    found.low[index] = least.min(0)
    positions = high * across
    offset = 0 if near else about
    sums = total.reshape(across, channels).sum(0, dtype=np.float64)
    squared = squares.reshape(across, channels).sum(0, dtype=np.float64)
    found.mean[index] = offset + sums / positions
    found.spread[index] = np.maximum(squared - sums * sums / positions, 0)
    found.zeros[index] = zeros.reshape(across, channels).sum(0)
