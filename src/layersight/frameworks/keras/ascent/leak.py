"""Letting a gradient through rectifiers that are off, while a unit is silent.

After the redirected gradient of Olah, Mordvintsev and Schubert (Distill, 2017): a unit that no
input wakes has no gradient, so for as long as that lasts some of it passes where a rectifier
gives 0. What the network computes stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import keras
from keras import ops

from layersight.frameworks.graph.patches import patched
from layersight.frameworks.keras.types import Function, Tensor

RECTIFIERS = ("relu", "relu6")

# What has a rectifier, the name of the attribute that rectifies, and the axis of its channels.
Rectifier = tuple[keras.Operation, str, int]

# How much more passes at a position whose value is one standard deviation above the mean.
NEARNESS = 4.0


@contextmanager
def leaking(operations: Mapping[keras.Operation, int], share: Tensor) -> Iterator[None]:
    """Lets gradients leak through the rectifiers of some layers while the block lasts.

    ``operations`` has the axis of the channels of what each gives; ``share`` is how much passes,
    one number for each image.
    """
    with replace_rectifiers(
        rectifiers_in(operations), lambda function, axis: _leak(function, share, axis)
    ):
        yield


def rectifiers_in(operations: Mapping[keras.Operation, int]) -> list[Rectifier]:
    """The rectifiers of operations and of all layers inside them."""
    named = ((entry, _rectifier(entry), axis) for entry, axis in _all(operations))
    return [(entry, name, axis) for entry, name, axis in named if name is not None]


def replace_rectifiers(
    rectifiers: Sequence[Rectifier], change: Callable[[Function, int], Function]
) -> AbstractContextManager[None]:
    """Replaces rectifiers by changed ones while the block lasts."""

    def changed(axis: int) -> Callable[[Function], Function]:
        return lambda function: change(function, axis)

    return patched([(owner, name, changed(axis)) for owner, name, axis in rectifiers])


def rectifies(operation: keras.Operation) -> bool:
    """Whether an operation is a rectifier, or a layer with one in it."""
    return bool(rectifiers_in({operation: -1}))


def _rectifier(operation: keras.Operation) -> str | None:
    """The name of what rectifies in an operation; ``None`` if nothing of its own does."""
    if getattr(getattr(operation, "activation", None), "__name__", None) in RECTIFIERS:
        return "activation"
    return "call" if type(operation).__name__ in ("ReLU", "Relu", "Relu6") else None


def _all(operations: Mapping[keras.Operation, int]) -> list[tuple[keras.Operation, int]]:
    """The operations and all layers inside them, each once, and their axis of channels."""
    found: dict[int, tuple[keras.Operation, int]] = {}
    for operation, axis in operations.items():
        inner = [operation]
        if isinstance(operation, keras.Layer):
            inner = operation._flatten_layers()
        found.update({id(entry): (entry, axis) for entry in inner})
    return list(found.values())


def _leak(function: Function, share: Tensor, axis: int) -> Function:
    """The same function with another gradient where its argument is not positive.

    Most passes where the argument is nearest to passing: the same everywhere, what leaks to
    the parts of a filter that sum to nothing would cancel out.
    """

    def call(x: Tensor, *args: object, **kwargs: object) -> Tensor:
        wide = ops.cast(x, "float32")  # in mixed precision it is less
        through = ops.reshape(share, (-1,) + (1,) * (len(x.shape) - 1)) * ops.minimum(wide, 0.0)
        axes = [n for n in range(1, len(x.shape)) if n != axis % len(x.shape)]
        if axes:
            middle = ops.mean(wide, axes, keepdims=True)
            spread = ops.sqrt(ops.mean(ops.square(wide - middle), axes, keepdims=True)) + 1e-12
            high = ops.max(wide, axes, keepdims=True)
            near = ops.exp(NEARNESS * (wide - high) / spread)
            near = near / ops.sum(near, axes, keepdims=True)
            through = through * ops.stop_gradient(near)
        through = ops.cast(through, x.dtype)
        return function(x, *args, **kwargs) + through - ops.stop_gradient(through)

    return call
