"""Seeing canvases through placements, for backends that have no operation of their own for it.

All canvases are seen through the same placements: what is taken from where is then found once
for all, and lies side by side in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops


def sample(planes: Any, placements: Any) -> Any:
    """Planes through placements, as :func:`convlens.frameworks.keras.backends.sample`."""
    batch, channels, rows, columns = (int(n) for n in planes.shape)
    views = int(placements.shape[0])
    flat = ops.transpose(ops.reshape(planes, (batch * channels, rows * columns)))
    seen: Any = 0.0
    for index, weight in _neighbours(placements, rows, columns):
        seen = seen + ops.take(flat, index, axis=0) * weight
    seen = ops.reshape(seen, (views, rows * columns, batch, channels))
    seen = ops.transpose(seen, (2, 0, 1, 3))
    return ops.reshape(seen, (batch * views, rows, columns, channels))


def _neighbours(placements: Any, rows: int, columns: int) -> Iterator[tuple[Any, Any]]:
    """The four pixels about each place that is looked at, and how much each counts.

    Yields:
        ``(views * rows * columns,)`` int32, and ``(views * rows * columns, 1)``, which is 0
        beyond the edges.
    """
    grid = np.stack([*np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")])
    grid = np.concatenate([grid, np.ones((1, rows, columns))]).reshape(3, -1)
    points = ops.matmul(placements, ops.convert_to_tensor(grid.astype("float32")))
    y, x = points[:, 0], points[:, 1]
    top, left = ops.floor(y), ops.floor(x)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        weight = (1.0 - ops.abs(y - row)) * (1.0 - ops.abs(x - column))
        inside = (row >= 0) & (row <= rows - 1) & (column >= 0) & (column <= columns - 1)
        weight = ops.where(inside, weight, 0.0)
        index = ops.clip(row, 0, rows - 1) * columns + ops.clip(column, 0, columns - 1)
        yield ops.reshape(ops.cast(index, "int32"), (-1,)), ops.reshape(weight, (-1, 1))
