"""A climb that keeps the network's layers to its thread while it uses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Optimisation, StepResult


class LockedClimb:
    """An optimisation that lets one thread use the network at a time.

    Args:
        climb: What climbs.
        locked: Keeps the layers to this thread while a block lasts.
    """

    def __init__(
        self, climb: Optimisation, locked: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._climb = climb
        self._locked = locked

    def begin(
        self, slot: int, parameters: Mapping[str, FloatArray], weights: Sequence[FloatArray]
    ) -> None:
        """Puts a pattern at its start into a slot."""
        self._climb.begin(slot, parameters, weights)

    def step(
        self, placements: FloatArray | None, leaking: FloatArray, rates: FloatArray
    ) -> StepResult:
        """Takes one step with every slot."""
        with self._locked():
            return self._climb.step(placements, leaking, rates)

    def measure(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        """What the probes find of canvases, before any weights."""
        with self._locked():
            return self._climb.measure(canvas, placement)

    def canvas(self) -> FloatArray:
        """The canvas of every slot."""
        return self._climb.canvas()

    def attention(self) -> FloatArray:
        """Where the gradient was, summed over the steps."""
        return self._climb.attention()
