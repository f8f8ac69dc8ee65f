"""How long work takes, and the warning of it where nobody is told of its progress."""

import logging

from layersight.data import pace as module
from layersight.data.pace import progress_or_warning
from layersight.errors import Interrupted


def test_long_work_is_warned_of_once(monkeypatch, caplog):
    clock = iter([0.0, 10.0, *(10 + 0.5 * step for step in range(1, 50))])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    tell = progress_or_warning(None, "Less: fewer channels.")
    with caplog.at_level(logging.WARNING, "layersight"):
        for step in range(1, 50):
            tell(step, 1000)
    assert [record.getMessage() for record in caplog.records] == [
        "this takes about 8 min. An interruption keeps what is done. Less: fewer channels."
    ]


def test_what_was_given_is_told_and_short_work_is_not_warned_of(caplog):
    told = []
    progress_or_warning(lambda *parts: told.append(parts), "")(1, 2)
    assert told == [(1, 2)]
    for step in range(20):
        progress_or_warning(None, "")(step, 20)
    assert not caplog.records


def test_an_interruption_says_where_the_result_is():
    assert str(Interrupted("made", 5)) == (
        "interrupted; what is done of 5 is kept: sys.last_value.done"
    )
    assert str(Interrupted(None, 5)) == ""
