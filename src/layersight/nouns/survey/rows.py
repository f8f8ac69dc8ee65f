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
            scratch, signed = _Scratch.of(values[0].size // high), False
            for index, one in enumerate(values.reshape(count, high, -1)):
                signed = _fill(found, index, one, scratch, signed=signed)
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
        apart: ``(row, others)`` float32.
        zero: ``(row, others)``.
        short: ``(others,)`` uint8: as many zeros as there are rows at most.
    """

    apart: FloatArray
    zero: NDArray[np.bool_]
    short: NDArray[np.uint8]

    @classmethod
    def of(cls, others: int) -> _Scratch:
        """For maps with so many numbers along all axes but the first."""
        shape = (max(4, min(CACHED // max(1, others), 255)), others)
        return cls(np.empty(shape, np.float32), np.empty(shape, np.bool_), np.empty(others, "u1"))


def _fill(found: Rows, index: int, one: FloatArray, scratch: _Scratch, *, signed: bool) -> bool:
    """The row of one image, and whether the least had to be looked for in the whole of it.

    Args:
        found: Gets it.
        index: Of the image.
        one: ``(first axis, all others)``; along the first everything is done for all channels and
            all other positions at once, which is what processors are quick at.
        scratch: For as many of the others.
        signed: Whether to look for it from the start. Of numbers without a sign, which is what
            rectifiers give, the bits are in the order of the numbers, and the greatest of the bits
            tells that there is no sign: then the least is 0 wherever there is a zero.
    """
    (high, others), channels = one.shape, found.peak.shape[1]
    across = others // channels
    # Differences from about the mean are small, so that little is lost in adding them; of most
    # maps zero is as good.
    middle = one[high // 2].reshape(across, channels)
    about = middle.mean(0)
    near = not np.any(np.abs(about) > middle.max(0) - middle.min(0))
    tiled = None if near else np.tile(about, across)
    values = one if signed else one.view(np.uint32)
    tops, lows = values[0].copy(), one[0].copy()
    total, squares = np.zeros((2, others), np.float32)
    zeros = np.zeros(others, np.int32)
    rows = len(scratch.apart)
    for start in range(0, high, rows):
        part = one[start : start + rows]
        apart, zero = scratch.apart[: len(part)], scratch.zero[: len(part)]
        np.maximum(tops, values[start : start + rows].max(0), out=tops)
        if signed:
            np.minimum(lows, part.min(0), out=lows)
        elif tops.max() >= SIGN:
            return _fill(found, index, one, scratch, signed=True)
        given = part if tiled is None else np.subtract(part, tiled, out=apart)
        total += given.sum(0)
        squares += np.einsum("ij,ij->j", given, given)
        np.equal(part, 0, out=zero)
        zeros += np.add.reduce(zero.view(np.uint8), axis=0, out=scratch.short)
    maps = tops.view(np.float32).reshape(across, channels)
    column = maps.argmax(0)
    each = np.arange(channels)
    found.peak[index] = maps[column, each]
    row = one[:, column * channels + each].argmax(0)
    found.position[index] = row * across + column
    positions = high * across
    offset = 0 if near else about
    sums, squared, empty = (
        part.reshape(across, channels).sum(0, dtype=kind)
        for part, kind in ((total, np.float64), (squares, np.float64), (zeros, np.int32))
    )
    full = np.flatnonzero(empty == 0)
    if not signed and full.size * 16 > channels:
        signed, lows = True, one.min(0)
    if signed:
        found.low[index] = lows.reshape(across, channels).min(0)
    else:
        found.low[index] = 0
        found.low[index, full] = one.reshape(positions, channels)[:, full].min(0)
    found.mean[index] = offset + sums / positions
    found.spread[index] = np.maximum(squared - sums * sums / positions, 0)
    found.zeros[index] = empty
    return signed
