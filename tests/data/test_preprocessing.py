"""Preprocessing against an independent writing of keras.applications and against Keras itself."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layersight.data.preprocessing import SCALES, Preprocessing, find_scale
from layersight.errors import UsageError

MODES = {"-1..1": "tf", "caffe": "caffe", "torch": "torch"}

RANGES = {
    "0..1": (0, 1),
    "-1..1": (-1, 1),
    "caffe": (-123.68, 255 - 103.939),
    "torch": (-0.485 / 0.229, (1 - 0.406) / 0.225),
    "none": (0, 255),
}


def some_pixels(*shape):
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def by_hand(pixel, mode):
    """The formulas of keras.applications.imagenet_utils for one pixel, written once more."""
    red, green, blue = pixel
    if mode == "tf":
        return [value / 127.5 - 1 for value in pixel]
    if mode == "caffe":
        return [blue - 103.939, green - 116.779, red - 123.68]
    return [
        (red / 255 - 0.485) / 0.229,
        (green / 255 - 0.456) / 0.224,
        (blue / 255 - 0.406) / 0.225,
    ]


@pytest.mark.parametrize("scale", MODES)
def test_scale_is_the_formula_written_by_hand(scale):
    pixels = some_pixels(5, 4, 3)
    expected = [[by_hand(tuple(map(int, pixel)), MODES[scale]) for pixel in row] for row in pixels]
    np.testing.assert_allclose(SCALES[scale].apply(pixels), expected, rtol=1e-5, atol=1e-5)


def test_scales_equal_keras_applications():
    code = """
import json, sys
import numpy as np
from keras.applications.imagenet_utils import preprocess_input
pixels = np.random.default_rng(3).integers(0, 256, (2, 5, 4, 3), np.uint8)
print(json.dumps({
    mode: [
        np.asarray(preprocess_input(pixels.copy(), "channels_last", mode)).tolist(),
        np.asarray(preprocess_input(
            __import__("jax").numpy.asarray(pixels, "float32"), "channels_last", mode
        )).tolist(),
    ]
    for mode in ("tf", "caffe", "torch")
}))
"""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    pixels = some_pixels(2, 5, 4, 3)
    for scale, mode in MODES.items():
        ours = SCALES[scale].apply(pixels)
        in_numpy, in_jax = (np.array(values, np.float32) for values in found[mode])
        np.testing.assert_array_equal(ours, in_numpy)
        np.testing.assert_allclose(ours, in_jax, rtol=1e-5, atol=1e-5)


@given(
    scale=st.sampled_from(sorted(SCALES)),
    height=st.integers(1, 8),
    width=st.integers(1, 8),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 2**16),
)
def test_values_stay_in_the_range_of_the_scale(scale, height, width, channels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    pixels.flat[0], pixels.flat[-1] = 0, 255
    values = SCALES[scale].apply(pixels)
    low, high = RANGES[scale]
    assert values.dtype == np.float32
    assert values.shape == pixels.shape
    assert low - 1e-4 <= values.min()
    assert values.max() <= high + 1e-4


@pytest.mark.parametrize("scale", ["0..1", "-1..1", "none"])
def test_the_ends_of_the_range_are_reached(scale):
    values = SCALES[scale].apply(np.array([[[0], [255]]], np.uint8))
    assert (values.min(), values.max()) == RANGES[scale]


def test_zero_to_one_is_exactly_division_by_255():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(
        SCALES["0..1"].apply(pixels), pixels.astype(np.float32) / np.float32(255)
    )


def test_grey_takes_the_mean_of_the_channels():
    values = SCALES["caffe"].apply(np.array([[[200]]], np.uint8))
    assert values.item() == pytest.approx(200 - (103.939 + 116.779 + 123.68) / 3, abs=1e-4)


def test_a_batch_is_preprocessed_like_its_images():
    pixels = some_pixels(3, 4, 5, 3)
    together = SCALES["torch"].apply(pixels)
    for image, values in zip(pixels, together, strict=True):
        np.testing.assert_array_equal(SCALES["torch"].apply(image), values)


def test_pixels_are_not_changed():
    pixels = some_pixels(2, 2, 3).astype(np.float32)
    before = pixels.copy()
    for scale in SCALES.values():
        scale.apply(pixels)
    np.testing.assert_array_equal(pixels, before)


def test_the_formula_is_told_in_words():
    assert {name: scale.describe() for name, scale in SCALES.items()} == {
        "0..1": "pixels / 255",
        "-1..1": "pixels / 127.5 - 1",
        "caffe": "BGR pixels - (103.939, 116.779, 123.68)",
        "torch": "(pixels / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)",
        "none": "pixels 0..255 as they are",
    }


def test_the_reason_goes_along():
    scale = find_scale("torch").because("the model was converted from torchvision")
    assert scale.reason == "the model was converted from torchvision"
    assert scale.to_json()["reason"] == scale.reason
    assert SCALES["torch"].reason == "the default"


def test_json_holds_what_is_needed_to_make_it_again():
    for scale in SCALES.values():
        data = json.loads(json.dumps(scale.to_json()))
        formula = data.pop("formula")
        again = Preprocessing.from_json(data)
        assert again == scale
        assert formula == scale.describe()


def test_unknown_scale_lists_the_known_ones_and_the_near_ones():
    with pytest.raises(UsageError) as caught:
        find_scale("torsh")
    assert str(caught.value) == (
        "unknown scale 'torsh': expected one of 0..1, -1..1, caffe, torch, none, each also with "
        ",bgr; or mean=...,std=... as numbers. Did you mean torch?"
    )


@pytest.mark.parametrize(
    ("asked", "formula"),
    [
        ("bgr", lambda p: p[..., ::-1]),
        ("0..1,bgr", lambda p: p[..., ::-1] / 255),
        ("torch,bgr", lambda p: by_hand_all(p, "torch")[..., ::-1]),
        ("caffe,rgb", lambda p: by_hand_all(p, "caffe")[..., ::-1]),
        ("caffe,bgr", lambda p: by_hand_all(p, "caffe")),
        ("mean=0.485,0.456,0.406,std=0.229,0.224,0.225", lambda p: by_hand_all(p, "torch")),
        ("mean=103.939,116.779,123.68,bgr", lambda p: by_hand_all(p, "caffe")),
        ("mean=127.5,std=127.5", lambda p: p / 127.5 - 1),
        ("mean=0.5, std=0.5", lambda p: p / 127.5 - 1),
        ("0..1,mean=0.5,std=2", lambda p: (p / 255 - 0.5) / 2),
        ("none,mean=1", lambda p: p - 1.0),
        ("std=255", lambda p: p / 255),
    ],
)
def test_order_and_numbers_of_ones_own(asked, formula):
    pixels = some_pixels(5, 4, 3)
    scale = find_scale(asked)
    np.testing.assert_allclose(scale.apply(pixels), formula(pixels), rtol=1e-5, atol=1e-5)
    assert find_scale(scale) == scale
    assert find_scale(scale.name) == scale
    assert Preprocessing.from_json(json.loads(json.dumps(scale.to_json()))) == scale


def by_hand_all(pixels, mode):
    return np.array([[by_hand(tuple(map(int, pixel)), mode) for pixel in row] for row in pixels])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("mean=a", "expected numbers for mean, found 'a'"),
        ("mean=", "expected numbers for mean, found ''"),
        ("mean=1,std=0", "expected numbers above 0 for std, found '0'"),
        ("std=nan", "expected numbers above 0 for std, found 'nan'"),
        ("mean=1,2,3,4,5", "one for each channel, found 5"),
        ("-1..1,mean=3", "found them after -1..1"),
        ("0..1,torch", "unknown scale '0..1,torch'"),
        ("brg", "unknown scale 'brg': .* Did you mean bgr"),
        ("mean=1,mean=2", "expected numbers for mean, found 'mean=2'"),
        ("", "unknown scale ''"),
    ],
)
def test_what_is_no_scale_is_said_in_one_line(asked, message):
    with pytest.raises(UsageError, match=message) as caught:
        find_scale(asked)
    assert "\n" not in str(caught.value)


def test_a_scale_that_is_no_text():
    with pytest.raises(UsageError, match="expected scale as text or a Preprocessing, found 3"):
        find_scale(3)
