"""A heatmap on its photograph, and where on it the heat lies.

The rule of this module: places are pixels of the image's own file, counted from its upper left
corner, whatever size the network saw.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from layersight.data.arrays import FloatArray
from layersight.data.photograph import Photograph
from layersight.data.placing import place as place_values
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps, Places

PARTS = (
    ("upper left", "top", "upper right"),
    ("left", "middle", "right"),
    ("lower left", "bottom", "lower right"),
)
"""The nine parts of a photograph."""
EDGE = 1.0
"""Pixels from which on a part that was not seen, or put around, is told."""
HOT = 0.2
"""The share of the pixels seen that is called the hottest."""


def placed(entry: Heatmap, photograph: Photograph, *, smooth: bool = True) -> FloatArray:
    """The values on their photograph, ``(height, width)``; NaN where the network saw nothing.

    Args:
        entry: The map.
        photograph: The image in its own size, or a reduced one.
        smooth: Whether the cells of a coarse map run into each other.
    """
    size = photograph.pixels.shape[0], photograph.pixels.shape[1]
    if smooth:
        found: FloatArray = place_values(entry.values, photograph.region, size)
        return found
    top, left, bottom, right = photograph.region
    cells = entry.coarse
    rows = _nearest(size[0], top, bottom, cells.shape[0])
    columns = _nearest(size[1], left, right, cells.shape[1])
    found = cells[np.maximum(rows, 0)][:, np.maximum(columns, 0)].astype(np.float32)
    found[rows < 0], found[:, columns < 0] = np.nan, np.nan
    return found


def _nearest(length: int, start: float, end: float, cells: int) -> NDArray[np.intp]:
    """The cell under the centre of each pixel; -1 where there is none."""
    where = np.arange(length) + 0.5
    inside = (where >= start) & (where <= end)
    found = np.clip((where - start) / (end - start) * cells, 0, cells - 1).astype(int)
    return np.where(inside, found, -1)


def reduced(photograph: Photograph, room: tuple[int, int]) -> Photograph:
    """The photograph with no more rows and columns than that, its pixels averaged.

    >>> small = reduced(Photograph(np.zeros((9, 20, 1), np.uint8), (0, 0, 9, 20)), (10, 10))
    >>> small.pixels.shape, small.region, small.reduced
    ((4, 10, 1), (0.0, 0.0, 4.0, 10.0), 2.0)
    """
    height, width = photograph.pixels.shape[:2]
    factor = max(height / room[0], width / room[1])
    if factor <= 1:
        return photograph
    pixels = photograph.pixels
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    tall, wide = max(1, round(height / factor)), max(1, round(width / factor))
    small = np.asarray(image.resize((wide, tall), Image.Resampling.BILINEAR))
    top, left, bottom, right = photograph.region
    down, across = tall / height, wide / width
    return dataclasses.replace(
        photograph,
        pixels=small if small.ndim == 3 else small[..., None],
        region=(top * down, left * across, bottom * down, right * across),
        reduced=photograph.reduced * factor,
    )


def seen(photograph: Photograph) -> tuple[float, float, float, float]:
    """The part of the photograph that the network saw: top, left, bottom, right."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    return max(0.0, top), max(0.0, left), min(float(height), bottom), min(float(width), right)


def is_cropped(photograph: Photograph) -> bool:
    """Whether the network did not see all of the photograph."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    return bool(max(top, left, height - bottom, width - right) >= EDGE)


def is_padded(photograph: Photograph) -> bool:
    """Whether the network saw more than the photograph."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    return bool(max(-top, -left, bottom - height, right - width) >= EDGE)


def in_padding(entry: Heatmap, photograph: Photograph) -> float:
    """The share of the heat that lies beside the photograph, 0..1."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    rows, columns = entry.values.shape
    y = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    inside = ((y >= 0) & (y <= height))[:, None] & ((x >= 0) & (x <= width))
    sizes = np.abs(entry.heat.astype(np.float64))
    total = float(sizes.sum())
    return float(sizes[~inside].sum()) / total if total else 0.0


def places_of(result: Heatmaps, place: int) -> Places:
    """Where the heat of a map lies on its photograph; found once."""
    if place not in result.places:
        result.places[place] = _find_places(result, place)
    return result.places[place]


def _find_places(result: Heatmaps, place: int) -> Places:
    entry = result.maps[place]
    photograph = result.photographs[entry.image]
    heat = entry.above_ground(placed(entry, photograph))
    heat = np.nan_to_num(heat, nan=-np.inf, posinf=-np.inf)
    known = np.isfinite(heat)
    mass = np.where(known & (heat > 0), heat, 0).astype(np.float64)
    if not known.any() or not mass.any():
        return Places(None, None, None)
    by = photograph.reduced
    y, x = (int(side) for side in np.unravel_index(int(heat.argmax()), heat.shape))
    total = mass.sum()
    centre_y = float((mass.sum(1) * (np.arange(heat.shape[0]) + 0.5)).sum() / total)
    centre_x = float((mass.sum(0) * (np.arange(heat.shape[1]) + 0.5)).sum() / total)
    count = max(1, round(HOT * int(known.sum())))
    least = np.partition(heat[known], -count)[-count]
    rows, columns = np.nonzero(known & (heat >= least) & (heat > 0))
    box = (columns.min() * by, rows.min() * by, (columns.max() + 1) * by, (rows.max() + 1) * by)
    return Places(
        (int((x + 0.5) * by), int((y + 0.5) * by)),
        (centre_x * by, centre_y * by),
        (round(box[0]), round(box[1]), round(box[2]), round(box[3])),
    )


def describe_peak(result: Heatmaps, place: int) -> str:
    """The hottest pixel in words; empty for a map without heat."""
    found = places_of(result, place).hottest
    if found is None:
        return ""
    width, height = result.images[result.maps[place].image].original_size
    x, y = found
    part = PARTS[min(2, 3 * y // max(1, height))][min(2, 3 * x // max(1, width))]
    return f"x {x}, y {y} ({part})"
