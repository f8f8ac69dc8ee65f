"""Gradient ascent on pixels: grey and a little noise, forty steps along the gradient.

As in the notebook of Chollet, "Deep Learning with Python", 2017, section 5.4. There a channel that
is silent at its start ends in noise; here it is woken by a leaking gradient if possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.ascent import PIXELS
from layersight.nouns.patterns.methods.method import Context, Method, Start
from layersight.nouns.patterns.request import PatternOptions

GREY, NOISE = 128.0, 20.0
"""The start: grey plus uniform noise, in the numbers that the network sees."""

WHITE, BLOCK = 255.0, 8
"""Where a channel sleeps through that start: noise of every colour, then squares of them."""

DEVIATION = 0.1
"""The standard deviation of the picture that is shown, in 0..1."""


def _parameters(context: Context) -> dict[str, Any]:
    return {
        "parameters": PIXELS,
        "has_placements": False,
        "update": "normalised",
        "rate": context.options.rate,
        "outside": GREY,
    }


def _start(context: Context, facet: int, attempt: int) -> Start:
    if context.start is not None and not attempt:
        return {"pixels": context.start}
    chance = np.random.default_rng((context.options.seed, 0, facet, attempt))
    height, width = context.options.size
    if attempt < 2:
        noise = chance.random((height, width, context.channels), np.float32)
    else:
        coarse = chance.random(
            (-(-height // BLOCK), -(-width // BLOCK), context.channels), np.float32
        )
        noise = coarse.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]
    if attempt:
        return {"pixels": noise * np.float32(WHITE)}
    return {"pixels": noise * np.float32(NOISE) + np.float32(GREY)}


def show(canvas: FloatArray) -> Bytes:
    """Centred on grey, with a standard deviation of a tenth of the range, as bytes."""
    axes = tuple(range(1, canvas.ndim))
    values = canvas - canvas.mean(axes, keepdims=True)
    values /= values.std(axes, keepdims=True) + 1e-5
    shown: Bytes = (np.clip(values * DEVIATION + 0.5, 0, 1) * 255).astype(np.uint8)
    return shown


METHOD = Method(
    name="classic",
    order=20,
    says="The book's algorithm: pixels, forty steps along the normalised gradient.",
    defaults=PatternOptions("classic", steps=40, rate=1.0, jitter=0, zoom=0, turn=0, patience=0),
    parameters=_parameters,
    start=_start,
    placements=None,
    show=show,
    settles=False,
    free_side=150,
    takes_start=True,
    note="classic starts at grey 128 in the numbers that the network sees",
)
