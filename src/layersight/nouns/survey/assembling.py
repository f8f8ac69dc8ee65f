"""From tallies to the numbers of a survey."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import LayerInfo, ModelInfo
from layersight.nouns.survey.bins import Bins, edges_of
from layersight.nouns.survey.correlation import Products
from layersight.nouns.survey.correlation import strongest as closest
from layersight.nouns.survey.crops import Cut, cut_out
from layersight.nouns.survey.dataset import Dataset
from layersight.nouns.survey.exact import NARROW, WIDE
from layersight.nouns.survey.plan import Spec, counted_as
from layersight.nouns.survey.result import (
    PERCENTILES,
    Examples,
    Histogram,
    LayerSurvey,
    Survey,
    Twins,
)
from layersight.nouns.survey.shards import Result
from layersight.nouns.survey.tally import NONE, Classes, Extremes, Tally

ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""A channel whose range is within this share of its greatest value is constant, as in the
statistics of one image."""


def assemble(
    info: ModelInfo, other: ModelInfo | None, spec: Spec, data: Dataset, merged: Result
) -> Survey:
    """Makes the survey of what was counted.

    Args:
        info: The model.
        other: The other model, if there is one.
        spec: What was done to each image.
        data: The images.
        merged: The statistics of all images.
    """
    size = (spec.shape[0], spec.shape[1]) if len(spec.shape) == 3 else None
    layers = [layer for layer in info.layers if layer.name in merged.tallies]
    boxes: dict[tuple[str, bool], NDArray[np.int64]] = {}
    used: set[int] = set()
    cuts: set[Cut] = set()
    for layer in layers:
        tally = merged.tallies[layer.name]
        for extremes in (tally.strongest, tally.weakest):
            used.update(extremes.images[extremes.images != NONE].tolist())
            pixels = _boxes(layer, extremes, merged.axes[layer.name], size)
            boxes[layer.name, extremes.strongest] = pixels
            cuts.update(cut for cut in _cuts(extremes, pixels) if cut[1][0] != NONE)
    ordered = sorted(cuts)
    names = {number: index for index, number in enumerate(sorted(used))}
    crop_numbers = {cut: index for index, cut in enumerate(ordered)}

    def examples(layer: str, extremes: Extremes) -> Examples:
        pixels, axes = boxes[layer, extremes.strongest], merged.axes[layer]
        positions = np.stack(np.unravel_index(extremes.positions, axes or (1,)), -1)
        images = [names.get(number, NONE) for number in extremes.images.ravel().tolist()]
        crops = [crop_numbers.get(cut, NONE) for cut in _cuts(extremes, pixels)]
        return Examples(
            images=np.array(images, np.int64).reshape(extremes.images.shape),
            activations=extremes.values,
            positions=positions[..., : len(axes)].astype(np.int64),
            boxes=pixels,
            crops=np.array(crops, np.int64).reshape(extremes.images.shape),
        )

    def layer_survey(layer: LayerInfo) -> LayerSurvey:
        tally, products = merged.tallies[layer.name], merged.pairs.get((layer.name, 0, layer.name))
        top, bottom = (examples(layer.name, each) for each in (tally.strongest, tally.weakest))
        return _layer(layer, tally, len(data.classes), top, bottom, products, merged.read)

    unread = {name for name, _ in merged.unreadable}
    class_counts = Counter(item.label for item in data.items if item.name not in unread)
    return Survey(
        model=info,
        preprocessing=spec.preprocessing,
        size=size,
        layers=tuple(map(layer_survey, layers)),
        images=merged.read,
        unreadable=merged.unreadable,
        content=f"blake2b:{merged.content:032x}",
        classes=data.classes,
        class_images=tuple(class_counts[name] for name in data.classes),
        names=tuple(data.items[number].name for number in names),
        crops=list(cut_out(spec, data.items, ordered, max(2, os.cpu_count() or 1))),
        settings=_settings(spec),
        notes=_notes(info, data, merged),
        twins=tuple(
            Twins(first, second, *closest(sums.correlations(merged.read), same_layer=False))
            for (first, model, second), sums in merged.pairs.items()
            if model or first != second
        ),
        other=other,
        counted_as=counted_as(info, spec.layers),
    )


def _settings(spec: Spec) -> dict[str, Any]:
    """What the numbers depend on, as a survey states it."""
    settings = {name: value for name, value in spec.to_json().items() if name != "units"}
    return settings if spec.other is None else {**settings, "other": _settings(spec.other)}


def _notes(info: ModelInfo, data: Dataset, merged: Result) -> tuple[str, ...]:
    notes = list(info.notes)
    if merged.unreadable:
        name, reason = merged.unreadable[0]
        notes.append(
            f"{len(merged.unreadable)} of {len(data)} images could not be read; the first, "
            f"'{name}': {reason}"
        )
    if data.skipped_count:
        more = " and others" if data.skipped_count > len(data.skipped) else ""
        notes.append(
            f"{data.skipped_count} files in the folder are no images by their names: "
            f"{', '.join(data.skipped)}{more}"
        )
    return tuple(notes)


def _layer(
    layer: LayerInfo,
    tally: Tally,
    classes: int,
    strongest: Examples,
    weakest: Examples,
    products: Products | None,
    read: int,
) -> LayerSurvey:
    """The survey of a layer, with neighbours from the products of its channels' means."""
    images, broken, count, zeros, fired = tally.counts
    divisor = np.maximum(count, 1)
    sums, between, within = (WIDE.value(digits) for digits in tally.sums)
    variance = np.maximum((within + between - sums * sums / divisor) / divisor, 0)
    low, high = (np.where(images > 0, end, np.float32(np.nan)) for end in tally.range)
    with np.errstate(invalid="ignore", over="ignore"):
        constant = (high - low) <= ROUNDING * np.maximum(np.abs(low), np.abs(high))
    seen, means, peaks = _classes(tally.classes, classes, len(images))
    selectivity, preferred = _selectivity(seen, means)

    neighbours = correlations = None
    if products is not None:
        neighbours, correlations = closest(products.correlations(read), same_layer=True)

    def if_counted(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(count > 0, numbers, np.nan)

    return LayerSurvey(
        layer=layer,
        images=images,
        broken=broken,
        count=count,
        mean=if_counted(sums / divisor),
        std=if_counted(np.sqrt(variance)),
        min=low,
        max=high,
        sparsity=if_counted(zeros / divisor),
        firing=if_counted(fired / np.maximum(images, 1)),
        dead=(count > 1) & constant,
        peaks=_histogram(tally.peaks),
        means=_histogram(tally.means),
        strongest=strongest,
        weakest=weakest,
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
    sums: Classes, count: int, channels: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """How many images every class has, and the means of their means and peaks."""
    seen = np.zeros((count, channels), np.int64)
    seen[sums.numbers] = sums.images
    means, peaks = np.full((2, count, channels), np.nan)
    for values, digits in ((means, sums.means), (peaks, sums.peaks)):
        values[sums.numbers] = NARROW.value(digits) / np.maximum(sums.images, 1)
        values[seen == 0] = np.nan
    return seen, means, peaks


def _selectivity(
    seen: NDArray[np.int64], means: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The index of each channel, and the class that it is most active for."""
    counted = seen > 0
    several = counted.sum(0) > 1
    channels = np.arange(seen.shape[1])
    if not len(seen):
        return np.full(seen.shape[1], np.nan), np.full(seen.shape[1], NONE, np.int64)
    best = np.where(counted, means, -np.inf).argmax(0)
    most = means[best, channels]
    rest = (np.where(counted, means, 0).sum(0) - np.where(several, most, 0)) / np.maximum(
        counted.sum(0) - 1, 1
    )
    defined = several & (np.where(counted, means, 0) >= 0).all(0) & (most + rest > 0)
    index = np.divide(most - rest, most + rest, out=np.full(len(most), np.nan), where=defined)
    return index, np.where(several, best, NONE).astype(np.int64)


def _cuts(extremes: Extremes, boxes: NDArray[np.int64]) -> list[Cut]:
    """The pixels that each entry of a list shows, and of which image."""
    pairs = zip(extremes.images.ravel().tolist(), boxes.reshape(-1, 4).tolist(), strict=True)
    return [(number, (box[0], box[1], box[2], box[3])) for number, box in pairs]


def _boxes(
    layer: LayerInfo, extremes: Extremes, axes: Sequence[int], size: tuple[int, int] | None
) -> NDArray[np.int64]:
    """The pixels that each position depends on, ``(channel, rank, 4)``; -1 without a picture."""
    boxes = np.full((*extremes.images.shape, 4), NONE, np.int64)
    if size is None:
        return boxes
    box_of: dict[int, list[int]] = {}
    for index in zip(*np.nonzero(extremes.images != NONE), strict=True):
        position = int(extremes.positions[index])
        if position not in box_of:
            rows, columns = (0, size[0]), (0, size[1])
            if len(axes) == 2 and layer.placement is not None and layer.receptive_field is not None:
                row, column = divmod(position, axes[1])
                rows, columns = layer.placement.pixels([row, column], layer.receptive_field, size)
            box_of[position] = [rows[0], columns[0], rows[1], columns[1]]
        boxes[index] = box_of[position]
    return boxes
