"""WAV files and tables of numbers, fitted to signals and vectors."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from layersight.data.model import InputInfo
from layersight.errors import ImageError, UsageError
from layersight.images import signals
from pictures import load

DRAW = np.random.default_rng(0)


def read(source, shape, **options):
    return load(source, InputInfo("given", (None, *shape)), **options)


def written(path: Path, samples: np.ndarray, width: int) -> Path:
    """A WAV file, written by Python's ``wave``, of integers ``(position, channel)``."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(8000)
        wide = samples.astype("<i8").view(np.uint8).reshape(*samples.shape, 8)
        file.writeframes(np.ascontiguousarray(wide[..., :width]).tobytes())
    return path


def riff(path: Path, body: bytes, *, code=1, channels=1, bits=16, claimed=None, before=b"") -> Path:
    """A WAV file chunk by chunk; the extensible kind where ``code`` is a pair."""
    kind, inner = code if isinstance(code, tuple) else (code, None)
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, 8000, 8000 * block, block, bits)
    if inner is not None:
        form += struct.pack("<HHI", 22, bits, 0) + struct.pack("<H", inner) + bytes(14)
    size = len(body) if claimed is None else claimed
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", size) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks)
    return path


@pytest.mark.parametrize(("width", "half"), [(1, 128), (2, 2**15), (3, 2**23), (4, 2**31)])
def test_integer_samples_become_numbers_in_minus_one_to_one(tmp_path, width, half):
    values = np.array([-half, -half // 2, 0, half // 2, half - 1])[:, None]
    path = written(tmp_path / "s.wav", values + (128 if width == 1 else 0), width)
    result = read(path, (5, 1))
    np.testing.assert_allclose(result.values, values / half, atol=1e-7)
    assert result.steps[:2] == (
        "WAV",
        f"8,000 samples a second, {8 * width} bits, as numbers of -1..1",
    )
    assert result.preprocessing.reason == "numbers are taken as they are"


@pytest.mark.parametrize("code", [3, (0xFFFE, 3)])
@pytest.mark.parametrize("bits", [32, 64])
def test_floats_are_taken_as_they_are(tmp_path, code, bits):
    values = DRAW.normal(0, 3, (6, 2))
    body = values.astype(f"<f{bits // 8}").tobytes()
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # a chunk of an odd length is padded
    result = read(
        riff(tmp_path / "s.wav", body, code=code, channels=2, bits=bits, before=odd), (6, 2)
    )
    np.testing.assert_allclose(result.values, values, rtol=1e-6)


def test_channels_are_averaged_for_a_network_of_one(tmp_path):
    values = np.array([[100, 300], [-50, 150]])
    result = read(written(tmp_path / "s.wav", values, 2), (2, 1))
    np.testing.assert_allclose(result.values[:, 0], [200 / 2**15, 50 / 2**15], atol=1e-7)
    assert "its 2 channels averaged to one" in result.steps
    with pytest.raises(ImageError, match="expected 3 channels for the input 'given', found 2"):
        read(written(tmp_path / "t.wav", values, 2), (2, 3))


def test_long_signals_are_cut_and_short_ones_padded(tmp_path):
    path = written(tmp_path / "s.wav", np.arange(10)[:, None], 2)
    cut = read(path, (4, 1))
    np.testing.assert_allclose(cut.values[:, 0] * 2**15, [3, 4, 5, 6])
    assert cut.steps[-1] == "the middle 4 of 10 positions, from 3 (crop)"
    filled = read(path, (13, 1))
    np.testing.assert_allclose(filled.values[:, 0] * 2**15, [0, *range(10), 0, 0])
    assert filled.steps[-1] == "zeros around its 10 positions up to 13 (pad)"
    halved = read(path, (5, 1), fit="stretch")
    np.testing.assert_allclose(halved.values[:, 0] * 2**15, [0.5, 2.5, 4.5, 6.5, 8.5], atol=1e-3)
    assert halved.steps[-1] == "resampled from 10 to 5 positions (stretch)"
    free = read(path, (None, 1))
    assert free.values.shape == (10, 1)


def test_resampling_around_numbers_that_are_not_finite(tmp_path):
    path = table(tmp_path / "s.csv", "1\n2\nnan\n4\n5\n6\ninf\n8\n")
    halved = read(path, (4, 1), fit="stretch")
    np.testing.assert_array_equal(halved.values[:, 0], [1.5, np.nan, 5.5, np.nan])
    assert "2 of its numbers are not finite" in halved.steps
    doubled = read(path, (16, 1), fit="stretch").values[:, 0]
    assert np.isfinite(doubled[[0, 1, 2, 7, 8, 9, 10]]).all()


@pytest.mark.parametrize(("lost", "expected"), [(14, 10), (15, 11)])
def test_a_number_that_is_not_finite_touches_no_position_beside_it(lost, expected):
    values = np.ones((30, 1), np.float32)  # positions 10 and 11 of 22 meet at 15
    values[lost] = np.nan
    assert np.flatnonzero(np.isnan(signals.resample(values, 22))).tolist() == [expected]


def test_a_huge_file_costs_what_the_network_sees(tmp_path, monkeypatch):
    path = riff(tmp_path / "s.wav", b"")
    with path.open("r+b") as file:
        file.seek(40)
        file.write(struct.pack("<I", 0xFFFFFFFF))
        file.truncate(1 << 31)  # a hole: nothing is written
    assert read(path, (100, 1)).values.shape == (100, 1)
    with pytest.raises(ImageError, match="at most 20 million numbers of a signal"):
        read(path, (100, 1), fit="stretch")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: riff(path, bytes(8), code=2, bits=4), "found 4 bits of kind 2"),
        (lambda path: riff(path, bytes(8), channels=0), "found 0 and 8000"),
        (lambda path: riff(path, b""), "found a WAV file without any"),
        (lambda path: path.write_bytes(b"RIFF0000WAVE") and path, "format and samples"),
        (
            lambda path: path.write_bytes(b"RIFF0000WAVE" + b"junk\xff\xff\xff\xff" * 9) and path,
            "format and samples",
        ),
        (lambda path: path.write_bytes(b"RF64\xff\xff\xff\xffWAVEds64") and path, "order of bytes"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, make, message):
    with pytest.raises(ImageError, match=message) as caught:
        read(make(tmp_path / "s.wav"), (4, 1))
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_read_to_its_end(tmp_path):
    result = read(riff(tmp_path / "s.wav", bytes(8), claimed=4000), (4, 1))
    assert result.values.shape == (4, 1)
    assert "cut short: the file has fewer samples than it says" in result.steps


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("\ufeffa;b\n1,5;2\n3;4\n", [[1.5, 2], [3, 4]]),
        ("# made by hand\nx\ty\n1\t2\n3\t4\n\n", [[1, 2], [3, 4]]),
        ("1 2\n3  4\n", [[1, 2], [3, 4]]),
        ("time,a,b\n0,1,2\n1,3,4\n", [[1, 2], [3, 4]]),
        (",a,b\n0,1,2\n1,3,4\n", [[1, 2], [3, 4]]),
        ('"a","b"\n"1","2"\n3,nan\n', [[1, 2], [3, np.nan]]),
    ],
)
def test_rows_are_positions_and_columns_channels(tmp_path, text, expected):
    result = read(table(tmp_path / "s.csv", text), (2, 2))
    np.testing.assert_array_equal(result.values, np.array(expected, np.float32))


def test_channels_have_the_names_of_the_header(tmp_path):
    result = read(table(tmp_path / "s.csv", "time (s),I,aVR\n0,1,2\n"), (1, 2))
    assert result.names == ("I", "aVR")
    assert result.steps[1] == "its first column 'time (s)' left out: it numbers the rows"


def test_rows_may_be_examples(tmp_path):
    path = table(tmp_path / "s.csv", "".join(f"{row},{row + 1},{row + 2}\n" for row in range(5)))
    first = read(path, (3, 1))
    np.testing.assert_array_equal(first.values[:, 0], [0, 1, 2])
    assert "row 0 of 5, counted from 0" in first.steps
    assert read(path, (3, 1), frame=4).values[:, 0].tolist() == [4, 5, 6]
    labelled = read(path, (2, 1), frame=1)
    assert labelled.values[:, 0].tolist() == [1, 2]
    assert any("the last of its 3 columns left out" in step for step in labelled.steps)
    with pytest.raises(ImageError, match="no row 5"):
        read(path, (3, 1), frame=5)
    with pytest.raises(UsageError, match=r"no row 1: the rows of .* are the positions"):
        read(path, (5, 3), frame=1)


def test_a_vector_is_a_row_or_a_column(tmp_path):
    wide = table(tmp_path / "w.csv", "id,height,width\n7,1,2\n8,3,4\n")
    result = read(wide, (3,), frame=1)
    assert result.values.tolist() == [8, 3, 4]
    assert result.names == ("id", "height", "width")
    tall = table(tmp_path / "t.csv", "1\n2\n3\n")
    assert read(tall, (3,)).values.tolist() == [1, 2, 3]
    with pytest.raises(
        ImageError, match=r"rows of 4 numbers .* found 3 columns \(id, height, width"
    ):
        read(wide, (4,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3\n", "same number of values in every row"),
        ("1,2\n3,x\n", "same number of values in every row"),
        ("1,2\n3,\n", "same number of values in every row"),
        ("1,2,3\n4,5,6\n", r"expected 2 columns \(channels\) .* found 3 columns"),
    ],
)
def test_tables_that_do_not_fit_are_one_line(tmp_path, text, message):
    with pytest.raises(ImageError, match=message) as caught:
        read(table(tmp_path / "s.csv", text), (5, 2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html>", b"a,b\nc,d\n", b"", b"\0\1\2", b"{}", b"\x89PNG\r\n\x1a\n"]
)
def test_other_files_are_not_tables(tmp_path, content):
    path = tmp_path / "s"
    path.write_bytes(content)
    assert signals.kind_of(path) is None


def test_a_long_line_is_recognised_by_its_start(tmp_path):
    path = table(tmp_path / "s.csv", ",".join(f"{value:.17e}" for value in DRAW.normal(size=999)))
    assert signals.kind_of(path) == signals.TABLE
    assert read(path, (999, 1)).values.shape == (999, 1)
