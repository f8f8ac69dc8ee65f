"""TensorFlow: a pass runs eagerly, which for one image costs less than tracing it.

A step of an ascent, which is taken many times, is traced.

Keras 3.15 on TensorFlow guesses from the sizes along which axis ``keras.ops.add`` adds a
bias: where a channels-first image is as wide as it has channels, a convolution adds its bias
along the width. While a pass runs, what has more than one axis is added as NumPy would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.tensorflow import nn  # where keras.ops.conv finds its convolution
from keras.src.backend.tensorflow import numpy as plain  # where keras.ops.add finds its sum

from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.keras.backends import Measured, adjoints, gathering


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]],
    variables: Sequence[Any],
    *,
    often: bool,
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Runs ``compute`` as it is, or traced once."""
    traced = tf.function(compute, autograph=False) if often else compute

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        with patched(adding_by_axis):
            tensors = traced([tf.convert_to_tensor(array) for array in inputs])
        return {name: tensor.numpy() for name, tensor in tensors.items()}

    return run


def _by_axis(guessing: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A sum of two tensors; the one of Keras where it has nothing to guess."""

    def add(x1: Any, x2: Any) -> Any:
        if len(getattr(x2, "shape", ())) < 2 or any(_is_sparse(x) for x in (x1, x2)):
            return guessing(x1, x2)
        dtype = keras.backend.result_type(getattr(x1, "dtype", type(x1)), x2.dtype)
        first, second = (keras.ops.convert_to_tensor(x, dtype=dtype) for x in (x1, x2))
        return tf.add(first, second)

    return add


def _is_sparse(value: Any) -> bool:
    return isinstance(value, tf.SparseTensor | tf.IndexedSlices)


adding_by_axis: list[Patch] = [(plain, "add", _by_axis)]
"""While this is patched, sums follow the axes of what is added, never a guess."""


def make_stepper(step: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Traces ``step`` once; its state stays on the device."""

    def differentiate(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            total, more = function(parameters)
        zero = tf.UnconnectedGradients.ZERO
        return more, tape.gradient(total, parameters, unconnected_gradients=zero)

    traced = tf.function(lambda *given: step(*given, differentiate), autograph=False)
    ways = [*adding_by_axis, *(_quickly if on_processor() else [])]

    def run(state: Any, weights: Any, extra: Any) -> Any:
        given = tf.nest.map_structure(tf.convert_to_tensor, (state, list(weights), extra))
        with patched(ways):
            after, found = traced(*given)
        return after, {name: tensor.numpy() for name, tensor in found.items()}

    return run


def make_differ(
    score: Callable[..., Any],
    variables: Sequence[Any],
    layers: Sequence[str],
    places: Sequence[int],
) -> Callable[..., Any]:
    """Traces the gradient; the tape begins at what is watched, so that the way back ends there.

    It is always traced, never run as it is first, so that every time gives the same bytes.
    """

    def differentiate(tensors: list[Any], weights: list[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for place in places:
                tape.watch(tensors[place])

            def touch(sight: Any, tensor: Any) -> Any:
                if sight.info.name in layers:
                    tape.watch(tensor)
                    found[sight.info.name] = tensor
                return tensor

            scores, more = score(tensors, weights, touch)
            total = tf.reduce_sum(scores)
        by = {f"slope:{name}": tensor for name, tensor in found.items()}
        by |= {f"input:{place}": tensors[place] for place in places}
        zero = tf.UnconnectedGradients.ZERO
        slopes = tape.gradient(total, by, unconnected_gradients=zero)
        values = {f"value:{name}": tensor for name, tensor in found.items()}
        return {"scores": scores, **more, **values, **slopes}

    traced = tf.function(differentiate, autograph=False)

    def run(inputs: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        given = [[tf.convert_to_tensor(array) for array in part] for part in (inputs, weights)]
        with patched(adding_by_axis):
            every = traced(*given)
        return {name: tensor.numpy() for name, tensor in every.items()}

    return run


@tf.custom_gradient
def positive(tensor: Any) -> Any:
    """The identity, whose gradient is cut at 0 from below."""
    return tf.identity(tensor), lambda slope: tf.maximum(slope, tf.cast(0, slope.dtype))


place = gathering.place


def _adjoint(forward: Callable[..., Any], back: Callable[..., Any]) -> Callable[..., Any]:
    """A linear function of its first argument with the way back that is told."""

    def linear(planes: Any, placed: Any) -> Any:
        placed = tf.nest.map_structure(tf.convert_to_tensor, placed)  # no variable is known

        def call(planes: Any) -> Any:
            return forward(planes, placed), lambda slope: back(slope, placed)

        return tf.custom_gradient(call)(planes)

    return linear


sample = gathering.make_sample(_adjoint)


def on_processor() -> bool:
    """Whether TensorFlow has nothing but the processor."""
    return {device.device_type for device in tf.config.list_logical_devices()} == {"CPU"}


def inverse(real: Any, imaginary: Any, size: tuple[int, int]) -> Any:
    """The inverse of a real Fourier transform in two dimensions."""
    return tf.signal.irfft2d(tf.complex(real, imaginary), size)


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles the function with XLA, forward and backward, where there is a compiler."""
    if not {device.device_type for device in tf.config.list_physical_devices()} <= {"CPU", "GPU"}:
        return function
    forward = tf.function(function, autograph=False, jit_compile=True)

    def back(given: Any, fixed: Any, slope: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(given)
            found = function(given, fixed)
        return tape.gradient(found, given, output_gradients=slope)

    backward = tf.function(back, autograph=False, jit_compile=True)

    def run(given: Sequence[Any], fixed: Sequence[Any]) -> Any:
        def call(*given: Any) -> Any:
            return forward(list(given), fixed), lambda slope: backward(list(given), fixed, slope)

        return tf.custom_gradient(call)(*given)

    return run


_quickly: list[Patch] = [(nn, "conv", adjoints.convolving(_adjoint, fused))]
"""While this is patched, ways back are traced that are quicker on a processor."""


def measure(compute: Callable[..., Any], shapes: Sequence[tuple[Any, str]]) -> Measured:
    """The largest tensor of a computation, read off its graph and the graphs inside it."""
    graph = tf.__internal__.FuncGraph("measured")
    with graph.as_default():
        given = compute(*(tf.compat.v1.placeholder(dtype, shape) for shape, dtype in shapes))
    tensors = [tensor for tensor in tf.nest.flatten(given) if tf.is_tensor(tensor)]
    tensors = [tensor for tensor in tensors if tensor.shape.rank is not None]
    return Measured(
        _largest(graph),
        tuple((tuple(tensor.shape.as_list()), tensor.dtype.name) for tensor in tensors),
    )


def _largest(graph: Any) -> int:
    """The bytes of the largest tensor in a graph and those inside it, as far as is known."""
    found = 0
    for operation in graph.get_operations():
        for tensor in operation.outputs:
            if tensor.shape.rank is not None and tensor.dtype.size:
                sizes = [size or 1 for size in tensor.shape.as_list()]
                found = max(found, math.prod(sizes) * tensor.dtype.size)
    for function in getattr(graph, "_functions", {}).values():
        inner = getattr(function, "graph", None)
        if inner is not None:
            found = max(found, _largest(inner))
    return found
