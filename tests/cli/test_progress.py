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


def test_in_a_terminal_it_is_a_bar_that_is_wiped_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with Progress("steps") as progress:
        progress(600, 1200)
    told = screen.getvalue()
    assert "600/1200" in told
    assert "steps" in told
    assert told.endswith(("\x1b[2K", "\x1b[1A\x1b[2K")), "the line is wiped out"


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
