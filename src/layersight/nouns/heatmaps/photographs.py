"""A heatmap on its photograph, and where the heat lies.

The rule of this module: positions are pixels of the image's own file, from its upper left corner,
whatever size the network saw.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from layersight.data.arrays import FloatArray
from layersight.data.image import Photograph
from layersight.data.placing import place as place_values
from layersight.data.stack import contact_sheet
from layersight.nouns.heatmaps.result import HeatLocation, Heatmap, Heatmaps

PARTS = (
    ("upper left", "top", "upper right"),
    ("left", "middle", "right"),
    ("lower left", "bottom", "lower right"),
)
"""The nine parts of a photograph."""
EDGE = 1.0  # pixels from which a part that was cropped or padded is mentioned
HOT = 0.2  # the share of the visible pixels that counts as the hottest


def place_on_photograph(
    entry: Heatmap, photograph: Photograph, *, smooth: bool = True
) -> FloatArray:
    """The values on their photograph, ``(height, width)``; NaN where the network saw nothing.

    Frames and slices are arranged as in :func:`contact_sheet`. Signals and vectors, which have no
    photograph, are unchanged.

    Args:
        entry: The map.
        photograph: The image in its own size, or a reduced one.
        smooth: Whether the cells of a coarse map run into each other.
    """
    if entry.values.ndim == 1:
        return entry.values
    if entry.values.ndim == 3:
        stack = entry.values if smooth else _in_squares(entry.coarse, entry.values.shape)
        return contact_sheet(stack, np.nan)
    size = photograph.pixels.shape[0], photograph.pixels.shape[1]
    if smooth:
        placed: FloatArray = place_values(entry.values, photograph.region, size)
        return placed
    top, left, bottom, right = photograph.region
    cells = entry.coarse
    rows = _nearest(size[0], top, bottom, cells.shape[0])
    columns = _nearest(size[1], left, right, cells.shape[1])
    placed = cells[np.maximum(rows, 0)][:, np.maximum(columns, 0)].astype(np.float32)
    placed[rows < 0], placed[:, columns < 0] = np.nan, np.nan
    return placed


def _in_squares(cells: FloatArray, size: tuple[int, ...]) -> FloatArray:
    """A map enlarged without interpolation."""
    sides = zip(size, cells.shape, strict=True)
    return cells[np.ix_(*(_nearest(length, 0, length, count) for length, count in sides))]


def _nearest(length: int, start: float, end: float, cells: int) -> NDArray[np.intp]:
    """The cell under the centre of each pixel; -1 where there is none."""
    centres = np.arange(length) + 0.5
    inside = (centres >= start) & (centres <= end)
    indices = np.clip((centres - start) / (end - start) * cells, 0, cells - 1).astype(int)
    return np.where(inside, indices, -1)


def reduce_photograph(photograph: Photograph, most: tuple[int, int]) -> Photograph:
    """The photograph with at most a number of rows and columns, its pixels averaged.

    >>> large = Photograph(np.zeros((9, 20, 1), np.uint8), (0, 0, 9, 20))
    >>> small = reduce_photograph(large, (10, 10))
    >>> small.pixels.shape, small.region, small.reduced
    ((4, 10, 1), (0.0, 0.0, 4.0, 10.0), 2.0)
    """
    height, width = photograph.pixels.shape[:2]
    factor = max(height / most[0], width / most[1])
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


def visible_part(photograph: Photograph) -> tuple[float, float, float, float]:
    """The part of the photograph that the network saw: top, left, bottom, right."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    return max(0.0, top), max(0.0, left), min(float(height), bottom), min(float(width), right)


def is_cropped(photograph: Photograph) -> bool:
    return max(_margins(photograph)) >= EDGE


def is_padded(photograph: Photograph) -> bool:
    return min(_margins(photograph)) <= -EDGE


def _margins(photograph: Photograph) -> tuple[float, ...]:
    """How much was cropped on each side; negative where it was padded."""
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    return float(top), float(left), float(height - bottom), float(width - right)


def in_padding(entry: Heatmap, photograph: Photograph) -> float:
    """The share of the heat that lies outside the photograph, 0..1."""
    if entry.values.ndim != 2:
        return 0.0
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    rows, columns = entry.values.shape
    y = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    inside = ((y >= 0) & (y <= height))[:, None] & ((x >= 0) & (x <= width))
    sizes = np.abs(entry.heat.astype(np.float64))
    total = float(sizes.sum())
    return float(sizes[~inside].sum()) / total if total else 0.0


def locate_heat(result: Heatmaps, index: int) -> HeatLocation:
    """Where the heat of a map lies on its photograph; computed once."""
    if index not in result.places:
        result.places[index] = _find_heat(result, index)
    return result.places[index]


def _find_heat(result: Heatmaps, index: int) -> HeatLocation:
    entry = result.maps[index]
    photograph = result.photographs[entry.image]
    values = entry.values if entry.values.ndim != 2 else place_on_photograph(entry, photograph)
    axes = axis_names(result, index)
    heat = np.nan_to_num(entry.above_neutral(values), nan=-np.inf, posinf=-np.inf)
    finite = np.isfinite(heat)
    mass = np.where(finite & (heat > 0), heat, 0).astype(np.float64)
    if not mass.any():
        return HeatLocation(axes, None, None, None)
    by = photograph.reduced if heat.ndim == 2 else 1.0
    hottest = [int(side) for side in np.unravel_index(int(heat.argmax()), heat.shape)]
    total = mass.sum()
    other_axes = [(*range(axis), *range(axis + 1, heat.ndim)) for axis in range(heat.ndim)]
    centre = [
        float((mass.sum(others) * (np.arange(length) + 0.5)).sum() / total)
        for others, length in zip(other_axes, heat.shape, strict=True)
    ]
    count = max(1, round(HOT * int(finite.sum())))
    least = np.partition(heat[finite], -count)[-count]
    hot = np.nonzero(finite & (heat >= least) & (heat > 0))
    sides = [(side.min() * by, (side.max() + 1) * by) for side in hot]
    return HeatLocation(
        axes,
        tuple(int((side + 0.5) * by) for side in reversed(hottest)),
        tuple(side * by for side in reversed(centre)),
        None
        if axes == ("unit",)
        else tuple(round(side[end]) for end in (0, 1) for side in reversed(sides)),
    )


def axis_names(result: Heatmaps, index: int) -> tuple[str, ...]:
    """The names of the coordinates of a position on a map, the last axis first."""
    entry = result.maps[index]
    if entry.values.ndim == 1:
        return ("unit",) if result.images[entry.image].values.ndim == 1 else ("position",)
    return ("x", "y", frame_word(result, entry.image))[: entry.values.ndim]


def frame_word(result: Heatmaps, image: int) -> str:
    """The word for one picture of a stack: a frame if it has three colours, else a slice."""
    return "frame" if result.images[image].values.shape[-1] == 3 else "slice"


def describe_peak(result: Heatmaps, index: int) -> str:
    """The hottest pixel in words; empty for a map without heat."""
    peak = locate_heat(result, index).hottest
    if peak is None:
        return ""
    image = result.images[result.maps[index].image]
    if len(peak) != 2:
        axes = axis_names(result, index)
        names = image.names if axes == ("unit",) else ()
        if peak[0] < len(names):
            return f"unit {peak[0]} ({names[peak[0]]})"
        words = zip(reversed(axes), reversed(peak), strict=True)
        return ", ".join(f"{axis} {number}" for axis, number in words)
    width, height = image.original_size
    x, y = peak
    part = PARTS[min(2, 3 * y // max(1, height))][min(2, 3 * x // max(1, width))]
    return f"x {x}, y {y} ({part})"
