"""A laid out block: rows of known height, of which a page takes as many as fit.

The rule of this module: a body knows its size before it is drawn, and nothing of pages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from layersight.writers.sketch import Medium, Sketch

BETWEEN = 15.0  # between two blocks, in points


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """A block, laid out."""

    width: float  # in points
    rows: tuple[float, ...]  # the heights of its rows, which are not broken
    # draws the rows from ``first`` up to before ``last`` at (x, y)
    draw: Callable[[Sketch, float, float, int, int], None]
    head: float = 0.0  # the height of what is repeated over the rows on each page
    tail: float = 0.0  # likewise under them
    describe: Callable[[int, int], str] = lambda first, last: ""  # a range of rows in words

    def height(self, first: int = 0, last: int | None = None) -> float:
        """The height of the rows from ``first`` up to before ``last``, in points."""
        return self.head + sum(self.rows[first:last]) + self.tail

    def fitting(self, first: int, room: float) -> int:
        """How many rows from ``first`` on fit into a height, without the gap under the last."""
        room += 2 - self.head - self.tail
        count = 0
        for row in self.rows[first:]:
            room -= row
            if room < 0:
                break
            count += 1
        return count


@functools.singledispatch
def lay(block: Any, medium: Medium, room: float) -> Body:
    """A block laid out in a width of ``room`` points."""
    raise TypeError(f"no layout of {type(block).__name__}")


def stack(bodies: Sequence[Body]) -> Body:
    heights = [body.height() for body in bodies]
    total = sum(heights) + BETWEEN * (len(bodies) - 1)

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        for body, height in zip(bodies, heights, strict=True):
            body.draw(sketch, x, y, 0, len(body.rows))
            y += height + BETWEEN

    return Body(max((body.width for body in bodies), default=0.0), (max(0.0, total),), draw)
