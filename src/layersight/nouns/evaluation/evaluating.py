"""The heatmaps of one image after the other, each measured by every metric.

The rule of this module: a method or metric that was named has to apply to the first image; what
goes wrong with a later one leaves a gap in the numbers, and a note says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.document.words import plural
from layersight.errors import ModelInputError, UsageError
from layersight.nouns.evaluation.result import Column, Evaluation, Row
from layersight.nouns.heatmaps.builder import (
    REFUSALS,
    LayerChooser,
    make_bench,
    measure,
    plan,
    resolution_of,
)
from layersight.nouns.heatmaps.choice import Choice
from layersight.nouns.heatmaps.goals import ResolvedTarget
from layersight.nouns.heatmaps.methods.method import NONE, Method, Progress
from layersight.nouns.heatmaps.metrics.bench import Bench
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.running import Batch, Context, make_batches, run
from layersight.nouns.heatmaps.work import Tracker
from layersight.select import LayerSpec

Kind = TypeVar("Kind", Method, Metric)


@dataclass(frozen=True, slots=True)
class ImageMeasures:
    """What was found of one image.

    Attributes:
        name: What the image is called.
        target: What was explained.
        score: What the network gives for it.
        measures: For each method and metric what was measured; nothing where there is a gap.
    """

    name: str
    target: Target
    score: float
    measures: dict[tuple[str, str], Measure]


class Evaluator:
    """Makes and measures the heatmaps of one image after the other.

    Args:
        methods: The methods.
        metrics: The metrics.
        layer: The layers that were asked for, ``None`` for none.
        strict: The methods and metrics that were named, which have to apply.
        progress: Told of the work done and all there is.
        count: How many images there are.
        done: An earlier evaluation that is continued.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        metrics: Sequence[Metric],
        layer: LayerSpec | Iterable[LayerSpec] | None,
        *,
        strict: set[str],
        progress: Progress | None,
        count: int,
        done: Evaluation | None = None,
    ) -> None:
        self.methods, self.metrics = list(methods), list(metrics)
        self.rows = {} if done is None else {row.name: row for row in done.rows}
        self.count = count
        self._strict = strict
        self._chooser = LayerChooser(layer)
        self._notes: list[str] = []
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._begun = done is not None
        self._tracker = Tracker(progress, count - (0 if done is None else len(done.images)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        gaps = [
            f"{what}: no number for {plural(times, 'image')} ({why})"
            for (what, why), times in self._gaps.items()
        ]
        return tuple(dict.fromkeys([*self._notes, *self._chooser.notes, *gaps]))

    def note(self, lines: Iterable[str]) -> None:
        self._notes += [line for line in lines if line not in self._notes]

    def judge(self, name: str, context: Context, resolved: ResolvedTarget) -> ImageMeasures:
        """What the metrics say of the maps of one image by every method.

        Args:
            name: What the image is called.
            context: The model, and this image alone.
            resolved: What is explained of it.

        Raises:
            SelectionError: The layer that was asked for is not there, or cannot do.
            ModelInputError: No method applies, or one that was named does not.
            UsageError: A metric that was named cannot be had.
        """
        (batch,) = make_batches(context, [resolved])
        self._chooser.check(self.methods)
        if self._chooser.layer is not None and not self._begun:
            # What was asked for has to be there, whichever method is left out for it.
            first = next(each for each in self.methods if each.layers != NONE)
            self._chooser.choose(context, batch, first)
        bench = make_bench(context, batch, 0)
        if not self._tracker.planned:
            parts = plan(context, batch, self.methods, self.metrics, self._chooser)
            self._tracker.plan(parts, bench.seconds)
        measures: dict[tuple[str, str], Measure] = {}
        whole = resolved.predicted is None or resolved.predicted.any()
        if not whole:
            self._gaps["all methods", f"'{resolved.target.name}' is nowhere the strongest"] += 1
            self._tracker.skip()
        for method in list(self.methods) if whole else ():
            found = self._map(context, batch, method)
            self._tracker.finish((method.name, ""), 1)
            if found is not None:
                measures |= self._measure(context, batch, method, *found, bench)
        self._begun = self._begun or bool(measures)
        return ImageMeasures(name, resolved.target, resolved.score, measures)

    def _map(self, context: Context, batch: Batch, method: Method) -> tuple[Heatmap, Choice] | None:
        """The map of a method and the layers that it was made of, ``None`` if there is none."""
        try:
            choice = self._chooser.choose(context, batch, method)
            progress = self._tracker.within((method.name, ""), 1)
            (found,) = run(context, method, choice, batch, progress)
        except REFUSALS as error:
            self._refuse(method, error, self.methods)
            if not self.methods:
                raise ModelInputError(f"no method applies: {'; '.join(self._notes)}") from error
            return None
        if found.empty:
            self.note([f"{method.name}: the map of some images is 0 everywhere"])
        if method.name not in self.rows:
            self.rows[method.name] = Row(
                method.name,
                method.title,
                method.source,
                found.layers,
                resolution_of(context, method, found),
                method.warning,
            )
        return found, choice

    def _measure(
        self,
        context: Context,
        batch: Batch,
        method: Method,
        found: Heatmap,
        choice: Choice,
        bench: Bench,
    ) -> dict[tuple[str, str], Measure]:
        measures = {}
        for metric in list(self.metrics):
            part = method.name, metric.name
            subject = context, batch, 0, found, method, choice, metric, bench
            try:
                measures[part] = measure(*subject, self._tracker.within(part, 1))
                self._tracker.finish(part, 1)
            except REFUSALS as error:
                self._refuse(metric, error, self.metrics)
                if not self.metrics:
                    raise UsageError(f"no metric applies: {'; '.join(self._notes)}") from error
        return measures

    def _refuse(self, entry: Kind, error: Exception, listed: list[Kind]) -> None:
        """What does not apply to the first image is left out; of a later one it is a gap."""
        if not self._begun:
            if entry.name in self._strict:
                raise error
            listed.remove(entry)
            self._tracker.drop(entry.name)
            self.note([f"without {entry.name}, which does not apply: {error}"])
        else:
            self._gaps[entry.name, str(error)] += 1


def assemble(
    evaluator: Evaluator,
    context: Context,
    made: Sequence[ImageMeasures],
    scale: Preprocessing,
    explained: str,
    notes: Iterable[str],
) -> Evaluation:
    """The evaluation of images that are done, in their order."""
    methods = [method.name for method in evaluator.methods if method.name in evaluator.rows]
    names = [metric.name for metric in evaluator.metrics]
    shape = (len(methods), len(names), len(made))
    found = {name: np.full(shape, np.nan, np.float32) for name in ("values", "random", "bars")}
    centre = np.full(shape[1:], np.nan, np.float32)
    for image, one in enumerate(made):
        for (method, metric), number in one.measures.items():
            if metric not in names or method not in methods:
                continue
            index = (methods.index(method), names.index(metric), image)
            found["values"][index] = number.value
            found["random"][index] = number.random
            found["bars"][index] = number.random if number.bar is None else number.bar
            centre[index[1:]] = number.centre
    scores: FloatArray = np.array([one.score for one in made], np.float32)
    return Evaluation(
        model=context.info,
        options=context.options,
        measured=context.measured,
        preprocessing=scale,
        images=tuple(one.name for one in made),
        explained=explained,
        targets=tuple(one.target for one in made),
        scores=scores,
        rows=tuple(evaluator.rows[name] for name in methods),
        columns=tuple(column_of(metric) for metric in evaluator.metrics),
        centre=centre,
        count=evaluator.count,
        notes=tuple(dict.fromkeys([*notes, *evaluator.notes])),
        **found,
    )


def column_of(metric: Metric) -> Column:
    """What an evaluation keeps of a metric."""
    return Column(
        metric.name,
        metric.title,
        metric.says,
        metric.misleads,
        metric.source,
        metric.higher_is_better,
    )


def check_same(
    done: Evaluation,
    info: ModelInfo,
    options: HeatmapOptions,
    measured: MeasureOptions,
    scale: Preprocessing,
    explained: str,
    methods: Sequence[Method],
    metrics: Sequence[Metric],
) -> None:
    """Refuses to go on with an evaluation that was made otherwise.

    Raises:
        UsageError: It is of another model, or of other options, methods or metrics.
    """
    if done.model.digest != info.digest:
        raise UsageError("the evaluation that is done is of another model: start anew")
    same = (done.options, done.measured, done.preprocessing.name, done.explained) == (
        options,
        measured,
        scale.name,
        explained,
    )
    asked = [method.name for method in methods], [metric.name for metric in metrics]
    kept = all(
        name in names
        for names, names_done in zip(asked, (done.methods, done.metrics), strict=True)
        for name in names_done
    )
    if not same or not kept:
        raise UsageError(
            "the evaluation that is done was made with other options, methods or metrics: start "
            "anew"
        )
