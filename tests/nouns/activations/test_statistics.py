"""The numbers of a channel are those that plain NumPy gives for its map alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layersight.document.words import fine_percent, percent
from layersight.nouns.activations.statistics import ROUNDING, measure

EPS = float(np.finfo(np.float32).eps)


def by_hand(values, image, channel):
    """One map at a time, as a person would ask NumPy."""
    one = values[image, ..., channel]
    with np.errstate(all="ignore"):
        return {
            "mean": np.mean(one),
            "std": np.std(one),
            "min": np.min(one),
            "max": np.max(one),
            "sparsity": np.float32(np.mean(one == 0)),
            "finite": bool(np.isfinite(one).all()),
        }


def same_bits(values, found):
    assert found.dead.dtype == np.bool_
    for image in range(values.shape[0]):
        for channel in range(values.shape[-1]):
            for layout in (values, np.moveaxis(np.moveaxis(values, -1, 1).copy(), 1, -1)):
                for name, wanted in by_hand(layout, image, channel).items():
                    one = getattr(found, name)[image, channel]
                    assert one.dtype == (np.bool_ if name == "finite" else np.float32)
                    assert np.asarray(one).tobytes() == np.asarray(wanted, one.dtype).tobytes(), (
                        f"{name} of channel {channel} in {values.shape}: {one!r} is not {wanted!r}"
                    )


SIZES = [
    *((side, side) for side in (1, 2, 3, 7, 8, 9, 13, 16, 27, 31, 64, 73, 127, 128, 129, 148)),
    *((1, 129), (129, 1), (3, 1000), (17, 511), (5, 26215), (365, 363)),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bit_for_bit_as_numpy_for_one_map(size):
    draw = np.random.default_rng(sum(size))
    values = draw.normal(0.3, 2, (1, *size, 3)).astype(np.float32)
    values = np.maximum(values, 0) if size[0] % 2 else values * np.float32(1e-3) + np.float32(40)
    same_bits(values, measure(values))


@settings(max_examples=60)
@given(
    shape=st.tuples(
        st.integers(1, 3), st.lists(st.integers(1, 23), min_size=0, max_size=3), st.integers(1, 9)
    ),
    seed=st.integers(0, 2**32 - 1),
    power=st.integers(-30, 30),
)
def test_bit_for_bit_for_any_rank_and_size(shape, seed, power):
    count, spatial, channels = shape
    draw = np.random.default_rng(seed)
    values = draw.normal(0, 10.0**power, (count, *spatial, channels)).astype(np.float32)
    values[draw.random(values.shape) < 0.3] = 0
    same_bits(values, measure(values))


def test_layers_of_more_than_one_block_and_channel_first_in_memory():
    draw = np.random.default_rng(0)
    for first in ((2, 70, 63, 65), (2, 5, 11, 13)):
        values = np.moveaxis(draw.random(first, np.float32), 1, -1)
        for layout in (values, np.ascontiguousarray(values)):
            same_bits(layout, measure(layout))


def maps(*rows):
    """One image; each row is a map of one line."""
    return np.array(rows, np.float32).T[None, None]


def test_what_is_constant_is_dead_and_nothing_else():
    one = np.float32(1)
    just, over = one + np.float32(16 * EPS), one + np.float32(18 * EPS)
    found = measure(
        maps(
            [0, 0, 0, 0],
            [0.3, 0.3, 0.3, 0.3],
            [-0.0, 0.0, 0.0, 0.0],
            [one, just, one, one],
            [one, over, one, one],
            [-5, -5, -5, -5],
            [0, 0, 0, 1e-30],
            [1e-30, 2e-30, 1e-30, 1e-30],
        )
    )
    assert found.dead.tolist() == [[True, True, True, True, False, True, False, False]]
    assert found.finite.all()
    assert ROUNDING == 16 * EPS


@given(st.floats(1, 1.875, width=32), st.integers(-100, 100), st.booleans())
def test_sixteen_units_in_the_last_place_are_still_constant(start, power, negative):
    low = np.float32(start) * np.float32(2.0) ** np.float32(power)
    high = low
    for _ in range(16):
        high = np.nextafter(high, np.float32(np.inf))
    far = low * np.float32(1 + 40 * EPS)
    sign = np.float32(-1 if negative else 1)
    found = measure(maps([low, high, low], [low, far, low]) * sign)
    assert found.dead.tolist() == [[True, False]]


def test_a_map_of_one_position_is_never_dead():
    for shape in ((2, 1, 1, 3), (2, 3), (2, 1, 3), (2, 1, 1, 1, 3)):
        found = measure(np.zeros(shape, np.float32))
        assert found.dead.shape == (2, 3)
        assert not found.dead.any()
        assert found.sparsity.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_not_called_dead(bad):
    found = measure(maps([bad] * 4, [1, bad, 1, 1], [1, 1, 1, 1], [0, 1, 2, 3]))
    assert found.finite.tolist() == [[False, False, True, True]]
    assert found.dead.tolist() == [[False, False, True, False]]
    assert found.mean[0, 3] == 1.5


def test_the_largest_numbers_overflow_without_a_warning():
    top = float(np.finfo(np.float32).max)
    found = measure(maps([-top, top, top], [top, top, top]))
    assert found.dead.tolist() == [[False, True]]
    assert found.finite.tolist() == [[True, True]]


def test_the_share_of_zeros_is_exact():
    for positions in range(1, 200):
        for zeros in {0, 1, positions // 3, positions}:
            row = np.ones(positions, np.float32)
            row[:zeros] = 0
            found = measure(row[None, :, None])
            assert found.sparsity[0, 0] == np.float32(zeros / positions)


def test_zeros_are_all_only_where_every_value_is_zero():
    values = np.zeros((1, 6000, 3000, 1), np.float32)
    assert measure(values).sparsity == 1
    values[0, 4, 5, 0] = 1
    found = measure(values).sparsity[0, 0]
    assert found < 1
    assert percent(float(found)) == ">99%"
    assert fine_percent(float(found)) == ">99.99%"
