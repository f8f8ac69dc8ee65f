"""A model whose last gradients are kept, so that what several steps need takes one pass.

The rule of this module: what is kept is what the model gave for the very same numbers, of the
last batch alone.

What the network says of an image, the number that a method explains and its gradients by a
layer come from one pass forward and backward; so do the maps of all methods that need those
gradients and no more.
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
from layersight.nouns.heatmaps.goals import ResolvedTarget, make_goal, read_off
from layersight.nouns.heatmaps.methods.method import ONE, Method
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.select import LayerSpec

Inputs = Mapping[str, FloatArray]
Plan = Callable[[int], tuple[Goal, Sequence[str]]]
"""For so many images what will be explained, and by which layers."""


@dataclass(frozen=True, eq=False, slots=True)
class _Kept:
    inputs: dict[str, FloatArray]
    goal: Goal
    layers: tuple[str, ...]
    found: Gradients

    def serves(self, inputs: Inputs, goal: Goal) -> bool:
        """Whether these are gradients of the same numbers for the same images."""
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


INSTEAD = "choose a method that needs no gradients: occlusion, rise, score-cam or eigencam"
"""What can be done with a model that only runs forward."""


class CachedModel(Differentiable):
    """What heatmaps ask of a model, with the last gradients kept.

    A model that can only run forward serves the methods that need no more; the others, and what
    else needs gradients, are refused when they are run.
    """

    def __init__(self, model: Forward, info: ModelInfo, plan: Plan | None) -> None:
        self._model = model
        self._plan = plan if isinstance(model, Differentiable) else None
        self._kept: _Kept | None = None
        self._ends = dict(zip(info.outputs, info.output_layers, strict=False))

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        return self._model.describe(shapes)

    def forward(
        self, inputs: Inputs, layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        """What layers give; with the gradients to come, if outputs are asked for."""
        if outputs and self._plan is not None:
            goal, explained = self._plan(len(next(iter(inputs.values()))))
            ends = {readout.layer for readout in goal}
            if set(layers) <= ends and self._ends and set(self._ends.values()) <= ends:
                found = self.differentiate(inputs, goal, layers=explained)
                return ForwardPass(
                    {name: found.ends[name] for name in layers},
                    {name: found.ends[str(layer)] for name, layer in self._ends.items()},
                )
        return self._model.forward(inputs, layers, outputs=outputs)

    def read(self, inputs: Inputs, goal: Goal) -> FloatArray:
        kept = self._kept
        if kept is not None and kept.serves(inputs, goal):
            return kept.found.scores
        if isinstance(self._model, Differentiable):
            return self._model.read(inputs, goal)
        if any(readout.before for readout in goal):
            self._differentiable("a score before the activation function")
        values = self._model.forward(inputs, [readout.layer for readout in goal]).layers
        parts = [read_off((readout,), values[readout.layer]) for readout in goal]
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
        """A number for each image and its gradients; those by layers alone are kept."""
        kept = None if by or guided else self._kept
        if kept and kept.layers == tuple(layers) and kept.serves(inputs, goal):
            return kept.found
        model = self._differentiable("a heatmap of this method")
        found = model.differentiate(inputs, goal, layers=layers, by=by, guided=guided)
        if not (by or guided):
            self._kept = _Kept(dict(inputs), goal, tuple(layers), found)
        return found

    def ablate(self, inputs: Inputs, goal: Goal, layer: str, factors: FloatArray) -> FloatArray:
        model = self._differentiable("a heatmap of this method")
        return model.ablate(inputs, goal, layer, factors)

    @contextmanager
    def randomised(self, layers: Sequence[str], seed: int) -> Iterator[None]:
        """Random weights for a while; nothing from before is true of them, or from then after."""
        self.forget()
        try:
            with self._differentiable("randomised weights").randomised(layers, seed):
                yield
        finally:
            self.forget()

    def _differentiable(self, what: str) -> Differentiable:
        require(self._model, Differentiable, what, INSTEAD)
        assert isinstance(self._model, Differentiable)
        return self._model

    def forget(self) -> None:
        """Keeps nothing from before, and expects nothing."""
        self._kept = self._plan = None


def explainable(model: Forward, options: HeatmapOptions) -> tuple[HeatmapOptions, tuple[str, ...]]:
    """The options as far as a model can do them, and what a reader should know of it.

    A score before the activation function is inside a layer, where a model that only runs forward
    does not let anything be read.
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
    """What will be explained, where that is known before the network has seen the images.

    Of the methods the first is looked at; ``before`` where logits are explained.
    """
    if targets is None or len(targets) != 1 or len(info.inputs) != 1 or not methods:
        return None
    (target,) = targets
    end = next(entry for entry in info.layers if entry.name == target.layer)
    if not methods[0].gradients or target.where == PREDICTED:
        return None
    known = end.example_shape or (None,)
    shape = tuple(size for size in known if size is not None)
    if len(shape) != len(known):
        return None
    axes = len(info.inputs[0].sides)
    try:
        choice = choose_layers(info, end, methods[0].layers, layer, axes=axes)
    except (ModelInputError, SelectionError):
        return None  # it is said when the method is run
    names = choice.names if methods[0].layers != ONE else choice.names[:1]

    def plan(count: int) -> tuple[Goal, Sequence[str]]:
        asked = [ResolvedTarget(image, target, 0.0, shape) for image in range(count)]
        return make_goal(asked, before=before and target.before), names

    return plan
