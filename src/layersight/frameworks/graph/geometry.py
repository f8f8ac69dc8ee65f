"""Orders of axes and receptive fields, propagated through the steps of a program.

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
    """The pixels of the input that the positions of a value depend on, for each spatial axis.

    Position ``p`` depends on ``size`` pixels from ``start + p * jump`` on; padding lies outside the
    input. After a value was enlarged this is exact to one pixel before enlarging.
    """

    size: tuple[float, ...]  # the number of pixels
    jump: tuple[float, ...]  # the distance from one position's pixels to the next one's
    start: tuple[float, ...] = ()  # the first pixel of the first position


@dataclass(frozen=True, slots=True)
class Window:
    """The positions that one position of a step's output depends on, for each spatial axis."""

    kernel: tuple[int, ...] = ()  # the number of positions; empty: the same position alone
    strides: tuple[int, ...] = ()  # how far the window moves from one position to the next
    dilation: tuple[int, ...] = ()  # the distance of the positions in it
    # Whether it is the transpose of such a window, which enlarges by the strides, as deconvolution
    # and upsampling do.
    transposed: bool = False
    # The positions of padding before the first; negative for cropping. For a transposed window what
    # is cropped from its output.
    before: tuple[int, ...] = ()

    def after(self, before: Field) -> Field:
        """The receptive field after this window is applied."""
        if not self.kernel:
            return before
        axes = len(self.kernel)
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        size, jump = _stretch(before.size, axes), _stretch(before.jump, axes)
        start, padding = _stretch(before.start, axes, 0.0), self.before or (0,) * axes
        if self.transposed:
            first = [
                math.ceil((p - (n - 1)) / s)
                for p, n, s in zip(padding, reach, self.strides, strict=True)
            ]
            return Field(
                tuple(
                    r + (math.ceil(n / s) - 1) * j
                    for r, n, s, j in zip(size, reach, self.strides, jump, strict=True)
                ),
                tuple(j / s for j, s in zip(jump, self.strides, strict=True)),
                tuple(x + i * j for x, i, j in zip(start, first, jump, strict=True)),
            )
        return Field(
            tuple(r + (n - 1) * j for r, n, j in zip(size, reach, jump, strict=True)),
            tuple(j * s for j, s in zip(jump, self.strides, strict=True)),
            tuple(x - p * j for x, p, j in zip(start, padding, jump, strict=True)),
        )


def padding_before(padding: str, reach: int, stride: int, length: int | None) -> int:
    """The number of positions of padding before the first one of an axis.

    ``padding`` is as in Keras; ``length``, of the axis, matters with strides alone.

    Example:
        >>> padding_before("same", 3, 1, 8), padding_before("same", 3, 2, 8)
        (1, 0)
        >>> padding_before("same", 3, 2, 9), padding_before("causal", 3, 1, 8)
        (1, 2)
    """
    if padding == "causal":
        return reach - 1
    if padding != "same":
        return 0
    last = 0 if length is None else (math.ceil(length / stride) - 1) * stride + stride - length
    return max(0, reach - stride + last) // 2


def follow_fields(
    program: Program, window_of: Callable[[Step], Window | None]
) -> dict[int, Field | None]:
    """The receptive field of each value; ``None`` where it is the whole input.

    ``window_of`` gives ``None`` for a step in which any position may depend on all.
    """
    fields: dict[int, Field | None] = dict.fromkeys(program.inputs, Field((), ()))
    for step in program.steps:
        before = [fields.get(value) for _, value in step.inputs]
        known = [field for field in before if field is not None]
        window = window_of(step) if known and len(known) == len(before) else None
        after = None if window is None else window.after(_widest(known))
        fields.update(dict.fromkeys(step.outputs, after))
    return fields


def _stretch(values: tuple[float, ...], axes: int, fill: float = 1.0) -> tuple[float, ...]:
    return values if len(values) == axes else (fill,) * axes


def _widest(fields: Sequence[Field]) -> Field:
    axes = max(len(field.size) for field in fields)
    sizes = [_stretch(field.size, axes) for field in fields]
    jumps = [_stretch(field.jump, axes) for field in fields]
    starts = [_stretch(field.start, axes, 0.0) for field in fields]
    return Field(
        tuple(max(parts) for parts in zip(*sizes, strict=True)),
        tuple(max(parts) for parts in zip(*jumps, strict=True)),
        tuple(min(parts) for parts in zip(*starts, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of axes that a step itself fixes; ``None`` where any order will do."""

    inputs: str | None = None
    outputs: tuple[str | None, ...] = (None,)  # of each output; a single one is for all
    keeps: bool = True  # whether it passes on an order that it does not fix

    def of_outputs(self, values: Sequence[int]) -> list[tuple[int, str | None]]:
        orders = self.outputs * len(values) if len(self.outputs) == 1 else self.outputs
        return list(zip(values, orders, strict=True))


def follow_formats(program: Program, orders_of: Callable[[Step], Orders]) -> dict[int, str]:
    """The order of axes of each value: :data:`LAST`, :data:`FIRST` or :data:`NONE`.

    A layer that has an order of its own fixes it for its inputs and outputs; the others pass it
    on, forwards and then backwards. Where nothing fixes it, it is channels last.
    """
    formats: dict[int, str | None] = dict.fromkeys(range(program.values))
    pairs = [(step, orders_of(step)) for step in program.steps]
    for step, orders in pairs:
        before = (formats[value] for _, value in step.inputs)
        inherited = next((order for order in before if order not in (None, NONE)), None)
        for _, value in step.inputs:
            formats[value] = formats[value] or orders.inputs
        for value, order in orders.of_outputs(step.outputs):
            formats[value] = order or (inherited if orders.keeps else None)
    for step, orders in reversed(pairs):
        if orders.keeps and orders.inputs is None and orders.outputs[0] is None:
            free = [value for value, order in orders.of_outputs(step.outputs) if order is None]
            later = next((formats[v] for v in free if formats[v] not in (None, NONE)), None)
            for _, value in step.inputs:
                formats[value] = formats[value] or later
    return {value: order or LAST for value, order in formats.items()}
