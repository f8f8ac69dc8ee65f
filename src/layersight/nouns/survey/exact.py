"""Sums of floating-point numbers without rounding.

The rule of this module: a sum is a whole number of very small units, kept in digits of 32 bits, so
that it is the same to the last bit in whatever order and in whatever parts it was added up. (Such
sums are known as superaccumulators: Kulisch, Computer Arithmetic and Validity, 2013.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Digits = NDArray[np.int64]
Floats = NDArray[np.float64]

BASE = 32
"""Bits of a digit."""
MASK = (1 << BASE) - 1
SPARE = 26
"""Bits of the last digit that one number may take."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The resolution and the range of sums.

    Attributes:
        low: Sums are multiples of ``2 ** low``; each number is rounded to one before it is added.
        digits: How many digits there are; the last has 63 bits, so that they never overflow.
            Numbers beyond :attr:`limit` count as the limit.

    Example:
        >>> numbers = np.array([[1e16], [1.0], [-1e16]])
        >>> float(numbers.sum()), WIDE.value(WIDE.total(numbers)).tolist()
        (0.0, [1.0])
    """

    low: int
    digits: int

    @property
    def limit(self) -> float:
        """The greatest number that can be added."""
        top = (self.digits - 1) * BASE + SPARE + self.low
        return float(np.nextafter(np.ldexp(1.0, top), 0.0))

    def total(self, values: Floats) -> Digits:
        """The sums of numbers along their first axis.

        Args:
            values: ``(number, ...)`` float64, all finite; fewer than two million.

        Returns:
            ``(..., digit)`` int64, the lowest digit first, as :meth:`normalised` leaves them.
        """
        digits: Digits = np.zeros((*values.shape[1:], self.digits), np.int64)
        rest: Floats = np.clip(values, -self.limit, self.limit)
        exponent = int(np.frexp(np.abs(rest).max(initial=0))[1])
        # From the greatest digit on: what is taken and what is left are exact, and so are sums of
        # whole numbers below 2 ** 32.
        for digit in reversed(range(max(1, math.ceil((exponent - self.low) / BASE)))):
            unit = math.ldexp(1.0, self.low + BASE * digit)
            whole = rest * (1 / unit)
            (np.trunc if digit else np.rint)(whole, out=whole)
            digits[..., digit] = whole.sum(0)
            rest -= np.multiply(whole, unit, out=whole)
            if not rest.any():
                break
        return self.normalised(digits)

    def normalised(self, digits: Digits) -> Digits:
        """The only digits of a sum of which all but the last are from 0 to ``2 ** 32 - 1``."""
        digits = digits.copy()
        for digit in range(self.digits - 1):
            digits[..., digit + 1] += digits[..., digit] >> BASE
            digits[..., digit] &= MASK
        return digits

    def add(self, first: Digits, second: Digits) -> Digits:
        """The sum of two sums."""
        return self.normalised(first + second)

    def value(self, digits: Digits) -> Floats:
        """Sums as numbers, right to the last bits of float64."""
        negative = digits[..., -1] < 0
        size = np.where(negative[..., np.newaxis], self.normalised(-digits), digits)
        values: Floats = np.zeros(digits.shape[:-1])
        for digit in reversed(range(self.digits)):
            values += np.ldexp(size[..., digit].astype(np.float64), self.low + BASE * digit)
        return np.where(negative, -values, values)


WIDE = Unit(-256, 20)
"""For sums and sums of squares of any activations of float32."""
NARROW = Unit(-48, 3)
"""For the many sums of classes: numbers up to ``2 ** 42``, to 14 decimal places."""
