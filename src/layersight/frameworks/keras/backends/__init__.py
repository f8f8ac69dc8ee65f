"""What differs between the backends of Keras: a module for each, all with the same functions."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import Array
from layersight.frameworks.keras import types
from layersight.frameworks.keras.types import Structure, Tensor

Result = TypeVar("Result")


def _backend() -> ModuleType:
    return importlib.import_module(f"{__name__}.{keras.backend.backend()}")


def make_runner(
    compute: types.Compute, variables: Sequence[keras.Variable], *, often: bool = False
) -> types.Runner:
    """Turns a computation on tensors into one on NumPy arrays, which may run on while others start.

    ``compute`` reads ``variables``; with ``often`` it will run so often with the same shapes that
    compiling it pays off.
    """
    return _backend().make_runner(compute, variables, often=often)


def small_passes() -> bool:
    """Whether small batches take no longer for each image than large ones."""
    return bool(_backend().small_passes())


def make_stepper(step: types.StepFunction, variables: Sequence[keras.Variable]) -> types.Stepper:
    """Turns a step of an optimisation on tensors into one that keeps its state on the device."""
    return _backend().make_stepper(step, variables)


def make_differ(
    score: types.Score,
    variables: Sequence[keras.Variable],
    layers: Sequence[str],
    indices: Sequence[int],
) -> types.Differ:
    """Turns a score of a model into its gradients, as NumPy arrays.

    Args:
        score: Computes a number for each image; it passes the outputs of layers through a hook.
        variables: The variables that it reads.
        layers: The names of the layers by whose outputs it is differentiated.
        indices: The indices of the inputs by which it is differentiated.

    Returns:
        A function that gives ``scores`` and the other results of ``score``, ``value:NAME`` and
        ``gradient:NAME`` for each layer, and ``input:INDEX``, the gradient by each input.
    """
    return _backend().make_differ(score, variables, layers, indices)


def make_positive() -> Callable[[Tensor], Tensor]:
    """A function that is the identity but for its gradient, whose negative part is set to 0."""
    return _backend().positive


def inverse(real: Tensor, imaginary: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of a real Fourier transform in two dimensions.

    Args:
        real: ``(..., height, width // 2 + 1)``; coefficients whose conjugate is included agree
            with it.
        imaginary: Likewise.
        size: Height and width.

    Returns:
        ``(..., height, width)``.
    """
    return _backend().inverse(real, imaginary, size)


def make_sampling(placements: Tensor, size: tuple[int, int], *, near: bool) -> Structure:
    """The sampling positions of placements for :func:`sample`, in a form of the backend.

    Args:
        placements: ``(views, 2, 3)``: affine maps from ``(y, x, 1)`` in the view to the planes.
        size: Height and width of the planes.
        near: Whether :func:`is_near` holds.
    """
    return _backend().make_sampling(placements, size, near=near)


def is_near(placements: NDArray[np.floating]) -> bool:
    """Whether there is a single view, in which a pixel affects no more than 3 x 3 positions.

    Pixel ``p`` counts where ``|turn @ q + shift - p| < 1``: at positions ``q`` that are less than
    the greatest row of ``|turn ** -1|`` from the one that falls on it, and half a position more
    from the whole number nearest to that.
    """
    if len(placements) != 1 or abs(np.linalg.det(placements[0, :, :2])) < 1e-3:
        return False
    return bool(np.abs(np.linalg.inv(placements[0, :, :2])).sum(1).max() < 1.5)


def sample(planes: Tensor, sampling: Structure) -> Tensor:
    """Samples planes through placements, bilinearly; outside the planes is 0.

    Args:
        planes: ``(batch, channel, height, width)``.
        sampling: From :func:`make_sampling`.

    Returns:
        ``(batch * views, height, width, channel)``.
    """
    return _backend().sample(planes, sampling)


def fused(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compiles a function where the backend does not compile the whole step of an optimisation.

    Its gradient computes it again, so it should be linear or cheap. ``function`` takes a sequence
    of tensors by which it is differentiated, and one of other tensors.
    """
    return _backend().fused(function)


def measure(
    compute: Callable[..., Structure], shapes: Sequence[types.ShapeAndType]
) -> types.Measured:
    """Finds the largest tensor of a computation by tracing it without values.

    All sizes in ``shapes`` are known. A computation that depends on values raises some error.
    """
    with keras.StatelessScope(), keras.SymbolicScope():
        return _backend().measure(compute, shapes)


def to_numpy(tensor: Tensor) -> Array:
    """Converts a tensor to an array."""
    with warnings.catch_warnings():
        # Keras 3.15 hands its tensors to NumPy in a way that NumPy 2.4 frowns upon.
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(keras.ops.convert_to_numpy(tensor))


def as_float32(value: Array) -> NDArray[np.float32]:
    """An array as float32, copied only if it has another type."""
    return np.asarray(value, np.float32)
