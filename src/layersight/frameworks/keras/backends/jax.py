"""JAX: a pass, and a step of an ascent, is compiled once for each set of layers and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import keras
from keras.src.backend.jax import nn  # where keras.ops finds its pooling

from layersight.data.arrays import Array
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.keras import backends
from layersight.frameworks.keras.backends import gathering, pooling
from layersight.frameworks.keras.types import Function, Structure, Tensor


def make_runner(
    compute: backends.Compute, variables: Sequence[keras.Variable], *, often: bool
) -> backends.Runner:
    """Compiles ``compute``, ``often`` or not; the variables are arguments, not baked in."""

    def pure(state: list[Tensor], inputs: list[Tensor]) -> backends.Tensors:
        with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))):
            return compute(inputs)

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Array]) -> backends.Arrays:
        state = [variable.value for variable in variables]
        return dict(jax.device_get(compiled(state, list(inputs))))

    return run


def small_passes() -> bool:
    """On a processor: nothing is done for each layer, and memory for large maps is cleared anew."""
    return bool(jax.default_backend() == "cpu")


def make_stepper(step: backends.Step, variables: Sequence[keras.Variable]) -> backends.Stepper:
    """Compiles ``step``; its state stays on the device."""

    def differentiate(
        function: backends.Objective, parameters: backends.Tensors
    ) -> tuple[Tensor, backends.Tensors]:
        (_, more), gradients = jax.value_and_grad(function, has_aux=True)(parameters)
        return more, gradients

    def pure(
        values: list[Tensor], state: backends.State, weights: list[Tensor], extra: backends.Tensors
    ) -> tuple[backends.State, backends.Tensors]:
        scope = keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True)))
        with patched(_ways()), scope:
            return step(state, weights, extra, differentiate)

    compiled = jax.jit(pure)

    def run(
        state: backends.State, weights: Sequence[Array], extra: backends.Arrays
    ) -> tuple[backends.State, backends.Arrays]:
        values = [variable.value for variable in variables]
        after, found = compiled(values, state, list(weights), extra)
        return after, jax.device_get(found)

    return run


def make_differ(
    score: backends.Score,
    variables: Sequence[keras.Variable],
    layers: Sequence[str],
    indices: Sequence[int],
) -> backends.Differ:
    """Compiles the gradient; layers are differentiated by zeros that are added to them."""

    def pure(values: list[Tensor], inputs: list[Tensor], weights: list[Tensor]) -> backends.Tensors:
        def run(
            added: backends.Tensors, given: dict[int, Tensor]
        ) -> tuple[Tensor, tuple[Tensor, backends.Tensors, backends.Tensors]]:
            watched: backends.Tensors = {}

            def touch(handle: backends.Named, tensor: Tensor) -> Tensor:
                name = handle.info.name
                if name not in layers:
                    return tensor
                watched[name] = tensor + added[name] if name in added else tensor
                return watched[name]

            tensors = [given.get(index, tensor) for index, tensor in enumerate(inputs)]
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                scores, more = score(tensors, weights, touch)
            return jnp.sum(scores), (scores, more, watched)

        shapes = jax.eval_shape(lambda: run({}, {})[1][2]) if layers else {}
        zeros = {name: jnp.zeros(spec.shape, spec.dtype) for name, spec in shapes.items()}
        given = {index: inputs[index] for index in indices}
        both = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
        with patched(_ways()):
            (_, (scores, more, watched)), (gradients, by) = both(zeros, given)
        return {
            "scores": scores,
            **more,
            **{f"value:{name}": tensor for name, tensor in watched.items()},
            **{f"gradient:{name}": tensor for name, tensor in gradients.items()},
            **{f"input:{index}": tensor for index, tensor in by.items()},
        }

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Array], weights: Sequence[Array]) -> backends.Arrays:
        values = [variable.value for variable in variables]
        return dict(jax.device_get(compiled(values, list(inputs), list(weights))))

    return run


@jax.custom_vjp
def positive(tensor: Tensor) -> Tensor:
    """The identity, with a gradient whose negative part is 0."""
    return tensor


positive.defvjp(lambda tensor: (tensor, None), lambda _, gradient: (jnp.maximum(gradient, 0),))


def place(placements: Tensor, size: tuple[int, int], *, near: bool) -> gathering.Placed:
    """What is taken from where, found before anything is taken, not anew for each number."""
    return jax.lax.optimization_barrier(gathering.place(placements, size, near=near))


def _adjoint(forward: gathering.Linear, back: gathering.Linear) -> gathering.Linear:
    """A linear function of its first argument with a gradient of our own."""
    linear = jax.custom_vjp(forward)
    linear.defvjp(
        lambda planes, placed: (forward(planes, placed), placed),
        lambda placed, gradient: (back(gradient, placed), None),  # never differentiated by
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
    """A function with a gradient of our own."""

    def kept(given: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        found = forward(given)
        return found, (given, found)

    known = jax.custom_vjp(forward)
    known.defvjp(kept, lambda both, gradient: (back(both[0], both[1], gradient),))
    return known


# While this is patched, a gradient of max pooling is traced that is quicker on a processor.
_quickly: list[Patch] = [(nn, "max_pool", pooling.max_pooling(_with_gradient))]


def _ways() -> list[Patch]:
    return _quickly if jax.default_backend() == "cpu" else []


def measure(
    compute: Callable[..., Structure], shapes: Sequence[backends.ShapeAndType]
) -> backends.Measured:
    """The largest tensor of a computation, read off what JAX would compile."""
    specs = [jax.ShapeDtypeStruct(tuple(shape), dtype) for shape, dtype in shapes]
    program, given = jax.make_jaxpr(compute, return_shape=True)(*specs)
    tensors = [tensor for tensor in jax.tree.leaves(given) if hasattr(tensor, "shape")]
    return backends.Measured(
        max((*map(_bytes_of, tensors), _largest(program.jaxpr)), default=0),
        tuple((tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors),
    )


def _largest(program: jax.extend.core.Jaxpr) -> int:
    """The bytes of the largest value in a program and those inside it."""
    found = 0
    for equation in program.eqns:
        found = max([found, *(_bytes_of(value.aval) for value in equation.outvars)])
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda part: hasattr(part, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                found = max(found, _largest(inner))
    return found


def _bytes_of(value: object) -> int:
    size: int = math.prod(getattr(value, "shape", ()))
    return size * int(getattr(getattr(value, "dtype", None), "itemsize", 4))
