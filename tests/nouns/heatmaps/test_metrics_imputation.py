"""Imputation against the sparse system, written a second time and solved exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from layersight.data.placing import enlarge
from layersight.nouns.heatmaps.metrics.imputation import TOLERANCE, impute


def exact(image, known):
    """One equation for each missing pixel, by loops."""
    height, width, channels = image.shape
    missing = [tuple(index) for index in np.argwhere(~known)]
    number = {index: row for row, index in enumerate(missing)}
    system = lil_matrix((len(missing), len(missing)))
    right = np.zeros((len(missing), channels))
    for row, (y, x) in enumerate(missing):
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                there = (y + down, x + across)
                if (down, across) == (0, 0) or not (
                    0 <= there[0] < height and 0 <= there[1] < width
                ):
                    continue
                weight = 1 / 12 if down and across else 1 / 6
                system[row, row] += weight
                if known[there]:
                    right[row] += weight * image[there]
                else:
                    system[row, number[there]] -= weight
    result = np.array(image, float)
    if missing:
        solved = spsolve(system.tocsc(), right).reshape(right.shape)
        for row, index in enumerate(missing):
            result[index] = solved[row]
    return result


def masks(size, shares, resolution, seed=0):
    """What is left when the hottest share of a random map goes."""
    heat = enlarge(np.random.default_rng(seed).random(resolution, dtype=np.float32), size)
    order = np.argsort(-heat.ravel(), kind="stable")
    result = []
    for share in shares:
        known = np.ones(heat.size, bool)
        known[order[: round(heat.size * share)]] = False
        result.append(known.reshape(size))
    return np.stack(result)


@pytest.mark.parametrize("size", [(3, 3), (8, 8), (17, 9), (32, 40), (1, 12), (5, 1), (64, 64)])
@pytest.mark.parametrize("resolution", [(3, 3), (64, 64)])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-123.0, 151.0)])
def test_missing_pixels_are_the_solution_of_the_system(size, resolution, low, high):
    known = masks(size, (0.1, 0.5, 0.9), resolution)
    image = np.random.default_rng(1).uniform(low, high, (*size, 3)).astype(np.float32)
    result = impute(image, known)
    assert result.dtype == np.float32
    for each, mask in zip(result, known, strict=True):
        assert (each[mask] == image[mask]).all()
        apart = np.abs(each - exact(image, mask)).max()
        assert apart <= 2 * TOLERANCE * (high - low)


def test_a_smooth_image_with_large_holes():
    """The hard case: far from what is known a pixel depends on all of the edge."""
    down, across = np.mgrid[0:96, 0:96] / 95
    image = np.stack([down, np.sin(4 * across), down * across], -1).astype(np.float32)
    known = masks((96, 96), (0.8,), (4, 4))
    result = impute(image, known)[0]
    assert np.abs(result - exact(image, known[0])).max() <= 2 * TOLERANCE * np.ptp(image)


def test_filled_in_pixels_stay_within_those_known():
    known = masks((20, 20), (0.7,), (5, 5))
    image = np.random.default_rng(1).random((20, 20, 1), dtype=np.float32)
    result = impute(image, known)
    assert result.min() >= image[known[0]].min() - TOLERANCE
    assert result.max() <= image[known[0]].max() + TOLERANCE


def test_a_constant_image_and_one_without_holes_stay_as_they_are():
    image = np.full((6, 7, 3), 5.0, np.float32)
    assert np.allclose(impute(image, masks((6, 7), (0.9,), (6, 7))), 5)
    whole = np.random.default_rng(0).random((6, 7, 3), dtype=np.float32)
    assert (impute(whole, np.ones((2, 6, 7), bool)) == whole).all()


def test_every_mask_is_solved_by_itself():
    known = masks((24, 24), (0.2, 0.8), (3, 3))
    image = np.random.default_rng(1).random((24, 24, 3), dtype=np.float32)
    both = impute(image, known)
    for each, mask in zip(both, known, strict=True):
        assert np.allclose(each, impute(image, mask[np.newaxis])[0], atol=2 * TOLERANCE)
