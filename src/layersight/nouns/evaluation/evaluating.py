"""The heatmaps of one image after the other, each measured by every metric.

The rule of this module: a method or metric that was named has to apply to the first image; what
goes wrong with a later one leaves a gap in the numbers, and is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.errors import CapabilityError, ModelInputError, SelectionError, UsageError
from layersight.model import Differentiable
from layersight.nouns.evaluation.result import Column, Evaluation, Row
from layersight.nouns.heatmaps.goals import ResolvedTarget
from layersight.nouns.heatmaps.ground import Ground
from layersight.nouns.heatmaps.making import Making, Steps
from layersight.nouns.heatmaps.methods.method import NONE, Method
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.result import Heatmap, Measure
from layersight.nouns.heatmaps.running import Batch, Work, make_batches, run
from layersight.nouns.heatmaps.scoring import again, grain_of, make_bench
from layersight.select import LayerSpec

REFUSED = (CapabilityError, ModelInputError, SelectionError, UsageError)
"""What a method or metric raises that does not apply."""


@dataclass(frozen=True, slots=True)
class Judged:
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


class Evaluating:
    """Makes and measures the heatmaps of one image after the other.

    Args:
        model: The model.
        info: What is known of it for these images.
        methods: The methods.
        metrics: The metrics.
        layer: The layers that were asked for, ``None`` for none.
        options: How heatmaps are made.
        measured: How they are measured.
        strict: The methods and metrics that were named, which have to apply.
        batch_size: Images in one pass.
        progress: Told of the work done and all there is.
        count: How many images there are.
        done: An earlier evaluation that is gone on with.
    """

    def __init__(
        self,
        model: Differentiable,
        info: ModelInfo,
        methods: Sequence[Method],
        metrics: Sequence[Metric],
        layer: LayerSpec | Iterable[LayerSpec] | None,
        options: HeatmapOptions,
        measured: MeasureOptions,
        *,
        strict: set[str],
        batch_size: int,
        progress: Callable[[int, int], None] | None,
        count: int,
        done: Evaluation | None = None,
    ) -> None:
        self.model, self.info = model, info
        self.methods, self.metrics = list(methods), list(metrics)
        self.options, self.measured = options, measured
        self.rows = {} if done is None else {row.name: row for row in done.rows}
        self.count = count
        self._layer, self._strict, self._batch_size = layer, strict, batch_size
        self._making: Making | None = None
        self._notes: list[str] = []
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._begun = done is not None
        # Of each method one part of the work is making the map, the other measuring it.
        self._each = 2 * len(self.methods)
        before = 0 if done is None else len(done.images) * self._each
        self._steps = Steps(progress, count * self._each, before)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        gaps = [
            f"{what}: no number for {times} image{'s' if times > 1 else ''} ({why})"
            for (what, why), times in self._gaps.items()
        ]
        made = [] if self._making is None else self._making.notes
        return tuple(dict.fromkeys([*self._notes, *made, *gaps]))

    def note(self, lines: Iterable[str]) -> None:
        """Keeps what a reader should know."""
        self._notes += [line for line in lines if line not in self._notes]

    def judge(self, name: str, ground: Ground, asked: ResolvedTarget) -> Judged:
        """What the metrics say of the maps of one image by every method.

        Raises:
            SelectionError: The layer that was asked for is not there, or cannot do.
            ModelInputError: No method applies, or one that was named does not.
            UsageError: A metric that was named cannot be had.
        """
        work = Work(self.model, self.info, ground, self.options, self._batch_size, self.measured)
        (batch,) = make_batches(work, [asked])
        making = self._make(work)
        if self._layer is not None and not self._begun:
            # What was asked for has to be there, whichever method is left out for it.
            making.choose(batch, next(each for each in self.methods if each.layers != NONE))
        bench = make_bench(work, batch, 0)
        measures: dict[tuple[str, str], Measure] = {}
        end = self._steps.done + self._each
        whole = asked.predicted is None or asked.predicted.any()
        if not whole:
            self._gaps["all methods", f"'{asked.target.name}' is nowhere the strongest"] += 1
        for method in list(self.methods) if whole else ():
            found = self._map(making, work, batch, method)
            self._steps.finish(1)
            if found is not None:
                measures |= self._measure(work, batch, method, found, bench)
            self._steps.finish(1)
        self._steps.finish(end - self._steps.done)
        self._begun = self._begun or bool(measures)
        return Judged(name, asked.target, asked.score, measures)

    def _make(self, work: Work) -> Making:
        """What chooses the layers, once for all images."""
        if self._making is None:
            nothing = Steps(None, 1)
            self._making = Making(work, self.methods, self._layer, set(), (), set(), nothing)
            self._making.check()
        self._making.work = work
        return self._making

    def _map(self, making: Making, work: Work, batch: Batch, method: Method) -> Heatmap | None:
        """The map of a method, ``None`` if there is none."""
        try:
            choice = making.choose(batch, method)
            (found,) = run(work, method, choice, batch, self._steps.within(1))
        except REFUSED as error:
            self._refuse(method.name, error, self.methods, method)
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
                grain_of(work, method, found),
                method.warning,
            )
        return found

    def _measure(
        self, work: Work, batch: Batch, method: Method, found: Heatmap, bench: Any
    ) -> dict[tuple[str, str], Measure]:
        """What the metrics say of a map."""
        measures = {}
        choice = self._make(work).choose(batch, method)
        for metric in list(self.metrics):
            try:
                (one,) = bench.measure(
                    found.values,
                    [metric],
                    grain=grain_of(work, method, found),
                    explain=again(work, batch, 0, method, choice),
                )
            except REFUSED as error:
                self._refuse(metric.name, error, self.metrics, metric)
                if not self.metrics:
                    raise UsageError(f"no metric applies: {'; '.join(self._notes)}") from error
                continue
            measures[method.name, metric.name] = one
        return measures

    def _refuse(self, name: str, error: Exception, listed: list[Any], entry: Any) -> None:
        """What does not apply to the first image is left out; of a later one it is a gap."""
        if not self._begun:
            if name in self._strict:
                raise error
            listed.remove(entry)
            self.note([f"without {name}, which does not apply: {error}"])
        else:
            self._gaps[name, str(error)] += 1


def assemble(
    work: Evaluating,
    made: Sequence[Judged],
    scale: Preprocessing,
    explained: str,
    notes: Iterable[str],
) -> Evaluation:
    """The evaluation of images that are done, in their order."""
    methods = [method.name for method in work.methods if method.name in work.rows]
    names = [metric.name for metric in work.metrics]
    shape = (len(methods), len(names), len(made))
    found = {name: np.full(shape, np.nan, np.float32) for name in ("values", "random", "bars")}
    centre = np.full(shape[1:], np.nan, np.float32)
    for image, judged in enumerate(made):
        for (method, metric), measure in judged.measures.items():
            if metric not in names or method not in methods:
                continue
            place = (methods.index(method), names.index(metric), image)
            found["values"][place] = measure.value
            found["random"][place] = measure.random
            found["bars"][place] = measure.random if measure.bar is None else measure.bar
            centre[place[1:]] = measure.centre
    scores: FloatArray = np.array([judged.score for judged in made], np.float32)
    return Evaluation(
        model=work.info,
        options=work.options,
        measured=work.measured,
        preprocessing=scale,
        images=tuple(judged.name for judged in made),
        explained=explained,
        targets=tuple(judged.target for judged in made),
        scores=scores,
        rows=tuple(work.rows[name] for name in methods),
        columns=tuple(column_of(metric) for metric in work.metrics),
        centre=centre,
        count=work.count,
        notes=tuple(dict.fromkeys([*notes, *work.notes])),
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
