"""The scale that a network's own statistics speak for, over a model of plain NumPy."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import layersight
from layersight.batch.scale import GUESS, weigh
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.model import MovingStatistics
from layersight.nouns.activations.compute import activations, load_image

PIXELS = np.random.default_rng(2).integers(0, 256, (12, 10, 3)).astype(np.uint8)


def normalised(network, scale, channels=3, preprocessing=None):
    """A network whose first layer keeps the statistics of these pixels in a scale."""
    values = SCALES[scale].apply(PIXELS).reshape(-1, 3)
    means, variances = (np.resize(part, channels) for part in (values.mean(0), values.var(0)))
    return network(
        {
            "norm": ("BatchNormalization", lambda picture: picture),
            "conv": ("Conv2D", lambda picture: picture[..., :2]),
        },
        inputs=(InputInfo("picture", (None, 12, 10, channels), preprocessing=preprocessing),),
        kept=(MovingStatistics("norm", means, variances, ("picture",), None),),
    )


@pytest.mark.parametrize("scale", ["-1..1", "none", "caffe"])
def test_the_scale_that_the_statistics_speak_for(network, scale):
    found = activations(normalised(network, scale), PIXELS)
    assert found.images[0].preprocessing.name == scale
    assert found.images[0].preprocessing.reason.startswith("the statistics kept by 'norm' fit")
    np.testing.assert_allclose(found["norm"][0], SCALES[scale].apply(PIXELS))
    assert load_image(PIXELS, normalised(network, scale)).preprocessing.name == scale


def test_what_the_user_or_the_model_says_comes_first(network):
    model = normalised(network, "none")
    assert (
        activations(model, PIXELS, scale="0..1").images[0].preprocessing.reason
        == "given by the user"
    )
    told = normalised(network, "none", preprocessing=SCALES["torch"].because("told", "model"))
    assert activations(told, PIXELS).images[0].preprocessing.reason == "told"


def test_a_float_array_is_taken_as_it_is(network):
    values = PIXELS.astype(np.float32)
    found = activations(normalised(network, "-1..1"), values)
    np.testing.assert_array_equal(found["norm"][0], values)


def test_four_channels_are_not_judged_by_the_three_that_are_shown(network, tmp_path):
    path = tmp_path / "glass.png"
    Image.fromarray(PIXELS).convert("RGBA").save(path)
    found = activations(normalised(network, "none", channels=4), path)
    assert found["norm"].shape == (1, 12, 10, 4)
    assert found.images[0].preprocessing.name == "0..1"
    assert found.images[0].pixels.shape == (12, 10, 3)


NAMED = SCALES["-1..1"].because("as MobileNet was trained", "name")


def test_statistics_outrank_a_name_where_they_are_clear():
    found = weigh(NAMED, "bn", {"0..1": 0.146, "-1..1": 2.52, "none": 900.0})
    assert (found.name, found.evidence) == ("0..1", "statistics")
    assert "not -1..1 as MobileNet was trained" in found.reason


@pytest.mark.parametrize(
    "distances",
    [{"0..1": 0.2, "-1..1": 0.3, "none": 900.0}, {"0..1": 11.7, "-1..1": 40.0, "none": 900.0}],
)
def test_a_name_breaks_ties_and_serves_where_statistics_say_nothing(distances):
    assert weigh(NAMED, "bn", distances) == NAMED


def test_what_agrees_with_a_name_is_told():
    found = weigh(NAMED, "bn", {"0..1": 0.5, "-1..1": 0.1, "none": 900.0})
    assert found.name == "-1..1"
    assert found.reason == "as MobileNet was trained, and the statistics kept by 'bn' fit"


def test_weak_evidence_is_called_weak_and_the_choice_asked_for():
    weak = weigh(GUESS, "bn", {"-1..1": 0.13, "0..1": 0.24, "none": 900.0})
    assert weak.name == "-1..1"
    assert weak.reason.startswith("weak evidence")
    far = weigh(GUESS, "bn", {"none": 11.7, "-1..1": 40.0, "0..1": 50.0})
    assert far.name == "0..1"
    assert far.reason.startswith("not known")
    assert all(each.reason.endswith("name the right one with --scale") for each in (weak, far))


def test_statistics_that_were_never_trained_say_nothing(network):
    fresh = MovingStatistics("norm", np.zeros(3), np.ones(3), ("picture",), None)
    assert not fresh.is_trained
    model = network(
        {"norm": ("BatchNormalization", lambda picture: picture)},
        inputs=(InputInfo("picture", (None, 12, 10, 3), preprocessing=NAMED),),
        kept=(fresh,),
    )
    assert load_image(PIXELS, model).preprocessing == NAMED


def test_the_same_is_found_whatever_image_is_looked_at(network):
    model = normalised(network, "none")
    black = np.zeros_like(PIXELS)
    assert load_image(black, model).preprocessing == load_image(PIXELS, model).preprocessing


with (Path(__file__).parent / "scales.tsv").open(encoding="utf-8") as listed:
    TRAINED = list(csv.DictReader(listed, delimiter="\t"))

GUESSED = ("cats_dogs_150.h5", "LucieSvc__PMD-IA_Nanotag__835766a4__siamese_model.keras")
"""Of those that do not tell, these are tried: one without statistics, one of no photographs."""


@pytest.mark.parametrize(
    "model",
    [row for row in TRAINED if row["evidence"] != "guess" or row["file"] in GUESSED],
    ids=lambda row: row["file"].rpartition("__")[0][:40] or row["file"],
)
def test_real_models_are_told_right_or_not_known(data, model):
    (path,) = [*(data / "models").glob(model["file"]), *(data / "wild").glob(model["file"])]
    loaded = layersight.load_model(path)
    found = load_image(np.zeros((64, 64), np.uint8), loaded).preprocessing
    assert found.evidence == model["evidence"]
    if found.evidence == "guess":
        assert "not known" in found.reason
    else:
        assert found.name == model["scale"]
