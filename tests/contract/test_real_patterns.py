"""Patterns of networks that people really made."""

import numpy as np
import pytest

from layersight import activations, patterns
from layersight.loading import load_model

QUICK = {"steps": 12, "size": (48, 48)}


def test_squeezenet_reaches_more_than_photographs_do(data):
    model = load_model(data / "models" / "squeezenet_imagenet_notop.h5")
    photographs = sorted((data / "images" / "imagenet").iterdir())[:4]
    result = patterns(model, "fire5_concat", "0:4", images=photographs, **QUICK)
    assert not result.dead.any()
    assert (result.percentile == 100).all()
    assert (result.robustness > 0.5).all()
    assert result.preprocessing.order == "BGR"


def test_a_channel_of_squeezenet_is_dead_for_every_photograph_too(data):
    model = load_model(data / "models" / "squeezenet_imagenet_notop.h5")
    result = patterns(model, "fire5_concat", "9", **QUICK)
    assert result.dead.all()
    photographs = sorted((data / "images" / "imagenet").iterdir())[:4]
    seen = activations(model, photographs, layers="fire5_concat", size=(96, 96))
    assert seen["fire5_concat"][..., 9].max() == 0


def test_no_channel_that_fires_for_a_photograph_is_called_dead(data):
    model = load_model(data / "models" / "cats_dogs_150.h5")
    photographs = sorted((data / "cats_dogs" / "cats").iterdir())[:8]
    result = patterns(model, "conv2d", "0:16", images=photographs, steps=8, size=(32, 32))
    assert result.natural is not None
    assert (result.natural[result.dead, 2] == result.natural[result.dead, 0]).all()
    assert result.dead.sum() <= 3


@pytest.mark.one_backend
def test_a_channel_that_a_step_barely_woke_is_judged_by_its_final_image(data):
    model = load_model(data / "models" / "cats_dogs_150.h5")
    result = patterns(model, "conv2d_2", "4", steps=48)
    silent = result.activation <= result.start_activation
    assert (result.empty == silent).all()
    assert not (result.converged & silent).any()


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ["2nithing__mask_detector_gradio__671efcd9__keras_model.h5"])
def test_a_teachable_machine_by_path(data, name):
    model = load_model(data / "wild" / name)
    layer = next(
        entry for entry in model.info.layers if entry.type == "Conv2D" and "/" in entry.name
    )
    result = patterns(model, layer.name, "0:3", **QUICK)
    assert result.layers == (layer.name,) * 3
    assert (result.activation >= result.start_activation - 1e-3).all()


@pytest.mark.one_backend
def test_a_grey_network(data):
    model = load_model(data / "models" / "keras205_fer2013_mini_XCEPTION.102-0.66.hdf5")
    layer = next(entry for entry in model.info.layers if entry.type == "Conv2D")
    result = patterns(model, layer.name, "0:4", steps=8)
    assert result.values.shape == (4, 64, 64, 1)
    assert (np.diff(result.images, axis=-1) == 0).all()


@pytest.mark.one_backend
def test_one_of_two_inputs(data):
    model = load_model(data / "wild" / "ionut-girla__change_detection__b77f92e5__siamese_model.h5")
    layer = next(entry for entry in model.info.layers if entry.type == "Conv2D")
    result = patterns(model, layer.name, "0:2", steps=4)
    assert len(model.info.inputs) == 2
    assert any("held at zero" in note for note in result.notes)
    assert np.isfinite(result.activation).all()
