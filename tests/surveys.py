"""A survey of the network of NumPy functions, and a channel of it."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

import layersight
from fake_network import Fake, deep
from layersight.nouns.channel.result import Channel
from layersight.nouns.survey.result import Survey
from layersight.nouns.survey.tables import files

PICTURES = np.random.default_rng(2).integers(0, 256, (70, 8, 8, 3)).astype(np.uint8)


@functools.cache
def result() -> Survey:
    """Over six pictures of noise."""
    draw = np.random.default_rng(4)
    pictures = [draw.random((8, 8, 3)).astype(np.float32) for _ in range(6)]
    return layersight.survey(deep(), pictures, top=3)


def channel() -> Channel:
    """Its first channel with maps, without a pattern."""
    return layersight.channel(deep(), "stem:0", survey=result(), pattern=False)


def stored(model: Fake, layer: str, pictures: np.ndarray) -> np.ndarray:
    result = model.forward({"picture": (pictures / np.float32(255)).astype("f4")}, [layer])
    return np.asarray(result.layers[layer], np.float64)


def order_of(photos: Path) -> list[int]:
    """The numbers of the pictures in the order of their names."""
    return [int(path.stem) for path in sorted(photos.rglob("*.png"))]


def same(first: Survey, second: Survey) -> None:
    """Every array is the same, to the last bit."""
    assert dict(files(first)) == dict(files(second))
