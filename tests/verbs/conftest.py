"""A network without a framework, so that the verbs are tested alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlens.ascent import Ascent, Climb
from convlens.errors import SelectionError
from convlens.model import ForwardPass, Model, MovingStatistics
from convlens.results import InputInfo, LayerInfo, ModelInfo

Compute = Callable[..., np.ndarray]


class Fake:
    """Each layer is a function of the inputs, by their names; channels last."""

    def __init__(
        self,
        layers: Mapping[str, tuple[str, Compute]],
        *,
        inputs: Sequence[InputInfo] = (InputInfo("picture", (None, 6, 5, 3)),),
        outputs: Sequence[str] = (),
        missing: str | None = None,
        kept: Sequence[MovingStatistics] = (),
        **known: Any,
    ) -> None:
        self.layers = dict(layers)
        self.missing = missing
        self.kept = tuple(kept)
        self.weights: dict[str, np.ndarray] = {}
        self.passes: list[tuple[int, tuple[str, ...], bool]] = []
        self._info = ModelInfo(
            name="fake",
            source="a test",
            digest="sha256:0",
            framework="numpy",
            inputs=tuple(inputs),
            outputs=tuple(outputs) or tuple(layers)[-1:],
            layers=(),
            parameters=0,
            **known,
        )

    def run(self, given: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        return np.asarray(self.layers[name][1](**given), np.float32)

    @property
    def info(self) -> ModelInfo:
        sizes = {
            entry.name: (1, *(size or 4 for size in entry.shape[1:])) for entry in self._info.inputs
        }
        return self.describe(sizes)

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        described = [
            LayerInfo(name, kind, (None, *self.run(zeros, name).shape[1:]), inputs=("input",))
            for name, (kind, _) in self.layers.items()
        ]
        return replace(self._info, layers=tuple(described))

    def forward(
        self, inputs: Mapping[str, Any], layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        unknown = [name for name in layers if name not in self.layers]
        if unknown:
            raise SelectionError(f"no layer {unknown}")
        self.passes.append((len(next(iter(inputs.values()))), tuple(layers), outputs))
        names = self._info.outputs if outputs else ()
        return ForwardPass(
            {name: self.run(inputs, name) for name in layers},
            {name: self.run(inputs, name) for name in names},
            self.missing if outputs else None,
        )

    def kernel(self, layer: str) -> np.ndarray | None:
        return self.weights.get(layer)

    def held(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        return sum(int(np.prod(shape)) for shape in shapes.values()) * len(layers)

    def ascend(self, ascent: Ascent) -> Climb:
        raise NotImplementedError

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


@pytest.fixture
def fake() -> Callable[..., Fake]:
    """Makes the small network."""
    assert isinstance(small(), Model)
    return small


@pytest.fixture
def network() -> type[Fake]:
    """Makes a network of any layers."""
    return Fake
