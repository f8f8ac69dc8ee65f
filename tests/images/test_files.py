"""From image files to pixels."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from layersight.errors import UsageError
from layersight.images import depth, reading
from pictures import (
    deep_image,
    error_of,
    file_of,
    load,
    png_of,
    read_pixels,
    saved,
    some_pixels,
)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_keep_their_pixels(tmp_path, kind, channels):
    pixels = some_pixels(5, 7, 3) if channels == 3 else some_pixels(5, 7)
    path = saved(tmp_path / "picture", Image.fromarray(pixels), format=kind, lossless=True)
    result, size, steps = read_pixels(path, channels)
    np.testing.assert_array_equal(result, pixels.reshape(5, 7, channels))
    assert size == (7, 5)
    assert steps == (("RGB to grey",) if (kind, channels) == ("WEBP", 1) else ())
    assert result.dtype == np.uint8
    assert result.flags.writeable


def test_jpeg_is_read_as_pillow_reads_it(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(some_pixels(20, 30, 3)))
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_pixels(path)[0], np.asarray(image))


def test_the_content_decides_not_the_suffix(tmp_path):
    pixels = some_pixels(4, 4, 3)
    path = saved(tmp_path / "really_a_png.jpg", Image.fromarray(pixels), format="PNG")
    np.testing.assert_array_equal(read_pixels(path)[0], pixels)


def test_gif_gives_its_first_frame(tmp_path):
    first, second = (Image.new("P", (4, 3), colour) for colour in (1, 2))
    for frame in (first, second):
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    path = saved(tmp_path / "film.gif", first, save_all=True, append_images=[second])
    pixels, _, steps = read_pixels(path)
    assert {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()} == {(255, 0, 0)}
    assert steps == ("the first of several frames", "palette to RGB")
    grey, _, _ = read_pixels(path, 1)
    assert set(grey.ravel().tolist()) == {76}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path, kind, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255, 0, 0
    upright[8:, 16:] = 0, 0, 255
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    as_stored = Image.fromarray(upright)
    if orientation != 1:
        as_stored = as_stored.transpose(reading._TURNS[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    path = saved(tmp_path / "turned", as_stored, format=kind, exif=exif, **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    pixels, size, steps = read_pixels(path)
    assert size == (32, 16)
    np.testing.assert_array_equal(pixels, expected)
    assert np.abs(pixels.astype(int) - upright).max() < 12
    assert steps == (
        () if orientation == 1 else (f"turned upright (EXIF orientation {orientation})",)
    )


@pytest.mark.parametrize("strip", [reading._STRIP, 20])
def test_transparent_pixels_are_laid_on_white_in_strips(tmp_path, monkeypatch, strip):
    monkeypatch.setattr(reading, "_STRIP", strip)
    pixels = some_pixels(11, 7, 4)
    pixels[0, 0] = 9, 9, 9, 0
    pixels[0, 1] = 9, 9, 9, 255
    result, _, steps = read_pixels(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    alpha = pixels[..., 3:].astype(float) / 255
    np.testing.assert_allclose(result, pixels[..., :3] * alpha + 255 * (1 - alpha), atol=0.51)
    assert result[0, :2].tolist() == [[255, 255, 255], [9, 9, 9]]
    assert steps == ("transparent pixels laid on white",)


@pytest.mark.parametrize(
    ("alpha", "channels", "steps"), [(255, 3, ("RGB with alpha to RGB",)), (None, 4, ())]
)
def test_alpha_is_kept_in_four_channels_and_not_mentioned_if_opaque(
    tmp_path, alpha, channels, steps
):
    pixels = some_pixels(4, 4, 4)
    pixels[..., 3] = pixels[..., 3] if alpha is None else alpha
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    result, _, notes = read_pixels(path, channels)
    np.testing.assert_array_equal(result, pixels[..., :channels])
    assert notes == steps


def test_grey_with_alpha(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(np.array([[[0, 0], [7, 255]]], np.uint8)))
    assert read_pixels(path, 1)[0].ravel().tolist() == [255, 7]
    assert read_pixels(path, 3)[0].tolist() == [[[255] * 3, [7] * 3]]


def test_palette_with_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    path = saved(tmp_path / "a.png", image, transparency=1)
    result, _, steps = read_pixels(path)
    assert result.tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]
    assert steps == ("transparent pixels laid on white",)
    path = saved(tmp_path / "b.png", image, transparency=bytes([255, 255, 0]))
    assert read_pixels(path)[0].tolist() == [[[10, 20, 30], [40, 50, 60], [255] * 3]]


def test_a_transparent_colour_is_laid_on_white(tmp_path):
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels), transparency=(4, 5, 6))
    assert read_pixels(path)[0].tolist() == [[[1, 2, 3], [255, 255, 255]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGB"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_modes_are_converted_as_pillow_does(tmp_path, mode, channels):
    image = Image.fromarray(some_pixels(9, 9, 3)).convert(mode)
    path = saved(tmp_path / "a.tif", image)
    with Image.open(path) as opened:
        expected = np.asarray(opened.convert(reading.MODES[channels])).reshape(9, 9, channels)
    np.testing.assert_array_equal(read_pixels(path, channels)[0], expected)


def test_lab_colours_are_converted(tmp_path):
    image = Image.fromarray(some_pixels(4, 4, 3)).convert("RGB")
    path = saved(tmp_path / "a.tif", Image.merge("LAB", image.split()))
    assert read_pixels(path, 1)[0].shape == (4, 4, 1)


def test_cmyk_jpeg(tmp_path):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixels, _, steps = read_pixels(saved(tmp_path / "a.jpg", image))
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() < 5
    assert steps == ("CMYK to RGB",)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_divided_by_257(tmp_path, suffix):
    values = np.array([[0, 128, 129, 257, 30000, 65535]], np.uint16)
    path = saved(tmp_path / f"a.{suffix}", deep_image(values))
    pixels, _, steps = read_pixels(path, 1)
    assert pixels.ravel().tolist() == [0, 0, 1, 1, 117, 255]
    assert steps == ("16 bits scaled to 8 (value / 257)",)
    assert read_pixels(path)[2] == (*steps, "grey to RGB")


def test_sixteen_bits_in_parts_are_the_same(tmp_path, monkeypatch):
    values = np.random.default_rng(0).integers(0, 65536, (13, 17), np.uint16)
    path = saved(tmp_path / "a.png", deep_image(values))
    monkeypatch.setattr(depth, "_PART", 10)
    np.testing.assert_array_equal(
        read_pixels(path, 1)[0][..., 0], np.rint(values / 257).astype(np.uint8)
    )


def test_big_endian_and_transparent_sixteen_bits(tmp_path):
    rows = b"".join(b"\0" + struct.pack(">2H", 65535, 500) for _ in range(2))
    content = png_of(2, 2, rows, bits=16, extra=((b"tRNS", struct.pack(">H", 500)),))
    pixels, _, steps = read_pixels(file_of(tmp_path, content), 1)
    assert pixels[..., 0].tolist() == [[255, 255], [255, 255]]
    assert steps[:2] == ("16 bits scaled to 8 (value / 257)", "transparent pixels laid on white")


def test_sixteen_bits_a_channel_are_reported(tmp_path):
    rows = b"\0" + struct.pack(">3H", 65535, 0x8001, 255)
    pixels, _, steps = read_pixels(file_of(tmp_path, png_of(1, 1, rows, bits=16, colour=2)))
    assert pixels.tolist() == [[[255, 128, 0]]]
    assert steps == ("16 bits a channel cut to the upper 8 by the decoder",)


def test_tiff_that_counts_from_white(tmp_path):
    image = deep_image(np.array([[0, 65535]], np.uint16))
    path = saved(tmp_path / "a.tif", image, tiffinfo={262: 0})
    with Image.open(path) as opened:
        assert opened.tag_v2[262] == 0
    pixels, _, steps = read_pixels(path, 1)
    assert pixels.ravel().tolist() == [255, 0]
    assert steps == ("16 bits scaled to 8 (value / 257), inverted as its zero is white",)


@pytest.mark.parametrize(
    ("kind", "values", "expected", "step"),
    [
        ("f4", [0.0, 0.5, 1.0], [0, 128, 255], "floats in 0..1 scaled to 0..255"),
        ("f4", [-1.0, 0.0, 1.0], [0, 128, 255], "floats scaled from -1..1 to 0..255"),
        ("f4", [5.0, 5.0, 5.0], [0, 0, 0], "floats that are all 5 set to 0"),
        (
            *("f4", [np.nan, 0.0, 1.0], [0, 0, 255]),
            "floats in 0..1 scaled to 0..255, 1 pixels that are not numbers set to 0",
        ),
        (
            *("f4", [np.inf, -np.inf, np.nan], [0, 0, 0]),
            "floats scaled from 0..0 to 0..255, 3 pixels that are not numbers set to 0",
        ),
        ("f4", [-3e38, 0, 3e38], [0, 128, 255], "floats scaled from -3e+38..3e+38 to 0..255"),
        ("i4", [0, 7, 255], [0, 7, 255], "wide integers in 0..255 kept as they are"),
        ("i4", [0, 257, 65535], [0, 1, 255], "16 bits scaled to 8 (value / 257)"),
        (
            *("i4", [0, 257, 4095], [0, 1, 16]),
            "16 bits scaled to 8 (value / 257), dark if they are data of 12 bits: "
            "multiply those by 16 first",
        ),
        ("i4", [-10, 0, 10], [0, 128, 255], "wide integers scaled from -10..10 to 0..255"),
    ],
)
def test_wide_numbers_in_a_tiff(tmp_path, kind, values, expected, step):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([values], kind)))
    pixels, _, steps = read_pixels(path, 1)
    assert pixels.ravel().tolist() == expected
    assert steps == (step,)


def test_one_pixel(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (1, 1), (1, 2, 3)))
    assert read_pixels(path)[0].tolist() == [[[1, 2, 3]]]
    assert load(path).values.shape == (8, 8, 3)


def test_damaged_exif_does_not_matter(tmp_path):
    image = Image.fromarray(some_pixels(8, 8, 3))
    path = saved(tmp_path / "a.jpg", image, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_pixels(path)[0].shape == (8, 8, 3)


def test_two_channels_are_refused(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("L", (2, 2)))
    message = error_of(UsageError, read_pixels, path, 2)
    assert message == (
        "expected 1 (grey), 3 (RGB) or 4 (RGB with alpha) channels of an image, found 2. "
        "Give an array instead of an image."
    )
