"""How far heatmaps can be believed, as frozen data.

The rule of this module: no number of a method without the number of maps that know nothing: random
ones and the one that is brightest in the middle.
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

MIN_STANDARD_ERRORS = 2.0  # how many standard errors a difference has to have to be told from none


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of an evaluation.

    Attributes:
        name: As ``--score`` calls it.
        title: The head of its column.
        says: What its number is, in a sentence.
        misleads: When it misleads, in a sentence.
        source: Where it was published.
        higher_is_better: Which way is good.
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
        name: As ``--method`` calls it.
        title: What a caption calls it.
        source: Where it was published.
        layers: The layers whose maps it used; empty for methods that need none.
        resolution: Of how many cells its maps are made, height and width: that of the random maps
            beside it.
        warning: What has to be said of it wherever it is shown, or ``None``.
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
        model: The model they are of.
        options: How the heatmaps were made.
        measured: How they were measured.
        preprocessing: How the images were brought to the network.
        images: The names of the images.
        explained: What was explained, in words, such as the strongest class of each image.
        targets: What that was of each image.
        scores: ``(image,)`` float32: what the network gives for it.
        rows: The methods.
        columns: The metrics.
        values: ``(method, metric, image)`` float32; not a number where there is nothing to tell.
        random: Likewise of random maps of the resolution of each method, the mean over several.
        centre: ``(metric, image)`` float32: of the map that is brightest in the middle.
        bars: ``(method, metric, image)`` float32: what a heatmap has to be better than; most often
            the number of the random maps.
        count: How many images there would have been; more than there are after an interruption.
        notes: What a reader should know beside.
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
        """``(method, metric)``: the standard error of the mean; of one image not a number."""
        return error(self.values)

    @functools.cached_property
    def better(self) -> FloatArray:
        """``(method, metric)``: the share of images with a number better than the bar's."""
        signs = self._signs[:, np.newaxis]
        known = np.isfinite(self.values)
        wins = known & (signs * self.values > signs * self.bars)
        counts = known.sum(-1)
        return np.where(counts > 0, wins.sum(-1) / np.maximum(counts, 1), np.nan).astype(np.float32)

    @functools.cached_property
    def ahead(self) -> NDArray[np.bool_]:
        """``(method, metric)``: whether its mean is better than the bar's: most often, than chance.

        Of the images of which the method has a number.
        """
        return self._better_than(self.bars)

    @functools.cached_property
    def leading(self) -> NDArray[np.bool_]:
        """``(method, metric)``: whether it is the best, or not told apart from the best.

        What is not better in the mean than the bar, and than the map of the centre, never is. Told
        apart are two methods whose difference, image by image, is in the mean more than two
        of its standard errors.
        """
        signed = self._signs * self.means
        good = self.ahead & self._better_than(np.broadcast_to(self.centre, self.values.shape))
        signed = np.where(good, signed, np.nan)
        found = np.zeros(signed.shape, bool)
        for place in range(len(self.columns)):
            if not good[:, place].any():
                continue
            best = int(np.nanargmax(signed[:, place]))
            apart = self.values[best, place] - self.values[:, place]
            distance, width = np.abs(mean(apart)), error(apart)
            found[:, place] = good[:, place] & (
                (distance == 0) | (distance <= MIN_STANDARD_ERRORS * np.nan_to_num(width))
            )
        return found

    def _better_than(self, rivals: FloatArray) -> NDArray[np.bool_]:
        """``(method, metric)``: whether a method is better in the mean, where both are known."""
        with np.errstate(invalid="ignore"):
            found: NDArray[np.bool_] = self._signs * mean(self.values - rivals) > 0
        return found

    @property
    def _signs(self) -> NDArray[np.int64]:
        return np.array([1 if column.higher_is_better else -1 for column in self.columns])

    def random_of(self, resolution: tuple[int, ...]) -> FloatArray:
        """``(metric, image)``: what random maps of a resolution get."""
        alike = [place for place, row in enumerate(self.rows) if row.resolution == resolution]
        found: FloatArray = self.random[alike[0]]
        for place in alike[1:]:  # where a method has a gap another may have none
            found = np.where(np.isfinite(found), found, self.random[place])
        return found

    def of(self, method: str, metric: str) -> FloatArray:
        """``(image,)``: the numbers of a method by a metric.

        Raises:
            SelectionError: There is no such method or metric here.
        """
        for name, known in ((method, self.methods), (metric, self.metrics)):
            if name not in known:
                raise SelectionError(f"no '{name}' here.{near(name, known)}")
        found: FloatArray = self.values[self.methods.index(method), self.metrics.index(metric)]
        return found

    def __repr__(self) -> str:
        return (
            f"<Evaluation of {self.model.name!r}: {plural(len(self.rows), 'method')} by "
            f"{plural(len(self.columns), 'metric')} over {plural(len(self.images), 'image')}>"
        )


def mean(values: FloatArray) -> FloatArray:
    """The mean over the last axis of what is a number; not a number where nothing is."""
    known = np.isfinite(values)
    counts = known.sum(-1)
    total = np.where(known, values, 0).sum(-1, dtype=np.float64)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan).astype(np.float32)


def error(values: FloatArray) -> FloatArray:
    """The standard error of that mean; not a number for fewer than two numbers."""
    known = np.isfinite(values)
    counts = known.sum(-1)
    apart = np.where(known, values - mean(values)[..., np.newaxis], 0)
    squares = np.square(apart, dtype=np.float64).sum(-1)
    width = np.sqrt(squares / np.maximum(counts - 1, 1) / np.maximum(counts, 1))
    return np.where(counts > 1, width, np.nan).astype(np.float32)


def concatenate(parts: Sequence[Evaluation], order: Sequence[str]) -> Evaluation:
    """One evaluation of several of different images, in an order of their names."""
    if len(parts) == 1 and parts[0].images == tuple(order):
        return parts[0]
    names = [name for part in parts for name in part.images]
    places = [names.index(name) for name in order]
    targets = [target for part in parts for target in part.targets]

    def joined(name: str) -> Any:
        return np.take(np.concatenate([getattr(part, name) for part in parts], -1), places, -1)

    return dataclasses.replace(
        parts[-1],
        images=tuple(order),
        targets=tuple(targets[place] for place in places),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        **{name: joined(name) for name in ("scores", "values", "random", "centre", "bars")},
    )
