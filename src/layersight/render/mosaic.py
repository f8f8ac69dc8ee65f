"""Many tiles as one image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def mosaic(
    tiles: NDArray[np.uint8],
    *,
    columns: int = 16,
    gap: tuple[int, int] = (0, 0),
    fill: int = 0,
    extend: bool = False,
) -> NDArray[np.uint8]:
    """Lays tiles in rows, first to last, at their own pixels.

    Every tile is shown, whatever their number; cells that are left over hold ``fill``.

    Args:
        tiles: ``(tile, height, width)``.
        columns: Tiles in a row; fewer if there are fewer tiles.
        gap: Pixels below and to the right of each tile.
        fill: The value of empty cells, and of the gaps.
        extend: Whether gaps repeat the nearest pixel of a tile instead. Then no foreign
            colour shows at a tile's edge when a viewer smooths what a page covers.

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
    if not any(gap) and rows * columns == count:
        sheet = np.empty((rows, tall, columns, wide), np.uint8)
    else:
        sheet = np.full((rows, tall, columns, wide), fill, np.uint8)
    full = count // columns
    if full:
        whole = tiles[: full * columns].reshape(full, columns, height, width)
        sheet[:full, :height, :, :width] = whole.transpose(0, 2, 1, 3)
    for place, tile in enumerate(tiles[full * columns :]):
        sheet[full, :height, place, :width] = tile
    if extend:
        _extend(sheet, height, width)
    return sheet.reshape(rows * tall, columns * wide)


def _extend(sheet: NDArray[np.uint8], height: int, width: int) -> None:
    """Fills the gaps of ``(row, y, column, x)``: each half from the tile that is nearer."""
    near_x = width + math.ceil((sheet.shape[3] - width) / 2)
    near_y = height + math.ceil((sheet.shape[1] - height) / 2)
    sheet[:, :, :, width:] = sheet[:, :, :, width - 1 : width]
    sheet[:, :, :-1, near_x:] = sheet[:, :, 1:, :1]
    sheet[:, height:] = sheet[:, height - 1 : height]
    sheet[:-1, near_y:] = sheet[1:, :1]
