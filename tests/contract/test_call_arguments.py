"""What a network's author hands to its layers when calling them, against plain Keras."""

import keras
import models
import numpy as np
import pytest

import layersight
import legacy
from layersight.loading import load_model

LAYERS = keras.layers


def pix2pix():
    """Batch normalisation and dropout that stay in training mode, one of them nested."""
    inputs = keras.Input((8, 8, 3))
    inner = keras.Input((8, 8, 4))
    block = keras.Model(inner, LAYERS.BatchNormalization(name="within")(inner), name="block")
    hidden = models.conv(4, "conv")(inputs)
    hidden = LAYERS.BatchNormalization(name="own")(hidden, training=True)
    hidden = LAYERS.Dropout(0.5, name="drop")(hidden, training=True)
    hidden = models.conv(4, "second")(hidden)
    hidden = block(hidden, training=True)
    frozen = LAYERS.BatchNormalization(name="frozen", trainable=False)
    hidden = frozen(hidden, training=True)
    outputs = LAYERS.BatchNormalization(name="stored")(hidden, training=False)
    return models.randomise(keras.Model(inputs, outputs, name="pix2pix"))


def without_dropout(model):
    """What plain Keras gives for each image alone, dropout switched off."""
    model.get_layer("drop").rate = 0.0
    return lambda x: np.concatenate([np.asarray(as_numpy(model(one[None]))) for one in x])


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).normal(2, 3, (3, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize("saved", [False, True])
def test_training_true_is_kept(saved, pictures, tmp_path):
    live = pix2pix()
    live.save(tmp_path / "pix2pix.keras")
    before = [as_numpy(variable.value) for variable in live.weights]
    model = load_model(tmp_path / "pix2pix.keras" if saved else live)
    result = layersight.activations(model, pictures, scale="none")
    alone = layersight.activations(model, pictures[1], scale="none")
    for name in ("own", "block/within", "stored"):
        np.testing.assert_allclose(result[name][1], alone[name][0], atol=1e-5)
    for variable, value in zip(live.weights, before, strict=True):
        np.testing.assert_array_equal(as_numpy(variable.value), value)
    expected = without_dropout(live)(pictures)
    np.testing.assert_allclose(result["stored"], expected, atol=2e-4)
    beta = before[3]
    np.testing.assert_allclose(result["own"].mean((1, 2)), np.tile(beta, (3, 1)), atol=1e-4)
    text = " ".join(model.info.notes)
    assert "own, block/within: batch normalisation called with training=True" in text
    assert "drop: random in the author's network" in text
    assert "frozen" not in text
    assert set(model.info.notes) <= set(result.notes)
    assert {layer.name: layer.type for layer in model.info.layers}["own"] == "BatchNormalization"


@pytest.mark.one_backend
def test_convert_keeps_it_and_says_so(pictures, tmp_path):
    notes = layersight.convert(pix2pix(), tmp_path / "plain.keras").kept
    assert any("training=True in the file as before" in note for note in notes)
    plain = keras.models.load_model(tmp_path / "plain.keras")
    ours = layersight.activations(load_model(tmp_path / "plain.keras"), pictures, scale="none")
    np.testing.assert_allclose(without_dropout(plain)(pictures), ours["stored"], atol=2e-4)


def test_heatmaps_and_patterns_see_the_same_network(pictures):
    live = pix2pix()
    outputs = LAYERS.Dense(2, name="top")(LAYERS.GlobalMaxPooling2D()(live.output))
    model = load_model(models.randomise(keras.Model(live.input, outputs)))
    heat = layersight.heatmap(model, pictures[:2], method="gradient", scale="none", target=1)
    alone = layersight.heatmap(model, pictures[1], method="gradient", scale="none", target=1)
    np.testing.assert_allclose(heat.maps[1].values, alone.maps[0].values, atol=1e-4)
    result = layersight.patterns(model, "own", "0:2", method="classic", steps=3, scale="none")
    seen = layersight.activations(model, result.values, layers="own", scale="none")["own"]
    reached = [seen[number, ..., number].mean() for number in range(2)]
    np.testing.assert_allclose(result.activation, reached, atol=1e-4)


@pytest.mark.one_backend
def test_a_file_of_keras_2_that_calls_with_training_true(pictures, tmp_path):
    node = [[["input", 0, 0, {"training": True}]]]
    config = {
        "class_name": "Model",
        "config": {
            "name": "old",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "name": "input",
                    "config": {"name": "input", "batch_input_shape": [None, 8, 8, 3]},
                    "inbound_nodes": [],
                },
                {
                    "class_name": "BatchNormalization",
                    "name": "norm",
                    "config": {"name": "norm", "axis": -1, "epsilon": 0.001},
                    "inbound_nodes": node,
                },
            ],
            "input_layers": [["input", 0, 0]],
            "output_layers": [["norm", 0, 0]],
        },
    }
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {"input": {}, "norm": {f"norm/{name}:0": np.ones(3, "float32") for name in names}}
    path = legacy.write(tmp_path / "old.h5", config, weights)
    result = layersight.activations(load_model(path), pictures, scale="none")["norm"]
    spread = pictures.std((1, 2), keepdims=True) ** 2 + 0.001
    expected = (pictures - pictures.mean((1, 2), keepdims=True)) / np.sqrt(spread) + 1
    np.testing.assert_allclose(result, expected, atol=1e-4)


def causal(x):
    return LAYERS.MultiHeadAttention(2, 4)(query=x, value=x, key=x, use_causal_mask=True)


def scores(x):
    _, result = LAYERS.MultiHeadAttention(2, 4)(x, x, return_attention_scores=True)
    return result


def masked(x):
    mask = keras.ops.greater(x[:, :, :1], 0)
    return LAYERS.MultiHeadAttention(2, 4)(
        x, x, attention_mask=keras.ops.transpose(mask, (0, 2, 1))
    )


def started(x):
    state = LAYERS.Dense(4)(x[:, 0])
    return LAYERS.LSTM(4)(x, initial_state=[state, state])


def both_ways(x):
    state = LAYERS.Dense(4)(x[:, 0])
    return LAYERS.Bidirectional(LAYERS.GRU(4))(x, initial_state=[state, state])


def passed_over(x):
    return LAYERS.GRU(4)(LAYERS.Masking()(x))


def by_mask(x):
    return LAYERS.LSTM(4)(x, mask=keras.ops.any(keras.ops.greater(x, 0.5), -1))


@pytest.mark.parametrize("form", [causal, scores, masked, started, both_ways, passed_over, by_mask])
def test_other_arguments_change_the_numbers_as_in_plain_keras(form, tmp_path):
    inputs = keras.Input((6, 4))
    live = models.randomise(keras.Model(inputs, form(inputs)))
    live.save(tmp_path / "model.keras")
    values = np.random.default_rng(1).normal(size=(2, 6, 4)).astype("float32")
    values[:, 4:] = 0
    model = load_model(tmp_path / "model.keras")
    name = model.info.output_layers[0]
    given = {model.info.inputs[0].name: values}
    result = model.forward(given, [name], outputs=True)
    expected = as_numpy(live(values))
    np.testing.assert_allclose(next(iter(result.outputs.values())), expected, atol=1e-5)
