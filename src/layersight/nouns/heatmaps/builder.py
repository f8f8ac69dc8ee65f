"""Makes the maps of all methods, measures them, and keeps what a reader should know of them.

The rule of this module: of methods that were not asked for by name, those that do not apply are
left out and named; one that was asked for has to apply. So it is with metrics.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.prediction import gives_probability
from layersight.errors import CapabilityError, ModelInputError, SelectionError, UsageError
from layersight.nouns.heatmaps.choice import Choice, DependsOnInput, choose_layers, named_layers
from layersight.nouns.heatmaps.goals import ResolvedTarget, make_goal, offset_of
from layersight.nouns.heatmaps.images import depends_on_input
from layersight.nouns.heatmaps.methods.method import NONE, ONE, Images, Method, Progress, Size
from layersight.nouns.heatmaps.metrics.bench import Bench, weighted_layers
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.outputs import positions
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.running import Batch, Context, explain, make_batches, run
from layersight.nouns.heatmaps.work import Part, Tracker, costs_of, passes_of
from layersight.select import LayerSpec

REFUSALS = (CapabilityError, ModelInputError, SelectionError, UsageError)
"""What a method or metric raises that does not apply."""


@dataclass(eq=False)
class LayerChooser:
    """The layers of each method, chosen once for all images.

    Attributes:
        layer: The layers that were asked for, ``None`` for none.
        notes: What a reader should know of the choice.
    """

    layer: LayerSpec | Iterable[LayerSpec] | None
    notes: list[str] = field(default_factory=list)
    _choices: dict[tuple[str, str], Choice] = field(default_factory=dict)
    _depends: DependsOnInput | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.layer, str | int | slice | np.integer | None):
            self.layer = list(self.layer)  # asked again for every method and image

    def note(self, line: str) -> None:
        """Keeps what a reader should know, once."""
        if line not in self.notes:
            self.notes.append(line)

    def check(self, methods: Sequence[Method]) -> None:
        """Refuses a layer that no method takes.

        Raises:
            UsageError: One was asked for, and none does.
        """
        if self.layer is not None and all(method.layers == NONE for method in methods):
            names = ", ".join(method.name for method in methods)
            raise UsageError(f"no method asked for ({names}) takes a layer: leave it out")

    def choose(self, context: Context, batch: Batch, method: Method) -> Choice:
        """The layers of a method for the layer that a batch's targets are read off."""
        if method.layers == NONE:
            return Choice(())
        key = batch.targets[0].target.layer, method.layers
        if key not in self._choices:
            info, axes = context.info, len(context.images.entry.sides)
            if self._depends is None:
                self._depends = depends_on_input(context.model, batch.images.one(0), info)
            end = next(entry for entry in info.layers if entry.name == key[0])
            if self.layer is None:
                choice = choose_layers(info, end, method.layers, axes=axes, depends=self._depends)
            else:
                choice = named_layers(info, end, self.layer, axes=axes, depends=self._depends)
            self._choices[key] = choice
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

    Attributes:
        context: The model and the images.
        methods: The methods.
        chooser: What chooses the layers.
        strict: The methods and metrics that were asked for by name, which have to apply.
        metrics: What the maps are measured with.
        tracker: Told of each map.
    """

    context: Context
    methods: Sequence[Method]
    chooser: LayerChooser
    strict: set[str]
    metrics: Sequence[Metric]
    tracker: Tracker
    _made: list[dict[str, Heatmap]] = field(default_factory=list)
    _lost: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What a reader should know."""
        return self.chooser.notes

    def add(self, targets: Sequence[ResolvedTarget]) -> None:
        """Makes the maps of some images."""
        self.chooser.check(self.methods)
        made: dict[int, dict[str, Heatmap]] = {id(target): {} for target in targets}
        self._made += made.values()
        for batch in make_batches(self.context, targets):
            if not self.tracker.planned:
                parts = plan(self.context, batch, self.methods, self.metrics, self.chooser)
                bench = make_bench(self.context, batch, 0)
                self.tracker.plan(parts, bench.seconds)
            for method in self.methods:
                for target, heatmap in zip(batch.targets, self._run(batch, method), strict=False):
                    made[id(target)][method.name] = heatmap
                self.tracker.finish((method.name, ""), len(batch))
            for index, target in enumerate(batch.targets if self.metrics else ()):
                self._measure(batch, index, made[id(target)])

    @property
    def begun(self) -> bool:
        """Whether there is a map."""
        return any(self._made)

    def finish(self) -> tuple[Heatmap, ...]:
        kept = [method.name for method in self.methods if method.name not in self._lost]
        reasons = self._lost.items()
        if not kept:
            raise ModelInputError(
                "no method applies: " + "; ".join(f"{name}: {why}" for name, why in reasons)
            )
        self.notes.extend(f"without {name}, which does not apply: {why}" for name, why in reasons)
        self.tracker.complete()
        return tuple(made[name] for made in self._made for name in kept if name in made)

    def _run(self, batch: Batch, method: Method) -> list[Heatmap]:
        """The maps of a batch by one method; none if it does not apply."""
        found: list[Heatmap] = []
        if method.name not in self._lost:
            context, choose = self.context, self.chooser.choose
            if self.chooser.layer is not None:
                choose(context, batch, method)  # a layer that was named has to do for any method
            try:
                choice = choose(context, batch, method)
                progress = self.tracker.within((method.name, ""), len(batch))
                found = run(context, method, choice, batch, progress)
            except REFUSALS as error:
                if method.name in self.strict:
                    raise
                self._lost[method.name] = str(error)
                self.tracker.drop(method.name)
        return found

    def _measure(self, batch: Batch, index: int, made: dict[str, Heatmap]) -> None:
        bench = make_bench(self.context, batch, index)
        for method in self.methods:
            if method.name not in made or method.name in self._lost:
                continue
            choice = self.chooser.choose(self.context, batch, method)
            for metric in self.metrics:
                part = method.name, metric.name
                subject = self.context, batch, index, made[method.name]
                try:
                    found = measure(
                        *(*subject, method, choice, metric, bench), self.tracker.within(part, 1)
                    )
                except REFUSALS as error:
                    if metric.name in self.strict:
                        raise
                    self.chooser.note(f"not measured: {error}")
                    self.tracker.drop(metric.name)
                    continue
                one = made[method.name]
                made[method.name] = dataclasses.replace(one, measures=(*one.measures, found))
                self.tracker.finish(part, 1)


def plan(
    context: Context,
    batch: Batch,
    methods: Sequence[Method],
    metrics: Sequence[Metric],
    chooser: LayerChooser,
) -> dict[Part, float]:
    """What each part of the work costs for one map, in passes; of the methods that apply."""
    widths = {layer.name: layer.channels or 0 for layer in context.info.layers}
    maps: dict[str, float] = {}
    grains: dict[str, object] = {}
    for method in methods:
        try:
            choice = chooser.choose(context, batch, method)
            channels = max((widths[name] for name in choice.names), default=0)
            passes = passes_of(method, context.options, batch.images.size, channels)
        except REFUSALS:
            continue
        maps[method.name] = passes * (len(choice.names) if method.layers == ONE else 1)
        grains[method.name] = choice.names or (method.grain and method.name)
    return costs_of(maps, metrics, context.measured, grains)


def measure(
    context: Context,
    batch: Batch,
    index: int,
    heatmap: Heatmap,
    method: Method,
    choice: Choice,
    metric: Metric,
    bench: Bench,
    progress: Progress = lambda done, count: None,
) -> Measure:
    """What a metric says of the heatmap of one image and target of a batch.

    ``progress`` is told each time that the map is made anew.
    """
    images, goal = batch.one(index)
    whole = 1.0 if metric.passes is None else metric.passes(context.measured, 1.0)
    times = itertools.count(1)

    def again(pixels: FloatArray) -> FloatArray:
        progress(next(times), round(whole))
        changed = Images(images.showing(pixels), images.input, images.black, images.white)
        return explain(context, method, choice, changed, goal)

    resolution = resolution_of(context, method, heatmap)
    (found,) = bench.measure(heatmap.values, [metric], grain=resolution, explain=again)
    return found


def make_bench(context: Context, batch: Batch, index: int) -> Bench:
    """What the maps of one image and target are measured on."""
    resolved = batch.targets[index]
    target = resolved.target
    layer = next(layer for layer in context.info.layers if layer.name == target.layer)
    probability = gives_probability(context.info, layer)
    return Bench(
        context.model,
        batch.one(index)[0],
        make_goal([resolved], before=False),
        offset_of(target, probability=probability),
        context.measured,
        context.batch_size,
        probability and target.against is None,
        weighted_layers(context.info),
    )


def resolution_of(context: Context, method: Method, heatmap: Heatmap) -> Size:
    """Of how many cells a map was made along each axis.

    Of a map of the size of the image that layers went into, as many as the finest of them has.
    """
    size = heatmap.values.shape
    if heatmap.coarse.shape != size:
        return heatmap.coarse.shape
    if method.grain is not None:
        return method.grain(size, context.options)
    shapes = [positions(layer) for layer in context.info.layers if layer.name in heatmap.layers]
    cells = [
        known for sides in shapes if len(known := [side for side in sides if side]) == len(size)
    ]
    return tuple(max(cells, default=size))
