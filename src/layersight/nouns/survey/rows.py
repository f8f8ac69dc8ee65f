"""Statistics of the maps of one image: a few numbers for each channel.

The rule of this module: the numbers of an image depend on its maps alone, and are computed in one
fixed order, whatever other images went through the network with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray

Ints = NDArray[np.int32]
CACHED = 1 << 17
"""Numbers in a block: few enough for a processor's second cache."""
SIGN = 1 << 31
"""The sign bit of a float32."""


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Statistics with a row for each image and a column for each channel.

    Attributes:
        peak: ``(image, channel)`` float32: the greatest activation of the map.
        position: Its index in the flattened map, int32; of several positions the leftmost, then
            the topmost: the one whose index is least along the last axis, then the last but one.
        low: The least activation.
        mean: The mean activation, float64.
        spread: The sum of squared differences from that mean, float64.
        zeros: How many activations are exactly 0, int32.
        finite: Whether all activations are finite numbers.
    """

    peak: FloatArray
    position: Ints
    low: FloatArray
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    zeros: Ints
    finite: NDArray[np.bool_]

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
    """Computes the rows of images.

    Args:
        values: ``(image, ..., channel)`` float32: the output of a layer.

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
    rows = Rows(
        peak=np.empty(shape, np.float32),
        position=np.zeros(shape, np.int32),
        low=np.empty(shape, np.float32),
        mean=np.empty(shape, np.float64),
        spread=np.zeros(shape, np.float64),
        zeros=np.empty(shape, np.int32),
        finite=np.empty(shape, np.bool_),
    )
    with np.errstate(all="ignore"):
        if values.ndim == 2:
            for array in (rows.peak, rows.low, rows.mean):
                array[...] = values
            np.equal(values, 0, out=rows.zeros, casting="unsafe")
        else:
            high = values.shape[1]
            scratch, signed = _Scratch.of(values[0].size // high), False
            for index, maps in enumerate(values.reshape(count, high, -1)):
                signed = _fill(rows, index, maps, scratch, signed=signed)
        np.isfinite(rows.peak, out=rows.finite)
        # A sum of numbers all of which are finite can only be infinite by overflow.
        rows.finite[...] &= np.isfinite(rows.low) & np.isfinite(rows.spread)
    rows.peak[...] = np.where(rows.finite, rows.peak + np.float32(0), 0)  # no negative zero
    for name in ("low", "mean", "spread", "position", "zeros"):
        getattr(rows, name)[~rows.finite] = 0
    return rows


@dataclass(frozen=True, eq=False, slots=True)
class _Scratch:
    """Memory for the work on a few rows of a map, which stays in a processor's cache.

    Attributes:
        differences: ``(row, others)`` float32.
        zero: ``(row, others)``.
        short: ``(others,)`` uint8: as many zeros as there are rows at most.
    """

    differences: FloatArray
    zero: NDArray[np.bool_]
    short: NDArray[np.uint8]

    @classmethod
    def of(cls, others: int) -> _Scratch:
        """Memory for maps with ``others`` numbers along all axes but the first."""
        shape = (max(4, min(CACHED // max(1, others), 255)), others)
        return cls(np.empty(shape, np.float32), np.empty(shape, np.bool_), np.empty(others, "u1"))


def _fill(rows: Rows, index: int, maps: FloatArray, scratch: _Scratch, *, signed: bool) -> bool:
    """Computes the row of one image; returns whether its maps were searched for the least values.

    Args:
        rows: The rows of all images.
        index: The row of the image.
        maps: ``(first axis, all others)``; along the first everything is done for all channels and
            all other positions at once, which is fast on processors.
        scratch: Memory for as many of the others.
        signed: Whether to search for the least values from the start. The bits of numbers without
            a sign, as rectifiers give, are in the order of the numbers, and the greatest of them
            shows that there is no sign: then the least value is 0 wherever there is a zero.
    """
    (high, others), channels = maps.shape, rows.peak.shape[1]
    across = others // channels
    # Differences from about the mean are small, so that little is lost in adding them; of most
    # maps zero is as good.
    middle = maps[high // 2].reshape(across, channels)
    about = middle.mean(0)
    near = not np.any(np.abs(about) > middle.max(0) - middle.min(0))
    tiled = None if near else np.tile(about, across)
    values = maps if signed else maps.view(np.uint32)
    tops, lows = values[0].copy(), maps[0].copy()
    total, squares = np.zeros((2, others), np.float32)
    zeros = np.zeros(others, np.int32)
    size = len(scratch.zero)
    for start in range(0, high, size):
        block = maps[start : start + size]
        differences, zero = scratch.differences[: len(block)], scratch.zero[: len(block)]
        np.maximum(tops, values[start : start + size].max(0), out=tops)
        if signed:
            np.minimum(lows, block.min(0), out=lows)
        elif tops.max() >= SIGN:
            return _fill(rows, index, maps, scratch, signed=True)
        centred = block if tiled is None else np.subtract(block, tiled, out=differences)
        total += centred.sum(0)
        squares += np.einsum("ij,ij->j", centred, centred)
        np.equal(block, 0, out=zero)
        zeros += np.add.reduce(zero.view(np.uint8), axis=0, out=scratch.short)
    peaks = tops.view(np.float32).reshape(across, channels)
    column = peaks.argmax(0)
    numbers = np.arange(channels)
    rows.peak[index] = peaks[column, numbers]
    row = maps[:, column * channels + numbers].argmax(0)
    rows.position[index] = row * across + column
    positions = high * across
    offset = 0 if near else about
    sums, squared, empty = (
        array.reshape(across, channels).sum(0, dtype=kind)
        for array, kind in ((total, np.float64), (squares, np.float64), (zeros, np.int32))
    )
    full = np.flatnonzero(empty == 0)
    if not signed and full.size * 16 > channels:
        signed, lows = True, maps.min(0)
    if signed:
        rows.low[index] = lows.reshape(across, channels).min(0)
    else:
        rows.low[index] = 0
        rows.low[index, full] = maps.reshape(positions, channels)[:, full].min(0)
    rows.mean[index] = offset + sums / positions
    rows.spread[index] = np.maximum(squared - sums * sums / positions, 0)
    rows.zeros[index] = empty
    return signed
