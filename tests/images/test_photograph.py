"""The image in its original size, and the part of it that the network saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.errors import ImageError
from layersight.images.fitting import fit_picture, seen_region
from layersight.images.photograph import LARGEST, LEAST, ROOM, longest_side, photograph
from pictures import load


def loaded(source, *, fit="stretch", size=(20, 30), channels=3, **options) -> InputImage:
    entry = InputInfo("picture", (None, *size, channels))
    return load(source, entry, fit=fit, **options)


def drawn(width, height):
    """Red rises to the right, green downwards."""
    red = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    green = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([red, green, red * 0 + 60], -1).astype(np.uint8))


@settings(max_examples=80)
@given(
    st.tuples(st.integers(8, 60), st.integers(8, 60)),
    st.tuples(st.integers(8, 60), st.integers(8, 60)),
    st.sampled_from(["stretch", "crop", "pad"]),
)
def test_the_region_is_where_pillow_took_the_pixels_from(original, size, fit):
    width, height = original
    fitted, _ = fit_picture(drawn(width, height), size, fit, "bilinear")
    pixels = np.asarray(fitted).astype(float)
    top, left, bottom, right = seen_region(original, size, fit)
    for y in range(size[0]):
        for x in range(size[1]):
            at_y = top + (y + 0.5) * (bottom - top) / size[0]
            at_x = left + (x + 0.5) * (right - left) / size[1]
            if not (1 < at_y < height - 1 and 1 < at_x < width - 1) or pixels[y, x].sum() < 60:
                continue
            expected = [(at_x - 0.5) / (width - 1) * 255, (at_y - 0.5) / (height - 1) * 255]
            steps = (255 / (width - 1), 255 / (height - 1))
            for value, goal, step in zip(pixels[y, x], expected, steps, strict=False):
                assert abs(value - goal) <= 3 + step * 0.6, (y, x)


@pytest.mark.parametrize(
    ("fit", "region"),
    [
        ("stretch", (0, 0, 40, 90)),
        ("crop", (0, 15, 40, 75)),
        ("pad", (-3 * 40 / 13, 0, 17 * 40 / 13, 90)),
    ],
)
def test_a_file_in_its_original_size(tmp_path, fit, region):
    path = tmp_path / "wide.png"
    drawn(90, 40).save(path)
    result = photograph(path, loaded(path, fit=fit))
    np.testing.assert_array_equal(result.pixels, np.asarray(drawn(90, 40)))
    assert result.region == pytest.approx(region)
    assert result.reduced == 1


def test_a_turned_photograph_is_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn(90, 40).save(path, exif=exif, quality=95)
    result = photograph(path, loaded(path, fit="crop"))
    assert result.pixels.shape == (90, 40, 3)
    assert result.region == (32, 0, 58, 40)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("LA", 1), ("I;16", 1), ("P", 3), ("CMYK", 3)]
)
def test_original_colours_for_any_network(tmp_path, mode, channels):
    path = tmp_path / "image.tif"
    Image.new(mode, (12, 10), 0).save(path)
    assert photograph(path, loaded(path)).pixels.shape == (10, 12, channels)
    assert photograph(path, loaded(path, channels=1)).pixels.shape == (10, 12, channels)


def test_transparent_pixels_are_white(tmp_path):
    path = tmp_path / "clear.png"
    Image.new("RGBA", (5, 4), (200, 0, 0, 0)).save(path)
    result = photograph(path, loaded(path))
    assert (result.pixels == 255).all()
    again = photograph(np.asarray(Image.open(path)), loaded(np.asarray(Image.open(path))))
    np.testing.assert_array_equal(again.pixels, result.pixels)


def test_a_huge_photograph_is_reduced_with_its_region():
    wide = np.zeros((50, 2 * LARGEST, 1), np.uint8)
    wide[:, LARGEST:] = 200
    result = photograph(wide, loaded(wide, fit="pad"))
    assert result.pixels.shape == (25, LARGEST, 1)
    assert result.reduced == 2
    assert result.pixels[10, LARGEST - 20, 0] == 200
    assert result.pixels[10, 20, 0] == 0
    edges = seen_region((2 * LARGEST, 50), (20, 30), "pad")
    assert result.region == pytest.approx([edge / 2 for edge in edges])


def test_photographs_of_arrays_and_pillow_images():
    array = np.asarray(drawn(17, 13))
    np.testing.assert_array_equal(photograph(array, loaded(array)).pixels, array)
    np.testing.assert_array_equal(photograph(array[None], loaded(array[None])).pixels, array)
    picture = drawn(17, 13).convert("L")
    result = photograph(picture, loaded(picture))
    np.testing.assert_array_equal(result.pixels[..., 0], np.asarray(picture))


def test_a_float_array_is_shown_as_the_network_saw_it(tmp_path):
    array = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    image = loaded(array)
    result = photograph(array, image)
    np.testing.assert_array_equal(result.pixels, image.pixels)
    assert result.region == (0, 0, 20, 30)
    np.save(tmp_path / "a.npy", array)
    again = photograph(tmp_path / "a.npy", loaded(tmp_path / "a.npy"))
    np.testing.assert_array_equal(again.pixels, image.pixels)


def test_the_photograph_of_an_array_file(tmp_path):
    array = np.asarray(drawn(50, 40))
    np.save(tmp_path / "a.npy", array)
    result = photograph(tmp_path / "a.npy", loaded(tmp_path / "a.npy"))
    np.testing.assert_array_equal(result.pixels, array)


def test_an_image_loaded_before_whose_file_is_unchanged(tmp_path):
    path = tmp_path / "wide.png"
    drawn(90, 40).save(path)
    image = loaded(path, fit="crop")
    result = photograph(image, image)
    assert result.pixels.shape == (40, 90, 3)
    assert result.region == (0, 15, 40, 75)
    drawn(91, 40).save(path)
    result = photograph(image, image)
    np.testing.assert_array_equal(result.pixels, image.pixels)
    assert result.region == (0, 0, 20, 30)
    path.unlink()
    np.testing.assert_array_equal(photograph(image, image).pixels, image.pixels)
    unnamed = loaded(np.asarray(drawn(90, 40)))
    np.testing.assert_array_equal(photograph(unnamed, unnamed).pixels, unnamed.pixels)


def test_a_file_that_is_no_longer_an_image(tmp_path):
    path = tmp_path / "wide.png"
    drawn(90, 40).save(path)
    image = loaded(path)
    path.write_text("no image")
    with pytest.raises(ImageError, match="expected an image"):
        photograph(path, image)


def test_many_photographs_are_reduced_more():
    assert longest_side(20) == LARGEST
    assert 3 * 500 * longest_side(500) ** 2 <= ROOM
    assert longest_side(10**6) == LEAST
    wide = np.zeros((50, 1000, 3), np.uint8)
    result = photograph(wide, loaded(wide, fit="pad"), 500)
    assert result.pixels.shape == (25, 500, 3)
    assert result.reduced == 2
