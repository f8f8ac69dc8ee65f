"""The list of metrics, measuring a heatmap, and the metrics that mask the image by it."""

from __future__ import annotations

import numpy as np
import pytest

from layersight.errors import UsageError
from layersight.nouns.heatmaps.metrics.bench import measure
from layersight.nouns.heatmaps.metrics.metric import choose_metrics, find_metric, metrics
from layersight.nouns.heatmaps.request import METRICS, MeasureOptions
from numpy_networks import GOAL, Formula, bench, linear, logistic, picture, rate


def test_every_metric_says_what_it_is():
    for metric in metrics().values():
        assert metric.says.endswith(".")
        assert metric.misleads.endswith(".")
        assert (metric.reference is not None) == metric.explains


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
    reported = []
    options = MeasureOptions(points=4, randoms=2, copies=2, stages=1)
    model = logistic(each)
    model.layers = (("top", 4),)
    result = measure(
        model,
        images,
        heat,
        goal=GOAL,
        metrics="all,costly",
        options=options,
        resolution=(3, 3),
        explain=lambda pixels: pixels[..., 0],
        progress=lambda *done: reported.append(done),
    )
    assert [entry.metric for entry in result] == list(METRICS)
    assert reported == [(index, 8) for index in range(1, 9)]
    assert all(np.isfinite([entry.value, entry.random, entry.centre]).all() for entry in result)
    with_curves = [entry.metric for entry in result if entry.curve is not None]
    assert with_curves == ["deletion", "insertion", "road"]
    assert len(result[0].curve.scores) == 5


def test_the_resolution_has_its_former_name_too():
    images, heat = picture(), np.arange(64.0).reshape(8, 8)
    given = {"goal": GOAL, "metrics": "deletion", "options": MeasureOptions(points=4)}
    result = measure(linear(1.0), images, heat, resolution=(3, 3), **given)
    assert result == measure(linear(1.0), images, heat, grain=(3, 3), **given)
    assert result != measure(linear(1.0), images, heat, **given)


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
    board = bench(linear(each), images, fill="black")
    heat = (images.pixels[0] * each).sum(-1)
    assert (
        rate(board, heat, "deletion")["deletion"].value
        < rate(board, np.abs(heat), "deletion")["deletion"].value
    )


NAMES = ("average-drop", "increase", "average-gain")


def of(board, heat):
    result = rate(board, heat, *NAMES)
    return tuple(result[name].value for name in NAMES)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("black", "white"), [(0.0, 1.0), (-1.0, 1.0), (-120.0, 130.0)])
def test_the_formulas(seed, black, white):
    images = picture((4, 5), seed=seed, black=black, white=white)
    draw = np.random.default_rng(seed)
    each = draw.normal(size=(4, 5, 3)) / (white - black)
    model = logistic(each)
    heat = draw.normal(size=(4, 5)).astype(np.float32)
    drop, rise, gain = of(bench(model, images, randoms=1), heat)
    pixels = images.pixels[0].astype(float)
    y = model.function(pixels)
    lowest, highest = max(0.0, heat.min()), heat.max()
    seen = np.zeros_like(pixels)
    for row in range(4):
        for column in range(5):
            share = (max(0.0, heat[row, column]) - lowest) / (highest - lowest)
            seen[row, column] = black + share * (pixels[row, column] - black)
    o = model.function(seen)
    assert drop == pytest.approx(max(0.0, y - o) / y, abs=1e-5)
    assert rise == (1.0 if o > y else 0.0)
    assert gain == pytest.approx(max(0.0, o - y) / (1 - y), abs=1e-5)
    assert (drop > 0) != (gain > 0)


def test_only_what_speaks_for_it_is_seen():
    """Of a signed map the part above 0; an empty map shows black, an even one everything."""
    seen = []

    def note(one):
        seen.append(one)
        return 0.5

    images = picture((2, 2), black=-1.0, white=1.0)
    board = bench(Formula(note), images, randoms=1)
    for heat in ([[-5, -1], [0, 2]], [[0, 0], [0, 0]], [[-3, -2], [-1, -1]], [[4, 4], [4, 4]]):
        seen.clear()
        rate(board, heat, "average-drop")
        if heat[1][1] == 2:
            assert (seen[1][0] == -1).all()
            assert np.allclose(seen[1][1, 1], images.pixels[0][1, 1])
        elif heat[1][1] == 4:
            assert np.allclose(seen[0], images.pixels[0])
        else:
            assert (seen[0] == -1).all()


def test_a_score_of_one_has_nothing_to_win_and_one_of_zero_nothing_to_lose():
    images = picture((2, 2))
    assert of(bench(Formula(lambda one: 1.0), images), np.ones((2, 2))) == (0, 0, 0)
    assert of(bench(Formula(lambda one: 0.0), images), np.ones((2, 2))) == (0, 0, 0)


@pytest.mark.parametrize("name", NAMES)
def test_scores_that_are_no_probabilities_are_refused(name):
    board = bench(linear(100.0), picture())
    with pytest.raises(UsageError, match=f"{name} compares probabilities, and the score .* is "):
        rate(board, np.ones((8, 8)), name)


def test_the_other_side_of_a_single_unit_is_a_probability_too():
    """Of ``not dog`` the goal reads -p, and 1 is added."""
    images = picture()
    each = np.random.default_rng(0).normal(size=(8, 8, 1))
    heat = np.random.default_rng(1).random((8, 8))
    plain = logistic(-each)
    turned = Formula(lambda one: -logistic(each).function(one))
    for name in ("average-drop", "deletion", "insertion", "road"):
        one = rate(bench(plain, images), heat, name)[name]
        other = rate(bench(turned, images, offset=1.0), heat, name)[name]
        assert other.value == pytest.approx(one.value, abs=1e-5)
        assert other.random == pytest.approx(one.random, abs=1e-5)
