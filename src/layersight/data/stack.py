"""Several frames, slices or tiles as one picture.

The rule of this module: they go from left to right and then down, and cells that are left over are
filled with a value that shows they are empty.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def arrangement(depth: int) -> tuple[int, int]:
    """Rows and columns for ``depth`` frames, about equally many.

    >>> arrangement(5), arrangement(9)
    ((2, 3), (3, 3))
    """
    columns = math.ceil(math.sqrt(depth))
    return math.ceil(depth / columns), columns


def contact_sheet(stack: NDArray[Kind], fill: Any) -> NDArray[Kind]:
    """Frames ``(frame, height, width)``, with or without channels, as one picture, a pixel apart.

    Gaps and cells that are left over have the value ``fill``.
    """
    columns = arrangement(len(stack))[1]
    return mosaic(stack, columns=columns, gap=(1, 1), fill=fill)[:-1, :-1]


def mosaic(
    tiles: NDArray[Kind],
    *,
    columns: int = 16,
    gap: tuple[int, int] = (0, 0),
    fill: Any = 0,
    extend: bool = False,
) -> NDArray[Kind]:
    """Lays tiles in rows, first to last, pixel for pixel.

    Args:
        tiles: ``(tile, height, width)`` or ``(tile, height, width, channel)``.
        columns: Tiles in a row; fewer if there are fewer tiles.
        gap: Pixels below and to the right of each tile.
        fill: The value of cells that are left over, and of the gaps.
        extend: Whether gaps repeat the nearest pixel of a tile instead. Then no other colour
            shows at a tile's edge when a viewer smooths the picture.

    Example:
        >>> mosaic(np.arange(3, dtype=np.uint8).reshape(3, 1, 1), columns=2, fill=9)
        array([[0, 1],
               [2, 9]], dtype=uint8)
    """
    count, height, width, *channels = tiles.shape
    columns = max(1, min(columns, count))
    rows, tall, wide = math.ceil(count / columns), height + gap[0], width + gap[1]
    cells = np.full((rows * columns, tall, wide, *channels), fill, tiles.dtype)
    cells[:count, :height, :width] = tiles
    sheet = cells.reshape(rows, columns, tall, wide, *channels).swapaxes(1, 2)
    if extend:  # each half of a gap from the tile that is nearer
        near_x, near_y = width + math.ceil(gap[1] / 2), height + math.ceil(gap[0] / 2)
        sheet[:, :, :, width:] = sheet[:, :, :, width - 1 : width]
        sheet[:, :, :-1, near_x:] = sheet[:, :, 1:, :1]
        sheet[:, height:] = sheet[:, height - 1 : height]
        sheet[:-1, near_y:] = sheet[1:, :1]
    return sheet.reshape(rows * tall, columns * wide, *channels)
