"""How far a long work has come: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

SELDOM = 60.0
"""Seconds between two lines where they stay, as in the log of a job."""


class Progress:
    """Tells on standard error how much is done, and about how long the rest takes.

    In a terminal it is a bar, which is wiped out when the block ends. Elsewhere a line of its own
    says it every :data:`SELDOM` seconds: short work says nothing.

    Args:
        noun: What is counted; ``None`` to tell the share that is done.
    """

    def __init__(self, noun: str | None = None) -> None:
        self._noun, self._bar = noun, None if not sys.stderr.isatty() else _bar(noun)
        self._begun = self._told = 0.0

    def __enter__(self) -> Progress:
        self._begun = self._told = time.monotonic()
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Tells that so many of all are done."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
            return
        now = time.monotonic()
        if now - self._told < SELDOM:
            return
        self._told = now
        text = f"{done:,} of {total:,} {self._noun}" if self._noun else f"{done / total:.0%} done"
        if 0 < done < total:
            text += f", {duration((now - self._begun) / done * (total - done))} left"
        print(f"layersight: {text}", file=sys.stderr, flush=True)


def _bar(noun: str | None) -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    count = (MofNCompleteColumn(), TextColumn(noun)) if noun else (TaskProgressColumn(),)
    bar = Bar(
        BarColumn(), *count, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
    bar.add_task("", total=None)
    return bar


def duration(seconds: float) -> str:
    """A time to wait in words.

    >>> duration(7.6), duration(200), duration(9000)
    ('8 s', '3 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
