"""Estimates of how long work takes, from its progress so far.

The rule of this module: compilation does not count, neither before the first report nor later: a
pace is the median of several.
"""

from __future__ import annotations

import itertools
import logging
import statistics
import time
from collections import deque
from collections.abc import Callable

LONG = 60.0  # seconds that work may take without a warning
RECENT = 30.0  # the seconds over which the pace is measured
FEW = 5  # a pace is the median of at least so many, of which two may contain a compilation

_log = logging.getLogger("layersight")


class Pace:
    """The recent speed of work."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._warned = False
        self._marks: deque[tuple[float, int]] = deque()

    def left(self, now: float, done: int, total: int) -> float | None:
        """The seconds that the rest takes; ``None`` while they are not known."""
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
        """A sentence on how long all takes, once, if that is long."""
        if left is None or self._warned or now - self.begun + left <= LONG:
            return None
        self._warned = True
        return f"this takes about {duration(now - self.begun + left)}."


def progress_or_warning(
    progress: Callable[[int, int], None] | None, advice: str
) -> Callable[[int, int], None]:
    """A callback of progress: the caller's, else one that warns and advises if work takes long."""
    if progress is not None:
        return progress
    pace = Pace()

    def warn(done: int, total: int) -> None:
        now = time.monotonic()
        if (text := pace.warning(now, pace.left(now, done, total))) is not None:
            _log.warning("%s An interruption keeps what is done. %s", text, advice)

    return warn


def duration(seconds: float) -> str:
    """A time to wait in words.

    >>> duration(7.6), duration(200), duration(9000)
    ('8 s', '3 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
