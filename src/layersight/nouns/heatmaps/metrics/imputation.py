"""Filling in pixels that were taken away, from those around them.

Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for
Attribution Methods" (ROAD), ICML 2022: every pixel that is missing is the weighted mean of its
eight neighbours, 1/6 for one beside it and 1/12 for one across a corner; at the edge of the
image the weights of those that are there. The pixels missing are the solution of a sparse
linear system.

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
"""A last step that moves no pixel by more than this share of the image's range ends the work."""

MOST_STEPS = 100
DAMPING = np.float32(0.8)  # of the smoothing by Jacobi's iteration

SMOOTHINGS = 2
SMALLEST = 4  # no grid is halved whose shorter side is below

Masks = NDArray[np.bool_]


def impute(image: FloatArray, known: Masks) -> FloatArray:
    """An image with pixels filled in, once for each mask.

    Args:
        image: ``(height, width, channel)``.
        known: ``(mask, height, width)``: which pixels are left; one at least in each.

    Returns:
        ``(mask, height, width, channel)`` float32; pixels that are left are as they were.

    Example:
        >>> line = np.array([[[0.0], [9.0], [3.0]]], np.float32)
        >>> impute(line, np.array([[[True, False, True]]]))[0, 0, :, 0].tolist()
        [0.0, 1.5, 3.0]
    """
    image = np.asarray(image, np.float32)
    if known.all():
        return np.repeat(image[np.newaxis], len(known), axis=0)
    grid = _grid(~known)
    here = known[..., np.newaxis]
    mean = (image * here).sum((1, 2), keepdims=True) / here.sum((1, 2), keepdims=True)
    found = np.where(grid.missing, mean, image).astype(np.float32)
    left = grid.only_missing(-grid.above(found))
    direction = np.zeros(left.shape, np.float32)
    before = np.ones((len(known), 1, 1, image.shape[-1]), np.float32)
    limit = TOLERANCE * float(np.ptp(image) or 1)
    for _ in range(MOST_STEPS):
        better = grid.cycle(left)
        now = _dot(left, better)
        direction = better + direction * _ratio(now, before)
        pushed = grid.apply(direction)
        step = direction * _ratio(now, _dot(direction, pushed))
        found += step
        left -= pushed * _ratio(now, _dot(direction, pushed))
        before = now
        if not float(np.abs(step).max(initial=0)) > limit:
            break
    return found


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    found: FloatArray = np.einsum("nhwc,nhwc->nc", one, other)
    return found[:, np.newaxis, np.newaxis]


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """A quotient; 0 where nothing is left to be done."""
    whole = below > np.finfo(np.float32).tiny
    return np.where(whole, above / np.where(whole, below, 1), 0).astype(np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class _Grid:
    """The system on a grid, and the same on a grid of half the size."""

    missing: Masks  # (mask, height, width, 1): which pixels are looked for
    weight: FloatArray  # (1, height, width, 1): the sum of the weights of neighbours there are
    coarser: _Grid | None  # where a cell is missing if all the four pixels of it are

    def above(self, values: FloatArray) -> FloatArray:
        """How far every pixel is above its neighbours."""
        return self.weight * values - around(values)

    def only_missing(self, values: FloatArray) -> FloatArray:
        return np.where(self.missing, values, np.float32(0)).astype(np.float32, copy=False)

    def apply(self, values: FloatArray) -> FloatArray:
        """The left side of the system: how far pixels looked for are above their neighbours."""
        return self.only_missing(self.above(values))

    def smooth(self, values: FloatArray, wanted: FloatArray) -> FloatArray:
        return values + DAMPING * (wanted - self.apply(values)) / self.weight

    def cycle(self, wanted: FloatArray) -> FloatArray:
        """A solution, nearly: smoothed, put right on the coarser grid, smoothed."""
        values = DAMPING * wanted / self.weight
        for _ in range(SMOOTHINGS - 1):
            values = self.smooth(values, wanted)
        if self.coarser is not None:
            summed = halve(wanted - self.apply(values))
            right = self.coarser.cycle(self.coarser.only_missing(summed))
            values = values + self.only_missing(double(right, values.shape))
        for _ in range(SMOOTHINGS):
            values = self.smooth(values, wanted)
        return values


def _grid(missing: Masks) -> _Grid:
    _, height, width = missing.shape
    weight = around(np.ones((1, height, width, 1), np.float32))
    coarser = None
    if min(height, width) >= SMALLEST:
        room = [(0, 0), (0, height % 2), (0, width % 2)]
        cells = np.pad(missing, room, constant_values=True)
        cells = cells.reshape(len(cells), cells.shape[1] // 2, 2, cells.shape[2] // 2, 2)
        whole = np.asarray(cells.all((2, 4)))
        coarser = _grid(whole) if whole.any() else None
    return _Grid(missing[..., np.newaxis], weight, coarser)


def around(values: FloatArray) -> FloatArray:
    """The weighted sum of the neighbours of every pixel.

    The weights 1, 2, 1 of rows and columns, without the pixel itself, over 12.

    >>> around(np.ones((1, 3, 3, 1), np.float32))[0, 1, 1].round(6).tolist()
    [1.0]
    """
    along = 2 * values
    along[:, :, 1:] += values[:, :, :-1]
    along[:, :, :-1] += values[:, :, 1:]
    found = 2 * along
    found[:, 1:] += along[:, :-1]
    found[:, :-1] += along[:, 1:]
    found -= 4 * values
    return found / np.float32(12)


def halve(values: FloatArray) -> FloatArray:
    """The sum over each cell of four pixels."""
    many, height, width, channels = values.shape
    room = [(0, 0), (0, height % 2), (0, width % 2), (0, 0)]
    cells = np.pad(values, room).reshape(many, (height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    summed: FloatArray = cells.sum((2, 4))
    return summed


def double(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Each cell as four pixels; the inverse of :func:`halve`."""
    return values.repeat(2, 1).repeat(2, 2)[:, : shape[1], : shape[2]]
