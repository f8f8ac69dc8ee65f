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
    """The pixels of the input that the positions of a value depend on, for each spatial axis.

    Position ``p`` depends on the ``size`` pixels from ``start + p * jump`` on; padding lies outside
    of the input. Behind a value that was enlarged that is right to one pixel before enlarging.
    """

    size: tuple[float, ...]  # how many pixels
    jump: tuple[float, ...]  # how far apart they lie for neighbouring positions
    start: tuple[float, ...] = ()  # where they begin for the first position


@dataclass(frozen=True, slots=True)
class Window:
    """The positions that one position of a step's output depends on, for each spatial axis."""

    kernel: tuple[int, ...] = ()  # how many positions; none at all means the same position alone
    strides: tuple[int, ...] = ()  # how far the window moves from one position to the next
    dilation: tuple[int, ...] = ()  # how far the positions in it lie apart
    # Whether it is the transpose of such a window, which enlarges by the strides, as deconvolution
    # and upsampling do.
    transposed: bool = False
    # How many positions of padding stand before the first; below 0 what is cut off. Of a transposed
    # window how much of its output is cut off.
    before: tuple[int, ...] = ()

    def after(self, before: Field) -> Field:
        """The receptive field behind it."""
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
                tuple(at + i * j for at, i, j in zip(start, first, jump, strict=True)),
            )
        return Field(
            tuple(r + (n - 1) * j for r, n, j in zip(size, reach, jump, strict=True)),
            tuple(j * s for j, s in zip(jump, self.strides, strict=True)),
            tuple(at - p * j for at, p, j in zip(start, padding, jump, strict=True)),
        )


def padding_before(padding: str, reach: int, stride: int, length: int | None) -> int:
    """How many positions are put before the first one of an axis.

    ``padding`` is that of Keras; ``length``, of the axis, matters with strides alone.

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

    ``window_of`` gives ``None`` for a step where any position may depend on all.
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
    """The orders of axes that a step itself settles; ``None`` where it takes any."""

    takes: str | None = None  # of what it takes
    # Of each value that it gives, or of all alike if there is one.
    gives: tuple[str | None, ...] = (None,)
    keeps: bool = True  # whether it passes on an order that it does not settle

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
