"""One thread for the work on a network, and a queue in front of it.

The rule of this module: equal work that is requested twice is done once, and work whose waiters
have left ends: in the queue at once, and while it runs before its next pass or at its next report
of progress.
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
"""Called with the work done and the total work."""

YIELD_SECONDS = 0.25  # how long long work lets short work go first, at each of its reports
ABANDON_SECONDS = 1.0  # after which work without waiters makes room although it does not end
MAX_ABANDONED = 8  # such tasks at once: one may compile, others wait for the network


class Cancelled(Exception):  # noqa: N818, it is no error
    """No one waits for the work any longer."""


class BusyError(LayersightError):
    """Too much is waiting already."""


_thread = threading.local()


def check() -> None:
    """Ends the work of this thread if no one waits for it any longer; lets short work go first.

    Raises:
        Cancelled: No one waits.
    """
    lane: Lane | None = getattr(_thread, "lane", None)
    if lane is not None:
        lane.check(_thread.task)


class Task:
    """A piece of work for all of its waiters.

    Attributes:
        key: Equal keys are equal work.
        result: The result of the work.
    """

    def __init__(self, key: Hashable, work: Callable[[Report], Any]) -> None:
        self.key = key
        self.work = work
        self.result: Future[Any] = Future()
        self.cancelled = False
        self.waiters: list[Waiter] = []


class Waiter:
    """A client's wait for a task.

    Args:
        task: The task.
        lane: The lane that runs it.
        report: Called in the thread of the lane, with the progress.
    """

    def __init__(self, task: Task, lane: Lane, report: Report | None) -> None:
        self.task, self.lane, self.report = task, lane, report

    @property
    def result(self) -> Future[Any]:
        return self.task.result

    def leave(self) -> None:
        """Stops waiting; when the last waiter leaves, the work ends."""
        self.lane.leave(self)


class Lane:
    """A thread and its queue.

    Args:
        name: The name of the thread.
        limit: How many tasks may wait.
        priority: A lane whose tasks go first: this one waits for it at each report of progress.
    """

    def __init__(self, name: str, limit: int, priority: Lane | None = None) -> None:
        self.limit, self._priority = limit, priority
        self._queue: deque[Task] = deque()
        self._tasks: dict[Hashable, Task] = {}
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
        """Waits for a piece of work, which is done once for all who request the same.

        Raises:
            BusyError: Too much is waiting already.
        """
        with self._changed:
            task = self._tasks.get(key)
            if task is None:
                if len(self._queue) >= self.limit:
                    raise BusyError(
                        f"{len(self._queue)} requests are waiting for this network: try again soon"
                    )
                task = self._tasks[key] = Task(key, work)
                self._queue.append(task)
                self.idle.clear()
                self._changed.notify()
            waiter = Waiter(task, self, report)
            task.waiters.append(waiter)
            return waiter

    def leave(self, waiter: Waiter) -> None:
        """Removes a waiter; a task without any ends."""
        task = waiter.task
        with self._changed:
            if waiter in task.waiters:
                task.waiters.remove(waiter)
            if task.waiters or task.result.done():
                return
            task.cancelled = True
            if self._tasks.get(task.key) is task:
                del self._tasks[task.key]
            if task in self._queue:
                self._queue.remove(task)
                self._note_idle()
            elif task is self._running:
                self._abandon_later(task)

    def _abandon_later(self, task: Task) -> None:
        timer = threading.Timer(ABANDON_SECONDS, self._abandon, [task])
        timer.daemon = True
        timer.start()

    def _abandon(self, task: Task) -> None:
        """Continues in another thread if work without waiters still has not ended.

        A program that is being compiled cannot be stopped; the thread ends once it is done.
        """
        with self._changed:
            if self._running is not task or self._closed:
                return
            if len(self._abandoned) >= MAX_ABANDONED:
                self._abandon_later(task)
                return
            self._abandoned.add(task)
            self._running = None
            self._note_idle()
            self._start()

    @property
    def load(self) -> int:
        """How many tasks are running or waiting."""
        with self._changed:
            return len(self._queue) + (self._running is not None)

    def close(self, patience: float = 0.0) -> bool:
        """Ends the thread after its present task.

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
        """Ends a task without waiters; lets the lane with priority go first.

        Raises:
            Cancelled: No one waits.
        """
        if self._priority is not None and not task.cancelled:
            self._priority.idle.wait(YIELD_SECONDS)
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
            self._execute(task)
            with self._changed:
                if task in self._abandoned:
                    self._abandoned.remove(task)
                    return
                self._running = None
                self._note_idle()

    def _execute(self, task: Task) -> None:
        def report(done: int, total: int) -> None:
            self.check(task)
            for waiter in tuple(task.waiters):
                if waiter.report is not None:
                    waiter.report(done, total)

        value: Any = None
        failure: BaseException | None = None
        try:
            value = task.work(report)
        except BaseException as error:  # whatever went wrong, the waiters get it
            failure = error
        with self._changed:
            if self._tasks.get(task.key) is task:
                del self._tasks[task.key]
        if failure is None:
            task.result.set_result(value)
        else:
            task.result.set_exception(failure)
