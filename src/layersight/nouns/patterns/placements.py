"""Where on the canvas the network looks in each step: shifts, rescalings, rotations, crops.

The rule of this module: placements follow from the seed and the number of the step alone, so that
it does not matter which other patterns are made in the same batch.
"""

from __future__ import annotations

import math

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.nouns.patterns.request import PatternOptions

UNSEEN = 12
"""How many placements a finished pattern is rated by."""


def placement(
    size: tuple[int, int], shift: tuple[float, float], zoom: float, degrees: float
) -> FloatArray:
    """The affine map from a pixel that the network sees to its position on the canvas, ``(2, 3)``.

    The shift goes down and to the right; ``zoom`` is how many times as large the canvas is seen.

    Example:
        >>> placement((4, 4), (1.0, 0.0), 1.0, 0.0).tolist()
        [[1.0, 0.0, 1.0], [-0.0, 1.0, 0.0]]
    """
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turn /= zoom
    offset = middle - turn @ middle + np.array(shift)
    return np.concatenate([turn, offset[:, None]], 1).astype(np.float32)


def identity(size: tuple[int, int]) -> FloatArray:
    """The placement that shows the canvas as it is, ``(2, 3)``."""
    return placement(size, (0.0, 0.0), 1.0, 0.0)


def of_step(options: PatternOptions, step: int) -> FloatArray:
    """The placements of one step of :data:`robust`, ``(1, 2, 3)``."""
    chance = np.random.default_rng((options.seed, 1, step))
    shift = chance.uniform(-options.jitter, options.jitter, 2)
    zoom = 1 + options.zoom * chance.uniform(-1, 1)
    degrees = options.turn * chance.uniform(-1, 1)
    return placement(options.size, (shift[0], shift[1]), zoom, degrees)[None]


def crops_of_step(options: PatternOptions, step: int, count: int) -> FloatArray:
    """The crops of one step of MACO, each seen at the size of the canvas, ``(count, 2, 3)``.

    As in arXiv 2306.06805: sides around a quarter of the canvas, centres around its middle.
    """
    chance = np.random.default_rng((options.seed, 2, step))
    crops = []
    for _ in range(count):
        side = float(np.clip(chance.normal(0.25, 0.1), 0.05, 1.0))
        spread = np.array(options.size) * 0.15
        shift = np.clip(chance.normal(0, spread), -(1 - side) / 2 * np.array(options.size), None)
        shift = np.minimum(shift, (1 - side) / 2 * np.array(options.size))
        crops.append(placement(options.size, (shift[0], shift[1]), 1 / side, 0.0))
    return np.stack(crops)


def unseen(size: tuple[int, int]) -> FloatArray:
    """The shifts and rescalings that patterns are rated by, ``(UNSEEN, 2, 3)``.

    Shifts up to a sixteenth of the canvas and rescalings from 0.9 to 1.1, from a fixed seed.
    """
    chance = np.random.default_rng(20_170_507)
    views = []
    for _ in range(UNSEEN):
        shift = chance.uniform(-1, 1, 2) * np.array(size) / 16
        views.append(placement(size, (shift[0], shift[1]), chance.uniform(0.9, 1.1), 0.0))
    return np.stack(views)
