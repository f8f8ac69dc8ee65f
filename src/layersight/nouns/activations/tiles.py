"""From activations to bytes: normalisation, and one tile for each channel.

The rule of this module: a value becomes a colour step by one stated formula, a dead map
stays flat, and nothing is smoothed.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.stack import arrangement
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import LayerActivation

COLOURS = 256  # equal parts of a scale with two ends, a colour each, as in Matplotlib
CACHE_VALUES = 1 << 16  # values computed at once, so that they stay in the processor's cache
FEWEST_PARTS = 4  # for which threads are worth waking
FEWEST_IN_A_ROW = 16  # channels beside each other, from which on arithmetic along them is fast
UNITS_IN_A_ROW = 64  # of a vector


@dataclass(frozen=True, eq=False, slots=True)
class Tiles:
    """The pictures of one layer for one image."""

    # "tiles": one tile for each channel. "rows": a single picture with a row for each channel (1-D
    # layers). "units": a single picture with a cell for each unit, UNITS_IN_A_ROW beside each other
    # (dense layers, maps of one position)
    form: str
    # (tile, height, width) colour steps 0..255; a single tile for rows and units. Dead and broken
    # maps are 0 throughout
    pixels: Bytes
    dead: NDArray[np.bool_]  # (channel,): constant for this image, to be marked and not drawn
    broken: NDArray[np.bool_]  # (channel,): holds values that are not numbers, likewise
    constants: FloatArray  # (channel,) float32: the constant value of a dead map
    channels: tuple[int, ...]  # the number of each channel
    low: float | None = None  # the value of colour step 0, where the layer has one scale
    high: float | None = None  # likewise of step 255
    # for 3-D layers, rows and columns of depth slices in each tile, else (1, 1)
    slices: tuple[int, int] = (1, 1)
    depth: int = 1  # how many slices there are; the last row may not be full


def make_tiles(
    entry: LayerActivation,
    image: int,
    options: PictureOptions,
    *,
    only: Sequence[int] | None = None,
) -> Tiles:
    """The tiles of one layer for one image.

    ``only`` are indices along the channel axis, if not all are wanted; one scale for the layer
    still comes from all of them.
    """
    values, stats = entry.values[image], entry.statistics
    broken, channels = ~stats.finite[image], entry.channels
    low, high = _limits(entry, image, options)
    if values.size == values.shape[-1] and only is None:
        return _units(values.reshape(-1), broken, channels, low, high)
    # Values near the end of float32 overflow here; what they give is cut to 0..255 later.
    with np.errstate(all="ignore"):
        match options.normalise:
            case "standardise":
                offset, span = stats.mean[image], stats.std[image]
            case "minmax":
                offset, span = stats.min[image], stats.max[image] - stats.min[image]
            case _:
                offset = np.full_like(stats.min[image], low or 0.0)
                span = np.full_like(offset, (high or 0.0) - (low or 0.0))
    dead = stats.dead[image] & ~broken
    constants = np.where(dead, stats.min[image], 0).astype(np.float32)
    if only is not None:
        chosen = np.array(only, np.intp)
        values, offset, span = values[..., chosen], offset[chosen], span[chosen]
        broken, dead, constants = broken[chosen], dead[chosen], constants[chosen]
        channels = tuple(channels[index] for index in only)
    skip = dead | broken
    span = np.where(skip | (span == 0), np.float32(1), span)
    pixels = _quantise(values, offset, span, options)
    pixels[skip] = 0
    tiles, form, slices = _shape_tiles(pixels)
    depth = math.prod(values.shape[:-3]) if form == "tiles" else 1
    return Tiles(form, tiles, dead, broken, constants, channels, low, high, slices, depth)


def _limits(
    entry: LayerActivation, image: int, options: PictureOptions
) -> tuple[float | None, float | None]:
    """The values of the first and the last colour step, where the layer has one scale."""
    if options.normalise == "none":
        return 0.0, 255.0
    low, high = float(entry.low[image]), float(entry.high[image])
    return (low, high) if options.normalise == "layer" and low <= high else (None, None)


def _quantise(
    values: FloatArray, offset: FloatArray, span: FloatArray, options: PictureOptions
) -> Bytes:
    """Colour steps, channel first, of values that are channel last.

    The arithmetic runs in the order of the values in memory; the bytes are transposed, which are a
    quarter of the memory.
    """
    channels = values.shape[-1]
    pixels = np.empty((channels, *values.shape[:-1]), np.uint8)
    flat, first = pixels.reshape(channels, -1), np.moveaxis(values, -1, 0)
    if channels < FEWEST_IN_A_ROW or first.flags.c_contiguous:
        rows = np.ascontiguousarray(first, np.float32).reshape(channels, -1)

        def work(part: slice) -> None:
            flat[part] = _steps(rows[part], offset[part, None], span[part, None], options)
    else:
        rows = np.ascontiguousarray(values, np.float32).reshape(-1, channels)

        def work(part: slice) -> None:
            flat[:, part] = _steps(rows[part], offset, span, options).T

    _in_parts(work, *rows.shape)
    return pixels


def _steps(
    values: FloatArray, offset: FloatArray, span: FloatArray, options: PictureOptions
) -> Bytes:
    """The formula of the caption, step by step in float32."""
    # Broken channels are computed with the others and covered later, hence no warnings. The
    # state belongs to the thread, so it is set here and not around the pool.
    with np.errstate(all="ignore"):
        steps = np.subtract(values, offset)
        if options.normalise != "none":
            steps /= span
        if options.normalise == "standardise":
            steps *= np.float32(options.contrast)
            steps += np.float32(options.centre)
        elif options.normalise != "none":
            steps *= np.float32(COLOURS)
        np.clip(steps, 0, 255, out=steps)
        return steps.astype(np.uint8)


def _in_parts(work: Callable[[slice], None], count: int, width: int) -> None:
    """Calls ``work`` on slices that fit the cache, on all cores if there is enough to do."""
    step = max(1, CACHE_VALUES // max(1, width))
    parts = [slice(start, start + step) for start in range(0, count, step)]
    if len(parts) < FEWEST_PARTS:
        for part in parts:
            work(part)
        return
    # Draining the results raises what a worker raised.
    list(_pool().map(work, parts))


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """The threads, started once; NumPy releases the interpreter while it computes."""
    return ThreadPoolExecutor(
        max_workers=os.cpu_count() or 1, thread_name_prefix="layersight-tiles"
    )


def _shape_tiles(pixels: Bytes) -> tuple[Bytes, str, tuple[int, int]]:
    """Brings maps of one, two or three spatial axes into ``(tile, height, width)``."""
    if pixels.ndim == 3:
        return pixels, "tiles", (1, 1)
    if pixels.ndim == 2:
        return pixels[None], "rows", (1, 1)
    count, height, width = len(pixels), pixels.shape[-2], pixels.shape[-1]
    volume = pixels.reshape(count, -1, height, width)
    depth = volume.shape[1]
    rows, columns = arrangement(depth)
    padded = np.zeros((count, rows * columns, height, width), np.uint8)
    padded[:, :depth] = volume
    sheet = padded.reshape(count, rows, columns, height, width).transpose(0, 1, 3, 2, 4)
    return sheet.reshape(count, rows * height, columns * width), "tiles", (rows, columns)


def _units(
    vector: FloatArray,
    broken: NDArray[np.bool_],
    channels: tuple[int, ...],
    low: float | None,
    high: float | None,
) -> Tiles:
    """A vector as cells, from its least to its greatest value.

    Mean and deviation, which make maps comparable, would move most of a vector that is sparse, or
    that sums to 1, to values that it does not have.
    """
    if low is None or high is None:
        good = vector[~broken]
        low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 0.0)
    with np.errstate(all="ignore"):
        span = np.float32(high) - np.float32(low)
        steps = (vector - np.float32(low)) / (span or np.float32(1)) * np.float32(COLOURS)
        steps = np.nan_to_num(np.clip(steps, 0, 255))
    steps[broken] = 0
    width = min(UNITS_IN_A_ROW, len(vector))
    cells = np.zeros(math.ceil(len(vector) / width) * width, np.uint8)
    cells[: len(vector)] = steps.astype(np.uint8)
    dead, constants = np.zeros(len(vector), bool), np.zeros(len(vector), np.float32)
    pixels = cells.reshape(1, -1, width)
    return Tiles("units", pixels, dead, broken, constants, channels, low, high)
