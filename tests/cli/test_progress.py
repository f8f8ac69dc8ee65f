"""How far a long work has come, on a terminal and in a log."""

import io
import sys

from layersight.cli.output import Progress
from layersight.data import pace as module


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_terminal_it_is_a_bar_that_is_wiped_out(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with Progress("steps") as progress:
        progress(600, 1200)
    text = screen.getvalue()
    assert "600/1200" in text
    assert "steps" in text
    assert text.endswith(("\x1b[2K", "\x1b[1A\x1b[2K")), "the line is wiped out"


def test_in_a_log_it_is_told_once_a_minute(monkeypatch):
    seconds = (10, 20, 30, 40, 59, 60, 119, 121, 300)
    log, clock = io.StringIO(), iter([0.0, *map(float, seconds)])
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Progress() as progress:
        for done in seconds:
            progress(done, 300)
    assert log.getvalue().splitlines() == [
        "layersight: this takes about 5 min.",
        "layersight: 20% done, 4 min left",
        "layersight: 40% done, 3 min left",
        "layersight: 100% done",
    ]


def lines_of(monkeypatch, calls, total):
    """The lines of a log after calls at given times."""
    log, clock = io.StringIO(), iter([0.0, *(time for time, _ in calls)])
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Progress("steps", "Less: --steps 32.") as progress:
        for _, done in calls:
            progress(done, total)
    return log.getvalue().splitlines()


def test_compiling_before_the_first_step_is_not_taken_for_the_pace(monkeypatch):
    """Of 2048 steps the first and the second take 10 s to compile, the others 10 ms."""
    calls = [(10.0, 1), *((20 + 0.01 * step, step) for step in range(2, 1000))]
    assert lines_of(monkeypatch, calls, 2048) == [], "no word of hours"


def test_what_takes_long_is_said_at_the_beginning_with_what_to_do(monkeypatch):
    calls = [(10 + 0.5 * step, step) for step in range(1, 20)]
    lines = lines_of(monkeypatch, calls, 2048)
    assert lines == ["layersight: this takes about 17 min. Less: --steps 32."]


def test_in_a_terminal_it_is_said_over_the_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    clock = iter([0.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0, *[12.0] * 50])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Progress("steps", "Less: --steps 32.") as progress:
        for step in range(1, 7):
            progress(step, 1000)
    assert "this takes about 33 min. Less: --steps 32." in " ".join(screen.getvalue().split())
