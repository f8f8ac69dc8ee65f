"""Networks of one formula each, so that the best and the worst map of an image are known."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.readout import Readout
from layersight.nouns.heatmaps.methods.method import Images
from layersight.nouns.heatmaps.metrics.bench import Bench, weighted_layers
from layersight.nouns.heatmaps.metrics.metric import find_metric
from layersight.nouns.heatmaps.request import MeasureOptions


class Formula:
    """A network whose only number is a function of a picture, ``(height, width, channel)``."""

    def __init__(self, function, layers=()):
        self.function, self.layers = function, tuple(layers)
        self.batches: list[int] = []
        self.drawn: list[tuple[tuple[str, ...], int]] = []
        self.now: tuple[str, ...] = ()

    @property
    def info(self):
        return self.describe({})

    def describe(self, shapes):
        layers = tuple(LayerInfo(name, "Dense", (None, 1), count) for name, count in self.layers)
        inputs = (InputInfo("picture", (None, None, None, 3)),)
        return ModelInfo("formula", "a test", "sha256:0", "numpy", inputs, ("top",), layers, 0)

    def read(self, inputs, goal):
        pictures = inputs["picture"]
        self.batches.append(len(pictures))
        unit = goal[0].weights[0]
        found = [np.atleast_1d(self.function(np.asarray(one, float))) @ unit for one in pictures]
        return np.array(found, np.float32)

    @contextmanager
    def randomised(self, layers, seed):
        self.drawn.append((tuple(layers), seed))
        self.now = tuple(layers)
        try:
            yield
        finally:
            self.now = ()


GOAL = (Readout("top", np.ones((1, 1), np.float32)),)


def picture(size=(8, 8), *, seed=0, channels=3, black=0.0, white=1.0):
    """One random image."""
    values = np.random.default_rng(seed).uniform(black, white, (1, *size, channels))
    ends = (np.full(channels, end, np.float32) for end in (black, white))
    return Images({"picture": values.astype(np.float32)}, "picture", *ends)


def linear(weights):
    """The sum of all pixels, each channel of each by its weight."""
    return Formula(lambda one: (one * weights).sum())


def logistic(weights, bias=0.0):
    """The same through a sigmoid: a probability."""
    return Formula(lambda one: 1 / (1 + np.exp(-((one * weights).sum() + bias))))


def bench(model, images, *, batch_size=16, offset=0.0, **options):
    """What maps are measured on."""
    layers = weighted_layers(model.info)
    settled = MeasureOptions(**options)
    return Bench(model, images, GOAL, offset, settled, batch_size, weighted=layers)


def say(board, values, *names, **more):
    """What metrics say of a map, by name."""
    metrics = [find_metric(name) for name in names]
    found = board.measure(np.asarray(values, np.float32), metrics, **more)
    return {measure.metric: measure for measure in found}
