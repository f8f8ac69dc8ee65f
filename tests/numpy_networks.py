"""Networks in NumPy whose gradients are known, for testing heatmaps and metrics.

All compute in float64 and count the images of each pass. :class:`Network` has what the CAM family
needs, :class:`Analytic` computes each image by itself, so that what an image gets cannot depend on
those beside it, and :class:`Formula` is any function of a picture.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.readout import Gradients as Gradients
from layersight.data.readout import Readout
from layersight.model import ForwardPass
from layersight.nouns.heatmaps.baselines import baseline as baseline
from layersight.nouns.heatmaps.methods.method import Images, Request, find_method
from layersight.nouns.heatmaps.metrics.bench import Bench, weighted_layers
from layersight.nouns.heatmaps.metrics.metric import find_metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

HEIGHT, WIDTH, COLOURS, CLASSES = 12, 8, 3, 4


def single(values):
    """As a framework gives them: float32, infinite beyond its range without a warning."""
    with np.errstate(over="ignore"):
        return np.array(values, np.float32)


class Reference:
    """Passes, scores and gradients of what ``run`` and ``gradients_of`` of a subclass compute."""

    def __init__(self):
        self.forwards, self.reads, self.ablations, self.gradients = [], [], [], []

    @property
    def passes(self):
        return [*self.forwards, *self.reads, *self.gradients]

    def score(self, values, goal):
        total = np.zeros(len(values["logits"]))
        for part in goal:
            parts = values[values_read(part)] * part.weights
            total += parts.reshape(len(total), -1).sum(axis=1)
        return total

    def forward(self, inputs, layers, *, outputs=False):
        self.forwards.append(len(inputs["picture"]))
        values = self.run(inputs)
        return ForwardPass({name: single(values[name]) for name in layers}, {})

    def read(self, inputs, goal):
        self.reads.append(len(inputs["picture"]))
        return single(self.score(self.run(inputs), goal))

    def differentiate(self, inputs, goal, *, layers=(), by=(), guided=False):
        self.gradients.append(len(inputs["picture"]))
        values = self.run(inputs)
        gradients = self.gradients_of(values, goal, guided)
        return Gradients(
            single(self.score(values, goal)),
            {part.layer: single(values[part.layer]) for part in goal},
            {name: single(values[name]) for name in layers},
            {name: single(gradients[name]) for name in layers},
            {name: single(gradients[name]) for name in by},
        )


class Network(Reference):
    """Layers: ``fine`` (6, 4, 5), ``coarse`` (3, 2, 7), ``vector`` and ``top``, a softmax.

    Each layer with maps is the mean of 2 x 2 positions mixed over the channels. The input
    ``extra`` is added to the logits, so that a method which mixes up images is noticed.

    Args:
        head: What follows ``coarse``: "pooled" is the mean over positions and a dense layer,
            "hidden" has a dense layer with tanh between, "flat" the same on all positions.
        seed: Of the weights.
        dead: Channels of ``coarse`` that are 0 everywhere.
        twins: Pairs of channels of ``coarse``: the second is three times the first.
        smooth: tanh instead of rectifiers, so that values of both signs occur.
    """

    def __init__(self, head="flat", *, seed=0, dead=(), twins=(), smooth=False):
        super().__init__()
        draw = np.random.default_rng(seed)
        self.head, self.smooth = head, smooth
        self.fine = draw.normal(size=(COLOURS, 5)), draw.normal(size=5) * 0.3
        self.coarse = draw.normal(size=(5, 7)), 0.5 + draw.random(size=7)
        wide = {"pooled": 7, "hidden": 7, "flat": 42}[head]
        self.middle = draw.normal(size=(wide, 6)) / np.sqrt(wide), draw.normal(size=6)
        self.last = draw.normal(size=(7 if head == "pooled" else 6, CLASSES)), draw.normal(size=4)
        for channel in dead:
            self.coarse[0][:, channel], self.coarse[1][channel] = 0, 0
        for first, second in twins:
            self.coarse[0][:, second] = 3 * self.coarse[0][:, first]
            self.coarse[1][second] = 3 * self.coarse[1][first]

    def active(self, raw):
        return np.tanh(raw) if self.smooth else np.maximum(raw, 0)

    def steepness(self, active):
        return 1 - active**2 if self.smooth else (active > 0).astype(float)

    def run(self, inputs, **replaced):
        """The values of all layers; a replaced one counts for all behind it."""
        values = {"picture": np.asarray(inputs["picture"], np.float64)}

        def keep(name, value):
            values[name] = replaced.get(name, value)
            return values[name]

        fine = keep("fine", self.active(halved(values["picture"]) @ self.fine[0] + self.fine[1]))
        coarse = keep("coarse", self.active(halved(fine) @ self.coarse[0] + self.coarse[1]))
        vector = keep("vector", coarse.mean(axis=(1, 2)))
        before = coarse.reshape(len(coarse), -1) if self.head == "flat" else vector
        if self.head != "pooled":
            before = keep("middle", np.tanh(before @ self.middle[0] + self.middle[1]))
        logits = keep("logits", before @ self.last[0] + self.last[1] + inputs["extra"])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        keep("top", powers / powers.sum(axis=1, keepdims=True))
        return values

    def gradients_of(self, values, goal, guided=False):
        """The gradient of the score by every layer and by the picture."""
        at = {name: np.zeros_like(value) for name, value in values.items()}
        for part in goal:
            at[values_read(part)] += part.weights
        at["logits"] += values["top"] * (
            at["top"] - (at["top"] * values["top"]).sum(1, keepdims=True)
        )
        behind = at["logits"] @ self.last[0].T
        if self.head != "pooled":
            at["middle"] += behind
            behind = (at["middle"] * (1 - values["middle"] ** 2)) @ self.middle[0].T
        if self.head == "flat":
            at["coarse"] += behind.reshape(values["coarse"].shape)
        else:
            at["vector"] += behind
        positions = values["coarse"].shape[1] * values["coarse"].shape[2]
        at["coarse"] += at["vector"][:, None, None] / positions
        through = (at["coarse"] * self.steepness(values["coarse"])) @ self.coarse[0].T
        at["fine"] += doubled(through) / 4
        through = (at["fine"] * self.steepness(values["fine"])) @ self.fine[0].T
        at["picture"] += doubled(through) / 4
        return at

    def ablate(self, inputs, goal, layer, factors):
        assert len(inputs["picture"]) == 1
        self.ablations.append(len(factors))
        values = self.run(inputs)[layer] * factors[:, None, None]
        many = {name: np.repeat(array, len(factors), axis=0) for name, array in inputs.items()}
        return single(self.score(self.run(many, **{layer: values}), goal))


CURVES = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "steep": (lambda z: 0.5 + 0.5 * np.tanh(8 * z), lambda z: 4 * (1 - np.tanh(8 * z) ** 2)),
}


class Analytic(Reference):
    """``maps`` = curve(picture . A + b) at each position; ``top`` = tanh(maps . W + extra . V)."""

    def __init__(self, curve="relu", *, size=(6, 5), channels=3, maps=4, units=3, extra=0, seed=0):
        super().__init__()
        draw = np.random.default_rng(seed)
        self.curve, self.steepness = CURVES[curve]
        self.kernel = draw.normal(size=(channels, maps))
        self.bias = draw.normal(size=maps) / 4
        self.dense = draw.normal(size=(*size, maps, units)) / np.sqrt(np.prod(size) * maps)
        self.other = draw.normal(size=(extra, units))

    def run(self, inputs):
        before = np.asarray(inputs["picture"], float) @ self.kernel + self.bias
        maps = self.curve(before)
        logits = np.stack([np.einsum("hwk,hwku->u", image, self.dense) for image in maps])
        if len(self.other):
            logits += np.stack([row @ self.other for row in np.asarray(inputs["extra"], float)])
        top = np.tanh(logits)
        return {**inputs, "before": before, "maps": maps, "logits": logits, "top": top}

    def gradients_of(self, values, goal, guided=False):
        at = {name: np.zeros(values[name].shape) for name in ("maps", "logits", "top")}
        for part in goal:
            at[values_read(part)] += part.weights
        at["logits"] += at["top"] * (1 - values["top"] ** 2)
        at["maps"] += np.stack([self.dense @ row for row in at["logits"]])
        behind = np.maximum(at["maps"], 0) if guided else at["maps"]
        return {**at, "picture": (behind * self.steepness(values["before"])) @ self.kernel.T}

    def exact(self, picture, goal):
        """The score of one image, in float64."""
        return self.score(self.run({"picture": picture[None]}), goal)[0]

    def by_differences(self, picture, goal, step=1e-6):
        """The gradient by central differences."""
        moves = step * np.eye(picture.size).reshape(-1, *picture.shape)
        up, down = (
            self.score(self.run({"picture": picture + move}), goal) for move in (moves, -moves)
        )
        return ((up - down) / (2 * step)).reshape(picture.shape)


class Given:
    """A network whose values and gradients are given."""

    def __init__(self, values, gradients):
        self.values, self.gradients = np.array(values, "f4"), np.array(gradients, "f4")

    def differentiate(self, inputs, goal, *, layers, **options):
        (layer,) = layers
        scores = np.zeros(len(self.values), np.float32)
        return Gradients(scores, {}, {layer: self.values}, {layer: self.gradients}, {})

    def forward(self, inputs, layers):
        (layer,) = layers
        return ForwardPass({layer: self.values}, {})


def values_read(part):
    """The values that a readout weighs."""
    return "logits" if part.before else part.layer


def halved(maps):
    """The mean of each 2 x 2 positions; an odd last row or column is left out."""
    height, width = maps.shape[1] // 2, maps.shape[2] // 2
    cut = maps[:, : 2 * height, : 2 * width]
    return cut.reshape(len(maps), height, 2, width, 2, -1).mean(axis=(2, 4))


def doubled(maps):
    return maps.repeat(2, axis=1).repeat(2, axis=2)


def pictures(count=2, *, seed=5):
    """Smooth random images in 0..1 for a :class:`Network`."""
    draw = np.random.default_rng(seed)
    pixels = doubled(draw.random(size=(count, HEIGHT // 2, WIDTH // 2, COLOURS)))
    pixels = np.clip(pixels + 0.1 * draw.normal(size=pixels.shape), 0, 1)
    extra = draw.normal(size=(count, CLASSES))
    values = {"picture": pixels.astype(np.float32), "extra": extra.astype(np.float32)}
    return Images(values, "picture", np.zeros(COLOURS, np.float32), np.ones(COLOURS, np.float32))


def noise_pictures(count=3, *, size=(6, 5), channels=3, extra=0, black=0.0, white=1.0, seed=1):
    """Random images between black and white for an :class:`Analytic` or a :class:`Formula`."""
    draw = np.random.default_rng(seed)
    dark, light = (np.broadcast_to(np.float32(end), channels) for end in (black, white))
    values = dark + draw.random((count, *size, channels)) * (light - dark)
    inputs = {"picture": values.astype(np.float32)}
    if extra:
        inputs["extra"] = draw.normal(size=(count, extra)).astype(np.float32)
    return Images(inputs, "picture", dark.copy(), light.copy())


def class_goal(*classes, units=CLASSES, before=True):
    """One class for all images, or one for each."""
    return (Readout("top", np.eye(units, dtype=np.float32)[list(classes)], before),)


def channel_goal(channel, maps=4):
    """The mean of a channel over the 30 positions of an :class:`Analytic`."""
    weights = np.zeros((1, 1, 1, maps), np.float32)
    weights[..., channel] = 1 / 30
    return (Readout("maps", weights),)


def run(method, model, images, goal, layers=("coarse",), *, batch_size=16, steps=None, **options):
    """Runs a method as the verb does; the progress it reports is added to ``steps``."""
    reported = [] if steps is None else steps
    values = find_method(method).compute(
        Request(
            model,
            images,
            target=goal,
            layers=layers,
            options=HeatmapOptions(**options),
            batch_size=batch_size,
            progress=lambda done, total: reported.append((done, total)),
        )
    )
    assert isinstance(values, np.ndarray)
    assert values.dtype == np.float32
    return values


def of_one(part, image):
    """A readout of one image alone."""
    chosen = image if len(part.weights) > 1 else 0
    return replace(part, weights=part.weights[chosen : chosen + 1])


def scaled(part, factor):
    return replace(part, weights=part.weights * np.float32(factor))


class Formula:
    """A network whose only number is a function of a picture, ``(height, width, channel)``."""

    def __init__(self, function, layers=()):
        self.function, self.layers = function, tuple(layers)
        self.batches = []
        self.drawn = []
        self.now = ()

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
        return single(
            [np.atleast_1d(self.function(image.astype(float))) @ unit for image in pictures]
        )

    @contextmanager
    def randomised(self, layers, seed):
        self.drawn.append((tuple(layers), seed))
        self.now = tuple(layers)
        try:
            yield
        finally:
            self.now = ()


GOAL = (Readout("top", np.ones((1, 1), np.float32)),)


def picture(size=(8, 8), *, seed=0, **options):
    """One random image."""
    return noise_pictures(1, size=size, seed=seed, **options)


def linear(weights):
    """The sum of all pixels, each channel of each by its weight."""
    return Formula(lambda image: (image * weights).sum())


def logistic(weights, bias=0.0):
    """The same through a sigmoid: a probability."""
    return Formula(lambda image: 1 / (1 + np.exp(-((image * weights).sum() + bias))))


def bench(model, images, *, batch_size=16, offset=0.0, **options):
    """What maps are measured on."""
    layers = weighted_layers(model.info)
    measured = MeasureOptions(**options)
    return Bench(model, images, GOAL, offset, measured, batch_size, weighted=layers)


def rate(board, values, *names, **options):
    """What metrics give for a map, by name."""
    metrics = [find_metric(name) for name in names]
    measures = board.measure(np.asarray(values, np.float32), metrics, **options)
    return {entry.metric: entry for entry in measures}
