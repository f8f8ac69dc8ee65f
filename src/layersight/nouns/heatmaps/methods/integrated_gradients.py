"""Integrated gradients.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017: the gradient
averaged along the straight path from a baseline x' to the image x, times the length of the path,

    (x_i - x'_i) int_0^1 d y / d x_i (x' + a (x - x')) da

summed over channels. The integral uses the midpoint rule, at the middles of ``steps`` equal parts
of the path, which avoids the ends, where the rectifiers of a black image are at their kink. The
values sum to what the score gains from baseline to image (completeness). If they miss it by more
than 1 %, that image's path is refined where the error arises, for as many gradients again, at most
eight times, and a note says so. The error is located by comparing, between the middles of
neighbouring parts, the gain in score with what the two gradients predict. The parts where these
differ most are cut in three, so that the old middle is a middle again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.fields import Option
from layersight.nouns.heatmaps.baselines import baseline
from layersight.nouns.heatmaps.methods.method import NONE, Method, Request, Result
from layersight.nouns.heatmaps.passes import batches, pixel_gradients, read_scores, require_finite

Exact = NDArray[np.float64]


class AdaptivePath:
    """A path divided into parts, at first of equal length.

    Args:
        steps: How many parts.
        start: The score at the start of the path.
        end: The score at its end.

    Attributes:
        points: Where a gradient is needed next, each between 0 and 1.
        shares: The weight of each of these gradients in the integral. The middle of a part that was
            cut is requested again, with a negative weight that corrects its earlier one.

    Example:
        >>> path = AdaptivePath(2, 0.0, 1.0)
        >>> path.points.tolist(), path.shares.tolist()
        ([0.25, 0.75], [0.5, 0.5])
        >>> path.take(0, 0.0, 0.0), path.take(1, 0.0, 0.0)
        (None, None)
        >>> path.cut(1)
        >>> path.points.round(3).tolist(), len(path)
        ([0.583, 0.75, 0.917], 4)
    """

    def __init__(self, steps: int, start: float, end: float) -> None:
        self._ends = start, end
        self._lengths = np.full(steps, 1 / steps)
        self._middles = (np.arange(steps) + 0.5) / steps
        self._scores = np.zeros(steps)
        self._gradients = np.zeros(steps)
        self._requested = np.arange(steps)
        self.shares = self._lengths

    def __len__(self) -> int:
        return len(self._middles)

    @property
    def points(self) -> Exact:
        """Where a gradient is needed next."""
        return self._middles[self._requested]

    def take(self, number: int, score: float, gradient: float) -> None:
        """Records the score at one of :attr:`points`, and its derivative along the path."""
        part = self._requested[number]
        self._scores[part], self._gradients[part] = score, gradient

    def cut(self, count: int) -> None:
        """Cuts the parts with the largest estimated error in three, and requests their middles."""
        worst = np.argsort(-self._estimate_errors(), kind="stable")[:count]
        pieces = np.ones(len(self), int)
        pieces[worst] = 3
        parent = np.repeat(np.arange(len(self)), pieces)
        piece = np.concatenate([np.arange(count) for count in pieces])
        lengths = self._lengths[parent] / pieces[parent]
        self._requested = np.flatnonzero(pieces[parent] == 3)
        repeated = piece[self._requested] == 1
        self.shares = lengths[self._requested] - repeated * self._lengths[parent][self._requested]
        self._middles = self._middles[parent] + (piece - (pieces[parent] - 1) / 2) * lengths
        self._lengths = lengths
        self._scores, self._gradients = self._scores[parent], self._gradients[parent]

    def _estimate_errors(self) -> Exact:
        """How far gradients and scores disagree between each part and both its neighbours."""
        halves = self._lengths * self._gradients / 2
        scores = np.concatenate([self._ends[:1], self._scores, self._ends[1:]])
        expected = np.concatenate([[0.0], halves]) + np.concatenate([halves, [0.0]])
        gaps = np.abs(np.diff(scores) - expected)
        errors: Exact = gaps[:-1] + gaps[1:]
        return errors


TOLERANCE = 0.01  # of the difference between the sum and the gain in score, as a share of the gain

CUTS = 8
"""How often a path is refined at most; each time costs as many gradients as it had steps."""

ROUNDING = 1e-5
"""The gap, as a share of the scores, that rounding can explain."""


def integrated_gradients(request: Request) -> Result:
    """``(image, *positions)`` in the size of the input, signed."""
    images, options, progress = request.images, request.options, request.progress
    nothing = baseline(images, options.baseline)
    path = images.pixels - nothing
    ends = np.stack([nothing, images.pixels])
    scores = np.zeros((2, len(images)))
    passes = batches(2, range(len(images)), request.batch_size)
    done = 0
    total = len(passes) + len(batches(options.steps, range(len(images)), request.batch_size))
    for rows in passes:
        pixels = ends[rows.copies, rows.images]
        scores[rows.copies, rows.images] = read_scores(request, rows, pixels)
        progress(done := done + 1, total)

    integral = np.zeros(path.shape, np.float64)
    paths = [AdaptivePath(options.steps, *scores[:, image]) for image in range(len(images))]
    chosen = np.arange(len(images))
    for cut in range(CUTS + 1):
        passes = batches(len(paths[chosen[0]].points), chosen, request.batch_size)
        total = done + len(passes)
        for rows in passes:
            points = [paths[image].points[copy] for copy, image in rows.pairs()]
            shares = np.array(points, np.float32).reshape(-1, *(1 for _ in path.shape[1:]))
            pixels = nothing[rows.images] + shares * path[rows.images]
            unchecked, slopes = pixel_gradients(request, rows, pixels)
            finite = require_finite(unchecked, "score").astype(np.float64)
            for (copy, image), score, gradient in zip(rows.pairs(), finite, slopes, strict=True):
                integral[image] += paths[image].shares[copy] * gradient
                paths[image].take(copy, score, float(np.vdot(gradient, path[image])))
            progress(done := done + 1, total)
        maps = (path * integral).sum(axis=-1)
        off = completeness(maps, scores[1], scores[0]) > TOLERANCE
        chosen = np.flatnonzero(off)
        if cut == CUTS or not len(chosen):
            break
        for image in chosen.tolist():
            paths[image].cut(max(1, options.steps // 3))
    gains = scores[1] - scores[0]
    notes = tuple(
        _note(options.steps, len(one), maps[image], gains[image], bool(off[image]))
        for image, one in enumerate(paths)
    )
    return Result(require_finite(maps, "integral of the gradient"), notes)


def completeness(maps: NDArray[np.floating], scores: Exact, nothing: Exact) -> Exact:
    """The difference between the sum of each map and the gain in score, as a share of the gain.

    0 also where the two differ by no more than the rounding of scores; infinite where the map is
    not 0 although the score gains nothing.
    """
    gains = scores - nothing
    gaps = np.abs(maps.sum(axis=tuple(range(1, maps.ndim)), dtype=np.float64) - gains)
    gaps[gaps <= ROUNDING * (np.abs(scores) + np.abs(nothing))] = 0
    shares: Exact = np.where(gaps > 0, np.inf, 0.0)
    np.divide(gaps, np.abs(gains), out=shares, where=gains != 0)
    return shares


def _note(steps: int, used: int, values: Exact, gain: float, off: bool) -> tuple[str, ...]:
    """A note on the integral of one image, if its path was refined."""
    if used == steps:
        return ()
    total = values.sum(dtype=np.float64)
    if off:
        return (
            f"the values sum to {total:.4g}, not to the {gain:.4g} that the score gains from "
            f"the baseline, even with {used} points on the path",
        )
    return (f"{used} points on the path instead of {steps}, for the values to sum to the score",)


METHOD = Method(
    name="integrated-gradients",
    order=140,
    title="Integrated gradients",
    says="Splits what the score gains from a baseline to the image among the pixels.",
    assumes="That the baseline shows nothing, and that the straight path from it means something.",
    misleads=(
        "Pixels that look like the baseline get nothing, whatever they mean: on black, black ones."
    ),
    source="Sundararajan et al., ICML 2017",
    compute=integrated_gradients,
    passes=lambda options, images, channels: 3 * options.steps,
    layers=NONE,
    signed=True,
    uses=("baseline",),
    options=(
        Option("steps", 64, help="Integrated gradients: points on the path.", low=1, high=10_000),
    ),
)
