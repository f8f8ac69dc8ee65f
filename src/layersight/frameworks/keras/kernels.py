"""The kernels of layers that convolve in two dimensions, in one order of axes."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.frameworks.keras.backends import as_float32, to_numpy
from layersight.frameworks.keras.refused import Refused

HELD = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D")
"""Layers whose first array of four axes is their kernel, in the order of Keras 3."""


def kernel_of(layer: keras.Operation) -> FloatArray | None:
    """The kernels of a layer, ``(height, width, input, filter)``; ``None`` without any.

    A depthwise convolution has one input for each filter, a separable one shows its depthwise
    part, and of a transposed one the last two axes are exchanged.
    """
    if isinstance(layer, Refused):
        return _held(layer)
    if not isinstance(layer, keras.Layer) or not layer.built:
        return None
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = to_numpy(layer.kernel.value)
        return _depthwise(kernel) if kernel.ndim == 4 else None
    if isinstance(layer, keras.layers.SeparableConv2D):
        return _depthwise(to_numpy(layer.depthwise_kernel.value))
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return as_float32(np.swapaxes(to_numpy(layer.kernel.value), 2, 3))
    if isinstance(layer, keras.layers.Conv2D):
        return as_float32(to_numpy(layer.kernel.value))
    return None


def _held(layer: Refused) -> FloatArray | None:
    """The kernels that a file holds for a layer that cannot be computed.

    Only those of a layer of Keras: what the arrays of others mean only their code tells.
    """
    kind = type(layer).__name__
    kernel = next((array for array in layer.held.values() if array.ndim == 4), None)
    if kind not in HELD or kernel is None:
        return None
    if kind in ("DepthwiseConv2D", "SeparableConv2D"):
        return _depthwise(kernel)
    return as_float32(np.swapaxes(kernel, 2, 3) if kind == "Conv2DTranspose" else kernel)


def _depthwise(kernel: NDArray[np.generic]) -> FloatArray:
    """``(height, width, input, multiplier)``, each channel's filters beside each other."""
    height, width = kernel.shape[:2]
    return as_float32(kernel.reshape(height, width, 1, -1))
