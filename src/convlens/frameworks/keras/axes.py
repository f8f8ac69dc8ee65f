"""The order of axes of what comes out of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.frameworks.keras.backends import as_float32
from convlens.frameworks.keras.geometry import FIRST
from convlens.results import FloatArray


def channels_last(array: np.ndarray[Any, Any], data_format: str) -> FloatArray:
    """An array with its channels last, as float32."""
    if data_format == FIRST and array.ndim >= 3:
        array = np.ascontiguousarray(np.moveaxis(array, 1, -1))
    return as_float32(array)
