"""Attention scores: one map of queries by keys for each head."""

import json

import keras
import models
import numpy as np
import pytest
from keras import layers

import layersight
from layersight.data.readout import Readout

SCORES = {"heads": (2, 5, 6), "groups": (4, 5, 6), "plain": (5, 6), "summed": (5, 6)}
"""What Keras gives for each, with heads first; queries and keys are of different number."""


@pytest.fixture(scope="module")
def network():
    queries, keys = keras.Input((5, 8), name="queries"), keras.Input((6, 8), name="keys")
    attentions = {
        "heads": lambda: layers.MultiHeadAttention(2, 4, name="heads")(
            queries, keys, return_attention_scores=True
        ),
        "groups": lambda: layers.GroupQueryAttention(4, 4, 2, name="groups")(
            queries, keys, return_attention_scores=True
        ),
        "plain": lambda: layers.Attention(name="plain")(
            [queries, keys], return_attention_scores=True
        ),
        "summed": lambda: layers.AdditiveAttention(name="summed")(
            [queries, keys], return_attention_scores=True
        ),
    }
    result = {name: make() for name, make in attentions.items()}
    scores = {name: pair[1] for name, pair in result.items()}
    masked = layers.Dropout(0.1, name="masked")(scores["heads"])
    outputs = [layers.Add(name="sum")([pair[0] for pair in result.values()]), *scores.values()]
    return models.randomise(keras.Model([queries, keys], [*outputs, masked], name="attention"))


@pytest.fixture(scope="module")
def arrays():
    draw = np.random.default_rng(0)
    return [draw.random((2, 5, 8), np.float32), draw.random((2, 6, 8), np.float32)]


@pytest.fixture(scope="module")
def model(network):
    return layersight.load_model(network)


def test_scores_are_a_map_for_each_head(network, model, arrays):
    maps = layersight.activations(model, arrays)
    expected = dict(zip(("sum", *SCORES), network(arrays), strict=False))
    for name, shape in SCORES.items():
        values = keras.ops.convert_to_numpy(expected[name])
        assert values.shape == (2, *shape)
        values = np.moveaxis(values, 1, -1) if len(shape) == 3 else values[..., np.newaxis]
        entry = maps.layer(f"{name}[1]")
        np.testing.assert_allclose(entry.values, values, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(entry.values.sum(axis=2), 1, rtol=1e-4)  # over the keys
        assert entry.layer.axes == ("query", "key", "head")
        assert entry.layer.channels == len(entry.channels) == values.shape[-1]
        assert maps.layer(f"{name}[0]").layer.axes is None
        assert maps[f"{name}[0]"].shape == (2, 5, 8)
    assert maps["masked"].shape == (2, 5, 6, 2)
    one = layersight.activations(model, arrays, layers="heads[1]", channels="1")
    np.testing.assert_array_equal(one["heads[1]"][..., 0], maps["heads[1]"][..., 1])


def test_a_number_is_read_off_one_head(model, arrays):
    maps = layersight.activations(model, arrays)
    for name in ("heads[1]", "plain[1]"):
        weights = np.zeros((1, *maps[name].shape[1:]), np.float32)
        weights[0, 3, 4, -1] = 1
        goal = (Readout(name, weights),)
        batch = {"queries": arrays[0], "keys": arrays[1]}
        result = model.differentiate(batch, goal, layers=[name], by=["queries"])
        np.testing.assert_allclose(result.scores, maps[name][:, 3, 4, -1], rtol=1e-4)
        assert result.inputs["queries"].shape == (2, 5, 8)
        # The score of one query depends on that query alone.
        assert np.flatnonzero(result.inputs["queries"].any(axis=(0, 2))).tolist() == [3]
        assert result.gradients[name].shape == maps[name].shape


@pytest.mark.one_backend
def test_what_the_axes_are_is_written(model, arrays, tmp_path):
    maps = layersight.activations(model, arrays, layers="heads[1]")
    layersight.save(maps, tmp_path / "maps.json")
    layer = json.loads((tmp_path / "maps.json").read_text())["images"][0]["layers"][0]
    assert layer["shape"] == [5, 6, 2]
    assert layer["axes"] == ["query", "key", "head"]
    layersight.save(maps, tmp_path / "maps.html")
    text = (tmp_path / "maps.html").read_text()
    assert "rows: query, columns: key, maps: head" in text


@pytest.mark.one_backend
def test_a_file_of_every_kind_of_attention_gives_the_same(network, model, arrays, tmp_path):
    """Keras saves GroupQueryAttention under the name of another class."""
    network.save(tmp_path / "attention.keras")
    opened = layersight.load_model(tmp_path / "attention.keras")
    expected, result = layersight.activations(model, arrays), layersight.activations(opened, arrays)
    assert [entry.layer.name for entry in result.layers] == [
        entry.layer.name for entry in expected.layers
    ]
    for one, other in zip(result.layers, expected.layers, strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-5, atol=1e-6)
