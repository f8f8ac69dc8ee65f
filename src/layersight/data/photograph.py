"""An image in its own size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Photograph:
    """An image in its own size, and the part of it that the network saw.

    Attributes:
        pixels: ``(height, width, 1 or 3)`` uint8, upright, in its own colours.
        region: ``(top, left, bottom, right)`` in those pixels: where the edges of the network's
            input lie. Inside the image if it was cropped, outside if it was padded.
        reduced: How many times larger the file's own size is; 1 for all but huge images.
    """

    pixels: NDArray[np.uint8]
    region: tuple[float, float, float, float]
    reduced: float = 1.0
