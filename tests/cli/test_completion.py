"""The completion of command lines in a shell."""

import pytest

from layersight.cli import COMPLETE, main


@pytest.mark.parametrize(
    ("line", "index", "words"),
    [
        ("layersight ker", 1, ["plain,kernels"]),
        ("layersight heatmap m.h5 dog.jpg --smoo", 4, ["plain,--smooth"]),
        ("layersight patterns m.h5 --method cla", 4, ["plain,classic"]),
        ("layersight summary ", 2, ["file,"]),
    ],
)
def test_a_line_is_completed(monkeypatch, capsys, line, index, words):
    monkeypatch.setenv(COMPLETE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(index))
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(words)] == words
