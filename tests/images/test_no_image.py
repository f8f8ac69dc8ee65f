"""Files that are not images, too large or damaged: one clear line."""

from __future__ import annotations

import io
import os
import threading
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from layersight import images
from layersight.errors import ImageError
from layersight.images import contents, reading
from pictures import (
    IN_TMP_PATH,
    error_of,
    file_of,
    load,
    png_of,
    read_pixels,
    result_or_error,
    saved,
    some_pixels,
)


def test_a_missing_file_with_suggestions(tmp_path):
    saved(tmp_path / "elephant.jpg", Image.new("L", (2, 2)))
    path = tmp_path / "elefant.jpg"
    message = error_of(ImageError, read_pixels, path)
    assert message == f"no such file: {str(path)!r}. Did you mean elephant.jpg?"
    nowhere = tmp_path / "nowhere" / "a.jpg"
    assert error_of(ImageError, read_pixels, nowhere).endswith("check the path.")


def test_an_address_is_refused():
    message = error_of(ImageError, read_pixels, "https://example.org/a.jpg")
    assert message.startswith("expected a file, found an address: 'https://example.org/a.jpg'.")
    assert "Download it" in error_of(ImageError, images.find_images, ["http://example.org/a.jpg"])


def test_a_folder_is_refused(tmp_path):
    message = error_of(ImageError, read_pixels, tmp_path)
    assert message == (
        f"expected an image file, found a folder: {str(tmp_path)!r}. Give a file in it."
    )


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 5000])
def test_impossible_names(name):
    error_of(ImageError, read_pixels, name)
    error_of(ImageError, images.find_images, [name])


def test_a_name_with_a_new_line_stays_on_one_line(tmp_path):
    assert "a\\nb.jpg" in error_of(ImageError, read_pixels, tmp_path / "a\nb.jpg")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "something that is not a file" in error_of(ImageError, read_pixels, tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "description"),
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
        (b"\0\0\0\x20ftypavif" + bytes(50), "an AVIF image"),
        (b"hello\nworld", "text that begins 'hello world'"),
        ("ö".encode() * 300, "text that begins 'öööööööööööööööööööööööö'"),
        (b"\x00\x01\xfe\xff", "unknown bytes that begin 00 01 fe ff"),
        (b"\x1b[2J\x1b[31mred", "unknown bytes that begin 1b 5b 32 4a 1b 5b 33 31"),
        (b"\x89PNG\r\n\x1a\n", "a damaged PNG file"),
    ],
)
def test_files_that_are_not_images_are_described(tmp_path, content, description):
    path = file_of(tmp_path, content)
    message = error_of(ImageError, read_pixels, path)
    expected = "expected an image (JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC, DICOM or a film), found "
    assert message.startswith(f"{expected}{description}: {str(path)!r}. ")
    assert message.endswith(contents.describe(content)[1])


def test_other_formats_are_not_opened(tmp_path):
    for kind in ("PPM", "TGA", "ICO", "EPS", "PCX"):
        path = saved(tmp_path / "a.jpg", Image.new("RGB", (16, 16)), format=kind)
        error_of(ImageError, read_pixels, path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_file_cut_short_is_refused(tmp_path, kind):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(40, 40, 3)).save(buffer, kind)
    path = file_of(tmp_path, buffer.getvalue()[: len(buffer.getvalue()) * 2 // 3])
    assert str(path) in error_of(ImageError, read_pixels, path)


def test_damage_is_reported_with_its_cause(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(40, 40, 3)).save(buffer, "PNG")
    path = file_of(tmp_path, buffer.getvalue()[:900])
    with pytest.raises(ImageError) as caught:
        read_pixels(path)
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
    result = result_or_error(read_pixels, path)
    if isinstance(result, ImageError):
        assert "\n" not in str(result)
    else:
        assert result[0].shape == (12, 13, 3)


@IN_TMP_PATH
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4),
)
def test_any_damage_either_loads_or_is_an_image_error(tmp_path, kind, changes):
    buffer = io.BytesIO()
    Image.fromarray(some_pixels(12, 13, 3)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for position, value in changes:
        content[int(position * len(content))] = value
    path = file_of(tmp_path, bytes(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "MAX_PIXELS", 1_000_000)
        result = result_or_error(load, path)
    assert "\n" not in str(result) or not isinstance(result, ImageError)


@pytest.mark.parametrize("side", [15_000, 40_000, 100_000])
def test_absurd_sizes_are_refused_before_decoding(tmp_path, side):
    path = file_of(tmp_path, png_of(side, side, bytes(100)))
    message = error_of(ImageError, read_pixels, path)
    assert message == (
        f"expected an image of at most 150 megapixels, found {side * side / 1e6:,.1f}: "
        f"{str(path)!r}. Make it smaller or cut out a part first."
    )


def test_large_images_are_read_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))
    assert read_pixels(path)[0].shape == (8, 8, 3)
    monkeypatch.setattr(reading, "MAX_PIXELS", 63)
    assert "megapixels" in error_of(ImageError, read_pixels, path)


def test_no_pixels(tmp_path):
    path = file_of(tmp_path, png_of(0, 5, b""))
    assert "found a damaged PNG file" in error_of(ImageError, read_pixels, path)
    message = error_of(ImageError, load, Image.new("L", (0, 5)))
    assert message == ("expected at least one pixel, found 0 x 5: 'image'. Get the file again.")


def test_huge_files_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 10)
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))
    assert "GiB" in error_of(ImageError, read_pixels, path)


def test_unreadable_file(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", Image.new("L", (8, 8)))

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    message = error_of(ImageError, read_pixels, path)
    assert message == f"cannot read {str(path)!r}: Permission denied."


def test_the_filters_for_warnings_are_restored(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("L", (64, 64)))
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=lambda: [read_pixels(path) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    error_of(ImageError, read_pixels, tmp_path / "nothing")
    assert warnings.filters == before
