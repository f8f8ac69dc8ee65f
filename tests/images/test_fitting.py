"""From pixels to the size that a network takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from layersight.data.model import InputInfo
from layersight.errors import UsageError
from layersight.images.fitting import (
    FITS,
    INTERPOLATIONS,
    LARGEST_SIDE,
    choose_size,
    fit_picture,
)
from pictures import SCALE, error_of, load, photographs, saved, some_pixels

# Fitting


def fitted(pixels, size, fit="stretch", interpolation="nearest"):
    picture, step = fit_picture(Image.fromarray(pixels), size, fit, interpolation)
    return np.asarray(picture), step


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_stretch_is_what_pillow_does(interpolation):
    pixels = some_pixels(30, 50, 3)
    method = getattr(Image.Resampling, interpolation.upper())
    expected = np.asarray(Image.fromarray(pixels).resize((16, 20), method))
    result, step = fitted(pixels, (20, 16), interpolation=interpolation)
    np.testing.assert_array_equal(result, expected)
    assert step == f"resized from 50 x 30 to 16 x 20 (stretch, {interpolation})"


def test_the_same_size_is_kept():
    pixels = some_pixels(6, 7, 3)
    for fit in FITS:
        result, step = fitted(pixels, (6, 7), fit=fit, interpolation="bicubic")
        np.testing.assert_array_equal(result, pixels)
        assert step == "kept at 7 x 6 pixels"


def test_crop_takes_the_middle():
    pixels = some_pixels(4, 10)
    result, step = fitted(pixels, (4, 4), fit="crop")
    np.testing.assert_array_equal(result, pixels[:, 3:7])
    assert step == "the middle 4 x 4 of 10 x 4 pixels resized to 4 x 4 (crop, nearest)"
    assert fitted(pixels, (8, 20), fit="crop")[1] == "resized from 10 x 4 to 20 x 8 (crop, nearest)"


def test_crop_to_an_extreme_aspect_keeps_a_pixel():
    assert fitted(some_pixels(1, 1, 3), (64, 1), fit="crop")[0].shape == (64, 1, 3)
    assert fitted(some_pixels(1, 60, 3), (64, 1), fit="crop")[0].shape == (64, 1, 3)


def test_pad_puts_black_around():
    result, step = fitted(np.full((2, 4, 3), 200, np.uint8), (8, 8), fit="pad")
    assert set(result[2:6].ravel().tolist()) == {200}
    assert set(result[:2].ravel().tolist()) == set(result[6:].ravel().tolist()) == {0}
    assert step == "resized from 4 x 2 to 8 x 4, black around it up to 8 x 8 (pad, nearest)"


def test_pad_is_opaque():
    result, _ = fitted(np.zeros((2, 4, 4), np.uint8), (8, 8), fit="pad")
    assert result[0, 0].tolist() == [0, 0, 0, 255]


@settings(max_examples=60)
@given(
    height=st.integers(1, 64),
    width=st.integers(1, 64),
    to_height=st.integers(1, 64),
    to_width=st.integers(1, 64),
    channels=st.sampled_from([(), (3,), (4,)]),
    fit=st.sampled_from(FITS),
    interpolation=st.sampled_from(sorted(INTERPOLATIONS)),
)
def test_any_size_comes_out_exactly(
    height, width, to_height, to_width, channels, fit, interpolation
):
    pixels = some_pixels(height, width, *channels)
    result, _ = fitted(pixels, (to_height, to_width), fit, interpolation)
    assert result.shape == (to_height, to_width, *channels)
    assert result.dtype == np.uint8


@settings(max_examples=60)
@given(
    height=st.integers(1, 16),
    width=st.integers(1, 16),
    times=st.integers(1, 4),
    above=st.integers(0, 9),
)
def test_pad_keeps_every_pixel_when_enlarging_by_a_whole_number(height, width, times, above):
    pixels = some_pixels(height, width, 3)
    to_height = height * times + above
    result, _ = fitted(pixels, (to_height, width * times), fit="pad")
    top = above // 2
    inner = result[top : top + height * times]
    np.testing.assert_array_equal(inner, pixels.repeat(times, 0).repeat(times, 1))
    assert not result[:top].any()
    assert not result[top + height * times :].any()


def test_unknown_fit_and_interpolation():
    pixels = some_pixels(2, 2, 3)
    assert error_of(UsageError, fitted, pixels, (1, 1), fit="streched") == (
        "unknown fit 'streched': expected one of stretch, crop, pad. Did you mean stretch?"
    )
    message = error_of(UsageError, fitted, pixels, (1, 1), interpolation="bilinaer")
    assert message.startswith("unknown interpolation 'bilinaer': expected one of nearest, ")
    assert message.endswith("Did you mean bilinear?")


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        ("of 1 to 65535 pixels a side and 150 megapixels", [(0, 5), (5, -1), (100_000, 100_000)]),
        (
            "as height and width in pixels, such as (224, 224)",
            [5.0, (5,), (5, 5, 3), (2.5, 3), "ab", None],
        ),
    ],
)
def test_invalid_sizes(words, sizes):
    for size in sizes:
        message = error_of(UsageError, fitted, some_pixels(2, 2, 3), size)
        assert message.startswith(f"expected a size {words}")


# Against keras.utils.load_img


SIZES = [(64, 64), (150, 97), (75, 100), (7, 200)]


@pytest.fixture(scope="module")
def keras_folder(tmp_path_factory) -> Path:
    """A folder with images and, in ``keras.npz``, what Keras loads from them."""
    folder = tmp_path_factory.mktemp("keras")
    saved(folder / "colour.jpg", Image.fromarray(some_pixels(75, 100, 3)))
    saved(folder / "grey.jpg", Image.fromarray(some_pixels(101, 57)))
    saved(folder / "colour.png", Image.fromarray(some_pixels(33, 90, 3)))
    saved(folder / "palette.gif", Image.fromarray(some_pixels(33, 90, 3)).quantize(64))
    code = f"""
import pathlib
import numpy as np
import keras
folder = pathlib.Path({str(folder)!r})
np.savez(folder / "keras.npz", **{{
    f"{{path.name}} {{mode}} {{keep}} {{size}}": np.asarray(keras.utils.load_img(
        path, target_size=size, color_mode=mode, keep_aspect_ratio=keep
    ))
    for path in sorted(folder.iterdir())
    for mode in ("rgb", "grayscale")
    for keep in (False, True)
    for size in {SIZES!r}
}})
"""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return folder


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("mode", ["rgb", "grayscale"])
@pytest.mark.parametrize("name", ["colour.jpg", "grey.jpg", "colour.png", "palette.gif"])
def test_default_is_keras_load_img_byte_for_byte(keras_folder, name, mode, keep):
    channels = 3 if mode == "rgb" else 1
    with np.load(keras_folder / "keras.npz") as theirs:
        for size in SIZES:
            inputs = InputInfo("image", (None, *size, channels))
            image = load(keras_folder / name, inputs, fit="crop" if keep else "stretch")
            expected = theirs[f"{name} {mode} {keep} {size}"].reshape(*size, channels)
            np.testing.assert_array_equal(image.pixels, expected)


@photographs
@pytest.mark.parametrize("channels", [1, 3])
def test_photographs_as_pillow_resizes_them(data, photograph, channels):
    folder = data / "images" if (data / "images").is_dir() else data
    path = folder / photograph
    mode = "RGB" if channels == 3 else "L"
    with Image.open(path) as image:
        resized = image.convert(mode).resize((150, 224), Image.Resampling.NEAREST)
        original = image.size
    result = load(path, InputInfo("image", (None, 224, 150, channels)))
    np.testing.assert_array_equal(result.pixels, np.asarray(resized).reshape(224, 150, channels))
    np.testing.assert_array_equal(result.values, SCALE.apply(result.pixels))
    assert result.original_size == original


# Choosing a size


@pytest.mark.parametrize(
    ("takes", "original", "requested", "expected"),
    [
        ((224, 100), (10, 20), None, (224, 100)),
        ((224, 100), (10, 20), (224, 100), (224, 100)),
        ((None, None), (10, 20), None, (20, 10)),
        ((None, None), (512, 3), None, (3, 512)),
        ((None, None), (1024, 512), None, (256, 512)),
        ((None, None), (100_000, 1), None, (1, 512)),
        ((None, None), (10, 20), (33, 44), (33, 44)),
        ((None, 64), (10, 20), None, (128, 64)),
        ((64, None), (10, 20), None, (64, 32)),
        ((64, None), (10, 20), (64, 99), (64, 99)),
        ((64, None), (10_000, 1), None, (64, 512)),
        ((None, 1000), (10, 10), None, (1000, 1000)),
    ],
)
def test_size(takes, original, requested, expected):
    size, note = choose_size(takes, original, requested)
    assert size == expected
    assert (note is None) == (requested is not None or None not in takes)


def test_notes_on_the_size():
    def note(takes, original):
        return choose_size(takes, original)[1]

    assert note((None, None), (10, 20)) == "the model takes any size: the image's own 10 x 20 kept"
    assert note((None, None), (2048, 1024)) == (
        "the model takes any size: the image's own 2048 x 1024 reduced to 512 x 256 "
        "(at most 512 on the longest side where no size is given)"
    )
    assert note((None, 64), (10, 20)) == (
        "the model takes 64 x any pixels: 64 x 128 chosen for the image's own 10 x 20"
    )


@pytest.mark.parametrize("takes", [(224, 224), (224, None), (None, 224)])
def test_another_size_than_the_model_takes(takes):
    message = error_of(UsageError, choose_size, takes, (10, 10), (100, 101))
    assert message.endswith("found a size of 101 x 100. Leave the size out.")


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_chosen_sizes_are_within_bounds(width, height):
    (to_height, to_width), _ = choose_size((None, None), (width, height))
    assert 1 <= max(to_height, to_width) <= max(LARGEST_SIDE, 1)
    assert abs(to_width / to_height - width / height) <= 0.6 * width / height or 1 in (
        to_width,
        to_height,
    )
