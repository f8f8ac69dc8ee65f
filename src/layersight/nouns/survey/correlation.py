"""Correlations of channels over images, from the means of their maps.

The rule of this module: means become whole numbers before they are multiplied, so that products
are exact and add up in any order. The zero and the unit of a channel come from a few images spread
over the data set, before anything is counted; a mean that is much further from that zero than
theirs, and than those of the other channels, is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 22
"""Of a mean without its sign at most: products of a few hundred images are exact in float64."""
FINE = 15
"""How many of these the means of the first images take."""
RARE = 1 / 32
"""The least variation of a channel that its unit is made for, as a share of the greatest of its
layer: a channel nearly silent in the first images may be as strong as others in the rest."""
FINEST = 22
"""Bits of a mean that count: less is rounding, of a channel that is constant."""
NEIGHBOURS = 5
"""How many of the channels that correlate most with one are kept."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Units:
    """How the means of a layer are counted.

    Attributes:
        zeros: The mean of each channel that counts as 0.
        exponents: The unit of each channel, as a power of two.
        bits: How many bits a whole number may take, without its sign.
    """

    zeros: tuple[float, ...]
    exponents: tuple[int, ...]
    bits: int

    @classmethod
    def of(cls, means: NDArray[np.float64], count: int) -> Units:
        """From the means of a few images.

        Args:
            means: ``(image, channel)``.
            count: How many images there are, whose products are to fit into 63 bits.

        Example:
            >>> Units.of(np.array([[0.0, 3.0], [0.0, -5.0]]), 1_300_000)
            Units(zeros=(0.0, -1.0), exponents=(-17, -12), bits=20)
        """
        means = np.where(np.isfinite(means), means, 0)
        low, high = means.min(0, initial=np.inf), means.max(0, initial=-np.inf)
        low, high = (np.where(low > high, 0, end) for end in (low, high))
        spread, size = (high - low) / 2, np.maximum(np.abs(low), np.abs(high))
        greatest = spread.max(initial=0) or 1.0
        exponents = np.frexp(np.maximum(spread, greatest * RARE))[1] - FINE
        finest = np.where(size > 0, np.frexp(size)[1] - FINEST, exponents)
        return cls(
            tuple(((low + high) / 2).tolist()),
            tuple(np.maximum(exponents, finest).tolist()),
            min(BITS, (62 - count.bit_length()) // 2),
        )

    def whole(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means as whole numbers of their units, ``(image, channel)``."""
        limit = float((1 << self.bits) - 1)
        scaled = np.ldexp(means - np.array(self.zeros), -np.array(self.exponents))
        return np.clip(np.rint(np.where(np.isfinite(scaled), scaled, 0)), -limit, limit)


@dataclass(frozen=True, eq=False, slots=True)
class Products:
    """Sums over images of the means of the channels of two layers, or of one, and their products.

    Attributes:
        sums: ``(2, channel)`` int64: sums of both layers, the narrower one padded with 0.
        squares: ``(2, channel)`` int64: sums of squares.
        products: ``(channel of the first, channel of the second)`` int64.
    """

    sums: Ints
    squares: Ints
    products: Ints

    @classmethod
    def of(cls, first: NDArray[np.float64], second: NDArray[np.float64]) -> Products:
        """The sums of some images.

        Args:
            first: ``(image, channel)``, from :meth:`Units.whole`.
            second: Of the other layer.
        """
        width = max(first.shape[1], second.shape[1])
        sums, squares = (np.zeros((2, width), np.int64) for _ in range(2))
        for row, means in enumerate((first, second)):
            sums[row, : means.shape[1]] = means.sum(0)
            squares[row, : means.shape[1]] = (means * means).sum(0)
        # In float64 since that is quick; a few hundred products of 44 bits stay below 2 ** 53.
        return cls(sums, squares, (first.T @ second).astype(np.int64))

    def add(self, other: Products) -> Products:
        """The sums of both together."""
        return Products(
            self.sums + other.sums,
            self.squares + other.squares,
            self.products + other.products,
        )

    def correlations(self, images: int) -> NDArray[np.float64]:
        """``(channel of the first, channel of the second)``; NaN where one is constant."""
        rows, columns = self.products.shape
        first, second = self.sums[0, :rows].astype(float), self.sums[1, :columns].astype(float)
        # As Python's whole numbers, so that a constant channel has no spread at all.
        exact = images * self.squares.astype(object) - self.sums.astype(object) ** 2
        variance = exact.astype(np.float64)
        scale = np.sqrt(np.maximum(variance[0, :rows, np.newaxis] * variance[1, :columns], 0))
        covariance = images * self.products.astype(np.float64) - np.outer(first, second)
        correlations: NDArray[np.float64] = np.full((rows, columns), np.nan)
        np.divide(covariance, scale, out=correlations, where=scale > 0)
        return correlations.clip(-1, 1)


def strongest(
    correlations: NDArray[np.float64], *, same_layer: bool
) -> tuple[Ints, NDArray[np.float64]]:
    """The channels that correlate most with each, and how much: ``(channel, rank)``.

    Args:
        correlations: ``(channel, other)``.
        same_layer: Whether the others are the same channels, so that none is its own neighbour.

    Returns:
        The numbers of the others, -1 where there is none, and their correlations.
    """
    ranked = np.where(np.isfinite(correlations), correlations, -np.inf)
    if same_layer:
        np.fill_diagonal(ranked, -np.inf)
    length = min(NEIGHBOURS, ranked.shape[1] - same_layer)
    order = np.argsort(-ranked, axis=1, kind="stable")[:, :length]
    values = np.take_along_axis(ranked, order, 1)
    finite = np.isfinite(values)
    return np.where(finite, order, -1).astype(np.int64), np.where(finite, values, np.nan)
