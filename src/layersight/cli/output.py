"""Results on standard output, and the progress of long work on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from layersight.data.pace import Pace, duration
from layersight.errors import OutputError
from layersight.writers.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def say(text: str, *, coloured: bool = False) -> None:
    """Prints a result at once, so that errors are raised here.

    ``coloured`` text is already free of control characters. ``BrokenPipeError`` is raised if
    standard output is no longer read, and ``OutputError`` if it cannot be written.
    """
    try:
        print(text if coloured else printable(text, lines=True), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {error.strerror}") from error


SELDOM = 60.0  # seconds between two lines that are not wiped out, as in a job's log


class Progress:
    """Shows on standard error how much is done, and about how long the rest takes.

    In a terminal it is a bar, which is wiped out when the block ends; elsewhere a line every
    :data:`SELDOM` seconds, so that short work prints nothing. Once it is known that all takes
    longer than a minute, a line says how long, with ``advice``. Without a ``noun`` that is counted
    the share that is done is shown.
    """

    def __init__(self, noun: str | None = None, advice: str = "") -> None:
        self._noun, self._advice = noun, advice
        self._bar = None if not sys.stderr.isatty() else _bar(noun)
        self._printed = 0.0

    def __enter__(self) -> Progress:
        self._pace = Pace()
        self._printed = self._pace.begun
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Reports that ``done`` of ``total`` are done."""
        now = time.monotonic()
        left = self._pace.left(now, done, total)
        if (text := self._pace.warning(now, left)) is not None:
            self._print(f"{text} {self._advice}".rstrip())
        if self._bar:
            words = "" if left is None else f"{duration(left)} left"
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, left=words)
            return
        if now - self._printed < SELDOM:
            return
        self._printed = now
        text = f"{done:,} of {total:,} {self._noun}" if self._noun else f"{done / total:.0%} done"
        self._print(f"{text}, {duration(left)} left" if left and done < total else text)

    def _print(self, text: str) -> None:
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
