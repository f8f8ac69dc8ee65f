"""The path from a baseline to an image, in parts, finer where the gradient says too little.

The rule of this module: numbers between 0 and 1, scores and gradients; no image and no network.
The integral of the gradient along the path is the midpoint rule over parts of any length. Since it
also has to be what the score gains, the error can be found where it arises: between the middles of
two neighbours the score gains something, the two gradients say something else. The parts where
that differs most are cut in three, so that the old middle is a middle again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[np.float64]


class AdaptivePath:
    """A path in parts, all of one length at first.

    Args:
        steps: How many parts.
        start: The score at its start.
        end: At its end.

    Attributes:
        places: Where a gradient is wanted next, each between 0 and 1.
        shares: What each of these gradients counts in the integral. Of a part that was cut the
            middle is asked for again, to take back what it counted too much.

    Example:
        >>> path = AdaptivePath(2, 0.0, 1.0)
        >>> path.places.tolist(), path.shares.tolist()
        ([0.25, 0.75], [0.5, 0.5])
        >>> path.take(0, 0.0, 0.0), path.take(1, 0.0, 0.0)
        (None, None)
        >>> path.cut(1)
        >>> path.places.round(3).tolist(), len(path)
        ([0.583, 0.75, 0.917], 4)
    """

    def __init__(self, steps: int, start: float, end: float) -> None:
        self._ends = start, end
        self._lengths = np.full(steps, 1 / steps)
        self._middles = (np.arange(steps) + 0.5) / steps
        self._scores = np.zeros(steps)
        self._gradients = np.zeros(steps)
        self._asked = np.arange(steps)
        self.shares = self._lengths

    def __len__(self) -> int:
        return len(self._middles)

    @property
    def places(self) -> Exact:
        """Where a gradient is wanted next."""
        return self._middles[self._asked]

    def take(self, number: int, score: float, gradient: float) -> None:
        """Notes what was found at one of the places.

        Args:
            number: Which of :attr:`places`.
            score: The score there.
            gradient: How fast it grows along the path, 1 from start to end.
        """
        part = self._asked[number]
        self._scores[part], self._gradients[part] = score, gradient

    def cut(self, count: int) -> None:
        """Cuts the parts in three that seem the most wrong, and asks for their middles."""
        worst = np.argsort(-self._doubts(), kind="stable")[:count]
        pieces = np.ones(len(self), int)
        pieces[worst] = 3
        of = np.repeat(np.arange(len(self)), pieces)
        within = np.concatenate([np.arange(piece) for piece in pieces])
        lengths = self._lengths[of] / pieces[of]
        self._asked = np.flatnonzero(pieces[of] == 3)
        again = within[self._asked] == 1
        self.shares = lengths[self._asked] - again * self._lengths[of][self._asked]
        self._middles = self._middles[of] + (within - (pieces[of] - 1) / 2) * lengths
        self._lengths = lengths
        self._scores, self._gradients = self._scores[of], self._gradients[of]

    def _doubts(self) -> Exact:
        """Of each part how far gradients and scores disagree towards both its neighbours."""
        halves = self._lengths * self._gradients / 2
        scores = np.concatenate([self._ends[:1], self._scores, self._ends[1:]])
        expected = np.concatenate([[0.0], halves]) + np.concatenate([halves, [0.0]])
        gaps = np.abs(np.diff(scores) - expected)
        found: Exact = gaps[:-1] + gaps[1:]
        return found
