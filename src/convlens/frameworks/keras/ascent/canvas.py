"""From parameters to a canvas, and from a canvas to what the network sees.

Sources: the Fourier parametrisation and the decorrelated colours are those of Olah,
Mordvintsev and Schubert, "Feature Visualization", Distill, 2017; the fixed magnitudes are those
of Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
Optimization", arXiv 2306.06805.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from keras import ops

from convlens.ascent import FOURIER, PIXELS, Ascent
from convlens.results import FloatArray


def make_planes(ascent: Ascent, parameters: Mapping[str, Any]) -> Any:
    """The canvas of every slot, plane by plane, ``(batch, channel, height, width)``."""
    if ascent.parameters == PIXELS:
        return ops.transpose(parameters["pixels"], (0, 3, 1, 2))
    if ascent.parameters == FOURIER:
        planes = _inverse(parameters["real"], parameters["imaginary"], ascent)
    else:
        phase = parameters["phase"]
        planes = _inverse(ops.cos(phase), ops.sin(phase), ascent)
        axes = (-3, -2, -1)
        planes = planes - ops.mean(planes, axes, keepdims=True)
        planes = planes / (ops.std(planes, axes, keepdims=True) + 1e-5)
    if ascent.colours is not None:
        shape = tuple(int(n) for n in planes.shape)
        flat = ops.reshape(planes, (*shape[:2], -1))
        colours = np.broadcast_to(ascent.colours, (shape[0], *ascent.colours.shape))
        planes = ops.reshape(ops.matmul(ops.convert_to_tensor(colours.copy()), flat), shape)
    return ops.sigmoid(planes)


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


def look(ascent: Ascent, planes: Any, placements: Any) -> Any:
    """What the network sees of each canvas through some placements, bilinearly.

    All canvases are seen through the same ones: what is taken from where is then found once
    for all, and lies side by side in memory.

    Args:
        ascent: The ascent, whose canvases are seen at their own size.
        planes: ``(batch, channel, height, width)``.
        placements: ``(views, 2, 3)``, from ``(y, x, 1)`` of what is seen to the canvas;
            ``None`` for the canvas as it is, in one view.

    Returns:
        ``(batch * views, height, width, channel)``, in the numbers that the network takes.
    """
    batch, channels, rows, columns = (int(n) for n in planes.shape)
    gain, shift, flip = _scale(ascent)
    if flip:
        planes = ops.flip(planes, 1)
    outside = np.full(channels, 0.0, np.float32)
    if placements is not None:
        outside += ascent.outside
    planes = (planes - _spread(outside)) * _spread(gain)
    middle = ops.convert_to_tensor(outside * gain + shift)
    if placements is None:
        return ops.transpose(planes, (0, 2, 3, 1)) + middle
    views = int(placements.shape[0])
    flat = ops.transpose(ops.reshape(planes, (batch * channels, rows * columns)))
    flat = ops.reshape(flat, (rows * columns, batch, channels))
    seen: Any = 0.0
    for index, weight in _neighbours(placements, rows, columns):
        seen = seen + ops.take(flat, index, axis=0) * weight
    seen = ops.reshape(seen, (views, rows * columns, batch, channels))
    seen = ops.transpose(seen, (2, 0, 1, 3)) + middle
    return ops.reshape(seen, (batch * views, rows, columns, channels))


def _scale(ascent: Ascent) -> tuple[FloatArray, FloatArray, bool]:
    """From a canvas to what the network takes, channel by channel: factor, summand, reversal."""
    gain = np.asarray(ascent.gain, np.float32)
    shift = np.asarray(ascent.shift, np.float32)
    if ascent.parameters == PIXELS:
        return np.ones_like(gain), np.zeros_like(shift), False
    return gain, shift, ascent.flip


def _spread(values: FloatArray) -> Any:
    return ops.convert_to_tensor(values[:, None, None])


def _neighbours(placements: Any, rows: int, columns: int) -> Iterator[tuple[Any, Any]]:
    """The four pixels about each place that is looked at, and how much each counts.

    Yields:
        ``(views * rows * columns,)`` int32, and ``(views * rows * columns, 1, 1)``, which is
        0 beyond the edges.
    """
    grid = np.stack([*np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")])
    grid = np.concatenate([grid, np.ones((1, rows, columns))]).reshape(3, -1)
    points = ops.matmul(placements, ops.convert_to_tensor(grid.astype("float32")))
    y, x = points[:, 0], points[:, 1]
    top, left = ops.floor(y), ops.floor(x)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        weight = (1.0 - ops.abs(y - row)) * (1.0 - ops.abs(x - column))
        inside = (row >= 0) & (row <= rows - 1) & (column >= 0) & (column <= columns - 1)
        weight = ops.where(inside, weight, 0.0)
        index = ops.clip(row, 0, rows - 1) * columns + ops.clip(column, 0, columns - 1)
        yield ops.reshape(ops.cast(index, "int32"), (-1,)), ops.reshape(weight, (-1, 1, 1))
