"""Other gradients of rectifiers, with unchanged outputs.

Leaking follows the redirected gradient of Olah, Mordvintsev and Schubert (Distill, 2017): a unit
that is inactive everywhere has no gradient, so while it is, a part of the gradient passes where a
rectifier gives 0. Guiding is that of Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for
Simplicity: The All Convolutional Net", 2014: a gradient passes where both it and the activation are
positive.
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

# An operation, the name of its attribute that rectifies, and the axis of its channels.
Rectifier = tuple[keras.Operation, str, int]

# The share that passes grows by a factor of e ** NEARNESS for each standard deviation.
NEARNESS = 4.0


def leaking(
    operations: Mapping[keras.Operation, int], share: Tensor
) -> AbstractContextManager[None]:
    """Lets gradients leak through the rectifiers of layers for the duration of a block.

    ``operations`` has the axis of channels of their outputs; ``share`` is the share that passes, a
    number for each image.
    """
    return _replaced(operations, lambda function, axis: _leak(function, share, axis))


def rectifiers_in(operations: Mapping[keras.Operation, int]) -> list[Rectifier]:
    """The rectifiers of operations and of all layers inside them, each once."""
    rectifiers: dict[int, Rectifier] = {}
    for operation, axis in operations.items():
        inside = operation._flatten_layers() if isinstance(operation, keras.Layer) else [operation]
        for entry in inside:
            if getattr(getattr(entry, "activation", None), "__name__", None) in RECTIFIERS:
                rectifiers[id(entry)] = entry, "activation", axis
            elif type(entry).__name__ in ("ReLU", "Relu", "Relu6"):
                rectifiers[id(entry)] = entry, "call", axis
    return list(rectifiers.values())


def _replaced(
    operations: Mapping[keras.Operation, int], change: Callable[..., Function]
) -> AbstractContextManager[None]:
    """Replaces rectifiers in a block; ``change`` gets each and its axis of channels."""
    rectifiers = rectifiers_in(operations)
    return patched(
        [(owner, name, functools.partial(change, axis=axis)) for owner, name, axis in rectifiers]
    )


def rectifies(operation: keras.Operation) -> bool:
    return bool(rectifiers_in({operation: -1}))


def _leak(function: Function, share: Tensor, axis: int) -> Function:
    """The same function with another gradient where its argument is not positive.

    Most of it passes where the argument is nearest to being positive: if the same share passed
    everywhere, it would cancel out for filters whose weights sum to zero.
    """

    def call(x: Tensor, *args: object, **kwargs: object) -> Tensor:
        values = ops.cast(x, "float32")  # from bfloat16 in mixed precision
        through = ops.reshape(share, (-1,) + (1,) * (len(x.shape) - 1)) * ops.minimum(values, 0.0)
        axes = [n for n in range(1, len(x.shape)) if n != axis % len(x.shape)]
        if axes:
            middle = ops.mean(values, axes, keepdims=True)
            spread = ops.sqrt(ops.mean(ops.square(values - middle), axes, keepdims=True)) + 1e-12
            high = ops.max(values, axes, keepdims=True)
            near = ops.exp(NEARNESS * (values - high) / spread)
            near = near / ops.sum(near, axes, keepdims=True)
            through = through * ops.stop_gradient(near)
        through = ops.cast(through, x.dtype)
        return function(x, *args, **kwargs) + through - ops.stop_gradient(through)

    return call


def rectifiers_of(view: View, indices: set[int]) -> list[keras.Operation]:
    """The operations with a rectifier that some steps depend on; there must be one."""
    steps = [view.program.steps[index].operation for index in sorted(view.program.needed(indices))]
    rectifiers = list(filter(rectifies, steps))
    if not rectifiers:
        raise ModelInputError(
            "guided backpropagation changes the gradient of ReLUs, and there is none before what "
            "is explained: use 'gradient'"
        )
    return rectifiers


def guiding(operations: Sequence[keras.Operation]) -> AbstractContextManager[None]:
    """Lets only positive gradients back through rectifiers for the duration of a block."""
    positive = make_positive()

    def guided(function: Function, axis: int) -> Function:
        @functools.wraps(function)
        def call(x: Tensor, *args: object, **kwargs: object) -> Tensor:
            return positive(function(x, *args, **kwargs))

        return call

    return _replaced(dict.fromkeys(operations, -1), guided)
