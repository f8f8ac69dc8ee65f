"""An image in its own size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Photograph:
    """An image in its own size, and the part of it that the network saw."""

    pixels: NDArray[np.uint8]  # (height, width, 1 or 3) uint8, upright, in its own colours
    # (top, left, bottom, right) in those pixels: where the edges of the network's input lie. Inside
    # the image if it was cropped, outside if it was padded.
    region: tuple[float, float, float, float]
    reduced: float = 1.0  # how many times larger the file's own size is; 1 for all but huge images
