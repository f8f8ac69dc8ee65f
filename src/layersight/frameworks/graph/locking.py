"""An optimisation that keeps the network's layers to its thread while it uses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Optimisation, StepResult


class LockedOptimisation:
    """An optimisation that lets one thread use the network at a time."""

    def __init__(
        self, optimisation: Optimisation, locked: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._optimisation = optimisation
        self._locked = locked

    def begin(
        self, slot: int, parameters: Mapping[str, FloatArray], weights: Sequence[FloatArray]
    ) -> None:
        self._optimisation.begin(slot, parameters, weights)

    def step(
        self, placements: FloatArray | None, leaking: FloatArray, rates: FloatArray
    ) -> StepResult:
        with self._locked():
            return self._optimisation.step(placements, leaking, rates)

    def measure(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        with self._locked():
            return self._optimisation.measure(canvas, placement)

    def active(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        with self._locked():
            return self._optimisation.active(canvas, placement)

    def canvas(self) -> FloatArray:
        return self._optimisation.canvas()

    def attention(self) -> FloatArray:
        return self._optimisation.attention()
