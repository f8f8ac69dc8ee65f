"""How far a long work has come: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

SELDOM = 60.0
"""Seconds between two lines where they stay, as in the log of a job."""
LONG = 60.0
"""Seconds that work may take without a word on what it will cost."""
RECENT = 30.0
"""The pace is that of so many seconds."""
SURE = 1.0
"""Seconds after which a pace is one."""


class Progress:
    """Tells on standard error how much is done, and about how long the rest takes.

    In a terminal it is a bar, which is wiped out when the block ends. Elsewhere a line of its own
    says it every :data:`SELDOM` seconds: short work says nothing. Once it is known that all takes
    longer than :data:`LONG`, a line says how long, and what can be done about it.

    Args:
        noun: What is counted; ``None`` to tell the share that is done.
        advice: How to stop, and how to ask for less.
    """

    def __init__(self, noun: str | None = None, advice: str = "") -> None:
        self._noun, self._advice = noun, advice
        self._bar = None if not sys.stderr.isatty() else _bar(noun)
        self._begun = self._told = 0.0
        self._warned = False
        self._marks: deque[tuple[float, int]] = deque()

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
        now = time.monotonic()
        left = self._left(now, done, total)
        if left is not None and not self._warned and now - self._begun + left > LONG:
            self._warned = True
            advice = f" {self._advice}" if self._advice else ""
            self._say(f"this takes about {duration(now - self._begun + left)}.{advice}")
        if self._bar:
            words = "" if left is None else f"{duration(left)} left"
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, left=words)
            return
        if now - self._told < SELDOM:
            return
        self._told = now
        text = f"{done:,} of {total:,} {self._noun}" if self._noun else f"{done / total:.0%} done"
        self._say(f"{text}, {duration(left)} left" if left and done < total else text)

    def _left(self, now: float, done: int, total: int) -> float | None:
        """The seconds that the rest takes at the pace of late; ``None`` while that is not known.

        What comes before the first call, which compiles as a rule, is no part of the pace.
        """
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] > RECENT:
            self._marks.popleft()
        since, before = self._marks[0]
        if done <= before or now - since < SURE:
            return None
        return (now - since) / (done - before) * (total - done)

    def _say(self, text: str) -> None:
        if self._bar:
            self._bar.console.print(f"layersight: {text}", markup=False, highlight=False)
        else:
            print(f"layersight: {text}", file=sys.stderr, flush=True)


def _bar(noun: str | None) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    count = (MofNCompleteColumn(), TextColumn(noun)) if noun else (TaskProgressColumn(),)
    left = TextColumn("{task.fields[left]}")
    bar = Bar(BarColumn(), *count, left, console=Console(stderr=True), transient=True)
    bar.add_task("", total=None, left="")
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
