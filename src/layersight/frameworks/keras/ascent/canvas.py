"""From parameters to a canvas, and from a canvas to what the network sees.

Sources: the Fourier parametrisation and the decorrelated colours are those of Olah,
Mordvintsev and Schubert, "Feature Visualization", Distill, 2017; the fixed magnitudes are those
of Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
Optimization", arXiv 2306.06805.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.data.ascent import FOURIER, PIXELS, Ascent
from layersight.frameworks.keras.backends import inverse, sample
from layersight.frameworks.keras.types import Structure, Tensor


def draw(ascent: Ascent, parameters: Sequence[Tensor]) -> Tensor:
    """What the parameters of every slot draw, ``(batch, channel, height, width)``, unbounded."""
    if ascent.parameters == PIXELS:
        return ops.transpose(parameters[0], (0, 3, 1, 2))
    if ascent.parameters == FOURIER:
        planes = _inverse(parameters[0], parameters[1], ascent)
    else:
        planes = _inverse(ops.cos(parameters[0]), ops.sin(parameters[0]), ascent)
        axes = (-3, -2, -1)
        planes = planes - ops.mean(planes, axes, keepdims=True)
        planes = planes / (ops.std(planes, axes, keepdims=True) + 1e-5)
    if ascent.colours is not None:
        shape = tuple(int(n) for n in planes.shape)
        flat = ops.reshape(planes, (*shape[:2], -1))
        colours = np.broadcast_to(ascent.colours, (shape[0], *ascent.colours.shape))
        planes = ops.reshape(ops.matmul(ops.convert_to_tensor(colours.copy()), flat), shape)
    return planes


def bound(ascent: Ascent, drawn: Tensor) -> Tensor:
    """The canvas of every slot, plane by plane: within 0..1, unless it is :data:`PIXELS`."""
    return drawn if ascent.parameters == PIXELS else ops.sigmoid(drawn)


def _inverse(real: Tensor, imaginary: Tensor, ascent: Ascent) -> Tensor:
    """The inverse of a real Fourier transform in two dimensions, ``(batch, channel, h, w)``."""
    scale = np.asarray(ascent.spectrum, np.float32) * float(np.prod(ascent.size)) ** 0.5
    factor = ops.convert_to_tensor(scale.astype("float32"))
    parts = _symmetric(real * factor, 1.0, ascent), _symmetric(imaginary * factor, -1.0, ascent)
    return inverse(*parts, ascent.size)


def _symmetric(part: Tensor, sign: float, ascent: Ascent) -> Tensor:
    """Coefficients of which those that have their conjugate in the same half agree with it.

    Half of the coefficients of a real signal determine it, but that half holds both of a pair in
    its first column, and for an even width in its last: what a pair that disagrees gives is
    undefined in most transforms.
    """
    height, width = ascent.size
    back = (-np.arange(height)) % height

    def settle(column: Tensor) -> Tensor:
        return 0.5 * (column + sign * ops.take(column, back, axis=2))

    half = width // 2 + 1
    last = half - 1 if width % 2 == 0 and half > 1 else half
    columns = [settle(part[..., :1]), part[..., 1:last]]
    if last < half:
        columns.append(settle(part[..., last:]))
    return ops.concatenate(columns, axis=-1)


def network_input(ascent: Ascent, planes: Tensor, placed: Structure | None) -> Tensor:
    """What the network sees of each canvas through some placements, bilinearly.

    Args:
        ascent: The ascent, whose canvases are seen at their own size.
        planes: ``(batch, channel, height, width)``.
        placed: The placements, from :func:`layersight.frameworks.keras.backends.place`; ``None``
            for the canvas as it is, in one view.

    Returns:
        ``(batch * views, height, width, channel)``, in the numbers that the network takes.
    """
    channels = int(planes.shape[1])
    gain, shift = np.asarray(ascent.gain, np.float32), np.asarray(ascent.shift, np.float32)
    if ascent.parameters == PIXELS:
        gain, shift = np.ones_like(gain), np.zeros_like(shift)
    elif ascent.flip:
        planes = ops.flip(planes, 1)
    outside = np.full(channels, 0.0, np.float32)
    if placed is not None:
        outside += ascent.outside
    planes = (planes - _spread(outside)) * _spread(gain)
    middle = ops.convert_to_tensor(outside * gain + shift)
    if placed is None:
        return ops.transpose(planes, (0, 2, 3, 1)) + middle
    return sample(planes, placed) + middle


def _spread(values: FloatArray) -> Tensor:
    return ops.convert_to_tensor(values[:, None, None])
