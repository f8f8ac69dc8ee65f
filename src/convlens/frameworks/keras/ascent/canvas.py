"""From parameters to a canvas, and from a canvas to what the network sees.

Sources: the Fourier parametrisation and the decorrelated colours are those of Olah,
Mordvintsev and Schubert, "Feature Visualization", Distill, 2017; the fixed magnitudes are those
of Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
Optimization", arXiv 2306.06805.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from convlens.ascent import FOURIER, PIXELS, Ascent
from convlens.results import FloatArray


def make_canvas(ascent: Ascent, parameters: Mapping[str, Any]) -> Any:
    """The canvas of every slot, ``(batch, height, width, channel)``."""
    if ascent.parameters == PIXELS:
        return parameters["pixels"]
    if ascent.parameters == FOURIER:
        planes = _inverse(parameters["real"], parameters["imaginary"], ascent)
    else:
        phase = parameters["phase"]
        planes = _inverse(ops.cos(phase), ops.sin(phase), ascent)
        axes = (-3, -2, -1)
        planes = planes - ops.mean(planes, axes, keepdims=True)
        planes = planes / (ops.std(planes, axes, keepdims=True) + 1e-5)
    image = ops.transpose(planes, (0, 2, 3, 1))
    if ascent.colours is not None:
        image = ops.matmul(image, ops.convert_to_tensor(ascent.colours.T.copy()))
    return ops.sigmoid(image)


def _inverse(real: Any, imaginary: Any, ascent: Ascent) -> Any:
    """The inverse of a real Fourier transform in two dimensions, ``(batch, channel, h, w)``.

    Of a real signal one half of the coefficients says all: the other half is left at zero and
    the first counted twice, where it has a twin.
    """
    height, width = ascent.size
    half = width // 2 + 1
    weights = _twice(width) * np.asarray(ascent.spectrum, np.float32)
    scale = ops.convert_to_tensor(weights)
    room = [(0, 0), (0, 0), (0, 0), (0, width - half)]
    parts = (ops.pad(real * scale, room), ops.pad(imaginary * scale, room))
    planes, _ = ops.ifft2(parts)
    return planes * float(height * width) ** 0.5


def _twice(width: int) -> FloatArray:
    """How often each column of half a spectrum counts."""
    count = np.full(width // 2 + 1, 2, np.float32)
    count[0] = 1
    if width % 2 == 0:
        count[-1] = 1
    return count


def to_input(ascent: Ascent, canvas: Any) -> Any:
    """What the network sees of a canvas, channels last."""
    if ascent.parameters == PIXELS:
        return canvas
    if ascent.flip:
        canvas = ops.flip(canvas, -1)
    return canvas * ops.convert_to_tensor(ascent.gain) + ops.convert_to_tensor(ascent.shift)


def place(canvas: Any, placements: Any, ascent: Ascent) -> Any:
    """What is seen of each canvas through its placements, bilinearly.

    Args:
        canvas: ``(batch, height, width, channel)``.
        placements: ``(batch, views, 2, 3)``, from ``(y, x, 1)`` of what is seen to the canvas.
        ascent: The ascent, whose canvases are seen at their own size.

    Returns:
        ``(batch * views, height, width, channel)``.
    """
    batch, rows, columns, channels = (int(n) for n in canvas.shape)
    views = int(placements.shape[1])
    height, width = ascent.size
    grid = np.stack([*np.meshgrid(np.arange(height), np.arange(width), indexing="ij")])
    grid = np.concatenate([grid, np.ones((1, height, width))]).reshape(3, -1)
    points = ops.matmul(placements, ops.convert_to_tensor(grid.astype("float32")))
    y, x = points[:, :, 0], points[:, :, 1]
    top, left = ops.floor(y), ops.floor(x)
    flat = ops.reshape(canvas - ascent.outside, (batch * rows * columns, channels))
    start = np.arange(batch, dtype="int32")[:, None, None] * (rows * columns)
    seen: Any = 0.0
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        weight = (1.0 - ops.abs(y - row)) * (1.0 - ops.abs(x - column))
        inside = (row >= 0) & (row <= rows - 1) & (column >= 0) & (column <= columns - 1)
        weight = ops.where(inside, weight, 0.0)
        index = ops.clip(row, 0, rows - 1) * columns + ops.clip(column, 0, columns - 1)
        index = ops.cast(index, "int32") + ops.convert_to_tensor(start)
        taken = ops.take(flat, ops.reshape(index, (-1,)), axis=0)
        seen = seen + taken * ops.reshape(weight, (-1, 1))
    return ops.reshape(seen, (batch * views, height, width, channels)) + ascent.outside
