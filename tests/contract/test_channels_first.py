"""Channels-first layers where an image is as wide as it has channels: nothing to guess from."""

import importlib

import keras
import numpy as np
import pytest

from layersight.frameworks.graph.patches import patched
from layersight.loading import load_model

SIDE = 5

CLASSES = (
    *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    *("SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"),
)


def axes_of(kind):
    return int(kind[kind.index("D", 1) - 1] if "Depth" not in kind else kind[-2])


def model_of(kind, order):
    sizes = (SIDE,) * axes_of(kind)
    shape = (SIDE, *sizes) if order == "channels_first" else (*sizes, SIDE)
    settings = {"padding": "same", "data_format": order, "name": "layer"}
    make = getattr(keras.layers, kind)
    layer = make(3, **settings) if "Depthwise" in kind else make(SIDE, 3, **settings)
    model = keras.Sequential([keras.Input(shape), layer])
    draw = np.random.default_rng(1)
    model.set_weights([draw.normal(size=weight.shape) for weight in model.weights])
    return model


@pytest.mark.parametrize("kind", CLASSES)
def test_a_bias_goes_to_the_channels(kind):
    image = np.random.default_rng(0).random((2, *(SIDE,) * axes_of(kind), SIDE), "float32")
    result = {}
    for order in ("channels_first", "channels_last"):
        model = load_model(model_of(kind, order))
        name = model.info.inputs[0].name
        result[order] = model.forward({name: image}, ["layer"]).layers["layer"]
    np.testing.assert_allclose(*result.values(), rtol=1e-5, atol=1e-5)


def test_a_sum_of_tensors_goes_along_their_axes():
    image = np.random.default_rng(0).random((1, SIDE, SIDE, SIDE), "float32")
    inputs = keras.Input((SIDE, SIDE, SIDE), name="image")
    rows = keras.layers.MaxPooling2D((1, SIDE), name="rows")(inputs)
    top = keras.layers.MaxPooling3D((1, 1, SIDE), name="top")(
        keras.layers.Reshape((SIDE, 1, SIDE, 1), name="spread")(rows)
    )
    rows = keras.layers.Reshape((SIDE, 1, 1), name="column")(top)
    model = load_model(keras.Model(inputs, keras.layers.Add(name="sum")([inputs, rows])))
    result = model.forward({"image": image}, ["sum"]).layers["sum"]
    np.testing.assert_allclose(result, image + image.max(axis=(2, 3), keepdims=True), rtol=1e-6)


def test_the_sum_of_keras_is_restored():
    plain = importlib.import_module("keras.src.backend.tensorflow.numpy")
    runner = importlib.import_module("layersight.frameworks.keras.backends.tensorflow")
    before = plain.add

    def run():
        with patched(runner.adding_by_axis):
            with patched(runner.adding_by_axis):
                assert plain.add is not before
            assert plain.add is not before
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        run()
    assert plain.add is before
