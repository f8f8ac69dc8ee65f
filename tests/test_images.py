"""From image files and arrays to what the network sees."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from convlens import images
from convlens.errors import ImageError, ModelInputError, UsageError
from convlens.images import contents, depth, reading
from convlens.preprocessing import SCALES
from convlens.results import InputImage, InputInfo

RGB = InputInfo("image", (None, 8, 8, 3))
ANY = InputInfo("image", (None, None, None, 3))
GREY = InputInfo("image", (None, 8, 8, 1))
SCALE = SCALES["0..1"]

IN_TMP_PATH = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

photographs = pytest.mark.parametrize(
    "photograph",
    [
        "dog.1100.jpg",
        "creative_commons_elephant.jpg",
        "person3_virus_16.jpeg",
        "IM-0115-0001.jpeg",
        "imagenet/n01494475_hammerhead.JPEG",
    ],
)


def some_pixels(height: int, width: int, *channels: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(
        0, 256, (height, width, *channels), np.uint8
    )


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def file_of(folder: Path, content: bytes, name: str = "file.jpg") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def load(source, inputs=RGB, **options) -> InputImage:
    return images.load(source, inputs, **{"preprocessing": SCALE} | options)


def error_of(kind, function, *args, **options) -> str:
    with pytest.raises(kind) as caught:
        function(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def result_or_error(function, *args):
    try:
        return function(*args)
    except ImageError as error:
        return error


# Reading


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_give_back_their_pixels(tmp_path, kind, channels):
    pixels = some_pixels(5, 7, 3) if channels == 3 else some_pixels(5, 7)
    path = saved(tmp_path / "picture", Image.fromarray(pixels), format=kind, lossless=True)
    found, size, steps = images.read_pixels(path, channels)
    np.testing.assert_array_equal(found, pixels.reshape(5, 7, channels))
    assert size == (7, 5)
    assert steps == (("RGB to grey",) if (kind, channels) == ("WEBP", 1) else ())
    assert found.dtype == np.uint8
    assert found.flags.writeable


def test_jpeg_is_read_as_pillow_reads_it(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(some_pixels(20, 30, 3)))
    with Image.open(path) as image:
        np.testing.assert_array_equal(images.read_pixels(path)[0], np.asarray(image))


def test_the_content_decides_not_the_suffix(tmp_path):
    pixels = some_pixels(4, 4, 3)
    path = saved(tmp_path / "really_a_png.jpg", Image.fromarray(pixels), format="PNG")
    np.testing.assert_array_equal(images.read_pixels(path)[0], pixels)


def test_gif_gives_its_first_frame(tmp_path):
    first, second = (Image.new("P", (4, 3), colour) for colour in (1, 2))
    for frame in (first, second):
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    path = saved(tmp_path / "film.gif", first, save_all=True, append_images=[second])
    pixels, _, steps = images.read_pixels(path)
    assert {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()} == {(255, 0, 0)}
    assert steps == ("the first of several frames", "palette to RGB")
    grey, _, _ = images.read_pixels(path, 1)
    assert set(grey.ravel().tolist()) == {76}


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP"])
def test_of_several_pages_the_first_is_taken(tmp_path, kind):
    pages = [Image.fromarray(np.full((3, 4, 3), value, np.uint8)) for value in (10, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = saved(
        tmp_path / "pages", pages[0], format=kind, save_all=True, append_images=pages[1:], **options
    )
    pixels, _, steps = images.read_pixels(path)
    assert set(pixels.ravel().tolist()) == {10}
    assert steps == ("the first of several frames",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_upright(tmp_path, kind, orientation):
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
    pixels, size, steps = images.read_pixels(path)
    assert size == (32, 16)
    np.testing.assert_array_equal(pixels, expected)
    assert np.abs(pixels.astype(int) - upright).max() < 12
    assert steps == (
        () if orientation == 1 else (f"turned upright (EXIF orientation {orientation})",)
    )


def test_transparent_pixels_lie_on_white(tmp_path):
    pixels = some_pixels(4, 4, 4)
    pixels[0, 0] = 9, 9, 9, 0
    pixels[0, 1] = 9, 9, 9, 255
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    found, _, steps = images.read_pixels(path)
    alpha = pixels[..., 3:].astype(float) / 255
    np.testing.assert_allclose(found, pixels[..., :3] * alpha + 255 * (1 - alpha), atol=0.51)
    assert found[0, :2].tolist() == [[255, 255, 255], [9, 9, 9]]
    assert steps == ("transparent pixels laid on white",)


def test_large_transparent_images_are_laid_on_white_strip_by_strip(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_STRIP", 20)
    pixels = some_pixels(11, 7, 4)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    alpha = pixels[..., 3:].astype(float) / 255
    np.testing.assert_allclose(
        images.read_pixels(path)[0], pixels[..., :3] * alpha + 255 * (1 - alpha), atol=0.51
    )


def test_opaque_alpha_is_dropped_without_a_word_of_white(tmp_path):
    pixels = some_pixels(4, 4, 4)
    pixels[..., 3] = 255
    found, _, steps = images.read_pixels(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(found, pixels[..., :3])
    assert steps == ("RGB with alpha to RGB",)


def test_four_channels_keep_alpha(tmp_path):
    pixels = some_pixels(4, 4, 4)
    found, _, steps = images.read_pixels(saved(tmp_path / "a.png", Image.fromarray(pixels)), 4)
    np.testing.assert_array_equal(found, pixels)
    assert steps == ()


def test_grey_with_alpha(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(np.array([[[0, 0], [7, 255]]], np.uint8)))
    assert images.read_pixels(path, 1)[0].ravel().tolist() == [255, 7]
    assert images.read_pixels(path, 3)[0].tolist() == [[[255] * 3, [7] * 3]]


def test_palette_with_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    path = saved(tmp_path / "a.png", image, transparency=1)
    found, _, steps = images.read_pixels(path)
    assert found.tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]
    assert steps == ("transparent pixels laid on white",)
    path = saved(tmp_path / "b.png", image, transparency=bytes([255, 255, 0]))
    assert images.read_pixels(path)[0].tolist() == [[[10, 20, 30], [40, 50, 60], [255] * 3]]


def test_a_transparent_colour_lies_on_white(tmp_path):
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels), transparency=(4, 5, 6))
    assert images.read_pixels(path)[0].tolist() == [[[1, 2, 3], [255, 255, 255]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGB"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_modes_are_converted_as_pillow_does(tmp_path, mode, channels):
    image = Image.fromarray(some_pixels(9, 9, 3)).convert(mode)
    path = saved(tmp_path / "a.tif", image)
    with Image.open(path) as opened:
        expected = np.asarray(opened.convert(reading.MODES[channels])).reshape(9, 9, channels)
    np.testing.assert_array_equal(images.read_pixels(path, channels)[0], expected)


def test_lab_colours_are_converted(tmp_path):
    image = Image.fromarray(some_pixels(4, 4, 3)).convert("RGB")
    path = saved(tmp_path / "a.tif", Image.merge("LAB", image.split()))
    assert images.read_pixels(path, 1)[0].shape == (4, 4, 1)


def test_cmyk_jpeg(tmp_path):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixels, _, steps = images.read_pixels(saved(tmp_path / "a.jpg", image))
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() < 5
    assert steps == ("CMYK to RGB",)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_divided_by_257(tmp_path, suffix):
    values = np.array([[0, 128, 129, 257, 30000, 65535]], np.uint16)
    path = saved(tmp_path / f"a.{suffix}", deep_image(values))
    pixels, _, steps = images.read_pixels(path, 1)
    assert pixels.ravel().tolist() == [0, 0, 1, 1, 117, 255]
    assert steps == ("16 bits scaled to 8 (value / 257)",)
    assert images.read_pixels(path)[2] == (*steps, "grey to RGB")


def deep_image(values: np.ndarray) -> Image.Image:
    height, width = values.shape
    return Image.frombytes("I;16", (width, height), values.astype("<u2").tobytes())


def test_sixteen_bits_in_parts_are_the_same(tmp_path, monkeypatch):
    values = np.random.default_rng(0).integers(0, 65536, (13, 17), np.uint16)
    path = saved(tmp_path / "a.png", deep_image(values))
    monkeypatch.setattr(depth, "_PART", 10)
    np.testing.assert_array_equal(
        images.read_pixels(path, 1)[0][..., 0], np.rint(values / 257).astype(np.uint8)
    )


def test_big_endian_and_transparent_sixteen_bits(tmp_path):
    rows = b"".join(b"\0" + struct.pack(">2H", 65535, 500) for _ in range(2))
    content = png_of(2, 2, rows, bits=16, extra=((b"tRNS", struct.pack(">H", 500)),))
    pixels, _, steps = images.read_pixels(file_of(tmp_path, content), 1)
    assert pixels[..., 0].tolist() == [[255, 255], [255, 255]]
    assert steps[:2] == ("16 bits scaled to 8 (value / 257)", "transparent pixels laid on white")


def test_sixteen_bits_a_channel_are_told(tmp_path):
    rows = b"\0" + struct.pack(">3H", 65535, 0x8001, 255)
    pixels, _, steps = images.read_pixels(file_of(tmp_path, png_of(1, 1, rows, bits=16, colour=2)))
    assert pixels.tolist() == [[[255, 128, 0]]]
    assert steps == ("16 bits a channel cut to the upper 8 by the decoder",)


def png_of(
    width: int, height: int, rows: bytes, bits: int = 8, colour: int = 0, extra: tuple = ()
) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def test_tiff_that_counts_from_white(tmp_path):
    image = deep_image(np.array([[0, 65535]], np.uint16))
    path = saved(tmp_path / "a.tif", image, tiffinfo={262: 0})
    with Image.open(path) as opened:
        assert opened.tag_v2[262] == 0
    pixels, _, steps = images.read_pixels(path, 1)
    assert pixels.ravel().tolist() == [255, 0]
    assert steps == ("16 bits scaled to 8 (value / 257), turned round as its zero is white",)


@pytest.mark.parametrize(
    ("values", "expected", "step"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255], "floats in 0..1 scaled to 0..255"),
        ([-1.0, 0.0, 1.0], [0, 128, 255], "floats scaled from -1..1 to 0..255"),
        ([5.0, 5.0, 5.0], [0, 0, 0], "floats that are all 5 made 0"),
        (
            [np.nan, 0.0, 1.0],
            [0, 0, 255],
            "floats in 0..1 scaled to 0..255, 1 pixels that are no numbers made 0",
        ),
        (
            [np.inf, -np.inf, np.nan],
            [0, 0, 0],
            "floats scaled from 0..0 to 0..255, 3 pixels that are no numbers made 0",
        ),
        ([-3e38, 0.0, 3e38], [0, 128, 255], "floats scaled from -3e+38..3e+38 to 0..255"),
    ],
)
def test_floating_point_tiff(tmp_path, values, expected, step):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([values], np.float32)))
    pixels, _, steps = images.read_pixels(path, 1)
    assert pixels.ravel().tolist() == expected
    assert steps == (step,)


@pytest.mark.parametrize(
    ("values", "expected", "step"),
    [
        ([0, 7, 255], [0, 7, 255], "wide integers in 0..255 kept as they are"),
        ([0, 257, 65535], [0, 1, 255], "16 bits scaled to 8 (value / 257)"),
        ([-10, 0, 10], [0, 128, 255], "wide integers scaled from -10..10 to 0..255"),
    ],
)
def test_32_bit_tiff(tmp_path, values, expected, step):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([values], np.int32)))
    pixels, _, steps = images.read_pixels(path, 1)
    assert pixels.ravel().tolist() == expected
    assert steps == (step,)


def test_one_pixel(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (1, 1), (1, 2, 3)))
    assert images.read_pixels(path)[0].tolist() == [[[1, 2, 3]]]
    assert load(path).values.shape == (8, 8, 3)


def test_damaged_exif_does_not_matter(tmp_path):
    image = Image.fromarray(some_pixels(8, 8, 3))
    path = saved(tmp_path / "a.jpg", image, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert images.read_pixels(path)[0].shape == (8, 8, 3)


def test_two_channels_are_refused(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("L", (2, 2)))
    message = error_of(UsageError, images.read_pixels, path, 2)
    assert message == (
        "expected 1 (grey), 3 (RGB) or 4 (RGB with alpha) channels of an image, found 2. "
        "Give an array instead of an image."
    )


# What is no image


def test_missing_file_names_the_near_ones(tmp_path):
    saved(tmp_path / "elephant.jpg", Image.new("L", (2, 2)))
    path = tmp_path / "elefant.jpg"
    message = error_of(ImageError, images.read_pixels, path)
    assert message == f"no such file: {str(path)!r}. Did you mean elephant.jpg?"
    nowhere = tmp_path / "nowhere" / "a.jpg"
    assert error_of(ImageError, images.read_pixels, nowhere).endswith("check the path.")


def test_an_address_is_no_file():
    message = error_of(ImageError, images.read_pixels, "https://example.org/a.jpg")
    assert message.startswith("expected a file, found an address: 'https://example.org/a.jpg'.")
    assert "Download it" in error_of(ImageError, images.find_images, ["http://example.org/a.jpg"])


def test_a_folder_is_no_image(tmp_path):
    message = error_of(ImageError, images.read_pixels, tmp_path)
    assert message == (
        f"expected an image file, found a folder: {str(tmp_path)!r}. Give a file in it."
    )


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 5000])
def test_impossible_names(name):
    error_of(ImageError, images.read_pixels, name)
    error_of(ImageError, images.find_images, [name])


def test_a_name_with_a_new_line_stays_on_one_line(tmp_path):
    assert "a\\nb.jpg" in error_of(ImageError, images.read_pixels, tmp_path / "a\nb.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "something that is no file" in error_of(
        ImageError, images.read_pixels, tmp_path / "pipe"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        (b"\xef\xbb\xbf\n <html lang='en'>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "a Git LFS pointer"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file"),
        (b"PK\x03\x04" + bytes(50), "a ZIP archive"),
        (b"\x1f\x8b" + bytes(50), "a gzip archive"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?><a/>", "an XML document"),
        (b"\0\0\0\x20ftypheic" + bytes(50), "a HEIC image"),
        (b"\0\0\0\x20ftypavif" + bytes(50), "an AVIF image"),
        (bytes(128) + b"DICM" + bytes(50), "a DICOM image"),
        (b"hello\nworld", "text that begins 'hello world'"),
        ("ö".encode() * 300, "text that begins 'öööööööööööööööööööööööö'"),
        (b"\x00\x01\xfe\xff", "unknown bytes that begin 00 01 fe ff"),
        (b"\x1b[2J\x1b[31mred", "unknown bytes that begin 1b 5b 32 4a 1b 5b 33 31"),
        (b"\x89PNG\r\n\x1a\n", "a damaged PNG file"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, content, found):
    path = file_of(tmp_path, content)
    message = error_of(ImageError, images.read_pixels, path)
    expected = "expected an image (JPEG, PNG, WebP, BMP, TIFF or GIF), found "
    assert message.startswith(f"{expected}{found}: {str(path)!r}. ")
    assert message.endswith(contents.describe(content)[1])


def test_other_formats_are_not_opened(tmp_path):
    for kind in ("PPM", "TGA", "ICO", "EPS", "PCX"):
        path = saved(tmp_path / "a.jpg", Image.new("RGB", (16, 16)), format=kind)
        error_of(ImageError, images.read_pixels, path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_file_cut_short_is_refused(tmp_path, kind):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(40, 40, 3)).save(buffer, kind)
    path = file_of(tmp_path, buffer.getvalue()[: len(buffer.getvalue()) * 2 // 3])
    assert str(path) in error_of(ImageError, images.read_pixels, path)


def test_damage_is_told_with_its_cause(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(40, 40, 3)).save(buffer, "PNG")
    path = file_of(tmp_path, buffer.getvalue()[:900])
    with pytest.raises(ImageError) as caught:
        images.read_pixels(path)
    assert str(caught.value).startswith(f"cannot decode {str(path)!r}: ")
    assert str(caught.value).endswith("cut short; get it again or save it anew.")
    assert caught.value.__cause__ is not None


@IN_TMP_PATH
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]))
def test_any_cut_either_loads_or_is_an_image_error(tmp_path, data, kind):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(12, 13, 3)).save(buffer, kind)
    content = buffer.getvalue()
    path = file_of(tmp_path, content[: data.draw(st.integers(0, len(content)))])
    found = result_or_error(images.read_pixels, path)
    if isinstance(found, ImageError):
        assert "\n" not in str(found)
    else:
        assert found[0].shape == (12, 13, 3)


@IN_TMP_PATH
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4),
)
def test_any_damage_either_loads_or_is_an_image_error(tmp_path, kind, changes):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(12, 13, 3)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for place, value in changes:
        content[int(place * len(content))] = value
    path = file_of(tmp_path, bytes(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "MAX_PIXELS", 1_000_000)
        found = result_or_error(load, path)
    assert "\n" not in str(found) or not isinstance(found, ImageError)


@pytest.mark.parametrize("side", [15_000, 40_000, 100_000])
def test_absurd_sizes_are_refused_before_decoding(tmp_path, side):
    path = file_of(tmp_path, png_of(side, side, bytes(100)))
    message = error_of(ImageError, images.read_pixels, path)
    assert message == (
        f"expected an image of at most 150 megapixels, found {side * side / 1e6:,.1f}: "
        f"{str(path)!r}. Make it smaller or cut out a part first."
    )


def test_large_images_are_read_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))
    assert images.read_pixels(path)[0].shape == (8, 8, 3)
    monkeypatch.setattr(reading, "MAX_PIXELS", 63)
    assert "megapixels" in error_of(ImageError, images.read_pixels, path)


def test_no_pixels(tmp_path):
    path = file_of(tmp_path, png_of(0, 5, b""))
    assert "found a damaged PNG file" in error_of(ImageError, images.read_pixels, path)
    message = error_of(ImageError, load, Image.new("L", (0, 5)))
    assert message == ("expected at least one pixel, found 0 x 5: 'image'. Get the file again.")


def test_huge_files_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 10)
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))
    assert "GiB" in error_of(ImageError, images.read_pixels, path)


def test_unreadable_file(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    message = error_of(ImageError, images.read_pixels, path)
    assert message == f"cannot read {str(path)!r}: Permission denied."


def test_the_filters_for_warnings_are_put_back(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("L", (64, 64)))
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=lambda: [images.read_pixels(path) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    error_of(ImageError, images.read_pixels, tmp_path / "nothing")
    assert warnings.filters == before


# Fitting


@pytest.mark.parametrize("interpolation", images.INTERPOLATIONS)
def test_stretch_is_what_pillow_does(interpolation):
    pixels = some_pixels(30, 50, 3)
    method = getattr(Image.Resampling, interpolation.upper())
    expected = np.asarray(Image.fromarray(pixels).resize((16, 20), method))
    found, step = images.fit(pixels, (20, 16), interpolation=interpolation)
    np.testing.assert_array_equal(found, expected)
    assert step == f"resized from 50 x 30 to 16 x 20 (stretch, {interpolation})"


def test_the_same_size_is_kept():
    pixels = some_pixels(6, 7, 3)
    for way in images.FITS:
        found, step = images.fit(pixels, (6, 7), fit=way, interpolation="bicubic")
        np.testing.assert_array_equal(found, pixels)
        assert step == "kept at 7 x 6 pixels"


def test_crop_takes_the_middle():
    pixels = some_pixels(4, 10)
    found, step = images.fit(pixels, (4, 4), fit="crop")
    np.testing.assert_array_equal(found[..., 0], pixels[:, 3:7])
    assert step == "the middle 4 x 4 of 10 x 4 pixels resized to 4 x 4 (crop, nearest)"
    assert (
        images.fit(pixels, (8, 20), fit="crop")[1]
        == "resized from 10 x 4 to 20 x 8 (crop, nearest)"
    )


def test_crop_to_an_extreme_aspect_keeps_a_pixel():
    assert images.fit(some_pixels(1, 1, 3), (64, 1), fit="crop")[0].shape == (64, 1, 3)
    assert images.fit(some_pixels(1, 60, 3), (64, 1), fit="crop")[0].shape == (64, 1, 3)


def test_pad_puts_black_around():
    found, step = images.fit(np.full((2, 4, 3), 200, np.uint8), (8, 8), fit="pad")
    assert set(found[2:6].ravel().tolist()) == {200}
    assert set(found[:2].ravel().tolist()) == set(found[6:].ravel().tolist()) == {0}
    assert step == "resized from 4 x 2 to 8 x 4, black around it up to 8 x 8 (pad, nearest)"


def test_pad_is_opaque():
    found, _ = images.fit(np.zeros((2, 4, 4), np.uint8), (8, 8), fit="pad")
    assert found[0, 0].tolist() == [0, 0, 0, 255]


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 64),
    width=st.integers(1, 64),
    to_height=st.integers(1, 64),
    to_width=st.integers(1, 64),
    channels=st.sampled_from([1, 2, 3, 4]),
    way=st.sampled_from(sorted(images.FITS)),
    interpolation=st.sampled_from(sorted(images.INTERPOLATIONS)),
)
def test_any_size_comes_out_exactly(
    height, width, to_height, to_width, channels, way, interpolation
):
    found, _ = images.fit(
        some_pixels(height, width, channels),
        (to_height, to_width),
        fit=way,
        interpolation=interpolation,
    )
    assert found.shape == (to_height, to_width, channels)
    assert found.dtype == np.uint8


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 16),
    width=st.integers(1, 16),
    times=st.integers(1, 4),
    above=st.integers(0, 9),
)
def test_pad_keeps_every_pixel_when_enlarging_by_a_whole_number(height, width, times, above):
    pixels = some_pixels(height, width, 3)
    to_height = height * times + above
    found, _ = images.fit(pixels, (to_height, width * times), fit="pad")
    top = above // 2
    inner = found[top : top + height * times]
    np.testing.assert_array_equal(inner, pixels.repeat(times, 0).repeat(times, 1))
    assert not found[:top].any()
    assert not found[top + height * times :].any()


def test_unknown_fit_and_interpolation():
    pixels = some_pixels(2, 2, 3)
    assert error_of(UsageError, images.fit, pixels, (1, 1), fit="streched") == (
        "unknown fit 'streched': expected one of stretch, crop, pad. Did you mean stretch?"
    )
    message = error_of(UsageError, images.fit, pixels, (1, 1), interpolation="bilinaer")
    assert message.startswith("unknown interpolation 'bilinaer': expected one of nearest, ")
    assert message.endswith("Did you mean bilinear?")


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (100_000, 100_000)])
def test_impossible_sizes(size):
    message = error_of(UsageError, images.fit, some_pixels(2, 2, 3), size)
    assert message.startswith("expected a size of at least 1 x 1 and at most 150 megapixels")


@pytest.mark.parametrize("size", [5, (5,), (5, 5, 3), (2.5, 3), "ab", None])
def test_what_is_no_size(size):
    message = error_of(UsageError, images.fit, some_pixels(2, 2, 3), size)
    assert message.startswith("expected a size as height and width in pixels, such as (224, 224)")


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2, 3)), np.zeros((2,), np.uint8), np.zeros((0, 2, 3), np.uint8)]
)
def test_what_are_no_pixels(pixels):
    message = error_of(ImageError, images.fit, pixels, (2, 2))
    assert message.startswith("expected pixels (height, width, channel) of uint8, found ")


# Against keras.utils.load_img


SIZES = [(64, 64), (150, 97), (75, 100), (7, 200)]


@pytest.fixture(scope="module")
def keras_folder(tmp_path_factory) -> Path:
    """A folder with images and, in ``keras.npz``, what Keras makes of them in one process."""
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
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("mode", ["rgb", "grayscale"])
@pytest.mark.parametrize("name", ["colour.jpg", "grey.jpg", "colour.png", "palette.gif"])
def test_default_is_keras_load_img_byte_for_byte(keras_folder, name, mode, keep):
    channels = 3 if mode == "rgb" else 1
    with np.load(keras_folder / "keras.npz") as theirs:
        for size in SIZES:
            inputs = InputInfo("image", (None, *size, channels))
            ours = load(keras_folder / name, inputs, fit="crop" if keep else "stretch")
            expected = theirs[f"{name} {mode} {keep} {size}"].reshape(*size, channels)
            np.testing.assert_array_equal(ours.pixels, expected)


@photographs
@pytest.mark.parametrize("channels", [1, 3])
def test_photographs_as_pillow_resizes_them(data, photograph, channels):
    folder = data / "images" if (data / "images").is_dir() else data
    path = folder / photograph
    mode = "RGB" if channels == 3 else "L"
    with Image.open(path) as image:
        resized = image.convert(mode).resize((150, 224), Image.Resampling.NEAREST)
        original = image.size
    found = load(path, InputInfo("image", (None, 224, 150, channels)))
    np.testing.assert_array_equal(found.pixels, np.asarray(resized).reshape(224, 150, channels))
    np.testing.assert_array_equal(found.values, SCALE.apply(found.pixels))
    assert found.original_size == original


# Choosing a size


@pytest.mark.parametrize(
    ("takes", "original", "asked", "expected"),
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
def test_size(takes, original, asked, expected):
    size, note = images.choose_size(takes, original, asked)
    assert size == expected
    assert (note is None) == (asked is not None or None not in takes)


def test_notes_on_the_size():
    def note(takes, original):
        return images.choose_size(takes, original)[1]

    assert note((None, None), (10, 20)) == "the model takes any size: the image's own 10 x 20 kept"
    assert note((None, None), (2048, 1024)) == (
        "the model takes any size: the image's own 2048 x 1024 reduced to 512 x 256 "
        "(at most 512 on the longest side where no size is asked for)"
    )
    assert note((None, 64), (10, 20)) == (
        "the model takes 64 x any pixels: 64 x 128 chosen for the image's own 10 x 20"
    )


@pytest.mark.parametrize("takes", [(224, 224), (224, None), (None, 224)])
def test_another_size_than_the_model_takes(takes):
    message = error_of(UsageError, images.choose_size, takes, (10, 10), (100, 101))
    assert message.endswith("asked for were 101 x 100. Leave the size out.")


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_chosen_sizes_are_within_bounds(width, height):
    (to_height, to_width), _ = images.choose_size((None, None), (width, height))
    assert 1 <= max(to_height, to_width) <= max(images.LARGEST_SIDE, 1)
    assert abs(to_width / to_height - width / height) <= 0.6 * width / height or 1 in (
        to_width,
        to_height,
    )


# Loading


def test_a_file_becomes_what_the_network_sees(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(some_pixels(16, 20)))
    image = load(path)
    assert image.name == "a.png"
    assert image.path == path
    assert image.original_size == (20, 16)
    assert image.pixels.shape == image.values.shape == (8, 8, 3)
    assert image.values.dtype == np.float32
    np.testing.assert_array_equal(image.values, SCALE.apply(image.pixels))
    assert image.steps == ("grey to RGB", "resized from 20 x 16 to 8 x 8 (stretch, nearest)")
    assert image.preprocessing == SCALE
    assert load(str(path), name="other").name == "other"


def test_colour_becomes_grey_before_it_is_resized(tmp_path):
    pixels = some_pixels(16, 20, 3)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    expected = Image.fromarray(pixels).convert("L").resize((8, 8), Image.Resampling.BICUBIC)
    found = load(path, GREY, interpolation="bicubic")
    np.testing.assert_array_equal(found.pixels[..., 0], np.asarray(expected))


def test_channels_first_models_get_channels_last_values(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(some_pixels(16, 20, 3)))
    image = load(path, InputInfo("image", (None, 3, 5, 6), "channels_first"))
    assert image.values.shape == (5, 6, 3)


def test_any_number_of_channels_means_rgb(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(some_pixels(16, 20)))
    image = load(path, InputInfo("image", (None, None, None, None)))
    assert image.values.shape == (16, 20, 3)
    assert "the model takes any size: the image's own 20 x 16 kept" in image.steps


def test_four_channels_are_shown_on_white(tmp_path):
    pixels = np.full((8, 8, 4), (9, 9, 9, 0), np.uint8)
    image = load(
        saved(tmp_path / "a.png", Image.fromarray(pixels)), InputInfo("i", (None, 8, 8, 4))
    )
    np.testing.assert_array_equal(image.values, SCALE.apply(pixels))
    assert image.pixels.shape == (8, 8, 3)
    assert set(image.pixels.ravel().tolist()) == {255}


def test_size_where_the_model_takes_any(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(some_pixels(16, 20)))
    assert load(path, ANY, size=(3, 4)).values.shape == (3, 4, 3)
    assert "Leave the size out" in error_of(UsageError, load, path, RGB, size=(3, 4))


def test_bytes_in_an_array_are_fitted_like_a_file(tmp_path):
    pixels = some_pixels(16, 20, 3)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    np.save(tmp_path / "a.npy", pixels)
    expected = load(path)
    for source in (pixels, pixels[np.newaxis], tmp_path / "a.npy", Image.fromarray(pixels)):
        found = load(source)
        np.testing.assert_array_equal(found.values, expected.values)
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        assert found.original_size == (20, 16)
    assert load(pixels).name == "array"
    assert load(tmp_path / "a.npy").name == "a.npy"
    assert load(Image.fromarray(pixels)).name == "image"


def test_grey_bytes_in_an_array():
    pixels = some_pixels(8, 8)
    for source in (pixels, pixels[..., np.newaxis]):
        np.testing.assert_array_equal(load(source, GREY).values[..., 0], SCALE.apply(pixels))
        assert load(source).steps == ("grey to RGB", "kept at 8 x 8 pixels")


def test_a_palette_image_of_pillow_is_read_by_its_colours():
    image = Image.new("P", (8, 8), "red")
    assert load(image).values[0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("shape", [(8,), (8, 8, 2), (8, 8, 5), (2, 8, 8, 3), (0, 8, 3)])
def test_bytes_of_no_image_shape(shape):
    message = error_of(ImageError, load, np.zeros(shape, np.uint8))
    assert message == (
        "expected pixels (height, width) or (height, width, channel) with 1, 3 or 4 channels, "
        f"found {shape} of uint8 in 'array'. Bring the array into that shape."
    )


def test_floats_are_taken_as_they_are():
    values = np.random.default_rng(0).normal(size=(8, 8, 3))
    image = load(values, preprocessing=SCALES["caffe"])
    np.testing.assert_array_equal(image.values, values.astype(np.float32))
    assert image.values.dtype == np.float32
    assert image.preprocessing.name == "none"
    assert image.preprocessing.reason == "a float array is taken as it is"
    assert (image.pixels.min(), image.pixels.max()) == (0, 255)
    assert image.pixels.shape == (8, 8, 3)
    assert image.original_size == (8, 8)
    assert image.steps == ("a float array, taken as it is",)
    values[:] = 0
    assert image.values.any()


def test_floats_with_a_batch_axis_or_without_a_channel_axis():
    values = np.random.default_rng(0).normal(size=(8, 8))
    assert load(values, GREY).values.shape == (8, 8, 1)
    assert load(values[np.newaxis, ..., np.newaxis], GREY).values.shape == (8, 8, 1)


def test_floats_that_are_not_finite_are_told():
    values = np.zeros((8, 8, 3))
    values[0, 0] = np.nan, np.inf, 1e300
    image = load(values)
    assert image.steps[1] == "3 of its numbers are not finite"
    assert np.isnan(image.values[0, 0, 0])
    assert image.pixels.dtype == np.uint8


def test_floats_of_another_shape():
    assert error_of(ImageError, load, np.zeros((8, 9, 3)), name="mine") == (
        "expected (8, 8, 3) (height, width, channel) for the input 'image', found (8, 9, 3) in "
        "'mine'. Bring the array into that shape."
    )
    assert error_of(ImageError, load, np.zeros((3, 8, 8))).endswith(
        "Move its channels to the end: numpy.moveaxis(array, 0, -1)."
    )
    assert "expected (any, any, 3)" in error_of(ImageError, load, np.zeros((8, 8, 4)), ANY)


def test_floats_are_not_resized():
    assert load(np.zeros((5, 6, 3)), ANY, size=(5, 6)).values.shape == (5, 6, 3)
    message = error_of(UsageError, load, np.zeros((5, 6, 3)), ANY, size=(6, 5))
    assert message.startswith("expected no size for the array 'array', which is taken as it is")


@pytest.mark.parametrize("kind", ["int64", "bool", "complex64", "U3", "object", "uint16"])
def test_arrays_of_other_kinds(kind):
    message = error_of(ImageError, load, np.zeros((8, 8, 3), kind))
    assert message.startswith(
        "expected an array of uint8 (pixels, 0..255) or of floats (taken as they are), found "
    )


def test_what_numpy_cannot_take():
    class Tensor:
        def __array__(self, *_args, **_options):
            raise RuntimeError("on another device")

    assert error_of(ImageError, load, Tensor()) == (
        "expected an array, found a Tensor that NumPy cannot take: on another device. "
        "Give a NumPy array."
    )
    error_of(ImageError, load, [[1, 2], [3]])
    error_of(ImageError, load, None)


def test_damaged_array_files(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((8, 8, 3), np.float32))
    whole = path.read_bytes()
    assert load(path).values.shape == (8, 8, 3)
    claims = whole.replace(b"(8, 8, 3)", b"(8e9,8,3)").replace(b"8e9,8,3", b"8000000")
    for content in (whole[:-1], whole[:60], whole[:7], claims):
        path.write_bytes(content)
        message = error_of(ImageError, load, path)
        assert message.startswith(f"expected one array of numbers in {str(path)!r}, cannot read")
        assert message.endswith("Save it anew with numpy.save(path, array, allow_pickle=False).")


def test_array_files_never_run_anything(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([[print]], object), allow_pickle=True)
    assert error_of(ImageError, load, path).startswith("expected one array of numbers in")


def test_an_array_file_is_known_by_its_content(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        np.save(file, some_pixels(8, 8, 3))
    assert load(tmp_path / "a.jpg").values.shape == (8, 8, 3)
    file_of(tmp_path, b"PK\x03\x04", "b.npy")
    assert "found a ZIP archive" in error_of(ImageError, load, tmp_path / "b.npy")
    message = error_of(ImageError, images.read_pixels, tmp_path / "a.jpg")
    assert "found a NumPy array" in message


def test_an_image_that_was_loaded_comes_back_as_it_is():
    image = load(some_pixels(9, 9, 3))
    assert load(image) is image
    assert load(image, ANY) is image
    message = error_of(ImageError, load, image, GREY)
    assert message.startswith("expected (8, 8, 1) (height, width, channel) for the input 'image'")
    assert "found (8, 8, 3) in the image 'array'" in message


def test_models_that_take_no_image(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))
    for shape in [(None,), (None, 2, 2, 2, 2, 2)]:
        assert error_of(ModelInputError, load, path, InputInfo("vector", shape)) == (
            "expected an input for images, (batch, height, width, channel), found the input "
            f"'vector' of shape {shape}. Choose a model that takes images."
        )
    for shape in [(None, 784), (None, 100, 2), (None, 4, 8, 8, 5)]:
        message = error_of(ModelInputError, load, path, InputInfo("other", shape))
        wanted = ", ".join(map(str, shape[1:]))
        assert message == (
            f"expected an input for images, found the input 'other' of shape {shape}. "
            f"Give a float array or .npy file of shape ({wanted}) instead."
        )


def test_bands_and_frames_are_filled_and_said(tmp_path):
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (8, 6, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    colours = load(path, InputInfo("plain", (None, 8, 6, 3))).values
    bands = load(path, InputInfo("bands", (None, 8, 6, 7)))
    assert bands.values.shape == (8, 6, 7)
    np.testing.assert_array_equal(bands.values, colours[..., [0, 1, 2, 0, 1, 2, 0]])
    assert "colours repeated over the 7 channels" in bands.steps[-1]
    two = load(path, InputInfo("two", (None, 8, 6, 2)))
    np.testing.assert_array_equal(two.values, colours[..., :2])
    video = load(path, InputInfo("video", (None, 4, 8, 6, 3)))
    assert video.values.shape == (4, 8, 6, 3)
    assert all(np.array_equal(frame, colours) for frame in video.values)
    assert "the same picture in all 4 frames" in video.steps[-1]
    free = load(path, InputInfo("film", (None, None, 8, 6, 1)))
    assert free.values.shape == (8, 8, 6, 1)
    first = load(path, InputInfo("first", (None, 5, 8, 6), "channels_first"))
    assert first.values.shape == (8, 6, 5)


@pytest.mark.parametrize(
    ("shape", "array_shape", "picture", "size"),
    [
        ((None, 100, 2), (100, 2), (2, 100, 1), {"length": 100, "channels": 2}),
        ((None, None, 1), (100,), (1, 100, 1), {"length": 100, "channels": 1}),
        (
            (None, 5, 7, 6, 1),
            (5, 7, 6, 1),
            (7, 6, 1),
            {"width": 6, "height": 7, "depth": 5, "channels": 1},
        ),
        ((None, 8, 9, 2), (8, 9, 2), (8, 9, 1), {"width": 9, "height": 8, "channels": 2}),
        ((None, 8, 9, 16), (8, 9, 16), (8, 9, 1), {"width": 9, "height": 8, "channels": 16}),
        ((None, 8, 9, 4), (8, 9, 4), (8, 9, 3), {"width": 9, "height": 8, "channels": 4}),
    ],
)
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_inputs_of_other_ranks_take_arrays(tmp_path, shape, array_shape, picture, size, kind):
    values = np.random.default_rng(0).integers(0, 256, array_shape).astype(kind)
    np.save(tmp_path / "a.npy", values)
    full = values[..., np.newaxis] if values.ndim == 1 else values
    for source in (values, tmp_path / "a.npy"):
        image = load(source, InputInfo("other", shape))
        np.testing.assert_array_equal(image.values, SCALE.apply(full) if kind == np.uint8 else full)
        assert image.pixels.shape == picture
        assert image.pixels.dtype == np.uint8
        assert json.loads(json.dumps(image.to_json()))["size"] == size


def test_a_volume_shows_its_middle_slice():
    volume = np.zeros((3, 4, 4, 1), np.float32)
    volume[1, 2, 3] = 1
    pixels = load(volume, InputInfo("volume", (None, 3, 4, 4, 1))).pixels
    assert np.argwhere(pixels).tolist() == [[2, 3, 0]]


def test_a_volume_of_another_shape():
    message = error_of(
        ImageError, load, np.zeros((3, 4, 4, 2)), InputInfo("volume", (None, 3, 4, 4, 1))
    )
    assert message.startswith("expected (3, 4, 4, 1) (depth, height, width, channel) for the input")


def test_json_of_an_image(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(some_pixels(16, 20)))
    assert json.loads(json.dumps(load(path).to_json())) == {
        "name": "a.png",
        "path": str(path),
        "original_size": {"width": 20, "height": 16},
        "size": {"width": 8, "height": 8, "channels": 3},
        "steps": ["grey to RGB", "resized from 20 x 16 to 8 x 8 (stretch, nearest)"],
        "preprocessing": SCALE.to_json(),
    }


# Finding


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_a_folder_in_natural_order(tmp_path):
    touch(tmp_path, "img10.png", "img2.PNG", "Img1.jpg", "b/a.gif", "a12/x.webp", "a2/x.tif")
    touch(tmp_path, "notes.txt", ".hidden.png", ".git/a.png", "b/.cache/a.png", "a.npy")
    (tmp_path / "folder.png").mkdir()
    names = [path.relative_to(tmp_path).as_posix() for path in images.find_images([tmp_path])]
    assert names == ["a2/x.tif", "a12/x.webp", "b/a.gif", "Img1.jpg", "img2.PNG", "img10.png"]
    flat = images.find_images(tmp_path, recursive=False)
    assert [path.name for path in flat] == ["Img1.jpg", "img2.PNG", "img10.png"]


def test_files_keep_their_order_and_come_once(tmp_path):
    second, first = touch(tmp_path, "b.png", "a.dat")
    found = images.find_images([str(second), first, tmp_path / "." / "b.png", tmp_path])
    assert found == [second, first]


def test_patterns(tmp_path):
    touch(tmp_path, "a1.png", "a10.png", "a2.jpg", "a.txt", "b/c.png", "b/d.dat", ".a.png")

    def names(pattern, **options):
        found = images.find_images([str(tmp_path / pattern)], **options)
        return [path.relative_to(tmp_path).as_posix() for path in found]

    assert names("a*") == ["a1.png", "a2.jpg", "a10.png"]
    assert names("a?.*") == ["a1.png", "a2.jpg"]
    assert names("a[12].png") == ["a1.png"]
    assert names("*.txt") == ["a.txt"]
    assert names("*") == ["a1.png", "a2.jpg", "a10.png", "b/c.png"]
    assert names("*", recursive=False) == ["a1.png", "a2.jpg", "a10.png"]
    assert names("**/*.png") == ["a1.png", "a10.png", "b/c.png"]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    (path,) = touch(tmp_path, "a[1].png")
    touch(tmp_path, "a1.png")
    assert images.find_images([path]) == [path]


def test_nothing_there(tmp_path):
    touch(tmp_path, "elephant.png")
    message = error_of(ImageError, images.find_images, [tmp_path / "elefant.png"])
    assert message.endswith("elefant.png'. Did you mean elephant.png?")
    assert images.find_images([]) == []


def test_a_folder_without_images(tmp_path):
    touch(tmp_path, "a.txt")
    assert error_of(ImageError, images.find_images, [tmp_path]) == (
        f"expected images in the folder {str(tmp_path)!r}, found none: looked in it and all "
        "folders in it for .bmp, .gif, .jpe, .jpeg, .jpg, .png, .tif, .tiff, .webp. Give files "
        "of other names one by one or as a pattern."
    )


def test_a_pattern_without_a_match(tmp_path):
    touch(tmp_path, "a.txt")
    message = error_of(ImageError, images.find_images, [str(tmp_path / "*.png")])
    assert message.startswith(f"expected images that match {str(tmp_path / '*.png')!r}, found noth")
    message = error_of(ImageError, images.find_images, [str(tmp_path / "a*")])
    assert "found 1 names but no image: looked for .bmp" in message


def test_links_in_a_circle_end(tmp_path):
    (path,) = touch(tmp_path, "a/b/c.png")
    try:
        (tmp_path / "a" / "b" / "up").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("no links can be made here")
    assert images.find_images([tmp_path]) == [path]


@given(st.lists(st.text("ab019.A", min_size=1, max_size=6), unique=True, min_size=2))
def test_the_natural_order_is_total(names):
    from convlens.images.finding import _natural

    paths = [Path(name) for name in names]
    backwards = paths[::-1]
    assert sorted(paths, key=_natural) == sorted(backwards, key=_natural)


def test_importing_images_imports_no_framework():
    code = (
        "import sys, convlens.images; "
        "print([name for name in ('keras', 'jax', 'tensorflow', 'torch', 'matplotlib') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
