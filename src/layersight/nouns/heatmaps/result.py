"""Heatmaps as frozen data, and the maps of each image.

The rule of this module: a heatmap always comes with the score that it explains, and the method and
layer that made it. Maps keep the order of the request: targets, and for each the methods.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.image import InputImage, Photograph
from layersight.data.model import ModelInfo
from layersight.data.prediction import Prediction
from layersight.data.target import Target
from layersight.document.words import plural
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.nouns.survey.result import Examples, LayerSurvey, Survey


@dataclass(frozen=True, slots=True)
class Curve:
    """The scores that a metric is computed from.

    Attributes:
        shares: The shares of pixels deleted, inserted or replaced, rising from 0 to 1.
        scores: The score of the target at each share.
    """

    shares: tuple[float, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """The value of one metric for one heatmap.

    Attributes:
        metric: Its name, as in ``--score``.
        value: The value of the heatmap.
        random: The value of random maps for the same image, the mean over several.
        centre: The value of a map that is brightest in the middle, whatever the image.
        higher_is_better: Whether high values are good.
        curve: The scores that it is computed from, for metrics that have a curve.
        bar: The value that a heatmap has to beat to pass; ``None``: that of the random maps.
    """

    metric: str
    value: float
    random: float
    centre: float
    higher_is_better: bool
    curve: Curve | None = None
    bar: float | None = None

    @property
    def better_than_random(self) -> bool:
        """Whether the heatmap is better than the random map."""
        return self._better_than(self.random)

    @property
    def better_than_centre(self) -> bool:
        """Whether the heatmap is better than the map of the centre."""
        return self._better_than(self.centre)

    @property
    def passes(self) -> bool:
        """Whether the heatmap is better than the bar, by default the random map."""
        return self._better_than(self.random if self.bar is None else self.bar)

    def _better_than(self, bar: float) -> bool:
        return self.value > bar if self.higher_is_better else self.value < bar


@dataclass(frozen=True, eq=False, slots=True)
class Heatmap:
    """The pixels that decided a target, according to one method.

    Attributes:
        image: The number of the image.
        method: The name of the method.
        target: What is explained.
        score: The network's number for the target: a probability if it gives one.
        explained: The number that the method attributes to pixels: the logit, or the score.
        layers: The layers whose maps were used; empty for methods that need none.
        values: ``(height, width)`` float32 in the size of the network's input; not normalised.
        signed: Whether values below :attr:`neutral` count against the target; else none is below 0.
        coarse: What the method gave before it was enlarged, ``(height, width)``.
        empty: Whether all values are 0: the method found nothing.
        measures: The values of the requested metrics.
        notes: What a reader should know besides.
        neutral: The value that means neither for nor against: 0, or the mean score for a method
            whose values are scores.
        below: The share of the images of a survey with no greater score, to the width of the
            survey's bins; NaN without a survey, or if it did not count the target.
    """

    image: int
    method: str
    target: Target
    score: float
    explained: float
    layers: tuple[str, ...]
    values: FloatArray
    signed: bool
    coarse: FloatArray
    empty: bool = False
    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    neutral: float = 0.0
    below: float = float("nan")

    @property
    def ground(self) -> float:
        """The former name of :attr:`neutral`."""
        return self.neutral

    @property
    def heat(self) -> FloatArray:
        """The values less :attr:`neutral`, ``(height, width)``."""
        return self.above_neutral(self.values)

    def above_neutral(self, values: FloatArray) -> FloatArray:
        return values - np.float32(self.neutral) if self.neutral else values


@dataclass(frozen=True, slots=True)
class HeatLocation:
    """Where the heat lies, in pixels of the file; ``None`` for a map without heat.

    For signals, vectors, frames and slices in positions of the network's input.

    Attributes:
        axes: The names of coordinates: ``("x", "y")``, ``("x", "y", "frame")``, ``("position",)``
            or ``("unit",)``.
        hottest: The pixel of the greatest value.
        centre: The centre of mass of the evidence for the target.
        box: The smallest box around the hottest fifth of the visible pixels: the first of each
            axis, then the end of each, exclusive. ``None`` for vectors.
    """

    axes: tuple[str, ...]
    hottest: tuple[int, ...] | None
    centre: tuple[float, ...] | None
    box: tuple[int, ...] | None


@dataclass(frozen=True, eq=False)
class Heatmaps(RichDisplay):
    """The heatmaps of some images, targets and methods.

    Attributes:
        model: The model.
        options: How they were made.
        images: The images, as the network saw them.
        photographs: The same in their own size.
        maps: Image by image, target by target, method by method.
        predictions: The predictions of each output for each image.
        titles: The title of each method in captions.
        warnings: For each method that can mislead, the sentence that its pictures must contain.
        notes: What a reader should know besides, such as how the layer was chosen.
        survey: The survey, if one was given, which has the strongest images of what is explained.
        places: Where the heat of maps lies, by their index; computed on demand.
    """

    noun: ClassVar[str] = "heatmaps"

    model: ModelInfo
    options: HeatmapOptions
    images: tuple[InputImage, ...]
    photographs: tuple[Photograph, ...]
    maps: tuple[Heatmap, ...]
    predictions: tuple[tuple[Prediction, ...], ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    survey: Survey | None = None
    places: dict[int, HeatLocation] = field(init=False, repr=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.maps)

    def __iter__(self) -> Iterator[Heatmap]:
        return iter(self.maps)

    def __getitem__(self, index: int) -> Heatmap:
        return self.maps[index]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, in the order of the request."""
        return tuple(dict.fromkeys(entry.method for entry in self.maps))

    @property
    def surveyed(self) -> int:
        """How many images the survey is of; 0 without one."""
        return 0 if self.survey is None else self.survey.images

    def strongest(self, target: Target) -> tuple[Survey, LayerSurvey, Examples] | None:
        """The survey, what it counted of a target's layer, and the images that show it most.

        Those are the images that excite the unit or channel most; of evidence against it, as of the
        other class of a single unit, those that excite it least, unless these are all equal.
        ``None`` for the difference of two, and where the layer was not counted.
        """
        entry = None if self.survey is None else self.survey.standing_for(target.layer)
        if self.survey is None or entry is None or target.against is not None:
            return None
        if target.sign > 0:
            return self.survey, entry, entry.strongest
        values = entry.weakest.activations[target.unit]
        return (self.survey, entry, entry.weakest) if (values != values[0]).any() else None

    def __repr__(self) -> str:
        return (
            f"<Heatmaps of {self.model.name!r}: {plural(len(self.maps), 'map')} of "
            f"{plural(len(self.images), 'image')}, by {', '.join(self.methods)}>"
        )


@dataclass(frozen=True, eq=False, slots=True)
class ImageMaps:
    """The maps of one image, by their indices in ``result``."""

    result: Heatmaps
    image: int
    indices: tuple[int, ...]

    @property
    def maps(self) -> tuple[Heatmap, ...]:
        return tuple(self.result.maps[index] for index in self.indices)

    @property
    def input(self) -> InputImage:
        return self.result.images[self.image]

    @property
    def name(self) -> str:
        return self.input.name

    @property
    def photograph(self) -> Photograph:
        return self.result.photographs[self.image]

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        predictions = self.result.predictions
        return predictions[self.image] if self.image < len(predictions) else ()

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.method for entry in self.maps))

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(entry.target for entry in self.maps))

    def of_method(self, method: str) -> tuple[int, ...]:
        return tuple(index for index in self.indices if self.result.maps[index].method == method)


def group_by_image(result: Heatmaps) -> list[ImageMaps]:
    """The maps of each image that has some, in the order of images."""
    groups: dict[int, list[int]] = {}
    for index, entry in enumerate(result):
        groups.setdefault(entry.image, []).append(index)
    return [ImageMaps(result, image, tuple(groups[image])) for image in sorted(groups)]


def select_maps(result: Heatmaps, indices: Sequence[int]) -> Heatmaps:
    """The result with some of its maps, and their images."""
    maps = [result.maps[index] for index in indices]
    images = sorted({entry.image for entry in maps})
    numbers = {image: number for number, image in enumerate(images)}
    part = dataclasses.replace(
        result,
        images=tuple(result.images[image] for image in images),
        photographs=tuple(result.photographs[image] for image in images),
        predictions=tuple(result.predictions[image] for image in images)
        if result.predictions
        else (),
        maps=tuple(dataclasses.replace(entry, image=numbers[entry.image]) for entry in maps),
    )
    for number, index in enumerate(indices):
        if index in result.places:
            part.places[number] = result.places[index]
    return part


def default_view(result: Heatmaps) -> str:
    groups = group_by_image(result)
    return image_view(groups[0]) if len(groups) == 1 else "sheet"


def image_view(group: ImageMaps) -> str:
    if len(group.indices) == 1:
        return "single"
    return "row" if len(group.methods) == 1 else "table"
