"""Orders of axes and receptive fields, followed through the steps of a program.

The arithmetic of receptive fields is that of Araujo, Norris and Sim, "Computing Receptive
Fields of Convolutional Neural Networks", Distill, 2019: along each axis a layer of kernel k,
dilation d and stride s turns field r and jump j into ``r + (k - 1) d j`` and ``j s``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from layersight.frameworks.graph.program import Program, Step

LAST, FIRST, NONE = "channels_last", "channels_first", "no_channels"


@dataclass(frozen=True, slots=True)
class Field:
    """Receptive field and jump along each spatial axis, in pixels of the input."""

    size: tuple[float, ...]
    jump: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The positions that one position of a step's output depends on, for each spatial axis.

    Attributes:
        kernel: How many positions; none at all means the same position alone.
        strides: How far the window moves from one position to the next.
        dilation: How far the positions in it lie apart.
        transposed: Whether it is the transpose of such a window, which enlarges by the strides, as
            deconvolution and upsampling do.
    """

    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    transposed: bool = False

    def after(self, before: Field) -> Field:
        """The receptive field behind it."""
        if not self.kernel:
            return before
        axes = len(self.kernel)
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        size, jump = _stretch(before.size, axes), _stretch(before.jump, axes)
        if self.transposed:
            return Field(
                tuple(
                    r + (math.ceil(n / s) - 1) * j
                    for r, n, s, j in zip(size, reach, self.strides, jump, strict=True)
                ),
                tuple(j / s for j, s in zip(jump, self.strides, strict=True)),
            )
        return Field(
            tuple(r + (n - 1) * j for r, n, j in zip(size, reach, jump, strict=True)),
            tuple(j * s for j, s in zip(jump, self.strides, strict=True)),
        )


def follow_fields(
    program: Program, window_of: Callable[[Step], Window | None]
) -> dict[int, Field | None]:
    """The receptive field of each value; ``None`` where it is the whole input.

    Args:
        program: The steps.
        window_of: The window of a step; ``None`` where any position may depend on all.
    """
    fields: dict[int, Field | None] = dict.fromkeys(program.inputs, Field((), ()))
    for step in program.steps:
        before = [fields.get(value) for _, value in step.inputs]
        known = [field for field in before if field is not None]
        window = window_of(step) if known and len(known) == len(before) else None
        after = None if window is None else window.after(_widest(known))
        fields.update(dict.fromkeys(step.outputs, after))
    return fields


def _stretch(values: tuple[float, ...], axes: int) -> tuple[float, ...]:
    return values if len(values) == axes else (1.0,) * axes


def _widest(fields: Sequence[Field]) -> Field:
    axes = max(len(field.size) for field in fields)
    sizes = [_stretch(field.size, axes) for field in fields]
    jumps = [_stretch(field.jump, axes) for field in fields]
    return Field(
        tuple(max(parts) for parts in zip(*sizes, strict=True)),
        tuple(max(parts) for parts in zip(*jumps, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of axes that a step itself settles; ``None`` where it takes any.

    Attributes:
        takes: Of what it takes.
        gives: Of each value that it gives, or of all alike if there is one.
        keeps: Whether it passes on an order that it does not settle.
    """

    takes: str | None = None
    gives: tuple[str | None, ...] = (None,)
    keeps: bool = True

    def given(self, outputs: Sequence[int]) -> list[tuple[int, str | None]]:
        gives = self.gives * len(outputs) if len(self.gives) == 1 else self.gives
        return list(zip(outputs, gives, strict=True))


def follow_formats(program: Program, orders_of: Callable[[Step], Orders]) -> dict[int, str]:
    """Where each value holds its channels: ``"channels_last"``, ``"channels_first"``, or nowhere.

    A layer that has an order of its own settles it for what it takes and gives; the others
    pass it on, forwards and then backwards. What nothing settles is channels last.
    """
    formats: dict[int, str | None] = dict.fromkeys(range(program.values))
    every = [(step, orders_of(step)) for step in program.steps]
    for step, orders in every:
        before = (formats[value] for _, value in step.inputs)
        inherited = next((order for order in before if order not in (None, NONE)), None)
        for _, value in step.inputs:
            formats[value] = formats[value] or orders.takes
        for value, own in orders.given(step.outputs):
            formats[value] = own or (inherited if orders.keeps else None)
    for step, orders in reversed(every):
        if orders.keeps and orders.takes is None and orders.gives[0] is None:
            free = [value for value, own in orders.given(step.outputs) if own is None]
            settled = next((formats[v] for v in free if formats[v] not in (None, NONE)), None)
            for _, value in step.inputs:
                formats[value] = formats[value] or settled
    return {value: order or LAST for value, order in formats.items()}
