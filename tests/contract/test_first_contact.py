"""Every verb takes what a person has: a live model, a path, or what ``load_model`` gave."""

import numpy as np
import pytest
from models import randomise, sequential

import layersight
from layersight.errors import UsageError

IMAGE = np.random.default_rng(0).random((16, 16, 3), np.float32)

VERBS = {
    "summary": lambda model: layersight.summary(model).parameters,
    "activations": lambda model: layersight.activations(model, IMAGE)["conv"],
    "load_image": lambda model: layersight.load_image(IMAGE, model).values,
    "kernels": lambda model: layersight.kernels(model, "conv").layers[0].values,
    "patterns": lambda model: layersight.patterns(model, "conv", "0", steps=2).images,
    "heatmap": lambda model: layersight.heatmap(model, IMAGE).maps[0].values,
    "evaluate": lambda model: (
        layersight.evaluate(model, [IMAGE], methods="grad-cam", metrics="deletion", points=4).values
    ),
}


@pytest.mark.one_backend
@pytest.mark.parametrize("verb", VERBS)
def test_a_live_model_a_path_and_a_model_are_the_same(verb, tmp_path):
    live = randomise(sequential())
    path = tmp_path / "model.keras"
    live.save(path)
    wanted = VERBS[verb](layersight.load_model(path))
    for given in (live, path, str(path)):
        np.testing.assert_array_equal(VERBS[verb](given), wanted)


@pytest.mark.one_backend
def test_a_live_model_is_shown_as_it_is_now():
    live = randomise(sequential())
    before = layersight.activations(live, IMAGE)
    live.get_layer("conv").kernel.assign(live.get_layer("conv").kernel * 2)
    after = layersight.activations(live, IMAGE)
    assert not np.array_equal(after["conv"], before["conv"])
    assert after.model.digest != before.model.digest


@pytest.mark.one_backend
def test_a_sigmoid_without_names_can_be_asked_for():
    import keras

    live = randomise(
        keras.Sequential(
            [
                keras.Input((16, 16, 3)),
                keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
                keras.layers.GlobalAveragePooling2D(name="mean"),
                keras.layers.Dense(1, activation="sigmoid", name="top"),
            ]
        )
    )
    one, other = layersight.heatmap(live, IMAGE, target=["1", "0"], method="gradient-x-input")
    np.testing.assert_allclose(one.values, -other.values, rtol=1e-5)
    assert one.score + other.score == pytest.approx(1)
    named = layersight.load_model(live, labels=["cat", "dog"])
    (cat,) = layersight.heatmap(named, IMAGE, target="cat", method="gradient-x-input")
    np.testing.assert_allclose(cat.values, other.values, rtol=1e-4, atol=1e-8)
    with pytest.raises(UsageError, match="labels"):
        layersight.load_model(named, labels=["a", "b"])
