"""One optimisation and its judgement: the patterns whose objectives look at the same layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import PHASE, PIXELS, Ascent, Optimisation
from layersight.data.model import ModelInfo
from layersight.errors import ModelInputError
from layersight.model import Optimisable
from layersight.nouns.patterns.asking import weights_of
from layersight.nouns.patterns.canvas import Natural, choose_batch
from layersight.nouns.patterns.judging import Judge, covered, percentiles
from layersight.nouns.patterns.methods.method import Context, Method
from layersight.nouns.patterns.optimiser import OptimisedPattern, Optimiser
from layersight.nouns.patterns.result import SAME, Objective


@dataclass(frozen=True, eq=False, slots=True)
class RatedPattern:
    """A pattern that is done, and what it is worth.

    Attributes:
        optimised: The pattern.
        value: What the network sees, ``(height, width, channel)``.
        activation: The objective that it reached.
        start_activation: That of its start.
        robustness: The share that is left under placements that no step has seen.
        coverage: About how much of the picture the channel answers to, 0..1; not a number where
            that is not known, or where only the middle is maximised.
        natural: Median, 99th percentile and greatest over natural images, and the place of
            the pattern among them in percent; ``None`` without any.
        transparency: ``(height, width)``, how much the gradient minded each pixel, 0..1;
            ``None`` for methods without.
    """

    optimised: OptimisedPattern
    value: FloatArray
    activation: float
    start_activation: float
    robustness: float
    coverage: float
    natural: tuple[float, float, float, float] | None
    transparency: FloatArray | None

    @property
    def dead(self) -> bool:
        """Whether nothing could move the channel, no natural image either."""
        if self.optimised.awake or self.natural is None:
            return not self.optimised.awake
        return math.isclose(self.natural[2], self.activation, rel_tol=SAME, abs_tol=1e-12)


def run(
    model: Optimisable,
    info: ModelInfo,
    ascent: Ascent,
    method: Method,
    context: Context,
    objectives: Sequence[Objective],
    natural: Natural | None,
    *,
    batch_size: int | None = None,
    frames: Sequence[int] = (),
    progress: Callable[[int, int], None] | None = None,
    movable: bool = True,
) -> dict[int, RatedPattern]:
    """Makes the patterns of some objectives and judges them.

    Args:
        model: The model.
        info: What is known of it.
        ascent: What is optimised, of any batch.
        method: How.
        context: What the method builds on.
        objectives: All of the same probes.
        natural: Natural images to compare with.
        batch_size: How many are optimised together at most.
        frames: Before which steps what is shown of a pattern is kept.
        progress: Called after every step with the steps done and all there are.
        movable: Whether shifts and rescalings of the canvas mean something.

    Returns:
        The patterns by their place in ``objectives``; not all of them after an interruption
        (Ctrl-C), which ends it early.
    """
    known = {layer.name: layer.channels or 0 for layer in info.layers}
    widths = [known[probe.layer] for probe in ascent.probes]
    weights = [weights_of(objective, ascent.probes, widths) for objective in objectives]
    ascent = replace(ascent, batch=choose_batch(model, ascent, len(objectives), batch_size))
    begun = model.ascend(ascent)
    judge = Judge(begun, ascent, movable=movable)
    cover = _make_cover(model, info, ascent) if movable else _unknown_cover
    compared = None
    if natural is not None:
        compared = judge.all(natural.canvases(ascent.parameters), weights)

    def make(begun: Optimisation, ascent: Ascent) -> Optimiser:
        return Optimiser(begun, ascent, method, context, objectives, weights, frames, progress)

    def optimise() -> Iterator[OptimisedPattern]:
        optimiser = make(begun, ascent)
        silent = optimiser.find_silent() if len(objectives) > ascent.batch else ()
        yield from optimiser.run(last=silent)
        if optimiser.asleep:
            count = choose_batch(model, ascent, len(optimiser.asleep), batch_size)
            fewer = replace(ascent, batch=count, deep=True)
            yield from make(model.ascend(fewer), fewer).wake(optimiser.asleep)

    found: dict[int, RatedPattern] = {}
    waiting: list[OptimisedPattern] = []
    try:
        for optimised in optimise():
            waiting.append(optimised)
            if len(waiting) >= ascent.batch:
                for rated in _judge(waiting, ascent, judge, cover, objectives, weights, compared):
                    found[rated.optimised.number] = rated
                waiting.clear()
    except KeyboardInterrupt:
        waiting = [entry for entry in waiting if entry.number not in found]
    if waiting:
        for rated in _judge(waiting, ascent, judge, cover, objectives, weights, compared):
            found[rated.optimised.number] = rated
    return found


def _judge(
    optimised: Sequence[OptimisedPattern],
    ascent: Ascent,
    judge: Judge,
    cover: Callable[[Sequence[FloatArray]], float],
    objectives: Sequence[Objective],
    weights: Sequence[Sequence[FloatArray]],
    compared: FloatArray | None,
) -> list[RatedPattern]:
    own = [weights[entry.number] for entry in optimised]
    canvases = [entry.canvas for entry in optimised]
    reached = judge.values(canvases, own)
    keys = [(objectives[entry.number].facet, entry.attempt) for entry in optimised]
    starts = judge.starts(keys, [entry.start for entry in optimised], own)
    kept = judge.kept(canvases, own)
    active = judge.active(canvases, own)
    found = []
    for place, entry in enumerate(optimised):
        natural = None
        if compared is not None:
            marks, share = percentiles(compared[:, [entry.number]], reached[place : place + 1])
            middle, high, most = (float(mark) for mark in marks[0])
            natural = (middle, high, most, float(share[0]))
        positive = entry.awake and reached[place] > 0
        found.append(
            RatedPattern(
                entry,
                seen(ascent, entry.canvas),
                float(reached[place]),
                float(starts[place]),
                float(kept[place] / reached[place]) if positive else float("nan"),
                cover(active[place]),
                natural,
                transparency(ascent, entry),
            )
        )
    return found


def _unknown_cover(active: Sequence[FloatArray]) -> float:
    """Of signals and frames, which lie on the canvas of a picture."""
    return math.nan


def _make_cover(
    model: Optimisable, info: ModelInfo, ascent: Ascent
) -> Callable[[Sequence[FloatArray]], float]:
    """What tells of the active shares of an objective's channels how much of a picture it is."""
    shapes = {name: array.shape for name, array in ascent.constants.items()}
    shapes[ascent.input] = (1, *ascent.size, ascent.channels)
    described = ascent.size
    try:
        info = model.describe(shapes)
    except ModelInputError:  # its head takes one size alone; the layers before it take any
        (entry,) = (one for one in info.inputs if one.name == ascent.input)
        height, width = entry.size
        described = height or ascent.size[0], width or ascent.size[1]
    layers = {layer.name: layer for layer in info.layers}

    def cover(active: Sequence[FloatArray]) -> float:
        """Of several layers the most; not a number where only the middle is maximised."""
        found = [
            covered(layers[probe.layer], shares.max(0).tolist(), ascent.size, described)
            if probe.where == "mean"
            else math.nan
            for probe, shares in zip(ascent.probes, active, strict=True)
            if shares.size
        ]
        return math.nan if any(map(math.isnan, found)) else max(found, default=math.nan)

    return cover


def seen(ascent: Ascent, canvas: FloatArray) -> FloatArray:
    """What the network sees of a canvas, ``(height, width, channel)``."""
    if ascent.parameters == PIXELS:
        return canvas
    ordered = canvas[..., ::-1] if ascent.flip else canvas
    return np.asarray(ordered * ascent.gain + ascent.shift, np.float32)


def transparency(ascent: Ascent, optimised: OptimisedPattern) -> FloatArray | None:
    """How much the gradient minded each pixel, 0..1; ``None`` for methods without.

    As in arXiv 2306.06805: the sum over all steps, clipped at its 99th percentile.
    """
    if ascent.parameters != PHASE:
        return None
    top = float(np.percentile(optimised.attention, 99)) or 1.0
    mask: FloatArray = np.clip(optimised.attention / np.float32(top), 0, 1)
    return mask
