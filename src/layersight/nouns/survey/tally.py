"""Statistics of the channels of a layer over some images.

The rule of this module: tallies of parts of the data add up to the tally of all data, to the last
bit, for any parts in any order: counts are whole numbers, sums are exact
(:mod:`layersight.nouns.survey.exact`), and of images that are equally strong the one with the
lower number comes first. The size of a tally depends on channels, classes and the length of the
lists, never on the number of images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.nouns.survey.bins import Bins
from layersight.nouns.survey.exact import NARROW, WIDE, Digits
from layersight.nouns.survey.rows import Rows

Counts = NDArray[np.int64]
NONE = -1
"""In place of the number of an image where a list has none."""


@dataclass(frozen=True, eq=False, slots=True)
class Extremes:
    """The strongest images of each channel, or the weakest.

    Attributes:
        images: ``(channel, rank)`` int64: their numbers, :data:`NONE` after the last.
        values: ``(channel, rank)`` float32: the peak of each.
        positions: ``(channel, rank)`` int32: where that is, as in :class:`Rows`.
        strongest: Whether the greatest peaks come first, else the least.
    """

    images: Counts
    values: FloatArray
    positions: NDArray[np.int32]
    strongest: bool

    @classmethod
    def empty(cls, channels: int, length: int, *, strongest: bool) -> Extremes:
        """Empty lists."""
        shape = (channels, length)
        return cls(
            np.full(shape, NONE, np.int64),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.int32),
            strongest,
        )

    def add(self, other: Extremes) -> Extremes:
        """The lists of both together, as long as these."""
        images, values, positions = (
            np.concatenate([getattr(self, name), getattr(other, name)], axis=1)
            for name in ("images", "values", "positions")
        )
        length = self.images.shape[1]
        keys = self._sort_keys(values, images)
        first = np.argpartition(keys, length - 1, axis=1)[:, :length] if length else keys[:, :0]
        order = np.argsort(np.take_along_axis(keys, first, 1), axis=1)
        first = np.take_along_axis(first, order, 1)
        images, values, positions = (
            np.take_along_axis(array, first, 1) for array in (images, values, positions)
        )
        return Extremes(images, values, positions, self.strongest)

    def _sort_keys(self, values: FloatArray, images: Counts) -> Counts:
        """Whole numbers by which the images are sorted, the least first."""
        bits = np.ascontiguousarray(values, np.float32).view(np.int32).astype(np.int64)
        rising = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
        keys = ((-rising if self.strongest else rising) << 31) + images
        return np.where(images == NONE, np.iinfo(np.int64).max, keys)


@dataclass(frozen=True, eq=False, slots=True)
class Classes:
    """Sums for each class.

    Attributes:
        numbers: ``(class,)`` int64: which classes were seen, in order.
        images: ``(class, channel)`` int64: how many images of each.
        means: ``(class, channel, digit)``: the sum of the means of their maps.
        peaks: ``(class, channel, digit)``: the sum of their peaks.
    """

    numbers: Counts
    images: Counts
    means: Digits
    peaks: Digits

    @classmethod
    def of(cls, rows: Rows, classes: Counts) -> Classes:
        """The sums of some images.

        Args:
            rows: Their rows.
            classes: ``(image,)``: the class of each, :data:`NONE` for an image of none.
        """
        numbers = np.unique(classes[classes != NONE])
        shape = (len(numbers), rows.peak.shape[1])
        sums = cls(
            numbers,
            np.zeros(shape, np.int64),
            *(np.zeros((*shape, NARROW.digits), np.int64) for _ in range(2)),
        )
        for index, number in enumerate(numbers):
            members = classes == number
            sums.images[index] = rows.finite[members].sum(0)
            sums.means[index] = NARROW.total(rows.mean[members])
            sums.peaks[index] = NARROW.total(rows.peak[members].astype(np.float64))
        return sums

    def add(self, other: Classes) -> Classes:
        """The sums of both together."""
        numbers = np.union1d(self.numbers, other.numbers)

        def joined(name: str) -> Counts:
            sums = np.zeros((len(numbers), *getattr(self, name).shape[1:]), np.int64)
            for classes in (self, other):
                sums[np.searchsorted(numbers, classes.numbers)] += getattr(classes, name)
            return sums

        means, peaks = (NARROW.normalised(joined(name)) for name in ("means", "peaks"))
        return Classes(numbers, joined("images"), means, peaks)


@dataclass(frozen=True, eq=False, slots=True)
class Tally:
    """Statistics of the channels of a layer over some images.

    A map with an activation that is not finite counts as broken, and for nothing else.

    Attributes:
        counts: ``(5, channel)`` int64: images; broken maps; activations; activations that are 0;
            images whose peak is above 0.
        range: ``(2, channel)`` float32: least and greatest activation; infinite before any.
        sums: ``(3, channel, digit)``: the sum of all activations; for each map the square of its
            sum, divided by the number of its positions, added up; the sums of squared differences
            of activations from the mean of their map.
        peaks: A histogram of the images' peaks.
        means: A histogram of the means of their maps.
        strongest: The images with the greatest peaks.
        weakest: The images with the least peaks.
        classes: Sums for each class.
    """

    counts: Counts
    range: FloatArray
    sums: Digits
    peaks: Bins
    means: Bins
    strongest: Extremes
    weakest: Extremes
    classes: Classes

    @classmethod
    def empty(cls, channels: int, length: int) -> Tally:
        """The tally before any image."""
        top, bottom = (Extremes.empty(channels, length, strongest=which) for which in (True, False))
        return cls(
            np.zeros((5, channels), np.int64),
            np.stack([np.full(channels, sign * np.inf, np.float32) for sign in (1, -1)]),
            np.zeros((3, channels, WIDE.digits), np.int64),
            Bins.empty(channels),
            Bins.empty(channels),
            top,
            bottom,
            Classes(
                np.zeros(0, np.int64),
                np.zeros((0, channels), np.int64),
                *(np.zeros((0, channels, NARROW.digits), np.int64) for _ in range(2)),
            ),
        )

    @classmethod
    def of(cls, rows: Rows, positions: int, images: Counts, classes: Counts, length: int) -> Tally:
        """The tally of some images.

        Args:
            rows: Their rows.
            positions: How many activations a map has.
            images: Their numbers.
            classes: The class of each, :data:`NONE` for an image of none.
            length: How many images a list holds.
        """
        finite = rows.finite
        counted = finite.sum(0)
        fired = (finite & (rows.peak > 0)).sum(0)
        zeros = rows.zeros.sum(0, dtype=np.int64)
        counts = [counted, len(rows) - counted, counted * positions, zeros, fired]
        low = np.where(finite, rows.low, np.float32(np.inf)).min(0)
        high = np.where(finite, rows.peak, np.float32(-np.inf)).max(0)
        sums = (rows.mean * positions, rows.mean * rows.mean * positions, rows.spread)
        numbers = np.where(finite, images[:, np.newaxis], NONE).T
        top, bottom = (
            Extremes.empty(len(counted), length, strongest=which).add(
                Extremes(numbers, rows.peak.T, rows.position.T, which)
            )
            for which in (True, False)
        )
        return cls(
            np.stack(counts).astype(np.int64),
            np.stack([low, high]),
            np.stack([WIDE.total(part) for part in sums]),
            Bins.of(rows.peak, finite),
            Bins.of(rows.mean.astype(np.float32), finite),
            top,
            bottom,
            Classes.of(rows, classes),
        )

    def add(self, other: Tally) -> Tally:
        """The tally of both together."""
        return Tally(
            self.counts + other.counts,
            np.stack(
                [
                    np.minimum(self.range[0], other.range[0]),
                    np.maximum(self.range[1], other.range[1]),
                ]
            ),
            WIDE.add(self.sums, other.sums),
            self.peaks.add(other.peaks),
            self.means.add(other.means),
            self.strongest.add(other.strongest),
            self.weakest.add(other.weakest),
            self.classes.add(other.classes),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The tally as arrays by name, counts in as few bytes as hold them."""
        top, bottom = self.strongest, self.weakest
        return {
            "counts": self.counts,
            "range": self.range,
            "sums": self.sums,
            "peak_keys": self.peaks.keys,
            "peak_counts": _small(self.peaks.counts),
            "mean_keys": self.means.keys,
            "mean_counts": _small(self.means.counts),
            "images": np.stack([top.images, bottom.images]),
            "values": np.stack([top.values, bottom.values]),
            "positions": np.stack([top.positions, bottom.positions]),
            "class_numbers": self.classes.numbers,
            "class_images": _small(self.classes.images),
            "class_means": self.classes.means,
            "class_peaks": self.classes.peaks,
        }

    @classmethod
    def from_arrays(cls, arrays: Callable[[str], NDArray[Any]]) -> Tally:
        """The tally that :meth:`to_arrays` turned into arrays.

        Args:
            arrays: Gives each by its name.
        """
        images, values, positions = (arrays(name) for name in ("images", "values", "positions"))
        top, bottom = (
            Extremes(images[index], values[index], positions[index], index == 0) for index in (0, 1)
        )
        peaks, means = (
            Bins(arrays(f"{name}_keys"), arrays(f"{name}_counts").astype(np.int32))
            for name in ("peak", "mean")
        )
        classes = Classes(
            arrays("class_numbers"),
            arrays("class_images").astype(np.int64),
            arrays("class_means"),
            arrays("class_peaks"),
        )
        counts, ends, sums = arrays("counts"), arrays("range"), arrays("sums")
        return cls(counts, ends, sums, peaks, means, top, bottom, classes)


def _small(counts: NDArray[np.signedinteger[Any]]) -> NDArray[Any]:
    """Counts in the smallest whole numbers that hold them."""
    most = int(counts.max(initial=0))
    kind = next(k for k in (np.uint8, np.uint16, np.uint32, np.int64) if most <= np.iinfo(k).max)
    return counts.astype(kind)


Tallies = Mapping[str, Tally]
"""The tally of each layer."""


def merge(first: Tallies, second: Tallies) -> Tallies:
    """The tallies of both together; a layer may be missing where no image could be read."""
    both = {name: tally.add(second[name]) for name, tally in first.items() if name in second}
    return {**first, **second, **both}
