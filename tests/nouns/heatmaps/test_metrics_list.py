"""The list of metrics, and measuring a heatmap."""

from __future__ import annotations

import numpy as np
import pytest

from formulas import GOAL, bench, linear, logistic, picture, say
from layersight.errors import UsageError
from layersight.nouns.heatmaps.metrics.bench import measure
from layersight.nouns.heatmaps.metrics.metric import choose_metrics, find_metric, metrics
from layersight.nouns.heatmaps.request import METRICS, MeasureOptions


def test_every_metric_says_what_it_is():
    for metric in metrics().values():
        assert metric.says.endswith(".")
        assert metric.misleads.endswith(".")
        assert (metric.refer is not None) == metric.explains


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("deletion", ["deletion"]),
        (["road", "deletion", "road"], ["deletion", "road"]),
        ("increase, deletion", ["deletion", "increase"]),
        ("all", list(METRICS)[:6]),
        ("default", list(METRICS)[:6]),
        ("costly", list(METRICS)[6:]),
        ("all,costly", list(METRICS)),
        (["default", "sensitivity"], list(METRICS)[:7]),
    ],
)
def test_metrics_are_chosen_by_name(asked, expected):
    assert [metric.name for metric in choose_metrics(asked)] == expected


@pytest.mark.parametrize("asked", ["", [], " , "])
def test_no_metric_is_refused(asked):
    with pytest.raises(UsageError, match="expected a metric, found none"):
        choose_metrics(asked)


def test_an_unknown_metric_names_near_ones():
    with pytest.raises(UsageError, match=r"unknown metric 'insertoin'.*Did you mean insertion"):
        find_metric("insertoin")


def test_measuring_one_heatmap():
    each = np.random.default_rng(0).normal(size=(8, 8, 1))
    images = picture()
    heat = (images.pixels[0] * each).sum(-1)
    told = []
    options = MeasureOptions(points=4, randoms=2, copies=2, stages=1)
    model = logistic(each)
    model.layers = (("top", 4),)
    found = measure(
        model,
        images,
        heat,
        goal=GOAL,
        metrics="all,costly",
        options=options,
        grain=(3, 3),
        explain=lambda pixels: pixels[..., 0],
        progress=lambda *done: told.append(done),
    )
    assert [entry.metric for entry in found] == list(METRICS)
    assert told == [(place, 8) for place in range(1, 9)]
    assert all(np.isfinite([entry.value, entry.random, entry.centre]).all() for entry in found)
    with_curves = [entry.metric for entry in found if entry.curve is not None]
    assert with_curves == ["deletion", "insertion", "road"]
    assert len(found[0].curve.scores) == 5


def test_random_maps_have_the_grain_of_the_heatmap():
    board = bench(linear(1.0), picture((28, 28)))
    coarse, fine = board.random_map((4, 4), 0), board.random_map((28, 28), 0)
    assert coarse.shape == fine.shape == (28, 28)
    steps = [np.abs(np.diff(each, axis=0)).mean() for each in (coarse, fine)]
    assert steps[0] < steps[1] / 4
    assert not np.allclose(board.random_map((4, 4), 1), coarse)
    assert 0 <= coarse.min() < coarse.max() <= 1


def test_the_centre_map_is_brightest_in_the_middle():
    centre = bench(linear(1.0), picture((9, 5))).centre_map()
    assert np.unravel_index(centre.argmax(), centre.shape) == (4, 2)
    assert np.allclose(centre, centre[::-1])
    assert np.allclose(centre, centre[:, ::-1])
    assert centre[0, 2] == pytest.approx(np.exp(-2))
    assert bench(linear(1.0), picture((1, 1))).centre_map().tolist() == [[1.0]]


def test_several_images_at_once_are_refused():
    both = picture()
    both.values["picture"] = np.repeat(both.pixels, 2, axis=0)
    with pytest.raises(UsageError, match="expected one image"):
        bench(linear(1.0), both)


def test_a_signed_map_is_ranked_by_its_sign_too():
    """What speaks against the target is deleted last."""
    images = picture((4, 4))
    each = np.ones((4, 4, 1))
    each[:2] = -1
    board = bench(linear(each), images, filling="black")
    heat = (images.pixels[0] * each).sum(-1)
    assert (
        say(board, heat, "deletion")["deletion"].value
        < say(board, np.abs(heat), "deletion")["deletion"].value
    )
