"""A survey of a real network: numbers of stored activations, the same bytes for any shards."""

import keras
import numpy as np
import pytest

import layersight
from layersight.errors import UsageError
from layersight.nouns.survey.montage import BLANK
from layersight.nouns.survey.tables import files

PICTURES = np.random.default_rng(0).integers(0, 256, (75, 20, 20, 3)).astype(np.uint8)


def network():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((20, 20, 3)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 3, padding="same", name="wide"),
            layers.BatchNormalization(),
            layers.ReLU(name="rectified"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="top"),
        ]
    )


def test_a_survey_of_a_network(tmp_path):
    model = layersight.load_model(network())
    result = layersight.survey(model, PICTURES, correlate=True)
    assert list(result) == ["conv", "rectified", "top"]
    stored = layersight.activations(model, PICTURES, layers=list(result), batch_size=25)
    for name, entry in result.items():
        maps = stored[name].reshape(75, -1, entry.channels).astype(np.float64)
        each = maps.reshape(-1, entry.channels)
        np.testing.assert_allclose(entry.mean, each.mean(0), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(entry.std, each.std(0), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(entry.max, each.max(0), rtol=1e-5, atol=1e-7)
        peaks = -np.sort(-maps.max(1), axis=0)[:9].T
        np.testing.assert_allclose(entry.strongest.activations, peaks, rtol=1e-5, atol=1e-7)
    live = int(np.argmax(result["rectified"].max))
    beside = layersight.patterns(model, f"wide:{live}", steps=2, survey=result)
    assert (beside.strongest != BLANK).any()
    assert np.isnan(beside.percentile).all()
    assert any("counted wide as rectified" in note for note in beside.notes)
    for shard, workers in ((1, 1), (64, 7)):
        again = layersight.survey(
            model, PICTURES, correlate=True, shard=shard, workers=workers, folder=tmp_path
        )
        assert dict(files(again)) == dict(files(result))


def test_twins_in_another_network(tmp_path):
    model, other = (layersight.load_model(network()) for _ in range(2))
    result = layersight.survey(model, PICTURES, against=other, layers=["conv", "wide"])
    assert [(pair.first, pair.second) for pair in result.twins] == [
        ("conv", "conv"),
        ("wide", "wide"),
    ]
    for pair in result.twins:
        first, second = (
            layersight.activations(one, PICTURES, layers=[pair.first])[pair.first]
            .astype(np.float64)
            .mean((1, 2))
            for one in (model, other)
        )
        with np.errstate(invalid="ignore"):  # a channel may be silent
            every = np.corrcoef(first.T, second.T)[: first.shape[1], first.shape[1] :]
        best = -np.sort(-every, 1)[:, :5]
        np.testing.assert_allclose(pair.correlations, best, atol=1e-4, rtol=0)
    for shard, workers in ((1, 1), (64, 7)):
        options = {"shard": shard, "workers": workers, "folder": tmp_path}
        again = layersight.survey(
            model, PICTURES, against=other, layers=["conv", "wide"], **options
        )
        assert dict(files(again)) == dict(files(result))


def test_a_network_that_was_trained_further_is_surveyed_anew(tmp_path):
    live = network()
    model = layersight.load_model(live)
    before = layersight.survey(model, PICTURES, layers="conv", folder=tmp_path)
    live.get_layer("conv").set_weights(
        [2 * array for array in live.get_layer("conv").get_weights()]
    )
    with pytest.raises(UsageError, match="the survey is of another model"):
        layersight.activations(model, PICTURES[:1], layers="conv", survey=before)
    after = layersight.survey(model, PICTURES, layers="conv", folder=tmp_path)
    np.testing.assert_allclose(after["conv"].max, 2 * before["conv"].max, rtol=1e-6)
    assert after.model.digest != before.model.digest
