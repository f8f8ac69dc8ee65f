"""The contract between the verbs and a framework: NumPy in, NumPy out.

The rule of this module: a verb talks to a network through :class:`Model` alone, and nothing
in it names a framework.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Ascent, Optimisation
from layersight.data.model import ModelInfo
from layersight.data.readout import Goal, Gradients

KEPT = "kept: "
"""How what a saved model keeps is told from what was replaced in it."""


@dataclass(frozen=True, eq=False, slots=True)
class ForwardPass:
    """What came out of one pass.

    Attributes:
        layers: For each layer asked for its output, batch first and channels last.
        outputs: For each output of the model its value likewise, if outputs were asked for.
        missing: Why there are no outputs although they were asked for, or ``None``.
    """

    layers: Mapping[str, FloatArray]
    outputs: Mapping[str, FloatArray]
    missing: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class MovingStatistics:
    """What a normalisation layer keeps of its input in training.

    Attributes:
        layer: The name of the layer.
        mean: The mean of each channel, ``(channel,)`` float32.
        variance: Its variance, ``(channel,)`` float32.
        inputs: The names of the model's inputs that it depends on.
        giver: The name of the layer whose output it normalises; ``None`` for the input itself.
    """

    layer: str
    mean: FloatArray
    variance: FloatArray
    inputs: tuple[str, ...]
    giver: str | None

    @property
    def is_trained(self) -> bool:
        """Whether it differs from what a layer begins with, 0 and 1."""
        return bool(np.any(self.mean != 0) or np.any(self.variance != 1))


class HasKernels(Protocol):
    """What shows its kernels: a model, or a file of weights without one."""

    @property
    def info(self) -> ModelInfo:
        """What is known before it has seen an image."""
        ...

    def kernel(self, layer: str) -> FloatArray | None:
        """The kernels of a convolution, ``(height, width, input, filter)`` float32.

        Of a layer that treats every channel alone the inputs are 1. ``None`` for a layer
        without kernels of two dimensions.

        Raises:
            SelectionError: The layer is not there.
        """
        ...


class Differentiable(Protocol):
    """What gives numbers for inputs, and how they came about."""

    def forward(
        self,
        inputs: Mapping[str, FloatArray],
        layers: Sequence[str],
        *,
        outputs: bool = False,
    ) -> ForwardPass:
        """Runs the model as far as the deepest layer asked for, and no further.

        Args:
            inputs: For each input of the model a batch, ``(image, height, width, channel)``
                whatever the model's own order of axes.
            layers: Names of layers, as in ``info.layers``.
            outputs: Also give the model's own outputs.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: An input is missing or does not fit.
        """
        ...

    def read(self, inputs: Mapping[str, FloatArray], goal: Goal) -> FloatArray:
        """Reads a number off the model for each image, ``(image,)`` float32.

        Args:
            inputs: For each input of the model a batch, channels last.
            goal: What is summed.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: An input is missing or does not fit.
            UnsafeModelError: A layer on the way cannot be run.
        """
        ...

    def differentiate(
        self,
        inputs: Mapping[str, FloatArray],
        goal: Goal,
        *,
        layers: Sequence[str] = (),
        by: Sequence[str] = (),
        guided: bool = False,
    ) -> Gradients:
        """Reads a number off the model and follows it back, for every image by itself.

        The way back goes no further than the layers and inputs asked for.

        Args:
            inputs: For each input of the model a batch, channels last.
            goal: What is summed.
            layers: The layers whose outputs, and the gradients by them, are wanted.
            by: The inputs the gradients by which are wanted.
            guided: Let only what is positive back through rectifiers.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: An input is missing or does not fit, or the number does not
                depend on a layer or input asked for.
            UnsafeModelError: A layer on the way cannot be run.
        """
        ...

    def ablate(
        self, inputs: Mapping[str, FloatArray], goal: Goal, layer: str, factors: FloatArray
    ) -> FloatArray:
        """Reads a number off the model after channels of a layer were weakened.

        What does not rest on the layer is run once.

        Args:
            inputs: For each input of the model one image, ``(1, ...)``, channels last.
            goal: What is summed.
            layer: Whose channels.
            factors: ``(ablation, channel)``: what each channel is multiplied by.

        Returns:
            ``(ablation,)`` float32.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: The number does not depend on the layer.
            UnsafeModelError: A layer on the way cannot be run.
        """
        ...

    def randomised(self, layers: Sequence[str], seed: int) -> AbstractContextManager[None]:
        """Replaces the weights of some layers by random ones while a block lasts.

        Kernels and the like are drawn from a normal distribution with their own mean and
        standard deviation, so that what the layers give keeps its size.

        Args:
            layers: Names of layers; those without weights are left out.
            seed: Of what is drawn; the same seed and layers give the same weights.

        Raises:
            SelectionError: A layer is not there.
        """
        ...


@runtime_checkable
class Model(HasKernels, Differentiable, Protocol):
    """A network that can be looked into."""

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        """What is known of the model once the shapes of its inputs are given.

        Args:
            shapes: For each input, channels last, batch first.

        Raises:
            ModelInputError: The model cannot take inputs of these shapes.
        """
        ...

    def held(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        """How many numbers a pass as far as some layers gives for one image, all together.

        Args:
            shapes: For each input, channels last, batch first; of any size that the layers
                take, whatever the model's own.
            layers: Names of layers.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: The model cannot take inputs of these shapes.
        """
        ...

    def ascend(self, ascent: Ascent) -> Optimisation:
        """Begins an ascent in input space.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: The canvas does not fit, or a layer does not rest on the input.
            UnsafeModelError: A layer on the way cannot be run.
        """
        ...

    def moving_statistics(self) -> tuple[MovingStatistics, ...]:
        """What the batch normalisation layers keep, from the input on; empty without any."""
        ...

    def save(self, path: Path) -> tuple[str, ...]:
        """Writes the model so that its framework opens it without layersight.

        Args:
            path: Where to, with the suffix that the framework wants.

        Returns:
            What was replaced on the way, in words; after :data:`KEPT` what was kept and may
            surprise.

        Raises:
            ModelFileError: A layer cannot be had in the framework alone.
        """
        ...
