"""TensorFlow: a pass runs eagerly, which for one image costs less than tracing it.

A step of an ascent, which runs many times, is traced.

Keras 3.15 on TensorFlow guesses from the sizes along which axis ``keras.ops.add`` adds a bias: for
a channels-first image whose width equals its number of channels, a convolution adds its bias along
the width. During a pass tensors with more than one axis are added as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow import numpy as knp  # from which keras.ops.add takes its sum

from layersight.data.arrays import Array
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.graph.view import LayerHandle
from layersight.frameworks.keras import types
from layersight.frameworks.keras.backends import gathering
from layersight.frameworks.keras.types import Function, Structure, Tensor


def make_runner(
    compute: types.Compute, variables: Sequence[keras.Variable], *, often: bool
) -> types.Runner:
    """Runs ``compute`` eagerly, or traced once.

    What is traced needs no patches, and takes the variables as they were when a pass started.
    """

    def pure(state: list[tf.Tensor], inputs: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))):
            return compute(inputs)

    traced = tf.function(pure, autograph=False)

    def run(inputs: Sequence[Array]) -> Callable[[], types.Arrays]:
        tensors = [tf.convert_to_tensor(array) for array in inputs]
        with patched(adding_by_axis):
            if not often:
                results = compute(tensors)
                return lambda: {name: _to_array(tensor) for name, tensor in results.items()}
            state = [tf.convert_to_tensor(variable.value) for variable in variables]
            traced.get_concrete_function(state, tensors)
        return lambda: {name: _to_array(each) for name, each in traced(state, tensors).items()}

    return run


def _to_array(tensor: tf.Tensor) -> Array:
    """Converts a tensor to an array; float32 without the copy that ``numpy()`` makes."""
    if tensor.dtype != tf.float32:
        return tensor.numpy()
    return np.asarray(memoryview(tensor))


def _add_by_axis(original: Function) -> Function:
    """A sum of two tensors; that of Keras where it has nothing to guess."""

    def add(x1: Tensor, x2: Tensor) -> Tensor:
        sparse = any(isinstance(x, tf.SparseTensor | tf.IndexedSlices) for x in (x1, x2))
        if sparse or len(getattr(x2, "shape", ())) < 2:
            return original(x1, x2)
        dtype = keras.backend.result_type(getattr(x1, "dtype", type(x1)), x2.dtype)
        first, second = (keras.ops.convert_to_tensor(x, dtype=dtype) for x in (x1, x2))
        return tf.add(first, second)

    return add


# Makes sums follow the axes of the tensors, never a guess.
adding_by_axis: list[Patch] = [(knp, "add", _add_by_axis)]


def small_passes() -> bool:
    """Never: large batches are faster."""
    return False


def make_stepper(step: types.StepFunction, variables: Sequence[keras.Variable]) -> types.Stepper:
    """Traces ``step`` once; its state stays on the device."""

    def differentiate(
        function: types.Objective, parameters: types.Tensors
    ) -> tuple[Tensor, types.Tensors]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            total, more = function(parameters)
        zero = tf.UnconnectedGradients.ZERO
        return more, tape.gradient(total, parameters, unconnected_gradients=zero)

    traced = tf.function(
        lambda state, weights, extra: step(state, weights, extra, differentiate), autograph=False
    )

    def run(
        state: types.Tensors, weights: Sequence[Array], extra: types.Arrays
    ) -> tuple[types.Tensors, types.Arrays]:
        arguments = tf.nest.map_structure(tf.convert_to_tensor, (state, list(weights), extra))
        with patched(adding_by_axis):
            after, results = traced(*arguments)
        return after, {name: tensor.numpy() for name, tensor in results.items()}

    return run


def make_differ(
    score: types.Score,
    variables: Sequence[keras.Variable],
    layers: Sequence[str],
    indices: Sequence[int],
) -> types.Differ:
    """Traces the gradient; the tape begins at the watched tensors, where the backward pass ends.

    It is traced from the first call on, so that all calls give the same bytes.
    """

    def differentiate(tensors: list[Tensor], weights: list[Tensor]) -> types.Tensors:
        watched: types.Tensors = {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for index in indices:
                tape.watch(tensors[index])

            def hook(handle: LayerHandle, tensor: Tensor) -> Tensor:
                if handle.info.name in layers:
                    tape.watch(tensor)
                    watched[handle.info.name] = tensor
                return tensor

            scores, more = score(tensors, weights, hook)
            total = tf.reduce_sum(scores)
        by = {f"gradient:{name}": tensor for name, tensor in watched.items()}
        by |= {f"input:{index}": tensors[index] for index in indices}
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(total, by, unconnected_gradients=zero)
        values = {f"value:{name}": tensor for name, tensor in watched.items()}
        return {"scores": scores, **more, **values, **gradients}

    traced = tf.function(differentiate, autograph=False)

    def run(inputs: Sequence[Array], weights: Sequence[Array]) -> types.Arrays:
        arguments = [[tf.convert_to_tensor(array) for array in part] for part in (inputs, weights)]
        with patched(adding_by_axis):
            results = traced(*arguments)
        return {name: tensor.numpy() for name, tensor in results.items()}

    return run


@tf.custom_gradient
def positive(tensor: tf.Tensor) -> tuple[tf.Tensor, Function]:
    return tf.identity(tensor), lambda gradient: tf.maximum(gradient, tf.cast(0, gradient.dtype))


make_sampling = gathering.make_sampling


def _adjoint(forward: gathering.Linear, back: gathering.Linear) -> gathering.Linear:
    """A function that is linear in its first argument, with a gradient of our own."""

    def linear(planes: Tensor, sampling: gathering.Sampling) -> Tensor:
        sampling = tf.nest.map_structure(tf.convert_to_tensor, sampling)  # no variables inside

        def call(planes: Tensor) -> tuple[Tensor, Function]:
            return forward(planes, sampling), lambda gradient: back(gradient, sampling)

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

    def back(tensors: list[Tensor], fixed: Sequence[Structure], gradient: Tensor) -> list[Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            result = function(tensors, fixed)
        return tape.gradient(result, tensors, output_gradients=gradient)

    backward = tf.function(back, autograph=False, jit_compile=True)

    def run(tensors: Sequence[Tensor], fixed: Sequence[Structure]) -> Tensor:
        def call(*tensors: Tensor) -> tuple[Tensor, Function]:
            return forward(list(tensors), fixed), lambda up: backward(list(tensors), fixed, up)

        return tf.custom_gradient(call)(*tensors)

    return run


def measure(
    compute: Callable[..., Structure], shapes: Sequence[types.ShapeAndType]
) -> types.Measured:
    """The largest tensor of a computation, read off its graph and the graphs inside it."""
    graph = tf.__internal__.FuncGraph("measured")
    with graph.as_default():
        outputs = compute(*(tf.compat.v1.placeholder(dtype, shape) for shape, dtype in shapes))
    tensors = [tensor for tensor in tf.nest.flatten(outputs) if tf.is_tensor(tensor)]
    tensors = [tensor for tensor in tensors if tensor.shape.rank is not None]
    return types.Measured(
        _largest(graph),
        tuple((tuple(tensor.shape.as_list()), tensor.dtype.name) for tensor in tensors),
    )


def _largest(graph: tf.Graph) -> int:
    """The bytes of the largest tensor in a graph and those inside it, as far as known."""
    largest = 0
    for operation in graph.get_operations():
        for tensor in operation.outputs:
            if tensor.shape.rank is not None and tensor.dtype.size:
                sizes = [size or 1 for size in tensor.shape.as_list()]
                largest = max(largest, math.prod(sizes) * tensor.dtype.size)
    for function in getattr(graph, "_functions", {}).values():
        inner = getattr(function, "graph", None)
        if inner is not None:
            largest = max(largest, _largest(inner))
    return largest
