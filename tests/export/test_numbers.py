"""The JSON document: the contract of ``activations -o x.json``."""

import json

import numpy as np
import pytest

from export.made import RESULT, make
from layersight.document.words import specification
from layersight.export import save
from layersight.nouns.activations.result import Activations


def strict(path):
    """Reads JSON as other languages do: NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_the_contract(tmp_path):
    found = strict(save(RESULT, tmp_path / "x.json"))
    assert found["preprocessing"]["name"] == "0..1"
    assert found["preprocessing"]["formula"] == "pixels / 255"
    assert found["predictions"] == [
        {
            "output": "top",
            "size": 3,
            "kind": None,
            "shape": [],
            "min": None,
            "max": None,
            "top": [
                {"index": 1, "label": "cat", "score": 0.75},
                {"index": 0, "label": None, "score": 0.25},
            ],
        }
    ]
    assert [layer["name"] for layer in found["layers"]] == list(RESULT)
    assert found["image"]["name"] == "cat.png"
    assert found["image"]["original_size"] == {"width": 90, "height": 80}
    assert found["manifest"]["schema"] == 2
    assert found["model"]["digest"] == found["manifest"]["model"]["digest"]


def test_every_number_is_the_statistic(tmp_path):
    found = strict(save(RESULT, tmp_path / "x.json"))
    for said, entry in zip(found["layers"], RESULT.layers, strict=True):
        stats = entry.statistics
        assert said["shape"] == list(entry.values.shape[1:])
        assert said["type"] == entry.layer.type
        assert said["dead"] == entry.dead()
        assert said["sparsity"] == pytest.approx(entry.sparsity())
        assert [channel["index"] for channel in said["channels"]] == list(entry.channels)
        for index, channel in enumerate(said["channels"]):
            assert set(channel) == {"index", "mean", "std", "min", "max", "sparsity", "dead"}
            for name in ("mean", "std", "min", "max", "sparsity", "dead"):
                assert np.float32(channel[name]) == getattr(stats, name)[0, index]
            assert isinstance(channel["dead"], bool)
    first = found["layers"][0]["channels"]
    assert [channel["dead"] for channel in first] == [True, True, False, False, False]
    assert first[0]["mean"] == first[0]["max"] == 0.25
    assert first[1]["sparsity"] == 1


def test_numbers_that_are_none_are_null(tmp_path):
    found = strict(save(make(broken=True), tmp_path / "x.json"))
    channels = found["layers"][0]["channels"]
    assert channels[2]["mean"] is channels[2]["min"] is None
    assert channels[3]["max"] is channels[4]["min"] is None
    assert not any(channel["dead"] for channel in channels[2:])
    assert found["layers"][0]["mean"] is None
    assert found["predictions"][0]["top"][0]["score"] is None


def test_several_images_stand_in_a_list(tmp_path):
    made = make(2, names=["a.png", "b.png"])
    found = strict(save(made, tmp_path / "x.json"))
    assert "layers" not in found
    assert [entry["image"]["name"] for entry in found["images"]] == ["a.png", "b.png"]
    for number, entry in enumerate(found["images"]):
        channel = entry["layers"][0]["channels"][2]
        assert np.float32(channel["mean"]) == made.layers[0].statistics.mean[number, 2]
        assert entry["predictions"][0]["output"] == "top"


def test_a_result_without_predictions(tmp_path):
    made = make()
    made = Activations(made.model, made.images, made.layers)
    found = strict(save(made, tmp_path / "x.json"))
    assert found["predictions"] == []


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((), ""),
        ((0,), "0"),
        ((0, 1), "0-1"),
        ((0, 1, 2, 5), "0-2,5"),
        ((3, 5, 25, 29, 30), "3,5,25,29-30"),
        (tuple(range(704)), "0-703"),
    ],
)
def test_channels_are_told_as_a_spec(numbers, text):
    assert specification(numbers) == text
