"""Real networks: every layer and channel can be reached, with the numbers of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import layersight
from layersight.export.files import to_bytes
from layersight.nouns.activations.options import PictureOptions
from layersight.web.explorer import Explorer
from layersight.web.host import answer
from layersight.web.maps import COLUMNS

NETWORKS = {
    "cats and dogs": ("models/cats_dogs_150.h5", "images/dog.1100.jpg", {}),
    "MobileNet": (
        "models/mobilenet_025_224_imagenet.keras",
        "images/creative_commons_elephant.jpg",
        {},
    ),
    "emotions": ("models/keras205_fer2013_mini_XCEPTION.102-0.66.hdf5", "images/dog.1100.jpg", {}),
    "SqueezeNet": ("models/squeezenet_imagenet_notop.h5", "images/dog.1100.jpg", {}),
    "Teachable Machine": (
        "wild/2nithing__mask_detector_gradio__671efcd9__keras_model.h5",
        "images/dog.1100.jpg",
        {},
    ),
}


def check(model: Any, image: Any) -> int:
    """Compares all numbers; how many channels there are."""
    whole = layersight.activations(model, image, predictions=True)
    expected = json.loads(to_bytes(whole, ".json", PictureOptions()))
    explorer = Explorer(model, [image])
    try:
        number = explorer.photos.opened[0].id
        told = answer(explorer, "model", {"image": number}).json
        said = answer(explorer, "predictions", {"image": number}).json["predictions"]
        assert [{**one, "words": ""} for one in said] == [
            {**one, "words": ""} for one in expected["predictions"]
        ]
        computed = [layer["name"] for layer in told["layers"] if "blocked" not in layer]
        assert computed == [layer["name"] for layer in expected["layers"]]
        count = 0
        for layer in expected["layers"]:
            params = {"image": number, "layer": layer["name"]}
            made = answer(explorer, "layer", params)
            assert made.json["channels"] == len(layer["channels"])
            table = dict(zip(COLUMNS, made.buffers[1], strict=True))
            for name in ("mean", "std", "min", "max", "sparsity", "dead"):
                values = [channel[name] for channel in layer["channels"]]
                assert np.array_equal(table[name], np.array(values, np.float32)), name
            if layer["shape"][-1] <= 2048 or len(layer["shape"]) == 1:
                channel = len(layer["channels"]) - 1
                exact = answer(explorer, "exact", {**params, "channel": channel}).buffers[0]
                assert np.array_equal(
                    np.ravel(exact), np.ravel(whole[layer["name"]][0, ..., channel])
                )
            count += len(layer["channels"])
        return count
    finally:
        explorer.close()


@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_are_those_of_the_command_line(name: str, data: Path) -> None:
    file, image, options = NETWORKS[name]
    assert check(layersight.load_model(data / file, **options), data / image) > 100
