"""One optimisation and its rating: the patterns whose objectives measure the same layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import PHASE, PIXELS, Ascent, Optimisation
from layersight.data.model import LayerInfo, ModelInfo
from layersight.errors import ModelInputError
from layersight.model import Optimisable
from layersight.nouns.patterns.canvas import NaturalImages, choose_batch
from layersight.nouns.patterns.methods.method import Context, Method
from layersight.nouns.patterns.objectives import weights_of
from layersight.nouns.patterns.optimiser import OptimisedPattern, Optimiser
from layersight.nouns.patterns.placements import identity, unseen
from layersight.nouns.patterns.result import SAME, Objective

Arrays = Sequence[FloatArray]  # one for each probe


@dataclass(frozen=True, eq=False, slots=True)
class RatedPattern:
    """A finished pattern with its measures."""

    objective: Objective  # what it maximises
    optimised: OptimisedPattern  # the pattern
    value: FloatArray  # what the network sees, (height, width, channel)
    activation: float  # the objective that it reached
    start_activation: float  # that of its start
    robustness: float  # the share that is left under placements that no step has used
    # about how much of the picture the channel answers to, 0..1; not a number where that is not
    # known, or where only the middle is maximised
    coverage: float
    # median, 99th percentile and greatest over natural images, and the percentile of the pattern
    # among them; None without any
    natural: FloatArray | None
    # (height, width), how much the objective depended on each pixel, 0..1; None for methods without
    transparency: FloatArray | None

    @property
    def dead(self) -> bool:
        """Whether nothing could wake the channel, not even a natural image."""
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
    natural: NaturalImages | None,
    *,
    batch_size: int | None = None,
    frames: Sequence[int] = (),
    progress: Callable[[int, int], None] | None = None,
    movable: bool = True,
) -> list[RatedPattern]:
    """Makes the patterns of some objectives with the same probes, and rates them.

    Ctrl-C ends it early, with those that are finished. ``frames`` are the steps before which a
    picture of the pattern is kept; ``movable`` is whether the canvas can be shifted and rescaled.
    """
    channels = {layer.name: layer.channels or 0 for layer in info.layers}
    widths = [channels[probe.layer] for probe in ascent.probes]
    weights = [weights_of(objective, ascent.probes, widths) for objective in objectives]
    ascent = replace(ascent, batch=choose_batch(model, ascent, len(objectives), batch_size))
    optimisation = model.ascend(ascent)
    cover = _make_cover(model, info, ascent) if movable else lambda active: math.nan
    judge = _Judge(optimisation, ascent, objectives, weights, natural, cover, movable=movable)

    def make(optimisation: Optimisation, ascent: Ascent) -> Optimiser:
        return Optimiser(
            optimisation, ascent, method, context, objectives, weights, frames, progress
        )

    def optimise() -> Iterator[OptimisedPattern]:
        optimiser = make(optimisation, ascent)
        silent = optimiser.find_silent() if len(objectives) > ascent.batch else ()
        yield from optimiser.run(last=silent)
        if optimiser.asleep:
            count = choose_batch(model, ascent, len(optimiser.asleep), batch_size)
            fewer = replace(ascent, batch=count, deep=True)
            yield from make(model.ascend(fewer), fewer).wake(optimiser.asleep)

    rated: dict[int, RatedPattern] = {}
    waiting: list[OptimisedPattern] = []
    try:
        for optimised in optimise():
            waiting.append(optimised)
            if len(waiting) >= ascent.batch:
                rated |= judge.rate(waiting)
                waiting.clear()
    except KeyboardInterrupt:
        waiting = [entry for entry in waiting if entry.number not in rated]
    if waiting:
        rated |= judge.rate(waiting)
    return [rated[number] for number in sorted(rated)]


class _Judge:
    """Rates finished patterns by what the layers of their ascent give."""

    def __init__(
        self,
        optimisation: Optimisation,
        ascent: Ascent,
        objectives: Sequence[Objective],
        weights: Sequence[Arrays],
        natural: NaturalImages | None,
        cover: Callable[[Arrays], float],
        *,
        movable: bool,
    ) -> None:
        self._optimisation, self._ascent, self._cover = optimisation, ascent, cover
        self._objectives, self._weights = objectives, weights
        self._still = identity(ascent.size)
        self._views = unseen(ascent.size) if movable else ()
        self._starts: dict[Hashable, Arrays] = {}
        self._natural = None
        if natural is not None:
            self._natural = self._measure_all(natural.canvases(ascent.parameters))

    def rate(self, optimised: Sequence[OptimisedPattern]) -> dict[int, RatedPattern]:
        """Patterns by their numbers, as many as a batch holds at most."""
        numbers = [entry.number for entry in optimised]
        weights = [self._weights[number] for number in numbers]
        canvases = [entry.canvas for entry in optimised]
        reached = self._objective_values(canvases, weights, self._still)
        starts = self._start_values(optimised, weights)
        views = [self._objective_values(canvases, weights, view) for view in self._views]
        kept = np.asarray(np.mean(views, 0), np.float32) if views else np.full_like(reached, np.nan)
        active = zip(*self._run(self._optimisation.active, canvases, self._still), strict=True)
        natural = None if self._natural is None else ranks(self._natural[:, numbers], reached)
        rated = {}
        for index, (entry, shares) in enumerate(zip(optimised, active, strict=True)):
            activation = float(reached[index])
            positive = entry.awake and activation > 0
            pairs = zip(shares, weights[index], strict=True)
            rated[entry.number] = RatedPattern(
                self._objectives[entry.number],
                entry,
                self._network_values(entry.canvas),
                activation,
                float(starts[index]),
                float(kept[index] / reached[index]) if positive else math.nan,
                self._cover([share[weight != 0] for share, weight in pairs]),
                None if natural is None else natural[index],
                self._transparency(entry.attention),
            )
        return rated

    def _objective_values(
        self, canvases: Sequence[FloatArray], weights: Sequence[Arrays], view: FloatArray
    ) -> FloatArray:
        """The objective of each canvas, ``(canvas,)``."""
        outputs = self._run(self._optimisation.measure, canvases, view)
        columns = zip(*weights, strict=True)
        parts = [np.sum(o * np.stack(w), -1) for o, w in zip(outputs, columns, strict=True)]
        return np.asarray(np.sum(parts, 0), np.float32)

    def _start_values(
        self, optimised: Sequence[OptimisedPattern], weights: Sequence[Arrays]
    ) -> FloatArray:
        """The objectives of starts; the start of a facet and an attempt is measured once."""
        keys = [(self._objectives[entry.number].facet, entry.attempt) for entry in optimised]
        pairs = zip(keys, optimised, strict=True)
        new = {key: entry.start for key, entry in pairs if key not in self._starts}
        if new:
            outputs = self._run(self._optimisation.measure, [*new.values()], self._still)
            self._starts.update(zip(new, zip(*outputs, strict=True), strict=True))
        totals = [
            sum(float(np.sum(o * w)) for o, w in zip(self._starts[key], own, strict=True))
            for key, own in zip(keys, weights, strict=True)
        ]
        return np.array(totals, np.float32)

    def _measure_all(self, canvases: Iterator[FloatArray]) -> FloatArray:
        """Every objective of every canvas, ``(canvas, objective)``."""
        columns = [*zip(*self._weights, strict=True)]
        values: list[FloatArray] = []
        while part := [*islice(canvases, self._ascent.batch)]:
            outputs = self._run(self._optimisation.measure, part, self._still)
            values.append(
                np.sum([o @ np.stack(w).T for o, w in zip(outputs, columns, strict=True)], 0)
            )
        return np.concatenate(values)

    def _run(
        self,
        measure: Callable[[FloatArray, FloatArray], Arrays],
        canvases: Sequence[FloatArray],
        view: FloatArray,
    ) -> list[FloatArray]:
        """The arrays of each probe for some canvases; the batch is filled up with the last."""
        missing = self._ascent.batch - len(canvases)
        filled = np.stack([*canvases, *[canvases[-1]] * missing])
        return [output[: len(canvases)] for output in measure(filled, view)]

    def _network_values(self, canvas: FloatArray) -> FloatArray:
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


def _make_cover(model: Optimisable, info: ModelInfo, ascent: Ascent) -> Callable[[Arrays], float]:
    """A function from the active shares of an objective's channels to the share of the picture."""
    shapes = {name: array.shape for name, array in ascent.constants.items()}
    shapes[ascent.input] = (1, *ascent.size, ascent.channels)
    described = ascent.size
    try:
        info = model.describe(shapes)
    except ModelInputError:  # its head takes one size alone; the layers before it take any
        (entry,) = (entry for entry in info.inputs if entry.name == ascent.input)
        height, width = entry.size
        described = height or ascent.size[0], width or ascent.size[1]
    layers = {layer.name: layer for layer in info.layers}

    def cover(active: Arrays) -> float:
        """The most of several layers; not a number where only the middle is maximised."""
        covers = [
            covered(layers[probe.layer], shares.max(0).tolist(), ascent.size, described)
            if probe.where == "mean"
            else math.nan
            for probe, shares in zip(ascent.probes, active, strict=True)
            if shares.size
        ]
        return math.nan if any(map(math.isnan, covers)) else max(covers, default=math.nan)

    return cover


def covered(
    layer: LayerInfo, active: Sequence[float], size: tuple[int, int], described: tuple[int, int]
) -> float:
    """About how much of a picture a channel answers to, 0..1.

    What the active rows and columns would see if they lay side by side in a picture of ``size``.
    Not a number where positions are not those of a picture, or their receptive field is not known.

    Args:
        layer: The layer, with its shape for the size ``described``.
        active: The shares of rows and of columns with an active position.
        size: Height and width of the picture.
        described: Those of the input that the layer's shape is known for.

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
    cover = 1.0
    for seen, share, side, canvas, known in zip(field, active, sides, size, described, strict=True):
        if not side:
            return math.nan
        stride = known / side
        count = share * canvas / stride
        cover *= min(1.0, (seen + stride * (count - 1)) / canvas) if share else 0.0
    return cover


def ranks(natural: FloatArray, reached: FloatArray) -> FloatArray:
    """What natural images, ``(image, pattern)``, reach, and where patterns lie among them.

    ``(pattern, 4)``: median, 99th percentile and greatest, and the percentage of natural images
    that reach no more.
    """
    marks = [np.median(natural, 0), np.percentile(natural, 99, 0), natural.max(0)]
    return np.stack([*marks, 100 * np.mean(natural <= reached, 0)], -1).astype(np.float32)
