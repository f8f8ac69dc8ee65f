"""From tallies to numbers that people read."""

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
    """The survey of what was counted.

    Args:
        info: The model.
        other: The other model, if there is one.
        spec: What was done to each image.
        data: The images.
        merged: What was counted of them all.
    """
    size = (spec.shape[0], spec.shape[1]) if len(spec.shape) == 3 else None
    layers = [layer for layer in info.layers if layer.name in merged.tallies]
    boxes: dict[tuple[str, bool], NDArray[np.int64]] = {}
    used: set[int] = set()
    cuts: set[Cut] = set()
    for layer in layers:
        tally = merged.tallies[layer.name]
        for found in (tally.strongest, tally.weakest):
            used.update(found.images[found.images != NONE].tolist())
            own = _boxes(layer, found, merged.axes[layer.name], size)
            boxes[layer.name, found.strongest] = own
            cuts.update(cut for cut in _cuts(found, own) if cut[1][0] != NONE)
    ordered = sorted(cuts)
    names = {number: index for index, number in enumerate(sorted(used))}
    numbered = {cut: index for index, cut in enumerate(ordered)}

    def examples(layer: str, found: Extremes) -> Examples:
        own, axes = boxes[layer, found.strongest], merged.axes[layer]
        where = np.stack(np.unravel_index(found.positions, axes or (1,)), -1).astype(np.int64)
        images = [names.get(number, NONE) for number in found.images.ravel().tolist()]
        crops = [numbered.get(cut, NONE) for cut in _cuts(found, own)]
        return Examples(
            images=np.array(images, np.int64).reshape(found.images.shape),
            activations=found.values,
            positions=where[..., : len(axes)],
            boxes=own,
            crops=np.array(crops, np.int64).reshape(found.images.shape),
        )

    def finish(layer: LayerInfo) -> LayerSurvey:
        tally, own = merged.tallies[layer.name], merged.pairs.get((layer.name, 0, layer.name))
        top, bottom = (examples(layer.name, found) for found in (tally.strongest, tally.weakest))
        return _layer(layer, tally, len(data.classes), top, bottom, own, merged.read)

    unread = {name for name, _ in merged.unreadable}
    counted = Counter(item.label for item in data.items if item.name not in unread)
    return Survey(
        model=info,
        preprocessing=spec.preprocessing,
        size=size,
        layers=tuple(map(finish, layers)),
        images=merged.read,
        unreadable=merged.unreadable,
        content=f"blake2b:{merged.content:032x}",
        classes=data.classes,
        class_images=tuple(counted[name] for name in data.classes),
        names=tuple(data.items[number].name for number in names),
        crops=list(cut_out(spec, data.items, ordered, max(2, os.cpu_count() or 1))),
        settings=_settings(spec),
        notes=_notes(info, data, merged),
        twins=tuple(
            Twins(first, second, *closest(sums.correlations(merged.read), itself=False))
            for (first, model, second), sums in merged.pairs.items()
            if model or first != second
        ),
        other=other,
        counted_as=counted_as(info, spec.layers),
    )


def _settings(spec: Spec) -> dict[str, Any]:
    """What is told of how the numbers came about."""
    found = {name: value for name, value in spec.to_json().items() if name != "units"}
    return found if spec.other is None else {**found, "other": _settings(spec.other)}


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
    own: Products | None,
    read: int,
) -> LayerSurvey:
    """What is known of a layer, of which ``own`` are the products of its channels' means."""
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
        neighbours, correlations = closest(own.correlations(read), itself=True)

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


def _cuts(found: Extremes, boxes: NDArray[np.int64]) -> list[Cut]:
    """Which pixels of which image each place of a list shows."""
    pairs = zip(found.images.ravel().tolist(), boxes.reshape(-1, 4).tolist(), strict=True)
    return [(number, (box[0], box[1], box[2], box[3])) for number, box in pairs]


def _boxes(
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
