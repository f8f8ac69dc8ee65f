"""The contract between the verbs and a framework, by capability: NumPy in, NumPy out.

A framework derives its model from the capabilities that it has, and from no other. A verb asks for
the one that it needs by :func:`require`, which says in one line when a model lacks it.

The rule of this module: a verb talks to a network through these classes alone, and nothing in them
names a framework.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Ascent, Optimisation
from layersight.data.model import ModelInfo
from layersight.data.readout import Goal, Gradients
from layersight.errors import CapabilityError

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


class Described(ABC):
    """What every model, and a file of weights without one, says of itself."""

    @property
    @abstractmethod
    def info(self) -> ModelInfo:
        """What is known before it has seen an image."""

    def __repr__(self) -> str:
        return repr(self.info)

    def _repr_html_(self) -> str:
        return self.info._repr_html_()


class Forward(Described):
    """A network that can be run: all that summaries, activations and some heatmaps need."""

    @property
    def small_passes(self) -> bool:
        """Whether a few images at a time run through it as quickly as many do.

        Then passes whose maps fit a processor's cache are the quickest.
        """
        return False

    @abstractmethod
    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        """What is known of the model once the shapes of its inputs are given.

        Args:
            shapes: For each input, channels last, batch first.

        Raises:
            ModelInputError: The model cannot take inputs of these shapes.
        """

    @abstractmethod
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


class Differentiable(Forward):
    """A network off which numbers can be read, with their gradients."""

    @abstractmethod
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

    @abstractmethod
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
            ModelInputError: An input is missing or does not fit.
            IndependentError: The number does not depend on a layer or input asked for.
            UnsafeModelError: A layer on the way cannot be run.
        """

    @abstractmethod
    def ablate(
        self, inputs: Mapping[str, FloatArray], goal: Goal, layer: str, factors: FloatArray
    ) -> FloatArray:
        """Reads a number off the model after channels of a layer were weakened.

        What does not depend on the layer is run once.

        Args:
            inputs: For each input of the model one image, ``(1, ...)``, channels last.
            goal: What is summed.
            layer: Whose channels.
            factors: ``(ablation, channel)``: what each channel is multiplied by.

        Returns:
            ``(ablation,)`` float32.

        Raises:
            SelectionError: A layer is not there.
            IndependentError: The number does not depend on the layer.
            UnsafeModelError: A layer on the way cannot be run.
        """

    @abstractmethod
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


class Optimisable(Forward):
    """A network for which an input can be optimised, as patterns need."""

    @abstractmethod
    def activation_count(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        """How many numbers a pass as far as some layers computes for one image, all together.

        Args:
            shapes: For each input, channels last, batch first; of any size that the layers
                take, whatever the model's own.
            layers: Names of layers.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: The model cannot take inputs of these shapes.
        """

    @abstractmethod
    def ascend(self, ascent: Ascent) -> Optimisation:
        """Begins an ascent in input space.

        Raises:
            SelectionError: A layer is not there.
            ModelInputError: The canvas does not fit, or a layer does not depend on the input.
            UnsafeModelError: A layer on the way cannot be run.
        """


class HasKernels(Described):
    """What shows its kernels: a model, or a file of weights without one."""

    @abstractmethod
    def kernel(self, layer: str) -> FloatArray | None:
        """The kernels of a convolution, ``(height, width, input, filter)`` float32.

        In one or three dimensions ``(length, input, filter)`` or ``(depth, height, width, input,
        filter)``. Of a layer that treats every channel alone the inputs are 1. ``None`` for a layer
        without kernels.

        Raises:
            SelectionError: The layer is not there.
        """


class HasMovingStatistics(Described):
    """A network whose batch normalisation kept statistics of what it was trained on."""

    @abstractmethod
    def moving_statistics(self) -> tuple[MovingStatistics, ...]:
        """What the batch normalisation layers keep, from the input on; empty without any."""


class Savable(Described):
    """A network that can be written as a file of its framework."""

    @abstractmethod
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


class Model(Differentiable, Optimisable, HasKernels, HasMovingStatistics, Savable):
    """A network with every capability, as Keras gives it."""


_CAPABILITIES: dict[type, str] = {
    Forward: "run forward",
    Differentiable: "give gradients",
    Optimisable: "optimise an input",
    HasKernels: "show its kernels",
    HasMovingStatistics: "tell its moving statistics",
    Savable: "be saved",
}


def require(model: object, capability: type, what: str, instead: str) -> None:
    """Refuses a model that lacks a capability.

    Args:
        model: The model that was given.
        capability: The class that it must derive from.
        what: What needs it, such as ``"patterns"``.
        instead: What the user can do.

    Raises:
        CapabilityError: The model lacks it, or is no model.
    """
    if isinstance(model, capability):
        return
    if not isinstance(model, Described):
        raise CapabilityError(
            f"{what}: expected a model from layersight.load_model, found {type(model).__name__}"
        )
    able = [words for known, words in _CAPABILITIES.items() if isinstance(model, known)]
    raise CapabilityError(
        f"{what}: expected a model that can {_CAPABILITIES[capability]}, found "
        f"'{model.info.name}' ({model.info.framework}), which can only {' and '.join(able)}: "
        f"{instead}"
    )
