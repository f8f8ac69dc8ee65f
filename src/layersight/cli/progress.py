"""How far a long work has come: on one line of a terminal, now and then in a log."""

from __future__ import annotations

import sys
import time

EVERY = 0.2
"""Seconds between two lines at least."""

SELDOM = 60.0
"""Seconds between two lines where they stay, as in the log of a job."""


class Progress:
    """Tells how much is done, and about how long the rest takes.

    On a terminal one line of standard error says it, and is wiped out when the block ends.
    Elsewhere a line of its own does, every :data:`SELDOM` seconds: short work says nothing.

    Args:
        noun: What is counted; ``None`` to tell the share that is done.
    """

    def __init__(self, noun: str | None = None) -> None:
        self._noun, self._width = noun, 0
        self._begun = self._told = 0.0

    def __enter__(self) -> Progress:
        self._begun = self._told = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print(f"\r{' ' * self._width}\r", end="", file=sys.stderr, flush=True)

    def __call__(self, done: int, total: int) -> None:
        """Tells that so many of all are done."""
        now, here = time.monotonic(), sys.stderr.isatty()
        ends = here and done == total
        if now - self._told < (EVERY if here else SELDOM) and not ends:
            return
        self._told = now
        text = f"{done:,} of {total:,} {self._noun}" if self._noun else f"{done / total:.0%} done"
        if 0 < done < total:
            text += f", {duration((now - self._begun) / done * (total - done))} left"
        if not here:
            print(f"layersight: {text}", file=sys.stderr, flush=True)
            return
        self._width = max(self._width, len(text))
        print(f"\r{text.ljust(self._width)}", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time to wait in words.

    >>> duration(7.6), duration(200), duration(9000)
    ('8 s', '3 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
