"""Makes and measures the maps of all methods, batch by batch.

The rule of this module: methods that were not requested by name and do not apply are omitted, with
a note; one that was requested by name has to apply. The same holds for metrics. A map with values
that are not finite is refused, and one that is 0 everywhere comes with the reason.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.placing import enlarge
from layersight.data.prediction import gives_probability
from layersight.data.readout import Goal
from layersight.errors import CapabilityError, ModelInputError, SelectionError, UsageError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.choice import Choice, DependsOnInput, choose_layers
from layersight.nouns.heatmaps.classes import spatial_shape
from layersight.nouns.heatmaps.goals import ResolvedTarget, make_goal, score_offset
from layersight.nouns.heatmaps.images import ImageSet, depends_on_input, same_image_advice
from layersight.nouns.heatmaps.methods.method import (
    NONE,
    ONE,
    Images,
    Method,
    Progress,
    Request,
    Result,
    Size,
)
from layersight.nouns.heatmaps.metrics.bench import Bench, weighted_layers
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.work import Tracker, count_costs, map_passes
from layersight.select import LayerSpec

MOST_WEIGHTS = 1 << 26
"""How many numbers the goals of one batch may have: 256 MiB; those of maps are as large."""


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """What all methods share."""

    model: Differentiable
    info: ModelInfo
    images: ImageSet
    options: HeatmapOptions
    batch_size: int
    measured: MeasureOptions = field(default_factory=MeasureOptions)

    def layer(self, name: str) -> LayerInfo:
        return next(layer for layer in self.info.layers if layer.name == name)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images, each with a target of the same layer, and the goal of all of them."""

    context: Context
    targets: tuple[ResolvedTarget, ...]
    images: Images
    goal: Goal

    def __len__(self) -> int:
        return len(self.targets)

    @functools.cached_property
    def explained(self) -> tuple[float, ...]:
        """The number of each target; needs no pass once its gradients are cached."""
        if not self.goal[0].before:
            return tuple(resolved.score for resolved in self.targets)
        return tuple(map(float, self.context.model.read(self.images.values, self.goal)))

    def select(self, index: int) -> Batch:
        (part,) = self.goal
        goal = (dataclasses.replace(part, weights=part.weights[index : index + 1]),)
        return Batch(self.context, (self.targets[index],), self.images.select(index), goal)

    @functools.cached_property
    def bench(self) -> Bench:
        """Measures the maps of a single image."""
        context, (resolved,) = self.context, self.targets
        layer = context.layer(resolved.target.layer)
        probability = gives_probability(context.info, layer)
        return Bench(
            context.model,
            self.images,
            make_goal([resolved], before=False),
            score_offset(resolved.target, probability=probability),
            context.measured,
            context.batch_size,
            probability and resolved.target.against is None,
            weighted_layers(context.info),
        )


def make_batches(context: Context, targets: Sequence[ResolvedTarget]) -> Iterator[Batch]:
    """The targets in batches of one layer each."""
    groups: dict[tuple[str, bool], list[ResolvedTarget]] = {}
    for entry in targets:
        before = entry.target.before and context.options.score == "logit"
        groups.setdefault((entry.target.layer, before), []).append(entry)
    for (_, before), entries in groups.items():
        size = max(1, min(context.batch_size, MOST_WEIGHTS // math.prod(entries[0].shape)))
        for start in range(0, len(entries), size):
            part = tuple(entries[start : start + size])
            images = context.images.batch([entry.image for entry in part])
            yield Batch(context, part, images, make_goal(part, before=before))


def run(batch: Batch, method: Method, choice: Choice, progress: Progress) -> list[Heatmap]:
    """The maps of a batch by one method."""
    size = batch.images.size
    result = compute(batch, method, choice, progress)
    coarse = result.values
    values = coarse if coarse.shape[1:] == size else enlarge(coarse, size)
    heatmaps = []
    for index, entry in enumerate(batch.targets):
        empty = not values[index].any()
        reason = (_why_empty(batch.select(index), method, choice),) if empty else ()
        heatmaps.append(
            Heatmap(
                image=entry.image,
                method=method.name,
                target=entry.target,
                score=entry.score,
                explained=batch.explained[index],
                layers=choice.names,
                values=values[index],
                signed=method.signed,
                coarse=coarse[index],
                empty=empty,
                neutral=result.neutral_values[index],
                notes=(*result.notes[index], *reason),
            )
        )
    return heatmaps


def compute(batch: Batch, method: Method, choice: Choice, progress: Progress) -> Result:
    """The result of a method for a batch, ``(image, *positions)``; of several layers the mean.

    A method that takes one layer runs for each, and each map is divided by its greatest value.
    """
    context, images = batch.context, batch.images
    fused = len(choice.names) > 1 and method.layers == ONE
    parts: list[Result] = []
    for names in [(name,) for name in choice.names] if fused else [choice.names]:
        request = Request(
            *(context.model, images, batch.goal, names),
            *(context.options, context.batch_size, progress),
        )
        with np.errstate(all="ignore"):
            result = Result.of(method.compute(request))
        maps = np.ascontiguousarray(result.values, np.float32)
        _check_finite(context, method, names, maps)
        if fused:
            maps = enlarge(maps, images.size)
            greatest = np.abs(maps).max(axis=tuple(range(1, maps.ndim)), keepdims=True)
            maps = np.divide(maps, greatest, out=np.zeros_like(maps), where=greatest > 0)
        parts.append(Result(maps, result.notes, result.neutral_values))
    if len(parts) == 1:
        return parts[0]
    mean: FloatArray = np.mean([part.values for part in parts], axis=0, dtype=np.float32)
    notes = zip(*(part.notes for part in parts), strict=True)
    distinct = tuple(tuple(dict.fromkeys(itertools.chain(*each))) for each in notes)
    return Result.of(Result(mean, distinct))


def _check_finite(
    context: Context, method: Method, layers: Sequence[str], maps: FloatArray
) -> None:
    wrong = int((~np.isfinite(maps)).sum())
    if wrong:
        where = f" of {', '.join(layers)}" if layers else ""
        raise ModelInputError(
            f"{method.title}{where}: {wrong} of {maps.size} values are infinite or no numbers "
            "(NaN), so that no heatmap can be made: "
            + (
                same_image_advice(context.images.inputs)
                or "; ".join(context.info.notes)
                or "'layersight activations' tells in which layer they arise"
            )
        )


def _why_empty(batch: Batch, method: Method, choice: Choice) -> str:
    """Why the map of a single image is 0 everywhere."""
    (entry,), images = batch.targets, batch.images
    name, nothing = entry.target.name, f"{method.title} found nothing"
    if entry.predicted is not None and not entry.predicted.any():
        return f"'{name}' is nowhere the strongest in this image: nothing to explain"
    if (same := same_image_advice(batch.context.images.inputs)) is not None:
        return same
    if not method.scored:
        return f"{method.title} is 0 everywhere: the channel is not active in this image"
    by = () if choice.names else [images.input]
    try:
        result = batch.context.model.differentiate(
            images.values, batch.goal, layers=choice.names, by=by
        )
    except (CapabilityError, ModelInputError):  # the network has no gradients
        return f"{nothing}: the map is 0 everywhere"
    if not any(map(np.any, (*result.gradients.values(), *result.inputs.values()))):
        return (
            f"the gradient of '{name}' is 0 everywhere: it is saturated, or the rectifiers on the "
            "way are off; choose a method that needs no gradient"
        )
    if method.signed:
        return f"{nothing}: the map is 0 everywhere"
    return f"{nothing} that speaks for '{name}': all that it found speaks against it"


REFUSALS = (CapabilityError, ModelInputError, SelectionError, UsageError)
"""The errors of a method or metric that does not apply."""


@dataclass(eq=False)
class LayerChooser:
    """The layers of each method, chosen once for all images."""

    layer: LayerSpec | Iterable[LayerSpec] | None
    notes: list[str] = field(default_factory=list)
    _choices: dict[tuple[str, str], Choice] = field(default_factory=dict)
    _depends: DependsOnInput | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.layer, str | int | slice | np.integer | None):
            self.layer = list(self.layer)  # read again for every method and image

    def note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)

    def check(self, methods: Sequence[Method]) -> None:
        """Refuses a layer that no method takes."""
        if self.layer is not None and all(method.layers == NONE for method in methods):
            names = ", ".join(method.name for method in methods)
            raise UsageError(f"no method asked for ({names}) takes a layer: leave it out")

    def choose(self, batch: Batch, method: Method) -> Choice:
        """The layers of a method for the layer of a batch's targets."""
        if method.layers == NONE:
            return Choice(())
        key = batch.targets[0].target.layer, method.layers
        if key not in self._choices:
            context, info = batch.context, batch.context.info
            if self._depends is None:
                self._depends = depends_on_input(context.model, batch.images.select(0), info)
            end, axes = context.layer(key[0]), len(context.images.entry.sides)
            choice = self._choices[key] = choose_layers(
                info, end, method.layers, self.layer, axes=axes, depends=self._depends
            )
            if choice.note:
                self.note(choice.note)
            if self.layer is not None and len(choice.names) > 1 and method.layers == ONE:
                self.note(
                    f"fused: {', '.join(choice.names)}; the mean of their maps, each divided by "
                    "its greatest value"
                )
        return self._choices[key]


@dataclass(eq=False)
class Builder:
    """Makes and measures the maps of all methods.

    Those in ``strict`` were requested by name, and have to apply.
    """

    context: Context
    methods: Sequence[Method]
    chooser: LayerChooser
    strict: set[str]
    metrics: Sequence[Metric]
    tracker: Tracker
    _maps: list[dict[str, Heatmap]] = field(default_factory=list)
    _refused: dict[str, str] = field(default_factory=dict)

    @property
    def has_maps(self) -> bool:
        return any(self._maps)

    def add(self, targets: Sequence[ResolvedTarget]) -> None:
        """Makes the maps of some images."""
        self.chooser.check(self.methods)
        maps: dict[int, dict[str, Heatmap]] = {id(target): {} for target in targets}
        self._maps += maps.values()
        for batch in make_batches(self.context, targets):
            plan(batch, self.methods, self.metrics, self.chooser, self.tracker)
            for method in self.methods:
                for target, heatmap in zip(batch.targets, self._run(batch, method), strict=False):
                    maps[id(target)][method.name] = heatmap
                self.tracker.finish((method.name, ""), len(batch))
            for index, target in enumerate(batch.targets if self.metrics else ()):
                self._measure(batch.select(index), maps[id(target)])

    def finish(self) -> tuple[Heatmap, ...]:
        applicable = [method.name for method in self.methods if method.name not in self._refused]
        reasons = self._refused.items()
        if not applicable:
            raise ModelInputError(
                "no method applies: " + "; ".join(f"{name}: {reason}" for name, reason in reasons)
            )
        for name, reason in reasons:
            self.chooser.notes.append(f"without {name}, which does not apply: {reason}")
        self.tracker.complete()
        return tuple(maps[name] for maps in self._maps for name in applicable if name in maps)

    def _run(self, batch: Batch, method: Method) -> list[Heatmap]:
        """The maps of a batch by one method; none if it does not apply."""
        if method.name in self._refused:
            return []
        if self.chooser.layer is not None:
            self.chooser.choose(batch, method)  # a layer that was named has to suit any method
        try:
            choice = self.chooser.choose(batch, method)
            return run(batch, method, choice, self.tracker.within((method.name, ""), len(batch)))
        except REFUSALS as error:
            if method.name in self.strict:
                raise
            self._refused[method.name] = str(error)
            self.tracker.drop(method.name)
            return []

    def _measure(self, batch: Batch, maps: dict[str, Heatmap]) -> None:
        """Measures the maps of a single image."""
        for method in self.methods:
            if method.name not in maps or method.name in self._refused:
                continue
            choice = self.chooser.choose(batch, method)
            for metric in self.metrics:
                part, entry = (method.name, metric.name), maps[method.name]
                progress = self.tracker.within(part, 1)
                try:
                    result = measure(batch, entry, method, choice, metric, progress)
                except REFUSALS as error:
                    if metric.name in self.strict:
                        raise
                    self.chooser.note(f"not measured: {error}")
                    self.tracker.drop(metric.name)
                    continue
                maps[method.name] = dataclasses.replace(entry, measures=(*entry.measures, result))
                self.tracker.finish(part, 1)


def plan(
    batch: Batch,
    methods: Sequence[Method],
    metrics: Sequence[Metric],
    chooser: LayerChooser,
    tracker: Tracker,
) -> None:
    """Counts the cost of each part of the work for one map, unless it is known."""
    if tracker.planned:
        return
    context = batch.context
    maps: dict[str, float] = {}
    resolutions: dict[str, object] = {}
    for method in methods:
        try:
            choice = chooser.choose(batch, method)
            channels = max((layer.channels or 0 for layer in choice.layers), default=0)
            passes = map_passes(method, context.options, batch.images, channels)
        except REFUSALS:
            continue
        maps[method.name] = passes * (len(choice.names) if method.layers == ONE else 1)
        resolutions[method.name] = choice.names or (method.resolution and method.name)
    costs = count_costs(maps, metrics, context.measured, resolutions)
    tracker.plan(costs, batch.select(0).bench.seconds)


def measure(
    batch: Batch,
    heatmap: Heatmap,
    method: Method,
    choice: Choice,
    metric: Metric,
    progress: Progress,
) -> Measure:
    """The value of a metric for the heatmap of a single image.

    ``progress`` is called each time that the map is made again.
    """
    images, context = batch.images, batch.context
    total = 1.0 if metric.passes is None else metric.passes(context.measured, 1.0)
    times = itertools.count(1)

    def explain(pixels: FloatArray) -> FloatArray:
        progress(next(times), round(total))
        changed = dataclasses.replace(images, values=images.with_pixels(pixels))
        part = dataclasses.replace(batch, images=changed)
        result = compute(part, method, choice, lambda done, count: None)
        return enlarge(result.values, images.size)

    resolution = resolution_of(batch, method, heatmap)
    (result,) = batch.bench.measure(
        heatmap.values, [metric], resolution=resolution, explain=explain
    )
    return result


def resolution_of(batch: Batch, method: Method, heatmap: Heatmap) -> Size:
    """How many cells a map has along each axis.

    A map in the size of the image that was made from layers has as many as the finest of them.
    """
    size = heatmap.values.shape
    if heatmap.coarse.shape != size:
        return heatmap.coarse.shape
    if method.resolution is not None:
        return method.resolution(batch.images, batch.context.options)
    layers = [layer for layer in batch.context.info.layers if layer.name in heatmap.layers]
    shapes = [[side for side in spatial_shape(layer) if side] for layer in layers]
    return tuple(max((sides for sides in shapes if len(sides) == len(size)), default=size))
