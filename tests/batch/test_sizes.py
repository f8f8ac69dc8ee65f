"""Sizes and counts from the user, and inputs of no size: one line, whatever is asked for."""

import keras
import numpy as np
import pytest

import layersight
from layersight.cli.app import parse_size
from layersight.errors import ModelInputError, UsageError

PICTURE = np.zeros((9, 12, 3), np.uint8)


@pytest.fixture(scope="module")
def model():
    layers = keras.layers
    return layersight.load_model(
        keras.Sequential(
            [
                keras.Input((None, None, 3)),
                layers.Conv2D(2, 3, padding="same", name="c"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2, activation="softmax"),
            ]
        )
    )


VERBS = {
    "activations": lambda model, **more: layersight.activations(model, PICTURE, **more),
    "heatmap": lambda model, **more: layersight.heatmap(model, PICTURE, method="gradient", **more),
    "patterns": lambda model, **more: layersight.patterns(model, layers="c", steps=1, **more),
    "evaluate": lambda model, **more: layersight.evaluate(
        model, [PICTURE], methods="gradient", metrics="deletion", **more
    ),
    "load_image": lambda model, **more: layersight.load_image(PICTURE, model, **more),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "size",
    [
        *((0, 5), (-3, 4), (10**6, 1), (1, 1 << 70), (60_000, 60_000), 0, -7),
        *((4,), (4, 4, 4), (), (2.5, 4), (float("nan"), 4), "96", {4: 5}, (None, 4), 4.0),
    ],
)
def test_a_size_that_no_image_has(model, verb, size):
    with pytest.raises(UsageError, match=r"^expected a (size|canvas) (of 1 to|as height)") as told:
        VERBS[verb](model, size=size)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("verb", ["activations", "heatmap", "load_image"])
@pytest.mark.parametrize("size", [7, (7, 7), [7, 7], np.array([7, 7]), (np.int64(7), 7)])
def test_a_size_of_any_whole_numbers(model, verb, size):
    found = VERBS[verb](model, size=size)
    image = found if verb == "load_image" else found.images[0]
    assert image.values.shape == (7, 7, 3)


@pytest.mark.parametrize("text", ["1000000x1", "0x5", "0", "65536", "20000x20000"])
def test_a_size_on_the_command_line(text):
    with pytest.raises(UsageError, match=r"^expected --size of 1 to 65535 pixels a side and 150 "):
        parse_size(text)


@pytest.mark.parametrize("verb", ["activations", "heatmap", "patterns", "evaluate"])
@pytest.mark.parametrize("count", [0, -1, 1.5, "3", float("nan")])
def test_a_batch_of_no_images(model, verb, count):
    with pytest.raises(UsageError, match=rf"found batch_size={count!r}"):
        VERBS[verb](model, batch_size=count)


@pytest.mark.parametrize("shape", [(0, 5, 3), (8, 8, 0), (0,), (4, 0)])
@pytest.mark.parametrize("verb", ["activations", "heatmap", "patterns", "evaluate"])
def test_an_input_of_no_size(verb, shape):
    entry = keras.Input(shape, name="nothing")
    model = layersight.load_model(keras.Model(entry, keras.layers.ReLU()(entry)))
    assert [layer.name for layer in model.info.layers]
    with pytest.raises(ModelInputError, match=r"input 'nothing' of shape .* has a size of 0"):
        VERBS[verb](model)
