"""JAX: a pass, and a step of an ascent, is compiled once for each set of layers and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import keras
from keras.src.backend.jax import nn  # where keras.ops finds its convolutions

from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.keras.backends import Measured, adjoints, gathering


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
        scope = keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True)))
        with patched(_ways()), scope:
            return step(state, weights, extra, differentiate)

    compiled = jax.jit(pure)

    def run(state: Any, weights: Any, extra: Any) -> Any:
        values = [variable.value for variable in variables]
        after, found = compiled(values, state, list(weights), extra)
        return after, jax.device_get(found)

    return run


def make_differ(
    score: Callable[..., Any],
    variables: Sequence[Any],
    layers: Sequence[str],
    places: Sequence[int],
) -> Callable[..., Any]:
    """Compiles the gradient; layers are differentiated by zeros that are added to them."""

    def pure(values: list[Any], inputs: list[Any], weights: list[Any]) -> Any:
        def run(added: dict[str, Any], given: dict[int, Any]) -> Any:
            found: dict[str, Any] = {}

            def touch(sight: Any, tensor: Any) -> Any:
                name = sight.info.name
                if name not in layers:
                    return tensor
                found[name] = tensor + added[name] if name in added else tensor
                return found[name]

            tensors = [given.get(place, tensor) for place, tensor in enumerate(inputs)]
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                scores, more = score(tensors, weights, touch)
            return scores.sum(), (scores, more, found)

        shapes = jax.eval_shape(lambda: run({}, {})[1][2]) if layers else {}
        zeros = {name: jax.numpy.zeros(spec.shape, spec.dtype) for name, spec in shapes.items()}
        given = {place: inputs[place] for place in places}
        both = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
        with patched(_ways()):
            (_, (scores, more, found)), (slopes, by) = both(zeros, given)
        return {
            "scores": scores,
            **more,
            **{f"value:{name}": tensor for name, tensor in found.items()},
            **{f"slope:{name}": tensor for name, tensor in slopes.items()},
            **{f"input:{place}": tensor for place, tensor in by.items()},
        }

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        values = [variable.value for variable in variables]
        return dict(jax.device_get(compiled(values, list(inputs), list(weights))))

    return run


@jax.custom_vjp
def positive(tensor: Any) -> Any:
    """The identity, whose gradient is cut at 0 from below."""
    return tensor


positive.defvjp(lambda tensor: (tensor, None), lambda _, slope: (jax.numpy.maximum(slope, 0),))


def place(placements: Any, size: tuple[int, int], *, near: bool) -> Any:
    """What is taken from where, found before anything is taken, not anew for each number."""
    return jax.lax.optimization_barrier(gathering.place(placements, size, near=near))


def _adjoint(forward: Callable[..., Any], back: Callable[..., Any]) -> Callable[..., Any]:
    """A linear function of its first argument with the way back that is told."""
    linear = jax.custom_vjp(forward)
    linear.defvjp(
        lambda planes, placed: (forward(planes, placed), placed),
        lambda placed, slope: (back(slope, placed), None),  # nobody asks for its gradient
    )
    return cast("Callable[..., Any]", linear)


sample = gathering.make_sample(_adjoint)


def on_processor() -> bool:
    """Whether JAX computes on the processor unless it is told otherwise."""
    return str(jax.default_backend()) == "cpu"


def inverse(real: Any, imaginary: Any, size: tuple[int, int]) -> Any:
    """The inverse of a real Fourier transform in two dimensions."""
    return jnp.fft.irfft2(jax.lax.complex(real, imaginary), size)


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: a step is compiled as a whole."""
    return function


def _with_way_back(
    forward: Callable[[Any], Any], back: Callable[[Any, Any, Any], Any]
) -> Callable[[Any], Any]:
    """A function with the gradient that is told."""

    def kept(given: Any) -> Any:
        found = forward(given)
        return found, (given, found)

    known = jax.custom_vjp(forward)
    known.defvjp(kept, lambda both, slope: (back(both[0], both[1], slope),))
    return cast("Callable[[Any], Any]", known)


_quickly: list[Patch] = [
    (nn, "conv", adjoints.convolving(_adjoint, fused)),
    (nn, "max_pool", adjoints.pooling(_with_way_back)),
]
"""While this is patched, ways back are traced that are quicker on a processor."""


def _ways() -> list[Patch]:
    return _quickly if on_processor() else []


def measure(compute: Callable[..., Any], shapes: Sequence[tuple[Any, str]]) -> Measured:
    """The largest tensor of a computation, read off what JAX would compile."""
    specs = [jax.ShapeDtypeStruct(tuple(shape), dtype) for shape, dtype in shapes]
    program, given = jax.make_jaxpr(compute, return_shape=True)(*specs)
    tensors = [tensor for tensor in jax.tree.leaves(given) if hasattr(tensor, "shape")]
    return Measured(
        max((*map(_bytes_of, tensors), _largest(program.jaxpr)), default=0),
        tuple((tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors),
    )


def _largest(program: Any) -> int:
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


def _bytes_of(value: Any) -> int:
    size: int = math.prod(getattr(value, "shape", ()))
    return size * int(getattr(getattr(value, "dtype", None), "itemsize", 4))
