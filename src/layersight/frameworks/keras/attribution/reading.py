"""Reading numbers off a Keras model, and following them back.

The rule of this module: a number is a weighted sum of what layers give, computed on the
device; only what was asked for comes back.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.readout import Goal, Gradients
from layersight.errors import IndependentError, ModelInputError
from layersight.frameworks.graph.cache import Cache
from layersight.frameworks.graph.geometry import FIRST
from layersight.frameworks.graph.inputs import as_it_was_given
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras.backends import (
    Differ,
    Runner,
    Score,
    Touch,
    as_float32,
    make_differ,
    make_runner,
)
from layersight.frameworks.keras.checking import check_steps, other_inputs
from layersight.frameworks.keras.geometry import channels_last, tensor_channels_last
from layersight.frameworks.keras.passing import Hook, Passing, unchanged
from layersight.frameworks.keras.rectifiers import guiding, rectifiers_of
from layersight.frameworks.keras.types import Tensor

Inputs = Mapping[str, FloatArray]

# From how many images in a batch a reading is compiled where a backend has the choice: so many at
# once are masks or noise, of which there will be more.
TRACED = 4

# How many kinds of reading are kept compiled: more than a heatmap by every method takes.
PROGRAMS = 32

SIZES = 4  # for how many sizes of a batch each of them is kept
WASTE = 4  # how many times larger a batch may be than what is brought to it


class Host(Protocol):
    """What a model gives for numbers to be read off it."""

    @property
    def variables(self) -> Sequence[keras.Variable]: ...

    @property
    def info(self) -> ModelInfo: ...

    def prepare(self, inputs: Inputs) -> tuple[View, list[FloatArray], tuple[Hashable, ...]]:
        """The view, the inputs in the model's own order and axes, and what tells shapes apart."""

    def input_value(self, view: View, name: str) -> tuple[int, int, InputInfo]: ...

    def check_memory(self, view: View, layers: Sequence[str], **more: Any) -> None:
        """Refuses a pass that takes more than a stranger's file may."""

    def handle(self, view: View, name: str) -> LayerHandle: ...

    def passing(self, view: View, wanted: tuple[LayerHandle, ...], **more: Any) -> Passing: ...

    def running(self) -> AbstractContextManager[None]:
        """Holds the model while it runs, and explains what goes wrong."""


class Reading:
    """Reads numbers off a model."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._runners: Cache[Hashable, Cache[int, Runner]] = Cache(PROGRAMS)
        self._differs: Cache[Hashable, Cache[int, Differ]] = Cache(PROGRAMS)

    def read(self, inputs: Inputs, goal: Goal) -> FloatArray:
        view, arrays, shapes = self._host.prepare(inputs)
        handles = self._handles(view, goal)
        key = ("read", _key(goal), shapes)
        runners = self._runners.get(key, _sizes)
        count = len(arrays[0])
        size = _size_for(count, runners)
        arrays, weights = _filled(arrays, goal, size)

        def make() -> Runner:
            passing = self._passing(view, goal, handles)

            def compute(given: Sequence[Tensor]) -> dict[str, Tensor]:
                tensors, weights = given[: len(arrays)], given[len(arrays) :]
                return {"scores": _score(passing, goal, handles, tensors, weights)[0]}

            return make_runner(compute, self._host.variables, often=size >= TRACED)

        with self._host.running():
            return as_float32(runners.get(size, make)([*arrays, *weights])["scores"])[:count]

    def differentiate(
        self, inputs: Inputs, goal: Goal, layers: Sequence[str], by: Sequence[str], *, guided: bool
    ) -> Gradients:
        view, arrays, shapes = self._host.prepare(inputs)
        handles = self._handles(view, goal, () if by else layers)
        wanted = [self._host.handle(view, name) for name in layers]
        entries = [self._host.input_value(view, name) for name in by]
        self._check_depends(view, goal, handles, wanted)
        self._check_inputs(view, handles, by, entries)
        key = (_key(goal), tuple(layers), tuple(by), guided, shapes)
        differs = self._differs.get(key, _sizes)
        count = len(arrays[0])
        size = _size_for(count, differs)
        arrays, weights = _filled(arrays, goal, size)

        def make() -> Differ:
            passing = self._passing(view, goal, handles, wanted)
            compute: Score = functools.partial(_score, passing, goal, handles)
            if guided:
                compute = _guided(
                    compute, rectifiers_of(view, {handle.index for handle in handles})
                )
            indices = [index for index, _, _ in entries]
            return make_differ(compute, self._host.variables, list(layers), indices)

        with self._host.running():
            given = differs.get(size, make)(arrays, weights)
        found = {name: array[:count] for name, array in given.items()}
        orders = {handle.info.name: handle.info.data_format for handle in wanted}
        return Gradients(
            as_float32(found["scores"]),
            {
                handle.info.name: channels_last(
                    found[f"end:{handle.info.name}"], handle.info.data_format
                )
                for handle in handles
            },
            {name: channels_last(found[f"value:{name}"], orders[name]) for name in layers},
            {name: channels_last(found[f"gradient:{name}"], orders[name]) for name in layers},
            {
                name: as_it_was_given(
                    as_float32(found[f"input:{index}"]), entry, inputs[name].shape
                )
                for name, (index, _, entry) in zip(by, entries, strict=True)
            },
        )

    def ablate(self, inputs: Inputs, goal: Goal, layer: str, factors: FloatArray) -> FloatArray:
        """The number for each row of factors of a layer's channels, ``(ablation,)``."""
        view, arrays, shapes = self._host.prepare(inputs)
        if len(arrays[0]) != 1:
            raise ModelInputError(f"expected one image to ablate, found {len(arrays[0])}")
        handles = self._handles(view, goal)
        spread = self._host.handle(view, layer)
        self._check_depends(view, goal, handles, [spread])
        weights = [as_float32(readout.weights) for readout in goal]
        runners = self._runners.get(("ablate", _key(goal), layer, shapes), _sizes)
        count = len(factors)
        size = _size_for(count, runners)

        def make() -> Runner:
            passing = self._passing(view, goal, handles, [spread], spread=spread)
            compute = functools.partial(_ablate, passing, goal, handles, spread, len(arrays))
            return make_runner(compute, self._host.variables, often=size >= TRACED)

        given = [*arrays, *weights, _padded(as_float32(factors), size)]
        with self._host.running():
            return as_float32(runners.get(size, make)(given)["scores"])[:count]

    def _handles(
        self, view: View, goal: Goal, since: Sequence[str] | None = None
    ) -> list[LayerHandle]:
        handles = [self._host.handle(view, readout.layer) for readout in goal]
        indices = {handle.index for handle in handles}
        check_steps(view, indices)
        names = [handle.info.name for handle in handles]
        self._host.check_memory(view, names, back=since is not None, since=since or ())
        return handles

    def _passing(
        self,
        view: View,
        goal: Goal,
        handles: Sequence[LayerHandle],
        more: Sequence[LayerHandle] = (),
        spread: LayerHandle | None = None,
    ) -> Passing:
        pairs = list(zip(goal, handles, strict=True))
        after = dict.fromkeys([*more, *handles])
        before = dict.fromkeys(handle for readout, handle in pairs if readout.before)
        return self._host.passing(view, tuple(after), before=tuple(before), spread=spread)

    def _check_depends(
        self, view: View, goal: Goal, handles: Sequence[LayerHandle], layers: Sequence[LayerHandle]
    ) -> None:
        """Refuses layers that no number depends on."""
        needed = view.program.needed({handle.index for handle in handles})
        for layer in layers:
            own = [r.before for r, handle in zip(goal, handles, strict=True) if handle == layer]
            if layer.index not in needed or (own and all(own) and len(own) == len(goal)):
                names = ", ".join(dict.fromkeys(readout.layer for readout in goal))
                raise IndependentError(
                    f"what is read off '{names}' does not depend on the output of layer "
                    f"'{layer.info.name}': choose a layer that comes before it"
                )

    def _check_inputs(
        self,
        view: View,
        handles: Sequence[LayerHandle],
        by: Sequence[str],
        entries: Sequence[tuple[int, int, InputInfo]],
    ) -> None:
        """Refuses inputs that no number depends on."""
        steps = view.program.steps
        indices = view.program.needed({handle.index for handle in handles})
        taken = {value for index in indices for _, value in steps[index].inputs}
        for name, (_, value, _) in zip(by, entries, strict=True):
            if value not in taken:
                names = [one.name for one in self._host.info.inputs]
                known = zip(names, view.program.inputs, strict=True)
                raise IndependentError(
                    f"what is read off '{handles[0].info.name}' does not depend on the input "
                    f"'{name}': {other_inputs([one for one, number in known if number in taken])}"
                )


def _key(goal: Goal) -> tuple[Hashable, ...]:
    return tuple(
        (readout.layer, readout.before, len(readout.weights) > 1, *readout.weights.shape[1:])
        for readout in goal
    )


def _sizes() -> Cache[int, Any]:
    return Cache(SIZES)


def _size_for(count: int, compiled: Cache[int, Any]) -> int:
    """The size of a batch that something is compiled for already and that so many fit into.

    One much larger would compute more for nothing than compiling takes.
    """
    return min((size for size in compiled if count <= size < WASTE * count), default=count)


def _filled(
    arrays: list[FloatArray], goal: Goal, size: int
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Inputs and weights for a batch of a size, which may be larger than theirs."""
    weights = [as_float32(readout.weights) for readout in goal]
    if size == len(arrays[0]):
        return arrays, weights
    return (
        [_padded(array, size) for array in arrays],
        [_padded(array, size) if len(array) > 1 else array for array in weights],
    )


def _padded(array: FloatArray, size: int) -> FloatArray:
    """An array with its last entry repeated to a length."""
    missing = size - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def _score(
    passing: Passing,
    goal: Goal,
    handles: Sequence[LayerHandle],
    tensors: Sequence[Tensor],
    weights: Sequence[Tensor],
    hook: Hook = unchanged,
    versions: int = 1,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum for each image, and what the layers it is read off give."""
    found = passing(tensors, hook, versions)
    total: Any = 0.0
    for readout, handle, weight in zip(goal, handles, weights, strict=True):
        value = found[f"{'before' if readout.before else 'layer'}:{handle.info.name}"]
        value = tensor_channels_last(value, handle.info.data_format)
        product = ops.cast(value, "float32") * weight
        total = total + ops.sum(product, axis=tuple(range(1, len(product.shape))))
    names = (handle.info.name for handle in handles)
    return total, {f"end:{name}": found[f"layer:{name}"] for name in names}


def _ablate(
    passing: Passing,
    goal: Goal,
    handles: Sequence[LayerHandle],
    spread: LayerHandle,
    inputs: int,
    given: Sequence[Tensor],
) -> dict[str, Tensor]:
    tensors, weights, factors = given[:inputs], given[inputs:-1], given[-1]
    versions = int(factors.shape[0])

    def weaken(handle: LayerHandle, tensor: Tensor) -> Tensor:
        if handle != spread:
            return tensor
        indices = [1] * (len(tensor.shape) - 2)
        first = handle.info.data_format == FIRST and len(tensor.shape) >= 3
        shape = (versions, -1, *indices) if first else (versions, *indices, -1)
        if int(tensor.shape[0]) == 1:
            tensor = ops.repeat(tensor, versions, axis=0)
        return tensor * ops.cast(ops.reshape(factors, shape), tensor.dtype)

    scores, _ = _score(passing, goal, handles, tensors, weights, weaken, versions)
    return {"scores": scores}


def _guided(compute: Score, rectifiers: Sequence[keras.Operation]) -> Score:
    def call(
        inputs: Sequence[Tensor], weights: Sequence[Tensor], hook: Touch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with guiding(rectifiers):
            return compute(inputs, weights, hook)

    return call
