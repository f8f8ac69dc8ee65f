"""A network that takes any size but not every size says which sizes fit."""

import keras
import numpy as np
import pytest

import layersight
from layersight.errors import ModelInputError


def image(height, width):
    return np.random.default_rng(0).random((height, width, 3), dtype="float32")


def unet(pools=3, join=None, padding="same", factor=2, order="channels_last"):
    """A small U-Net; each level joins what went down with what comes up."""
    keras.utils.clear_session()
    more = {"padding": padding, "data_format": order}
    shape = (None, None, 3) if order == "channels_last" else (3, None, None)
    x = inputs = keras.Input(shape, name="image")
    down = []
    for level in range(pools):
        x = keras.layers.Conv2D(2, 3, name=f"down{level}", **more)(x)
        down.append(x)
        x = keras.layers.MaxPooling2D(factor, data_format=order)(x)
    for level in reversed(range(pools)):
        x = keras.layers.UpSampling2D(factor, data_format=order)(x)
        other = down[level]
        if padding == "valid":
            other = keras.layers.Cropping2D(1, data_format=order)(other)
            x = keras.layers.ZeroPadding2D(1, data_format=order)(x)
        axis = {"axis": 1 if order == "channels_first" else -1}
        merge = keras.layers.Add if join == "add" else keras.layers.Concatenate
        merged = merge(**({} if join == "add" else axis), name=f"join{level}")
        x = keras.layers.Conv2D(2, 3, padding="same", data_format=order)(merged([x, other]))
    outputs = keras.layers.Conv2D(1, 1, activation="sigmoid", data_format=order, name="mask")(x)
    return keras.Model(inputs, outputs)


MULTIPLES_OF_8 = (
    "the sides of an image must be multiples of 8: found 90x120 (height x width), "
    "give --size 88x120"
)


@pytest.mark.parametrize("join", ["concatenate", "add"])
def test_the_sizes_that_fit_are_said(join):
    model = layersight.load_model(unet(join=join))
    for run in (
        lambda: layersight.activations(model, image(90, 120)),
        lambda: layersight.heatmap(model, image(90, 120), method="gradient", target="mask:0"),
        lambda: layersight.heatmap(model, image(90, 120)),
        lambda: layersight.patterns(model, "mask", size=(90, 120), steps=1),
    ):
        with pytest.raises(ModelInputError) as caught:
            run()
        assert str(caught.value) == MULTIPLES_OF_8
    result = layersight.activations(model, image(88, 120), layers="mask")
    assert result["mask"].shape == (1, 88, 120, 1)


@pytest.mark.one_backend
def test_layers_before_the_sizes_meet_are_shown():
    model = layersight.load_model(unet())
    result = layersight.activations(model, image(90, 120), layers="down*", predictions=True)
    assert result["down2"].shape == (1, 22, 30, 2)
    assert result.notes[-1] == MULTIPLES_OF_8
    assert not any(result.predictions)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("given", "size", "words"),
    [
        ({"order": "channels_first"}, (90, 120), "must be multiples of 8: .* give --size 88x120$"),
        ({"factor": 3, "pools": 2}, (90, 121), "must be multiples of 9: .* give --size 90x117$"),
        ({"factor": (1, 4), "pools": 1}, (91, 30), "the width .* a multiple of 4: .* 91x28$"),
    ],
)
def test_other_ways_to_divide(given, size, words):
    model = layersight.load_model(unet(**given))
    with pytest.raises(ModelInputError, match=words):
        layersight.activations(model, image(*size))


@pytest.mark.one_backend
def test_every_size_from_some_on_is_no_rule():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 3, name="one")(keras.layers.Conv2D(2, 9)(inputs))
    with pytest.raises(ModelInputError, match=r"layer 'one' .* too small for it"):
        layersight.activations(layersight.load_model(keras.Model(inputs, x)), image(9, 10))
