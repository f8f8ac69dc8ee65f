"""A network without a framework, so that the verbs are tested alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from described import ROLES
from layersight.data.ascent import Ascent, Optimisation
from layersight.data.model import InputInfo
from layersight.data.readout import Goal, Gradients
from layersight.errors import IndependentError, SelectionError
from layersight.model import ForwardPass, Model, MovingStatistics
from toy_framework import Toy, ToyLayer

Compute = Callable[..., np.ndarray]

STEP = 1e-4
"""How far a value is moved to either side for a gradient."""


def layer_of(kind: str, compute: Compute, activation: str | None = None) -> ToyLayer:
    """A layer of a class of Keras; those with weights count one."""
    weights = (np.zeros(1),) if kind.startswith(("Conv", "Dense")) else ()
    return ToyLayer(compute, ROLES.get(kind, "other"), activation, kind, weights)


class Fake(Toy, Model):
    """The toy framework with every capability; it counts what it is asked for.

    A layer is given as its type, what it computes, and, if it has one, its activation function.
    """

    def __init__(
        self,
        layers: Mapping[str, tuple[Any, ...]],
        *,
        inputs: Sequence[InputInfo] = (InputInfo("picture", (None, 6, 5, 3)),),
        outputs: Sequence[str] = (),
        missing: str | None = None,
        kept: Sequence[MovingStatistics] = (),
        **known: Any,
    ) -> None:
        made = {name: layer_of(*parts) for name, parts in layers.items()}
        super().__init__(made, inputs=inputs, outputs=outputs, name="fake")
        facts = {"source": "a test", "digest": "sha256:0", "framework": "numpy", "parameters": 0}
        self.named = replace(self.named, **{**facts, **known})
        self.missing = missing
        self.kept = tuple(kept)
        self.weights: dict[str, np.ndarray] = {}
        self.passes: list[tuple[int, tuple[str, ...], bool]] = []
        self.reads: list[int] = []
        self.gradients: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = []

    def forward(
        self, inputs: Mapping[str, Any], layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        result = super().forward(inputs, layers, outputs=outputs)
        self.passes.append((len(next(iter(inputs.values()))), tuple(layers), outputs))
        return replace(result, missing=self.missing if outputs else None)

    def kernel(self, layer: str) -> np.ndarray | None:
        return self.weights.get(layer)

    def activation_count(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        return sum(int(np.prod(shape)) for shape in shapes.values()) * len(layers)

    def ascend(self, ascent: Ascent) -> Optimisation:
        raise NotImplementedError

    def read(self, inputs: Mapping[str, Any], goal: Goal) -> np.ndarray:
        self.reads.append(len(next(iter(inputs.values()))))
        return self.score(inputs, goal).astype(np.float32)

    def score(self, given: Mapping[str, Any], goal: Goal) -> np.ndarray:
        total: np.ndarray = np.zeros(1)
        for part in goal:
            self.check_layer(part.layer)
            values = (self.before_activation if part.before else self.run)(given, part.layer)
            parts = values * part.weights
            total = total + parts.reshape(len(parts), -1).sum(axis=1)
        return total

    def differentiate(
        self,
        inputs: Mapping[str, Any],
        goal: Goal,
        *,
        layers: Sequence[str] = (),
        by: Sequence[str] = (),
        guided: bool = False,
    ) -> Gradients:
        """Central differences, value by value."""
        self.gradients.append((len(next(iter(inputs.values()))), tuple(layers), tuple(by)))
        given = {name: np.asarray(array, np.float64) for name, array in inputs.items()}
        for name in (*layers, *by):
            if not any(self.rests(part.layer, name) for part in goal):
                raise IndependentError(f"nothing read depends on '{name}'")
        values = {name: self.run(given, name) for name in layers}
        return Gradients(
            self.score(given, goal).astype(np.float32),
            {part.layer: self.run(given, part.layer).astype(np.float32) for part in goal},
            {name: array.astype(np.float32) for name, array in values.items()},
            {name: self.slope(given, goal, name, array) for name, array in values.items()},
            {name: self.slope(given, goal, name, given[name]) for name in by},
        )

    def rests(self, layer: str, on: str) -> bool:
        return layer != on and (
            on in self.layers[layer].takes
            or any(self.rests(p, on) for p in self.layers[layer].takes if p in self.layers)
        )

    def slope(
        self, given: Mapping[str, np.ndarray], goal: Goal, name: str, array: np.ndarray
    ) -> np.ndarray:
        result = np.zeros(array.shape, np.float32)
        for index in np.ndindex(*array.shape[1:]):
            ends = []
            for step in (STEP, -STEP):
                moved = array.astype(np.float64)
                moved[(slice(None), *index)] += step
                ends.append(self.score({**given, name: moved}, goal))
            result[(slice(None), *index)] = (ends[0] - ends[1]) / (2 * STEP)
        return result

    def ablate(
        self, inputs: Mapping[str, Any], goal: Goal, layer: str, factors: np.ndarray
    ) -> np.ndarray:
        values = self.run(inputs, layer)
        scores = [self.score({**inputs, layer: values * row}, goal)[0] for row in factors]
        return np.array(scores, np.float32)

    @contextlib.contextmanager
    def randomised(self, layers: Sequence[str], seed: int) -> Iterator[None]:
        """Nothing here has weights."""
        for name in layers:
            self.check_layer(name)
        yield

    def check_layer(self, name: str) -> None:
        if name not in self.layers:
            raise SelectionError(f"no layer '{name}'")

    def moving_statistics(self) -> tuple[MovingStatistics, ...]:
        return self.kept

    def save(self, path: Path) -> tuple[str, ...]:
        path.write_bytes(b"saved")
        return ()


def brighter(channels: int) -> tuple[str, Compute]:
    """A layer with maps: channel ``c`` is the sum of the colours times ``c + 1``."""

    def compute(picture: np.ndarray) -> np.ndarray:
        return picture.sum(axis=-1, keepdims=True) * np.arange(1, channels + 1, dtype=np.float32)

    return "Conv2D", compute


def halved(maps: np.ndarray) -> np.ndarray:
    """The mean of 2 x 2 positions."""
    count, high, wide, channels = maps.shape
    result: np.ndarray = maps.reshape(count, high // 2, 2, wide // 2, 2, channels).mean((2, 4))
    return result


def deep(last: str = "softmax", units: int = 3, **known: Any) -> Fake:
    """A chain: two convolutions of 1 x 1 with pooling between, and a dense layer.

    ``stem`` (8, 8, 4), ``pool`` (4, 4, 4), ``body`` (4, 4, 5), ``gap``, ``top``.
    """
    draw = np.random.default_rng(3)
    first, second = draw.normal(size=(3, 4)), draw.normal(size=(4, 5))
    last_kernel = draw.normal(size=(5, units))
    return Fake(
        {
            "stem": ("Conv2D", lambda picture: picture @ first + 0.1, "relu"),
            "pool": ("AveragePooling2D", lambda stem: halved(stem)),
            "body": ("Conv2D", lambda pool: pool @ second + 0.1, "relu"),
            "gap": ("GlobalAveragePooling2D", lambda body: body.mean(axis=(1, 2))),
            "top": ("Dense", lambda gap: gap @ last_kernel, last),
        },
        **{"inputs": (InputInfo("picture", (None, 8, 8, 3)),), **known},
    )


def small(**known: Any) -> Fake:
    """Two layers with maps, a flat one and a dense one of three units."""
    wide, narrow = brighter(6)[1], brighter(4)[1]
    return Fake(
        {
            "conv": ("Conv2D", narrow),
            "pool": ("MaxPooling2D", lambda picture: wide(picture)[:, ::2, ::2]),
            "flat": ("Flatten", lambda picture: narrow(picture).reshape(len(picture), -1)),
            "top": ("Dense", lambda picture: narrow(picture).mean(axis=(1, 2))[:, :3]),
        },
        **known,
    )


def photo(seed: int = 0, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    """A random picture, by default in the size that :func:`deep` takes."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def fake() -> Callable[..., Fake]:
    """Makes the small network."""
    assert isinstance(small(), Model)
    return small


@pytest.fixture
def chain() -> Callable[..., Fake]:
    """Makes the network whose layers take one another."""
    assert isinstance(deep(), Model)
    return deep


@pytest.fixture
def network() -> type[Fake]:
    """Makes a network of any layers."""
    return Fake
