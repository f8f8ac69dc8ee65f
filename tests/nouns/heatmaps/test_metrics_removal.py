"""Deletion, insertion and ROAD against networks of which the best map is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layersight.errors import ModelInputError, UsageError
from layersight.nouns.heatmaps.baselines import rise_blur
from layersight.nouns.heatmaps.metrics.imputation import impute
from numpy_networks import Formula, bench, linear, logistic, picture, rate


def weights(size=(8, 8), seed=3):
    return np.random.default_rng(seed).normal(size=(*size, 1))


def watched(score=0.0):
    """A network that gives always the same, and the images that it saw."""
    seen = []
    return Formula(lambda one: seen.append(one) or score), seen


def by_hand(function, before, after, heat, ties, points):
    """The curve, pixel by pixel with loops."""
    height, width = heat.shape
    pixels = sorted(
        ((y, x) for y in range(height) for x in range(width)),
        key=lambda index: (-heat[index], ties[index[0] * width + index[1]]),
    )
    curve = []
    for step in range(points + 1):
        now = np.array(before, float)
        for index in pixels[: round(len(pixels) * step / points)]:
            now[index] = after[index]
        curve.append((round(len(pixels) * step / points) / len(pixels), function(now)))
    area = 0.0
    for (one, low), (other, high) in pairwise(curve):
        area += (other - one) * (low + high) / 2
    return area, curve


@pytest.mark.parametrize(
    ("size", "points"), [((8, 8), 32), ((8, 8), 7), ((5, 3), 4), ((2, 2), 32), ((1, 9), 3)]
)
def test_the_curves_are_those_of_loops(size, points):
    """Also for shares that do not divide the pixels, and for fewer pixels than points."""
    images = picture(size)
    model = logistic(weights(size))
    board = bench(model, images, points=points, randoms=1)
    heat = np.round(np.random.default_rng(1).normal(size=size), 1)
    result = rate(board, heat, "deletion", "insertion")
    steps = min(points, heat.size)
    pixels = images.pixels[0]
    mean = np.broadcast_to(pixels.mean((0, 1)), pixels.shape)
    for name, before, after in (
        ("deletion", pixels, mean),
        ("insertion", rise_blur(pixels), pixels),
    ):
        area, curve = by_hand(model.function, before, after, heat, board.ties, steps)
        assert result[name].value == pytest.approx(area, abs=1e-6)
        assert result[name].curve.shares == pytest.approx([share for share, _ in curve])
        assert result[name].curve.scores == pytest.approx([score for _, score in curve], abs=1e-6)


def test_the_true_map_of_a_linear_network_is_the_best():
    """What a pixel gives beyond the filling is known, and no order deletes faster."""
    images = picture()
    each = weights()
    board = bench(linear(each), images, randoms=8)
    pixels = images.pixels[0]
    true = ((pixels - pixels.mean((0, 1))) * each).sum(-1)
    brought = ((pixels - rise_blur(pixels)) * each).sum(-1)
    deleted = rate(board, true, "deletion")["deletion"]
    inserted = rate(board, brought, "insertion")["insertion"]
    assert deleted.better_than_random
    assert inserted.better_than_random
    assert deleted.value < deleted.centre
    assert inserted.value > inserted.centre
    draw = np.random.default_rng(5)
    for _ in range(20):
        other = draw.normal(size=true.shape)
        assert rate(board, other, "deletion")["deletion"].value > deleted.value
        assert rate(board, other, "insertion")["insertion"].value < inserted.value
    assert rate(board, -true, "deletion")["deletion"].value > deleted.random


def test_road_prefers_the_pixels_that_count():
    """The score is the contrast of one square; what fills it in from around it has none."""
    images = picture((12, 12), seed=4)
    square = (slice(2, 6), slice(2, 6))
    each = np.zeros((12, 12, 3))
    each[square] = np.sign(images.pixels[0][square] - 0.5)
    lost = each.sum() / 2 + 6
    board = bench(logistic(each, -lost), images, shares=(0.12, 0.3), randoms=8)
    heat = np.zeros((12, 12))
    heat[square] = 1
    good, bad = (rate(board, map_, "road")["road"] for map_ in (heat, -heat))
    assert board.score > 0.9
    assert good.value > 0.4
    assert bad.value < -0.4
    assert bad.value < good.random < good.value
    assert good.curve.shares == (0.0, 0.12, 0.3)
    assert good.curve.scores[0] == board.score
    assert max(good.curve.scores[1:]) < 0.1


def test_road_is_half_the_difference_of_the_two_ways():
    images = picture((9, 7))
    model = logistic(weights((9, 7)))
    board = bench(model, images, shares=(0.25, 0.5), fill_noise=0.0)
    heat = np.random.default_rng(2).normal(size=(9, 7))
    result = rate(board, heat, "road")["road"]
    pixels = images.pixels[0]
    total = 0.0
    for share in (0.25, 0.5):
        for sign, order in ((-1, np.argsort(-heat.ravel())), (1, np.argsort(heat.ravel()))):
            known = np.ones(63, bool)
            known[order[: round(63 * share)]] = False
            known = known.reshape(1, 9, 7)
            total += sign * model.function(impute(pixels, known)[0].astype(float)) / 4
    assert result.value == pytest.approx(total, abs=1e-6)


def test_imputed_pixels_get_the_noise_asked_for():
    network, seen = watched(0.5)
    images = picture((16, 16), white=255.0)
    images.values["picture"][:] = 100.0
    board = bench(network, images, shares=(0.5,), fill_noise=0.02)
    rate(board, np.arange(256).reshape(16, 16), "road")
    noisy = seen[0][8:]
    assert (seen[0][:8] == 100).all()
    assert noisy.mean() == pytest.approx(100, abs=1)
    assert noisy.std() == pytest.approx(0.02 * 255, rel=0.1)
    assert (seen[1][:8] != 100).all()


def test_equal_pixels_go_in_a_random_order_and_not_by_rows():
    network, seen = watched()
    board = bench(network, picture((16, 16)), points=4, fill="black")
    rate(board, np.zeros((16, 16)), "deletion")
    gone = (seen[2] == 0).all(-1)
    assert gone.sum() == 128
    assert 48 < gone[:8].sum() < 80
    assert 48 < gone[:, :8].sum() < 80


@pytest.mark.parametrize(("fill", "expected"), [("black", -1), ("grey", 1), ("white", 3)])
def test_what_stands_for_a_deleted_pixel(fill, expected):
    network, seen = watched()
    images = picture((6, 5), black=-1.0, white=3.0)
    rate(bench(network, images, fill=fill, points=2), np.zeros((6, 5)), "deletion")
    assert (seen[0] == images.pixels[0]).all()
    assert (seen[2] == expected).all()


def test_an_unknown_fill_is_refused():
    with pytest.raises(UsageError, match="unknown fill 'green': expected one of mean, black"):
        rate(bench(linear(1.0), picture(), fill="green"), np.zeros((8, 8)), "deletion")


def test_the_blur_is_that_of_rise():
    """11 x 11 with a deviation of 5 for 224 pixels; a constant image stays as it is."""
    point = np.zeros((224, 224, 1), np.float32)
    point[100, 100] = 1
    spread = rise_blur(point)[..., 0]
    assert (spread > 0).sum() == 121
    assert spread.sum() == pytest.approx(1, abs=1e-5)
    assert spread[100, 105] / spread[100, 100] == pytest.approx(np.exp(-0.5), rel=1e-4)
    assert np.allclose(rise_blur(np.full((30, 20, 3), 0.7, np.float32)), 0.7)
    assert (rise_blur(point[:112, :112]) > 0).sum() == 25


@settings(max_examples=30)
@given(
    st.integers(1, 64),
    st.integers(0, 2**16),
    st.sampled_from(["deletion", "insertion", "road", "average-drop", "increase", "average-gain"]),
)
def test_no_metric_depends_on_the_size_of_the_batch(batch_size, seed, name):
    images = picture(seed=seed)
    heat = np.random.default_rng(seed).normal(size=(8, 8))
    result = [
        rate(bench(logistic(weights()), images, batch_size=size, points=9), heat, name)[name]
        for size in (batch_size, 5)
    ]
    assert result[0] == result[1]


@settings(max_examples=30)
@given(st.integers(0, 2**16), st.sampled_from(["deletion", "insertion", "road"]))
def test_only_the_order_of_the_pixels_counts(seed, name):
    """Any rising function of the map gives the same number, ties included."""
    heat = np.random.default_rng(seed).integers(-3, 4, (8, 8)).astype(np.float32)
    board = bench(logistic(weights()), picture(seed=seed))
    values = {
        rate(board, each, name)[name].value
        for each in (heat, 2 * heat + 7, heat**3, np.exp(heat), np.arctan(heat))
    }
    assert len(values) == 1


def test_an_image_gives_the_same_numbers_wherever_it_stands():
    """Random maps, noise and ties come from the image and the seed alone."""
    heat = np.random.default_rng(0).normal(size=(8, 8))
    first, second = (
        rate(
            bench(logistic(weights()), picture(seed=9)), heat, "deletion", "road", resolution=(3, 3)
        )
        for _ in range(2)
    )
    other = rate(
        bench(logistic(weights()), picture(seed=9), seed=1),
        heat,
        "deletion",
        "road",
        resolution=(3, 3),
    )
    assert first == second
    assert first["road"].random != other["road"].random


def test_random_maps_are_run_once_for_all_heatmaps_of_an_image():
    model = logistic(weights())
    board = bench(model, picture(), randoms=3, points=8)
    draw = np.random.default_rng(0)
    rate(board, draw.normal(size=(8, 8)), "deletion", resolution=(4, 4))
    first = sum(model.batches)
    assert first == 9 * (1 + 3 + 1)
    rate(board, draw.normal(size=(8, 8)), "deletion", resolution=(4, 4))
    assert sum(model.batches) == first + 9
    rate(board, draw.normal(size=(8, 8)), "deletion", resolution=(8, 8))
    assert sum(model.batches) == first + 9 + 9 * (1 + 3)


def test_the_drop_the_increase_and_the_gain_share_one_pass():
    model = logistic(weights())
    board = bench(model, picture(), randoms=2)
    rate(board, np.ones((8, 8)), "average-drop", "increase", "average-gain")
    assert sum(model.batches) == 1 + 1 + 2 + 1


def test_a_network_that_overflows_is_told():
    board = bench(Formula(lambda one: np.inf), picture())
    with pytest.raises(ModelInputError, match="expected finite scores for the changed images"):
        rate(board, np.zeros((8, 8)), "deletion")


@pytest.mark.parametrize("broken", [np.zeros((4, 8)), np.full((8, 8), np.nan)])
def test_a_map_of_another_size_or_without_numbers_is_refused(broken):
    with pytest.raises(UsageError, match="expected a heatmap of 8 x 8 finite numbers"):
        rate(bench(linear(1.0), picture()), broken, "deletion")
