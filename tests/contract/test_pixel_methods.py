"""Pixel attributions of Keras models on every backend, against NumPy in float64.

The second writing shares nothing with the first but the random numbers: convolutions are sums
over windows, gradients are central differences.
"""

import dataclasses
import functools

import keras
import models
import numpy as np
import pytest

from analytic import pictures
from layersight.data.readout import Readout
from layersight.errors import ModelInputError
from layersight.loading import load_model
from layersight.nouns.heatmaps.baselines import baseline as make
from layersight.nouns.heatmaps.methods.method import Request, Result, find_method
from layersight.nouns.heatmaps.methods.rise import masks
from layersight.nouns.heatmaps.methods.smoothgrad import noise
from layersight.nouns.heatmaps.request import HeatmapOptions

SIZE = (8, 7)
OPTIONS = HeatmapOptions(
    samples=4, noise=0.1, steps=10, masks=6, cells=3, window=3, stride=2, seed=5, baseline="grey"
)
CURVES = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "silu": lambda z: z / (1 + np.exp(-z)),
}


class Network:
    """Two convolutions and a dense layer, in Keras and in NumPy."""

    def __init__(self, curve, seed=0):
        self.curve = CURVES[curve]
        given = keras.Input((*SIZE, 3), name="picture")
        hidden = keras.layers.Conv2D(4, 3, padding="same", activation=curve, name="low")(given)
        hidden = keras.layers.Conv2D(5, 3, strides=2, activation=curve, name="high")(hidden)
        hidden = keras.layers.Flatten(name="flat")(hidden)
        ends = keras.layers.Dense(3, activation="softmax", name="top")(hidden)
        live = models.randomise(keras.Model(given, ends), seed)
        self.weights = [np.asarray(value, float) for value in live.get_weights()]
        self.model = load_model(live)

    def layers(self, batch):
        """Every layer's output, and ``logits``."""
        low_kernel, low_bias, high_kernel, high_bias, dense, bias = self.weights
        padded = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)))
        low = self.curve(windows(padded, low_kernel) + low_bias)
        high = self.curve(windows(low, high_kernel)[:, ::2, ::2] + high_bias)
        logits = high.reshape(len(batch), -1) @ dense + bias
        raised = np.exp(logits - logits.max(1, keepdims=True))
        return {
            "low": low,
            "high": high,
            "logits": logits,
            "top": raised / raised.sum(1, keepdims=True),
        }

    def scores(self, batch, unit, *, before):
        return self.layers(np.asarray(batch, float))["logits" if before else "top"][:, unit]

    def slope(self, picture, unit, *, before, step=1e-6):
        """The gradient by central differences, all of an image at once."""
        count = picture.size
        moves = step * np.eye(count).reshape(count, *picture.shape)
        ends = [
            self.scores(np.asarray(picture, float) + sign * moves, unit, before=before)
            for sign in (1, -1)
        ]
        return ((ends[0] - ends[1]) / (2 * step)).reshape(picture.shape)


@functools.cache
def network_of(curve):
    """Opened once, so that it is compiled once."""
    return Network(curve)


def windows(batch, kernel):
    """A convolution without padding: a weighted sum of shifted pictures."""
    height, width = batch.shape[1] - 2, batch.shape[2] - 2
    return sum(
        batch[:, y : y + height, x : x + width] @ kernel[y, x] for y in range(3) for x in range(3)
    )


def one_hot(unit, before):
    return (Readout("top", np.eye(3, dtype=np.float32)[[unit]], before),)


def compute(name, model, images, goal, batch_size=16, **options):
    found = find_method(name).compute(
        Request(
            model,
            images,
            target=goal,
            layers=(),
            options=dataclasses.replace(OPTIONS, **options),
            batch_size=batch_size,
            progress=lambda done, total: None,
        )
    )
    return Result.of(found)


def expect_gradient(network, picture, images, **read):
    return np.abs(network.slope(picture, **read)).max(-1)


def expect_gradient_x_input(network, picture, images, **read):
    return (network.slope(picture, **read) * picture).sum(-1)


def expect_smoothgrad(network, picture, images, **read):
    noisy = [picture + noise(images, OPTIONS, sample) for sample in range(4)]
    return np.abs(np.mean([network.slope(copy, **read) for copy in noisy], 0)).max(-1)


def expect_integrated_gradients(network, picture, images, *, steps=10, **read):
    grey = np.full(picture.shape, (float(images.black[0]) + float(images.white[0])) / 2)
    points = [grey + (part + 0.5) / steps * (picture - grey) for part in range(steps)]
    slopes = np.mean([network.slope(point, **read) for point in points], 0)
    return ((picture - grey) * slopes).sum(-1)


def expect_occlusion(network, picture, images, **read):
    grey = (float(images.black[0]) + float(images.white[0])) / 2
    whole = network.scores(picture[None], **read)[0]
    total, count = np.zeros(SIZE), np.zeros(SIZE)
    for top in (0, 2, 4, 5):
        for left in (0, 2, 4):
            changed = picture.copy()
            changed[top : top + 3, left : left + 3] = grey
            total[top : top + 3, left : left + 3] += whole - network.scores(changed[None], **read)
            count[top : top + 3, left : left + 3] += 1
    return total / count


def expect_rise(network, picture, images, **read):
    grey = (float(images.black[0]) + float(images.white[0])) / 2
    drawn = masks(SIZE, OPTIONS, range(6)).astype(float)
    shown = grey + drawn[..., None] * (picture - grey)
    scores = network.scores(shown, **read)
    return sum(score * mask for score, mask in zip(scores, drawn, strict=True)) / (0.5 * 6)


EXPECTED = {
    "gradient": expect_gradient,
    "gradient-x-input": expect_gradient_x_input,
    "smoothgrad": expect_smoothgrad,
    "integrated-gradients": expect_integrated_gradients,
    "occlusion": expect_occlusion,
    "rise": expect_rise,
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("curve", CURVES)
def test_every_method_is_what_numpy_finds(name, curve, before):
    network, images = network_of(curve), pictures(2, size=SIZE, black=-1)
    found = compute(name, network.model, images, one_hot(1, before))
    assert found.values.dtype == np.float32
    for picture, values, notes in zip(
        images.pixels.astype(float), found.values, found.notes, strict=True
    ):
        # Where the way was cut finer than asked for, the integral itself is what is near.
        finer, share = ({"steps": 300}, 0.05) if notes else ({}, 1e-3)
        expected = EXPECTED[name](network, picture, images, unit=1, before=before, **finer)
        greatest = np.abs(expected).max()
        assert greatest > 1e-4
        np.testing.assert_allclose(values, expected, rtol=0, atol=share * greatest + 1e-6)


def guided_by_hand(network, picture, unit):
    """The backward pass of Springenberg et al., value by value."""
    low_kernel, low_bias, high_kernel, high_bias, dense, _ = network.weights
    height, width = SIZE
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    low = np.zeros((height, width, 4))
    for y, x, k in np.ndindex(low.shape):
        low[y, x, k] = (padded[y : y + 3, x : x + 3] * low_kernel[..., k]).sum() + low_bias[k]
    rectified = np.maximum(low, 0)
    rows, columns = (height - 3) // 2 + 1, (width - 3) // 2 + 1
    high = np.zeros((rows, columns, 5))
    for y, x, k in np.ndindex(high.shape):
        seen = rectified[2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
        high[y, x, k] = (seen * high_kernel[..., k]).sum() + high_bias[k]
    above = dense[:, unit].reshape(high.shape)
    below = np.zeros(low.shape)
    for y, x, k in np.ndindex(high.shape):
        if high[y, x, k] > 0 and above[y, x, k] > 0:
            below[2 * y : 2 * y + 3, 2 * x : 2 * x + 3] += above[y, x, k] * high_kernel[..., k]
    slope = np.zeros(padded.shape)
    for y, x, k in np.ndindex(low.shape):
        if low[y, x, k] > 0 and below[y, x, k] > 0:
            slope[y : y + 3, x : x + 3] += below[y, x, k] * low_kernel[..., k]
    return slope[1:-1, 1:-1]


@pytest.mark.parametrize("unit", [0, 1, 2])
def test_guided_backprop_is_the_backward_pass_written_by_hand(unit):
    network, images = network_of("relu"), pictures(2, size=SIZE, black=-1)
    found = compute("guided-backprop", network.model, images, one_hot(unit, True)).values
    plain = compute("gradient", network.model, images, one_hot(unit, True)).values
    for picture, values in zip(images.pixels.astype(float), found, strict=True):
        expected = np.abs(guided_by_hand(network, picture, unit)).max(-1)
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4 * expected.max())
    assert np.abs(found - plain).max() > 0.1 * plain.max()
    after = compute("gradient", network.model, images, one_hot(unit, True)).values
    assert np.array_equal(plain, after)


def test_guided_backprop_without_rectifiers_is_refused():
    network = network_of("tanh")
    with pytest.raises(ModelInputError, match="there is none: use 'gradient'"):
        compute("guided-backprop", network.model, pictures(1, size=SIZE), one_hot(1, True))


@pytest.mark.parametrize("curve", ["relu", "tanh"])
@pytest.mark.parametrize(("layer", "channels"), [("low", 4), ("high", 5)])
def test_activation_is_the_map_of_the_channel(curve, layer, channels):
    network, images = network_of(curve), pictures(2, size=SIZE, black=-1)
    weights = np.zeros((1, 1, 1, channels), np.float32)
    weights[..., 2] = 1 / 17
    found = compute("activation", network.model, images, (Readout(layer, weights),)).values
    expected = network.layers(images.pixels.astype(float))[layer][..., 2]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("baseline", ["black", "grey", "white", "mean", "blur"])
def test_integrated_gradients_are_complete_within_a_hundredth(curve, before, baseline):
    network, images = network_of(curve), pictures(2, size=SIZE, black=-1)
    found = compute(
        "integrated-gradients",
        network.model,
        images,
        one_hot(1, before),
        steps=64,
        baseline=baseline,
    )
    ends = np.stack([images.pixels, make(images, baseline)])
    scores, nothing = (network.scores(end, 1, before=before) for end in ends)
    for values, notes, gain in zip(found.values, found.notes, scores - nothing, strict=True):
        off = abs(values.sum(dtype=float) - gain) > 0.01 * abs(gain) + 2e-5
        assert off == any("even with" in note for note in notes)
        # Where what speaks for and against nearly cancels out, a hundredth of the rest is little.
        assert not off or abs(gain) < 0.02 * np.abs(values).sum()


@pytest.mark.parametrize("name", [*EXPECTED, "guided-backprop"])
def test_batches_and_neighbours_matter_no_more_than_rounding(name):
    live = models.randomise(models.two_inputs())
    model = load_model(live)
    entries = model.info.inputs
    draw = np.random.default_rng(3)
    values = {
        entry.name: draw.random((3, *(size or 16 for size in entry.shape[1:]))).astype("float32")
        for entry in entries
    }
    images = pictures(3)
    first = next(entry for entry in entries if entry.is_image)
    images = dataclasses.replace(images, values=values, input=first.name)
    (output,) = model.info.output_layers
    end = next(layer for layer in model.info.layers if layer.name == output)
    units = end.channels
    weights = np.eye(units, dtype=np.float32)[[0, units - 1, 0]]
    together = compute(name, model, images, (Readout(output, weights, True),), batch_size=5)
    assert np.abs(together.values).max() > 0
    for image in range(3):
        goal = (Readout(output, weights[image : image + 1], True),)
        alone = compute(name, model, images.one(image), goal, batch_size=2).values[0]
        bound = 1e-4 * np.abs(alone).max()
        np.testing.assert_allclose(together.values[image], alone, rtol=0, atol=bound)
    again = compute(name, model, images, (Readout(output, weights, True),), batch_size=5)
    assert np.array_equal(again.values, together.values)
