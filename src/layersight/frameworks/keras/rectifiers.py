"""Other gradients of rectifiers, whose results stay what they are.

Leaking is after the redirected gradient of Olah, Mordvintsev and Schubert (Distill, 2017): a unit
that no input wakes has no gradient, so for as long as that lasts some of it passes where a
rectifier gives 0. Guiding is that of Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for
Simplicity: The All Convolutional Net", 2014: a gradient passes where both it and what came forward
are positive.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import keras
from keras import ops

from layersight.errors import ModelInputError
from layersight.frameworks.graph.patches import patched
from layersight.frameworks.graph.view import View
from layersight.frameworks.keras.backends import make_positive
from layersight.frameworks.keras.types import Function, Tensor

RECTIFIERS = ("relu", "relu6")

# What has a rectifier, the name of the attribute that rectifies, and the axis of its channels.
Rectifier = tuple[keras.Operation, str, int]

# How much more passes at a position whose value is one standard deviation above the mean.
NEARNESS = 4.0


def leaking(
    operations: Mapping[keras.Operation, int], share: Tensor
) -> AbstractContextManager[None]:
    """Lets gradients leak through the rectifiers of some layers while the block lasts.

    ``operations`` has the axis of the channels of what each gives; ``share`` is how much passes,
    one number for each image.
    """
    return _replaced(operations, lambda function, axis: _leak(function, share, axis))


def rectifiers_in(operations: Mapping[keras.Operation, int]) -> list[Rectifier]:
    """The rectifiers of operations and of all layers inside them, each once."""
    found: dict[int, Rectifier] = {}
    for operation, axis in operations.items():
        inside = operation._flatten_layers() if isinstance(operation, keras.Layer) else [operation]
        for entry in inside:
            if getattr(getattr(entry, "activation", None), "__name__", None) in RECTIFIERS:
                found[id(entry)] = entry, "activation", axis
            elif type(entry).__name__ in ("ReLU", "Relu", "Relu6"):
                found[id(entry)] = entry, "call", axis
    return list(found.values())


def _replaced(
    operations: Mapping[keras.Operation, int], change: Callable[[Function, int], Function]
) -> AbstractContextManager[None]:
    """Replaces rectifiers while a block lasts; ``change`` gets each and its axis of channels."""

    def changed(axis: int) -> Callable[[Function], Function]:
        return lambda function: change(function, axis)

    every = rectifiers_in(operations)
    return patched([(owner, name, changed(axis)) for owner, name, axis in every])


def rectifies(operation: keras.Operation) -> bool:
    return bool(rectifiers_in({operation: -1}))


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


def rectifiers_of(view: View, indices: set[int]) -> list[keras.Operation]:
    """The operations on the way to some steps that have a rectifier; there must be one."""
    steps = [view.program.steps[index].operation for index in sorted(view.program.needed(indices))]
    found = list(filter(rectifies, steps))
    if not found:
        raise ModelInputError(
            "guided backpropagation changes the way back through ReLUs, and on the way to what is "
            "explained there is none: use 'gradient'"
        )
    return found


def guiding(operations: Sequence[keras.Operation]) -> AbstractContextManager[None]:
    """Lets only positive gradients back through rectifiers while the block lasts."""
    positive = make_positive()

    def guided(function: Function, axis: int) -> Function:
        @functools.wraps(function)
        def call(x: Tensor, *args: object, **kwargs: object) -> Tensor:
            return positive(function(x, *args, **kwargs))

        return call

    return _replaced(dict.fromkeys(operations, -1), guided)
