"""Numbers of frames, pages and slices of a file, and how much may be decoded to reach one.

The rule of this module: the number of the frame that was taken is always reported.
"""

from __future__ import annotations

import operator
from typing import Any

from layersight.errors import ImageError, UsageError

MAX_FRAMES = 100_000  # the largest number of a frame
MAX_DECODED = 10_000_000_000  # pixels before a frame: those of 4800 frames of 1920 x 1080


def check_number(frame: Any) -> int | None:
    """The number of a frame, from 0, or ``None`` for the default one."""
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
    """Refuses a frame with more pixels before it than may be decoded."""
    most = MAX_DECODED // max(1, size[0] * size[1])
    if number >= most:
        raise ImageError(
            f"expected a frame below {most} of {size[0]} x {size[1]} pixels, since all before it "
            f"have to be decoded, found {number}: {where}. Save that frame as an image first."
        )


def no_such(number: int, count: int, where: str, noun: str = "frame, page or slice") -> ImageError:
    there = "a single one, 0" if count == 1 else f"one from 0 to {count - 1}"
    return ImageError(f"no {noun} {number}: expected {there}, counted from 0, in {where}.")


def in_words(number: int, count: int | None, *, noun: str = "frame", why: str = "") -> str:
    """The frame that was taken, in words.

    >>> in_words(12, 25, noun="slice", why="the middle one")
    'slice 12 of 25, counted from 0 (the middle one)'
    """
    text = f"{noun} {number} of {'several' if count is None else count}, counted from 0"
    return f"{text} ({why})" if why else text
