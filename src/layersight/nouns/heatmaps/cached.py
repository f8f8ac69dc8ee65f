"""A model whose last gradients are cached, so that several steps share one pass.

The rule of this module: the cache holds the last batch alone, and serves exactly the same numbers.

The predictions of an image, the number that a method explains and its gradients by a layer come
from one forward and backward pass; so do the maps of all methods that need only those gradients.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import ModelInfo
from layersight.data.readout import Goal, Gradients
from layersight.data.target import PREDICTED, Target
from layersight.errors import ModelInputError, SelectionError
from layersight.model import Differentiable, Forward, ForwardPass, require
from layersight.nouns.heatmaps.choice import choose_layers
from layersight.nouns.heatmaps.goals import ResolvedTarget, make_goal, read_goal
from layersight.nouns.heatmaps.methods.method import ONE, Method
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.select import LayerSpec

Inputs = Mapping[str, FloatArray]
Plan = Callable[[int], tuple[Goal, Sequence[str]]]
"""For a number of images, what will be explained, and by which layers."""


@dataclass(frozen=True, eq=False, slots=True)
class _CachedPass:
    inputs: dict[str, FloatArray]
    goal: Goal
    layers: tuple[str, ...]
    gradients: Gradients

    def serves(self, inputs: Inputs, goal: Goal) -> bool:
        """Whether these are the gradients of the same goal for the same images."""
        return (
            len(self.goal) == len(goal)
            and all(
                (one.layer, one.before) == (other.layer, other.before)
                and np.array_equal(one.weights, other.weights)
                for one, other in zip(self.goal, goal, strict=True)
            )
            and self.inputs.keys() == inputs.keys()
            and all(
                array is inputs[name] or np.array_equal(array, inputs[name])
                for name, array in self.inputs.items()
            )
        )


ALTERNATIVES = "choose a method that needs no gradients: occlusion, rise, score-cam or eigencam"
"""What works with a model that only runs forward."""


class CachedModel(Differentiable):
    """What heatmaps need from a model, with the last gradients cached.

    A model that can only run forward serves the methods that need no more; others are refused when
    they run.
    """

    def __init__(self, model: Forward, info: ModelInfo, plan: Plan | None) -> None:
        self._model = model
        self._plan = plan if isinstance(model, Differentiable) else None
        self._cached: _CachedPass | None = None
        self._ends = dict(zip(info.outputs, info.output_layers, strict=False))

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        return self._model.describe(shapes)

    def forward(
        self, inputs: Inputs, layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        """The outputs of layers; also caches the planned gradients, if outputs are requested."""
        if outputs and self._plan is not None:
            goal, explained = self._plan(len(next(iter(inputs.values()))))
            ends = {readout.layer for readout in goal}
            if set(layers) <= ends and self._ends and set(self._ends.values()) <= ends:
                result = self.differentiate(inputs, goal, layers=explained)
                return ForwardPass(
                    {name: result.ends[name] for name in layers},
                    {name: result.ends[str(layer)] for name, layer in self._ends.items()},
                )
        return self._model.forward(inputs, layers, outputs=outputs)

    def read(self, inputs: Inputs, goal: Goal) -> FloatArray:
        cached = self._cached
        if cached is not None and cached.serves(inputs, goal):
            return cached.gradients.scores
        if isinstance(self._model, Differentiable):
            return self._model.read(inputs, goal)
        if any(readout.before for readout in goal):
            self._differentiable("a score before the activation function")
        values = self._model.forward(inputs, [readout.layer for readout in goal]).layers
        parts = [read_goal((readout,), values[readout.layer]) for readout in goal]
        total: FloatArray = np.sum(parts, axis=0, dtype=np.float32)
        return total

    def differentiate(
        self,
        inputs: Inputs,
        goal: Goal,
        *,
        layers: Sequence[str] = (),
        by: Sequence[str] = (),
        guided: bool = False,
    ) -> Gradients:
        """A number for each image and its gradients; those by layers alone are cached."""
        cached = None if by or guided else self._cached
        if cached and cached.layers == tuple(layers) and cached.serves(inputs, goal):
            return cached.gradients
        model = self._differentiable("a heatmap of this method")
        result = model.differentiate(inputs, goal, layers=layers, by=by, guided=guided)
        if not (by or guided):
            self._cached = _CachedPass(dict(inputs), goal, tuple(layers), result)
        return result

    def ablate(self, inputs: Inputs, goal: Goal, layer: str, factors: FloatArray) -> FloatArray:
        model = self._differentiable("a heatmap of this method")
        return model.ablate(inputs, goal, layer, factors)

    @contextmanager
    def randomised(self, layers: Sequence[str], seed: int) -> Iterator[None]:
        """Random weights for a while; the cache is emptied before and after."""
        self.forget()
        try:
            with self._differentiable("randomised weights").randomised(layers, seed):
                yield
        finally:
            self.forget()

    def _differentiable(self, what: str) -> Differentiable:
        require(self._model, Differentiable, what, ALTERNATIVES)
        assert isinstance(self._model, Differentiable)
        return self._model

    def forget(self) -> None:
        """Empties the cache and drops the plan."""
        self._cached = self._plan = None


def supported_options(
    model: Forward, options: HeatmapOptions
) -> tuple[HeatmapOptions, tuple[str, ...]]:
    """The options that a model supports, and notes on those that it does not.

    The number before an activation function is inside a layer, where a model that only runs
    forward cannot read it.
    """
    if options.score != "logit" or isinstance(model, Differentiable):
        return options, ()
    note = "explained are the outputs themselves: this model only runs forward, and gives no logits"
    return dataclasses.replace(options, score="output"), (note,)


def make_plan(
    info: ModelInfo,
    methods: Sequence[Method],
    targets: Sequence[Target] | None,
    layer: LayerSpec | Iterable[LayerSpec] | None,
    *,
    before: bool,
) -> Plan | None:
    """What the first method will explain, if that is known before the first pass.

    ``before`` where logits are explained.
    """
    if targets is None or len(targets) != 1 or len(info.inputs) != 1 or not methods:
        return None
    (target,) = targets
    end = next(entry for entry in info.layers if entry.name == target.layer)
    if not methods[0].gradients or target.where == PREDICTED:
        return None
    sides = end.example_shape or (None,)
    shape = tuple(size for size in sides if size is not None)
    if len(shape) != len(sides):
        return None
    axes = len(info.inputs[0].sides)
    try:
        choice = choose_layers(info, end, methods[0].layers, layer, axes=axes)
    except (ModelInputError, SelectionError):
        return None  # reported when the method runs
    names = choice.names if methods[0].layers != ONE else choice.names[:1]

    def plan(count: int) -> tuple[Goal, Sequence[str]]:
        resolved = [ResolvedTarget(image, target, 0.0, shape) for image in range(count)]
        return make_goal(resolved, before=before and target.before), names

    return plan
