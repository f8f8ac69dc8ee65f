"""Several parts of a batch that climb at the same time.

A pass through a network does not keep all cores of a processor busy: some of its operations run on
one, and each waits for the slowest part of the one before. Two halves of a batch that climb beside
each other fill each other's gaps.

The rule of this module: the first of every kind of work runs alone, since it is what is compiled,
and while a step is traced activations may be replaced on the layers themselves
(:mod:`layersight.frameworks.keras.ascent.leak`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Ascent, StepResult
from layersight.frameworks.keras.ascent.session import KerasOptimisation
from layersight.frameworks.keras.backends import is_near

T = TypeVar("T")

LANES = 2
"""How many parts climb at once; the same on every processor, so that the bytes are too."""

LEAST = 4
"""How many patterns a part has at least: SqueezeNet on TensorFlow takes a third longer for an image
in parts of two, and no longer in parts of four."""


def lanes_of(ascent: Ascent) -> int:
    """In how many parts a batch climbs, none of which tears a group apart."""
    groups = ascent.batch // ascent.group
    return LANES if ascent.batch >= LANES * LEAST and groups >= LANES else 1


def lane_size(ascent: Ascent, lanes: int) -> int:
    """How many slots each of some lanes has; together they may have a few more than needed."""
    groups = ascent.batch // ascent.group
    return -(-groups // lanes) * ascent.group


class Lanes:
    """An optimisation made of several that each have some of the slots.

    Args:
        first: The climb of the first slots, of :func:`lane_size`.
        count: How many climb beside each other.
        batch: How many slots there are in all.
    """

    def __init__(self, first: KerasOptimisation, count: int, batch: int) -> None:
        self._climbs = [first, *(first.beside() for _ in range(count - 1))]
        self._size = first.batch
        self._batch = batch
        self._pool = ThreadPoolExecutor(count - 1)
        self._known: set[tuple[str, bool]] = set()

    def begin(
        self, slot: int, parameters: Mapping[str, FloatArray], weights: Sequence[FloatArray]
    ) -> None:
        """Puts a pattern at its start into a slot."""
        self._climbs[slot // self._size].begin(slot % self._size, parameters, weights)

    def step(
        self, placements: FloatArray | None, leaking: FloatArray, rates: FloatArray
    ) -> StepResult:
        """Takes one step with every slot; a lane in which nothing climbs rests."""
        leaks, speeds = self._parts(leaking), self._parts(rates)
        nothing = np.zeros(self._size, np.float32)

        def take(lane: int) -> StepResult:
            if not speeds[lane].any():
                return StepResult(nothing, nothing)
            return self._climbs[lane].step(placements, leaks[lane], speeds[lane])

        apart = bool(leaking.any())
        near = placements is not None and is_near(placements)
        rungs = self._all(("step", near), take, apart=apart)
        return StepResult(
            np.concatenate([rung.values for rung in rungs])[: self._batch],
            np.concatenate([rung.slopes for rung in rungs])[: self._batch],
        )

    def measure(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        """What the probes find of canvases, before any weights."""
        parts = self._parts(canvas)
        found = self._all(
            ("measure", False), lambda n: self._climbs[n].measure(parts[n], placement)
        )
        return tuple(np.concatenate(one)[: self._batch] for one in zip(*found, strict=True))

    def canvas(self) -> FloatArray:
        """The canvas of every slot."""
        return np.concatenate([climb.canvas() for climb in self._climbs])[: self._batch]

    def attention(self) -> FloatArray:
        """Where the gradient was, summed over the steps."""
        return np.concatenate([climb.attention() for climb in self._climbs])[: self._batch]

    def _parts(self, array: FloatArray) -> list[FloatArray]:
        """What of an array with one entry for each slot belongs to each lane."""
        more = len(self._climbs) * self._size - len(array)
        filled = np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])
        return np.split(filled, len(self._climbs))

    def _all(
        self, kind: tuple[str, bool], work: Callable[[int], T], *, apart: bool = False
    ) -> list[T]:
        """The work of all lanes: at once, unless it is the first of its kind or to be apart."""
        if apart or kind not in self._known:
            found = [work(lane) for lane in range(len(self._climbs))]
            if not apart:
                self._known.add(kind)
            return found
        others: list[Any] = [self._pool.submit(work, n) for n in range(1, len(self._climbs))]
        try:
            own = work(0)
        finally:
            wait(others)
        return [own, *(other.result() for other in others)]
