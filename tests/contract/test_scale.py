"""The scale of the images, told by the statistics that batch normalisation keeps."""

import keras
import models
import numpy as np
import pytest

import layersight
from layersight.data.preprocessing import SCALES


def photographs(count):
    """Smooth pictures with the brightness and contrast of photographs, 0..255."""
    draw = np.random.default_rng(5)
    coarse = draw.normal(110, 55, (count, 8, 8, 3)) + draw.normal(0, 25, (count, 1, 1, 3))
    return np.clip(np.kron(coarse, np.ones((1, 4, 4, 1))), 0, 255).astype("uint8")


def trained_on(scale, *, first, name="small"):
    """A network whose normalisation layer keeps what images in that scale give."""
    inputs = keras.Input((32, 32, 3))
    norm = keras.layers.BatchNormalization(name="norm")
    conv = keras.layers.Conv2D(6, 3, name="conv")
    hidden = conv(norm(inputs)) if first else norm(conv(inputs))
    outputs = keras.layers.ReLU(name="relu")(hidden)
    model = models.randomise(keras.Model(inputs, outputs, name=name))
    given = SCALES[scale].apply(photographs(40))
    seen = given if first else np.asarray(keras.ops.convert_to_numpy(conv(given)))
    norm.moving_mean.assign(seen.mean(axis=(0, 1, 2)))
    norm.moving_variance.assign(seen.var(axis=(0, 1, 2)))
    return model


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("scale", ["-1..1", "none"])
def test_the_statistics_settle_the_scale(scale, first):
    model = layersight.load_model(trained_on(scale, first=first))
    image = layersight.load_image(photographs(3)[2], model)
    assert image.preprocessing.name == scale
    assert "the statistics kept by 'norm' fit" in image.preprocessing.reason
    np.testing.assert_array_equal(image.values, SCALES[scale].apply(image.pixels))
    maps = layersight.activations(model, photographs(3))
    assert {entry.preprocessing.name for entry in maps.images} == {scale}


def test_a_name_does_not_outrank_the_statistics():
    model = layersight.load_model(trained_on("0..1", first=False, name="mobilenet_0.25_32"))
    assert "as MobileNet was trained" in model.info.inputs[0].preprocessing.reason
    image = layersight.load_image(photographs(1)[0], model)
    assert image.preprocessing.name == "0..1"
    assert "not -1..1 as MobileNet was trained" in image.preprocessing.reason
    patterns = layersight.patterns(model, "conv", [0], steps=1, size=(32, 32), method="classic")
    assert patterns.preprocessing == image.preprocessing


@pytest.mark.one_backend
def test_what_was_asked_for_is_not_overruled():
    model = layersight.load_model(trained_on("none", first=True))
    maps = layersight.activations(model, photographs(1), scale="0..1")
    assert maps.images[0].preprocessing.name == "0..1"
    assert maps.images[0].preprocessing.reason == "given by the user"


@pytest.mark.one_backend
def test_without_evidence_it_is_called_a_guess():
    model = layersight.load_model(models.randomise(models.functional()))
    image = layersight.load_image(photographs(1)[0], model)
    assert image.preprocessing.name == "0..1"
    assert "not known" in image.preprocessing.reason


@pytest.mark.one_backend
def test_a_real_network_of_faces_wants_minus_one_to_one(data):
    (file,) = data.glob("models/keras205*102*")
    image = layersight.load_image(data / "images" / "dog.1100.jpg", layersight.load_model(file))
    assert image.preprocessing.name == "-1..1"
