"""One small file for each backend of Keras, each with the same functions."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
from keras.src.backend.common.stateless_scope import StatelessScope  # not exported
from keras.src.backend.common.symbolic_scope import SymbolicScope  # not exported
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Compute = Callable[[Sequence[Any]], dict[str, Any]]
Runner = Callable[[Sequence[NDArray[Any]]], Arrays]
State = dict[str, Any]
Differentiate = Callable[[Callable[..., Any], dict[str, Any]], tuple[Any, dict[str, Any]]]
"""From a function to ``(what is climbed, more)`` and parameters to ``more`` and gradients."""
Step = Callable[[State, Sequence[Any], dict[str, Any], Differentiate], tuple[State, dict[str, Any]]]
Fusible = Callable[[Sequence[Any], Sequence[Any]], Any]
Stepper = Callable[[State, Sequence[NDArray[Any]], Arrays], tuple[State, Arrays]]
Score = Callable[[Sequence[Any], Sequence[Any], Callable[[Any, Any], Any]], Any]
"""From inputs, weights and what touches each layer on the way to a number for each image, and
more, named, that is wanted as it is."""
Differ = Callable[[Sequence[NDArray[Any]], Sequence[NDArray[Any]]], Arrays]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a computation was found to make.

    Attributes:
        largest: The bytes of its largest tensor, whether on the way or at the end.
        given: The shapes and types of what it gives; a size that depends on values is ``None``.
    """

    largest: int
    given: tuple[tuple[tuple[int | None, ...], str], ...]


def make_runner(compute: Compute, variables: Sequence[Any], *, often: bool = False) -> Runner:
    """Turns a computation on backend tensors into one on NumPy arrays.

    Args:
        compute: Takes the inputs as tensors and gives named tensors.
        variables: The variables that it reads.
        often: Whether it will run so often with the same shapes that compiling it pays, where
            a pass or two would rather do without.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return cast("Runner", module.make_runner(compute, variables, often=often))


def make_stepper(step: Step, variables: Sequence[Any]) -> Stepper:
    """Turns one step of an ascent on backend tensors into one that keeps its state there.

    Args:
        step: Takes state, weights and more, all as tensors, and what differentiates; gives
            the state after the step and what it found.
        variables: The variables that it reads.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return cast("Stepper", module.make_stepper(step, variables))


def make_differ(
    score: Score, variables: Sequence[Any], layers: Sequence[str], places: Sequence[int]
) -> Differ:
    """Turns a number read off a model into its gradients, as NumPy arrays.

    Args:
        score: Gives a number for each image; what each layer gives passes through the function
            that it is handed, ``touch(sight, tensor)``.
        variables: The variables that it reads.
        layers: The names of the layers by whose outputs it is differentiated.
        places: The places of the inputs likewise.

    Returns:
        What gives ``scores``, what more there is, for each layer ``value:NAME`` and
        ``slope:NAME``, and for each input ``input:PLACE``.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return cast("Differ", module.make_differ(score, variables, layers, places))


def make_positive() -> Callable[[Any], Any]:
    """The identity, whose gradient is cut at 0 from below."""
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return cast("Callable[[Any], Any]", module.positive)


def on_processor() -> bool:
    """Whether it computes on the processor, not on an accelerator."""
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return bool(module.on_processor())


def inverse(real: Any, imaginary: Any, size: tuple[int, int]) -> Any:
    """The inverse of a real Fourier transform in two dimensions.

    Args:
        real: ``(..., height, width // 2 + 1)``; coefficients whose twin is among them agree
            with it.
        imaginary: The same.
        size: Height and width.

    Returns:
        ``(..., height, width)``.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return module.inverse(real, imaginary, size)


def place(placements: Any, size: tuple[int, int], *, near: bool) -> Any:
    """What :func:`sample` needs to know of some placements, in the backend's own form.

    Args:
        placements: ``(views, 2, 3)``, from ``(y, x, 1)`` of what is seen to the planes.
        size: Height and width of the planes.
        near: Whether there is one view that no pixel is much enlarged in (:func:`is_near`).
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return module.place(placements, size, near=near)


def is_near(placements: NDArray[Any]) -> bool:
    """Whether there is one view, in which a pixel is seen at no more than 3 x 3 places.

    Pixel ``p`` counts where ``|turn @ q + shift - p| < 1``: at places ``q`` that are less than
    the greatest row of ``|turn ** -1|`` from the one that falls on it, and half a place more
    from the whole number nearest to that.
    """
    if len(placements) != 1 or abs(np.linalg.det(placements[0, :, :2])) < 1e-3:
        return False
    return bool(np.abs(np.linalg.inv(placements[0, :, :2])).sum(1).max() < 1.5)


def sample(planes: Any, placed: Any) -> Any:
    """What is seen of planes through placements, bilinearly; beyond their edges is 0.

    Args:
        planes: ``(batch, channel, height, width)``.
        placed: From :func:`place`.

    Returns:
        ``(batch * views, height, width, channel)``.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return module.sample(planes, placed)


def fused(function: Fusible) -> Fusible:
    """The same function, run as one where a step of an ascent is not compiled as a whole.

    What it needs for its gradient is computed again: it should be linear, or cheap.

    Args:
        function: Takes tensors that are differentiated by and tensors that are not.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    return cast("Fusible", module.fused(function))


def measure(compute: Callable[..., Any], shapes: Sequence[tuple[Any, str]]) -> Measured:
    """The largest tensor that a computation makes, found without making any.

    Args:
        compute: Takes tensors.
        shapes: Their shapes and types; every size is known.

    Raises:
        Exception: It cannot be traced: what it does depends on the values.
    """
    module = importlib.import_module(f"{__name__}.{keras.backend.backend()}")
    with StatelessScope(), SymbolicScope():
        return cast("Measured", module.measure(compute, shapes))


def to_numpy(tensor: Any) -> NDArray[Any]:
    """A tensor as an array."""
    with warnings.catch_warnings():
        # Keras 3.15 hands its tensors to NumPy in a way that NumPy 2.4 frowns upon.
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(keras.ops.convert_to_numpy(tensor))


def as_float32(value: NDArray[Any]) -> NDArray[np.float32]:
    """An array as float32, copied only if it is something else."""
    return np.asarray(value, np.float32)
