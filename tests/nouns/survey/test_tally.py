"""Accumulators: exact, and the same whatever the parts and their order."""

from __future__ import annotations

import math

import numpy as np
import pytest

from layersight.nouns.survey.bins import ERROR, Bins, edges_of, keys_of
from layersight.nouns.survey.exact import NARROW, WIDE
from layersight.nouns.survey.rows import Rows, rows_of
from layersight.nouns.survey.tally import NONE, Tally

draw = np.random.default_rng(5)


def test_sums_are_those_of_whole_numbers_in_any_order() -> None:
    values = draw.normal(size=(500, 6)) * 10.0 ** draw.integers(-14, 14, (500, 6))
    values[::7] *= -1
    wanted = [math.fsum(column) for column in values.T]
    total = WIDE.total(values)
    assert WIDE.value(total).tolist() == pytest.approx(wanted, rel=1e-15)
    order = draw.permutation(500)
    parts = [WIDE.total(values[order[start : start + 61]]) for start in range(0, 500, 61)]
    added = parts[0]
    for part in parts[1:]:
        added = WIDE.add(added, part)
    assert np.array_equal(added, total)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-60, -3e38, 3e38**2, 2.0**-200, -1.0])
def test_single_numbers_come_back(value: float) -> None:
    assert WIDE.value(WIDE.total(np.array([value]))).item() == value


def test_what_is_finer_than_the_unit_is_rounded() -> None:
    values = np.array([2.0**-48, 2.0**-49, 1.5 * 2.0**-48, -(2.0**41)])
    assert NARROW.value(NARROW.total(values[:3])).item() == 3 * 2.0**-48
    assert NARROW.value(NARROW.total(values)).item() == -(2.0**41)


def test_quantiles_are_within_the_stated_error() -> None:
    values = (draw.normal(size=(999, 5)) ** 3).astype(np.float32)
    shares = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1]
    quantiles = Bins.of(values).quantiles(shares)
    wanted = np.quantile(values, shares, axis=0, method="lower").T
    assert np.all(np.abs(quantiles - wanted) <= ERROR * np.abs(wanted))
    assert np.isnan(Bins.empty(2).quantiles(shares)).all()


def test_every_number_lies_in_its_bin_and_counts_add_up() -> None:
    values = (draw.uniform(1, 9, (400, 3)) * 10.0 ** draw.integers(-9, 9, (400, 3))).astype("f4")
    values *= draw.choice([-1, 1], values.shape)
    edges = edges_of(keys_of(values).ravel())
    flat = values.ravel()
    inside = (edges[:, 0] <= flat) & (flat <= edges[:, 1])
    assert inside.all()
    once, both = Bins.of(values), Bins.of(values[:150]).add(Bins.of(values[150:]))
    assert np.array_equal(once.keys, both.keys)
    assert np.array_equal(once.counts, both.counts)
    assert once.counts.sum() == values.size


@pytest.mark.parametrize("shape", [(3, 7, 9, 5), (2, 300, 2, 3), (4, 11, 6), (2, 3, 4, 5, 6)])
def test_rows_are_what_numpy_gives(shape: tuple[int, ...]) -> None:
    maps = np.maximum(draw.normal(3, 2, shape), 0).astype(np.float32)
    rows = rows_of(maps)
    flat = maps.astype(np.float64).reshape(shape[0], -1, shape[-1])
    assert np.array_equal(rows.peak, maps.reshape(flat.shape).max(1))
    assert np.array_equal(rows.low, maps.reshape(flat.shape).min(1))
    assert np.array_equal(rows.position, flat.argmax(1))
    assert np.array_equal(rows.zeros, (flat == 0).sum(1))
    np.testing.assert_allclose(rows.mean, flat.mean(1), rtol=1e-6)
    np.testing.assert_allclose(rows.spread, flat.var(1) * flat.shape[1], rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 40, 3, 1), (5, 1, 1, 7), (5, 300, 1), (5, 9, 9, 64), (5, 8)])
def test_a_row_does_not_depend_on_the_images_beside_it(shape: tuple[int, ...]) -> None:
    maps = draw.normal(1, 1, shape).astype(np.float32)
    together = rows_of(maps)
    for index in range(len(maps)):
        alone = rows_of(maps[index : index + 1])
        for name in ("peak", "position", "low", "mean", "spread", "zeros"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[index].tobytes()


def test_a_large_offset_costs_the_deviation_nothing() -> None:
    maps = (1000 + draw.normal(size=(2, 30, 30, 4))).astype(np.float32)
    wanted = maps.astype(np.float64).var((1, 2)) * 900
    np.testing.assert_allclose(rows_of(maps).spread, wanted, rtol=1e-4)


def test_a_map_with_a_value_that_is_not_finite_is_broken() -> None:
    maps = np.ones((3, 4, 4, 2), np.float32)
    maps[0, 1, 1, 0], maps[1, 2, 2, 1] = np.nan, -np.inf
    rows = rows_of(maps)
    assert rows.finite.tolist() == [[False, True], [True, False], [True, True]]
    tally = Tally.of(rows, 16, np.arange(3), np.full(3, NONE), 2)
    assert tally.counts.tolist() == [[2, 2], [1, 1], [32, 32], [0, 0], [2, 2]]
    assert tally.strongest.images.tolist() == [[1, 2], [0, 2]]


def tally_of(maps: np.ndarray, images: np.ndarray, classes: np.ndarray, length: int = 4) -> Tally:
    return Tally.of(rows_of(maps[images]), 36, images, classes[images], length)


def test_tallies_of_any_parts_in_any_order_are_the_tally_of_the_whole() -> None:
    maps = np.maximum(draw.normal(size=(200, 6, 6, 9)), 0).astype(np.float32).round(1)  # many ties
    maps[5, 0, 0, 3] = np.nan
    classes = np.arange(200) % 3 - 1
    wanted = tally_of(maps, np.arange(200), classes).to_arrays()
    order = draw.permutation(200)
    parts = [tally_of(maps, order[start : start + 23], classes) for start in range(0, 200, 23)]
    for _ in range(3):
        draw.shuffle(parts)  # type: ignore[arg-type]
        total = Tally.empty(9, 4)
        for part in parts:
            total = total.add(Tally.from_arrays(part.to_arrays().__getitem__))
        for name, array in total.to_arrays().items():
            assert array.tobytes() == wanted[name].tobytes(), name
            assert array.dtype == wanted[name].dtype, name


def test_among_equally_strong_images_the_first_comes_first() -> None:
    peaks = np.array([3, 1, 3, 2, 1, 3], np.float32)
    maps = np.zeros((6, 6, 6, 1), np.float32)
    maps[:, 2, 3, 0] = peaks
    tally = tally_of(maps, np.array([4, 2, 0, 5, 1, 3]), np.full(6, NONE))
    assert tally.strongest.images.tolist() == [[0, 2, 5, 3]]
    assert tally.weakest.images.tolist() == [[1, 4, 3, 0]]
    assert tally.strongest.positions.tolist() == [[15] * 4]
    short = tally_of(maps, np.array([1, 4]), np.full(6, NONE))
    assert short.strongest.images.tolist() == [[1, 4, NONE, NONE]]


def test_rows_join() -> None:
    maps = draw.normal(size=(5, 3, 3, 2)).astype(np.float32)
    joined = Rows.join([rows_of(maps[:2]), rows_of(maps[2:])])
    assert len(joined) == 5
    assert np.array_equal(joined.mean, rows_of(maps).mean)
