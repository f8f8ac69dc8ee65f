"""The gradient of max pooling, against sums over all places and the backend's own."""

import importlib

import keras
import models
import numpy as np
import pytest
from gradients import as_array, gradient_of
from keras import ops

from layersight import patterns
from layersight.frameworks.keras.backends import make_runner, pooling
from layersight.frameworks.keras.backends.pooling import Window, unpool
from layersight.loading import load_model

WINDOWS = [
    Window((3, 3), (2, 2), (15, 15), padded=False),
    Window((3, 3), (1, 1), (9, 7), padded=True),
    Window((7, 5), (2, 3), (17, 20), padded=True),
    Window((2, 2), (2, 2), (8, 9), padded=False),
    Window((2, 3), (3, 4), (9, 11), padded=False),
    Window((3, 3), (2, 2), (5, 12), padded=True),
    Window((1, 1), (2, 1), (6, 5), padded=True),
    Window((4, 4), (4, 4), (4, 4), padded=False),
]


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def padding_of(window):
    return "same" if window.padded else "valid"


def windows_of(window):
    """Each position of a window, with the pixels below it."""
    for row in range(window.count[0]):
        for column in range(window.count[1]):
            pixels = [
                (y, x, top, left)
                for y in range(window.size[0])
                for x in range(window.size[1])
                if 0 <= (top := row * window.strides[0] + y - window.before[0]) < window.image[0]
                and (left := column * window.strides[1] + x - window.before[1]) >= 0
                and left < window.image[1]
            ]
            yield row, column, pixels


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_backward_pass_through_a_maximum_goes_to_the_first_of_equals(window):
    images = np.maximum(random(2, *window.image, 3).round(1), 0)  # many equal ones
    slope = random(2, *window.count, 3)
    result = np.zeros_like(slope)
    expected = np.zeros_like(images)
    for row, column, pixels in windows_of(window):
        values = np.stack([images[:, top, left] for _, _, top, left in pixels])
        result[:, row, column] = values.max(0)
        best = values.argmax(0)
        for number, (_, _, top, left) in enumerate(pixels):
            expected[:, top, left] += np.where(best == number, slope[:, row, column], 0)
    tensors = map(ops.convert_to_tensor, (images, result, slope))
    assert as_array(unpool(*tensors, window)) == pytest.approx(expected, abs=1e-5)

    def value(images):
        size, padding = window.size, padding_of(window)
        pooled = ops.max_pool(images, size, window.strides, padding)
        return ops.sum(pooled * ops.convert_to_tensor(slope))

    if all(step <= side for step, side in zip(window.strides, window.size, strict=True)):
        _, theirs = gradient_of(value, images)  # Keras pads otherwise for PyTorch
        assert theirs == pytest.approx(expected, abs=1e-5)


def strided():
    inputs = keras.Input((32, 32, 3))
    hidden = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="first")(inputs)
    hidden = keras.layers.MaxPooling2D(3, strides=2, name="pool")(hidden)
    return keras.Model(inputs, models.conv(4, "conv")(hidden))


def test_an_ascent_takes_the_quicker_gradient_on_jax_and_undoes_its_patches(monkeypatch, backend):
    taken = []

    def recording(*given):
        taken.append(given)
        return unpool(*given)

    monkeypatch.setattr(pooling, "unpool", recording)
    nn = importlib.import_module(f"keras.src.backend.{backend}.nn")
    before = nn.max_pool
    model = load_model(models.randomise(strided()))
    options = {"steps": 4, "size": (32, 32), "rate": 0.1}
    result = patterns(model, "conv", **options)
    assert bool(taken) == (backend == "jax")
    assert nn.max_pool is before
    if taken:
        taken.clear()
        monkeypatch.setattr(pooling, "SMALL", 1)  # every window is too large for it
        plain = patterns(load_model(models.randomise(strided())), "conv", **options)
        assert not taken
        assert result.history == pytest.approx(plain.history, rel=1e-3)


def test_a_pass_pools_what_a_convolution_gives_where_it_lies(backend):
    """Keras copies it on PyTorch; there a tensor tells whether it lies as its axes say."""
    nn = importlib.import_module(f"keras.src.backend.{backend}.nn")
    turning = getattr(nn, "_transpose_spatial_inputs", None)
    conv, pool = models.conv(4, "conv"), keras.layers.MaxPooling2D()
    conv.build((None, 8, 8, 3))
    copied = []

    def compute(tensors):
        tensor = tensors[0]
        if backend == "torch":
            copied.append(nn._transpose_spatial_inputs(tensor).data_ptr() != tensor.data_ptr())
        convolved = conv(tensor)
        pooled = pool(convolved)
        if backend == "torch":
            copied.extend(not given.is_contiguous() for given in (convolved, pooled))
        return {"convolved": convolved, "pooled": pooled}

    result = make_runner(compute, conv.variables)([random(2, 8, 8, 3)])()
    blocks = result["convolved"].reshape(2, 4, 2, 4, 2, 4)
    assert np.array_equal(result["pooled"], blocks.max((2, 4)))
    assert not any(copied)
    assert getattr(nn, "_transpose_spatial_inputs", None) is turning
