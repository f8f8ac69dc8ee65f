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

# The prefix of a note about what a saved model keeps, among those about what was replaced in it.
KEPT = "kept: "


@dataclass(frozen=True, eq=False, slots=True)
class ForwardPass:
    """The outputs of one forward pass.

    Attributes:
        layers: The output of each requested layer, batch first and channels last.
        outputs: The value of each output of the model likewise, if outputs were requested.
        missing: Why there are no outputs although they were requested, or ``None``.
    """

    layers: Mapping[str, FloatArray]
    outputs: Mapping[str, FloatArray]
    missing: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class MovingStatistics:
    """The statistics of its input that a normalisation layer kept in training.

    Attributes:
        layer: The name of the layer.
        mean: The mean of each channel, ``(channel,)`` float32.
        variance: Its variance, ``(channel,)`` float32.
        inputs: The names of the model's inputs that it depends on.
        giver: The name of the layer whose output it normalises; ``None`` for an input itself.
    """

    layer: str
    mean: FloatArray
    variance: FloatArray
    inputs: tuple[str, ...]
    giver: str | None

    @property
    def is_trained(self) -> bool:
        """Whether the statistics differ from their initial values, 0 and 1."""
        return bool(np.any(self.mean != 0) or np.any(self.variance != 1))


class Described(ABC):
    """A model, or a file of weights without one, that can describe itself."""

    @property
    @abstractmethod
    def info(self) -> ModelInfo:
        """What is known of it before it has seen an image."""

    def __repr__(self) -> str:
        return repr(self.info)

    def _repr_html_(self) -> str:
        return self.info._repr_html_()


class Forward(Described):
    """A network that can be run: all that summaries, activations and some heatmaps need."""

    @property
    def small_passes(self) -> bool:
        """Whether small batches take no longer for each image than large ones.

        Then passes whose maps fit a processor's cache are the quickest.
        """
        return False

    def refresh(self) -> None:
        """Looks at the weights again: a live model may have been trained further meanwhile."""

    @abstractmethod
    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        """Describes the model for given shapes of its inputs.

        Args:
            shapes: The shape of each input, channels last, batch first.

        Raises:
            ModelInputError: The model cannot take inputs of these shapes.
        """

    @abstractmethod
    def forward(
        self, inputs: Mapping[str, FloatArray], layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        """Runs the model as far as the deepest requested layer, and no further.

        Args:
            inputs: A batch for each input of the model, ``(image, height, width, channel)``
                whatever the model's own order of axes.
            layers: Names of layers, as in ``info.layers``.
            outputs: Also give the model's own outputs.

        Raises:
            SelectionError: There is no layer of that name.
            ModelInputError: An input is missing or does not fit.
        """


class Differentiable(Forward):
    """A network whose outputs can be read as numbers, with the gradients of these."""

    @abstractmethod
    def read(self, inputs: Mapping[str, FloatArray], goal: Goal) -> FloatArray:
        """Reads a number off the model for each image, ``(image,)`` float32.

        Args:
            inputs: A batch for each input of the model, channels last.
            goal: What is summed.

        Raises:
            SelectionError: There is no layer of that name.
            ModelInputError: An input is missing or does not fit.
            UnsafeModelError: A layer before those that are read cannot be run.
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
        """Reads a number off the model and differentiates it, for every image by itself.

        The backward pass goes no further than the requested layers and inputs.

        Args:
            inputs: A batch for each input of the model, channels last.
            goal: What is summed.
            layers: The layers whose outputs are wanted, with the gradients by them.
            by: The inputs by which the gradients are wanted.
            guided: Let only positive gradients back through rectifiers.

        Raises:
            SelectionError: There is no layer of that name.
            ModelInputError: An input is missing or does not fit.
            IndependentError: The number does not depend on a requested layer or input.
            UnsafeModelError: A layer before those that are read cannot be run.
        """

    @abstractmethod
    def ablate(
        self, inputs: Mapping[str, FloatArray], goal: Goal, layer: str, factors: FloatArray
    ) -> FloatArray:
        """Reads a number off the model with channels of a layer scaled down.

        What does not depend on the layer is run once.

        Args:
            inputs: One image for each input of the model, ``(1, ...)``, channels last.
            goal: What is summed.
            layer: The layer whose channels are scaled.
            factors: ``(ablation, channel)``: what each channel is multiplied by.

        Returns:
            ``(ablation,)`` float32.

        Raises:
            SelectionError: There is no layer of that name.
            IndependentError: The number does not depend on the layer.
            UnsafeModelError: A layer before those that are read cannot be run.
        """

    @abstractmethod
    def randomised(self, layers: Sequence[str], seed: int) -> AbstractContextManager[None]:
        """Replaces the weights of layers by random ones for the duration of a block.

        Kernels and the like are drawn from a normal distribution with their own mean and
        standard deviation, so that the outputs of the layers keep their size.

        Args:
            layers: Names of layers; those without weights are left out.
            seed: Of the random numbers; the same seed and layers give the same weights.

        Raises:
            SelectionError: There is no layer of that name.
        """


class Optimisable(Forward):
    """A network for which an input can be optimised, as patterns need."""

    @abstractmethod
    def activation_count(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        """Counts the numbers that a pass up to some layers computes for one image.

        Args:
            shapes: The shape of each input, channels last, batch first; any size that the
                layers take, whatever the model's own.
            layers: Names of layers.

        Raises:
            SelectionError: There is no layer of that name.
            ModelInputError: The model cannot take inputs of these shapes.
        """

    @abstractmethod
    def ascend(self, ascent: Ascent) -> Optimisation:
        """Begins an ascent in input space.

        Raises:
            SelectionError: There is no layer of that name.
            ModelInputError: The canvas does not fit, or a layer does not depend on the input.
            UnsafeModelError: A layer before the probes cannot be run.
        """


class HasKernels(Described):
    """A model, or a file of weights without one, whose kernels can be shown."""

    @abstractmethod
    def kernel(self, layer: str) -> FloatArray | None:
        """The kernels of a convolution, ``(height, width, input, filter)`` float32.

        In one or three dimensions ``(length, input, filter)`` or ``(depth, height, width, input,
        filter)``. A layer that treats every channel alone has one input. ``None`` for a layer
        without kernels.

        Raises:
            SelectionError: There is no layer of that name.
        """


class HasMovingStatistics(Described):
    """A network whose batch normalisation kept statistics of its training data."""

    @abstractmethod
    def moving_statistics(self) -> tuple[MovingStatistics, ...]:
        """The statistics of all batch normalisation layers, from the input on."""


class Savable(Described):
    """A network that can be written as a file of its framework."""

    @abstractmethod
    def save(self, path: Path) -> tuple[str, ...]:
        """Writes the model so that its framework opens it without layersight.

        Args:
            path: The file, with the suffix that the framework wants.

        Returns:
            What was replaced, in words; after :data:`KEPT` what was kept and may surprise.

        Raises:
            ModelFileError: The framework alone does not have one of the layers.
        """


class Model(Differentiable, Optimisable, HasKernels, HasMovingStatistics, Savable):
    """A network with every capability, as Keras gives it."""


_CAPABILITIES: dict[type, str] = {
    Forward: "run forward",
    Differentiable: "give gradients",
    Optimisable: "optimise an input",
    HasKernels: "show its kernels",
    HasMovingStatistics: "give its moving statistics",
    Savable: "be saved",
}


def require(model: object, capability: type, what: str, instead: str) -> None:
    """Refuses a model that lacks a capability.

    Args:
        model: The model, or whatever was passed as one.
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
    able = [words for kind, words in _CAPABILITIES.items() if isinstance(model, kind)]
    raise CapabilityError(
        f"{what}: expected a model that can {_CAPABILITIES[capability]}, found "
        f"'{model.info.name}' ({model.info.framework}), which can only {' and '.join(able)}: "
        f"{instead}"
    )
