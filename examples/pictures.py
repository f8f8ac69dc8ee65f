"""Pictures that the examples make themselves: X-rays of chests, and a striped coat.

They are drawn, not taken: each follows from its number alone, so that examples and tests need no
file from elsewhere. What they are of is known exactly, which no photograph can promise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]


def xray(number: int, *, opacity: bool) -> Picture:
    """A chest from the front, ``(384, 384)`` grey, with clouds in the lungs or without.

    Args:
        number: Which patient.
        opacity: Whether there are clouds, as pneumonia makes them.
    """
    draw = np.random.default_rng((number, 17))
    y, x = np.mgrid[-1:1:384j, -1:1:384j]
    x = x + draw.normal(0, 0.03)
    y = y + draw.normal(0, 0.03)
    wide, high = draw.uniform(0.92, 1.08, 2)
    body = _edge(1 - (np.abs(x) / (0.94 * wide)) ** 4 - (np.abs(y) / 1.25) ** 6, 0.15)
    inside = np.zeros_like(x)
    for side in (-1, 1):
        middle = side * 0.42 * wide
        lung = 1 - ((x - middle) / (0.30 * wide)) ** 2 - ((y + 0.02) / (0.62 * high)) ** 2
        floor = 0.44 * high + 0.28 * (x - middle) ** 2 - y
        inside = np.maximum(inside, _edge(lung, 0.12) * _edge(floor, 0.06))
    shade = 0.72 * body - 0.50 * inside
    for rib in range(9):
        arc = y + 0.62 * high - rib * 0.145 - 0.5 * (np.abs(x) - 0.25) ** 2
        shade += 0.13 * np.exp(-((arc / 0.022) ** 2)) * _edge(0.8 - np.abs(x), 0.1) * body
    shade += 0.20 * np.exp(-((x / 0.09) ** 2)) * body
    heart = 1 - ((x - 0.13) / 0.27) ** 2 - ((y - 0.26) / 0.27) ** 2
    shade += 0.34 * _edge(heart, 0.2) * (1 - 0.4 * (1 - inside))
    if opacity:
        for _ in range(int(draw.integers(3, 6))):
            side = draw.choice((-1, 1))
            at = side * draw.uniform(0.28, 0.56), draw.uniform(-0.3, 0.34)
            reach = draw.uniform(0.07, 0.15, 2)
            cloud = np.exp(-(((x - at[0]) / reach[0]) ** 2) - ((y - at[1]) / reach[1]) ** 2)
            shade += draw.uniform(0.22, 0.36) * cloud * inside
    shade *= draw.uniform(0.9, 1.1)
    shade += 0.02 * _blurred(draw.normal(0, 1, x.shape), 2) + draw.normal(0, 0.006, x.shape)
    return np.asarray(np.clip(20 + 225 * shade, 0, 255), np.uint8)


def coat(number: int) -> Picture:
    """A striped coat, orange, black and white: ``(320, 480, 3)``."""
    draw = np.random.default_rng((number, 23))
    height, width = 320, 480
    y, x = np.mgrid[0:height, 0:width] / 100.0
    bend = sum(
        draw.uniform(0.3, 0.6) / k * np.sin(k * (draw.uniform(0.6, 1) * y + draw.uniform(0, 6)) + x)
        for k in range(1, 5)
    )
    stripes = _edge(np.sin(7.5 * (x + bend)) - 0.25 - 0.3 * np.sin(2 * y + x), 0.3)
    fur = 1 + 0.06 * _blurred(draw.normal(0, 1, (height, width)), 1)
    pale = _edge(y - 2.3 + 0.2 * np.sin(3 * x), 0.5)[..., None]
    ground = (1 - pale) * np.array([214, 132, 48]) + pale * np.array([240, 226, 204])
    colours = ground * (1 - stripes[..., None]) + stripes[..., None] * np.array([34, 24, 20])
    return np.asarray(np.clip(colours * fur[..., None], 0, 255), np.uint8)


def save(picture: Picture, path: Path) -> Path:
    """Writes a picture, and says where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def _edge(values: NDArray[np.float64], soft: float) -> NDArray[np.float64]:
    """Where values are above 0: from 0 to 1, within ``soft`` on either side."""
    return np.asarray(1 / (1 + np.exp(np.clip(-4 * values / soft, -60, 60))))


def _blurred(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Averages along both axes, brought back to a deviation of 1."""
    for axis in (0, 1):
        values = np.mean([np.roll(values, step, axis) for step in range(-reach, reach + 1)], axis=0)
    return np.asarray(values / values.std())
