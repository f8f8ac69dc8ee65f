"""Seeing canvases through placements, for backends that have no operation of their own for it.

All canvases are seen through the same placements: what is taken from where is then found once
for all, and lies side by side in memory. The gradient gathers too where a placement enlarges
little, since adding to pixels that others add to as well keeps to one core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.frameworks.keras.types import Tensor

Placed: TypeAlias = Mapping[str, Tensor]
# A function that is linear in its first argument.
Linear: TypeAlias = Callable[[Tensor, Placed], Tensor]
# From a linear function and its adjoint to the function with that for a gradient.
Adjoint: TypeAlias = Callable[[Linear, Linear], Linear]

# Where a pixel may be seen beside the nearest position, if it is not enlarged much.
AROUND = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))


def place(placements: Tensor, size: tuple[int, int], *, near: bool) -> Placed:
    """What is taken from where by :func:`sample`.

    Args:
        placements: ``(views, 2, 3)``, as :func:`layersight.frameworks.keras.backends.place`.
        size: Height and width of the planes.
        near: Whether there is one view, and no pixel is seen farther than one position from that
            nearest to it: what the gradient takes is then found as well.

    Returns:
        ``index`` and ``weight``, ``(4, positions)``, the weight 0 beyond the edges: the four pixels
        about each position that is looked at. ``back`` and ``share`` ``(9, pixels)``
        likewise the positions that see each pixel.
    """
    grid = _grid(size)
    points = ops.matmul(placements, ops.convert_to_tensor(grid))
    y, x = points[:, 0], points[:, 1]
    top, left = ops.floor(y), ops.floor(x)
    taken = []
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        taken.append(_counted(row, column, _hat(y - row) * _hat(x - column), size))
    found = {
        "index": ops.stack([ops.reshape(index, (-1,)) for index, _ in taken]),
        "weight": ops.stack([ops.reshape(weight, (-1,)) for _, weight in taken]),
    }
    if near:
        turn, shift = placements[0, :, :2], placements[0, :, 2:]
        middle = ops.round(ops.matmul(_inverted(turn), ops.convert_to_tensor(grid[:2]) - shift))
        seen = []
        for down, right in AROUND:
            row, column = middle[0] + down, middle[1] + right
            y = turn[0, 0] * row + turn[0, 1] * column + shift[0, 0]
            x = turn[1, 0] * row + turn[1, 1] * column + shift[1, 0]
            seen.append(_counted(row, column, _hat(y - grid[0]) * _hat(x - grid[1]), size))
        found["back"] = ops.stack([index for index, _ in seen])
        found["share"] = ops.stack([weight for _, weight in seen])
    return found


def make_sample(adjoint: Adjoint) -> Linear:
    """Planes through placements, as :func:`layersight.frameworks.keras.backends.sample`."""
    gathering = adjoint(_take, _give)

    def sample(planes: Tensor, placed: Placed) -> Tensor:
        return (gathering if "back" in placed else _take)(planes, placed)

    return sample


def _take(planes: Tensor, placed: Placed) -> Tensor:
    batch, channels, rows, columns = (int(n) for n in planes.shape)
    flat = ops.transpose(ops.reshape(planes, (batch * channels, rows * columns)))
    seen = _gathered(flat, placed["index"], placed["weight"])
    views = int(seen.shape[0]) // (rows * columns)
    seen = ops.reshape(seen, (views, rows * columns, batch, channels))
    seen = ops.transpose(seen, (2, 0, 1, 3))
    return ops.reshape(seen, (batch * views, rows, columns, channels))


def _give(gradient: Tensor, placed: Placed) -> Tensor:
    """The gradient by planes from that by what is seen of them in one view."""
    batch, rows, columns, channels = (int(n) for n in gradient.shape)
    flat = ops.transpose(ops.reshape(gradient, (batch, rows * columns, channels)), (1, 0, 2))
    flat = ops.reshape(flat, (rows * columns, batch * channels))
    given = _gathered(flat, placed["back"], placed["share"])
    return ops.reshape(ops.transpose(given), (batch, channels, rows, columns))


def _gathered(flat: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """The weighted sum of the rows that each column of ``index`` names."""
    rows = range(int(index.shape[0]))
    parts = [ops.take(flat, index[n], axis=0) * weight[n][:, None] for n in rows]
    return sum(parts[1:], parts[0])


def _grid(size: tuple[int, int]) -> FloatArray:
    """``(3, pixels)``: row, column and 1 of every pixel."""
    grid = np.stack([*np.meshgrid(*map(np.arange, size), indexing="ij"), np.ones(size)])
    return grid.reshape(3, -1).astype("float32")


def _counted(
    row: Tensor, column: Tensor, weight: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The number of a pixel, and how much it counts; 0 beyond the edges."""
    inside = (row >= 0) & (row <= size[0] - 1) & (column >= 0) & (column <= size[1] - 1)
    index = ops.clip(row, 0, size[0] - 1) * size[1] + ops.clip(column, 0, size[1] - 1)
    return ops.cast(index, "int32"), ops.where(inside, weight, 0.0)


def _hat(distance: Tensor) -> Tensor:
    return ops.maximum(1.0 - ops.abs(distance), 0.0)


def _inverted(turn: Tensor) -> Tensor:
    """The inverse of a matrix of two rows."""
    (a, b), (c, d) = (turn[0, 0], turn[0, 1]), (turn[1, 0], turn[1, 1])
    return ops.stack([ops.stack([d, -b]), ops.stack([-c, a])]) / (a * d - b * c)
