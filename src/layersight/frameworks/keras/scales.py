"""The scale of pixels that the inputs of a Keras model expect, found from the model itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import keras
import numpy as np

from layersight.data.arrays import Array, FloatArray
from layersight.data.model import InputInfo
from layersight.data.stem import Reading, read_stem
from layersight.frameworks.graph.patches import patched
from layersight.frameworks.graph.program import Program, Step
from layersight.frameworks.graph.stem import (
    INTEGERS,
    SIDE,
    channels_of,
    plain_pictures,
    read_program,
    sample,
    takes_integers,
)
from layersight.frameworks.keras.backends import as_float32, to_numpy
from layersight.frameworks.keras.geometry import follow_formats
from layersight.frameworks.keras.passing import call
from layersight.frameworks.keras.program import flatten, graph_of
from layersight.frameworks.keras.refused import stop_of
from layersight.frameworks.keras.types import Structure, Tensor


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
        for model in (step.operation, getattr(step.operation, "layer", None)):
            graph = graph_of(model)
            if graph is not None and len(graph.inputs) == 1:
                program, (tensor,) = flatten(model), graph.inputs
                order = follow_formats(program)[program.inputs[0]]
                shape, dtype = tuple(tensor.shape), str(tensor.dtype)
                return program, InputInfo(step.operation.name, shape, order, dtype)
        return None

    def to_tensor(self, pictures: Array, dtype: str) -> Tensor:
        return keras.ops.convert_to_tensor(pictures, dtype)

    def to_array(self, tensor: Tensor) -> FloatArray:
        return as_float32(to_numpy(keras.ops.cast(tensor, "float32")))

    def run(self, step: Step, values: Mapping[int, Tensor]) -> Sequence[Tensor]:
        tensors = {tensor: values[value] for tensor, value in step.inputs}
        return list(keras.tree.flatten(call(step, tensors)))


def is_learned(operation: keras.Operation) -> bool:
    """Whether a layer has weights other than statistics of a data set."""
    if type(operation).__name__ == "Normalization":
        return False
    weights = getattr(operation, "weights", None) or ()
    return any("float" in str(weight.dtype) for weight in weights)


_log = logging.getLogger("layersight")


def wanted_pixels(
    model: keras.Model,
    program: Program,
    inputs: Sequence[InputInfo],
    pack: Callable[[list[Tensor]], Structure],
) -> tuple[Reading, ...]:
    """The scale that each input expects."""
    if program.outputs:
        return read_program(program, model.name, inputs, KerasSteps())
    if len(inputs) != 1:
        return (Reading(),) * len(inputs)
    # A model that is not a graph is run up to the first call of a layer with learned weights.
    (entry,) = inputs
    if takes_integers(entry):
        return (Reading(INTEGERS),)
    sizes = [size or SIDE for size in entry.shape[1:]]
    if not entry.accepts_image or np.prod(sizes) > MOST_HIDDEN:
        return (Reading(),)
    return (read_stem(_HiddenStem(model, entry, pack), channels_of(entry)),)


MOST_HIDDEN = 2**21  # the most numbers of a picture for which a model without a graph is run


class _Reached(BaseException):
    """Ends a run at the first weights; not an ``Exception``, so that no layer catches it."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


@dataclass(eq=False)
class _HiddenStem:
    """The stem of a model without a graph, run until a layer with learned weights is called."""

    model: keras.Model
    entry: InputInfo
    pack: Callable[[list[Tensor]], Structure]
    layers: tuple[str, ...] = ()  # empty: the computation is code of the model

    def __call__(self, colours: FloatArray, *, ramp: bool = False) -> FloatArray:
        """Gives the numbers that reach the first weights; none if no weights are reached."""
        steps = KerasSteps()
        pictures = plain_pictures(self.entry, colours, None, ramp=ramp)
        try:
            with _stopped_at_weights(self.model):
                tensor = steps.to_tensor(pictures, self.entry.dtype)
                self.model(self.pack([tensor]), training=False)
        except _Reached as reached:
            return sample(steps.to_array(reached.value), self.entry.data_format, ramp=ramp)
        except Exception:  # foreign code
            _log.debug("'%s' does not run on plain pictures", self.model.name, exc_info=True)
        return np.zeros((0, 0), np.float32)


def _stopped_at_weights(model: keras.Model) -> AbstractContextManager[None]:
    """Makes runs in a block end at the first call of a layer with learned weights."""

    def reach(x: Tensor, *args: object, **kwargs: object) -> None:
        raise _Reached(x)

    layers = model._flatten_layers(include_self=False)
    learned = [layer for layer in layers if is_learned(layer) and not layer._layers]
    return patched([(layer, "call", lambda _: reach) for layer in learned])
