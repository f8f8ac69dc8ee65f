"""The gradient of max pooling, which XLA takes long for on a processor.

XLA searches every window again for its maximum, one window after the other. The gradient is a sum
of what each place of a window gives to the pixel below it, and the places that meet at a pixel are
few: all windows can be looked at together, once for each place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from layersight.frameworks.graph.geometry import LAST

# From a function and what finds the gradient by what it takes, of what it took, what it gave and
# the gradient by that, to a function with that gradient.
WithWayBack = Callable[[Callable[[Any], Any], Callable[[Any, Any, Any], Any]], Callable[[Any], Any]]

SMALL = 16  # how many places a pooling window has at most for which each is looked at by itself


@dataclass(frozen=True, slots=True)
class Window:
    """A window that moves over images, channels last."""

    size: tuple[int, int]  # its height and width
    strides: tuple[int, int]  # how far it moves down and to the right
    image: tuple[int, int]  # height and width of the images
    padded: bool  # whether it moves over their edges, so that every stride counts

    @property
    def count(self) -> tuple[int, int]:
        """How many places it has, down and to the right."""
        pairs = zip(self.image, self.size, self.strides, strict=True)
        rows, columns = (
            -(-side // stride) if self.padded else (side - size) // stride + 1
            for side, size, stride in pairs
        )
        return rows, columns

    @property
    def before(self) -> tuple[int, int]:
        """How far its first place is above and left of the images.

        As TensorFlow and XLA pad for ``"same"``: less before than behind.
        """
        every = zip(self.image, self.size, self.strides, self.count, strict=True)
        rows, columns = (
            max((count - 1) * stride + size - side, 0) // 2 if self.padded else 0
            for side, size, stride, count in every
        )
        return rows, columns

    @property
    def spread(self) -> tuple[int, int]:
        """How many strides images and window reach down and to the right."""
        every = zip(*(self.image, self.size, self.strides, self.count, self.before), strict=True)
        rows, columns = (
            max(-(-(side + before) // stride), count + (size - 1) // stride)
            for side, size, stride, count, before in every
        )
        return rows, columns


def max_pooling(with_way_back: WithWayBack) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """From ``max_pool`` of a backend of Keras to one with :func:`unpool` for images."""

    def change(theirs: Callable[..., Any]) -> Callable[..., Any]:
        def max_pool(
            inputs: Any,
            pool_size: Any,
            strides: Any = None,
            padding: str = "valid",
            data_format: str | None = None,
        ) -> Any:
            def forward(inputs: Any) -> Any:
                return theirs(inputs, pool_size, strides, padding, data_format)

            moved = pool_size if strides is None else strides
            window = _window(inputs, pool_size, moved, padding, data_format)
            floating = keras.backend.standardize_dtype(inputs.dtype) in ("float32", "bfloat16")
            if window is None or not floating or window.size[0] * window.size[1] > SMALL:
                return forward(inputs)
            return with_way_back(
                forward, lambda given, found, gradient: unpool(given, found, gradient, window)
            )(inputs)

        return max_pool

    return change


def _window(
    inputs: Any, size: Any, strides: Any, padding: str, data_format: str | None
) -> Window | None:
    """The window that moves over inputs, ``None`` if those are no images, channels last."""
    if len(inputs.shape) != 4 or any(side is None for side in inputs.shape):
        return None
    if (data_format or keras.config.image_data_format()) != LAST:
        return None
    image = int(inputs.shape[1]), int(inputs.shape[2])
    found = Window(_pair(size), _pair(strides), image, padding.lower() == "same")
    return found if min(found.count) > 0 else None


def _pair(value: Any) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else value
    return int(rows), int(columns)


def unpool(given: Any, found: Any, gradient: Any, window: Window) -> Any:
    """The gradient of a maximum over windows: where it was first, row by row.

    Args:
        given: ``(image, height, width, channel)``.
        found: The maxima, ``(image, down, right, channel)``.
        gradient: The gradient by them.
        window: The window.

    Returns:
        As ``given``.
    """
    down, right = window.strides
    beyond = [
        (before, spread * stride - side - before)
        for before, spread, stride, side in zip(
            window.before, window.spread, window.strides, window.image, strict=True
        )
    ]
    wide = ops.pad(given, ((0, 0), *beyond, (0, 0)), constant_values=float("-inf"))
    open_yet = ops.ones_like(found, dtype="bool")
    taps = {}
    for y in range(window.size[0]):
        for x in range(window.size[1]):
            rows = slice(y, y + (window.count[0] - 1) * down + 1, down)
            columns = slice(x, x + (window.count[1] - 1) * right + 1, right)
            first = (wide[:, rows, columns] == found) & open_yet
            open_yet = open_yet & ~first
            taps[y, x] = ops.where(first, gradient, ops.zeros_like(gradient))
    return _fold(taps, window)


def _fold(taps: Mapping[tuple[int, int], Any], window: Window) -> Any:
    """The sum of what every place of a window gives to the pixels of images.

    Places a stride apart meet at the same pixels: those are added up first, then what is left
    for each remainder of the strides is laid beside each other.
    """
    (down, right), (rows, columns) = window.strides, window.spread
    phases: dict[tuple[int, int], Any] = {}
    for (y, x), part in taps.items():
        (below, y), (beside, x) = divmod(y, down), divmod(x, right)
        more = (
            (below, rows - window.count[0] - below),
            (beside, columns - window.count[1] - beside),
        )
        part = ops.pad(part, ((0, 0), *more, (0, 0)))
        phases[y, x] = phases[y, x] + part if (y, x) in phases else part
    nothing = ops.zeros_like(phases[0, 0])
    every = [phases.get((y, x), nothing) for y in range(down) for x in range(right)]
    images, channels = int(nothing.shape[0]), int(nothing.shape[-1])
    laid = ops.reshape(ops.stack(every, 3), (images, rows, columns, down, right, channels))
    laid = ops.transpose(laid, (0, 1, 3, 2, 4, 5))
    laid = ops.reshape(laid, (images, rows * down, columns * right, channels))
    (above, left), (height, width) = window.before, window.image
    return laid[:, above : above + height, left : left + width]
