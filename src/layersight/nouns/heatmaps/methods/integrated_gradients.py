"""Integrated gradients.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017: the gradient
averaged along the straight way from a baseline x' to the image x, times that way,

    (x_i - x'_i) int_0^1 d y / d x_i (x' + a (x - x')) da

summed over channels. The integral is the midpoint rule, at the middles of ``steps`` equal parts
of the way, so that neither end is used, where rectifiers of a black image stand on their kink.
The values sum to what the score gains from baseline to image (completeness). Where they miss it
by more than 1 %, that image's path is cut finer where the error arises, for as many gradients
again, eight times at most, and a note says so. The error can be found where it arises: between the
middles of two neighbours the score gains something, the two gradients say something else. The
parts where that differs most are cut in three, so that the old middle is a middle again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layersight.data.fields import Option
from layersight.nouns.heatmaps.baselines import baseline
from layersight.nouns.heatmaps.methods.method import NONE, Method, Request, Result
from layersight.nouns.heatmaps.passes import batches, gradients, numbers, read

Exact = NDArray[np.float64]


class AdaptivePath:
    """A path in parts, all of one length at first.

    Args:
        steps: How many parts.
        start: The score at its start.
        end: At its end.

    Attributes:
        places: Where a gradient is wanted next, each between 0 and 1.
        shares: What each of these gradients counts in the integral. Of a part that was cut the
            middle is asked for again, to take back what it counted too much.

    Example:
        >>> path = AdaptivePath(2, 0.0, 1.0)
        >>> path.places.tolist(), path.shares.tolist()
        ([0.25, 0.75], [0.5, 0.5])
        >>> path.take(0, 0.0, 0.0), path.take(1, 0.0, 0.0)
        (None, None)
        >>> path.cut(1)
        >>> path.places.round(3).tolist(), len(path)
        ([0.583, 0.75, 0.917], 4)
    """

    def __init__(self, steps: int, start: float, end: float) -> None:
        self._ends = start, end
        self._lengths = np.full(steps, 1 / steps)
        self._middles = (np.arange(steps) + 0.5) / steps
        self._scores = np.zeros(steps)
        self._gradients = np.zeros(steps)
        self._asked = np.arange(steps)
        self.shares = self._lengths

    def __len__(self) -> int:
        return len(self._middles)

    @property
    def places(self) -> Exact:
        """Where a gradient is wanted next."""
        return self._middles[self._asked]

    def take(self, number: int, score: float, gradient: float) -> None:
        """Notes the score at one of :attr:`places`, and how fast it grows there along the path."""
        part = self._asked[number]
        self._scores[part], self._gradients[part] = score, gradient

    def cut(self, count: int) -> None:
        """Cuts the parts in three that seem the most wrong, and asks for their middles."""
        worst = np.argsort(-self._doubts(), kind="stable")[:count]
        pieces = np.ones(len(self), int)
        pieces[worst] = 3
        of = np.repeat(np.arange(len(self)), pieces)
        within = np.concatenate([np.arange(piece) for piece in pieces])
        lengths = self._lengths[of] / pieces[of]
        self._asked = np.flatnonzero(pieces[of] == 3)
        again = within[self._asked] == 1
        self.shares = lengths[self._asked] - again * self._lengths[of][self._asked]
        self._middles = self._middles[of] + (within - (pieces[of] - 1) / 2) * lengths
        self._lengths = lengths
        self._scores, self._gradients = self._scores[of], self._gradients[of]

    def _doubts(self) -> Exact:
        """Of each part how far gradients and scores disagree towards both its neighbours."""
        halves = self._lengths * self._gradients / 2
        scores = np.concatenate([self._ends[:1], self._scores, self._ends[1:]])
        expected = np.concatenate([[0.0], halves]) + np.concatenate([halves, [0.0]])
        gaps = np.abs(np.diff(scores) - expected)
        found: Exact = gaps[:-1] + gaps[1:]
        return found


TOLERANCE = 0.01  # how far the sum may be from the gain in score, as a share of it

CUTS = 8
"""How often the way is cut finer at most; each time costs as many gradients as it had steps."""

ROUNDING = 1e-5
"""As a share of the scores, a gap that the numbers of a network cannot tell from none."""


def integrated_gradients(request: Request) -> Result:
    """``(image, *positions)`` in the size of the input, signed."""
    images, options, progress = request.images, request.options, request.progress
    nothing = baseline(images, options.baseline)
    path = images.pixels - nothing
    ends = np.stack([nothing, images.pixels])
    scores = np.zeros((2, len(images)))
    passes = batches(2, range(len(images)), request.batch_size)
    done, ahead = (
        0,
        len(passes) + len(batches(options.steps, range(len(images)), request.batch_size)),
    )
    for rows in passes:
        pixels = ends[rows.copies, rows.images]
        scores[rows.copies, rows.images] = read(request, rows, pixels)
        progress(done := done + 1, ahead)

    total = np.zeros(path.shape, np.float64)
    paths = [AdaptivePath(options.steps, *scores[:, image]) for image in range(len(images))]
    chosen = np.arange(len(images))
    for cut in range(CUTS + 1):
        passes = batches(len(paths[chosen[0]].places), chosen, request.batch_size)
        ahead = done + len(passes)
        for rows in passes:
            part = [paths[image].places[copy] for copy, image in rows.pairs()]
            shares = np.array(part, np.float32).reshape(-1, *(1 for _ in path.shape[1:]))
            pixels = nothing[rows.images] + shares * path[rows.images]
            reached, found = gradients(request, rows, pixels)
            scored = numbers(reached, "score").astype(np.float64)
            for (copy, image), score, gradient in zip(rows.pairs(), scored, found, strict=True):
                total[image] += paths[image].shares[copy] * gradient
                paths[image].take(copy, score, float(np.vdot(gradient, path[image])))
            progress(done := done + 1, ahead)
        maps = (path * total).sum(axis=-1)
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
    return Result(numbers(maps, "integral of the gradient"), notes)


def completeness(maps: NDArray[np.floating], scores: Exact, nothing: Exact) -> Exact:
    """How far the sum of each map is from what the score gains, as a share of the gain.

    0 also where the two differ by no more than the rounding of scores; infinite where something
    was given out although the score gains nothing.
    """
    gains = scores - nothing
    gaps = np.abs(maps.sum(axis=tuple(range(1, maps.ndim)), dtype=np.float64) - gains)
    gaps[gaps <= ROUNDING * (np.abs(scores) + np.abs(nothing))] = 0
    found: Exact = np.where(gaps > 0, np.inf, 0.0)
    np.divide(gaps, np.abs(gains), out=found, where=gains != 0)
    return found


def _note(asked: int, used: int, values: Exact, gain: float, off: bool) -> tuple[str, ...]:
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
    order=140,
    title="Integrated gradients",
    says="Splits what the score gains from a baseline to the image among the pixels.",
    assumes="That the baseline shows nothing, and that the straight way from it means something.",
    misleads=(
        "Pixels that look like the baseline get nothing, whatever they mean: on black, black ones."
    ),
    source="Sundararajan et al., ICML 2017",
    compute=integrated_gradients,
    passes=lambda options, size, channels: 3 * options.steps,
    layers=NONE,
    signed=True,
    uses=("baseline",),
    options=(
        Option("steps", 64, help="Integrated gradients: points on the path.", low=1, high=10_000),
    ),
)
