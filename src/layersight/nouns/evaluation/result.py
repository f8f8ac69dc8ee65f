"""Evaluations as frozen data: how far heatmaps can be believed.

The rule of this module: every number of a method comes with those of maps that know nothing of the
network: random maps, and the map that is brightest in the middle.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.data.target import Target
from layersight.document.words import plural
from layersight.errors import SelectionError, near
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

MIN_STANDARD_ERRORS = 2.0  # a significant difference is larger than this many standard errors


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of an evaluation.

    Attributes:
        name: As in ``--score``.
        title: The head of its column.
        says: What its number is, in a sentence.
        misleads: When it misleads, in a sentence.
        source: Where it was published.
        higher_is_better: Whether high values are good.
    """

    name: str
    title: str
    says: str
    misleads: str
    source: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A method of an evaluation.

    Attributes:
        name: As in ``--method``.
        title: Its title in captions.
        source: Where it was published.
        layers: The layers whose maps it used; empty for methods that need none.
        resolution: How many cells its maps have, height and width, as have the random maps that
            they are compared with.
        warning: A sentence that stands wherever it is shown, or ``None``.
    """

    name: str
    title: str
    source: str
    layers: tuple[str, ...]
    resolution: tuple[int, ...]
    warning: str | None = None

    @property
    def grain(self) -> tuple[int, ...]:
        """The former name of :attr:`resolution`."""
        return self.resolution

    def to_json(self) -> dict[str, Any]:
        """Its fields; in files the resolution keeps its former name, ``grain``."""
        values = dataclasses.asdict(self)
        return {"grain" if name == "resolution" else name: values[name] for name in values}


@dataclass(frozen=True, eq=False)
class Evaluation(RichDisplay):
    """How far the heatmaps of some methods can be believed, over some images.

    Attributes:
        model: The model.
        options: How the heatmaps were made.
        measured: How they were measured.
        preprocessing: The scale of the images.
        images: The names of the images.
        explained: What was explained, in words, such as the strongest class of each image.
        targets: The target of each image.
        scores: ``(image,)`` float32: the score of each target.
        rows: The methods.
        columns: The metrics.
        values: ``(method, metric, image)`` float32; NaN where there is no number.
        random: Likewise for random maps of the resolution of each method, the mean over several.
        centre: ``(metric, image)`` float32: for the map that is brightest in the middle.
        bars: ``(method, metric, image)`` float32: what a heatmap has to beat; for most metrics the
            number of the random maps.
        count: How many images were requested; more than there are after an interruption.
        notes: What a reader should know besides.
    """

    noun: ClassVar[str] = "evaluation"

    model: ModelInfo
    options: HeatmapOptions
    measured: MeasureOptions
    preprocessing: Preprocessing
    images: tuple[str, ...]
    explained: str
    targets: tuple[Target, ...]
    scores: FloatArray
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    values: FloatArray
    random: FloatArray
    centre: FloatArray
    bars: FloatArray
    count: int
    notes: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods."""
        return tuple(row.name for row in self.rows)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(column.name for column in self.columns)

    @property
    def resolutions(self) -> tuple[tuple[int, ...], ...]:
        """The resolutions of the methods, the coarsest first, each once."""
        return tuple(sorted({row.resolution for row in self.rows}))

    @property
    def grains(self) -> tuple[tuple[int, ...], ...]:
        """The former name of :attr:`resolutions`."""
        return self.resolutions

    @functools.cached_property
    def means(self) -> FloatArray:
        """``(method, metric)``: the mean over the images."""
        return mean(self.values)

    @functools.cached_property
    def errors(self) -> FloatArray:
        """``(method, metric)``: the standard error of the mean; NaN for a single image."""
        return error(self.values)

    @functools.cached_property
    def better(self) -> FloatArray:
        """``(method, metric)``: the share of images with a number better than the bar's."""
        signs = self._signs[:, np.newaxis]
        finite = np.isfinite(self.values)
        wins = finite & (signs * self.values > signs * self.bars)
        counts = finite.sum(-1)
        return np.where(counts > 0, wins.sum(-1) / np.maximum(counts, 1), np.nan).astype(np.float32)

    @functools.cached_property
    def ahead(self) -> NDArray[np.bool_]:
        """``(method, metric)``: whether its mean is better than the bar's, mostly that of chance.

        The mean is over the images for which the method has a number.
        """
        return self._better_than(self.bars)

    @functools.cached_property
    def leading(self) -> NDArray[np.bool_]:
        """``(method, metric)``: whether it is the best, or not significantly different from it.

        A leading method has to be better in the mean than the bar and the map of the centre. Two
        methods differ significantly if the mean of their difference, image by image, is more than
        two standard errors.
        """
        signed = self._signs * self.means
        good = self.ahead & self._better_than(np.broadcast_to(self.centre, self.values.shape))
        signed = np.where(good, signed, np.nan)
        leading = np.zeros(signed.shape, bool)
        for metric in range(len(self.columns)):
            if not good[:, metric].any():
                continue
            best = int(np.nanargmax(signed[:, metric]))
            differences = self.values[best, metric] - self.values[:, metric]
            limit = MIN_STANDARD_ERRORS * np.nan_to_num(error(differences))
            leading[:, metric] = good[:, metric] & (np.abs(mean(differences)) <= limit)
        return leading

    def _better_than(self, others: FloatArray) -> NDArray[np.bool_]:
        """``(method, metric)``: whether a method is better in the mean, where both have numbers."""
        with np.errstate(invalid="ignore"):
            better: NDArray[np.bool_] = self._signs * mean(self.values - others) > 0
        return better

    @property
    def _signs(self) -> NDArray[np.int64]:
        return np.array([1 if column.higher_is_better else -1 for column in self.columns])

    def random_of(self, resolution: tuple[int, ...]) -> FloatArray:
        """``(metric, image)``: the numbers of random maps of a resolution."""
        first, *others = (n for n, row in enumerate(self.rows) if row.resolution == resolution)
        values: FloatArray = self.random[first]
        for index in others:  # which may have a number where the first has a gap
            values = np.where(np.isfinite(values), values, self.random[index])
        return values

    def of(self, method: str, metric: str) -> FloatArray:
        """``(image,)``: the numbers of a method by a metric.

        Raises:
            SelectionError: The evaluation has no such method or metric.
        """
        for name, names in ((method, self.methods), (metric, self.metrics)):
            if name not in names:
                raise SelectionError(f"no '{name}' here.{near(name, names)}")
        values: FloatArray = self.values[self.methods.index(method), self.metrics.index(metric)]
        return values

    def __repr__(self) -> str:
        return (
            f"<Evaluation of {self.model.name!r}: {plural(len(self.rows), 'method')} by "
            f"{plural(len(self.columns), 'metric')} over {plural(len(self.images), 'image')}>"
        )


def mean(values: FloatArray) -> FloatArray:
    """The mean of the finite values over the last axis; NaN if there are none."""
    finite = np.isfinite(values)
    counts = finite.sum(-1)
    total = np.where(finite, values, 0).sum(-1, dtype=np.float64)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan).astype(np.float32)


def error(values: FloatArray) -> FloatArray:
    """The standard error of that mean; NaN for fewer than two values."""
    finite = np.isfinite(values)
    counts = finite.sum(-1)
    deviations = np.where(finite, values - mean(values)[..., np.newaxis], 0)
    squares = np.square(deviations, dtype=np.float64).sum(-1)
    width = np.sqrt(squares / np.maximum(counts - 1, 1) / np.maximum(counts, 1))
    return np.where(counts > 1, width, np.nan).astype(np.float32)


def concatenate(parts: Sequence[Evaluation], order: Sequence[str]) -> Evaluation:
    """One evaluation from several of different images, in an order of their names."""
    if len(parts) == 1 and parts[0].images == tuple(order):
        return parts[0]
    names = [name for part in parts for name in part.images]
    indices = [names.index(name) for name in order]
    targets = [target for part in parts for target in part.targets]

    def joined(name: str) -> Any:
        return np.take(np.concatenate([getattr(part, name) for part in parts], -1), indices, -1)

    return dataclasses.replace(
        parts[-1],
        images=tuple(order),
        targets=tuple(targets[index] for index in indices),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        **{name: joined(name) for name in ("scores", "values", "random", "centre", "bars")},
    )
