"""Layers of a file that cannot be computed: they are listed, with their weights in the file.

The rule of this module: whatever depends on such a layer is marked, and an error says why in one
line that names the layer where the computation stops and what can be done instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn, Protocol

import keras

from layersight.data.arrays import Array
from layersight.data.saved import Config
from layersight.errors import UnsafeModelError
from layersight.frameworks.graph.program import Step
from layersight.frameworks.graph.view import Stop
from layersight.frameworks.keras.types import Structure, tensors_in


class Entry(Protocol):
    """The weights of a layer in a file."""

    def below(self) -> Mapping[str, Array]: ...


class Refused(keras.layers.Layer):
    """A stand-in for a layer that cannot be computed, or that depends on one."""

    data_format: str | None = None

    def __init__(self, stop: Stop, outputs: int = 1, name: str | None = None) -> None:
        super().__init__(name=name)
        self.stop = stop
        self.arrays: Mapping[str, Array] = {}
        self._outputs = outputs
        self.built = True

    def call(self, *args: object, **kwargs: object) -> NoReturn:
        raise UnsafeModelError(f"{self.stop.source}: {self.stop.explain(self.name)}")

    def load_own_variables(self, store: Entry) -> None:
        self.arrays = store.below()

    def compute_output_spec(self, *args: object, **kwargs: object) -> Structure:
        # Its outputs are unknown: as many tensors as are used, like the first input.
        first = tensors_in((args, kwargs))[0]
        specs = [keras.KerasTensor(first.shape, first.dtype) for _ in range(self._outputs)]
        return specs[0] if len(specs) == 1 else specs


def stand_in(kind: str, stop: Stop, outputs: int, name: str) -> Refused:
    """A stand-in of a new class with the name of the class it replaces, in plain characters."""
    bare = re.sub(r"\W", "_", kind.rpartition(">")[2])[:80] or "Layer"
    made: Refused = type(bare, (Refused,), {"__doc__": Refused.__doc__})(stop, outputs, name)
    return made


def stop_of(step: Step) -> Stop | None:
    """Why a step itself cannot be run; ``None`` if it can."""
    return step.operation.stop if isinstance(step.operation, Refused) else None


FUNCTIONS = ("function", "output_shape", "mask")  # the settings of a Lambda layer that may be code

KNOWN = (*FUNCTIONS, "arguments", "name", "dtype", "trainable")


def trusted_lambda(entry: Config) -> keras.layers.Lambda:
    """A Lambda layer, whose code Keras loads and runs: only if the user chose ``trust``."""
    inner = dict(entry["config"])
    settings = {key: _as_of_keras_3(inner[key]) for key in KNOWN if inner.get(key) is not None}
    if "output_shape" in inner and inner.get("output_shape_type", "raw") == "raw":
        shape = settings.get("output_shape")
        if isinstance(shape, list) and any(isinstance(part, str) for part in shape):
            del settings["output_shape"]
    return keras.layers.Lambda.from_config(settings, safe_mode=False)


def _as_of_keras_3(value: object) -> object:
    """Code of Keras 1 and 2 in the form of Keras 3."""
    if not (isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)):
        return value
    return {
        "class_name": "__lambda__",
        "config": {"code": value[0], "defaults": value[1], "closure": value[2]},
    }
