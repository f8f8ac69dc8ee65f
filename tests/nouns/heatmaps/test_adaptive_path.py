"""A path in parts: what the midpoint rule makes of functions whose integral is known."""

from __future__ import annotations

import numpy as np
import pytest

from layersight.nouns.heatmaps.methods.integrated_gradients import AdaptivePath


def walk(function, slope, steps, cuts, count):
    """The integral of a slope, and the path, after some cuts."""
    path = AdaptivePath(steps, function(0.0), function(1.0))
    total = 0.0
    for cut in range(cuts + 1):
        if cut:
            path.cut(count)
        for number, (point, share) in enumerate(zip(path.points, path.shares, strict=True)):
            total += share * slope(point)
            path.take(number, function(point), slope(point))
    return total, path


def parts(path):
    """Where the parts of a path begin and end."""
    ends = np.cumsum(path._lengths)
    return np.concatenate([[0], ends[:-1]]), ends


@pytest.mark.parametrize("cuts", [0, 1, 2, 5])
def test_the_integral_is_the_midpoint_rule_over_the_parts(cuts):
    def slope(point):
        return np.exp(3 * point)

    total, path = walk(lambda point: np.exp(3 * point) / 3, slope, 5, cuts, 2)
    starts, ends = parts(path)
    assert ends[-1] == pytest.approx(1)
    middles = (starts + ends) / 2
    np.testing.assert_allclose(path._middles, middles, atol=1e-12)
    assert total == pytest.approx(float(((ends - starts) * slope(middles)).sum()), rel=1e-12)
    assert len(path) == 5 + 2 * 2 * cuts
    assert len(path.points) == (6 if cuts else 5)


def test_cuts_go_where_the_slope_jumps():
    def function(point):
        return 10 * max(0.0, 0.37 - point)

    def slope(point):
        return -10.0 if point < 0.37 else 0.0

    total, path = walk(function, slope, 8, 6, 2)
    assert total == pytest.approx(-3.7, rel=0.002)
    starts, ends = parts(path)
    lengths = ends - starts
    here = (starts < 0.37) & (ends > 0.37)
    assert lengths[here].max() < 1 / 8 / 3**4
    assert lengths[ends < 0.2].min() == pytest.approx(1 / 8)
    even, _ = walk(function, slope, len(path), 0, 0)
    assert abs(total + 3.7) < abs(even + 3.7) / 5


def test_what_is_wrong_at_either_end_is_seen():
    for at in (0.0005, 0.9995):

        def function(point, at=at):
            return float(point > at)

        _, path = walk(function, lambda point: 0.0, 4, 1, 1)
        assert path.points.mean() == pytest.approx(0.125 if at < 0.5 else 0.875)


def test_every_part_may_be_cut():
    total, path = walk(lambda point: point**2, lambda point: 2 * point, 3, 2, 50)
    assert len(path) == 27
    np.testing.assert_allclose(path._middles, (np.arange(27) + 0.5) / 27)
    assert total == pytest.approx(1)
