"""Sensitivity and randomisation: metrics that make a heatmap anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from layersight.errors import SelectionError, UsageError
from layersight.nouns.heatmaps.metrics.cascade import (
    cascade,
    rank_correlation,
    strength,
    structural_similarity,
)
from numpy_networks import Formula, bench, linear, picture, rate

LAYERS = (("first", 9), ("plain", 0), ("second", 9), ("third", 9), ("top", 4))
NAMES = ("first", "second", "third", "top")


def test_sensitivity_is_the_greatest_relative_change():
    """A map that is the image itself moves as far as the noise that was put on it."""
    images = picture((6, 5), white=4.0, channels=1)
    shown = []

    def explain(pixels):
        shown.append(pixels)
        return pixels[..., 0]

    board = bench(linear(1.0), images, copies=7, radius=0.05, batch_size=3)
    heat = images.pixels[0, ..., 0]
    result = rate(board, heat, "sensitivity", explain=explain)["sensitivity"]
    assert [len(pixels) for pixels in shown] == [3, 3, 1]
    noise = np.concatenate(shown)[..., 0] - heat
    assert np.abs(noise).max() <= 0.05 * 4 + 1e-6
    assert np.abs(noise).max() > 0.04 * 4
    by_hand = max(np.sqrt((each**2).sum()) / np.sqrt((heat**2).sum()) for each in noise)
    assert result.value == pytest.approx(by_hand, rel=1e-5)


def test_sensitivity_does_not_depend_on_the_size_of_the_batch():
    images = picture((6, 5), channels=1)
    values = {
        rate(
            bench(linear(1.0), images, copies=7, batch_size=size),
            images.pixels[0, ..., 0],
            "sensitivity",
            explain=lambda pixels: pixels[..., 0],
        )["sensitivity"].value
        for size in (1, 2, 16)
    }
    assert len(values) == 1


def test_what_does_not_move_and_what_is_drawn_anew():
    """White noise drawn anew moves by about sqrt(1/2) of itself, the centre by nothing."""
    images = picture((24, 24))
    board = bench(linear(1.0), images)
    still = np.ones((24, 24))
    result = rate(
        board, still, "sensitivity", explain=lambda pixels: np.ones((len(pixels), 24, 24))
    )
    result = result["sensitivity"]
    assert result.value == result.centre == 0
    assert result.random == pytest.approx(np.sqrt(0.5), abs=0.06)
    assert result.passes
    empty = rate(board, 0 * still, "sensitivity", explain=lambda pixels: pixels[..., 0])
    assert np.isnan(empty["sensitivity"].value)
    assert not empty["sensitivity"].passes


@pytest.mark.parametrize("name", ["sensitivity", "randomisation"])
def test_what_makes_the_map_has_to_be_given(name):
    with pytest.raises(UsageError, match=f"{name} makes the heatmap anew: give what makes it"):
        rate(bench(linear(1.0), picture()), np.ones((8, 8)), name)


def learned(model, *, deaf=()):
    """Explains by a fixed map as long as the layers that it listens to have their weights."""
    trained = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)

    def explain(pixels):
        drawn = [name for name in model.now if name not in deaf]
        seen = np.random.default_rng([len(drawn), *map(ord, "".join(drawn))])
        made = trained if not drawn else seen.normal(size=(8, 8)).astype(np.float32)
        return np.repeat(made[np.newaxis], len(pixels), axis=0)

    return explain, trained


def test_the_cascade_goes_from_the_output_down():
    model = Formula(lambda one: 0.0, LAYERS)
    explain, trained = learned(model)
    reported = []
    result = cascade(
        model,
        picture(),
        explain,
        layers=NAMES,
        stages=3,
        seed=7,
        progress=lambda *done: reported.append(done),
    )
    assert model.drawn == [
        (("top",), 7),
        (("top", "third"), 7),
        (("top", "third", "second", "first"), 7),
    ]
    assert result.layers == ("top", "third", "first")
    assert result.counts == (1, 2, 4)
    assert (result.before == trained).all()
    assert result.maps.shape == (3, 8, 8)
    assert reported == [(1, 3), (2, 3), (3, 3)]
    assert model.now == ()
    assert result.ranks == pytest.approx(
        [
            spearmanr(np.abs(trained).ravel(), np.abs(each).ravel()).statistic
            for each in result.maps
        ],
        abs=1e-6,
    )


def test_more_stages_than_layers_are_all_layers():
    model = Formula(lambda one: 0.0, LAYERS)
    result = cascade(model, picture(), learned(model)[0], layers=NAMES, stages=20)
    assert result.counts == (1, 2, 3, 4)


def test_a_network_without_weights_has_nothing_to_draw_anew():
    model = Formula(lambda one: 0.0, [("plain", 0)])
    board = bench(model, picture())
    with pytest.raises(SelectionError, match="no layer has weights"):
        rate(board, np.ones((8, 8)), "randomisation", explain=learned(model)[0])


def test_weights_come_back_although_the_map_fails():
    model = Formula(lambda one: 0.0, LAYERS)

    def explain(pixels):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        cascade(model, picture(), explain, layers=NAMES, values=np.ones((8, 8), np.float32))
    assert model.now == ()


def test_a_map_that_shows_the_network_passes_and_an_edge_detector_does_not():
    model = Formula(lambda one: 0.0, LAYERS)
    explain, trained = learned(model)
    deaf, _ = learned(model, deaf=[name for name, _ in LAYERS])
    half, _ = learned(model, deaf=["top", "third", "second"])
    board = bench(model, picture())
    shown, edges, late = (
        rate(board, trained, "randomisation", explain=each)["randomisation"]
        for each in (explain, deaf, half)
    )
    assert shown.value == pytest.approx(0, abs=0.2)
    assert shown.passes
    assert edges.value == edges.centre == 1
    assert not edges.passes
    assert late.value > 0.5
    assert not late.passes
    assert edges.random == pytest.approx(0, abs=0.2)
    assert edges.bar == 0.5


numbers = st.lists(st.integers(-4, 4), min_size=9, max_size=9)


@settings(max_examples=200)
@given(numbers, numbers)
def test_ranks_are_those_of_scipy(one, other):
    """Ties included; where a side is constant SciPy knows no number."""
    first, second = np.array(one, np.float32), np.array(other, np.float32)
    result = rank_correlation(first.reshape(3, 3), second.reshape(3, 3))
    flat = [len(set(each)) == 1 for each in (one, other)]
    if any(flat):
        assert result == float(all(flat))
    else:
        assert result == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def slow_similarity(one, other):
    """Wang et al. 2004, window by window."""
    height, width = one.shape
    tall, wide = min(11, height), min(11, width)
    kernel = np.zeros((tall, wide))
    for y in range(tall):
        for x in range(wide):
            kernel[y, x] = np.exp(
                -((y - (tall - 1) / 2) ** 2 + (x - (wide - 1) / 2) ** 2) / (2 * 1.5**2)
            )
    kernel /= kernel.sum()
    result = []
    for top in range(height - tall + 1):
        for left in range(width - wide + 1):
            a = one[top : top + tall, left : left + wide].astype(float)
            b = other[top : top + tall, left : left + wide].astype(float)
            m, n = (kernel * a).sum(), (kernel * b).sum()
            s, t = (kernel * (a - m) ** 2).sum(), (kernel * (b - n) ** 2).sum()
            st_ = (kernel * (a - m) * (b - n)).sum()
            result.append(
                (2 * m * n + 0.0001)
                * (2 * st_ + 0.0009)
                / ((m**2 + n**2 + 0.0001) * (s + t + 0.0009))
            )
    return np.mean(result)


@pytest.mark.parametrize("size", [(24, 17), (11, 11), (7, 20), (1, 5)])
def test_structural_similarity_is_that_of_windows(size):
    draw = np.random.default_rng(0)
    one = draw.random(size, dtype=np.float32)
    other = np.clip(one + draw.normal(size=size) / 5, 0, 1).astype(np.float32)
    assert structural_similarity(one, other) == pytest.approx(slow_similarity(one, other), abs=1e-6)
    assert structural_similarity(one, one) == pytest.approx(1)
    assert structural_similarity(one, other) == pytest.approx(structural_similarity(other, one))


def test_strength_is_without_sign_and_over_the_greatest():
    assert strength(np.array([[-4, 2], [0, 1]])).tolist() == [[1, 0.5], [0, 0.25]]
    assert strength(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
