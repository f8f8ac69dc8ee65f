"""Which pixels the inputs of a Keras model want, as far as the model itself tells."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import keras
import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo
from layersight.data.stem import Reading, read_stem
from layersight.frameworks.graph.patches import patched
from layersight.frameworks.graph.program import Program
from layersight.frameworks.graph.stem import (
    SIDE,
    WHOLE,
    channels_of,
    plain_pictures,
    read_program,
    sample,
    takes_whole,
)
from layersight.frameworks.keras.stem import KerasSteps, is_learned, to_array, to_tensor
from layersight.frameworks.keras.types import Structure, Tensor

_log = logging.getLogger("layersight")


def wanted_pixels(
    model: keras.Model,
    program: Program,
    inputs: Sequence[InputInfo],
    pack: Callable[[list[Tensor]], Structure],
) -> tuple[Reading, ...]:
    """For each input what its pixels must be brought to."""
    if program.outputs:
        return read_program(program, model.name, inputs, KerasSteps())
    if len(inputs) != 1:
        return (Reading(),) * len(inputs)
    return (_read_hidden(model, inputs[0], pack),)


def _read_hidden(
    model: keras.Model, entry: InputInfo, pack: Callable[[list[Tensor]], Structure]
) -> Reading:
    """Of a model that is no graph: as far as the first call of a layer with learned weights."""
    if takes_whole(entry):
        return Reading(WHOLE)
    sizes = [size or SIDE for size in entry.shape[1:]]
    if not entry.accepts_image or np.prod(sizes) > MOST_HIDDEN:
        return Reading()
    return read_stem(_HiddenStem(model, entry, pack), channels_of(entry))


MOST_HIDDEN = 2**21  # the most numbers of a picture for which a model that is no graph is tried


class _Reached(BaseException):
    """Ends a run at the first weights; not an ``Exception``, so that nothing catches it."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


@dataclass(eq=False)
class _HiddenStem:
    """The stem of a model that is no graph: run until a layer with learned weights is called."""

    model: keras.Model
    entry: InputInfo
    pack: Callable[[list[Tensor]], Structure]
    layers: tuple[str, ...] = ()  # empty: what it computes stands in its own code

    def __call__(self, colours: FloatArray, *, ramp: bool = False) -> FloatArray:
        """Gives the numbers that reach the first weights, none if none are reached."""
        picture = plain_pictures(self.entry, colours, None, ramp=ramp)
        try:
            with _stopped_at_weights(self.model):
                tensor = to_tensor(picture, self.entry.dtype)
                self.model(self.pack([tensor]), training=False)
        except _Reached as reached:
            array = to_array(reached.value)
            return sample(array, self.entry.data_format, ramp=ramp)
        except Exception:  # strangers' code
            _log.debug("'%s' does not run on plain pictures", self.model.name, exc_info=True)
        return np.zeros((0, 0), np.float32)


def _stopped_at_weights(model: keras.Model) -> AbstractContextManager[None]:
    """Ends a run at the first call of a layer with learned weights, while a block lasts."""

    def reach(x: Tensor, *args: object, **kwargs: object) -> None:
        raise _Reached(x)

    layers = model._flatten_layers(include_self=False)
    learned = [layer for layer in layers if is_learned(layer) and not layer._layers]
    return patched([(layer, "call", lambda _: reach) for layer in learned])
