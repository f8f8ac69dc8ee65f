"""Baselines: one colour, the mean colour, the image blurred."""

from __future__ import annotations

import math

import numpy as np
import pytest

from layersight.errors import UsageError
from layersight.nouns.heatmaps.baselines import BASELINES, SIGMA, baseline, gaussian_blur
from layersight.nouns.heatmaps.methods.method import Images
from numpy_networks import bench, linear
from numpy_networks import noise_pictures as pictures


def test_one_colour_in_the_numbers_of_the_network():
    images = pictures(2, black=(-1, 0, 5), white=(1, 255, -5))
    for name, colour in (("black", (-1, 0, 5)), ("grey", (0, 127.5, 0)), ("white", (1, 255, -5))):
        made = baseline(images, name)
        assert made.shape == images.pixels.shape
        assert np.array_equal(made, np.broadcast_to(np.float32(colour), made.shape))


def test_the_mean_colour_is_each_images_own():
    images = pictures(2)
    made = baseline(images, "mean")
    for picture, mean in zip(images.pixels, made, strict=True):
        for channel in range(3):
            expected = sum(map(float, picture[..., channel].ravel())) / 30
            np.testing.assert_allclose(mean[..., channel], expected, rtol=1e-6)


def test_the_blur_is_a_gaussian_mean_of_the_pixels_inside():
    images = pictures(1, size=(30, 40))
    sigma = SIGMA * 30
    picture, made = images.pixels[0].astype(float), baseline(images, "blur")[0]
    for y, x in ((0, 0), (29, 39), (3, 17), (15, 20)):
        total, share = np.zeros(3), 0.0
        for v, u in np.ndindex(30, 40):
            part = math.exp(-((y - v) ** 2 + (x - u) ** 2) / (2 * sigma**2))
            total += part * picture[v, u]
            share += part
        np.testing.assert_allclose(made[y, x], total / share, rtol=1e-5)


def test_blur_keeps_one_colour_and_the_images_apart():
    images = pictures(2, size=(12, 9))
    images.pixels[0] = 0.25
    made = gaussian_blur(images.pixels, 2.0)
    np.testing.assert_allclose(made[0], 0.25, rtol=1e-6)
    assert np.array_equal(made[1], gaussian_blur(images.pixels[1:], 2.0)[0])


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_belong_to_nobody_else(name):
    images = pictures(2)
    made = baseline(images, name)
    assert made.dtype == np.float32
    made += 1
    assert not np.array_equal(made, baseline(images, name))
    assert np.array_equal(images.black, np.zeros(3))


def test_a_vector_has_no_blur_and_the_error_names_the_option_that_chose_it():
    images = Images({"x": np.ones((1, 8), np.float32)}, "x", np.zeros(1), np.ones(1))
    with pytest.raises(UsageError, match=r"to be blurred with: choose the baseline black \(0\) or"):
        baseline(images, "blur")
    with pytest.raises(
        UsageError, match=r"to be blurred with: choose the fill black \(0\) or mean"
    ):
        _ = bench(linear(1.0), images, fill="blur").fill
