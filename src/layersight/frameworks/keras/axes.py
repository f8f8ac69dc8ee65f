"""The order of axes of what comes out of a model."""

from __future__ import annotations

import numpy as np
from keras import ops
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.frameworks.graph.geometry import FIRST, NONE
from layersight.frameworks.keras.backends import as_float32
from layersight.frameworks.keras.types import Tensor


def tensor_channels_last(tensor: Tensor, data_format: str) -> Tensor:
    """A tensor of the backend with its channels last."""
    if data_format == NONE:
        return ops.expand_dims(tensor, -1)
    if data_format == FIRST and len(tensor.shape) >= 3:
        return ops.moveaxis(tensor, 1, -1)
    return tensor


def channels_last(array: NDArray[np.generic], data_format: str) -> FloatArray:
    """An array with its channels last, as float32."""
    if data_format == NONE:
        array = array[..., np.newaxis]
    elif data_format == FIRST and array.ndim >= 3:
        array = np.ascontiguousarray(np.moveaxis(array, 1, -1))
    return as_float32(array)
