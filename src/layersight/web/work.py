"""One thread for the work on a network, and a queue before it.

The rule of this module: equal work that is asked for twice is done once, and work that nobody
waits for any longer ends: at once in the queue, and at its next report of progress while it runs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from layersight.errors import LayersightError

Report = Callable[[int, int], None]
"""Called with the work done and all there is."""

WAIT = 0.25  # seconds that long work lets short work go first, at each of its reports


class Cancelled(Exception):  # noqa: N818, it is no error: nobody waits for the work
    """Nobody waits for the work any longer."""


class BusyError(LayersightError):
    """Too much waits already."""


class Task:
    """A piece of work, for all who asked for it.

    Attributes:
        key: What it is; equal keys are equal work.
        result: What came out.
    """

    def __init__(self, key: Hashable, work: Callable[[Report], Any]) -> None:
        self.key = key
        self.work = work
        self.result: Future[Any] = Future()
        self.cancelled = False
        self.waiting: list[Waiter] = []
        self.last: tuple[int, int] | None = None


class Waiter:
    """One who waits for a task.

    Args:
        task: The task.
        lane: Where it is done.
        report: Called in the thread that does it, with its progress.
    """

    def __init__(self, task: Task, lane: Lane, report: Report | None) -> None:
        self.task, self.lane, self.report = task, lane, report

    @property
    def result(self) -> Future[Any]:
        """What comes out."""
        return self.task.result

    def leave(self) -> None:
        """Waits no longer; the last one to leave ends the work."""
        self.lane.leave(self)


class Lane:
    """A thread and its queue.

    Args:
        name: Of the thread.
        most: How many tasks may wait.
        before: A lane whose tasks go first: it is let go ahead at each report of progress.
    """

    def __init__(self, name: str, most: int, before: Lane | None = None) -> None:
        self._most, self._before = most, before
        self._queue: deque[Task] = deque()
        self._known: dict[Hashable, Task] = {}
        self._changed = threading.Condition()
        self._running: Task | None = None
        self._closed = False
        self.idle = threading.Event()
        self.idle.set()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def join(
        self, key: Hashable, work: Callable[[Report], Any], report: Report | None = None
    ) -> Waiter:
        """Waits for a piece of work, which is done once for all who wait for the same.

        Raises:
            BusyError: Too much waits already.
        """
        with self._changed:
            task = self._known.get(key)
            if task is None:
                if len(self._queue) >= self._most:
                    raise BusyError(
                        f"{len(self._queue)} requests are waiting for this network: try again soon"
                    )
                task = self._known[key] = Task(key, work)
                self._queue.append(task)
                self.idle.clear()
                self._changed.notify()
            waiter = Waiter(task, self, report)
            task.waiting.append(waiter)
            return waiter

    def leave(self, waiter: Waiter) -> None:
        """Lets one who waits go."""
        task = waiter.task
        with self._changed:
            if waiter in task.waiting:
                task.waiting.remove(waiter)
            if task.waiting or task.result.done():
                return
            task.cancelled = True
            if self._known.get(task.key) is task:
                del self._known[task.key]
            if task in self._queue:
                self._queue.remove(task)
                self._note_idle()

    @property
    def load(self) -> int:
        """How many tasks run or wait."""
        with self._changed:
            return len(self._queue) + (self._running is not None)

    def close(self) -> None:
        """Ends the thread after what it does now."""
        with self._changed:
            self._closed = True
            for task in (*self._queue, *([self._running] if self._running else [])):
                task.cancelled = True
            self._queue.clear()
            self._changed.notify()

    def _note_idle(self) -> None:
        if not self._queue and self._running is None:
            self.idle.set()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._running = None
                self._note_idle()
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                task = self._running = self._queue.popleft()
            self._do(task)

    def _do(self, task: Task) -> None:
        def report(done: int, total: int) -> None:
            if self._before is not None:
                self._before.idle.wait(WAIT)
            if task.cancelled:
                raise Cancelled
            task.last = done, total
            for waiter in tuple(task.waiting):
                if waiter.report is not None:
                    waiter.report(done, total)

        value: Any = None
        failure: BaseException | None = None
        try:
            value = task.work(report)
        except BaseException as error:  # whatever it is, those who wait are told
            failure = error
        with self._changed:
            if self._known.get(task.key) is task:
                del self._known[task.key]
        if failure is None:
            task.result.set_result(value)
        else:
            task.result.set_exception(failure)
