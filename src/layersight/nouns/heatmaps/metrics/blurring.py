"""The blurred image that insertion begins with."""

from __future__ import annotations

import numpy as np

from layersight.data.arrays import FloatArray

SIDE = 224
SIGMA = 5.0
"""The blur of RISE: a standard deviation of 5 pixels for an image of 224."""


def blur(pixels: FloatArray) -> FloatArray:
    """An image, or each frame or slice, through a Gaussian filter, its edges reflected.

    As RISE has it, a kernel of 11 x 11 with a standard deviation of 5 for an image of 224 pixels;
    both grow with its shorter side.

    Args:
        pixels: ``(*positions, channel)``.
    """
    axes = range(pixels.ndim - 1)[-2:]
    sigma = SIGMA * min(pixels.shape[axis] for axis in axes) / SIDE
    reach = max(1, round(sigma))
    places = np.arange(-reach, reach + 1)
    kernel = np.exp(-(places**2) / (2 * sigma**2))
    found = np.asarray(pixels, np.float32)
    for axis in axes:
        found = _along(found, (kernel / kernel.sum()).astype(np.float32), axis)
    return found


def _along(values: FloatArray, kernel: FloatArray, axis: int) -> FloatArray:
    reach = len(kernel) // 2
    room = [(reach, reach) if place == axis else (0, 0) for place in range(values.ndim)]
    wide = np.pad(values, room, mode="symmetric")
    size = values.shape[axis]
    parts = (
        weight * np.take(wide, range(place, place + size), axis)
        for place, weight in enumerate(kernel)
    )
    return np.asarray(sum(parts), np.float32)
