"""Rows of bytes as a PNG has them before they are compressed (W3C, PNG, section 9)."""

from __future__ import annotations

import numpy as np

from layersight.render.page import Bytes

UP = 2
"""The filter that takes from each byte the one above it."""


def up_filtered(rows: Bytes) -> Bytes:
    """The rows with the filter "up", ``(height, 1 + width)``; which filter stands before each.

    >>> up_filtered(np.array([[5, 6], [7, 6]], np.uint8)).tolist()
    [[2, 5, 6], [2, 2, 0]]
    """
    height, width = rows.shape
    lines = np.full((height, 1 + width), UP, np.uint8)
    lines[:, 1:] = rows
    lines[1:, 1:] -= rows[:-1]
    return lines
