"""Canvases on every backend: from coefficients to pixels, and through placements and back."""

import dataclasses

import keras
import numpy as np
import pytest
from gradients import as_array, gradient_of
from scipy import ndimage

from layersight.data.ascent import FOURIER, PHASE, Ascent, Probe
from layersight.frameworks.keras.ascent.objective import bound, draw, network_input
from layersight.frameworks.keras.backends import is_near, make_sampling, sample
from layersight.nouns.patterns.placements import of_step, placement
from layersight.nouns.patterns.request import PatternOptions


def test_a_canvas_is_seen_through_its_placements_as_scipy_does():
    chance = np.random.default_rng(0)
    canvas = chance.random((2, 9, 13, 3)).astype("float32")
    ascent = make_ascent_of((9, 13))
    views = np.stack([of_step(PatternOptions(size=(9, 13), turn=20), n)[0] for n in range(2)])
    planes = keras.ops.convert_to_tensor(np.moveaxis(canvas, -1, 1).copy())
    sampling = make_sampling(keras.ops.convert_to_tensor(views), (9, 13), near=False)
    seen = as_array(network_input(ascent, planes, sampling))
    assert seen.shape == (4, 9, 13, 3)
    padded = np.pad(canvas, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=0.5)
    for number in range(4):
        view = views[number % 2]
        offset = view[:, 2] + 1  # of the frame of grey that the edges fade into
        for colour in range(3):
            expected = ndimage.affine_transform(
                *(padded[number // 2, ..., colour], view[:, :2], offset),
                output_shape=(9, 13),
                order=1,
                mode="constant",
                cval=0.5,
            )
            assert seen[number, ..., colour] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("view", [*range(4), "large", "beyond"])
def test_the_backward_pass_through_a_placement_is_its_transpose(view):
    size = (6, 9)
    options = PatternOptions(size=size, turn=20, zoom=0.1)
    unusual = {
        "large": placement(size, (0, 0), 1.3, 5),
        "beyond": placement(size, (5, -7), 0.7, 40),
    }
    given = unusual[view] if view in unusual else of_step(options, view)[0]
    assert is_near(given[None])
    tensor = keras.ops.convert_to_tensor(given[None])
    matrix = as_array(  # what is seen of a canvas that is black but for one pixel, for each
        sample(
            keras.ops.convert_to_tensor(np.eye(54, dtype="float32").reshape(54, 1, *size)),
            make_sampling(tensor, size, near=False),
        )
    ).reshape(54, 54)
    slope = np.random.default_rng(0).random((2, *size, 3)).astype("float32")

    def seen(planes):
        result = sample(planes, make_sampling(tensor, size, near=True))
        return keras.ops.sum(result * keras.ops.convert_to_tensor(slope))

    _, gradient = gradient_of(seen, np.zeros((2, 3, *size), "float32"))
    expected = np.einsum("pq,iqc->icp", matrix, slope.reshape(2, 54, 3)).reshape(2, 3, *size)
    assert gradient == pytest.approx(expected, abs=1e-4)


def test_a_placement_is_near_if_no_pixel_is_seen_far_from_its_nearest_place():
    size = (5, 5)
    assert not is_near(np.stack([placement(size, (0, 0), 1, 0)] * 2))
    assert not is_near(np.zeros((1, 2, 3), np.float32))
    chance = np.random.default_rng(1)
    pixels = np.stack(np.meshgrid(np.arange(-9, 10), np.arange(-9, 10)), -1).reshape(-1, 2)
    kinds = set()
    for _ in range(200):
        zoom, degrees = chance.uniform(0.5, 2), chance.uniform(-180, 180)
        view = placement(size, (chance.uniform(), chance.uniform()), zoom, degrees)
        at = pixels @ view[:, :2].T + view[:, 2]
        counts = pixels[(np.abs(at) < 1).all(1)]  # the places that see the first pixel
        nearest = np.round(np.linalg.solve(view[:, :2].astype(float), -view[:, 2]))
        near = bool((np.abs(counts - nearest) <= 1).all())
        kinds.add((near, is_near(view[None])))
        assert near or not is_near(view[None])
    assert (True, True) in kinds
    assert (False, False) in kinds


def make_ascent_of(size):
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    return Ascent("input", size, 3, 2, FOURIER, (Probe("conv"),), ones, zeros)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (10, 6)])
def test_a_canvas_is_the_inverse_transform_of_its_coefficients(size):
    chance = np.random.default_rng(0)
    half = (2, 3, size[0], size[1] // 2 + 1)
    real, imaginary = chance.normal(size=half), chance.normal(size=half)
    spectrum = chance.random(half[1:]).astype("float32")
    ascent = dataclasses.replace(make_ascent_of(size), spectrum=spectrum)
    given = [keras.ops.convert_to_tensor(part.astype("float32")) for part in (real, imaginary)]
    result = as_array(bound(ascent, draw(ascent, given)))
    planes = np.fft.irfft2((real + 1j * imaginary) * spectrum, s=size, norm="ortho")
    expected = 1 / (1 + np.exp(-planes))
    assert result == pytest.approx(expected, abs=1e-5)


def test_the_magnitudes_of_maco_stay_those_that_were_given():
    chance = np.random.default_rng(0)
    magnitudes = chance.random((1, 16, 9)).astype("float32") + 0.1
    ascent = dataclasses.replace(
        make_ascent_of((16, 16)), channels=1, parameters=PHASE, spectrum=magnitudes
    )
    phase = chance.uniform(-3, 3, (2, 1, 16, 9)).astype("float32")
    canvas = as_array(bound(ascent, draw(ascent, [keras.ops.convert_to_tensor(phase)])))
    logits = np.log(canvas / (1 - canvas))[:, 0]
    result = np.abs(np.fft.rfft2(logits))[:, 1:, 1:-1]
    ratio = result / magnitudes[0, 1:, 1:-1]
    assert ratio == pytest.approx(np.full_like(ratio, ratio.mean()), rel=0.02)
