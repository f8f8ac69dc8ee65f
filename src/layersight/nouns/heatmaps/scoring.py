"""Measuring heatmaps while they are made.

The rule of this module: the metrics are imported when they are asked for, and here alone.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from layersight.data.arrays import FloatArray
from layersight.data.outputs import gives_probability
from layersight.errors import CapabilityError, UsageError
from layersight.nouns.heatmaps.choice import Choice
from layersight.nouns.heatmaps.goals import make_goal, offset_of
from layersight.nouns.heatmaps.methods.method import Images, Method
from layersight.nouns.heatmaps.outputs import positions
from layersight.nouns.heatmaps.result import Heatmap
from layersight.nouns.heatmaps.running import Batch, Work, explain

_ROOM = "layersight.nouns.heatmaps.metrics"


def find_metrics(asked: str | Sequence[str]) -> tuple[Any, ...]:
    """The metrics that were asked for; none if nothing was.

    Raises:
        UsageError: There is none of that name.
    """
    if not asked:
        return ()
    found: tuple[Any, ...] = importlib.import_module(f"{_ROOM}.metric").choose_metrics(asked)
    return found


def measure_heatmaps(
    work: Work,
    batch: Batch,
    place: int,
    maps: Sequence[tuple[Heatmap, Method, Choice]],
    metrics: Sequence[Any],
    *,
    strict: Mapping[str, bool],
    begin: Callable[[], Callable[[int, int], None]],
    told: Callable[[], None],
) -> tuple[list[Heatmap], list[str]]:
    """The maps of one image and target, each with what metrics say of it.

    Args:
        work: The model and the images.
        batch: The batch that the image is in.
        place: Which image of the batch.
        maps: The maps of it, by each method.
        metrics: The metrics.
        strict: Whether each was asked for by its name.
        begin: Called before each map; gives what is told of the metrics that are done.
        told: Called after each map.

    Returns:
        The maps, and which metrics cannot be had and why.

    Raises:
        UsageError: A metric that was asked for by its name cannot be had.
    """
    bench = make_bench(work, batch, place)
    done, notes = [], []
    for entry, method, choice in maps:
        measures = []
        progress = begin()
        for number, metric in enumerate(metrics, 1):
            try:
                measures += bench.measure(
                    entry.values,
                    [metric],
                    grain=grain_of(work, method, entry),
                    explain=again(work, batch, place, method, choice),
                )
            except (CapabilityError, UsageError) as error:
                if strict[metric.name]:
                    raise
                notes.append(f"not measured: {error}")
            progress(number, len(metrics))
        done.append(dataclasses.replace(entry, measures=tuple(measures)))
        told()
    return done, notes


def make_bench(work: Work, batch: Batch, place: int) -> Any:
    """What the maps of one image and target are measured on."""
    entry = batch.asked[place]
    images, _ = batch.one(place)
    layer = next(layer for layer in work.info.layers if layer.name == entry.target.layer)
    probability = gives_probability(work.info, layer)
    return importlib.import_module(f"{_ROOM}.bench").Bench(
        work.model,
        images,
        make_goal([entry], before=False),
        offset_of(entry.target, probability=probability),
        work.measured,
        work.batch_size,
        probability and entry.target.against is None,
        tuple(layer.name for layer in work.info.layers if layer.parameters),
    )


def grain_of(work: Work, method: Method, entry: Heatmap) -> tuple[int, int]:
    """Of how many cells a map was made, height and width.

    Of a map of the size of the image that layers went into, as many as the finest of them has.
    """
    height, width = entry.values.shape
    if entry.coarse.shape != (height, width):
        return entry.coarse.shape[0], entry.coarse.shape[1]
    if method.grain is not None:
        return method.grain((height, width), work.options)
    shapes = [positions(layer) for layer in work.info.layers if layer.name in entry.layers]
    cells = [(tall, wide) for tall, wide in shapes if tall is not None and wide is not None]
    return max(cells, default=(height, width))


def again(
    work: Work, batch: Batch, place: int, method: Method, choice: Choice
) -> Callable[[FloatArray], FloatArray]:
    """Makes the map of one image and target anew, of changed images."""
    images, goal = batch.one(place)

    def call(pixels: FloatArray) -> FloatArray:
        changed = Images(images.showing(pixels), images.input, images.black, images.white)
        return explain(work, method, choice, changed, goal)

    return call
