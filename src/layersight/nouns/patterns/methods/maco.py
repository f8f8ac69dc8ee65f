"""MACO: the magnitudes of the spectrum are those of natural images, only the phases are optimised.

After Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
Optimization", arXiv 2306.06805. The gradients of all steps become a transparency mask.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layersight.data.ascent import PHASE
from layersight.nouns.patterns.methods.method import Context, Method, Start
from layersight.nouns.patterns.methods.robust import show
from layersight.nouns.patterns.placements import crops_of_step
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.spectrum import colours, pink

CROPS = 8
"""How many crops of the canvas the network sees in a step."""


def _parameters(context: Context) -> dict[str, Any]:
    spectrum = context.spectrum
    if spectrum is None:
        spectrum = pink(context.options.size, context.channels)
    return {
        "parameters": PHASE,
        "spectrum": spectrum,
        "colours": colours(context.channels),
        "rate": context.options.rate,
        "views": CROPS,
    }


def _start(context: Context, facet: int, attempt: int) -> Start:
    height, width = context.options.size
    chance = np.random.default_rng((context.options.seed, 0, facet, attempt))
    shape = (context.channels, height, width // 2 + 1)
    return {"phase": chance.uniform(-math.pi, math.pi, shape).astype(np.float32)}


METHOD = Method(
    name="maco",
    order=30,
    says="Fixed magnitudes of natural images, optimised phases; with a transparency mask.",
    defaults=PatternOptions("maco", steps=128, rate=0.5, jitter=0, zoom=0, turn=0, patience=0),
    parameters=_parameters,
    start=_start,
    placements=lambda options, step: crops_of_step(options, step, CROPS),
    show=show,
    settles=False,
    takes_spectrum=True,
)
