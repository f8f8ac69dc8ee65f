"""Evaluations as files of every kind: whole, the same each time, read back."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from evaluations import HOSTILE, columns, evaluation, rows
from layersight.data.target import Target
from layersight.errors import OutputError, UsageError
from layersight.export import read_manifest, save
from layersight.export.files import load, suffixes_of
from layersight.export.manifest import manifest_of
from layersight.nouns.evaluation.noun import AXES, NOUN
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.heatmaps.request import MeasureOptions
from layersight.version import __version__

SUFFIXES = suffixes_of(NOUN)


def part(suffix: str, **known: object) -> Evaluation:
    """SVG holds one page, so few metrics; else everything."""
    if suffix == ".svg":
        few = columns("deletion", "insertion")
        return evaluation(3, measures=few, **known)  # type: ignore[arg-type]
    return evaluation(3, **known)  # type: ignore[arg-type]


def test_every_suffix_is_there() -> None:
    assert set(SUFFIXES) == {".pdf", ".png", ".svg", ".html", ".npz", ".csv", ".json"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_writing_twice_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = (save(part(suffix), tmp_path / f"{name}{suffix}") for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes() != b""


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".csv"])
def test_the_origin_is_read_back_whole(tmp_path: Path, suffix: str) -> None:
    made = part(suffix, name=HOSTILE)
    found = read_manifest(save(made, tmp_path / f"out{suffix}"))
    assert found == json.loads(json.dumps(manifest_of(made, TableOptions())))
    assert (found["schema"], found["layersight"], found["kind"]) == (2, __version__, "evaluation")
    assert found["model"]["name"] == HOSTILE
    assert found["measured"]["points"] == 32
    assert found["methods"][0]["name"] == "grad-cam"
    assert found["methods"][0]["grain"] == [7, 7]


def test_an_archive_is_read_back_as_it_was(tmp_path: Path) -> None:
    targets = (
        Target("top", 0, label="cat", sign=-1),
        Target("mask", 1, where=(1, 2, 3, 4), before=False),
        Target("top", 3, against=5),
    )
    made = evaluation(3, targets=targets, measured=MeasureOptions(points=5, shares=(0.5,)), count=9)
    found = load(save(made, tmp_path / "x.npz"), NOUN, made.model)
    for field in dataclasses.fields(made):
        one, other = getattr(made, field.name), getattr(found, field.name)
        if field.name in AXES:
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other, field.name


def test_what_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    made = evaluation(2)
    other = evaluation(2, model=dataclasses.replace(made.model, digest="sha256:1"))
    path = save(made, tmp_path / "x.npz")
    with pytest.raises(OutputError, match="is of another model"):
        load(path, NOUN, other.model)
    with pytest.raises(OutputError, match="no manifest in"):
        load(tmp_path / "none.npz", NOUN, made.model)
    page = save(made, tmp_path / "x.png")
    with pytest.raises(OutputError, match="no evaluation in"):
        load(page, NOUN, made.model)


def test_json_tells_every_number(tmp_path: Path) -> None:
    made = evaluation(3)
    text = save(made, tmp_path / "x.json").read_text("utf-8")
    assert "NaN" not in text
    found = json.loads(text)
    assert [entry["name"] for entry in found["metrics"]] == list(made.metrics)
    last = found["methods"][-1]["metrics"]
    assert last["deletion"]["mean"] == pytest.approx(float(made.means[-1, 0]))
    assert last["deletion"]["error"] == pytest.approx(float(made.errors[-1, 0]))
    assert last["randomisation"] == {"mean": None, "error": None, "better": None, "leading": False}
    image = found["images"][1]
    assert image["name"] == made.images[1]
    assert image["target"]["name"] == "dog 1"
    assert image["values"]["gradient"]["road"] == pytest.approx(float(made.values[2, 2, 1]))
    assert image["random"]["gradient"]["road"] == pytest.approx(float(made.random[2, 2, 1]))
    assert image["centre"]["road"] == pytest.approx(float(made.centre[2, 1]))
    assert [entry["grain"] for entry in found["random"]] == [[7, 7], [56, 56], [224, 224]]


def test_a_table_of_text_has_a_line_for_each_number(tmp_path: Path) -> None:
    scores = np.array([-0.3104775, 0.7], np.float32)
    made = evaluation(2, images=(HOSTILE, "two\nlines,and a comma"), scores=scores)
    path = save(made, tmp_path / "x.csv")
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 5 * 8
    first = lines[0]
    assert first["image"] == f"'{HOSTILE}"
    assert lines[-1]["image"] == "two\nlines,and a comma"
    assert (first["method"], first["metric"]) == ("grad-cam", "deletion")
    assert float(first["value"]) == pytest.approx(float(made.values[0, 0, 0]))
    assert float(first["random"]) == pytest.approx(float(made.random[0, 0, 0]))
    assert float(first["centre"]) == pytest.approx(float(made.centre[0, 0]))
    assert first["better"] == str(int(made.values[0, 0, 0] < made.bars[0, 0, 0]))
    assert (first["score"], lines[-1]["score"]) == ("-0.3104775", "0.7")
    gap = next(
        line
        for line in lines
        if (line["method"], line["metric"]) == ("guided-backprop", "randomisation")
    )
    assert (gap["value"], gap["better"]) == ("", "")


def test_a_pdf_has_its_text(tmp_path: Path) -> None:
    document = PdfReader(io.BytesIO(save(evaluation(4), tmp_path / "x.pdf").read_bytes()))
    told = "\n".join(page.extract_text() for page in document.pages)
    for words in (
        "How far the heatmaps can be believed",
        "Grad-CAM",
        "Random maps of",
        "56 \u00d7 56",
        "Centre of the image",
        "low is good",
        "Petsiuk, Das and Saenko",
        "It misleads.",
    ):
        assert words in told
    assert document.metadata is not None
    assert document.metadata.title == "small: heatmaps measured"


def test_a_png_says_what_it_is(tmp_path: Path) -> None:
    with Image.open(save(evaluation(2), tmp_path / "x.png")) as image:
        image.load()
        assert image.text["Title"] == "small: heatmaps measured"
        assert "grad-cam: deletion 0." in image.text["Description"]


def test_a_page_holds_the_table_and_every_metric(tmp_path: Path) -> None:
    methods = (dataclasses.replace(rows("grad-cam")[0], layers=(HOSTILE,)), *rows("gradient"))
    made = evaluation(3, methods=methods, name=HOSTILE, notes=(HOSTILE,), explained=HOSTILE)
    text = save(made, tmp_path / "x.html").read_text("utf-8")
    assert "<b>&\u202e" not in text
    assert text.count("<svg ") == text.count("</svg>") >= len(made.columns)
    for column in made.columns:
        assert column.title in text
    identities = re.findall(r' id="([^"]*)"', text)
    assert len(identities) == len(set(identities))
    assert re.findall(r'(?:src|href)="(?!#|data:)', text) == []


@pytest.mark.parametrize(
    ("path", "settings", "words"),
    [
        ("x.bmp", {}, r"cannot write 'x.bmp': expected one of .pdf, .*\.json\."),
        ("x.zarr", {}, "cannot write 'x.zarr'"),
        ("folder", {}, "cannot write 'folder'"),
        ("x.png", {"colums": 4}, "unknown option 'colums': .* Did you mean columns"),
        ("x.svg", {}, r"SVG holds one page and this view has \d+: choose fewer methods"),
    ],
)
def test_wrong_requests(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    settings: dict[str, object],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        save(evaluation(2), path, **settings)
    assert list(tmp_path.iterdir()) == []
