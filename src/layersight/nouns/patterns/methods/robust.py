"""Fourier coefficients, decorrelated colours, and a canvas that never holds still.

After Olah, Mordvintsev and Schubert, "Feature Visualization", Distill, 2017: it is shifted,
rescaled and rotated a little in every step, so that only what the channel responds to anywhere
remains.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.ascent import FOURIER
from layersight.nouns.patterns.methods.method import Context, Method, Start
from layersight.nouns.patterns.placements import of_step
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.spectrum import colours, pink

START = 0.01
"""The standard deviation of the coefficients of a start, as in Lucid."""

DAMPING = 0.25
"""What the coefficients are multiplied by before the sigmoid, as in Lucid."""


def _parameters(context: Context) -> dict[str, Any]:
    return {
        "parameters": FOURIER,
        "spectrum": pink(context.options.size, context.channels) * np.float32(DAMPING),
        "colours": colours(context.channels),
        "rate": context.options.rate,
    }


def _start(context: Context, facet: int, attempt: int) -> Start:
    height, width = context.options.size
    shape = (context.channels, height, width // 2 + 1)
    chance = np.random.default_rng((context.options.seed, 0, facet, attempt))
    spread = np.float32(START * 10**attempt)
    return {
        name: chance.standard_normal(shape, np.float32) * spread for name in ("real", "imaginary")
    }


def show(canvas: FloatArray) -> Bytes:
    """The canvas as bytes; it is an image in 0..1."""
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)


WARM, LONG, END = 8, 32, 0.1
"""The most steps until the full rate, the fewest over which it falls, and its final share."""


def pace(options: PatternOptions, step: int) -> float:
    """What the rate is multiplied by: a quick rise, then half a cosine down.

    In an optimisation of few steps both are shorter.
    """
    share = min(1.0, step / max(LONG, options.steps))
    fall = END + (1 - END) * 0.5 * (1 + math.cos(math.pi * share))
    warm = min(WARM, max(1, options.steps // 8))
    return min(1.0, (step + 1) / warm) * fall


METHOD = Method(
    name="robust",
    order=10,
    says="Lucid's recipe: Fourier coefficients, shifts, rescalings, rotations, Adam.",
    defaults=PatternOptions("robust"),
    parameters=_parameters,
    start=_start,
    placements=of_step,
    show=show,
    pace=pace,
)
