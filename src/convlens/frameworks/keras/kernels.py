"""The kernels of layers that convolve in two dimensions, in one order of axes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from convlens.frameworks.keras.backends import as_float32, to_numpy
from convlens.results import FloatArray


def kernel_of(layer: Any) -> FloatArray | None:
    """The kernels of a layer, ``(height, width, input, filter)``; ``None`` without any.

    A depthwise convolution has one input for each filter, a separable one shows its depthwise
    part, and of a transposed one the last two axes are exchanged.
    """
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


def _depthwise(kernel: Any) -> FloatArray:
    """``(height, width, input, multiplier)``, each channel's filters beside each other."""
    height, width = kernel.shape[:2]
    return as_float32(kernel.reshape(height, width, 1, -1))
