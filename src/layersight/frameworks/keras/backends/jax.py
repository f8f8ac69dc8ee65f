"""JAX: passes, and steps of an ascent, are compiled once for each set of layers and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import keras
from keras.src.backend.jax import nn  # from which keras.ops takes its pooling

from layersight.data.arrays import Array
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.graph.view import LayerHandle
from layersight.frameworks.keras import types
from layersight.frameworks.keras.backends import gathering, pooling
from layersight.frameworks.keras.types import Function, Structure, Tensor


def make_runner(
    compute: types.Compute, variables: Sequence[keras.Variable], *, often: bool
) -> types.Runner:
    """Compiles ``compute``, ``often`` or not; the variables are arguments, not baked in."""

    def pure(state: list[Tensor], inputs: list[Tensor]) -> types.Tensors:
        with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))):
            return compute(inputs)

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Array]) -> Callable[[], types.Arrays]:
        state = [variable.value for variable in variables]
        tensors = compiled(state, list(inputs))
        return lambda: dict(jax.device_get(tensors))

    return run


def small_passes() -> bool:
    """On a processor: no layer costs anything extra, and memory for large maps is slow to get."""
    return bool(jax.default_backend() == "cpu")


def make_stepper(step: types.StepFunction, variables: Sequence[keras.Variable]) -> types.Stepper:
    """Compiles ``step``; its state stays on the device."""

    def differentiate(
        function: types.Objective, parameters: types.Tensors
    ) -> tuple[Tensor, types.Tensors]:
        (_, more), gradients = jax.value_and_grad(function, has_aux=True)(parameters)
        return more, gradients

    def pure(
        values: list[Tensor], state: types.Tensors, weights: list[Tensor], extra: types.Tensors
    ) -> tuple[types.Tensors, types.Tensors]:
        scope = keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True)))
        with patched(_patches()), scope:
            return step(state, weights, extra, differentiate)

    compiled = jax.jit(pure)

    def run(
        state: types.Tensors, weights: Sequence[Array], extra: types.Arrays
    ) -> tuple[types.Tensors, types.Arrays]:
        values = [variable.value for variable in variables]
        after, results = compiled(values, state, list(weights), extra)
        return after, jax.device_get(results)

    return run


def make_differ(
    score: types.Score,
    variables: Sequence[keras.Variable],
    layers: Sequence[str],
    indices: Sequence[int],
) -> types.Differ:
    """Compiles the gradient; that by a layer is the one by zeros added to its output."""

    def pure(values: list[Tensor], inputs: list[Tensor], weights: list[Tensor]) -> types.Tensors:
        def run(
            added: types.Tensors, chosen: dict[int, Tensor]
        ) -> tuple[Tensor, tuple[Tensor, types.Tensors, types.Tensors]]:
            watched: types.Tensors = {}

            def hook(handle: LayerHandle, tensor: Tensor) -> Tensor:
                name = handle.info.name
                if name not in layers:
                    return tensor
                watched[name] = tensor + added[name] if name in added else tensor
                return watched[name]

            tensors = [chosen.get(index, tensor) for index, tensor in enumerate(inputs)]
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                scores, more = score(tensors, weights, hook)
            return jnp.sum(scores), (scores, more, watched)

        shapes = jax.eval_shape(lambda: run({}, {})[1][2]) if layers else {}
        zeros = {name: jnp.zeros(spec.shape, spec.dtype) for name, spec in shapes.items()}
        chosen = {index: inputs[index] for index in indices}
        both = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
        with patched(_patches()):
            (_, (scores, more, watched)), (gradients, by) = both(zeros, chosen)
        return {
            "scores": scores,
            **more,
            **{f"value:{name}": tensor for name, tensor in watched.items()},
            **{f"gradient:{name}": tensor for name, tensor in gradients.items()},
            **{f"input:{index}": tensor for index, tensor in by.items()},
        }

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Array], weights: Sequence[Array]) -> types.Arrays:
        values = [variable.value for variable in variables]
        return dict(jax.device_get(compiled(values, list(inputs), list(weights))))

    return run


@jax.custom_vjp
def positive(tensor: Tensor) -> Tensor:
    return tensor


positive.defvjp(lambda tensor: (tensor, None), lambda _, gradient: (jnp.maximum(gradient, 0),))


def make_sampling(placements: Tensor, size: tuple[int, int], *, near: bool) -> gathering.Sampling:
    """As :func:`gathering.make_sampling`, computed once and not again for each number."""
    return jax.lax.optimization_barrier(gathering.make_sampling(placements, size, near=near))


def _adjoint(forward: gathering.Linear, back: gathering.Linear) -> gathering.Linear:
    """A function that is linear in its first argument, with a gradient of our own."""
    linear = jax.custom_vjp(forward)
    linear.defvjp(
        lambda planes, sampling: (forward(planes, sampling), sampling),
        lambda sampling, gradient: (back(gradient, sampling), None),  # none by placements
    )
    return linear


sample = gathering.make_sample(_adjoint)


def inverse(real: Tensor, imaginary: Tensor, size: tuple[int, int]) -> Tensor:
    return jnp.fft.irfft2(jax.lax.complex(real, imaginary), size)


def fused(function: Function) -> Function:
    """The function itself: a step is compiled as a whole."""
    return function


def _with_gradient(
    forward: Callable[[Tensor], Tensor], back: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:

    def with_residuals(tensor: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        result = forward(tensor)
        return result, (tensor, result)

    function = jax.custom_vjp(forward)
    function.defvjp(with_residuals, lambda both, gradient: (back(both[0], both[1], gradient),))
    return function


# Gives max pooling a gradient that is faster on a processor.
_pooling: list[Patch] = [(nn, "max_pool", pooling.max_pooling(_with_gradient))]


def _patches() -> list[Patch]:
    return _pooling if jax.default_backend() == "cpu" else []


def measure(
    compute: Callable[..., Structure], shapes: Sequence[types.ShapeAndType]
) -> types.Measured:
    """The largest tensor of a computation, read off what JAX would compile."""
    specs = [jax.ShapeDtypeStruct(tuple(shape), dtype) for shape, dtype in shapes]
    program, outputs = jax.make_jaxpr(compute, return_shape=True)(*specs)
    tensors = [tensor for tensor in jax.tree.leaves(outputs) if hasattr(tensor, "shape")]
    return types.Measured(
        max((*map(_bytes_of, tensors), _largest(program.jaxpr)), default=0),
        tuple((tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors),
    )


def _largest(program: jax.extend.core.Jaxpr) -> int:
    """The bytes of the largest value in a program and those inside it."""
    largest = 0
    for equation in program.eqns:
        largest = max([largest, *(_bytes_of(value.aval) for value in equation.outvars)])
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda part: hasattr(part, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                largest = max(largest, _largest(inner))
    return largest


def _bytes_of(value: object) -> int:
    size: int = math.prod(getattr(value, "shape", ()))
    return size * int(getattr(getattr(value, "dtype", None), "itemsize", 4))
