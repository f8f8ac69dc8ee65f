"""What every channel does over a data set, as frozen data.

The rule of this module: every number is over the whole data set, and says of what: of activations
(every position of every image), of peaks (the greatest activation of each image) or of means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.document.words import plural
from layersight.errors import SelectionError, few, near

Ints = NDArray[np.int64]
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
"""Which percentiles of peaks and means a survey holds."""


@dataclass(frozen=True, eq=False, slots=True)
class Histogram:
    """How many images have a number in which range.

    Attributes:
        edges: ``(bin, 2)`` float64: the ends of each bin, in rising order; 0 and 0 for numbers
            that are 0.
        counts: ``(channel, bin)`` int64.
        percentiles: ``(channel, percentile)`` float64, as :data:`PERCENTILES` names them, to a
            relative error of :data:`layersight.nouns.survey.bins.ERROR`.
    """

    edges: NDArray[np.float64]
    counts: Ints
    percentiles: NDArray[np.float64]

    def share_below(self, channel: int, value: float) -> float:
        """The share of images whose number is at most a value, to the width of a bin.

        NaN without images, or for a value that is NaN.
        """
        counts = self.counts[channel]
        total = int(counts.sum())
        if not total or value != value:
            return float("nan")
        return float(counts[self.edges[:, 0] <= value].sum()) / total


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """The strongest images of each channel, the strongest first; or the weakest likewise.

    Attributes:
        images: ``(channel, rank)`` int64: indices into ``Survey.names``; -1 where there is none.
        activations: ``(channel, rank)`` float32: the peak of each image.
        positions: ``(channel, rank, axis)`` int64: where it is in the map.
        boxes: ``(channel, rank, 4)`` int64: the pixels that this position depends on, ``y0, x0, y1,
            x1``, in pixels of what the network got; all -1 where that is no picture.
        crops: ``(channel, rank)`` int64: the number of the picture of these pixels in
            ``Survey.crops``; -1 where there is none.
    """

    images: Ints
    activations: FloatArray
    positions: Ints
    boxes: Ints
    crops: Ints


@dataclass(frozen=True, eq=False, slots=True)
class LayerSurvey:
    """What the channels of a layer do over a data set.

    Every array has a number for each channel, ``(channel,)``, unless stated otherwise.

    Attributes:
        layer: The layer.
        images: How many images count, int64: those whose map holds only finite numbers.
        broken: How many images have a map with a value that is not finite, int64.
        count: How many activations, int64.
        mean: The mean of all activations, float64.
        std: Their standard deviation, float64.
        min: The least, float32.
        max: The greatest, float32.
        sparsity: The share of activations that are exactly 0, float64.
        firing: The share of images whose peak is above 0, float64.
        dead: Whether all activations of all images are one number, but for rounding.
        peaks: The greatest activation of each image.
        means: The mean activation of each image.
        strongest: The images with the greatest peaks.
        weakest: The images with the least peaks.
        class_images: ``(class, channel)`` int64.
        class_means: ``(class, channel)`` float64: the mean of the means of the images of a class.
        class_peaks: ``(class, channel)`` float64: the mean of their peaks.
        selectivity: The class selectivity index of the means, ``(a - b) / (a + b)``, where a is
            the greatest mean of a class and b the mean of those of all others (Morcos et al., On
            the importance of single directions for generalization, ICLR 2018): 0 for a channel
            that is alike for all classes, 1 for one that is active for a single class. Not a
            number with less than two classes, or where the mean of a class is negative.
        preferred: The index of that class, -1 without one, int64.
        neighbours: ``(channel, rank)`` int64: the channels of the layer whose means
            correlate most with its own; ``None`` if that was not requested.
        correlations: ``(channel, rank)`` float64: their correlation, over images.
    """

    layer: LayerInfo
    images: Ints
    broken: Ints
    count: Ints
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    min: FloatArray
    max: FloatArray
    sparsity: NDArray[np.float64]
    firing: NDArray[np.float64]
    dead: NDArray[np.bool_]
    peaks: Histogram
    means: Histogram
    strongest: Examples
    weakest: Examples
    class_images: Ints
    class_means: NDArray[np.float64]
    class_peaks: NDArray[np.float64]
    selectivity: NDArray[np.float64]
    preferred: Ints
    neighbours: Ints | None = None
    correlations: NDArray[np.float64] | None = None

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.layer.name

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return len(self.images)


@dataclass(frozen=True, eq=False, slots=True)
class Twins:
    """For each channel of a layer those of another whose means correlate most with its own.

    The other layer is one of ``Survey.other`` where that is a model.

    Attributes:
        first: The name of the layer.
        second: The name of the other.
        channels: ``(channel, rank)`` int64: channels of the other; -1 where there is none.
        correlations: ``(channel, rank)`` float64: over the images.
    """

    first: str
    second: str
    channels: Ints
    correlations: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Survey(RichDisplay, Mapping[str, LayerSurvey]):
    """What every channel does over a data set, by the names of the layers.

    Attributes:
        model: The network.
        preprocessing: How the images were brought to it.
        size: Height and width in pixels of what it got; ``None`` where that is no picture.
        layers: The survey of each layer.
        images: How many images were read.
        unreadable: The name of each that could not be read, and why.
        content: A digest of all images and their names.
        classes: The names of the classes.
        class_images: How many images each has.
        names: The names of the images that are among the strongest or weakest, in order.
        crops: The pictures of what they show there, as the bytes of JPEG files.
        settings: What else a number depends on, JSON-ready.
        notes: What a reader should know.
        twins: The twins of the requested pairs of layers.
        other: The other model, if its layers are the second of all twins.
        counted_as: Layers that were counted after their activation function, which is a layer by
            itself: their names, and the name of that layer.
    """

    noun: ClassVar[str] = "survey"

    model: ModelInfo
    preprocessing: Preprocessing
    size: tuple[int, int] | None
    layers: tuple[LayerSurvey, ...]
    images: int
    unreadable: tuple[tuple[str, str], ...]
    content: str
    classes: tuple[str, ...]
    class_images: tuple[int, ...]
    names: tuple[str, ...]
    crops: Sequence[bytes]
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    twins: tuple[Twins, ...] = ()
    other: ModelInfo | None = None
    counted_as: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> LayerSurvey:
        for entry in self.layers:
            if entry.name == name:
                return entry
        if name in self.counted_as:
            raise SelectionError(self.uncounted([name]))
        raise SelectionError(f"no layer '{name}' in the survey.{near(str(name), list(self))}")

    @property
    def other_name(self) -> str:
        """The name of the other model, or of its file where both models have one name."""
        if self.other is None:
            return ""
        file = PurePath(self.other.source)
        return file.name if self.other.name == self.model.name and file.suffix else self.other.name

    def standing_for(self, name: str) -> LayerSurvey | None:
        """The survey of a layer, or of its activation function; ``None`` if there is neither."""
        counted = self.counted_as.get(name, name)
        return next((entry for entry in self.layers if entry.name == counted), None)

    def twins_of(self, layer: str, channel: int) -> list[tuple[str, int, float]]:
        """The channels of other layers that correlate with a channel: layer, number, correlation.

        Those that correlate most with it come first.
        """
        twins = [
            (pair.second, int(other), float(value))
            for pair in self.twins
            if pair.first == layer
            for other, value in zip(pair.channels[channel], pair.correlations[channel], strict=True)
            if other >= 0
        ]
        return sorted(twins, key=lambda twin: -twin[2])

    def uncounted(self, names: Iterable[str]) -> str:
        """Which of these layers it did not count, in words; empty if it counted all."""
        missing = [name for name in dict.fromkeys(names) if name not in self]
        unknown = [name for name in missing if name not in self.counted_as]
        words = [f"the survey did not count {few(unknown)}"] if unknown else []
        if others := [f"{n} as {self.counted_as[n]}" for n in missing if n in self.counted_as]:
            words.append(f"the survey counted {few(others)}, after the activation function")
        return "; ".join(words)

    def __iter__(self) -> Any:
        return (entry.name for entry in self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __contains__(self, name: object) -> bool:
        return any(entry.name == name for entry in self.layers)

    def crop(self, number: int) -> NDArray[np.uint8]:
        """A picture of ``crops`` as pixels, ``(height, width, 1 or 3)`` uint8."""
        import io

        from PIL import Image

        pixels = np.asarray(Image.open(io.BytesIO(self.crops[number]), formats=["JPEG"]))
        return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels

    def __repr__(self) -> str:
        channels = sum(entry.channels for entry in self.layers)
        return (
            f"<Survey of {self.model.name!r}: {plural(channels, 'channel')} of "
            f"{plural(len(self.layers), 'layer')} over {plural(self.images, 'image')}>"
        )
