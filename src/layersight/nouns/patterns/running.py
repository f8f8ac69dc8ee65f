"""One optimisation and its judgement: the patterns whose objectives look at the same layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import PHASE, PIXELS, Ascent, Optimisation
from layersight.data.model import LayerInfo, ModelInfo
from layersight.errors import ModelInputError
from layersight.model import Optimisable
from layersight.nouns.patterns.asking import weights_of
from layersight.nouns.patterns.canvas import Natural, canvases_of, choose_batch
from layersight.nouns.patterns.methods.method import Context, Method
from layersight.nouns.patterns.optimiser import OptimisedPattern, Optimiser
from layersight.nouns.patterns.placements import unseen, whole
from layersight.nouns.patterns.result import SAME, Objective

Found = Sequence[FloatArray]


@dataclass(frozen=True, eq=False, slots=True)
class RatedPattern:
    """A pattern that is done, and what it is worth."""

    objective: Objective  # what it maximises
    optimised: OptimisedPattern  # the pattern
    value: FloatArray  # what the network sees, (height, width, channel)
    activation: float  # the objective that it reached
    start_activation: float  # that of its start
    robustness: float  # the share that is left under placements that no step has seen
    # about how much of the picture the channel answers to, 0..1; not a number where that is not
    # known, or where only the middle is maximised
    coverage: float
    # median, 99th percentile and greatest over natural images, and the place of the pattern among
    # them in percent; None without any
    natural: FloatArray | None
    # (height, width), how much the gradient minded each pixel, 0..1; None for methods without
    transparency: FloatArray | None

    @property
    def dead(self) -> bool:
        """Whether nothing could move the channel, no natural image either."""
        if self.optimised.awake or self.natural is None:
            return not self.optimised.awake
        return math.isclose(float(self.natural[2]), self.activation, rel_tol=SAME, abs_tol=1e-12)


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
) -> list[RatedPattern]:
    """Makes the patterns of some objectives of the same probes, and judges them.

    Not all of them after Ctrl-C, which ends it early. ``frames`` are the steps before which what is
    shown of a pattern is kept; ``movable`` is whether shifts and rescalings of the canvas mean
    something.
    """
    known = {layer.name: layer.channels or 0 for layer in info.layers}
    widths = [known[probe.layer] for probe in ascent.probes]
    weights = [weights_of(objective, ascent.probes, widths) for objective in objectives]
    ascent = replace(ascent, batch=choose_batch(model, ascent, len(objectives), batch_size))
    begun = model.ascend(ascent)
    cover = _make_cover(model, info, ascent) if movable else lambda active: math.nan
    judge = _Judge(begun, ascent, objectives, weights, natural, cover, movable=movable)

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
                found |= judge.rate(waiting)
                waiting.clear()
    except KeyboardInterrupt:
        waiting = [entry for entry in waiting if entry.number not in found]
    if waiting:
        found |= judge.rate(waiting)
    return [found[number] for number in sorted(found)]


class _Judge:
    """Measures what patterns are worth, by the layers of their ascent."""

    def __init__(
        self,
        begun: Optimisation,
        ascent: Ascent,
        objectives: Sequence[Objective],
        weights: Sequence[Found],
        natural: Natural | None,
        cover: Callable[[Found], float],
        *,
        movable: bool,
    ) -> None:
        self._begun, self._ascent, self._cover = begun, ascent, cover
        self._objectives, self._weights = objectives, weights
        self._still = whole(ascent.size)
        self._views = unseen(ascent.size) if movable else ()
        self._starts: dict[Hashable, Found] = {}
        self._natural = None
        if natural is not None:
            self._natural = self._all(canvases_of(natural, ascent.parameters))

    def rate(self, optimised: Sequence[OptimisedPattern]) -> dict[int, RatedPattern]:
        """Patterns by their numbers, as many as a batch holds at most."""
        numbers = [entry.number for entry in optimised]
        own = [self._weights[number] for number in numbers]
        canvases = [entry.canvas for entry in optimised]
        reached = self._values(canvases, own, self._still)
        starts = self._start_values(optimised, own)
        views = [self._values(canvases, own, view) for view in self._views]
        kept = np.asarray(np.mean(views, 0), np.float32) if views else np.full_like(reached, np.nan)
        active = zip(*self._pass(self._begun.active, canvases, self._still), strict=True)
        natural = None if self._natural is None else ranks(self._natural[:, numbers], reached)
        found = {}
        for index, (entry, shares) in enumerate(zip(optimised, active, strict=True)):
            activation = float(reached[index])
            positive = entry.awake and activation > 0
            weighed = zip(shares, own[index], strict=True)
            found[entry.number] = RatedPattern(
                self._objectives[entry.number],
                entry,
                self._seen(entry.canvas),
                activation,
                float(starts[index]),
                float(kept[index] / reached[index]) if positive else math.nan,
                self._cover([share[weight != 0] for share, weight in weighed]),
                None if natural is None else natural[index],
                self._transparency(entry.attention),
            )
        return found

    def _values(
        self, canvases: Sequence[FloatArray], weights: Sequence[Found], view: FloatArray
    ) -> FloatArray:
        """The objective of each canvas, ``(canvas,)``."""
        found = self._pass(self._begun.measure, canvases, view)
        parts = [
            np.sum(output * np.stack([own[probe] for own in weights]), -1)
            for probe, output in enumerate(found)
        ]
        return np.asarray(np.sum(parts, 0), np.float32)

    def _start_values(
        self, optimised: Sequence[OptimisedPattern], weights: Sequence[Found]
    ) -> FloatArray:
        """The objectives of starts; the start of a facet and an attempt is measured once."""
        keys = [(self._objectives[entry.number].facet, entry.attempt) for entry in optimised]
        pairs = zip(keys, optimised, strict=True)
        new = {key: entry.start for key, entry in pairs if key not in self._starts}
        if new:
            found = self._pass(self._begun.measure, [*new.values()], self._still)
            self._starts.update(zip(new, zip(*found, strict=True), strict=True))
        totals = [
            sum(float(np.sum(output * weight)) for output, weight in zip(known, own, strict=True))
            for known, own in zip(map(self._starts.__getitem__, keys), weights, strict=True)
        ]
        return np.array(totals, np.float32)

    def _all(self, canvases: Sequence[FloatArray]) -> FloatArray:
        """Every objective of every canvas, ``(canvas, objective)``."""
        size = self._ascent.batch
        found: list[FloatArray] = []
        for start in range(0, len(canvases), size):
            part = canvases[start : start + size]
            outputs = self._pass(self._begun.measure, part, self._still)
            parts = [
                output @ np.stack([own[probe] for own in self._weights]).T
                for probe, output in enumerate(outputs)
            ]
            found.append(np.sum(parts, 0))
        return np.concatenate(found)

    def _pass(
        self,
        find: Callable[[FloatArray, FloatArray], Found],
        canvases: Sequence[FloatArray],
        view: FloatArray,
    ) -> list[FloatArray]:
        """What is found of canvases for each probe; the batch is filled up with the last."""
        lacking = self._ascent.batch - len(canvases)
        filled = np.stack([*canvases, *[canvases[-1]] * lacking])
        return [output[: len(canvases)] for output in find(filled, view)]

    def _seen(self, canvas: FloatArray) -> FloatArray:
        """What the network sees of a canvas, ``(height, width, channel)``."""
        ascent = self._ascent
        if ascent.parameters == PIXELS:
            return canvas
        ordered = canvas[..., ::-1] if ascent.flip else canvas
        return np.asarray(ordered * ascent.gain + ascent.shift, np.float32)

    def _transparency(self, attention: FloatArray) -> FloatArray | None:
        """The sum over all steps, clipped at its 99th percentile, as in arXiv 2306.06805."""
        if self._ascent.parameters != PHASE:
            return None
        top = float(np.percentile(attention, 99)) or 1.0
        return np.asarray(np.clip(attention / np.float32(top), 0, 1))


def _make_cover(model: Optimisable, info: ModelInfo, ascent: Ascent) -> Callable[[Found], float]:
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

    def cover(active: Found) -> float:
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


def covered(
    layer: LayerInfo, active: Sequence[float], size: tuple[int, int], described: tuple[int, int]
) -> float:
    """About how much of a picture a channel answers to, 0..1.

    What the rows and the columns with active positions, so large shares of all, see as if they lay
    side by side in a picture of ``size``; the layer's shape is known for the size ``described``.
    Not a number where positions are none of a picture, or what they see is not known.

    Example:
        >>> layer = LayerInfo("conv", "Conv2D", (None, 9, 9, 64), receptive_field=(18, 18))
        >>> round(covered(layer, (1 / 9, 1 / 9), (50, 50), (50, 50)), 2)
        0.13
        >>> covered(layer, (1.0, 1.0), (100, 100), (50, 50))
        1.0
    """
    sides, field = (layer.example_shape or (None,))[:-1], layer.receptive_field
    if len(sides) != 2 or field is None or len(field) != 2:
        return math.nan
    found = 1.0
    for own, share, side, canvas, known in zip(field, active, sides, size, described, strict=True):
        if not side:
            return math.nan
        stride = known / side
        count = share * canvas / stride
        found *= min(1.0, (own + stride * (count - 1)) / canvas) if share else 0.0
    return found


def ranks(natural: FloatArray, reached: FloatArray) -> FloatArray:
    """What natural images, ``(image, pattern)``, reach, and where patterns lie among them.

    ``(pattern, 4)``: median, 99th percentile and greatest, and the share of natural images that
    reach no more, in percent.
    """
    marks = [np.median(natural, 0), np.percentile(natural, 99, 0), natural.max(0)]
    return np.stack([*marks, 100 * np.mean(natural <= reached, 0)], -1).astype(np.float32)
