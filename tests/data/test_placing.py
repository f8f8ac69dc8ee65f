"""Maps brought to the photograph, against a slow second writing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from layersight.data.placing import enlarge, place


def slowly(values, region, size):
    """Pixel by pixel: where its centre lies in the map, the mean of the four cells around."""
    high, wide = values.shape
    top, left, bottom, right = region
    made = np.full(size, np.nan, np.float64)
    for y in range(size[0]):
        for x in range(size[1]):
            if not (top <= y + 0.5 <= bottom and left <= x + 0.5 <= right):
                continue
            v = min(max((y + 0.5 - top) / (bottom - top) * high - 0.5, 0), high - 1)
            u = min(max((x + 0.5 - left) / (right - left) * wide - 0.5, 0), wide - 1)
            rows, columns = [math.floor(v), math.ceil(v)], [math.floor(u), math.ceil(u)]
            b, a = v - rows[0], u - columns[0]
            made[y, x] = (
                (1 - b) * (1 - a) * values[rows[0], columns[0]]
                + (1 - b) * a * values[rows[0], columns[1]]
                + b * (1 - a) * values[rows[1], columns[0]]
                + b * a * values[rows[1], columns[1]]
            )
    return made


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(6, 15), st.integers(6, 15)),
    st.tuples(st.floats(-9, 3), st.floats(-9, 3), st.floats(0, 9), st.floats(0, 9)),
    st.integers(0, 99),
)
def test_a_map_lies_where_its_region_says(cells, size, edges, seed):
    values = np.random.default_rng(seed).normal(size=cells).astype(np.float32)
    top, left, more_down, more_across = edges
    region = (
        top,
        left,
        max(top + cells[0], size[0] / 2 + more_down),
        max(left + cells[1], size[1] / 2 + more_across),
    )
    np.testing.assert_allclose(
        place(values, region, size), slowly(values, region, size), rtol=1e-4, atol=1e-5
    )


def test_a_map_over_the_whole_is_enlarged_and_several_at_once_are_too():
    maps = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    found = place(maps, (0.0, 0.0, 11.0, 8.0), (11, 8))
    np.testing.assert_array_equal(found, enlarge(maps, (11, 8)))
    np.testing.assert_array_equal(found[1], place(maps[1], (0.0, 0.0, 11.0, 8.0), (11, 8)))


@pytest.mark.parametrize("size", [(5, 3), (13, 9), (40, 40)])
def test_enlarging_is_what_pillow_does(size):
    values = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    picture = Image.fromarray(values).resize(size[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_allclose(enlarge(values, size), np.asarray(picture), rtol=1e-4, atol=1e-5)


def test_a_map_that_grows_smaller_keeps_all_of_its_heat():
    values = np.zeros((40, 40), np.float32)
    values[13, 22] = 1
    found = enlarge(values, (10, 10))
    assert found.sum() == pytest.approx(1 / 16, rel=0.02)
    assert np.unravel_index(found.argmax(), found.shape) == (3, 5)
    picture = Image.fromarray(values).resize((10, 10), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(found, np.asarray(picture), rtol=1e-3, atol=1e-4)


def test_nothing_outside_of_a_crop_has_a_value():
    found = place(np.ones((4, 4), np.float32), (0.0, 3.0, 6.0, 9.0), (6, 12))
    assert np.isnan(found[:, :3]).all()
    assert np.isnan(found[:, 9:]).all()
    np.testing.assert_array_equal(found[:, 3:9], 1)
