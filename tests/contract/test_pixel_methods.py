"""Heatmaps of Keras picture networks with a second input, against the same networks in NumPy.

The methods themselves are compared with their papers on networks in NumPy. Here they explain scores
behind activation functions that bend everywhere, as logits and as probabilities, of several images
at once. In NumPy each image is alone with its second input, and gradients are central differences.
"""

import functools

import keras
import models
import numpy as np
import pytest
from scipy import ndimage

import layersight
from layersight.nouns.heatmaps.methods.method import NONE, Images, Request, Result, find_method
from layersight.nouns.heatmaps.request import BASELINES, HeatmapOptions
from numpy_networks import Reference, class_goal

SIZE, UNITS, CLASS = (8, 7), 3, 1
CURVES = {"tanh": np.tanh, "silu": lambda z: z / (1 + np.exp(-z))}
METHODS = [
    *("grad-cam", "grad-cam++", "hirescam", "xgrad-cam", "layercam", "score-cam", "ablation-cam"),
    *("gradient", "gradient-x-input", "smoothgrad", "integrated-gradients", "occlusion", "rise"),
]
QUICK = {"samples": 3, "noise": 0.1, "steps": 10, "masks": 6, "cells": 3, "window": 3, "stride": 2}
DRAW = np.random.default_rng(1)
IMAGES = DRAW.random((3, *SIZE, 3), "float32")
EXTRAS = DRAW.normal(size=(3, 2)).astype("float32")


class Network(Reference):
    """Two convolutions, to whose maps a second input is joined before a dense layer."""

    def __init__(self, curve):
        super().__init__()
        layers = keras.layers
        picture, extra = keras.Input((*SIZE, 3), name="picture"), keras.Input((2,), name="extra")
        maps = layers.Conv2D(4, 3, padding="same", activation=curve, name="low")(picture)
        maps = layers.Conv2D(5, 3, strides=2, activation=curve, name="high")(maps)
        joined = layers.Concatenate()([layers.Flatten()(maps), extra])
        top = layers.Dense(UNITS, activation="softmax", name="top")(joined)
        live = models.randomise(keras.Model([picture, extra], top))
        self.weights = [np.asarray(value, float) for value in live.get_weights()]
        self.curve, self.opened = CURVES[curve], layersight.load_model(live)

    def run(self, inputs, **replaced):
        low_kernel, low_bias, kernel, bias, dense, shift = self.weights
        picture = np.asarray(inputs["picture"], float)
        padded = np.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)))
        low = self.curve(convolved(padded, low_kernel) + low_bias)
        high = replaced.get("high", self.curve(convolved(low, kernel)[:, ::2, ::2] + bias))
        joined = np.concatenate([high.reshape(len(high), -1), inputs["extra"]], axis=1)
        logits = joined @ dense + shift
        powers = np.exp(logits - logits.max(1, keepdims=True))
        top = powers / powers.sum(1, keepdims=True)
        return {**inputs, "picture": picture, "high": high, "logits": logits, "top": top}

    def gradients_of(self, values, goal, guided=False, step=1e-6):
        """By the picture and by the maps of the last convolution, all moves in one batch."""
        gradients = {}
        for name in ("picture", "high"):
            count, *shape = values[name].shape
            size = values[name][0].size
            moves = step * np.eye(size).reshape(size, 1, *shape)
            many = {key: np.concatenate([values[key]] * size) for key in ("picture", "extra")}
            up, down = (
                self.score(self.run(many | {name: moved}, **{name: moved}), goal)
                for moved in ((values[name] + sign * moves).reshape(-1, *shape) for sign in (1, -1))
            )
            slopes = (up - down).reshape(size, count) / (2 * step)
            gradients[name] = slopes.T.reshape(count, *shape)
        return gradients

    def ablate(self, inputs, goal, layer, factors):
        many = {name: np.repeat(array, len(factors), axis=0) for name, array in inputs.items()}
        maps = self.run(many)[layer] * factors[:, None, None]
        return self.score(self.run(many, **{layer: maps}), goal)


def convolved(batch, kernel):
    """A convolution without padding: a weighted sum of shifted pictures."""
    height, width = batch.shape[1] - 2, batch.shape[2] - 2
    return sum(
        batch[:, y : y + height, x : x + width] @ kernel[y, x] for y in range(3) for x in range(3)
    )


network_of = functools.cache(Network)  # once, so that it is compiled once


def explain(network, methods, **options):
    inputs = {"picture": list(IMAGES), "extra": list(EXTRAS)}
    return layersight.heatmap(network.opened, inputs, target=CLASS, method=methods, **options)


@pytest.mark.parametrize("score", ["logit", "output"])
@pytest.mark.parametrize("curve", CURVES)
def test_every_method_is_that_of_numpy(curve, score):
    network = network_of(curve)
    images = Images({"picture": IMAGES, "extra": EXTRAS}, "picture", np.zeros(3), np.ones(3))
    goal = class_goal(CLASS, units=UNITS, before=score == "logit")
    values = network.run(images.values)
    maps = explain(network, METHODS, score=score, **QUICK)
    assert [entry.method for entry in maps] == METHODS * 3
    for entry in maps:
        assert entry.score == pytest.approx(values["top"][entry.image, CLASS], rel=1e-4)
        assert entry.explained == pytest.approx(network.score(values, goal)[entry.image], rel=1e-4)
    for name in METHODS:
        method = find_method(name)
        layers = () if method.layers == NONE else ("high",)
        shared = (goal, layers, HeatmapOptions(**QUICK), 16, lambda done, total: None)
        alone = [Request(network, images.select(number), *shared) for number in range(3)]
        expected = np.stack([Result.of(method.compute(each)).values[0] for each in alone])
        found = np.stack([entry.coarse for entry in maps if entry.method == name])
        sizes = np.abs(expected).max((1, 2), keepdims=True)
        assert sizes.max() > 1e-4, name
        assert (np.abs(found - expected) <= 1e-3 * sizes + 1e-7).all(), name


def nothing(name):
    """The images that stand for no evidence, by formulas of their own."""
    if name == "mean":
        return np.broadcast_to(IMAGES.mean((1, 2), keepdims=True), IMAGES.shape)
    if name == "blur":
        sigma = (0, min(SIZE) / 20, min(SIZE) / 20, 0)
        blurred, total = (
            ndimage.gaussian_filter(array.astype(float), sigma, mode="constant", truncate=30)
            for array in (IMAGES, np.ones_like(IMAGES))
        )
        return blurred / total
    return np.full(IMAGES.shape, {"black": 0.0, "grey": 0.5, "white": 1.0}[name])


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("curve", CURVES)
def test_integrated_gradients_sum_to_what_the_score_gains_from_the_baseline(curve, baseline):
    network = network_of(curve)
    with_image, without = (
        network.run({"picture": pictures, "extra": EXTRAS})["logits"][:, CLASS]
        for pictures in (IMAGES, nothing(baseline))
    )
    maps = explain(network, "integrated-gradients", baseline=baseline)
    sums = [entry.values.sum(dtype=float) for entry in maps]
    assert np.abs(with_image - without).min() > 1e-3
    np.testing.assert_allclose(sums, with_image - without, rtol=0.01)
