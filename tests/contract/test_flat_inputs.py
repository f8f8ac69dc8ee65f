"""Pictures for inputs without a channel axis, and for vectors that the network reshapes."""

import keras
import models
import numpy as np
import pytest
from keras import layers

import layersight
from layersight.data.readout import Readout
from layersight.errors import ImageError, ModelInputError

DIGIT = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)


def net(*start, shape, name="flat"):
    """A network of a convolution behind whatever makes a picture of the input."""
    body = [models.conv(3, "conv"), layers.Flatten(name="all"), layers.Dense(2, name="top")]
    return models.randomise(keras.Sequential([keras.Input(shape), *start, *body], name=name))


def expanded():
    inputs = keras.Input((12, 12))
    maps = models.conv(3, "conv")(keras.ops.expand_dims(inputs / 2.0, -1))
    outputs = layers.Dense(2, name="top")(layers.Flatten(name="all")(maps))
    return models.randomise(keras.Model(inputs, outputs, name="flat"))


def channels_first():
    return net(layers.Reshape((3, 12, 12)), layers.Permute((2, 3, 1)), shape=(432,))


FORMS = {
    "rows": (lambda: net(layers.Reshape((12, 12, 1)), shape=(12, 12)), (12, 12, 1)),
    "vector": (
        lambda: net(layers.Rescaling(2.0), layers.Reshape((12, 12, 1)), shape=(144,)),
        (12, 12, 1),
    ),
    "twice": (
        lambda: net(layers.Reshape((12, 12)), layers.Reshape((12, 12, 1)), shape=(144,)),
        (12, 12, 1),
    ),
    "colours": (lambda: net(layers.Reshape((12, 12, 3)), shape=(432,)), (12, 12, 3)),
    "first": (channels_first, (12, 12, 3)),
    "expanded": (expanded, (12, 12, 1)),
}


def plain(network, example):
    """What Keras itself makes of one example, as NumPy."""
    return keras.ops.convert_to_numpy(network(example[None].astype("float32")))


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_goes_to_an_input_with_fewer_axes(form):
    make, picture = FORMS[form]
    network = make()
    model = layersight.load_model(network)
    assert model.info.inputs[0].picture == picture
    digit = np.stack([DIGIT, DIGIT.T, DIGIT[::-1]], -1) if picture[2] == 3 else DIGIT
    values = digit.astype(np.float32) / 255
    if form == "first":
        values = np.moveaxis(values, -1, 0)
    own = values.reshape(network.input_shape[1:])
    result = layersight.activations(model, digit, scale="0..1")
    np.testing.assert_allclose(result["top"], plain(network, own), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(result.images[0].pixels, digit.reshape(picture))
    # The numbers as the network itself takes them, alone and in a batch, say the same.
    again = layersight.activations(model, own)
    np.testing.assert_allclose(again["top"], result["top"], rtol=1e-5, atol=1e-5)
    assert again.images[0].values.shape == picture
    assert layersight.activations(model, np.stack([own, own]))["top"].shape == (2, 2)


@pytest.mark.parametrize("form", ["rows", "colours", "first"])
def test_heatmaps_and_patterns_are_drawn_as_the_picture(form):
    make, picture = FORMS[form]
    network = make()
    model = layersight.load_model(network)
    digit = np.stack([DIGIT, DIGIT.T, DIGIT[::-1]], -1) if picture[2] == 3 else DIGIT
    maps = layersight.heatmap(
        model, digit, method=["gradient", "grad-cam", "occlusion"], target="top:1", scale="0..1"
    )
    assert [one.values.shape for one in maps.maps] == [(12, 12)] * 3
    # The slope at one pixel, by differences.
    values = digit.astype(np.float32) / 255
    scores = []
    for step in (-0.01, 0.01):
        moved = values.copy()
        moved[3, 5] += step
        moved = np.moveaxis(moved, -1, 0) if form == "first" else moved
        scores.append(plain(network, moved.reshape(network.input_shape[1:]))[0, 1])
    slope = model.differentiate(
        {model.info.inputs[0].name: values.reshape(1, *picture)},
        (unit_of("top", 1, 2),),
        by=[model.info.inputs[0].name],
    ).inputs[model.info.inputs[0].name]
    assert slope.shape == (1, *picture)
    assert slope[0, 3, 5].sum() == pytest.approx((scores[1] - scores[0]) / 0.02, rel=2e-2)
    result = layersight.patterns(model, "conv", "0", steps=3, patience=0)
    assert result.values.shape == (1, *picture)
    with pytest.raises(ModelInputError, match=r"expects .*12, 12, .* found \(None, 16, 16,"):
        layersight.patterns(model, "conv", "0", steps=3, size=16)


def unit_of(layer, unit, count):
    return Readout(layer, np.eye(count, dtype=np.float32)[None, unit])


def test_a_vector_that_could_be_a_picture_takes_one_if_it_is_given():
    dense = [keras.Input((144,)), layers.Dense(5, name="hidden"), layers.Dense(2, name="top")]
    network = models.randomise(keras.Sequential(dense, name="dense"))
    model = layersight.load_model(network)
    assert model.info.inputs[0].picture is None
    result = layersight.activations(model, DIGIT)
    own = DIGIT.reshape(144) / np.float32(255)
    np.testing.assert_allclose(result["top"], plain(network, own), rtol=1e-4, atol=1e-4)
    assert "12 x 12 flattened row by row to 144 numbers" in result.images[0].steps
    assert result.model.inputs[0].picture == (12, 12, 1)
    assert layersight.heatmap(model, DIGIT, method="gradient").maps[0].values.shape == (12, 12)
    assert layersight.patterns(model, "top", "0", steps=2, size=12).values.shape == (1, 12, 12, 1)
    # Nothing says that numbers are a picture.
    assert layersight.activations(model, own).images[0].values.shape == (144,)
    assert any("seed 0" in note for note in layersight.activations(model).notes)
    row = layersight.heatmap(model, own, method="gradient")
    assert row.maps[0].values.shape == (144,)
    assert any("if they are a picture of 12 x 12, give an image" in note for note in row.notes)
    with pytest.raises(ModelInputError, match="say so with the size 12x12"):
        layersight.patterns(model, "top", "0", steps=2)


@pytest.mark.one_backend
@pytest.mark.parametrize("shape", [(10,), (187, 1), (30, 5), (50, 4)])
def test_what_is_no_picture_takes_none(shape):
    start = [keras.Input(shape), layers.Flatten(name="all"), layers.Dense(2, name="top")]
    model = layersight.load_model(keras.Sequential(start))
    with pytest.raises(ModelInputError, match="takes no image"):
        layersight.activations(model, "photo.png")


@pytest.mark.one_backend
def test_an_array_of_another_size_is_one_line():
    model = layersight.load_model(FORMS["vector"][0]())
    with pytest.raises(ImageError, match=r"expected \(12, 12, 1\) .*found \(143,\)"):
        layersight.activations(model, np.zeros(143, np.float32))
