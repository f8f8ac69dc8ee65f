"""Evaluations as files of every kind: whole, the same each time, read back."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from evaluations import HOSTILE, evaluation
from layersight.data.target import Target
from layersight.errors import OutputError
from layersight.export import save
from layersight.export.files import load
from layersight.nouns.evaluation.noun import AXES, NOUN
from layersight.nouns.heatmaps.request import MeasureOptions


def test_an_archive_is_read_back_as_it_was(tmp_path):
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


def test_what_is_no_evaluation_is_refused(tmp_path):
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


def test_json_tells_every_number(tmp_path):
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


def test_a_table_of_text_has_a_line_for_each_number(tmp_path):
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
