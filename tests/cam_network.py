"""A small network in NumPy with its gradients worked out by hand, float64 inside.

Two layers with maps, each the mean of 2 x 2 positions mixed over the channels, and one of three
heads behind them:

    pooled: mean over all positions, one dense layer
    hidden: mean over all positions, a dense layer with tanh, a dense layer
    flat:   every value of every map into a dense layer with tanh, a dense layer

It has two inputs, ``picture`` and ``extra``; the second is added to the logits, so that a method
which mixes up images is seen. It counts what it is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from layersight.data.readout import Goal, Gradients, Readout
from layersight.errors import ModelInputError
from layersight.model import ForwardPass
from layersight.nouns.heatmaps.baselines import baseline
from layersight.nouns.heatmaps.methods.method import Images, Request, find_method
from layersight.nouns.heatmaps.request import HeatmapOptions

__all__ = ["Images", "ModelInputError", "baseline"]

HEIGHT, WIDTH, COLOURS, CLASSES = 12, 8, 3, 4


class Network:
    """Layers: ``fine`` (6, 4, 5), ``coarse`` (3, 2, 7), ``vector`` and ``top``, a softmax.

    Args:
        head: Which of the three.
        seed: Of the weights.
        dead: Channels of ``coarse`` that are 0 everywhere.
        twins: Pairs of channels of ``coarse``: the second is three times the first.
        smooth: tanh in place of rectifiers, so that values of both signs occur.
    """

    def __init__(
        self,
        head: str = "flat",
        *,
        seed: int = 0,
        dead: Sequence[int] = (),
        twins: Sequence[tuple[int, int]] = (),
        smooth: bool = False,
    ) -> None:
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
        self.forwards: list[int] = []
        self.reads: list[int] = []
        self.ablations: list[int] = []
        self.gradients: list[int] = []

    def active(self, raw: np.ndarray) -> np.ndarray:
        return np.tanh(raw) if self.smooth else np.maximum(raw, 0)

    def steep(self, made: np.ndarray) -> np.ndarray:
        return 1 - made**2 if self.smooth else (made > 0).astype(float)

    def run(self, inputs: Mapping[str, np.ndarray], **given: np.ndarray) -> dict[str, np.ndarray]:
        """All layers; one given by name replaces what was computed, for all behind it."""
        made = {"picture": np.asarray(inputs["picture"], np.float64)}

        def keep(name: str, value: np.ndarray) -> np.ndarray:
            made[name] = given.get(name, value)
            return made[name]

        fine = keep("fine", self.active(halved(made["picture"]) @ self.fine[0] + self.fine[1]))
        coarse = keep("coarse", self.active(halved(fine) @ self.coarse[0] + self.coarse[1]))
        vector = keep("vector", coarse.mean(axis=(1, 2)))
        before = coarse.reshape(len(coarse), -1) if self.head == "flat" else vector
        if self.head != "pooled":
            before = keep("middle", np.tanh(before @ self.middle[0] + self.middle[1]))
        logits = keep("logits", before @ self.last[0] + self.last[1] + inputs["extra"])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        keep("probabilities", powers / powers.sum(axis=1, keepdims=True))
        return made

    def score(self, made: Mapping[str, np.ndarray], goal: Goal) -> np.ndarray:
        total = np.zeros(len(made["logits"]))
        for part in goal:
            parts = made[place(part)] * part.weights
            total += parts.reshape(len(total), -1).sum(axis=1)
        return total

    def slopes(self, made: Mapping[str, np.ndarray], goal: Goal) -> dict[str, np.ndarray]:
        """The gradient of the score by every layer and by the picture."""
        at = {name: np.zeros_like(value) for name, value in made.items()}
        for part in goal:
            at[place(part)] += part.weights
        chance = made["probabilities"]
        inner = (at["probabilities"] * chance).sum(axis=1, keepdims=True)
        at["logits"] += chance * (at["probabilities"] - inner)
        behind = at["logits"] @ self.last[0].T
        if self.head != "pooled":
            at["middle"] += behind
            behind = (at["middle"] * (1 - made["middle"] ** 2)) @ self.middle[0].T
        if self.head == "flat":
            at["coarse"] += behind.reshape(made["coarse"].shape)
        else:
            at["vector"] += behind
        positions = made["coarse"].shape[1] * made["coarse"].shape[2]
        at["coarse"] += at["vector"][:, None, None] / positions
        through = (at["coarse"] * self.steep(made["coarse"])) @ self.coarse[0].T
        at["fine"] += doubled(through) / 4
        through = (at["fine"] * self.steep(made["fine"])) @ self.fine[0].T
        at["picture"] += doubled(through) / 4
        return at

    def forward(
        self, inputs: Mapping[str, np.ndarray], layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        self.forwards.append(len(inputs["picture"]))
        made = self.run(inputs)
        return ForwardPass({name: made[name].astype(np.float32) for name in layers}, {})

    def read(self, inputs: Mapping[str, np.ndarray], goal: Goal) -> np.ndarray:
        self.reads.append(len(inputs["picture"]))
        return self.score(self.run(inputs), goal).astype(np.float32)

    def differentiate(
        self,
        inputs: Mapping[str, np.ndarray],
        goal: Goal,
        *,
        layers: Sequence[str] = (),
        by: Sequence[str] = (),
        guided: bool = False,
    ) -> Gradients:
        self.gradients.append(len(inputs["picture"]))
        made = self.run(inputs)
        slopes = self.slopes(made, goal)
        return Gradients(
            self.score(made, goal).astype(np.float32),
            {part.layer: made[last(part)].astype(np.float32) for part in goal},
            {name: made[name].astype(np.float32) for name in layers},
            {name: slopes[name].astype(np.float32) for name in layers},
            {name: slopes[name].astype(np.float32) for name in by},
        )

    def ablate(
        self, inputs: Mapping[str, np.ndarray], goal: Goal, layer: str, factors: np.ndarray
    ) -> np.ndarray:
        assert len(inputs["picture"]) == 1
        self.ablations.append(len(factors))
        values = self.run(inputs)[layer] * factors[:, None, None]
        many = {name: np.repeat(array, len(factors), axis=0) for name, array in inputs.items()}
        return self.score(self.run(many, **{layer: values}), goal).astype(np.float32)


class Given:
    """A network of which values and gradients are simply given."""

    def __init__(self, values: Any, slopes: Any) -> None:
        self.values, self.slopes = np.array(values, "f4"), np.array(slopes, "f4")

    def differentiate(
        self, inputs: Any, goal: Goal, *, layers: Sequence[str], **more: Any
    ) -> Gradients:
        (layer,) = layers
        scores = np.zeros(len(self.values), np.float32)
        return Gradients(scores, {}, {layer: self.values}, {layer: self.slopes}, {})

    def forward(self, inputs: Any, layers: Sequence[str]) -> ForwardPass:
        (layer,) = layers
        return ForwardPass({layer: self.values}, {})


def place(part: Readout) -> str:
    if part.layer == "top":
        return "logits" if part.before else "probabilities"
    return part.layer


def last(part: Readout) -> str:
    """What a layer gives in the end, however it is read."""
    return "probabilities" if part.layer == "top" else part.layer


def halved(maps: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 positions; an odd last row or column is left out."""
    height, width = maps.shape[1] // 2, maps.shape[2] // 2
    cut = maps[:, : 2 * height, : 2 * width]
    return cut.reshape(len(maps), height, 2, width, 2, -1).mean(axis=(2, 4))


def doubled(maps: np.ndarray) -> np.ndarray:
    return maps.repeat(2, axis=1).repeat(2, axis=2)


def pictures(count: int = 2, *, seed: int = 5) -> Images:
    """Smooth random images in 0..1, and what the second input holds."""
    draw = np.random.default_rng(seed)
    pixels = draw.random(size=(count, HEIGHT // 2, WIDTH // 2, COLOURS))
    pixels = np.clip(
        doubled(pixels) + 0.1 * draw.normal(size=(count, HEIGHT, WIDTH, COLOURS)), 0, 1
    )
    extra = draw.normal(size=(count, CLASSES))
    values = {"picture": pixels.astype(np.float32), "extra": extra.astype(np.float32)}
    black, white = np.zeros(COLOURS, np.float32), np.ones(COLOURS, np.float32)
    return Images(values, "picture", black, white)


def class_goal(*classes: int, before: bool = True) -> Goal:
    """One class for all images, or one class for each."""
    weights = np.zeros((len(classes), CLASSES), np.float32)
    weights[np.arange(len(classes)), classes] = 1
    return (Readout("top", weights, before),)


def run(
    method: str,
    model: Any,
    images: Images,
    goal: Goal,
    layers: tuple[str, ...] = ("coarse",),
    *,
    batch_size: int = 16,
    steps: list[tuple[int, int]] | None = None,
    **options: Any,
) -> np.ndarray:
    """Runs a method as the verb does."""
    told: list[tuple[int, int]] = [] if steps is None else steps
    found = find_method(method).compute(
        Request(
            model,
            images,
            target=goal,
            layers=layers,
            options=HeatmapOptions(**options),
            batch_size=batch_size,
            progress=lambda done, total: told.append((done, total)),
        )
    )
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    return found


def of_one(part: Readout, image: int) -> Readout:
    """A readout of one image alone."""
    chosen = image if len(part.weights) > 1 else 0
    return dataclasses.replace(part, weights=part.weights[chosen : chosen + 1])


def scaled(part: Readout, factor: float) -> Readout:
    return dataclasses.replace(part, weights=part.weights * np.float32(factor))
