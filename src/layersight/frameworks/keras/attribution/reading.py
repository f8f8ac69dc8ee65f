"""Reading numbers off a Keras model, and their gradients.

The rule of this module: a number is a weighted sum of outputs of layers, computed on the device;
only what was requested is copied from there.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo
from layersight.data.readout import Goal, Gradients
from layersight.errors import IndependentError, ModelInputError
from layersight.frameworks.graph.cache import Cache
from layersight.frameworks.graph.geometry import FIRST
from layersight.frameworks.graph.inputs import restore_axes
from layersight.frameworks.graph.view import LayerHandle, View
from layersight.frameworks.keras.backends import as_float32, make_differ, make_runner
from layersight.frameworks.keras.checking import check_steps, other_inputs
from layersight.frameworks.keras.geometry import channels_last, tensor_channels_last
from layersight.frameworks.keras.passing import Passing, unchanged
from layersight.frameworks.keras.rectifiers import guiding, rectifiers_of
from layersight.frameworks.keras.types import Differ, Hook, Runner, Score, Tensor, Tensors

if TYPE_CHECKING:
    from layersight.frameworks.keras.model import KerasModel

Inputs = Mapping[str, FloatArray]

# The batch size from which a reading is compiled where the backend has the choice: batches of this
# size are masks or noise, of which more will follow.
TRACED = 4

# How many programs of a kind stay compiled: more than a heatmap by every method takes.
PROGRAMS = 32

SIZES = 4  # the number of batch sizes for which each of them stays compiled
WASTE = 4  # batches are padded to less than this multiple of their size


class Reading:
    """Reads numbers off a model."""

    def __init__(self, model: KerasModel) -> None:
        self._model = model
        self._runners: Cache[Hashable, Cache[int, Runner]] = Cache(PROGRAMS)
        self._differs: Cache[Hashable, Cache[int, Differ]] = Cache(PROGRAMS)

    def read(self, inputs: Inputs, goal: Goal) -> FloatArray:
        view, arrays, shapes = self._model.prepare(inputs)
        handles = self._handles(view, goal)
        key = ("read", _key(goal), shapes)
        runners = self._runners.get(key, _sizes)
        count = len(arrays[0])
        size = _size_for(count, runners)
        arrays, weights = _pad_all(arrays, goal, size)

        def make() -> Runner:
            passing = self._passing(view, goal, handles)

            def compute(tensors: Sequence[Tensor]) -> Tensors:
                inputs, weights = tensors[: len(arrays)], tensors[len(arrays) :]
                return {"scores": _score(passing, goal, handles, inputs, weights)[0]}

            return make_runner(compute, self._model.variables, often=size >= TRACED)

        with self._model.running():
            return as_float32(runners.get(size, make)([*arrays, *weights])()["scores"])[:count]

    def differentiate(
        self, inputs: Inputs, goal: Goal, layers: Sequence[str], by: Sequence[str], *, guided: bool
    ) -> Gradients:
        view, arrays, shapes = self._model.prepare(inputs)
        handles = self._handles(view, goal, () if by else layers)
        wanted = [self._model.handle(view, name) for name in layers]
        entries = [self._model.find_input(name) for name in by]
        self._check_depends(view, goal, handles, wanted)
        self._check_inputs(view, handles, by, entries)
        key = (_key(goal), tuple(layers), tuple(by), guided, shapes)
        differs = self._differs.get(key, _sizes)
        count = len(arrays[0])
        size = _size_for(count, differs)
        arrays, weights = _pad_all(arrays, goal, size)

        def make() -> Differ:
            passing = self._passing(view, goal, handles, wanted)
            compute: Score = functools.partial(_score, passing, goal, handles)
            if guided:
                compute = _guided(
                    compute, rectifiers_of(view, {handle.index for handle in handles})
                )
            indices = [index for index, _ in entries]
            return make_differ(compute, self._model.variables, list(layers), indices)

        with self._model.running():
            padded = differs.get(size, make)(arrays, weights)
        results = {name: array[:count] for name, array in padded.items()}
        orders = {handle.info.name: handle.info.data_format for handle in wanted}
        return Gradients(
            as_float32(results["scores"]),
            {
                handle.info.name: channels_last(
                    results[f"end:{handle.info.name}"], handle.info.data_format
                )
                for handle in handles
            },
            {name: channels_last(results[f"value:{name}"], orders[name]) for name in layers},
            {name: channels_last(results[f"gradient:{name}"], orders[name]) for name in layers},
            {
                name: restore_axes(as_float32(results[f"input:{index}"]), entry, inputs[name].shape)
                for name, (index, entry) in zip(by, entries, strict=True)
            },
        )

    def ablate(self, inputs: Inputs, goal: Goal, layer: str, factors: FloatArray) -> FloatArray:
        """The number for each row of factors of a layer's channels, ``(ablation,)``."""
        view, arrays, shapes = self._model.prepare(inputs)
        if len(arrays[0]) != 1:
            raise ModelInputError(f"expected one image to ablate, found {len(arrays[0])}")
        handles = self._handles(view, goal)
        branch = self._model.handle(view, layer)
        self._check_depends(view, goal, handles, [branch])
        weights = [as_float32(readout.weights) for readout in goal]
        runners = self._runners.get(("ablate", _key(goal), layer, shapes), _sizes)
        count = len(factors)
        size = _size_for(count, runners)

        def make() -> Runner:
            passing = self._passing(view, goal, handles, [branch], branch=branch)
            compute = functools.partial(_ablate, passing, goal, handles, branch, len(arrays))
            return make_runner(compute, self._model.variables, often=size >= TRACED)

        batch = [*arrays, *weights, _padded(as_float32(factors), size)]
        with self._model.running():
            return as_float32(runners.get(size, make)(batch)()["scores"])[:count]

    def _handles(
        self, view: View, goal: Goal, since: Sequence[str] | None = None
    ) -> list[LayerHandle]:
        handles = [self._model.handle(view, readout.layer) for readout in goal]
        indices = {handle.index for handle in handles}
        check_steps(view, indices)
        names = [handle.info.name for handle in handles]
        self._model.check_memory(view, names, back=since is not None, since=since or ())
        return handles

    def _passing(
        self,
        view: View,
        goal: Goal,
        handles: Sequence[LayerHandle],
        more: Sequence[LayerHandle] = (),
        branch: LayerHandle | None = None,
    ) -> Passing:
        pairs = list(zip(goal, handles, strict=True))
        after = dict.fromkeys([*more, *handles])
        before = dict.fromkeys(handle for readout, handle in pairs if readout.before)
        return self._model.passing(view, tuple(after), before=tuple(before), branch=branch)

    def _check_depends(
        self, view: View, goal: Goal, handles: Sequence[LayerHandle], layers: Sequence[LayerHandle]
    ) -> None:
        """Refuses layers on which no number depends."""
        needed = view.program.needed({handle.index for handle in handles})
        for layer in layers:
            before = [r.before for r, handle in zip(goal, handles, strict=True) if handle == layer]
            if layer.index not in needed or (all(before) and len(before) == len(goal)):
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
        entries: Sequence[tuple[int, InputInfo]],
    ) -> None:
        """Refuses inputs on which no number depends."""
        used = view.program.used_inputs({handle.index for handle in handles})
        for name, (index, _) in zip(by, entries, strict=True):
            if index not in used:
                inputs = self._model.info.inputs
                raise IndependentError(
                    f"what is read off '{handles[0].info.name}' does not depend on the input "
                    f"'{name}': {other_inputs([inputs[index].name for index in used])}"
                )


def _key(goal: Goal) -> tuple[Hashable, ...]:
    return tuple(
        (readout.layer, readout.before, len(readout.weights) > 1, *readout.weights.shape[1:])
        for readout in goal
    )


def _sizes() -> Cache[int, Any]:
    return Cache(SIZES)


def _size_for(count: int, compiled: Cache[int, Any]) -> int:
    """The batch size for a number of images, one that is compiled already if there is any near.

    A much larger batch would waste more time than compiling takes.
    """
    return min((size for size in compiled if count <= size < WASTE * count), default=count)


def _pad_all(
    arrays: list[FloatArray], goal: Goal, size: int
) -> tuple[list[FloatArray], list[FloatArray]]:
    weights = [as_float32(readout.weights) for readout in goal]
    if size == len(arrays[0]):
        return arrays, weights
    return (
        [_padded(array, size) for array in arrays],
        [_padded(array, size) if len(array) > 1 else array for array in weights],
    )


def _padded(array: FloatArray, size: int) -> FloatArray:
    """An array padded to a length by its last entry."""
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
) -> tuple[Tensor, Tensors]:
    """The weighted sum for each image, and the outputs of the layers that are read."""
    results = passing(tensors, hook, versions)
    total: Any = 0.0
    for readout, handle, weight in zip(goal, handles, weights, strict=True):
        value = results[f"{'before' if readout.before else 'layer'}:{handle.info.name}"]
        value = tensor_channels_last(value, handle.info.data_format)
        product = ops.cast(value, "float32") * weight
        total = total + ops.sum(product, axis=tuple(range(1, len(product.shape))))
    names = (handle.info.name for handle in handles)
    return total, {f"end:{name}": results[f"layer:{name}"] for name in names}


def _ablate(
    passing: Passing,
    goal: Goal,
    handles: Sequence[LayerHandle],
    branch: LayerHandle,
    inputs: int,
    batch: Sequence[Tensor],
) -> Tensors:
    tensors, weights, factors = batch[:inputs], batch[inputs:-1], batch[-1]
    versions = int(factors.shape[0])

    def weaken(handle: LayerHandle, tensor: Tensor) -> Tensor:
        if handle != branch:
            return tensor
        ones = [1] * (len(tensor.shape) - 2)
        first = handle.info.data_format == FIRST and len(tensor.shape) >= 3
        shape = (versions, -1, *ones) if first else (versions, *ones, -1)
        if int(tensor.shape[0]) == 1:
            tensor = ops.repeat(tensor, versions, axis=0)
        return tensor * ops.cast(ops.reshape(factors, shape), tensor.dtype)

    scores, _ = _score(passing, goal, handles, tensors, weights, weaken, versions)
    return {"scores": scores}


def _guided(compute: Score, rectifiers: Sequence[keras.Operation]) -> Score:
    def call(
        inputs: Sequence[Tensor], weights: Sequence[Tensor], hook: Hook
    ) -> tuple[Tensor, Tensors]:
        with guiding(rectifiers):
            return compute(inputs, weights, hook)

    return call
