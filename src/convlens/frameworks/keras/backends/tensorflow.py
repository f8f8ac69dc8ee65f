"""TensorFlow: a pass runs eagerly, which for one image costs less than tracing it.

A step of an ascent, which is taken many times, is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]], variables: Sequence[Any]
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Runs ``compute`` as it is."""

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        tensors = compute([tf.convert_to_tensor(array) for array in inputs])
        return {name: tensor.numpy() for name, tensor in tensors.items()}

    return run


def make_stepper(step: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Traces ``step`` once; its state stays on the device."""

    def differentiate(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            total, more = function(parameters)
        zero = tf.UnconnectedGradients.ZERO
        return more, tape.gradient(total, parameters, unconnected_gradients=zero)

    traced = tf.function(lambda *given: step(*given, differentiate), autograph=False)

    def run(state: Any, weights: Any, extra: Any) -> Any:
        given = tf.nest.map_structure(tf.convert_to_tensor, (state, list(weights), extra))
        after, found = traced(*given)
        return after, {name: tensor.numpy() for name, tensor in found.items()}

    return run
