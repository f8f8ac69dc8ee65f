"""Files whose inputs are not plain pictures, next to what plain Keras says of them."""

import keras
import numpy as np
import pytest
from PIL import Image

import layersight

pytestmark = pytest.mark.one_backend


def plain(path, *inputs):
    """The only output of a file, as plain Keras computes it."""
    model = keras.models.load_model(path, compile=False)
    result = model(inputs[0] if len(inputs) == 1 else list(inputs))
    return keras.ops.convert_to_numpy(keras.tree.flatten(result)[0])


@pytest.mark.parametrize("name", ["grey_28x28_no_channel_axis", "flat_784_reshaped_inside"])
def test_a_picture_or_its_numbers(data, name):
    cases = data.parent / "cases"
    model = layersight.load_model(cases / f"{name}.keras")
    (entry,) = model.info.inputs
    assert (entry.picture, entry.size) == ((28, 28, 1), (28, 28))
    grey = Image.open(cases / "photo.jpg").convert("L").resize((28, 28), Image.Resampling.NEAREST)
    digit = np.load(cases / "digit_784.npy")
    own = tuple(entry.shape[1:])
    maps = layersight.activations(model, cases / "photo.jpg", predictions=True, scale="0..1")
    expected = plain(cases / f"{name}.keras", (np.asarray(grey) / 255).reshape(1, *own))
    last = model.info.layers[-1].name
    np.testing.assert_allclose(maps[last], expected, rtol=1e-4, atol=1e-5)
    numbers = layersight.activations(model, digit.reshape(own))
    expected = plain(cases / f"{name}.keras", digit.reshape(1, *own))
    np.testing.assert_allclose(numbers[last], expected, rtol=1e-4, atol=1e-5)
    heat = layersight.heatmap(model, digit.reshape(own), method=["grad-cam", "gradient"])
    assert [one.values.shape for one in heat.maps] == [(28, 28)] * 2
    layer = next(entry.name for entry in model.info.layers if entry.type == "Conv2D")
    assert layersight.patterns(model, layer, "0", steps=2).images.shape == (1, 28, 28, 3)


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_the_keys_of_a_model(data):
    path = data.parent / "cases" / "dict_keys_not_input_names.keras"
    model = layersight.load_model(path)
    draw = np.random.default_rng(0)
    picture, meta = draw.random((32, 32, 3), np.float32), draw.random(4, np.float32)
    result = layersight.activations(model, {"picture": picture, "meta": meta})
    expected = keras.models.load_model(path, compile=False)(
        {"picture": picture[None], "meta": meta[None]}
    )
    expected = keras.ops.convert_to_numpy(expected["cls"])
    np.testing.assert_allclose(result["dense_2"], expected, rtol=1e-4, atol=1e-5)
    lines = [note.partition(":")[0] for note in result.notes if note.startswith("input ")]
    assert sorted(lines) == ["input 'input_1' (picture)", "input 'input_2' (meta)"]
    photo = layersight.activations(model, {"picture": data.parent / "cases" / "photo.jpg"})
    assert photo.images[0].name == "photo.jpg"
