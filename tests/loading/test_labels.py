"""Names of classes in all common formats of files."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import numpy as np
import pytest

from described import described
from layersight.data.model import ModelInfo
from layersight.errors import ModelFileError
from layersight.loading.labels import MAX_BYTES, MAX_LABEL, check_labels, labels_beside, read_labels

THREE = ("bird", "cat", "dog")


def test_names_with_commas_between(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_labels("bird, cat,dog") == THREE
    assert read_labels("cat,St. Bernard") == ("cat", "St. Bernard")
    with pytest.raises(ModelFileError, match=r"cannot read class names from bird,cat\.txt"):
        read_labels("bird,cat.txt")
    (tmp_path / "a,b").write_text("bird\ncat\ndog\n")
    assert read_labels("a,b") == THREE


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_indices.json", '{"bird": 0, "cat": 1, "dog": 2}'),
        ("class_indices.txt", '{"dog": 2, "bird": 0, "cat": 1}'),
        ("x.json", '{"0": "bird", "2": "dog", "1": "cat"}'),
        ("x.json", '{"0": ["n01", "bird"], "1": ["n02", "cat"], "2": ["n03", "dog"]}'),
        ("x.json", '{"id2label": {"0": "bird", "1": "cat", "2": "dog"}}'),
        ("x.json", '["bird", "cat", "dog"]'),
        ("x.json", '[{"id": 0, "name": "bird"}, {"name": "cat"}, {"name": "dog"}]'),
        ("x.csv", "bird,0\ncat,1\ndog,2\n"),
        ("x.csv", "0,bird\n2,dog\n1,cat\n"),
        ("x.csv", "id;label\n0;bird\n1;cat\n2;dog\n"),
        ("x.csv", 'label,index,count\nbird,0,5\n"cat",1,7\ndog,2,9\n'),
        ("x.csv", "class\nbird\ncat\ndog\n"),
        ("x.tsv", "0\tbird\n1\tcat\n2\tdog\n"),
        ("x.txt", "0 bird\n1 cat\n2 dog\n"),
        ("x.txt", "1: cat\n0: bird\n2: dog\n"),
        ("x.txt", "bird 0\n".replace(" ", ",") + "cat,1\ndog,2"),
        ("x.txt", "bird\t\t0\ncat : 1\ndog  = 2\n"),
        ("x.txt", "\n bird\r\ncat \n\ndog\n"),
        ("x.txt", "n02123045 bird\nn02123046 cat\nn02123047 dog\n"),
    ],
)
def test_every_form(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_labels(tmp_path / name) == THREE


def test_long_lines_take_linear_time(tmp_path):
    """Spaces that a pattern could match in many ways, read in a process with a time limit."""
    for mark in "\t", " ", "\t ", ",", ", ", "0\t", "a,\t":
        (tmp_path / "labels.txt").write_text("a" + mark * (MAX_BYTES // len(mark) - 9) + "b")
        code = "import sys; from layersight.loading.labels import *; read_labels(sys.argv[1])"
        command = [sys.executable, "-c", code, str(tmp_path / "labels.txt")]
        subprocess.run(command, check=True, timeout=300)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding(tmp_path, encoding):
    names = ("Grüße", "chat", "chien")
    (tmp_path / "names.txt").write_text("\n".join(names), encoding=encoding)
    assert read_labels(tmp_path / "names.txt") == names


def test_reading_as_windows_1252_is_reported(tmp_path, caplog):
    (tmp_path / "names.txt").write_bytes("Bär\nMöwe".encode("cp1252"))
    with caplog.at_level(logging.WARNING, "layersight"):
        assert read_labels(tmp_path / "names.txt") == ("Bär", "Möwe")
    assert "read as Windows-1252" in caplog.text


def test_plain_lines_are_kept(tmp_path):
    lines = ["tench, Tinca tinca", "3 dots", "x" * 300]
    (tmp_path / "names.txt").write_text("\n".join(lines))
    assert read_labels(tmp_path / "names.txt") == (*lines[:2], "x" * MAX_LABEL)
    assert read_labels({"dog": np.int64(2).item(), "bird": 0, "cat": 1}) == THREE
    assert read_labels(["a", "b"]) == ("a", "b")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.json", b'{"a": 1, "b": 2}', "not numbered from 0 to 1, each once: found 1, 2"),
        ("x.json", b'{"a": 0, "b": 0}', "found 0, 0"),
        ("x.json", b'{"a": [1], "b": {}}', "names to numbers, or of numbers to names"),
        ("x.json", b"{'a': 0}", "it begins like JSON but is not"),
        ("x.csv", b"a,3\nb,7\n", "found 3, 7"),
        ("x.txt", b"\x89PNG\x00\x00\xff\xfe\x00", "it is not text"),
    ],
)
def test_invalid_numbering_is_one_line(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelFileError, match=words) as raised:
        read_labels(tmp_path / name)
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("channels", "count", "fits"),
    [(2, 2, True), (2, 3, False), (1, 2, True), (1, 1, True), (1, 3, False), (None, 3, True)],
)
def test_names_that_fit_no_output_are_refused(channels, count, fits):
    names = tuple("abc"[:count])
    end = described("top", "Dense", (None, channels))
    info = ModelInfo("net", "x", "", "", (), ("top",), (end,), 0, labels=names)
    if fits:
        check_labels(info, "names.txt")
        return
    with pytest.raises(ModelFileError, match=rf"3 class names in names.txt .*'top' has {channels}"):
        check_labels(info, "names.txt")


def test_a_file_beside_that_cannot_be_read_is_ignored(tmp_path, caplog):
    (tmp_path / "m.h5").write_bytes(b"")
    (tmp_path / "labels.txt").write_text(json.dumps({"a": 5}))
    with caplog.at_level(logging.WARNING, "layersight"):
        assert labels_beside(tmp_path / "m.h5") is None
    assert "ignored: " in caplog.text


def test_names_of_any_length_are_read_as_text():
    names = tuple(f"class {number}" for number in range(1000))
    assert read_labels(",".join(names)) == names
