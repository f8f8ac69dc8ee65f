"""A live model of Keras 2 is opened as data, on every backend, and every verb works on it."""

import numpy as np
import pytest
import tf_keras

import layersight
from layersight.errors import ModelFileError, UnsafeModelError


@pytest.fixture(scope="module")
def live():
    layers = tf_keras.layers
    inner = tf_keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.LeakyReLU(0.3, name="leaky"),
        ],
        name="inner",
    )
    inputs = layers.Input((16, 16, 3), name="picture")
    hidden = layers.DepthwiseConv2D(3, activation="hard_sigmoid", name="depth")(inner(inputs))
    hidden = layers.GlobalAveragePooling2D(name="gap")(hidden)
    model = tf_keras.Model(inputs, layers.Dense(2, activation="softmax", name="top")(hidden))
    draw = np.random.default_rng(0)
    model.set_weights([np.abs(draw.normal(size=w.shape)) for w in model.get_weights()])
    return model


IMAGE = np.random.default_rng(1).random((16, 16, 3)).astype("float32")


def test_its_numbers_are_those_of_keras_2(live):
    model = layersight.load_model(live)
    result = layersight.activations(model, IMAGE, predictions=True)
    inner = live.get_layer("inner")
    expected = inner.get_layer("conv")(IMAGE[None])
    np.testing.assert_allclose(result["inner/conv"], expected, rtol=1e-5, atol=1e-6)
    top = result["top"]
    np.testing.assert_allclose(top, live(IMAGE[None], training=False), rtol=1e-5, atol=1e-6)
    assert model.info.parameters == live.count_params()
    assert any("hard-sigmoid" in text for text in model.info.rewrites)


def test_every_verb_works_on_it(live, tmp_path):
    model = layersight.load_model(live, labels=("cat", "dog"))
    assert layersight.heatmap(model, IMAGE, target="dog").maps[0].values.shape == (16, 16)
    assert layersight.patterns(model, "inner/conv", steps=2, size=(16, 16)).values.shape[0] == 4
    assert layersight.kernels(model, "inner/conv").layers
    layersight.convert(model, tmp_path / "new.keras")
    again = layersight.load_model(tmp_path / "new.keras")
    expected = live(IMAGE[None], training=False)
    np.testing.assert_allclose(
        layersight.activations(again, IMAGE)["top"], expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.one_backend
def test_the_digest_is_that_of_configuration_and_weights(live):
    first, second = (layersight.load_model(live).info.digest for _ in range(2))
    assert first == second
    weights = live.get_weights()
    try:
        live.set_weights([weights[0] + 1, *weights[1:]])
        assert layersight.load_model(live).info.digest != first
    finally:
        live.set_weights(weights)


@pytest.mark.one_backend
def test_a_subclassed_model_has_no_configuration():
    class Own(tf_keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelFileError, match="no configuration of its own"):
        layersight.load_model(Own())


@pytest.mark.one_backend
def test_code_in_it_is_not_run_either():
    layers = tf_keras.layers
    odd = layers.Lambda(lambda x: __import__("os") and x, name="odd")
    model = tf_keras.Sequential([layers.Input((4, 4, 3)), layers.Conv2D(1, 1, name="conv"), odd])
    opened = layersight.load_model(model)
    image = np.zeros((4, 4, 3), "float32")
    assert layersight.activations(opened, image, layers="conv")["conv"].shape == (1, 4, 4, 1)
    with pytest.raises(UnsafeModelError, match="'odd'"):
        layersight.activations(opened, image, layers="odd")
