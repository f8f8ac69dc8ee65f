"""From a source to what the network sees."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.errors import ImageError, ModelInputError, UsageError
from pictures import (
    ANY,
    GREY,
    RGB,
    SCALE,
    error_of,
    file_of,
    load,
    read_pixels,
    saved,
    some_pixels,
)


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
    result = load(path, GREY, interpolation="bicubic")
    np.testing.assert_array_equal(result.pixels[..., 0], np.asarray(expected))


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
        result = load(source)
        np.testing.assert_array_equal(result.values, expected.values)
        np.testing.assert_array_equal(result.pixels, expected.pixels)
        assert result.original_size == (20, 16)
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
def test_bytes_in_an_invalid_shape(shape):
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


def test_floats_that_are_not_finite_are_reported():
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
    content = path.read_bytes()
    assert load(path).values.shape == (8, 8, 3)
    claims = content.replace(b"(8, 8, 3)", b"(8e9,8,3)").replace(b"8e9,8,3", b"8000000")
    for damaged in (content[:-1], content[:60], content[:7], claims):
        path.write_bytes(damaged)
        message = error_of(ImageError, load, path)
        assert message.startswith(f"expected one array of numbers in {str(path)!r}, cannot read")
        assert message.endswith("Save it anew with numpy.save(path, array, allow_pickle=False).")


def test_array_files_never_run_anything(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([[print]], object), allow_pickle=True)
    assert error_of(ImageError, load, path).startswith("expected one array of numbers in")


def test_an_array_file_is_recognised_by_its_content(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        np.save(file, some_pixels(8, 8, 3))
    assert load(tmp_path / "a.jpg").values.shape == (8, 8, 3)
    file_of(tmp_path, b"PK\x03\x04", "b.npy")
    assert "found a ZIP archive" in error_of(ImageError, load, tmp_path / "b.npy")
    message = error_of(ImageError, read_pixels, tmp_path / "a.jpg")
    assert "found a NumPy array" in message


def test_an_image_that_was_loaded_before_is_returned():
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
    for shape in [(None, 785), (None, 100, 2), (None, 4, 8, 8, 5)]:
        message = error_of(ModelInputError, load, path, InputInfo("other", shape))
        sides = ", ".join(map(str, shape[1:]))
        assert message == (
            f"expected an input for images, found the input 'other' of shape {shape}. "
            f"Give a float array or .npy file of shape ({sides}) instead."
        )


def test_bands_and_frames_are_filled_and_reported(tmp_path):
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
