"""Heatmaps by image, and parts of a result as a result.

The rule of this module: maps keep the order in which they were asked for: targets, and for each
the methods.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from layersight.data.image import InputImage, Photograph
from layersight.data.prediction import Prediction
from layersight.data.target import Target
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps


@dataclass(frozen=True, eq=False, slots=True)
class ImageMaps:
    """The maps of one image, by where they stand in ``result``."""

    result: Heatmaps
    image: int
    indices: tuple[int, ...]

    @property
    def maps(self) -> tuple[Heatmap, ...]:
        return tuple(self.result.maps[index] for index in self.indices)

    @property
    def shown(self) -> InputImage:
        return self.result.images[self.image]

    @property
    def name(self) -> str:
        return self.shown.name

    @property
    def photograph(self) -> Photograph:
        return self.result.photographs[self.image]

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        given = self.result.predictions
        return given[self.image] if self.image < len(given) else ()

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.method for entry in self.maps))

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(dict.fromkeys(entry.target for entry in self.maps))

    def of_method(self, method: str) -> tuple[int, ...]:
        return tuple(index for index in self.indices if self.result.maps[index].method == method)


def by_image(result: Heatmaps) -> list[ImageMaps]:
    """The images that there are maps of, in their order."""
    found: dict[int, list[int]] = {}
    for index, entry in enumerate(result):
        found.setdefault(entry.image, []).append(index)
    return [ImageMaps(result, image, tuple(found[image])) for image in sorted(found)]


def only(result: Heatmaps, indices: Sequence[int]) -> Heatmaps:
    """The result with some of its maps, and the images that these are of."""
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
    known = ((place, result.places.get(index)) for place, index in enumerate(indices))
    part.places.update({place: found for place, found in known if found is not None})
    return part


def default_view(result: Heatmaps) -> str:
    groups = by_image(result)
    return view_of(groups[0]) if len(groups) == 1 else "sheet"


def view_of(group: ImageMaps) -> str:
    if len(group.indices) == 1:
        return "single"
    return "row" if len(group.methods) == 1 else "table"
