"""One thread for the work on a network, and a queue before it.

The rule of this module: equal work that is asked for twice is done once, and work that nobody
waits for any longer ends: at once in the queue, and while it runs before its next pass or at its
next report of progress.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from layersight.errors import LayersightError

Report = Callable[[int, int], None]
"""Called with the work done and all there is."""

WAIT = 0.25  # seconds that long work lets short work go first, at each of its reports
ABANDON = 1.0  # seconds after which work that nobody waits for makes room though it does not end
MOST_ABANDONED = 8  # pieces of such work at once: one may compile, others wait for the network


class Cancelled(Exception):  # noqa: N818, it is no error: nobody waits for the work
    """Nobody waits for the work any longer."""


class BusyError(LayersightError):
    """Too much waits already."""


_thread = threading.local()


def check() -> None:
    """Ends the work of this thread if nobody waits for it any longer; lets short work go first.

    Raises:
        Cancelled: Nobody waits.
    """
    lane: Lane | None = getattr(_thread, "lane", None)
    if lane is not None:
        lane.check(_thread.task)


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
        self._abandoned: set[Task] = set()
        self._closed = False
        self._name = name
        self._threads: list[threading.Thread] = []
        self.idle = threading.Event()
        self.idle.set()
        self._start()

    def _start(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._threads.append(thread)
        thread.start()

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
            elif task is self._running:
                self._abandon_later(task)

    def _abandon_later(self, task: Task) -> None:
        late = threading.Timer(ABANDON, self._abandon, [task])
        late.daemon = True
        late.start()

    def _abandon(self, task: Task) -> None:
        """Goes on in another thread if work that nobody waits for still has not ended.

        A program that is being compiled cannot be stopped; the thread ends once it is done.
        """
        with self._changed:
            if self._running is not task or self._closed:
                return
            if len(self._abandoned) >= MOST_ABANDONED:
                self._abandon_later(task)
                return
            self._abandoned.add(task)
            self._running = None
            self._note_idle()
            self._start()

    @property
    def load(self) -> int:
        """How many tasks run or wait."""
        with self._changed:
            return len(self._queue) + (self._running is not None)

    def close(self, patience: float = 0.0) -> bool:
        """Ends the thread after what it does now.

        Args:
            patience: Seconds to wait for that.

        Returns:
            Whether it has ended.
        """
        with self._changed:
            self._closed = True
            for task in (*self._queue, *([self._running] if self._running else [])):
                task.cancelled = True
            self._queue.clear()
            self._changed.notify_all()
        end = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def check(self, task: Task) -> None:
        """Ends a task that nobody waits for; lets the other lane go first.

        Raises:
            Cancelled: Nobody waits.
        """
        if self._before is not None and not task.cancelled:
            self._before.idle.wait(WAIT)
        if task.cancelled:
            raise Cancelled

    def _note_idle(self) -> None:
        if not self._queue and self._running is None:
            self.idle.set()

    def _run(self) -> None:
        _thread.lane = self
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                task = self._running = self._queue.popleft()
            _thread.task = task
            self._do(task)
            with self._changed:
                if task in self._abandoned:
                    self._abandoned.remove(task)
                    return
                self._running = None
                self._note_idle()

    def _do(self, task: Task) -> None:
        def report(done: int, total: int) -> None:
            self.check(task)
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
