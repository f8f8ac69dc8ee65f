"""A survey of the network of NumPy functions, and a channel of it."""

from __future__ import annotations

import functools

import numpy as np

import layersight
from fake_network import deep
from layersight.nouns.channel.result import Channel
from layersight.nouns.survey.result import Survey


@functools.cache
def result() -> Survey:
    """Over six pictures of noise."""
    draw = np.random.default_rng(4)
    pictures = [draw.random((8, 8, 3)).astype(np.float32) for _ in range(6)]
    return layersight.survey(deep(), pictures, top=3)


def channel() -> Channel:
    """Its first channel with maps, without a pattern."""
    return layersight.channel(deep(), "stem:0", survey=result(), pattern=False)
