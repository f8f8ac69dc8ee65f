"""Enlarging maps.

The rule of this module: bilinear with the centres of pixels on each other (``half_pixel_centers``
of TensorFlow, ``align_corners=False`` of PyTorch), as two matrix products.
"""

from __future__ import annotations

import functools

import numpy as np

from convlens.results import FloatArray


def enlarge(maps: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Maps in another size, bilinear; beyond the outer centres their values go on.

    Args:
        maps: ``(..., height, width)``.
        size: Height and width wanted.

    Example:
        >>> enlarge(np.array([[0, 1]], np.float32), (1, 4)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    rows = weights(maps.shape[-2], size[0])
    columns = weights(maps.shape[-1], size[1])
    made = np.matmul(np.matmul(rows, np.asarray(maps, np.float32)), columns.T)
    return np.ascontiguousarray(made, np.float32)


@functools.lru_cache(maxsize=64)
def weights(before: int, after: int) -> FloatArray:
    """What each new position takes of the old ones, ``(after, before)``; rows sum to 1."""
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    low = np.minimum(places.astype(int), before - 1)
    high = np.minimum(low + 1, before - 1)
    share = (places - low).astype(np.float32)
    found = np.zeros((after, before), np.float32)
    found[np.arange(after), low] += 1 - share
    found[np.arange(after), high] += share
    found.setflags(write=False)
    return found
