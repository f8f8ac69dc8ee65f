"""The pixels that a network wants, told by what it computes of its input before its weights.

``references/keras2_stems.json`` holds the configurations that the Keras 2 of tf_keras 2.21 saved
(``model.to_json()``) for networks written in its own ways, and what their authors fed.
"""

import json
from pathlib import Path

import keras
import models
import numpy as np
import pytest
import stems
from keras import layers

import layersight
import legacy
from layersight.data.preprocessing import SCALES

COLOURS = np.array([[200, 120, 40], [30, 90, 250]], np.uint8)

EVERYWHERE = {
    *("adapted", "rescaling_normalization", "preprocess_caffe", "split", "log", "cast", "bytes"),
    *("in_a_model_with_ops", "augmented", "resized", "padded", "pooled", "turned", "any_size"),
    *("grey_of_colours", "from_unit_clipped", "named", "plain"),
}
"""One case for each kind of operation: a stem is computed by the backend, and judged in NumPy."""


def cases(names):
    """All of them on one backend, those above on the others."""
    marks = pytest.mark.one_backend
    return [name if name in EVERYWHERE else pytest.param(name, marks=marks) for name in names]


KERAS_2 = json.loads((Path(__file__).parent / "references" / "keras2_stems.json").read_text())


def plain(colour, shape):
    """A picture of one colour, which resizing, turning and pooling leave as it is."""
    height, width, channels = (size or stems.SIDE for size in shape)
    return np.broadcast_to(colour[:channels], (height, width, channels)).copy()


def check(model, core, kernel, bias, shape, fed, words):
    """Checks that the first weights get what their author fed, and that the reason says how."""
    loaded = layersight.load_model(model)
    name = next(layer.name for layer in loaded.info.layers if layer.name.endswith("conv"))
    for colour in COLOURS:
        image = layersight.load_image(plain(colour, shape), loaded)
        got = loaded.forward({loaded.info.inputs[0].name: image.values[None]}, [name]).layers[name]
        wanted = core(colour[: shape[-1]].astype(np.float64)) @ kernel[0, 0] + bias
        middle = got[0, got.shape[1] // 2, got.shape[2] // 2]
        np.testing.assert_allclose(middle, wanted, rtol=2e-3, atol=2e-3)
    assert words in image.preprocessing.reason
    assert image.preprocessing.name == fed


@pytest.mark.parametrize("name", cases(stems.CASES))
def test_the_first_weights_get_what_their_author_fed(name, tmp_path):
    case = stems.CASES[name]
    model = stems.network(case)
    kernel, bias = (w.numpy() for w in _conv(model).weights)
    model.save(tmp_path / "model.keras")
    check(tmp_path / "model.keras", case.core, kernel, bias, case.shape, case.fed, case.told)


def _conv(model):
    return next(x for x in model._flatten_layers() if x.name == "conv")


@pytest.mark.parametrize("name", cases(KERAS_2))
def test_files_of_keras_2_scale_by_operations_too(name, tmp_path):
    case = KERAS_2[name]
    draw = np.random.default_rng(1)
    kernel, bias = (draw.normal(size=shape).astype("float32") for shape in ((1, 1, 3, 3), (3,)))
    weights = {case["holder"]: {"conv/kernel:0": kernel, "conv/bias:0": bias}}
    path = legacy.write(tmp_path / "old.h5", case["config"], weights, version=case["version"])
    core = {"unit": stems.unit, "sides": stems.sides, "caffe": stems.caffe}[case["core"]]
    words = "scales its input itself" if case["fed"] == "none" else "goes on from"
    check(path, core, kernel, bias, (stems.SIDE, stems.SIDE, 3), case["fed"], words)


@pytest.mark.one_backend
@pytest.mark.parametrize("name", stems.ELSEWHERE)
def test_arithmetic_elsewhere_is_not_taken_for_that_of_the_input(name):
    image = layersight.load_image(
        plain(COLOURS[0], (stems.SIDE, stems.SIDE, 3)),
        layersight.load_model(stems.ELSEWHERE[name]()),
    )
    assert image.preprocessing.name == "0..1"
    assert "not known" in image.preprocessing.reason


def test_a_model_that_standardises_every_picture_takes_them_as_they_are():
    inputs = keras.Input((stems.SIDE, stems.SIDE, 3))
    axes = (1, 2, 3)
    mean = keras.ops.mean(inputs, axis=axes, keepdims=True)
    hidden = (inputs - mean) / (keras.ops.std(inputs, axis=axes, keepdims=True) + 1e-6)
    model = models.randomise(keras.Model(inputs, layers.Conv2D(2, 3, name="conv")(hidden)))
    (entry,) = layersight.load_model(model).info.inputs
    assert entry.preprocessing is not None
    assert entry.preprocessing.name == "none"
    assert "standardises every picture itself" in entry.preprocessing.reason


class Subclassed(keras.Model):
    """Scales in its own code."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(2, 3)
        self.pool = layers.GlobalAveragePooling2D()

    def call(self, x):
        return self.pool(self.conv(x / 127.5 - 1))


def test_a_subclassed_model_is_asked_up_to_its_first_weights():
    model = Subclassed()
    model(np.zeros((1, stems.SIDE, stems.SIDE, 3), "float32"))
    image = layersight.load_image(
        plain(COLOURS[0], (stems.SIDE, stems.SIDE, 3)), layersight.load_model(model)
    )
    assert image.preprocessing.name == "none"
    assert "pixels / 127.5 - 1 in its own code" in image.preprocessing.reason
    assert "call" not in model.conv.__dict__


class Stubborn(layers.Layer):
    """Computes nothing of several pictures."""

    def call(self, x):
        if not isinstance(x, keras.KerasTensor) and x.shape[0] not in (None, 1):
            raise RuntimeError("a stranger's bug")
        return x * 1.0

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape)


class StubbornModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.stubborn, self.conv = Stubborn(), layers.Conv2D(2, 3)

    def call(self, x):
        return self.conv(self.stubborn(x))


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", ["graph", "class"])
def test_why_a_stem_tells_nothing_is_noted(kind, caplog):
    """It may be the fault of a stranger's layer, or of the code that runs it."""
    model = StubbornModel()
    if kind == "graph":
        inputs = keras.Input((8, 8, 3))
        model = keras.Model(inputs, layers.Conv2D(2, 3)(Stubborn()(inputs)))
    else:
        model(np.zeros((1, 8, 8, 3), "float32"))
    with caplog.at_level("DEBUG", "layersight"):
        opened = layersight.load_model(model)
        opened.describe({entry.name: (1, 8, 8, 3) for entry in opened.info.inputs})
    assert "not run on" in caplog.text
    assert "a stranger's bug" in caplog.text


def test_each_frame_is_scaled_by_the_model_around_it():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Conv2D(2, 3)]
    )
    inputs = keras.Input((4, 8, 8, 3))
    hidden = layers.GlobalAveragePooling3D()(layers.TimeDistributed(inner)(inputs))
    (entry,) = layersight.load_model(keras.Model(inputs, hidden)).info.inputs
    assert entry.preprocessing is not None
    assert entry.preprocessing.name == "none"


def test_each_of_several_inputs_is_settled_by_itself():
    raw, given, named = (keras.Input((8, 8, 3), name=name) for name in ("raw", "given", "named"))
    inner = keras.Input((8, 8, 3))
    body = keras.Model(inner, layers.Conv2D(2, 3)(inner), name="vgg16")
    parts = [layers.Conv2D(2, 3)(raw / 255), layers.Conv2D(2, 3)(given), body(named)]
    model = models.randomise(keras.Model([raw, given, named], layers.Concatenate()(parts)))
    loaded = layersight.load_model(model)
    wanted = {"raw": "none", "given": "0..1", "named": "caffe"}
    picture = plain(COLOURS[0], (8, 8, 3))
    for name, scale in wanted.items():
        image = layersight.load_image(picture, loaded, input_name=name)
        assert image.preprocessing.name == scale
        np.testing.assert_array_equal(image.values, SCALES[scale].apply(picture))


def test_inputs_that_meet_before_they_are_scaled():
    left, right = (keras.Input((8, 8, 3), name=name) for name in ("left", "right"))
    joined = layers.Rescaling(1 / 255, name="rescale")(layers.Concatenate()([left, right]))
    model = keras.Model([left, right], layers.Conv2D(2, 3)(joined))
    for entry in layersight.load_model(model).info.inputs:
        assert entry.preprocessing is not None
        assert entry.preprocessing.name == "none"


def test_numbers_are_seen_as_the_network_sees_them():
    inputs = keras.Input((784,))
    hidden = layers.Reshape((28, 28, 1))(inputs / 255)
    model = keras.Model(inputs, layers.Conv2D(2, 3)(hidden))
    (entry,) = layersight.load_model(model).info.inputs
    assert entry.preprocessing is not None
    assert entry.preprocessing.name == "none"


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("file", "wanted"),
    # What Keras 3 and tf_keras 2.21 give for the raw pixels; the two have weights of their own.
    [("transfer_lesson_scales_inside.keras", 0.37297), ("transfer_lesson_keras2.h5", -0.07180)],
)
def test_the_lesson_gives_what_keras_gives_for_raw_pixels(data, file, wanted):
    cases = data.parent / "cases"
    maps = layersight.activations(
        layersight.load_model(cases / file), cases / "photo.jpg", layers="dense*"
    )
    np.testing.assert_allclose(maps.layers[0].values, [[wanted]], atol=5e-4)
