"""JAX: a pass, and a step of an ascent, is compiled once for each set of layers and shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras

from convlens.frameworks.keras.backends.gathering import sample as sample


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]],
    variables: Sequence[Any],
    *,
    often: bool,
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Compiles ``compute``, ``often`` or not; the variables are arguments, not baked in."""

    def pure(state: list[Any], inputs: list[Any]) -> dict[str, Any]:
        with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))):
            return compute(inputs)

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        state = [variable.value for variable in variables]
        return dict(jax.device_get(compiled(state, list(inputs))))

    return run


def make_stepper(step: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Compiles ``step``; its state stays on the device."""

    def differentiate(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        (_, more), gradients = jax.value_and_grad(function, has_aux=True)(parameters)
        return more, gradients

    def pure(values: list[Any], state: Any, weights: Any, extra: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return step(state, weights, extra, differentiate)

    compiled = jax.jit(pure)

    def run(state: Any, weights: Any, extra: Any) -> Any:
        values = [variable.value for variable in variables]
        after, found = compiled(values, state, list(weights), extra)
        return after, jax.device_get(found)

    return run


AT_ONCE, SHORT = 2, 48
"""How many images a processor sends through a network of at most so many steps at once."""


def at_once(steps: int) -> int | None:
    """How many images a network takes at once.

    On a processor XLA's convolutions take a fourth longer for each image of a batch of 16 than
    for one of two. What is written out for every two takes longer to compile, which a long
    network would not earn back.
    """
    return AT_ONCE if jax.default_backend() == "cpu" and steps <= SHORT else None


def inverse(real: Any, imaginary: Any, size: tuple[int, int]) -> Any:
    """The inverse of a real Fourier transform in two dimensions."""
    return jnp.fft.irfft2(jax.lax.complex(real, imaginary), size)


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: a step is compiled as a whole."""
    return function
