"""What a stem is made of in Keras, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from layersight.data.arrays import Array, FloatArray
from layersight.data.model import InputInfo
from layersight.frameworks.graph.program import Program, Step
from layersight.frameworks.keras.backends import as_float32, to_numpy
from layersight.frameworks.keras.geometry import follow_formats
from layersight.frameworks.keras.passing import filled, operation_of
from layersight.frameworks.keras.program import flatten, graph_of
from layersight.frameworks.keras.refused import stop_of
from layersight.frameworks.keras.types import Tensor


class KerasSteps:
    """Keras as :class:`layersight.frameworks.graph.stem.Framework`."""

    def is_learned(self, step: Step) -> bool:
        return is_learned(step.operation)

    def is_stopped(self, step: Step) -> bool:
        return stop_of(step) is not None

    def count_weights(self, step: Step) -> int:
        weights = getattr(step.operation, "weights", ())
        return sum(int(np.prod(weight.shape)) for weight in weights)

    def formats(self, program: Program) -> Mapping[int, str]:
        return follow_formats(program)

    def inside(self, step: Step) -> tuple[Program, InputInfo] | None:
        for held in (step.operation, getattr(step.operation, "layer", None)):
            graph = graph_of(held)
            if graph is not None and len(graph.inputs) == 1:
                program, (tensor,) = flatten(held), graph.inputs
                order = follow_formats(program)[program.inputs[0]]
                shape, dtype = tuple(tensor.shape), str(tensor.dtype)
                return program, InputInfo(step.operation.name, shape, order, dtype)
        return None

    def to_tensor(self, pictures: Array, dtype: str) -> Tensor:
        return to_tensor(pictures, dtype)

    def to_array(self, tensor: Tensor) -> FloatArray:
        return to_array(tensor)

    def run(self, step: Step, values: Mapping[int, Tensor]) -> Sequence[Tensor]:
        args, kwargs = filled(step, {tensor: values[value] for tensor, value in step.inputs})
        return list(keras.tree.flatten(operation_of(step)(*args, **kwargs)))


def is_learned(operation: keras.Operation) -> bool:
    """Whether a layer holds weights that are more than the statistics of a data set."""
    if type(operation).__name__ == "Normalization":
        return False
    weights = getattr(operation, "weights", None) or ()
    return any("float" in str(weight.dtype) for weight in weights)


def to_tensor(pictures: Array, dtype: str) -> Tensor:
    """Pictures as a tensor of the type of an input."""
    return keras.ops.convert_to_tensor(pictures, dtype)


def to_array(tensor: Tensor) -> FloatArray:
    """A tensor as an array of float32."""
    return as_float32(to_numpy(keras.ops.cast(tensor, "float32")))
