"""Spectra: what the coefficients of a canvas are multiplied by.

The rule of this module: NumPy alone; a spectrum is ``(channel, height, width // 2 + 1)``, half
of the Fourier transform of a real image, ``norm="ortho"``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from layersight.data.arrays import FloatArray

COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""The square root of the correlation of colours in ImageNet (Olah et al., Distill, 2017)."""


def frequencies(size: tuple[int, int]) -> FloatArray:
    """The frequency of each coefficient in cycles a pixel, ``(height, width // 2 + 1)``."""
    height, width = size
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    return np.asarray(np.sqrt(down**2 + right**2), np.float32)


def pink(size: tuple[int, int], channels: int, decay: float = 1.0) -> FloatArray:
    """A spectrum that falls with a power of the frequency, as that of natural images does."""
    floor = 1.0 / max(size)
    spectrum = 1.0 / np.maximum(frequencies(size), floor) ** decay
    return np.broadcast_to(spectrum.astype(np.float32), (channels, *spectrum.shape)).copy()


def colours(channels: int) -> FloatArray | None:
    """From decorrelated colours to those of an image, each row a colour; ``None`` for others.

    Scaled so that the longest of its columns has the length 1.
    """
    if channels != 3:
        return None
    return np.asarray(COLOURS / np.linalg.norm(COLOURS, axis=0).max(), np.float32)


def of_images(pictures: Iterable[FloatArray], channels: int) -> FloatArray:
    """The mean magnitudes of natural images in 0..1, all of one size, in decorrelated colours."""
    matrix = colours(channels)
    total: FloatArray | None = None
    count = 0
    for picture in pictures:
        logits = np.log(np.clip(picture, 0.02, 0.98) / (1 - np.clip(picture, 0.02, 0.98)))
        if matrix is not None:
            logits = logits @ np.linalg.inv(matrix).T
        planes = np.moveaxis(logits, -1, 0)
        magnitude = np.abs(np.fft.rfft2(planes, norm="ortho")).astype(np.float32)
        total = magnitude if total is None else total + magnitude
        count += 1
    if total is None:
        raise ValueError("expected at least one picture")
    return total / np.float32(count)
