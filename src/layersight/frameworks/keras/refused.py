"""Layers of a file that cannot be computed: they are listed, with the weights that it holds.

The rule of this module: whatever rests on such a layer is known to, and says why in one line
that names the layer where the computation stops and what can be done instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from layersight.errors import UnsafeModelError
from layersight.frameworks.keras.program import Program

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Stop:
    """Where and why the computation of a file's network stops.

    Attributes:
        source: The file.
        layer: The name of the layer that cannot be computed.
        reason: Why, as it follows on "which".
        code: Whether ``trust`` would let its code run.
    """

    source: str
    layer: str
    reason: str
    code: bool = False

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


class Refused(keras.layers.Layer):
    """Stands in the place of a layer that cannot be computed.

    Args:
        stop: Where and why the computation stops: at this layer, or at one before it.
        outputs: How many tensors it gives.
        name: The layer's name.

    Attributes:
        held: The weights that the file holds for the layer and what is inside it, by name.
    """

    data_format: str | None = None

    def __init__(self, stop: Stop, outputs: int = 1, name: str | None = None) -> None:
        super().__init__(name=name)
        self.stop = stop
        self.held: Mapping[str, Array] = {}
        self._outputs = outputs
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Raises: the layer cannot be run."""
        raise UnsafeModelError(f"{self.stop.source}: {self.stop.explain(self.name)}")

    def load_own_variables(self, store: Any) -> None:
        """Keeps the weights of the layer that it stands for as they are."""
        self.held = store.below()

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Tensors like the first one taken, since nothing is known of what it gives."""
        taken = [
            value
            for value in keras.tree.flatten((args, kwargs))
            if isinstance(value, keras.KerasTensor)
        ]
        specs = [keras.KerasTensor(taken[0].shape, taken[0].dtype) for _ in range(self._outputs)]
        return specs[0] if len(specs) == 1 else specs


def stand_in(kind: str, stop: Stop, outputs: int, name: str) -> Refused:
    """A stand-in whose class bears the name of the class that it stands for.

    The class is made anew; its name is kept to letters, digits and ``_``.
    """
    bare = re.sub(r"\W", "_", kind.rpartition(">")[2])[:80] or "Layer"
    made: Refused = type(bare, (Refused,), {"__doc__": Refused.__doc__})(stop, outputs, name)
    return made


def find_stops(program: Program) -> dict[int, Stop]:
    """For each step that cannot be run where and why the computation stops before or at it."""
    producers = program.producers()
    found: dict[int, Stop] = {}
    for place, step in enumerate(program.steps):
        if isinstance(step.operation, Refused):
            found[place] = step.operation.stop
            continue
        givers = (producers.get(value) for _, value in step.inputs)
        stop = next((found[giver] for giver in givers if giver in found), None)
        if stop is not None:
            found[place] = stop
    return found
