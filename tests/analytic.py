"""A small network in NumPy whose gradients are known, for testing methods of attribution.

Every image goes through by itself, in float64, so that what an image gets cannot depend on the
images beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layersight.data.readout import Gradients, Readout
from layersight.model import ForwardPass
from layersight.nouns.heatmaps.methods.method import Images

CURVES = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "steep": (lambda z: 0.5 + 0.5 * np.tanh(8 * z), lambda z: 4 * (1 - np.tanh(8 * z) ** 2)),
}


def single(values):
    """As a framework gives them: float32, infinite where that is too small, without a word."""
    with np.errstate(over="ignore"):
        return np.array(values, np.float32)


class Analytic:
    """``maps`` = curve(picture . A + b) at each position; ``top`` = tanh(maps . W + extra . V)."""

    def __init__(self, curve="relu", *, size=(6, 5), channels=3, maps=4, units=3, extra=0, seed=0):
        chance = np.random.default_rng(seed)
        self.curve, self.steepness = CURVES[curve]
        self.kernel = chance.normal(size=(channels, maps))
        self.bias = chance.normal(size=maps) / 4
        self.dense = chance.normal(size=(*size, maps, units)) / np.sqrt(np.prod(size) * maps)
        self.other = chance.normal(size=(extra, units))
        self.extra = extra
        self.passes: list[int] = []

    def one(self, picture, extra):
        """Everything for a single image: before and after each curve."""
        before = np.asarray(picture, float) @ self.kernel + self.bias
        maps = self.curve(before)
        logits = np.einsum("hwk,hwku->u", maps, self.dense)
        if self.extra:
            logits = logits + np.asarray(extra, float) @ self.other
        return {"before": before, "maps": maps, "logits": logits, "top": np.tanh(logits)}

    def rows(self, inputs):
        count = len(inputs["picture"])
        extras = inputs["extra"] if self.extra else [None] * count
        assert len(extras) == count
        return zip(range(count), inputs["picture"], extras, strict=True)

    def exact(self, picture, goal, extra=None, row=0):
        """The number read off for one image, in float64."""
        found = self.one(picture, extra)
        total = 0.0
        for readout in goal:
            values = found["logits" if readout.before else readout.layer]
            weights = readout.weights[row if len(readout.weights) > 1 else 0]
            total += float((np.broadcast_to(weights, values.shape) * values).sum())
        return total

    def slope(self, picture, goal, extra, row, guided):
        found = self.one(picture, extra)
        by_maps = np.zeros(found["maps"].shape)
        for readout in goal:
            weights = readout.weights[row if len(readout.weights) > 1 else 0].astype(float)
            if readout.layer == "maps":
                by_maps += weights
            else:
                chain = weights if readout.before else weights * (1 - found["top"] ** 2)
                by_maps += self.dense @ chain
        if guided:
            by_maps = np.maximum(by_maps, 0)
        return (by_maps * self.steepness(found["before"])) @ self.kernel.T

    def forward(self, inputs, layers, *, outputs=False):
        self.passes.append(len(inputs["picture"]))
        rows = [self.one(picture, extra) for _, picture, extra in self.rows(inputs)]
        return ForwardPass({name: single([row[name] for row in rows]) for name in layers}, {})

    def read(self, inputs, goal):
        count = len(inputs["picture"])
        self.passes.append(count)
        assert all(len(readout.weights) in (1, count) for readout in goal)
        scores = [
            self.exact(picture, goal, extra, row) for row, picture, extra in self.rows(inputs)
        ]
        return single(scores)

    def differentiate(self, inputs, goal, *, layers=(), by=(), guided=False):
        scores = self.read(inputs, goal)
        assert list(by) == ["picture"]
        slopes = [
            self.slope(picture, goal, extra, row, guided)
            for row, picture, extra in self.rows(inputs)
        ]
        return Gradients(scores, {}, {}, {}, {"picture": single(slopes)})

    def by_differences(self, picture, goal, extra=None, row=0, step=1e-6):
        """The gradient by central differences, one pixel and channel after the other."""
        found = np.zeros(picture.shape)
        for place in np.ndindex(picture.shape):
            ends = []
            for sign in (1, -1):
                moved = np.array(picture, float)
                moved[place] += sign * step
                ends.append(self.exact(moved, goal, extra, row))
            found[place] = (ends[0] - ends[1]) / (2 * step)
        return found


def class_goal(unit=1, units=3, *, before=True):
    """A class, the same for every image."""
    weights = np.zeros((1, units), np.float32)
    weights[0, unit] = 1
    return (Readout("top", weights, before),)


def classes_goal(*chosen, units=3):
    """For each image a class of its own."""
    return (Readout("top", np.eye(units, dtype=np.float32)[list(chosen)], True),)


def channel_goal(channel, maps=4, **known):
    """The mean of a channel over all positions."""
    weights = np.zeros((1, 1, 1, maps), np.float32)
    weights[..., channel] = 1 / 30
    return (replace(Readout("maps", weights), **known),)


def pictures(count=3, *, size=(6, 5), channels=3, extra=0, black=0.0, white=1.0, seed=1):
    """Random images in the range of what the network sees."""
    chance = np.random.default_rng(seed)
    dark, light = (
        np.broadcast_to(np.float32(end), channels).astype(np.float32) for end in (black, white)
    )
    values = chance.random((count, *size, channels), dtype=np.float32) * (light - dark) + dark
    given = {"picture": values}
    if extra:
        given["extra"] = chance.normal(size=(count, extra)).astype(np.float32)
    return Images(given, "picture", dark, light)
