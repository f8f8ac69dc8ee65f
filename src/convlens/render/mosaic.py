"""Many tiles as one image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def mosaic(
    tiles: NDArray[np.uint8], *, columns: int = 16, gap: tuple[int, int] = (0, 0), fill: int = 0
) -> NDArray[np.uint8]:
    """Lays tiles in rows, first to last, at their own pixels.

    Every tile is shown, whatever their number; cells that are left over hold ``fill``.

    Args:
        tiles: ``(tile, height, width)``.
        columns: Tiles in a row; fewer if there are fewer tiles.
        gap: Pixels below and to the right of each tile.
        fill: The value of the gaps and of empty cells.

    Returns:
        ``(rows * (height + gap[0]), columns * (width + gap[1]))``.

    Example:
        >>> mosaic(np.arange(3, dtype=np.uint8).reshape(3, 1, 1), columns=2, fill=9)
        array([[0, 1],
               [2, 9]], dtype=uint8)
    """
    count, height, width = tiles.shape
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    tall, wide = height + gap[0], width + gap[1]
    sheet = np.full((rows, tall, columns, wide), fill, np.uint8)
    full = count // columns
    if full:
        whole = tiles[: full * columns].reshape(full, columns, height, width)
        sheet[:full, :height, :, :width] = whole.transpose(0, 2, 1, 3)
    for place, tile in enumerate(tiles[full * columns :]):
        sheet[full, :height, place, :width] = tile
    return sheet.reshape(rows * tall, columns * wide)
