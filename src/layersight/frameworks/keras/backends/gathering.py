"""Sampling canvases through placements, for backends without an operation for it.

All canvases are sampled through the same placements: the indices are then found once for all, and
what they read lies side by side in memory. The gradient gathers as well where a placement enlarges
little, since scattered additions run on a single core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.frameworks.keras.types import Tensor

Sampling: TypeAlias = Mapping[str, Tensor]  # from :func:`make_sampling`
# A function that is linear in its first argument.
Linear: TypeAlias = Callable[[Tensor, Sampling], Tensor]
# From a linear function and its adjoint to the function with that as its gradient.
Adjoint: TypeAlias = Callable[[Linear, Linear], Linear]

# The positions about the nearest one that a pixel may affect, if it is not enlarged much.
NEIGHBOURS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))


def make_sampling(placements: Tensor, size: tuple[int, int], *, near: bool) -> Sampling:
    """The indices and weights of :func:`sample`.

    Args:
        placements: ``(views, 2, 3)``: affine maps from ``(y, x, 1)`` in the view to the planes.
        size: Height and width of the planes.
        near: Whether there is one view, and no pixel affects a position farther than one from the
            nearest: the indices of the gradient are then given as well.

    Returns:
        ``index`` and ``weight``, ``(4, positions)``: the four pixels about each sampling position,
        with weight 0 outside the planes. ``back_index`` and ``back_weight``, ``(9, pixels)``
        likewise: the positions that each pixel affects.
    """
    grid = _grid(size)
    points = ops.matmul(placements, ops.convert_to_tensor(grid))
    y, x = points[:, 0], points[:, 1]
    top, left = ops.floor(y), ops.floor(x)
    corners = []
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = top + down, left + right
        corners.append(_clipped(row, column, _hat(y - row) * _hat(x - column), size))
    sampling = {
        "index": ops.stack([ops.reshape(index, (-1,)) for index, _ in corners]),
        "weight": ops.stack([ops.reshape(weight, (-1,)) for _, weight in corners]),
    }
    if near:
        matrix, shift = placements[0, :, :2], placements[0, :, 2:]
        middle = ops.round(ops.matmul(_inverted(matrix), ops.convert_to_tensor(grid[:2]) - shift))
        neighbours = []
        for down, right in NEIGHBOURS:
            row, column = middle[0] + down, middle[1] + right
            y = matrix[0, 0] * row + matrix[0, 1] * column + shift[0, 0]
            x = matrix[1, 0] * row + matrix[1, 1] * column + shift[1, 0]
            weight = _hat(y - grid[0]) * _hat(x - grid[1])
            neighbours.append(_clipped(row, column, weight, size))
        sampling["back_index"] = ops.stack([index for index, _ in neighbours])
        sampling["back_weight"] = ops.stack([weight for _, weight in neighbours])
    return sampling


def make_sample(adjoint: Adjoint) -> Linear:
    """Makes :func:`layersight.frameworks.keras.backends.sample`."""
    gathering = adjoint(_sample, _sample_back)

    def sample(planes: Tensor, sampling: Sampling) -> Tensor:
        return (gathering if "back_index" in sampling else _sample)(planes, sampling)

    return sample


def _sample(planes: Tensor, sampling: Sampling) -> Tensor:
    batch, channels, rows, columns = (int(n) for n in planes.shape)
    flat = ops.transpose(ops.reshape(planes, (batch * channels, rows * columns)))
    seen = _gather(flat, sampling["index"], sampling["weight"])
    views = int(seen.shape[0]) // (rows * columns)
    seen = ops.reshape(seen, (views, rows * columns, batch, channels))
    seen = ops.transpose(seen, (2, 0, 1, 3))
    return ops.reshape(seen, (batch * views, rows, columns, channels))


def _sample_back(gradient: Tensor, sampling: Sampling) -> Tensor:
    """The gradient by planes, from that by a single view of them."""
    batch, rows, columns, channels = (int(n) for n in gradient.shape)
    flat = ops.transpose(ops.reshape(gradient, (batch, rows * columns, channels)), (1, 0, 2))
    flat = ops.reshape(flat, (rows * columns, batch * channels))
    by_pixel = _gather(flat, sampling["back_index"], sampling["back_weight"])
    return ops.reshape(ops.transpose(by_pixel), (batch, channels, rows, columns))


def _gather(flat: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """The weighted sum of the rows of ``flat`` at each column of ``index``."""
    rows = range(int(index.shape[0]))
    parts = [ops.take(flat, index[n], axis=0) * weight[n][:, None] for n in rows]
    return sum(parts[1:], parts[0])


def _grid(size: tuple[int, int]) -> FloatArray:
    """``(3, pixels)``: row, column and 1 of every pixel."""
    grid = np.stack([*np.meshgrid(*map(np.arange, size), indexing="ij"), np.ones(size)])
    return grid.reshape(3, -1).astype("float32")


def _clipped(
    row: Tensor, column: Tensor, weight: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The flat index of a pixel, and its weight, 0 outside the plane."""
    inside = (row >= 0) & (row <= size[0] - 1) & (column >= 0) & (column <= size[1] - 1)
    index = ops.clip(row, 0, size[0] - 1) * size[1] + ops.clip(column, 0, size[1] - 1)
    return ops.cast(index, "int32"), ops.where(inside, weight, 0.0)


def _hat(distance: Tensor) -> Tensor:
    return ops.maximum(1.0 - ops.abs(distance), 0.0)


def _inverted(matrix: Tensor) -> Tensor:
    """The inverse of a 2 x 2 matrix."""
    (a, b), (c, d) = (matrix[0, 0], matrix[0, 1]), (matrix[1, 0], matrix[1, 1])
    return ops.stack([ops.stack([d, -b]), ops.stack([-c, a])]) / (a * d - b * c)
