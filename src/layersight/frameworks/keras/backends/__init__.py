"""One small file for each backend of Keras, each with the same functions."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, TypeAlias, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import Array
from layersight.data.model import LayerInfo
from layersight.frameworks.keras.types import Structure, Tensor

Result = TypeVar("Result")
Arrays: TypeAlias = dict[str, Array]
Tensors: TypeAlias = dict[str, Tensor]
Compute: TypeAlias = Callable[[Sequence[Tensor]], Tensors]
Runner: TypeAlias = Callable[[Sequence[Array]], Arrays]
State: TypeAlias = Tensors
# From parameters to the number that is maximised, and what else is wanted as it is.
Objective: TypeAlias = Callable[[Tensors], tuple[Tensor, Tensor]]
# From an objective and parameters to what else it gives, and the gradients.
Differentiate: TypeAlias = Callable[[Objective, Tensors], tuple[Tensor, Tensors]]
Step: TypeAlias = Callable[[State, Sequence[Tensor], Tensors, Differentiate], tuple[State, Tensors]]
Stepper: TypeAlias = Callable[[State, Sequence[Array], Arrays], tuple[State, Arrays]]
# Takes the handle of a layer and what the layer gives; what it returns goes on in its place.
Touch: TypeAlias = Callable[["Named", Tensor], Tensor]
# From inputs, weights and what touches each layer on the way to a number for each image, and more,
# named, that is wanted as it is.
Score: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Touch], tuple[Tensor, Tensors]]
Differ: TypeAlias = Callable[[Sequence[Array], Sequence[Array]], Arrays]
ShapeAndType: TypeAlias = tuple[Sequence[int | None], str]


class Named(Protocol):
    """What a backend needs to know of a layer: its name."""

    @property
    def info(self) -> LayerInfo: ...


@dataclass(frozen=True, slots=True)
class Measured:
    """What a computation was found to make."""

    largest: int  # the bytes of its largest tensor, whether on the way or at the end
    # The shapes and types of what it gives; a size that depends on values is ``None``.
    given: tuple[tuple[tuple[int | None, ...], str], ...]


def _backend() -> ModuleType:
    return importlib.import_module(f"{__name__}.{keras.backend.backend()}")


def make_runner(
    compute: Compute, variables: Sequence[keras.Variable], *, often: bool = False
) -> Runner:
    """Turns a computation on backend tensors into one on NumPy arrays.

    ``compute`` reads ``variables``; ``often`` says that it will run so often with the same shapes
    that compiling it pays.
    """
    return _backend().make_runner(compute, variables, often=often)


def small_passes() -> bool:
    """Whether passes of a few images are as quick as those of many, for each image."""
    return bool(_backend().small_passes())


def make_stepper(step: Step, variables: Sequence[keras.Variable]) -> Stepper:
    """Turns one step of an optimisation on tensors into one that keeps its state on the device."""
    return _backend().make_stepper(step, variables)


def make_differ(
    score: Score, variables: Sequence[keras.Variable], layers: Sequence[str], indices: Sequence[int]
) -> Differ:
    """Turns a score of a model into its gradients, as NumPy arrays.

    Args:
        score: Gives a number for each image; what each layer gives passes through the function
            that it is handed, ``touch(handle, tensor)``.
        variables: The variables that it reads.
        layers: The names of the layers by whose outputs it is differentiated.
        indices: The indices of the inputs likewise.

    Returns:
        What gives ``scores``, what more there is, for each layer ``value:NAME`` and
        ``gradient:NAME``, and for each input ``input:INDEX``.
    """
    return _backend().make_differ(score, variables, layers, indices)


def make_positive() -> Callable[[Tensor], Tensor]:
    """The identity, with a gradient whose negative part is 0."""
    return _backend().positive


def inverse(real: Tensor, imaginary: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of a real Fourier transform in two dimensions.

    Args:
        real: ``(..., height, width // 2 + 1)``; coefficients whose conjugate is among them agree
            with it.
        imaginary: The same.
        size: Height and width.

    Returns:
        ``(..., height, width)``.
    """
    return _backend().inverse(real, imaginary, size)


def place(placements: Tensor, size: tuple[int, int], *, near: bool) -> Structure:
    """What :func:`sample` needs to know of some placements, in the backend's own form.

    Args:
        placements: ``(views, 2, 3)``, from ``(y, x, 1)`` of what is seen to the planes.
        size: Height and width of the planes.
        near: Whether there is one view that no pixel is much enlarged in (:func:`is_near`).
    """
    return _backend().place(placements, size, near=near)


def is_near(placements: NDArray[np.floating]) -> bool:
    """Whether there is one view, in which a pixel is seen at no more than 3 x 3 positions.

    Pixel ``p`` counts where ``|turn @ q + shift - p| < 1``: at positions ``q`` that are less than
    the greatest row of ``|turn ** -1|`` from the one that falls on it, and half a position more
    from the whole number nearest to that.
    """
    if len(placements) != 1 or abs(np.linalg.det(placements[0, :, :2])) < 1e-3:
        return False
    return bool(np.abs(np.linalg.inv(placements[0, :, :2])).sum(1).max() < 1.5)


def sample(planes: Tensor, placed: Structure) -> Tensor:
    """What is seen of planes through placements, bilinearly; beyond their edges is 0.

    Args:
        planes: ``(batch, channel, height, width)``.
        placed: From :func:`place`.

    Returns:
        ``(batch * views, height, width, channel)``.
    """
    return _backend().sample(planes, placed)


def fused(function: Callable[..., Result]) -> Callable[..., Result]:
    """The same function, run as one where a step of an optimisation is not compiled as a whole.

    What it needs for its gradient is computed again: it should be linear, or cheap. ``function``
    takes a sequence of tensors that are differentiated by, and one of others.
    """
    return _backend().fused(function)


def measure(compute: Callable[..., Structure], shapes: Sequence[ShapeAndType]) -> Measured:
    """The largest tensor that a computation makes, found without making any.

    Every size in ``shapes`` is known. What depends on values raises any error.
    """
    with keras.StatelessScope(), keras.SymbolicScope():
        return _backend().measure(compute, shapes)


def to_numpy(tensor: Tensor) -> Array:
    """A tensor as an array."""
    with warnings.catch_warnings():
        # Keras 3.15 hands its tensors to NumPy in a way that NumPy 2.4 frowns upon.
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(keras.ops.convert_to_numpy(tensor))


def as_float32(value: Array) -> NDArray[np.float32]:
    """An array as float32, copied only if it is something else."""
    return np.asarray(value, np.float32)
