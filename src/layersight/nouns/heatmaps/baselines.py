"""The image that stands for "nothing", which pixels are compared with or replaced by; and blurs.

The rule of this module: a baseline is in the numbers that the network sees, for each image by
itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.errors import UsageError
from layersight.nouns.heatmaps.methods.method import Images, position_axes

Colours = NDArray[np.floating]

SIGMA = 1 / 20
"""The standard deviation of the blur, as a share of the shorter side: 11 pixels of 224, near
the 10 of Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful
Perturbation", ICCV 2017."""

LONG = 4096  # signals with more positions are blurred without a matrix


def baseline(images: Images, name: str, option: str = "baseline") -> FloatArray:
    """The baseline of each image, ``(image, *positions, channel)`` float32.

    ``option`` is the name of the option that chose it, for the error.
    """
    if name == "blur" and images.is_vector:
        raise UsageError(
            f"a vector has no neighbours to be blurred with: choose the {option} black (0) or mean"
        )
    pixels = np.empty(images.pixels.shape, np.float32)
    pixels[...] = BASELINES[name](images)
    return pixels


def gaussian_blur(pixels: FloatArray, sigma: float) -> FloatArray:
    """Images blurred by a Gaussian; at the edges the part of it that lies inside, summing to 1.

    Frames and slices are blurred each by itself.
    """
    blurred = np.asarray(pixels, np.float32)
    if pixels.ndim == 3 and pixels.shape[1] > LONG:
        return _blur_signals(blurred, sigma)
    for axis in reversed(position_axes(pixels)[-2:]):
        flat = blurred.reshape(*blurred.shape[: axis + 1], -1)
        blurred = np.matmul(_gaussian(pixels.shape[axis], sigma), flat).reshape(pixels.shape)
    return blurred


def _blur_signals(signals: FloatArray, sigma: float) -> FloatArray:
    """The same for signals that are too long for a matrix, the Gaussian cut at 4 sigma."""
    reach = min(signals.shape[1] // 2, round(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)

    def convolve(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.convolve(values, kernel, "same")

    total = convolve(np.ones(signals.shape[1]))
    blurred = np.apply_along_axis(lambda values: convolve(values) / total, 1, signals)
    return np.asarray(blurred, np.float32)


@functools.lru_cache(maxsize=16)
def _gaussian(length: int, sigma: float) -> FloatArray:
    """The weight of each position in the blur of each, ``(length, length)``; rows sum to 1."""
    positions = np.arange(length)
    weights = np.exp(-0.5 * ((positions[:, None] - positions) / sigma) ** 2)
    matrix: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def _grey(images: Images) -> Colours:
    return images.black / 2 + images.white / 2


def _mean(images: Images) -> Colours:
    means: Colours = images.pixels.mean(
        axis=position_axes(images.pixels), dtype=np.float64, keepdims=True
    )
    return means


def _blur(images: Images) -> Colours:
    return gaussian_blur(images.pixels, SIGMA * min(images.size[-2:]))


BASELINES: dict[str, Callable[[Images], Colours]] = {
    "black": lambda images: images.black,
    "grey": _grey,
    "white": lambda images: images.white,
    "mean": _mean,
    "blur": _blur,
}
"""Every baseline by name: a fixed colour, the image's own mean colour, the image blurred."""


def rise_blur(pixels: FloatArray) -> FloatArray:
    """An image, or each frame or slice, through a Gaussian filter, its edges reflected.

    As in RISE, a kernel of 11 x 11 with a standard deviation of 5 for an image of 224 pixels; both
    grow with its shorter side.
    """
    axes = range(pixels.ndim - 1)[-2:]
    sigma = 5.0 * min(pixels.shape[axis] for axis in axes) / 224
    reach = max(1, round(sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    blurred = np.asarray(pixels, np.float32)
    for axis in axes:
        margins = [(reach, reach) if other == axis else (0, 0) for other in range(blurred.ndim)]
        padded = np.pad(blurred, margins, mode="symmetric")
        size = blurred.shape[axis]
        parts = (
            weight * np.take(padded, range(start, start + size), axis)
            for start, weight in enumerate(kernel)
        )
        blurred = np.asarray(sum(parts), np.float32)
    return blurred
