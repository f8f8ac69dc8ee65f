"""How far a long work has come, on a terminal and in a log."""

from __future__ import annotations

import io
import sys

import pytest

from layersight.cli import progress as module
from layersight.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_tells_the_steps_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, clock = Terminal(), iter([0.0, 10.0, 10.1, 20.0, 30.0])
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Progress("steps") as progress:
        progress(100, 1200)
        progress(101, 1200)  # too soon
        progress(600, 1200)
        progress(1200, 1200)
    told = [part.rstrip() for part in screen.getvalue().split("\r") if part.strip()]
    assert told == [
        "100 of 1,200 steps, 2 min left",
        "600 of 1,200 steps, 20 s left",
        "1,200 of 1,200 steps",
    ]
    assert screen.getvalue().endswith("\r")


def test_in_a_log_it_is_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    log, clock = io.StringIO(), iter([0.0, 59.0, 60.0, 119.0, 121.0, 300.0])
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Progress() as progress:
        for done in (59, 60, 119, 121, 300):
            progress(done, 300)
    assert log.getvalue().splitlines() == [
        "layersight: 20% done, 4 min left",
        "layersight: 40% done, 3 min left",
        "layersight: 100% done",
    ]
