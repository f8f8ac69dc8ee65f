"""Where the computation of a network stops, because a layer cannot be computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layersight.frameworks.graph.program import Program, Step


@dataclass(frozen=True, slots=True)
class Stop:
    """Where and why the computation of a file's network stops."""

    source: str  # the file
    layer: str  # the name of the layer that cannot be computed
    reason: str  # why, as it follows on "which"
    code: bool = False  # whether ``trust`` would let its code run

    def describe(self, layer: str) -> str:
        """Why a layer cannot be computed, as a sentence without a full stop."""
        if layer.rpartition("/")[2].partition("@")[0] == self.layer:
            return f"layer '{layer}' {self.reason}"
        return f"layer '{layer}' depends on layer '{self.layer}', which {self.reason}"

    def instead(self) -> str:
        """What else can be done about it."""
        trusted = "--trust runs the code of a file that is your own; " if self.code else ""
        return f"{trusted}from Python, pass the live model to layersight.load_model"

    def explain(self, layer: str) -> str:
        """Why a layer cannot be computed, and what else can be done."""
        return f"{self.describe(layer)}. What else can be done: {self.instead()}"


def find_stops(program: Program, stop_of: Callable[[Step], Stop | None]) -> dict[int, Stop]:
    """For each step that cannot be run where and why the computation stops before or at it."""
    producers = program.producers()
    found: dict[int, Stop] = {}
    for index, step in enumerate(program.steps):
        givers = [producers.get(value) for _, value in step.inputs]
        before = (found[giver] for giver in givers if giver in found)
        stop = stop_of(step) or next(before, None)
        if stop is not None:
            found[index] = stop
    return found
