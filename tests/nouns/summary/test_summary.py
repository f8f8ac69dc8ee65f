"""The document of ``summary --json``."""

from __future__ import annotations

import json
from dataclasses import replace

from layersight.data.model import InputInfo, LayerInfo
from layersight.data.preprocessing import SCALES
from layersight.nouns.summary.compute import layer_to_json, summary, to_json
from layersight.version import __version__


def test_a_summary_is_the_description_of_the_model(fake):
    model = fake()
    assert summary(model) == model.info


def test_the_document_keeps_its_contract(fake):
    found = json.loads(json.dumps(to_json(fake().info), allow_nan=False))
    assert found["schema"] == 2
    assert found["layersight"] == __version__
    assert found["input_shape"] == [None, 6, 5, 3]
    assert found["parameters"] == 0
    assert [layer["name"] for layer in found["layers"]] == ["conv", "pool", "flat", "top"]
    assert found["layers"][0]["output_shape"] == [None, 6, 5, 4]
    assert {"name", "type", "output_shape", "parameters"} <= set(found["layers"][0])
    assert found["preprocessing"] is None


def test_several_inputs_with_their_preprocessing(fake):
    inputs = (
        InputInfo("left", (None, 6, 5, 3), preprocessing=SCALES["torch"]),
        InputInfo("right", (None, None, None, 1)),
    )
    info = replace(fake().info, inputs=inputs, rewrites=("a: b",))
    found = to_json(info)
    assert found["input_shape"] == [[None, 6, 5, 3], [None, None, None, 1]]
    assert [entry["name"] for entry in found["inputs"]] == ["left", "right"]
    assert found["preprocessing"]["name"] == "torch"
    scales = [entry["preprocessing"] for entry in found["inputs"]]
    assert scales == [found["preprocessing"], None]
    assert found["rewrites"] == ["a: b"]


def test_what_does_not_apply_to_a_layer_is_left_out():
    plain = layer_to_json(LayerInfo("flat", "Flatten", None))
    assert plain["output_shape"] is None
    assert not {"kernel", "strides", "dilation", "receptive_field", "activation"} & set(plain)
    conv = LayerInfo(
        "conv", "Conv2D", (None, 4, 4, 2), 56, kernel=(3, 3), strides=(1, 1), dilation=(1, 1),
        receptive_field=(3, 3), inputs=("input",), activation="relu",
        role="convolution",
    )  # fmt: skip
    found = layer_to_json(conv)
    assert (found["role"], plain["role"]) == ("convolution", "other")
    assert found["kernel"] == [3, 3]
    assert found["receptive_field"] == [3, 3]
    assert found["activation"] == "relu"
    assert found["inputs"] == ["input"]
