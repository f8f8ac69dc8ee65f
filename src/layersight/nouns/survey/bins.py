"""Counts of numbers in bins whose width is a share of the numbers.

A bin is all numbers of float32 with the same sign, exponent and first :data:`MANTISSA` bits of the
mantissa. This is the mapping of DDSketch with linear interpolation between powers of two (Masson,
Rim and Lee, DDSketch, VLDB 2019): a quantile is known to a relative error of :data:`ERROR`, and
counts of parts of the data add up to those of the whole, which sketches that draw at random cannot
promise. It needs no logarithm, so that no processor puts a number into another bin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray

MANTISSA = 6
PER_OCTAVE = 1 << MANTISSA
ERROR = 1 / (2 * PER_OCTAVE + 1)
"""How far a quantile may be off, as a share of its value: 0.8 %."""
LEAST, MOST = -40, 40
"""Numbers below ``2 ** LEAST`` count as 0, those from ``2 ** MOST`` on are in the last bin."""

_BASE = (127 + LEAST) << MANTISSA
_LAST = (MOST - LEAST) << MANTISSA


def keys_of(values: FloatArray) -> NDArray[np.int16]:
    """The bin of each number: 0 of zero, positive ones upwards, negative ones downwards.

    >>> keys_of(np.array([0, 1e-20, 1, 1.01, 1.02, -1], np.float32)).tolist()
    [0, 0, 2561, 2561, 2562, -2561]
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.int32)
    steps = ((bits & 0x7FFFFFFF) >> (23 - MANTISSA)) - (_BASE - 1)
    steps = np.clip(steps, 0, _LAST)
    signed: NDArray[np.int32] = np.where(bits < 0, -steps, steps)
    return signed.astype(np.int16)


def edges_of(keys: NDArray[np.int16]) -> NDArray[np.float64]:
    """The ends of bins, ``(bin, 2)``, the lesser first.

    >>> edges_of(np.array([0, 2561, -2561], np.int16)).tolist()
    [[0.0, 0.0], [1.0, 1.015625], [-1.015625, -1.0]]
    """
    steps = np.abs(keys.astype(np.int64)) - 1
    inner, outer = (_power(steps), _power(steps + 1))
    low = np.where(keys > 0, inner, -outer)
    high = np.where(keys > 0, outer, -inner)
    edges: NDArray[np.float64] = np.stack([low, high], -1)
    edges[keys == 0] = 0
    return edges


def _power(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    octave, step = np.divmod(steps, PER_OCTAVE)
    power: NDArray[np.float64] = np.ldexp(1 + step / PER_OCTAVE, octave + LEAST)
    return power


@dataclass(frozen=True, eq=False, slots=True)
class Bins:
    """How many numbers of each channel lie in which bin.

    Attributes:
        keys: ``(bin,)`` int16: the bins that hold anything of any channel, in order.
        counts: ``(channel, bin)`` int32.
    """

    keys: NDArray[np.int16]
    counts: NDArray[np.int32]

    @classmethod
    def empty(cls, channels: int) -> Bins:
        """Bins that hold nothing."""
        return cls(np.zeros(0, np.int16), np.zeros((channels, 0), np.int32))

    @classmethod
    def of(cls, values: FloatArray, counted: NDArray[np.bool_] | None = None) -> Bins:
        """Counts numbers.

        Args:
            values: ``(number, channel)`` float32.
            counted: Which of them count; ``None`` for all.
        """
        channels = values.shape[1]
        offset = _LAST + 1
        flat = keys_of(values).astype(np.int32) + offset
        present = np.bincount((flat if counted is None else flat[counted]).ravel())
        keys = np.flatnonzero(present)
        column = np.zeros(2 * offset + 1, np.int64)
        column[keys] = np.arange(len(keys))
        cells = column[flat] + np.arange(channels) * len(keys)
        counts = np.bincount(
            cells.ravel() if counted is None else cells[counted], minlength=channels * len(keys)
        )
        table = counts.reshape(channels, len(keys)).astype(np.int32)
        return cls((keys - offset).astype(np.int16), table)

    def add(self, other: Bins) -> Bins:
        """The counts of both together."""
        keys = np.union1d(self.keys, other.keys)
        counts = np.zeros((len(self.counts), len(keys)), np.int32)
        for bins in (self, other):
            counts[:, np.searchsorted(keys, bins.keys)] += bins.counts
        return Bins(keys, counts)

    def quantiles(self, shares: Sequence[float]) -> NDArray[np.float64]:
        """The quantiles of each channel, ``(channel, share)``.

        Of ``n`` sorted numbers it is the one with the index ``floor(share * (n - 1))``, to a
        relative error of :data:`ERROR`; NaN for a channel without any.
        """
        if not self.keys.size:
            return np.full((len(self.counts), len(shares)), np.nan)
        totals = self.counts.sum(1, dtype=np.int64)
        low, high = edges_of(self.keys).T
        # Of the numbers between a and b, 2ab / (a + b) has the least relative error.
        middles = np.divide(2 * low * high, low + high, out=np.zeros_like(low), where=low != 0)
        running = np.cumsum(self.counts, axis=1, dtype=np.int64)
        ranks = np.floor(np.asarray(shares) * (totals[:, np.newaxis] - 1)).astype(np.int64)
        bins = np.stack([(running <= column[:, np.newaxis]).sum(1) for column in ranks.T], 1)
        values = middles[np.minimum(bins, len(self.keys) - 1)]
        return np.where(totals[:, np.newaxis] > 0, values, np.nan)
