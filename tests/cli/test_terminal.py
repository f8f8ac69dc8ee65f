"""What a file may show on a terminal: text, and nothing that acts."""

import json
import warnings

from layersight.document.blocks import Cell, Column, Document, Part, Table
from layersight.writers.printable import MAX_MESSAGE, in_a_line, printable
from layersight.writers.terminal import to_text


def test_control_characters_are_escaped():
    assert printable("a\x1b[2Jb\u202e") == "a\\u001b[2Jb\\u202e"
    assert printable("Katze \u732b") == "Katze \u732b"
    assert json.loads(printable(json.dumps("\x9b\u2028", ensure_ascii=False))) == "\x9b\u2028"


def test_colours_of_others_are_dropped_and_long_messages_cut():
    assert in_a_line("\x1b[1mbold\x1b[0m\nword") == "bold word"
    assert len(in_a_line("x" * 30_000)) == MAX_MESSAGE


def test_a_cell_is_one_line():
    table = Table((Column("name"), Column("n")), ((Cell("a\nb\x1b"), Cell("1")),))
    lines = to_text(Document("", "", (), (Part((), front=(table,)),))).splitlines()
    assert lines[-1].startswith("a\\u000ab\\u001b")


def test_an_error_about_a_file_with_such_a_name(run, tmp_path):
    path = tmp_path / "a\x1b[31m.h5"
    path.write_text("no model")
    assert "\x1b" not in run("summary", path, status=1).line


def test_warnings_of_libraries_are_not_for_users(run, tmp_path, monkeypatch):
    def warn(*_):
        warnings.warn("look here", UserWarning, stacklevel=1)

    monkeypatch.setattr("layersight.cli.opening.recognise", warn)
    assert "look here" not in run("summary", tmp_path / "nothing.h5", status=1).err
