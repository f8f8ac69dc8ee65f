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
    if values.ndim < 3:
        values = values.reshape(len(values), 1, 1, -1)
    count, high, channels = len(values), values.shape[1], values.shape[-1]
    flat = values.reshape(count, high, -1)
    shape = (count, channels)
    found = Rows(
        peak=np.empty(shape, np.float32),
        position=np.empty(shape, np.int32),
        low=np.empty(shape, np.float32),
        mean=np.empty(shape, np.float64),
        spread=np.empty(shape, np.float64),
        zeros=np.empty(shape, np.int32),
        known=np.empty(shape, np.bool_),
    )
    scratch = np.empty(flat.shape[1:], np.float32), np.empty(flat.shape[1:], bool)
    with np.errstate(all="ignore"):
        for index, one in enumerate(flat):
            _fill(found, index, one, values[index].reshape(high, -1, channels), scratch)
        np.isfinite(found.peak, out=found.known)
        # A sum of numbers all of which are finite can only be infinite by overflow.
        found.known[...] &= np.isfinite(found.low) & np.isfinite(found.spread)
    found.peak[...] = np.where(found.known, found.peak + np.float32(0), 0)  # no negative zero
    for array in (found.low, found.mean, found.spread, found.position, found.zeros):
        array[~found.known] = 0
    return found


def _fill(
    found: Rows,
    index: int,
    one: FloatArray,
    maps: FloatArray,
    scratch: tuple[FloatArray, NDArray[np.bool_]],
) -> None:
    """The row of one image.

    Args:
        found: Gets it.
        index: Of the image.
        one: ``(first axis, all others)``; along the first everything is done for all channels and
            all other positions at once, which is what processors are quick at.
        maps: The same as ``(first axis, other positions, channel)``.
        scratch: As large as ``one``.
    """
    apart, zero = scratch
    high, across, channels = maps.shape
    each = np.arange(channels)
    tops = one.max(0).reshape(across, channels)
    column = tops.argmax(0)
    found.peak[index] = tops[column, each]
    row = maps[:, column, each].argmax(0)
    found.position[index] = row * across + column
    found.low[index] = one.min(0).reshape(across, channels).min(0)
    # Differences from about the mean are small, so that little is lost in adding them.
    about = maps[high // 2].mean(0)
    np.subtract(one, np.tile(about, across), out=apart)
    total = _down(apart, channels)
    np.multiply(apart, apart, out=apart)
    squares = _down(apart, channels)
    positions = high * across
    found.mean[index] = about + total / positions
    found.spread[index] = np.maximum(squares - total * total / positions, 0)
    np.equal(one, 0, out=zero)
    short = np.uint8 if high < 256 else np.uint32
    zeros = np.add.reduce(zero.view(np.uint8), axis=0, dtype=short)
    found.zeros[index] = zeros.reshape(across, channels).sum(0)


def _down(values: FloatArray, channels: int) -> NDArray[np.float64]:
    """The sum for each channel."""
    sums: NDArray[np.float64] = values.sum(0).reshape(-1, channels).sum(0, dtype=np.float64)
    return sums
