"""Resizing maps, and laying them on a photograph.

The rule of this module: interpolation is bilinear with aligned centres of pixels
(``half_pixel_centers`` of TensorFlow, ``align_corners=False`` of PyTorch), as two matrix products;
in a smaller size each new pixel is the mean of all that it covers, so that none is skipped.
"""

from __future__ import annotations

import functools

import numpy as np

from layersight.data.arrays import FloatArray

Region = tuple[float, float, float, float]  # (top, left, bottom, right)


def enlarge(maps: FloatArray, size: tuple[int, ...]) -> FloatArray:
    """Maps in another size, linear along each axis, and constant beyond the outer centres.

    Args:
        maps: ``(..., *positions)``: of a picture ``(..., height, width)``.
        size: The new number of positions along each axis: height and width.

    Example:
        >>> enlarge(np.array([[0, 1]], np.float32), (1, 4)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    enlarged = np.asarray(maps, np.float32)
    if len(size) == 1:
        return _lengthened(enlarged, size[0])
    *outer, rows, columns = map(weights, enlarged.shape[-len(size) :], size)
    enlarged = np.matmul(np.matmul(rows, enlarged), columns.T)
    for axis, share in enumerate(outer, -len(size)):
        enlarged = np.moveaxis(np.tensordot(share, enlarged, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(enlarged, np.float32)


def _lengthened(signals: FloatArray, length: int) -> FloatArray:
    """Maps of one axis, for which a matrix could be too large for memory."""
    before = signals.shape[-1]
    if before > length:
        return np.ascontiguousarray(np.matmul(signals, weights(before, length).T), np.float32)
    positions = ((np.arange(length) + 0.5) * before / length - 0.5).clip(0, before - 1)
    low = positions.astype(int)
    share = (positions - low).astype(np.float32)
    values = signals[..., low] * (1 - share) + signals[..., np.minimum(low + 1, before - 1)] * share
    return np.ascontiguousarray(values, np.float32)


def place(values: FloatArray, region: Region, size: tuple[int, int]) -> FloatArray:
    """A map of the network's input, in the size of the photograph that the input was cut from.

    Args:
        values: ``(..., height, width)``, finite.
        region: The edges of the map in the photograph, ``(top, left, bottom, right)`` in its
            pixels; outside it if the photograph was padded.
        size: Height and width of the photograph.

    Returns:
        ``(..., *size)`` float32; NaN in pixels whose centre the network did not see.

    Example:
        >>> place(np.array([[1, 3]], np.float32), (0, 1, 1, 3), (1, 4)).tolist()
        [[nan, 1.0, 3.0, nan]]
    """
    top, left, bottom, right = region
    first_row, last_row = _inside(top, bottom, size[0])
    first_column, last_column = _inside(left, right, size[1])
    rows = weights(values.shape[-2], size[0], top, bottom)[first_row:last_row]
    columns = weights(values.shape[-1], size[1], left, right)[first_column:last_column]
    seen = np.matmul(np.matmul(rows, np.asarray(values, np.float32)), columns.T)
    if seen.shape[-2:] == size:
        return np.ascontiguousarray(seen, np.float32)
    placed_map = np.full((*values.shape[:-2], *size), np.nan, np.float32)
    placed_map[..., first_row:last_row, first_column:last_column] = seen
    return placed_map


def _inside(start: float, end: float, length: int) -> tuple[int, int]:
    """The first and the one after the last pixel whose centre lies between two edges."""
    first = int(np.clip(np.ceil(start - 0.5), 0, length))
    return first, max(first, int(np.clip(np.floor(end - 0.5) + 1, 0, length)))


@functools.lru_cache(maxsize=64)
def weights(before: int, after: int, start: float = 0.0, end: float | None = None) -> FloatArray:
    """The share of each old position in each new one, ``(after, before)``; rows sum to 1.

    The old ones extend from ``start`` to ``end`` in new positions, by default over all.
    """
    span = (after if end is None else end) - start
    positions = ((np.arange(after) + 0.5 - start) * before / span - 0.5).clip(0, before - 1)
    reach = max(1.0, before / span)
    if reach == 1:
        low = np.minimum(positions.astype(int), before - 1)
        high = np.minimum(low + 1, before - 1)
        share = (positions - low).astype(np.float32)
        matrix = np.zeros((after, before), np.float32)
        matrix[np.arange(after), low] += 1 - share
        matrix[np.arange(after), high] += share
    else:
        distances = np.abs(positions[:, np.newaxis] - np.arange(before))
        tent = np.maximum(0, 1 - distances / reach)
        matrix = (tent / tent.sum(axis=1, keepdims=True)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix
