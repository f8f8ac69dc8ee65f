"""Letting only what is positive back through rectifiers.

Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All Convolutional
Net", 2014: on the way back through a ReLU a gradient passes where both it and what came
forward are positive.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras

from layersight.errors import ModelInputError
from layersight.frameworks.graph.view import View
from layersight.frameworks.keras.ascent.leak import rectifiers_in, replace_rectifiers
from layersight.frameworks.keras.backends import make_positive
from layersight.frameworks.keras.types import Function, Tensor


def rectifiers_of(view: View, indices: set[int]) -> list[Tensor]:
    """The operations on the way to some steps that have a rectifier.

    Raises:
        ModelInputError: There is none.
    """
    steps = [view.program.steps[index].operation for index in sorted(view.program.needed(indices))]
    found = [operation for operation in steps if rectifiers_in({operation: -1})]
    if not found:
        raise ModelInputError(
            "guided backpropagation changes the way back through ReLUs, and on the way to what is "
            "explained there is none: use 'gradient'"
        )
    return found


@contextmanager
def guiding(operations: Sequence[keras.Operation]) -> Iterator[None]:
    """Lets only positive gradients back through rectifiers while the block lasts."""
    positive = make_positive()

    def guided(function: Function, axis: int) -> Function:
        @functools.wraps(function)
        def call(x: Tensor, *args: object, **kwargs: object) -> Tensor:
            return positive(function(x, *args, **kwargs))

        return call

    with replace_rectifiers(rectifiers_in(dict.fromkeys(operations, -1)), guided):
        yield
