"""Where the network looks: maps that follow from a seed and the number of a step."""

from __future__ import annotations

import numpy as np
import pytest

from layersight.nouns.patterns.placements import crops_of_step, of_step, placement, unseen
from layersight.nouns.patterns.request import PatternOptions

MIDDLE = np.array([3.5, 5.5, 1.0])
OPTIONS = PatternOptions(size=(8, 12), jitter=2, zoom=0.25, turn=10)


@pytest.mark.parametrize(
    ("shift", "zoom", "degrees", "seen", "wanted"),
    [
        ((0.0, 0.0), 1.7, 33.0, MIDDLE, MIDDLE[:2]),  # what is in the middle stays there
        ((2.0, -1.0), 1.0, 0.0, [0, 0, 1.0], [2, -1]),  # a shift is in pixels of the canvas
        ((0.0, 0.0), 2.0, 0.0, [4.5, 5.5, 1.0], [4.0, 5.5]),  # half as far
        ((0.0, 0.0), 1.0, 90.0, [4.5, 5.5, 1.0], [3.5, 4.5]),  # a quarter turn
    ],
)
def test_positions_of_pixels_on_the_canvas(shift, zoom, degrees, seen, wanted):
    found = placement((8, 12), shift, zoom, degrees) @ np.array(seen)
    assert found == pytest.approx(wanted, abs=1e-5)


def test_every_step_has_a_placement_of_its_own_within_the_bounds():
    found = np.concatenate([of_step(OPTIONS, step) for step in range(200)])
    assert len(np.unique(found.reshape(200, -1), axis=0)) == 200
    scale = 1 / np.sqrt(np.abs(np.linalg.det(found[:, :, :2])))
    assert scale.min() >= 0.75 - 1e-5
    assert scale.max() <= 1.25 + 1e-5
    shift = found @ MIDDLE - MIDDLE[:2]
    assert np.abs(shift).max() <= 2 + 1e-4
    assert np.abs(shift).max() > 1


def test_a_step_is_the_same_each_time_and_another_for_another_seed():
    assert np.array_equal(of_step(OPTIONS, 7), of_step(OPTIONS, 7))
    other = PatternOptions(size=(8, 12), seed=1)
    assert not np.array_equal(of_step(other, 7), of_step(PatternOptions(size=(8, 12)), 7))


def test_crops_stay_on_the_canvas():
    options = PatternOptions(size=(64, 96))
    crops = np.concatenate([crops_of_step(options, step, 8) for step in range(20)])
    for corner in ([0, 0, 1.0], [63, 95, 1.0]):
        positions = crops @ np.array(corner)
        assert positions.min() >= -1.5
        assert (positions <= np.array([64.5, 96.5])).all()


def test_no_step_uses_the_placements_of_the_rating():
    views = unseen((64, 64))
    steps = [of_step(PatternOptions(size=(64, 64)), step) for step in range(128)]
    assert not any(np.allclose(view, step) for view in views for step in steps)
    assert np.array_equal(views, unseen((64, 64)))
