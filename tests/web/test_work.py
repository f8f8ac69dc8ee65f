"""A thread, its queue, and who waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from explorers import until
from layersight.web import work
from layersight.web.work import BusyError, Cancelled, Lane, Report

SOON = 60.0
"""Seconds after which something that takes none is given up."""


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test", 3)
    yield lane
    lane.close()


class Gate:
    """Work that goes on until it is let go, and reports on the way."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()
        self.ended: BaseException | None = None

    def __call__(self, report: Report) -> str:
        self.begun.set()
        try:
            while not self.open.wait(0.01):
                report(1, 2)
        except BaseException as error:
            self.ended = error
            raise
        return "done"


def test_equal_work_is_done_once(lane: Lane) -> None:
    gate, counted = Gate(), []
    first = lane.join("gate", gate)
    both = [lane.join("same", lambda report: counted.append(1) or len(counted)) for _ in range(2)]
    gate.open.set()
    assert [waiter.result.result(SOON) for waiter in both] == [1, 1]
    assert first.result.result(SOON) == "done"
    assert lane.join("same", lambda report: 7).result.result(SOON) == 7


def test_progress_is_told_to_all(lane: Lane) -> None:
    gate = Gate()
    told: list[list[tuple[int, int]]] = [[], []]
    waiters = [lane.join("gate", gate, lambda *p, to=to: to.append(p)) for to in told]
    until(lambda: all(told))
    assert told[0][0] == (1, 2)
    gate.open.set()
    assert waiters[0].result.result(SOON) == "done"


def test_work_ends_once_the_last_has_left(lane: Lane) -> None:
    gate = Gate()
    first, second = lane.join("gate", gate), lane.join("gate", gate)
    gate.begun.wait(SOON)
    first.leave()
    first.leave()
    assert not first.task.cancelled
    second.leave()
    until(lambda: isinstance(gate.ended, Cancelled))
    until(lambda: lane.load == 0)
    with pytest.raises(Cancelled):
        second.result.result(SOON)


def test_who_comes_after_the_last_has_left_gets_work_of_his_own(lane: Lane) -> None:
    gate = Gate()
    first = lane.join("gate", gate)
    gate.begun.wait(SOON)
    first.leave()
    assert lane.join("gate", lambda report: "new").result.result(SOON) == "new"


def test_work_that_cannot_be_stopped_makes_room(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ABANDON_SECONDS", 0.05)
    held = [threading.Event() for _ in range(work.MAX_ABANDONED + 1)]
    ended = []

    def stubborn(number: int) -> int:
        held[number].wait(SOON)
        ended.append(number)
        return number

    for number in range(work.MAX_ABANDONED):
        begun = lane.join(number, lambda report, number=number: stubborn(number))
        until(lambda waiter=begun: lane._running is waiter.task)
        begun.leave()
        waiter = lane.join(("next", number), lambda report: "next")
        assert waiter.result.result(SOON) == "next"
    last = lane.join(9, lambda report: stubborn(work.MAX_ABANDONED))
    until(lambda: lane._running is last.task)
    last.leave()
    blocked = lane.join("blocked", lambda report: 1)
    with pytest.raises(TimeoutError):
        blocked.result.result(0.3)
    held[0].set()  # one of those before makes room
    assert blocked.result.result(SOON) == 1
    for event in held:
        event.set()
    until(lambda: len(ended) == len(held))
    until(lambda: not lane._abandoned)
    until(lambda: [thread.name for thread in threading.enumerate()].count("test") == 1)


def test_what_waits_is_bounded_and_leaves_at_once(lane: Lane) -> None:
    gate = Gate()
    running = lane.join("gate", gate)
    gate.begun.wait(SOON)
    waiting = [lane.join(number, lambda report: 0) for number in range(3)]
    with pytest.raises(BusyError, match="3 requests are waiting"):
        lane.join(4, lambda report: 0)
    waiting[1].leave()
    assert lane.load == 3
    lane.join(4, lambda report: 0)
    gate.open.set()
    assert running.result.result(SOON) == "done"


def test_a_failure_is_told_and_the_thread_goes_on(lane: Lane) -> None:
    def fail(report: Report) -> None:
        raise SystemExit("no")

    with pytest.raises(SystemExit):
        lane.join("bad", fail).result.result(SOON)
    assert lane.join("good", lambda report: 1).result.result(SOON) == 1
    until(lane.idle.is_set)


def test_short_work_goes_before_the_next_step_of_long_work(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "YIELD_SECONDS", SOON)
    long, gate, order = Lane("long", 3, lane), Gate(), []
    try:

        def steps(report: Report) -> None:
            gate.begun.set()
            gate.open.wait(SOON)
            report(1, 2)
            order.append("long")

        job = long.join("job", steps)
        gate.begun.wait(SOON)
        quick = lane.join("quick", lambda report: order.append("short"))
        gate.open.set()
        job.result.result(SOON)
        quick.result.result(SOON)
        assert order == ["short", "long"]
    finally:
        long.close()
