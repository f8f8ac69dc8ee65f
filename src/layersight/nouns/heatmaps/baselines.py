"""What "nothing" is: the image that pixels are compared with or replaced by; and blurred images.

The rule of this module: a baseline is given in the numbers that the network sees, for each
image by itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.errors import UsageError, near
from layersight.nouns.heatmaps.methods.method import Images, all_positions

Colours = NDArray[np.floating]

SIGMA = 1 / 20
"""The standard deviation of the blur, as a share of the shorter side: 11 pixels of 224, near
the 10 of Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful
Perturbation", ICCV 2017."""

LONG = 4096  # positions of a signal from which on it is blurred without a matrix


def baseline(images: Images, name: str) -> FloatArray:
    """The baseline of each image, ``(image, *positions, channel)`` float32."""
    if name not in BASELINES:
        raise UsageError(
            f"unknown baseline '{name}': expected one of {', '.join(BASELINES)}."
            f"{near(name, BASELINES)}"
        )
    made = np.empty(images.pixels.shape, np.float32)
    made[...] = BASELINES[name](images)
    return made


def blurred(pixels: FloatArray, sigma: float) -> FloatArray:
    """Images blurred by a Gaussian; at the edges by the part of it inside, made to sum to 1.

    Frames and slices are blurred each by itself.
    """
    found = np.asarray(pixels, np.float32)
    if pixels.ndim == 3 and pixels.shape[1] > LONG:
        return _blurred_signals(found, sigma)
    for axis in reversed(all_positions(pixels)[-2:]):
        flat = found.reshape(*found.shape[: axis + 1], -1)
        found = np.matmul(_gaussian(pixels.shape[axis], sigma), flat).reshape(pixels.shape)
    return found


def _blurred_signals(signals: FloatArray, sigma: float) -> FloatArray:
    """The same for signals that are too long for a matrix, the Gaussian cut at 4 sigma."""
    reach = min(signals.shape[1] // 2, round(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)

    def along(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.convolve(values, kernel, "same")

    whole = along(np.ones(signals.shape[1]))
    made = np.apply_along_axis(lambda values: along(values) / whole, 1, signals)
    return np.asarray(made, np.float32)


@functools.lru_cache(maxsize=16)
def _gaussian(length: int, sigma: float) -> FloatArray:
    """What each position takes of each, ``(length, length)``; rows sum to 1."""
    places = np.arange(length)
    shares = np.exp(-0.5 * ((places[:, None] - places) / sigma) ** 2)
    found: FloatArray = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    found.setflags(write=False)
    return found


def _grey(images: Images) -> Colours:
    return images.black / 2 + images.white / 2


def _mean(images: Images) -> Colours:
    means: Colours = images.pixels.mean(
        axis=all_positions(images.pixels), dtype=np.float64, keepdims=True
    )
    return means


def _blur(images: Images) -> Colours:
    if images.is_vector:
        raise UsageError(
            "a vector has no neighbours to be blurred with: choose the baseline black (0) or mean"
        )
    return blurred(images.pixels, SIGMA * min(images.size[-2:]))


BASELINES: dict[str, Callable[[Images], Colours]] = {
    "black": lambda images: images.black,
    "grey": _grey,
    "white": lambda images: images.white,
    "mean": _mean,
    "blur": _blur,
}
"""Every baseline by name: one colour for all, the image's own mean colour, the image blurred."""


def blur(pixels: FloatArray) -> FloatArray:
    """An image, or each frame or slice, through a Gaussian filter, its edges reflected.

    As RISE has it, a kernel of 11 x 11 with a standard deviation of 5 for an image of 224 pixels;
    both grow with its shorter side.
    """
    axes = range(pixels.ndim - 1)[-2:]
    sigma = 5.0 * min(pixels.shape[axis] for axis in axes) / 224
    reach = max(1, round(sigma))
    places = np.arange(-reach, reach + 1)
    kernel = np.exp(-(places**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    found = np.asarray(pixels, np.float32)
    for axis in axes:
        room = [(reach, reach) if other == axis else (0, 0) for other in range(found.ndim)]
        wide = np.pad(found, room, mode="symmetric")
        size = found.shape[axis]
        parts = (
            weight * np.take(wide, range(place, place + size), axis)
            for place, weight in enumerate(kernel)
        )
        found = np.asarray(sum(parts), np.float32)
    return found
