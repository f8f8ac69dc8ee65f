"""Integrated gradients.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017: the gradient
averaged along the straight way from a baseline x' to the image x, times that way,

    (x_i - x'_i) int_0^1 d y / d x_i (x' + a (x - x')) da

summed over channels. The integral is the midpoint rule, at the middles of ``steps`` equal parts
of the way, so that neither end is used, where rectifiers of a black image stand on their kink.
The values sum to what the score gains from baseline to image (completeness). Where they miss it
by more than 1 %, that image's points are trebled, twice at most (the middles of thirds include
the old middles, so that nothing is done twice), and a note tells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convlens.heat import HeatmapOptions
from convlens.model import Readable
from convlens.readout import Goal
from convlens.verbs.attribution.baselines import baseline
from convlens.verbs.attribution.copies import batches, numbers, read, slopes
from convlens.verbs.attribution.method import NONE, Found, Images, Method, Progress

TOLERANCE = 0.01
"""How far the sum may be from the gain in score, as a share of it."""

TREBLINGS = 2
"""How often the points are trebled at most."""

ROUNDING = 1e-5
"""As a share of the scores, a gap that the numbers of a network cannot tell from none."""

Exact = NDArray[np.float64]


def integrated_gradients(
    model: Readable,
    images: Images,
    *,
    target: Goal,
    layers: Sequence[str],
    options: HeatmapOptions,
    batch_size: int,
    progress: Progress,
) -> Found:
    """``(image, height, width)`` in the size of the input, signed."""
    nothing = baseline(images, options.baseline)
    way = images.pixels - nothing
    ends = np.stack([nothing, images.pixels])
    scores = np.zeros((2, len(images)))
    passes = batches(2, range(len(images)), batch_size)
    done, ahead = 0, len(passes) + len(batches(options.steps, range(len(images)), batch_size))
    for rows in passes:
        pixels = ends[rows.copies, rows.images]
        scores[rows.copies, rows.images] = read(model, images, rows, pixels, target)
        progress(done := done + 1, ahead)

    total = np.zeros(way.shape, np.float64)
    maps = np.zeros(way.shape[:3], np.float64)
    used = np.zeros(len(images), int)
    steps, chosen = options.steps, np.arange(len(images))
    for trebling in range(TREBLINGS + 1):
        points = middles(steps, old=trebling > 0)
        passes = batches(len(points), chosen, batch_size)
        ahead = done + len(passes)
        for rows in passes:
            part = points[rows.copies, None, None, None].astype(np.float32)
            pixels = nothing[rows.images] + part * way[rows.images]
            found = slopes(model, images, rows, pixels, target)
            for image, slope in zip(rows.images, found, strict=True):
                total[image] += slope
            progress(done := done + 1, ahead)
        used[chosen] = steps
        for image in chosen:
            maps[image] = (way[image] * (total[image] / steps)).sum(axis=-1)
        off = completeness(maps, scores[1], scores[0])
        chosen = chosen[off[chosen] > TOLERANCE]
        if not len(chosen):
            break
        steps *= 3
    gains = scores[1] - scores[0]
    notes = tuple(
        _told(options.steps, int(used[image]), maps[image], gains[image], image in chosen)
        for image in range(len(images))
    )
    return Found(numbers(maps, "integral of the gradient"), notes)


def middles(steps: int, *, old: bool = False) -> Exact:
    """The middles of equal parts of the way from 0 to 1.

    Args:
        steps: How many parts.
        old: Leave out those that are also the middles of a third as many parts.

    Example:
        >>> middles(2).tolist()
        [0.25, 0.75]
    """
    places = np.arange(steps)
    if old:
        places = places[places % 3 != 1]
    return (places + 0.5) / steps


def completeness(maps: NDArray[np.floating], scores: Exact, nothing: Exact) -> Exact:
    """How far the sum of each map is from what the score gains, as a share of the gain.

    Args:
        maps: ``(image, height, width)``.
        scores: ``(image,)``: of the images.
        nothing: ``(image,)``: of their baselines.

    Returns:
        ``(image,)``: 0 also where the two differ by no more than the rounding of scores;
        infinite where something was given out although the score gains nothing.
    """
    gains = scores - nothing
    gaps = np.abs(maps.sum(axis=(1, 2), dtype=np.float64) - gains)
    gaps[gaps <= ROUNDING * (np.abs(scores) + np.abs(nothing))] = 0
    found: Exact = np.where(gaps > 0, np.inf, 0.0)
    np.divide(gaps, np.abs(gains), out=found, where=gains != 0)
    return found


def _told(asked: int, used: int, values: Exact, gain: float, off: bool) -> tuple[str, ...]:
    """What a reader should know of the integral of one image."""
    if used == asked:
        return ()
    total = values.sum(dtype=np.float64)
    if off:
        return (
            f"the values sum to {total:.4g}, not to the {gain:.4g} that the score gains from "
            f"the baseline, even with {used} points on the way",
        )
    return (f"{used} points on the way instead of {asked}, for the values to sum to the score",)


METHOD = Method(
    name="integrated-gradients",
    title="Integrated gradients",
    says="Splits what the score gains from a baseline to the image among the pixels.",
    assumes="That the baseline shows nothing, and that the straight way from it means something.",
    misleads=(
        "Pixels that look like the baseline get nothing, whatever they mean: on black, black ones."
    ),
    source="Sundararajan et al., ICML 2017",
    compute=integrated_gradients,
    layers=NONE,
    signed=True,
    uses=("baseline", "steps"),
)
