"""Several frames or slices as one picture, beside and under each other.

The rule of this module: frames go from left to right and then down, and what is left over is told
apart from what is drawn.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def arrangement(depth: int) -> tuple[int, int]:
    """Rows and columns of so many frames, about as many of one as of the other.

    >>> arrangement(5), arrangement(9)
    ((2, 3), (3, 3))
    """
    columns = math.ceil(math.sqrt(depth))
    return math.ceil(depth / columns), columns


def contact_sheet(stack: NDArray[Kind], fill: Any) -> NDArray[Kind]:
    """Frames as one picture, a pixel apart.

    Args:
        stack: ``(frame, height, width)`` or ``(frame, height, width, channel)``.
        fill: What is put between them and where no frame is left.

    Returns:
        ``(rows * (height + 1) - 1, columns * (width + 1) - 1)``, with channels where there were
        some.
    """
    depth, height, width, *channels = stack.shape
    rows, columns = arrangement(depth)
    cells = np.full((rows * columns, height + 1, width + 1, *channels), fill, stack.dtype)
    cells[:depth, :height, :width] = stack
    sheet = cells.reshape(rows, columns, height + 1, width + 1, *channels).swapaxes(1, 2)
    return sheet.reshape(rows * (height + 1), columns * (width + 1), *channels)[:-1, :-1]
