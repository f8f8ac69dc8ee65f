"""Average drop, increase and average gain by their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from formulas import Formula, bench, linear, logistic, picture, say
from layersight.errors import UsageError

NAMES = ("average-drop", "increase", "average-gain")


def of(board, heat):
    found = say(board, heat, *NAMES)
    return tuple(found[name].value for name in NAMES)


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
        say(board, heat, "average-drop")
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
        say(board, np.ones((8, 8)), name)


def test_the_other_side_of_a_single_unit_is_a_probability_too():
    """Of ``not dog`` the goal reads -p, and 1 is added."""
    images = picture()
    each = np.random.default_rng(0).normal(size=(8, 8, 1))
    heat = np.random.default_rng(1).random((8, 8))
    plain = logistic(-each)
    turned = Formula(lambda one: -logistic(each).function(one))
    for name in ("average-drop", "deletion", "insertion", "road"):
        one = say(bench(plain, images), heat, name)[name]
        other = say(bench(turned, images, offset=1.0), heat, name)[name]
        assert other.value == pytest.approx(one.value, abs=1e-5)
        assert other.random == pytest.approx(one.random, abs=1e-5)
