"""TensorFlow: a pass runs eagerly, which for one image costs less than tracing it.

A step of an ascent, which is taken many times, is traced.

Keras 3.15 on TensorFlow guesses from the sizes along which axis ``keras.ops.add`` adds a
bias: where a channels-first image is as wide as it has channels, a convolution adds its bias
along the width. While a pass runs, what has more than one axis is added as NumPy would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow import numpy as plain  # where keras.ops.add finds its sum

from layersight.data.arrays import Array
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.keras import backends
from layersight.frameworks.keras.backends import gathering
from layersight.frameworks.keras.types import Function, Structure, Tensor


def make_runner(
    compute: backends.Compute, variables: Sequence[keras.Variable], *, often: bool
) -> backends.Runner:
    """Runs ``compute`` as it is, or traced once."""
    traced: Callable[[list[tf.Tensor]], dict[str, tf.Tensor]] = compute
    if often:
        # Around a function of Python, since a trace is kept by weak references.
        traced = tf.function(lambda tensors: compute(tensors), autograph=False)

    def run(inputs: Sequence[Array]) -> backends.Arrays:
        with patched(adding_by_axis):
            tensors = traced([tf.convert_to_tensor(array) for array in inputs])
        return {name: _as_it_lies(tensor) for name, tensor in tensors.items()}

    return run


def _as_it_lies(tensor: tf.Tensor) -> Array:
    """A tensor as an array; of numbers as they mostly are not a copy, which NumPy's way makes."""
    if tensor.dtype != tf.float32:
        return tensor.numpy()
    return np.asarray(memoryview(tensor))


def _by_axis(guessing: Function) -> Function:
    """A sum of two tensors; the one of Keras where it has nothing to guess."""

    def add(x1: Tensor, x2: Tensor) -> Tensor:
        sparse = any(isinstance(x, tf.SparseTensor | tf.IndexedSlices) for x in (x1, x2))
        if sparse or len(getattr(x2, "shape", ())) < 2:
            return guessing(x1, x2)
        dtype = keras.backend.result_type(getattr(x1, "dtype", type(x1)), x2.dtype)
        first, second = (keras.ops.convert_to_tensor(x, dtype=dtype) for x in (x1, x2))
        return tf.add(first, second)

    return add


# While this is patched, sums follow the axes of what is added, never a guess.
adding_by_axis: list[Patch] = [(plain, "add", _by_axis)]


def small_passes() -> bool:
    """Never: layers of many images are the quicker ones."""
    return False


def make_stepper(step: backends.Step, variables: Sequence[keras.Variable]) -> backends.Stepper:
    """Traces ``step`` once; its state stays on the device."""

    def differentiate(
        function: backends.Objective, parameters: backends.Tensors
    ) -> tuple[Tensor, backends.Tensors]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            total, more = function(parameters)
        zero = tf.UnconnectedGradients.ZERO
        return more, tape.gradient(total, parameters, unconnected_gradients=zero)

    traced = tf.function(
        lambda state, weights, extra: step(state, weights, extra, differentiate), autograph=False
    )

    def run(
        state: backends.State, weights: Sequence[Array], extra: backends.Arrays
    ) -> tuple[backends.State, backends.Arrays]:
        given = tf.nest.map_structure(tf.convert_to_tensor, (state, list(weights), extra))
        with patched(adding_by_axis):
            after, found = traced(*given)
        return after, {name: tensor.numpy() for name, tensor in found.items()}

    return run


def make_differ(
    score: backends.Score,
    variables: Sequence[keras.Variable],
    layers: Sequence[str],
    indices: Sequence[int],
) -> backends.Differ:
    """Traces the gradient; the tape begins at what is watched, where the backward pass ends.

    It is always traced, never run as it is first, so that every time gives the same bytes.
    """

    def differentiate(tensors: list[Tensor], weights: list[Tensor]) -> backends.Tensors:
        watched: backends.Tensors = {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for index in indices:
                tape.watch(tensors[index])

            def touch(handle: backends.Named, tensor: Tensor) -> Tensor:
                if handle.info.name in layers:
                    tape.watch(tensor)
                    watched[handle.info.name] = tensor
                return tensor

            scores, more = score(tensors, weights, touch)
            total = tf.reduce_sum(scores)
        by = {f"gradient:{name}": tensor for name, tensor in watched.items()}
        by |= {f"input:{index}": tensors[index] for index in indices}
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(total, by, unconnected_gradients=zero)
        values = {f"value:{name}": tensor for name, tensor in watched.items()}
        return {"scores": scores, **more, **values, **gradients}

    traced = tf.function(differentiate, autograph=False)

    def run(inputs: Sequence[Array], weights: Sequence[Array]) -> backends.Arrays:
        given = [[tf.convert_to_tensor(array) for array in part] for part in (inputs, weights)]
        with patched(adding_by_axis):
            every = traced(*given)
        return {name: tensor.numpy() for name, tensor in every.items()}

    return run


@tf.custom_gradient
def positive(tensor: tf.Tensor) -> tuple[tf.Tensor, Function]:
    """The identity, with a gradient whose negative part is 0."""
    return tf.identity(tensor), lambda gradient: tf.maximum(gradient, tf.cast(0, gradient.dtype))


place = gathering.place


def _adjoint(forward: gathering.Linear, back: gathering.Linear) -> gathering.Linear:
    """A linear function of its first argument with a gradient of our own."""

    def linear(planes: Tensor, placed: gathering.Placed) -> Tensor:
        placed = tf.nest.map_structure(tf.convert_to_tensor, placed)  # no variable is known

        def call(planes: Tensor) -> tuple[Tensor, Function]:
            return forward(planes, placed), lambda gradient: back(gradient, placed)

        return tf.custom_gradient(call)(planes)

    return linear


sample = gathering.make_sample(_adjoint)


def inverse(real: Tensor, imaginary: Tensor, size: tuple[int, int]) -> Tensor:
    return tf.signal.irfft2d(tf.complex(real, imaginary), size)


def fused(function: Function) -> Function:
    """Compiles the function with XLA, forward and backward, where there is a compiler."""
    if not {device.device_type for device in tf.config.list_physical_devices()} <= {"CPU", "GPU"}:
        return function
    forward = tf.function(function, autograph=False, jit_compile=True)

    def back(given: list[Tensor], fixed: Sequence[Structure], gradient: Tensor) -> list[Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(given)
            found = function(given, fixed)
        return tape.gradient(found, given, output_gradients=gradient)

    backward = tf.function(back, autograph=False, jit_compile=True)

    def run(given: Sequence[Tensor], fixed: Sequence[Structure]) -> Tensor:
        def call(*given: Tensor) -> tuple[Tensor, Function]:
            return forward(list(given), fixed), lambda up: backward(list(given), fixed, up)

        return tf.custom_gradient(call)(*given)

    return run


def measure(
    compute: Callable[..., Structure], shapes: Sequence[backends.ShapeAndType]
) -> backends.Measured:
    """The largest tensor of a computation, read off its graph and the graphs inside it."""
    graph = tf.__internal__.FuncGraph("measured")
    with graph.as_default():
        given = compute(*(tf.compat.v1.placeholder(dtype, shape) for shape, dtype in shapes))
    tensors = [tensor for tensor in tf.nest.flatten(given) if tf.is_tensor(tensor)]
    tensors = [tensor for tensor in tensors if tensor.shape.rank is not None]
    return backends.Measured(
        _largest(graph),
        tuple((tuple(tensor.shape.as_list()), tensor.dtype.name) for tensor in tensors),
    )


def _largest(graph: tf.Graph) -> int:
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
