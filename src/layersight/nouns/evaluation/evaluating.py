"""Makes and measures the heatmaps of an evaluation, image by image.

The rule of this module: a method or metric that was requested by name has to apply to the first
image; failures on later images leave gaps in the numbers, and a note says so.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.document.words import plural
from layersight.errors import ModelInputError, UsageError
from layersight.nouns.evaluation.result import Column, Evaluation, Row
from layersight.nouns.heatmaps.builder import (
    REFUSALS,
    Batch,
    Context,
    LayerChooser,
    make_batches,
    measure,
    plan,
    resolution_of,
    run,
)
from layersight.nouns.heatmaps.goals import ResolvedTarget
from layersight.nouns.heatmaps.methods.method import NONE, Method, Progress
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.work import Tracker
from layersight.select import LayerSpec

Kind = TypeVar("Kind", Method, Metric)


@dataclass(frozen=True, slots=True)
class ImageMeasures:
    """The measures of one image; there may be gaps for some methods and metrics."""

    name: str
    target: Target
    score: float
    measures: dict[tuple[str, str], Measure]


class Evaluator:
    """Makes and measures the heatmaps of one image after the other.

    Those in ``strict`` were requested by name and have to apply; ``done`` is an evaluation that is
    continued.
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
        self._has_measures = done is not None
        self._tracker = Tracker(progress, count - (0 if done is None else len(done.images)))

    @property
    def notes(self) -> tuple[str, ...]:
        gaps = [
            f"{name}: no number for {plural(count, 'image')} ({reason})"
            for (name, reason), count in self._gaps.items()
        ]
        return tuple(dict.fromkeys([*self._notes, *self._chooser.notes, *gaps]))

    def note(self, lines: Iterable[str]) -> None:
        self._notes += [line for line in lines if line not in self._notes]

    def measure_image(self, name: str, context: Context, resolved: ResolvedTarget) -> ImageMeasures:
        """The measures of the maps of the only image of a context, by every method."""
        (batch,) = make_batches(context, [resolved])
        self._chooser.check(self.methods)
        if self._chooser.layer is not None and not self._has_measures:
            # The requested layer has to exist, even if methods are omitted because of it.
            first = next(each for each in self.methods if each.layers != NONE)
            self._chooser.choose(batch, first)
        plan(batch, self.methods, self.metrics, self._chooser, self._tracker)
        measures: dict[tuple[str, str], Measure] = {}
        explainable = resolved.predicted is None or resolved.predicted.any()
        if not explainable:
            self._gaps["all methods", f"'{resolved.target.name}' is nowhere the strongest"] += 1
            self._tracker.skip()
        for method in list(self.methods) if explainable else ():
            part = method.name, ""
            try:
                choice = self._chooser.choose(batch, method)
                (heatmap,) = run(batch, method, choice, self._tracker.within(part, 1))
            except REFUSALS as error:
                self._refuse(method, error, self.methods)
                if not self.methods:
                    raise ModelInputError(f"no method applies: {'; '.join(self._notes)}") from error
                self._tracker.finish(part, 1)
                continue
            self._add_row(batch, method, heatmap)
            self._tracker.finish(part, 1)
            for metric in list(self.metrics):
                part = method.name, metric.name
                progress = self._tracker.within(part, 1)
                try:
                    measures[part] = measure(batch, heatmap, method, choice, metric, progress)
                    self._tracker.finish(part, 1)
                except REFUSALS as error:
                    self._refuse(metric, error, self.metrics)
                    if not self.metrics:
                        raise UsageError(f"no metric applies: {'; '.join(self._notes)}") from error
        self._has_measures = self._has_measures or bool(measures)
        return ImageMeasures(name, resolved.target, resolved.score, measures)

    def _add_row(self, batch: Batch, method: Method, heatmap: Heatmap) -> None:
        """Adds the row of a method, and a note if its map is empty."""
        if heatmap.empty:
            self.note([f"{method.name}: the map of some images is 0 everywhere"])
        if method.name not in self.rows:
            self.rows[method.name] = Row(
                *(method.name, method.title, method.source, heatmap.layers),
                resolution_of(batch, method, heatmap),
                method.warning,
            )

    def _refuse(self, entry: Kind, error: Exception, listed: list[Kind]) -> None:
        """Omits what does not apply to the first image; for a later one it is a gap."""
        if not self._has_measures:
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
    images: Sequence[ImageMeasures],
    scale: Preprocessing,
    explained: str,
    notes: Iterable[str],
) -> Evaluation:
    methods = [method.name for method in evaluator.methods if method.name in evaluator.rows]
    names = [metric.name for metric in evaluator.metrics]
    shape = (len(methods), len(names), len(images))
    arrays = {name: np.full(shape, np.nan, np.float32) for name in ("values", "random", "bars")}
    centre = np.full(shape[1:], np.nan, np.float32)
    for number, image in enumerate(images):
        for (method, metric), result in image.measures.items():
            if metric not in names or method not in methods:
                continue
            index = (methods.index(method), names.index(metric), number)
            arrays["values"][index] = result.value
            arrays["random"][index] = result.random
            arrays["bars"][index] = result.random if result.bar is None else result.bar
            centre[index[1:]] = result.centre
    return Evaluation(
        model=context.info,
        options=context.options,
        measured=context.measured,
        preprocessing=scale,
        images=tuple(image.name for image in images),
        explained=explained,
        targets=tuple(image.target for image in images),
        scores=np.array([image.score for image in images], np.float32),
        rows=tuple(evaluator.rows[name] for name in methods),
        columns=tuple(
            Column(*(getattr(metric, each.name) for each in dataclasses.fields(Column)))
            for metric in evaluator.metrics
        ),
        centre=centre,
        count=evaluator.count,
        notes=tuple(dict.fromkeys([*notes, *evaluator.notes])),
        **arrays,
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
    """Refuses to continue an evaluation that was made in another way."""
    if done.model.digest != info.digest:
        raise UsageError("the evaluation that is done is of another model: start anew")
    before = done.options, done.measured, done.preprocessing.name, done.explained
    has_methods = {*done.methods} <= {method.name for method in methods}
    has_metrics = {*done.metrics} <= {metric.name for metric in metrics}
    if before != (options, measured, scale.name, explained) or not (has_methods and has_metrics):
        raise UsageError(
            "the evaluation that is done was made with other options, methods or metrics: start "
            "anew"
        )
