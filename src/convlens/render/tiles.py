"""From activations to bytes: normalisation, and one tile for each channel.

The rule of this module: a value becomes a colour step by one stated formula, a dead map
stays flat, and nothing is smoothed.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.render.options import PictureOptions
from convlens.results import FloatArray, LayerActivation

Bytes = NDArray[np.uint8]

CACHE_VALUES = 1 << 17
"""Values worked on at once, so that they stay in the processor's cache."""

UNITS_IN_A_ROW = 64
"""Units of a vector drawn beside each other."""


@dataclass(frozen=True, eq=False, slots=True)
class Tiles:
    """The pictures of one layer for one image.

    Attributes:
        form: ``"tiles"``: one tile for each channel. ``"rows"``: a single picture with a row
            for each channel (1-D layers). ``"units"``: a single picture with a cell for each
            unit, ``UNITS_IN_A_ROW`` beside each other (dense layers, maps of one position).
        pixels: ``(tile, height, width)`` colour steps 0..255; a single tile for rows and
            units. Dead and broken maps are 0 throughout.
        dead: ``(channel,)``: constant for this image, to be marked and not drawn.
        broken: ``(channel,)``: holds values that are not numbers, likewise.
        constants: ``(channel,)`` float32: the constant value of a dead map.
        channels: The number of each channel.
        low: The value that colour step 0 stands for, where that is one for the layer.
        high: Likewise for step 255.
        slices: For 3-D layers, rows and columns of depth slices in each tile, else (1, 1).
    """

    form: str
    pixels: Bytes
    dead: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    constants: FloatArray
    channels: tuple[int, ...]
    low: float | None = None
    high: float | None = None
    slices: tuple[int, int] = (1, 1)


def make_tiles(entry: LayerActivation, image: int, options: PictureOptions) -> Tiles:
    """The tiles of one layer for one image.

    Args:
        entry: The layer's activations and statistics.
        image: Which image, from 0.
        options: The normalisation asked for.
    """
    values = entry.values[image]
    stats = entry.statistics
    broken = ~stats.finite[image]
    if values.size == values.shape[-1]:
        return _units(entry, values.reshape(-1), broken, options)
    maps = np.ascontiguousarray(np.moveaxis(values, -1, 0), np.float32)
    flat = maps.reshape(len(maps), -1)
    skip = stats.dead[image] | broken
    low, high = _limits(stats.min[image], stats.max[image], broken, options)
    pixels = np.zeros(flat.shape, np.uint8)
    offset, span = _offset_and_span(entry, image, skip, options, low, high)
    _quantise(flat, np.flatnonzero(~skip), offset, span, options, pixels)
    dead = stats.dead[image] & ~broken
    constants = np.where(dead, stats.min[image], 0).astype(np.float32)
    pixels, form, slices = _shape_tiles(pixels.reshape(maps.shape))
    return Tiles(form, pixels, dead, broken, constants, entry.channels, low, high, slices)


def _limits(
    low: FloatArray, high: FloatArray, broken: NDArray[np.bool_], options: PictureOptions
) -> tuple[float | None, float | None]:
    """What the first and the last colour step stand for, where one scale serves a layer."""
    if options.normalise == "none":
        return 0.0, 255.0
    if options.normalise == "layer" and not broken.all():
        return float(low[~broken].min()), float(high[~broken].max())
    return None, None


def _offset_and_span(
    entry: LayerActivation,
    image: int,
    skip: NDArray[np.bool_],
    options: PictureOptions,
    low: float | None,
    high: float | None,
) -> tuple[FloatArray, FloatArray]:
    """For each channel what is subtracted and divided by, ``(channel, 1)`` float32."""
    stats = entry.statistics
    count = len(skip)
    match options.normalise:
        case "standardise":
            offset, span = stats.mean[image], stats.std[image]
        case "minmax":
            offset, span = stats.min[image], stats.max[image] - stats.min[image]
        case "layer":
            least = low or 0.0
            offset = np.full(count, least, np.float32)
            span = np.full(count, (high or 0.0) - least, np.float32)
        case _:
            offset, span = np.zeros(count, np.float32), np.ones(count, np.float32)
    safe = np.where(skip | (span == 0), np.float32(1), span)
    return offset[:, None].astype(np.float32), safe[:, None].astype(np.float32)


def _quantise(
    flat: FloatArray,
    live: NDArray[np.intp],
    offset: FloatArray,
    span: FloatArray,
    options: PictureOptions,
    pixels: Bytes,
) -> None:
    """Writes the colour steps of the live channels into ``pixels``, a few at a time."""
    step = max(1, CACHE_VALUES // max(1, flat.shape[1]))
    chunks = [live[start : start + step] for start in range(0, len(live), step)]

    def work(chunk: NDArray[np.intp]) -> None:
        index: slice | NDArray[np.intp] = chunk
        if len(chunk) == chunk[-1] - chunk[0] + 1:
            index = slice(int(chunk[0]), int(chunk[-1]) + 1)
        values = flat[index] - offset[index]
        if options.normalise != "none":
            values /= span[index]
        if options.normalise == "standardise":
            values *= np.float32(options.contrast)
            values += np.float32(options.centre)
        elif options.normalise != "none":
            values *= np.float32(255)
        np.clip(values, 0, 255, out=values)
        pixels[index] = values.astype(np.uint8)

    if len(chunks) < 4:
        for chunk in chunks:
            work(chunk)
        return
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, chunks))


def _shape_tiles(pixels: Bytes) -> tuple[Bytes, str, tuple[int, int]]:
    """Brings maps of one, two or three spatial axes into ``(tile, height, width)``."""
    if pixels.ndim == 3:
        return pixels, "tiles", (1, 1)
    if pixels.ndim == 2:
        return pixels[None], "rows", (1, 1)
    count, height, width = len(pixels), pixels.shape[-2], pixels.shape[-1]
    volume = pixels.reshape(count, -1, height, width)
    depth = volume.shape[1]
    columns = math.ceil(math.sqrt(depth))
    rows = math.ceil(depth / columns)
    padded = np.zeros((count, rows * columns, height, width), np.uint8)
    padded[:, :depth] = volume
    sheet = padded.reshape(count, rows, columns, height, width).transpose(0, 1, 3, 2, 4)
    return sheet.reshape(count, rows * height, columns * width), "tiles", (rows, columns)


def _units(
    entry: LayerActivation,
    vector: FloatArray,
    broken: NDArray[np.bool_],
    options: PictureOptions,
) -> Tiles:
    """A vector as cells; the normalisation takes the whole vector as one map."""
    good = vector[~broken]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 0.0)
    steps = np.zeros(len(vector), np.float32)
    if options.normalise == "none":
        low, high, steps = 0.0, 255.0, np.where(broken, 0, vector)
    elif high > low:
        if options.normalise == "standardise":
            mean, std = good.mean(), good.std()
            steps = (np.where(broken, mean, vector) - mean) / std
            steps = steps * np.float32(options.contrast) + np.float32(options.centre)
            low, high = (
                float(mean + std * (edge - options.centre) / options.contrast) for edge in (0, 255)
            )
        else:
            steps = (np.where(broken, low, vector) - low) / np.float32(high - low) * 255
    width = min(UNITS_IN_A_ROW, len(vector))
    cells = np.zeros(math.ceil(len(vector) / width) * width, np.uint8)
    cells[: len(vector)] = np.clip(steps, 0, 255).astype(np.uint8)
    nothing = np.zeros(len(vector), bool)
    return Tiles(
        "units",
        cells.reshape(1, -1, width),
        nothing,
        broken,
        np.zeros(len(vector), np.float32),
        entry.channels,
        low,
        high,
    )
