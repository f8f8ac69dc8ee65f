"""Fills in removed pixels from those around them.

Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for
Attribution Methods" (ROAD), ICML 2022: every missing pixel is the weighted mean of its eight
neighbours, 1/6 for one beside it and 1/12 for one across a corner, or of those inside the image.
The missing pixels are the solution of a sparse linear system.

The rule of this module: the system is symmetric and positive definite, and is solved for many
masks at once by conjugate gradients, preconditioned by a cycle over grids of halved size (a
V-cycle of multigrid; Briggs, Henson and McCormick, "A Multigrid Tutorial", 2000), until no
pixel moves by more than :data:`TOLERANCE` of the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray

TOLERANCE = 0.002
"""Iteration ends when no pixel moves by more than this share of the image's range."""

MOST_STEPS = 100
DAMPING = np.float32(0.8)  # of Jacobi's iteration, which smooths

SMOOTHINGS = 2
SMALLEST = 4  # the shortest side of a grid that is halved

Masks = NDArray[np.bool_]


def impute(image: FloatArray, known: Masks) -> FloatArray:
    """Fills in the missing pixels of an image, once for each mask.

    Args:
        image: ``(height, width, channel)``.
        known: ``(mask, height, width)``: which pixels are known; at least one in each.

    Returns:
        ``(mask, height, width, channel)`` float32; known pixels are unchanged.

    Example:
        >>> line = np.array([[[0.0], [9.0], [3.0]]], np.float32)
        >>> impute(line, np.array([[[True, False, True]]]))[0, 0, :, 0].tolist()
        [0.0, 1.5, 3.0]
    """
    image = np.asarray(image, np.float32)
    if known.all():
        return np.repeat(image[np.newaxis], len(known), axis=0)
    grid = _grid(~known)
    weights = known[..., np.newaxis]
    mean = (image * weights).sum((1, 2), keepdims=True) / weights.sum((1, 2), keepdims=True)
    solution = np.where(grid.missing, mean, image).astype(np.float32)
    residual = grid.only_missing(-grid.above(solution))
    direction = np.zeros(residual.shape, np.float32)
    previous = np.ones((len(known), 1, 1, image.shape[-1]), np.float32)
    limit = TOLERANCE * float(np.ptp(image) or 1)
    for _ in range(MOST_STEPS):
        preconditioned = grid.cycle(residual)
        product = _dot(residual, preconditioned)
        direction = preconditioned + direction * _ratio(product, previous)
        applied = grid.apply(direction)
        size = _ratio(product, _dot(direction, applied))
        step = direction * size
        solution += step
        residual -= applied * size
        previous = product
        if not float(np.abs(step).max(initial=0)) > limit:
            break
    return solution


def _dot(first: FloatArray, second: FloatArray) -> FloatArray:
    products: FloatArray = np.einsum("nhwc,nhwc->nc", first, second)
    return products[:, np.newaxis, np.newaxis]


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """A quotient; 0 where the system is solved already."""
    valid = denominator > np.finfo(np.float32).tiny
    quotient = numerator / np.where(valid, denominator, 1)
    return np.where(valid, quotient, 0).astype(np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class _Grid:
    """The system on a grid, and the same on a grid of half the size."""

    missing: Masks  # (mask, height, width, 1): which pixels are unknown
    weight: FloatArray  # (1, height, width, 1): the sum of the weights of neighbours inside
    coarser: _Grid | None  # where a cell is missing if all of its four pixels are

    def above(self, values: FloatArray) -> FloatArray:
        """How far every pixel lies above its neighbours."""
        return self.weight * values - neighbour_sum(values)

    def only_missing(self, values: FloatArray) -> FloatArray:
        return np.where(self.missing, values, np.float32(0)).astype(np.float32, copy=False)

    def apply(self, values: FloatArray) -> FloatArray:
        """The left side of the system: how far missing pixels lie above their neighbours."""
        return self.only_missing(self.above(values))

    def smooth(self, values: FloatArray, right: FloatArray) -> FloatArray:
        return values + DAMPING * (right - self.apply(values)) / self.weight

    def cycle(self, right: FloatArray) -> FloatArray:
        """An approximate solution: smoothed, corrected on the coarser grid, smoothed."""
        values = DAMPING * right / self.weight
        for _ in range(SMOOTHINGS - 1):
            values = self.smooth(values, right)
        if self.coarser is not None:
            residual = halve(right - self.apply(values))
            correction = self.coarser.cycle(self.coarser.only_missing(residual))
            values = values + self.only_missing(double(correction, values.shape))
        for _ in range(SMOOTHINGS):
            values = self.smooth(values, right)
        return values


def _grid(missing: Masks) -> _Grid:
    _, height, width = missing.shape
    weight = neighbour_sum(np.ones((1, height, width, 1), np.float32))
    coarser = None
    if min(height, width) >= SMALLEST:
        padding = [(0, 0), (0, height % 2), (0, width % 2)]
        cells = np.pad(missing, padding, constant_values=True)
        cells = cells.reshape(len(cells), cells.shape[1] // 2, 2, cells.shape[2] // 2, 2)
        missing_cells = np.asarray(cells.all((2, 4)))
        coarser = _grid(missing_cells) if missing_cells.any() else None
    return _Grid(missing[..., np.newaxis], weight, coarser)


def neighbour_sum(values: FloatArray) -> FloatArray:
    """The weighted sum of the neighbours of every pixel.

    The weights 1, 2, 1 of rows and columns, without the pixel itself, over 12.

    >>> neighbour_sum(np.ones((1, 3, 3, 1), np.float32))[0, 1, 1].round(6).tolist()
    [1.0]
    """
    rows = 2 * values
    rows[:, :, 1:] += values[:, :, :-1]
    rows[:, :, :-1] += values[:, :, 1:]
    total = 2 * rows
    total[:, 1:] += rows[:, :-1]
    total[:, :-1] += rows[:, 1:]
    total -= 4 * values
    return total / np.float32(12)


def halve(values: FloatArray) -> FloatArray:
    """The sum over each cell of four pixels."""
    count, height, width, channels = values.shape
    padded = np.pad(values, [(0, 0), (0, height % 2), (0, width % 2), (0, 0)])
    cells = padded.reshape(count, (height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    summed: FloatArray = cells.sum((2, 4))
    return summed


def double(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Each cell as four pixels; the inverse of :func:`halve`."""
    return values.repeat(2, 1).repeat(2, 2)[:, : shape[1], : shape[2]]
