"""What "nothing" is: the image that pixels are compared with or replaced by.

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
from layersight.nouns.heatmaps.methods.method import Images

Colours = NDArray[np.floating]

SIGMA = 1 / 20
"""The standard deviation of the blur, as a share of the shorter side: 11 pixels of 224, near
the 10 of Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful
Perturbation", ICCV 2017."""


def baseline(images: Images, name: str) -> FloatArray:
    """The baseline of each image, ``(image, height, width, channel)`` float32.

    Args:
        images: The images.
        name: A key of :data:`BASELINES`.

    Raises:
        UsageError: There is no baseline of that name.
    """
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

    Args:
        pixels: ``(image, height, width, channel)``.
        sigma: Its standard deviation in pixels, above 0.
    """
    rows = _gaussian(pixels.shape[1], sigma)
    columns = _gaussian(pixels.shape[2], sigma)
    across = np.matmul(columns, np.asarray(pixels, np.float32))
    down = np.matmul(rows, across.reshape(*across.shape[:2], -1))
    return np.asarray(down.reshape(pixels.shape), np.float32)


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
    means: Colours = images.pixels.mean(axis=(1, 2), dtype=np.float64, keepdims=True)
    return means


def _blur(images: Images) -> Colours:
    return blurred(images.pixels, SIGMA * min(images.pixels.shape[1:3]))


BASELINES: dict[str, Callable[[Images], Colours]] = {
    "black": lambda images: images.black,
    "grey": _grey,
    "white": lambda images: images.white,
    "mean": _mean,
    "blur": _blur,
}
"""Every baseline by name: one colour for all, the image's own mean colour, the image blurred."""
