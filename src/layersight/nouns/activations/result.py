"""The feature maps of every layer, with the statistics of each channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.image import InputImage
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import Prediction
from layersight.document.words import plural
from layersight.errors import SelectionError, near
from layersight.nouns.survey.result import Survey


@dataclass(frozen=True, eq=False, slots=True)
class ChannelStatistics:
    """Numbers of every channel for every image, each array ``(image, channel)``.

    Attributes:
        mean: Mean over the positions, float32.
        std: Standard deviation over the positions, float32.
        min: Least value, float32.
        max: Greatest value, float32.
        sparsity: Share of exact zeros, 0..1, float32.
        dead: Whether the map is constant for this image, bool. A map of one position (a
            dense unit) has nothing to vary over and is never called dead.
        finite: Whether every value is a number, bool.
    """

    mean: FloatArray
    std: FloatArray
    min: FloatArray
    max: FloatArray
    sparsity: FloatArray
    dead: NDArray[np.bool_]
    finite: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class AmongImages:
    """How the channels of a layer compare with the images of a survey.

    Attributes:
        images: How many images it has.
        below: ``(image, channel)``: the share of them whose greatest activation is no greater,
            to the width of the survey's bins; NaN where that is not known.
        dead: ``(channel,)``: whether the channel is dead over all of them.
        survey: The survey, which has its strongest images.
    """

    images: int
    below: FloatArray
    dead: NDArray[np.bool_]
    survey: Survey


@dataclass(frozen=True, eq=False, slots=True)
class LayerActivation:
    """The activation of one layer for the images.

    Attributes:
        layer: Which layer.
        values: ``(image, height, width, channel)`` float32, channels last whatever the
            model's own order; ``(image, length, channel)`` or ``(image, depth, height,
            width, channel)`` for 1-D and 3-D layers, ``(image, unit)`` for dense ones.
        channels: The numbers of the channels that ``values`` holds, in order.
        statistics: Numbers of each channel.
        low: ``(image,)`` float32: the least value of all channels of the layer, whether ``values``
            holds them or not, except those with a value that is not finite; NaN without any.
        high: Likewise the greatest.
        among: How its channels compare with the images of a survey; ``None`` without one, or for
            a layer that it did not count.
    """

    layer: LayerInfo
    values: FloatArray
    channels: tuple[int, ...]
    statistics: ChannelStatistics
    low: FloatArray
    high: FloatArray
    among: AmongImages | None = None

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def has_maps(self) -> bool:
        """Whether there is a spatial axis, so that each channel is a map."""
        return self.values.ndim >= 3

    def maps(self, image: int = 0) -> FloatArray:
        """The channels of one image, channel first: ``(channel, *spatial)``, a view."""
        return np.moveaxis(self.values[image], -1, 0)

    def dead(self, image: int = 0) -> int:
        """How many channels are dead for that image."""
        return int(self.statistics.dead[image].sum())

    def sparsity(self, image: int = 0) -> float:
        """The share of exact zeros over all channels for that image, 0..1."""
        return float(self.statistics.sparsity[image].mean(dtype=np.float64))

    def part(self, image: int, channels: slice) -> LayerActivation:
        """One image, and a slice of the channels."""
        images = slice(image, image + 1)
        names = (entry.name for entry in dataclasses.fields(self.statistics))
        statistics = {name: getattr(self.statistics, name)[images, channels] for name in names}
        among = self.among
        if among is not None:
            below, dead = among.below[images, channels], among.dead[channels]
            among = dataclasses.replace(among, below=below, dead=dead)
        return dataclasses.replace(
            self,
            values=self.values[images][..., channels],
            channels=self.channels[channels],
            statistics=ChannelStatistics(**statistics),
            low=self.low[images],
            high=self.high[images],
            among=among,
        )


@dataclass(frozen=True, eq=False)
class Activations(Mapping[str, FloatArray], RichDisplay):
    """The feature maps of some layers for some images.

    A mapping from the layers' names to arrays: ``maps["conv2d_1"]`` is ``(image, height,
    width, channel)``.

    Attributes:
        model: The model they are of.
        images: The images, in the order of the arrays' first axis.
        layers: The activation of each layer, in the order in which the layers run.
        predictions: For each image what each output says, or empty if not requested.
        notes: What a reader should also know, such as a size that had to be chosen.
    """

    noun: ClassVar[str] = "activations"

    model: ModelInfo
    images: tuple[InputImage, ...]
    layers: tuple[LayerActivation, ...]
    predictions: tuple[tuple[Prediction, ...], ...] = ()
    notes: tuple[str, ...] = ()
    _by_name: dict[str, LayerActivation] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({entry.name: entry for entry in self.layers})

    def __getitem__(self, name: str) -> FloatArray:
        return self.layer(name).values

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    # Results are compared by identity; Mapping would compare whole arrays.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return (
            f"<Activations of {self.model.name!r}: {plural(len(self.images), 'image')}, "
            f"{plural(len(self.layers), 'layer')}, {self.map_count} maps>"
        )

    @property
    def map_count(self) -> int:
        """How many feature maps there are for one image, over all layers that have maps."""
        return sum(len(entry.channels) for entry in self.layers if entry.has_maps)

    def layer(self, name: str) -> LayerActivation:
        """One layer with its statistics.

        Raises:
            SelectionError: No such layer is among these activations.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise SelectionError(
                f"no activations of a layer '{name}' here.{near(name, self._by_name)}"
            ) from None
