"""Metrics of heatmaps of Keras models on every backend, against the same metrics of NumPy."""

import keras
import models
import numpy as np
import pytest

from layersight import evaluate
from layersight.data.readout import Readout
from layersight.loading import load_model
from layersight.nouns.heatmaps.methods.method import Request, find_method
from layersight.nouns.heatmaps.metrics.bench import Bench, weighted_layers
from layersight.nouns.heatmaps.metrics.cascade import cascade
from layersight.nouns.heatmaps.metrics.metric import choose_metrics
from layersight.nouns.heatmaps.request import HeatmapOptions
from numpy_networks import Formula, bench, picture, rate

NAMES = [metric.name for metric in choose_metrics("default")]
SIZE = (12, 10)


def network(seed=0):
    """Two convolutions and a dense layer; live, and as layersight has it."""
    given = keras.Input((*SIZE, 3), name="picture")
    hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="low")(given)
    hidden = keras.layers.Conv2D(5, 3, strides=2, activation="relu", name="high")(hidden)
    hidden = keras.layers.GlobalAveragePooling2D(name="gap")(hidden)
    ends = keras.layers.Dense(3, activation="softmax", name="top")(hidden)
    live = models.randomise(keras.Model(given, ends), seed)
    return live, load_model(live)


def class_goal(unit, *, before=False):
    weights = np.zeros((1, 3), np.float32)
    weights[0, unit] = 1
    return (Readout("top", weights, before),)


def in_numpy(live):
    """The same network by its weights, one picture after the other."""
    low, low_bias, high, high_bias, dense, bias = (np.asarray(w, float) for w in live.get_weights())

    def windows(batch, kernel):
        seen = np.lib.stride_tricks.sliding_window_view(batch, kernel.shape[:2], axis=(0, 1))
        return np.einsum("yxchw,hwcf->yxf", seen, kernel)

    def compute(image):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        first = np.maximum(windows(padded, low) + low_bias, 0)
        second = np.maximum(windows(first, high)[::2, ::2] + high_bias, 0)
        logits = second.mean((0, 1)) @ dense + bias
        raised = np.exp(logits - logits.max())
        return (raised / raised.sum())[1]

    return Formula(compute)


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_every_metric_is_that_of_numpy(batch_size):
    live, model = network()
    images = picture(SIZE, seed=3)
    heat = np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    expected = rate(
        bench(in_numpy(live), images, points=7, randoms=2), heat, *NAMES, resolution=(3, 3)
    )
    options = bench(in_numpy(live), images, points=7, randoms=2).options
    result = Bench(model, images, class_goal(1), 0.0, options, batch_size).measure(
        heat, choose_metrics("default"), resolution=(3, 3)
    )
    for measure in result:
        wanted = expected[measure.metric]
        for name in ("value", "random", "centre"):
            assert getattr(measure, name) == pytest.approx(getattr(wanted, name), abs=1e-4)
        if measure.curve is not None:
            assert measure.curve.shares == wanted.curve.shares
            assert measure.curve.scores == pytest.approx(wanted.curve.scores, abs=1e-4)


def explainer(model, name, layers, images, unit=1):
    def explain(pixels):
        changed = type(images)({"picture": pixels}, "picture", images.black, images.white)
        return find_method(name).compute(
            Request(
                model,
                changed,
                target=class_goal(unit, before=True),
                layers=layers,
                options=HeatmapOptions(),
                batch_size=16,
                progress=lambda done, count: None,
            )
        )

    return explain


def test_weights_are_drawn_anew_from_the_output_down_and_come_back():
    live, model = network()
    images = picture(SIZE, seed=3)
    before = [np.array(value) for value in live.get_weights()]
    layers = weighted_layers(model.describe({"picture": (1, *SIZE, 3)}))
    assert layers == ("low", "high", "top")
    explain = explainer(model, "gradient", (), images)
    first = explain(images.pixels)[0]
    result = cascade(model, images, explain, layers=layers, stages=3, seed=5)
    assert result.layers == ("top", "high", "low")
    np.testing.assert_allclose(result.before, first, rtol=1e-4, atol=1e-6)
    assert all(np.abs(each - first).max() > 1e-6 for each in result.maps)
    assert np.abs(result.maps[0] - result.maps[1]).max() > 1e-6
    np.testing.assert_allclose(explain(images.pixels)[0], first, rtol=1e-4, atol=1e-6)
    for weight, other in zip(before, live.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    again = cascade(model, images, explain, layers=layers, stages=3, seed=5)
    np.testing.assert_allclose(again.maps, result.maps, rtol=1e-4, atol=1e-6)


def test_evaluating_a_model_and_its_heatmaps_by_themselves():
    """The numbers of the verb are those of the metrics, by hand."""
    _, model = network()
    photo = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    result = evaluate(
        model,
        list(photo),
        methods=["grad-cam", "gradient"],
        metrics="all,costly",
        target=1,
        scale="0..1",
        points=6,
        copies=2,
        stages=2,
        randoms=2,
    )
    assert result.values.shape == (2, 8, 2)
    assert np.isfinite(result.values).all()
    assert [row.resolution for row in result.rows] == [(5, 4), SIZE]
    images = picture(SIZE)
    images.values["picture"][:] = photo[1:2] / np.float32(255)
    board = Bench(
        model, images, class_goal(1), 0.0, result.measured, weighted=("low", "high", "top")
    )
    explain = explainer(model, "gradient", (), images)
    wanted = board.measure(
        explain(images.pixels)[0], choose_metrics("all,costly"), resolution=SIZE, explain=explain
    )
    for index, measure in enumerate(wanted):
        assert result.values[1, index, 1] == pytest.approx(measure.value, abs=1e-4)
        assert result.random[1, index, 1] == pytest.approx(measure.random, abs=1e-4)
        assert result.centre[index, 1] == pytest.approx(measure.centre, abs=1e-4)


IMAGES = ("n02129604_tiger", "n01532829_house_finch", "n01860187_black_swan")


def test_grad_cam_of_a_trained_network_beats_random_maps(data):
    model = load_model(data / "models" / "mobilenet_025_224_imagenet.keras")
    result = evaluate(
        model,
        [data / "images" / "imagenet" / f"{name}.JPEG" for name in IMAGES],
        methods="grad-cam",
        metrics=["deletion", "insertion"],
        scale="-1..1",
        points=16,
        randoms=2,
    )
    assert result.rows[0].resolution == (7, 7)
    deletion, insertion = result.means[0]
    random = result.random[0].mean(-1)
    assert deletion < random[0] - 0.03
    assert insertion > random[1] + 0.03


@pytest.mark.one_backend
def test_random_weights_tell_grad_cam_from_guided_backpropagation(data):
    """As published: the one shows the network, the other the edges of the image."""
    model = load_model(data / "models" / "mobilenet_025_224_imagenet.keras")
    result = evaluate(
        model,
        [data / "images" / "imagenet" / f"{name}.JPEG" for name in IMAGES[:2]],
        methods=["grad-cam", "guided-backprop"],
        metrics="randomisation",
        scale="-1..1",
    )
    cam, guided = result.values[:, 0]
    assert (cam < 0.5).all()
    assert (guided > 0.5).all()
    assert result.better.tolist() == [[1.0], [0.0]]
