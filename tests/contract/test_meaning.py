"""What is no class is not called one, from the network to the words of every face."""

import json
import re

import keras
import models
import numpy as np
import pytest

import layersight
from layersight.errors import ModelFileError, ModelInputError, UnsafeModelError
from layersight.frameworks.keras.model import NO_WEIGHTS
from layersight.loading import load_model
from layersight.notebook import to_html
from layersight.nouns.heatmaps.document import describe
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.wording import captions, facts, target_name
from layersight.writers.terminal import to_text

pytestmark = pytest.mark.one_backend

LAYERS = keras.layers


@pytest.fixture(scope="module")
def car():
    """Two outputs of one number each: a steering angle below zero, and a throttle."""
    inputs = keras.Input((16, 16, 3))
    hidden = LAYERS.Flatten()(models.conv(4, "conv")(inputs))
    angle = LAYERS.Dense(1, activation="tanh", name="angle")(hidden)
    live = keras.Model(inputs, [angle, LAYERS.Dense(1, name="throttle")(hidden)])
    models.randomise(live)
    kernel, bias = live.get_layer("angle").get_weights()
    live.get_layer("angle").set_weights([0.01 * kernel, bias - 0.5])
    return load_model(live)


def picture():
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)


def test_a_regression_is_raised_or_lowered(car, tmp_path):
    result = layersight.heatmap(car, picture(), scale="0..1", target=["angle:0", "not angle:0"])
    assert [target_name(result, entry) for entry in result] == ["raises angle", "lowers angle"]
    words = facts(result, result.maps[0], HeatOptions())
    assert words.startswith("value -0.")
    assert "before tanh -" in words
    layersight.save(result, tmp_path / "found.html")
    page = (tmp_path / "found.html").read_text("utf-8")
    text = " ".join(
        [
            to_text(describe(result, HeatOptions())),
            *captions(result, HeatOptions()),
            to_html(result),
        ]
    )
    text += re.sub(r"&#34;.*?&#34;|<script.*?</script>|<meta[^>]*>", "", page, flags=re.DOTALL)
    assert "logit" not in text
    assert "class 0" not in text
    assert "raises angle" in page
    throttle = layersight.heatmap(car, picture(), scale="0..1", target="throttle:0")
    assert "before" not in facts(throttle, throttle.maps[0], HeatOptions())


def test_what_is_shown_of_a_negative_value_is_said(car):
    result = layersight.heatmap(car, picture(), scale="0..1")
    assert result.maps[0].score < 0
    assert any("shown is what raises it (a negative one" in note for note in result.notes)
    predictions = result.predictions[0]
    assert [(entry.output, entry.kind) for entry in predictions] == [
        ("angle", "value"),
        ("throttle", "value"),
    ]
    assert predictions[0].describe().startswith("value -0.")


def test_an_output_that_is_a_picture_is_no_list_of_classes(tmp_path):
    inputs = keras.Input((8, 8, 3))
    outputs = LAYERS.Conv2D(3, 1, activation="sigmoid", name="rgb")(models.conv(4, "conv")(inputs))
    model = load_model(models.randomise(keras.Model(inputs, outputs)))
    result = layersight.heatmap(model, picture()[:8, :8], scale="0..1", method="gradient")
    values = model.forward({model.info.inputs[0].name: result.images[0].values[None]}, ["rgb"])
    means = values.layers["rgb"][0].mean((0, 1))
    assert result.maps[0].target.unit == int(means.argmax())
    assert result.maps[0].target.where == "mean"
    assert result.maps[0].score == pytest.approx(float(means.max()), abs=1e-5)
    assert target_name(result, result.maps[0]) == f"raises rgb, channel {means.argmax()}"
    assert any("is a picture and no classes" in note for note in result.notes)
    layersight.save(result, tmp_path / "found.json")
    text = json.loads((tmp_path / "found.json").read_text("utf-8"))
    prediction = text["images"][0]["predictions"][0]
    assert (prediction["kind"], prediction["shape"], prediction["top"]) == (
        "picture",
        [8, 8, 3],
        [],
    )


def test_the_example_of_a_steering_angle(data):
    model = load_model(data.parent / "cases" / "regression_negative.keras")
    photo = data.parent / "cases" / "photo.jpg"
    result = layersight.heatmap(model, photo, scale="0..1")
    assert result.maps[0].score == pytest.approx(-0.47, abs=0.005)
    assert target_name(result, result.maps[0]) == "raises angle"


def test_a_file_without_weights_is_not_called_dead(tmp_path):
    live = keras.Sequential([LAYERS.Conv2D(2, 3, activation="relu"), LAYERS.Flatten()])
    with pytest.warns(UserWarning, match="not yet been built"):
        live.save(tmp_path / "never.keras")
    model = load_model(tmp_path / "never.keras")
    assert model.info.notes == ("the file " + NO_WEIGHTS,)
    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"never.keras holds no weights, .* save it again"):
            layersight.activations(model, picture(), scale="0..1")
    bare = keras.Sequential([LAYERS.Flatten()])
    with pytest.warns(UserWarning, match="not yet been built"):
        bare.save(tmp_path / "bare.keras")
    result = layersight.activations(load_model(tmp_path / "bare.keras"), picture(), scale="0..1")
    assert next(iter(result.values())).shape == (1, 768)


def test_a_file_without_weights_makes_none_that_are_too_large(tmp_path):
    live = keras.Sequential([LAYERS.Flatten(), LAYERS.Dense(100_000)])
    with pytest.warns(UserWarning, match="not yet been built"):
        live.save(tmp_path / "never.keras")
    model = load_model(tmp_path / "never.keras", max_memory="16M")
    for _ in range(2):
        with pytest.raises(UnsafeModelError, match=r"keras asks for weights of more than 16 MiB"):
            layersight.activations(model, picture(), scale="0..1")
        assert not model.model.weights


@pytest.mark.one_backend
def test_a_model_that_was_never_called_is_not_built_for_a_size_that_is_made_up(tmp_path):
    live = keras.Sequential([LAYERS.Conv2D(2, 3, name="c"), LAYERS.BatchNormalization(name="n")])
    with pytest.warns(UserWarning, match="not yet been built"):
        live.save(tmp_path / "never.keras")
    model = load_model(live)
    assert model.moving_statistics() == ()
    for opened, words in (
        (model, "has no input shape yet: call it on one image first"),
        (load_model(tmp_path / "never.keras"), NO_WEIGHTS),
    ):
        with pytest.raises(ModelFileError, match=words):
            opened.kernel("c")
        with pytest.raises(ModelFileError, match=words), opened.randomised(["c"], 0):
            pass
        assert not opened.model.built
    live(np.zeros((1, 8, 8, 3), "float32"))
    assert model.kernel("c").shape == (3, 3, 3, 2)


@pytest.mark.one_backend
def test_moving_statistics_need_no_other_question_first():
    live = keras.Sequential([keras.Input((8, 8, 3)), LAYERS.BatchNormalization(name="n")])
    (result,) = load_model(live).moving_statistics()
    assert (result.layer, result.inputs) == ("n", (load_model(live).info.inputs[0].name,))


@pytest.fixture(scope="module")
def siamese():
    """Two pictures through one network; the distance of what it makes of them."""
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    conv, flat = models.conv(2, "conv"), LAYERS.Flatten()
    gap = LAYERS.Subtract()([flat(conv(left)), flat(conv(right))])
    distance = keras.ops.sqrt(keras.ops.sum(keras.ops.square(gap), axis=-1, keepdims=True))
    outputs = LAYERS.Dense(1, activation="sigmoid")(distance)
    return load_model(models.randomise(keras.Model([left, right], outputs)))


def test_a_network_that_compares_two_pictures_asks_for_two(siamese):
    one, other = picture()[:8, :8], picture()[8:, 8:]
    with pytest.raises(ModelInputError) as raised:
        layersight.heatmap(siamese, one, scale="0..1")
    message = str(raised.value)
    assert "the same image went to left and right" in message
    assert (
        "--input left=FILE --input right=FILE (from Python {'left': ..., 'right': ...})" in message
    )
    assert "\n" not in message
    result = layersight.heatmap(
        siamese, {"left": one, "right": other}, scale="0..1", method="hirescam"
    )
    assert np.isfinite(result.maps[0].values).all()
