"""Spectra against NumPy's own transform."""

from __future__ import annotations

import numpy as np
import pytest

from layersight.nouns.patterns import spectrum


def test_frequencies_are_cycles_a_pixel():
    found = spectrum.frequencies((4, 6))
    assert found.shape == (4, 4)
    assert found[0, 0] == 0
    assert found[0, 3] == 0.5
    assert found[2, 0] == 0.5
    assert found[1, 1] == pytest.approx(np.hypot(1 / 4, 1 / 6))


def test_pink_falls_with_the_frequency():
    found = spectrum.pink((32, 32), 3)
    assert found.shape == (3, 32, 17)
    assert found[0, 0, 0] == 32
    assert found[0, 0, 16] == pytest.approx(2)
    assert spectrum.pink((32, 32), 1, decay=2)[0, 0, 16] == pytest.approx(4)


def test_colours_are_for_colours_alone():
    matrix = spectrum.colours(3)
    assert np.linalg.norm(matrix, axis=0).max() == pytest.approx(1)
    assert spectrum.colours(1) is None
    assert spectrum.colours(4) is None


def test_the_spectrum_of_a_wave_is_one_coefficient():
    wave = 0.5 + 0.2 * np.sin(2 * np.pi * 3 * np.arange(32) / 32)
    picture = np.repeat(np.tile(wave, (16, 1))[..., None], 1, -1).astype("float32")
    found = spectrum.of_images([picture], 1)[0]
    assert found.shape == (16, 17)
    assert found.argmax() == 3
    assert found[1:].max() < 1e-4


def test_the_mean_of_several_pictures():
    chance = np.random.default_rng(0)
    pictures = [chance.random((8, 8, 3)).astype("float32") for _ in range(3)]
    alone = [spectrum.of_images([picture], 3) for picture in pictures]
    assert spectrum.of_images(pictures, 3) == pytest.approx(np.mean(alone, 0), rel=1e-5)
    with pytest.raises(ValueError, match="at least one"):
        spectrum.of_images([], 3)
