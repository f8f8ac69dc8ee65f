"""Types of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]  # numbers of any type

FloatArray = NDArray[np.float32]

Bytes = NDArray[np.uint8]  # pixels or colour steps
