"""Layers of a file that cannot be computed: they are listed, with the weights that it holds.

The rule of this module: whatever depends on such a layer is known to, and an error says why in
one line that names the layer where the computation stops and what can be done instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn, Protocol

import keras

from layersight.data.arrays import Array
from layersight.errors import UnsafeModelError
from layersight.frameworks.graph.program import Step
from layersight.frameworks.graph.stops import Stop
from layersight.frameworks.keras.types import Structure


class Entry(Protocol):
    """The weights that a file holds for a layer."""

    def below(self) -> Mapping[str, Array]: ...


class Refused(keras.layers.Layer):
    """Stands in the place of a layer that cannot be computed, or that comes after one."""

    data_format: str | None = None

    def __init__(self, stop: Stop, outputs: int = 1, name: str | None = None) -> None:
        super().__init__(name=name)
        self.stop = stop
        self.held: Mapping[str, Array] = {}
        self._outputs = outputs
        self.built = True

    def call(self, *args: object, **kwargs: object) -> NoReturn:
        raise UnsafeModelError(f"{self.stop.source}: {self.stop.explain(self.name)}")

    def load_own_variables(self, store: Entry) -> None:
        self.held = store.below()

    def compute_output_spec(self, *args: object, **kwargs: object) -> Structure:
        # Nothing is known of what it gives: as many tensors like the first that it takes.
        values = keras.tree.flatten((args, kwargs))
        first = next(value for value in values if isinstance(value, keras.KerasTensor))
        specs = [keras.KerasTensor(first.shape, first.dtype) for _ in range(self._outputs)]
        return specs[0] if len(specs) == 1 else specs


def stand_in(kind: str, stop: Stop, outputs: int, name: str) -> Refused:
    """A stand-in whose class bears the name of the class that it stands for.

    The class is made anew; its name is kept to letters, digits and ``_``.
    """
    bare = re.sub(r"\W", "_", kind.rpartition(">")[2])[:80] or "Layer"
    made: Refused = type(bare, (Refused,), {"__doc__": Refused.__doc__})(stop, outputs, name)
    return made


def stop_of(step: Step) -> Stop | None:
    """Why a step itself cannot be run, ``None`` if it can."""
    return step.operation.stop if isinstance(step.operation, Refused) else None
