"""Which frame, page or slice of a file is taken, and what a file of several may cost.

The rule of this module: which one was taken is always reported.
"""

from __future__ import annotations

import operator
from typing import Any

from layersight.errors import ImageError, UsageError

MAX_FRAMES = 100_000  # the largest number of a frame
MAX_DECODED = 10_000_000_000  # pixels on the way to a frame: 4800 frames of 1920 x 1080


def check_number(frame: Any) -> int | None:
    """The number of a frame, from 0, or ``None`` for the one that is taken by itself."""
    if frame is None:
        return None
    try:
        number = operator.index(frame)
    except TypeError:
        number = -1
    if isinstance(frame, bool) or not 0 <= number <= MAX_FRAMES:
        raise UsageError(
            f"expected frame as a whole number from 0 to {MAX_FRAMES}, found {frame!r:.60}"
        )
    return number


def check_cost(number: int, size: tuple[int, int], where: str) -> None:
    """Refuses a frame that comes after more pixels than are decoded to reach it."""
    most = MAX_DECODED // max(1, size[0] * size[1])
    if number >= most:
        raise ImageError(
            f"expected a frame below {most} of {size[0]} x {size[1]} pixels, since all before it "
            f"have to be decoded, found {number}: {where}. Save that frame as an image first."
        )


def no_such(number: int, count: int, where: str, noun: str = "frame, page or slice") -> ImageError:
    there = "a single one, 0" if count == 1 else f"one from 0 to {count - 1}"
    return ImageError(f"no {noun} {number}: expected {there}, counted from 0, in {where}.")


def words(number: int, count: int | None, *, noun: str = "frame", why: str = "") -> str:
    """Which frame was taken.

    >>> words(12, 25, noun="slice", why="the middle one")
    'slice 12 of 25, counted from 0 (the middle one)'
    """
    text = f"{noun} {number} of {'several' if count is None else count}, counted from 0"
    return f"{text} ({why})" if why else text
