"""From tallies to numbers that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import LayerInfo
from layersight.nouns.survey.bins import Bins, edges_of
from layersight.nouns.survey.correlation import Products, strongest
from layersight.nouns.survey.crops import Cut
from layersight.nouns.survey.exact import NARROW, WIDE
from layersight.nouns.survey.result import PERCENTILES, Examples, Histogram, LayerSurvey
from layersight.nouns.survey.tally import NONE, Classes, Extremes, Tally

ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""A channel whose range is within this share of its greatest value is constant, as in the
statistics of one image."""


def assemble(
    layer: LayerInfo,
    tally: Tally,
    axes: Sequence[int],
    size: tuple[int, int] | None,
    classes: int,
    names: Mapping[int, int],
    crops: Mapping[Cut, int],
    own: Products | None,
    read: int,
) -> LayerSurvey:
    """What is known of a layer.

    Args:
        layer: The layer.
        tally: What was counted of it.
        axes: The sizes of the axes of its maps.
        size: Of the picture that the network gets; ``None`` if it gets none.
        classes: How many there are.
        names: For the number of an image its index among the names that are kept.
        crops: The number of each picture.
        own: The products of its channels' means, if they are correlated.
        read: How many images were read.
    """
    images, broken, count, zeros, fired = tally.counts
    some = np.maximum(count, 1)
    sums, between, within = (WIDE.value(part) for part in tally.sums)
    variance = np.maximum((within + between - sums * sums / some) / some, 0)
    low, high = (np.where(images > 0, part, np.float32(np.nan)) for part in tally.range)
    with np.errstate(invalid="ignore", over="ignore"):
        constant = (high - low) <= ROUNDING * np.maximum(np.abs(low), np.abs(high))
    seen, means, peaks = _classes(tally.classes, classes, len(images))
    selectivity, preferred = _selectivity(seen, means)

    neighbours = correlations = None
    if own is not None:
        neighbours, correlations = strongest(own.correlations(read), itself=True)

    def of_some(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(count > 0, numbers, np.nan)

    return LayerSurvey(
        layer=layer,
        images=images,
        broken=broken,
        count=count,
        mean=of_some(sums / some),
        std=of_some(np.sqrt(variance)),
        min=low,
        max=high,
        sparsity=of_some(zeros / some),
        firing=of_some(fired / np.maximum(images, 1)),
        dead=(count > 1) & constant,
        peaks=_histogram(tally.peaks),
        means=_histogram(tally.means),
        strongest=_examples(layer, tally.strongest, axes, size, names, crops),
        weakest=_examples(layer, tally.weakest, axes, size, names, crops),
        class_images=seen,
        class_means=means,
        class_peaks=peaks,
        selectivity=selectivity,
        preferred=preferred,
        neighbours=neighbours,
        correlations=correlations,
    )


def _histogram(bins: Bins) -> Histogram:
    shares = [percentile / 100 for percentile in PERCENTILES]
    return Histogram(edges_of(bins.keys), bins.counts.astype(np.int64), bins.quantiles(shares))


def _classes(
    found: Classes, count: int, channels: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """For every class its images, and the means of their means and peaks."""
    seen = np.zeros((count, channels), np.int64)
    seen[found.numbers] = found.images
    both = []
    for digits in (found.means, found.peaks):
        sums = np.full((count, channels), np.nan)
        sums[found.numbers] = NARROW.value(digits)
        both.append(np.where(seen > 0, sums / np.maximum(seen, 1), np.nan))
    return seen, both[0], both[1]


def _selectivity(
    seen: NDArray[np.int64], means: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The index of each channel, and the class that it is most active for."""
    known = seen > 0
    several = known.sum(0) > 1
    channels = np.arange(seen.shape[1])
    if not len(seen):
        return np.full(seen.shape[1], np.nan), np.full(seen.shape[1], NONE, np.int64)
    best = np.where(known, means, -np.inf).argmax(0)
    most = means[best, channels]
    rest = (np.where(known, means, 0).sum(0) - np.where(several, most, 0)) / np.maximum(
        known.sum(0) - 1, 1
    )
    able = several & (np.where(known, means, 0) >= 0).all(0) & (most + rest > 0)
    index = np.divide(most - rest, most + rest, out=np.full(len(most), np.nan), where=able)
    return index, np.where(several, best, NONE).astype(np.int64)


def _examples(
    layer: LayerInfo,
    found: Extremes,
    axes: Sequence[int],
    size: tuple[int, int] | None,
    names: Mapping[int, int],
    crops: Mapping[Cut, int],
) -> Examples:
    boxes = boxes_of(layer, found, axes, size)
    shape = found.images.shape
    numbers = found.images.ravel().tolist()
    listed = boxes.reshape(-1, 4).tolist()
    own = [
        crops.get((number, tuple(box)), NONE)  # type: ignore[arg-type]
        for number, box in zip(numbers, listed, strict=True)
    ]
    sizes = tuple(axes) or (1,)
    where = np.stack(np.unravel_index(found.positions, sizes), -1).astype(np.int64)
    return Examples(
        images=np.array([names.get(n, NONE) for n in numbers], np.int64).reshape(shape),
        activations=found.values,
        positions=where[..., : len(axes)],
        boxes=boxes,
        crops=np.array(own, np.int64).reshape(shape),
    )


def boxes_of(
    layer: LayerInfo, found: Extremes, axes: Sequence[int], size: tuple[int, int] | None
) -> NDArray[np.int64]:
    """The pixels that each position depends on, ``(channel, rank, 4)``; -1 without a picture."""
    boxes = np.full((*found.images.shape, 4), NONE, np.int64)
    if size is None:
        return boxes
    known: dict[int, list[int]] = {}
    for index in zip(*np.nonzero(found.images != NONE), strict=True):
        position = int(found.positions[index])
        if position not in known:
            rows, columns = (0, size[0]), (0, size[1])
            if len(axes) == 2 and layer.placement is not None and layer.receptive_field is not None:
                place = np.unravel_index(position, tuple(axes))
                rows, columns = layer.placement.pixels(
                    [int(p) for p in place], layer.receptive_field, size
                )
            known[position] = [rows[0], columns[0], rows[1], columns[1]]
        boxes[index] = known[position]
    return boxes
