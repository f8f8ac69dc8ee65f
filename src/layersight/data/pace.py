"""How long work takes, from how far it has come.

The rule of this module: what compiles is no part of the pace, neither before the first report nor
on the way: a pace is the median of several.
"""

from __future__ import annotations

import itertools
import logging
import statistics
import time
from collections import deque
from collections.abc import Callable

LONG = 60.0  # seconds that work may take without a word on what it will cost
RECENT = 30.0  # the pace is that of so many seconds
FEW = 5  # a pace is the median of so many at least, of which two may hold a compilation

_log = logging.getLogger("layersight")


class Pace:
    """How fast work goes of late."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._warned = False
        self._marks: deque[tuple[float, int]] = deque()

    def left(self, now: float, done: int, total: int) -> float | None:
        """The seconds that the rest takes; ``None`` while that is not known."""
        if not self._marks or done > self._marks[-1][1]:
            self._marks.append((now, done))
        while len(self._marks) > FEW + 1 and now - self._marks[1][0] > RECENT:
            self._marks.popleft()
        pairs = itertools.pairwise(self._marks)
        paces = [(after - since) / (more - before) for (since, before), (after, more) in pairs]
        if len(paces) < FEW:
            return None
        return statistics.median(paces) * (total - done)

    def warning(self, now: float, left: float | None) -> str | None:
        """Says once how long all takes, if that is long."""
        if left is None or self._warned or now - self.begun + left <= LONG:
            return None
        self._warned = True
        return f"this takes about {duration(now - self.begun + left)}."


def progress_or_warning(
    progress: Callable[[int, int], None] | None, advice: str
) -> Callable[[int, int], None]:
    """What was given to tell the progress to, else what warns and advises if work takes long."""
    if progress is not None:
        return progress
    pace = Pace()

    def tell(done: int, total: int) -> None:
        now = time.monotonic()
        if (text := pace.warning(now, pace.left(now, done, total))) is not None:
            _log.warning("%s An interruption keeps what is done. %s", text, advice)

    return tell


def duration(seconds: float) -> str:
    """A time to wait in words.

    >>> duration(7.6), duration(200), duration(9000)
    ('8 s', '3 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
