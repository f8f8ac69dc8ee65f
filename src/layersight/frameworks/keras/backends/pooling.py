"""A faster gradient of max pooling than that of XLA on a processor.

XLA searches each window again for its maximum, one window after the other. The gradient is a sum of
what each offset in a window passes to the pixel there, and few offsets meet at a pixel: all windows
can be handled together, once for each offset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from layersight.frameworks.graph.geometry import LAST

# Gives a function a gradient: ``with_gradient(forward, back)`` where ``back`` takes the argument of
# ``forward``, its result and the gradient by that.
WithGradient = Callable[
    [Callable[[Any], Any], Callable[[Any, Any, Any], Any]], Callable[[Any], Any]
]

SMALL = 16  # the most offsets in a window for which each is handled by itself


@dataclass(frozen=True, slots=True)
class Window:
    """A window that moves over images, channels last; pairs are vertical, then horizontal."""

    size: tuple[int, int]
    strides: tuple[int, int]
    image: tuple[int, int]  # the size of the images
    padded: bool  # whether it moves over their edges, as with ``"same"``

    @property
    def count(self) -> tuple[int, int]:
        """The number of its positions."""
        pairs = zip(self.image, self.size, self.strides, strict=True)
        rows, columns = (
            -(-side // stride) if self.padded else (side - size) // stride + 1
            for side, size, stride in pairs
        )
        return rows, columns

    @property
    def before(self) -> tuple[int, int]:
        """How far its first position is above and left of the images.

        TensorFlow and XLA pad less before than after for ``"same"``.
        """
        axes = zip(self.image, self.size, self.strides, self.count, strict=True)
        rows, columns = (
            max((count - 1) * stride + size - side, 0) // 2 if self.padded else 0
            for side, size, stride, count in axes
        )
        return rows, columns

    @property
    def spread(self) -> tuple[int, int]:
        """The number of strides that cover both the images and all windows."""
        axes = zip(*(self.image, self.size, self.strides, self.count, self.before), strict=True)
        rows, columns = (
            max(-(-(side + before) // stride), count + (size - 1) // stride)
            for side, size, stride, count, before in axes
        )
        return rows, columns


def max_pooling(with_gradient: WithGradient) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A change of ``max_pool`` of a backend of Keras, to one with :func:`unpool` for images."""

    def change(original: Callable[..., Any]) -> Callable[..., Any]:
        def max_pool(
            inputs: Any,
            pool_size: Any,
            strides: Any = None,
            padding: str = "valid",
            data_format: str | None = None,
        ) -> Any:
            def forward(inputs: Any) -> Any:
                return original(inputs, pool_size, strides, padding, data_format)

            steps = pool_size if strides is None else strides
            window = _window(inputs, pool_size, steps, padding, data_format)
            floating = keras.backend.standardize_dtype(inputs.dtype) in ("float32", "bfloat16")
            if window is None or not floating or window.size[0] * window.size[1] > SMALL:
                return forward(inputs)
            return with_gradient(
                forward, lambda images, maxima, gradient: unpool(images, maxima, gradient, window)
            )(inputs)

        return max_pool

    return change


def _window(
    inputs: Any, size: Any, strides: Any, padding: str, data_format: str | None
) -> Window | None:
    """The window that moves over inputs; ``None`` unless these are images, channels last."""
    if len(inputs.shape) != 4 or any(side is None for side in inputs.shape):
        return None
    if (data_format or keras.config.image_data_format()) != LAST:
        return None
    image = int(inputs.shape[1]), int(inputs.shape[2])
    window = Window(_pair(size), _pair(strides), image, padding.lower() == "same")
    return window if min(window.count) > 0 else None


def _pair(value: Any) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else value
    return int(rows), int(columns)


def unpool(images: Any, maxima: Any, gradient: Any, window: Window) -> Any:
    """The gradient of a maximum over windows, which goes to its first position, row by row.

    Args:
        images: ``(image, height, width, channel)``.
        maxima: ``(image, row of windows, column of windows, channel)``.
        gradient: The gradient by ``maxima``.
        window: The window.

    Returns:
        The gradient by ``images``.
    """
    down, right = window.strides
    margins = [
        (before, spread * stride - side - before)
        for before, spread, stride, side in zip(
            window.before, window.spread, window.strides, window.image, strict=True
        )
    ]
    padded = ops.pad(images, ((0, 0), *margins, (0, 0)), constant_values=float("-inf"))
    unassigned = ops.ones_like(maxima, dtype="bool")
    taps = {}
    for y in range(window.size[0]):
        for x in range(window.size[1]):
            rows = slice(y, y + (window.count[0] - 1) * down + 1, down)
            columns = slice(x, x + (window.count[1] - 1) * right + 1, right)
            first = (padded[:, rows, columns] == maxima) & unassigned
            unassigned = unassigned & ~first
            taps[y, x] = ops.where(first, gradient, ops.zeros_like(gradient))
    return _fold(taps, window)


def _fold(taps: Mapping[tuple[int, int], Any], window: Window) -> Any:
    """Adds up what every offset in a window passes to the pixels of images.

    Offsets a stride apart meet at the same pixels: these are added first, then the sums for all
    remainders of the strides are interleaved.
    """
    (down, right), (rows, columns) = window.strides, window.spread
    phases: dict[tuple[int, int], Any] = {}
    for (y, x), part in taps.items():
        (below, y), (beside, x) = divmod(y, down), divmod(x, right)
        margins = (
            (below, rows - window.count[0] - below),
            (beside, columns - window.count[1] - beside),
        )
        part = ops.pad(part, ((0, 0), *margins, (0, 0)))
        phases[y, x] = phases[y, x] + part if (y, x) in phases else part
    zeros = ops.zeros_like(phases[0, 0])
    stacked = [phases.get((y, x), zeros) for y in range(down) for x in range(right)]
    images, channels = int(zeros.shape[0]), int(zeros.shape[-1])
    pixels = ops.reshape(ops.stack(stacked, 3), (images, rows, columns, down, right, channels))
    pixels = ops.transpose(pixels, (0, 1, 3, 2, 4, 5))
    pixels = ops.reshape(pixels, (images, rows * down, columns * right, channels))
    (above, left), (height, width) = window.before, window.image
    return pixels[:, above : above + height, left : left + width]
