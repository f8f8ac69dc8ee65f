"""One feature map, large, with its pixels' numbers and its real values.

The rule of this module: colours stand for values on one straight scale, and the bar beside
the map says which.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.document.colour import palette
from layersight.document.words import number, percent, size
from layersight.errors import SelectionError
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.render.flow import add_foot, end_screen
from layersight.render.legend import (
    draw_ticks_below,
    draw_ticks_left,
    mark_broken,
    mark_dead,
    part_slices,
)
from layersight.render.wording import captions, real_size
from layersight.writers.page import Bytes, Page
from layersight.writers.sketch import (
    ACCENT,
    BODY,
    FAINT,
    HEADING,
    LEAD,
    NOTE,
    QUIET,
    TINY,
    Medium,
    Sketch,
)

MOST_MAPS = 256
HEAD = 34.0
AXIS = 20.0
SIDE = 430.0
"""Width that a map takes about, in points."""
ASIDE = 120.0
"""Side of the square that the input is fitted into, in points."""
NUMBERS = 170.0
"""Width of the table of numbers, in points."""


def channel_pages(
    result: Activations, options: PictureOptions, image: int, medium: Medium
) -> list[Page]:
    """A page for each map.

    Raises:
        SelectionError: No layer has maps, or there are too many of them.
    """
    amount = result.map_count
    if not amount:
        raise SelectionError("no layer here has feature maps, so there is no channel to draw")
    if amount > MOST_MAPS:
        raise SelectionError(
            f"the view 'channel' draws a page for each map: expected at most {MOST_MAPS} maps, "
            f"found {amount:,}. Choose fewer layers or channels."
        )
    linear = linear_options(options)
    feet = captions(result, linear, image)
    found = [
        _Map(entry, position, image, linear, medium, result.images[image]).page(feet)
        for entry in result.layers
        if entry.has_maps
        for position in range(len(entry.channels))
    ]
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def linear_options(options: PictureOptions) -> PictureOptions:
    """The options for a single map: from its least to its greatest value.

    Values of one map need no standardising to be comparable; where one scale for the layer
    or none was asked for, that is kept.
    """
    if options.normalise == "standardise":
        return dataclasses.replace(options, normalise="minmax")
    return options


def limits(entry: LayerActivation, position: int, image: int, tiles: Tiles) -> tuple[float, float]:
    """The values of the first and the last colour step."""
    if tiles.low is not None and tiles.high is not None:
        return tiles.low, tiles.high
    stats = entry.statistics
    return float(stats.min[image, position]), float(stats.max[image, position])


def input_picture(shown: InputImage) -> tuple[Bytes, bool]:
    """The pixels of an input, and whether they are grey."""
    channels = shown.pixels.shape[-1]
    if channels >= 3:
        return np.ascontiguousarray(shown.pixels[..., :3]), False
    return np.ascontiguousarray(shown.pixels[..., 0]), True


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class _Map:
    """The page of one map."""

    entry: LayerActivation
    position: int
    image: int
    options: PictureOptions
    medium: Medium
    shown: InputImage

    def page(self, feet: tuple[str, ...]) -> Page:
        tiles = make_tiles(self.entry, self.image, self.options, only=(self.position,))
        pixels = tiles.pixels[0]
        flat = self.entry.values.ndim == 3
        pixel = self._pixel(pixels.shape[0], pixels.shape[1], flat)
        wide, tall = pixels.shape[1] * pixel, pixels.shape[0] * pixel
        tall = SIDE / 2 if flat else tall
        page_width = 2 * self.medium.margin + AXIS + wide + 60
        sketch = Sketch(self.medium, max(self.medium.width, page_width))
        name = f"{self.entry.name}, channel {self.entry.channels[self.position]}"
        self._head(sketch, name)
        x, y = self.medium.snap(sketch.left + AXIS), self.medium.snap(self.medium.margin + HEAD)
        self._draw(sketch, x, y, (wide, tall), pixel, tiles, flat)
        if not (tiles.dead[0] or tiles.broken[0]):
            low, high = limits(self.entry, self.position, self.image, tiles)
            self._bar(sketch, x + wide + 14, y, tall, low, high, bar=not flat)
        y = self._below(sketch, x, y + tall + 34)
        return (
            end_screen(sketch, name, y, feet)
            if self.medium.height is None
            else sketch.page(name, y)
        )

    def _pixel(self, height: int, width: int, flat: bool) -> float:
        if flat:
            return self.medium.zoomed(width, SIDE)
        room = self.medium.body - HEAD - 200
        pixel = self.medium.zoomed(max(width, height), SIDE)
        return pixel if self.medium.resolution else min(pixel, room / height)

    def _head(self, sketch: Sketch, name: str) -> None:
        y = self.medium.margin
        sketch.anchor(f"map:{self.image}:{name}", name, y - 8)
        sketch.line((sketch.left, y - 2), (sketch.right, y - 2))
        kind = f"{self.entry.layer.type}   {real_size(self.entry)}"
        room = sketch.right - sketch.left
        aside = sketch.measure(kind, LEAD) + 9
        x = sketch.left + sketch.text(sketch.left, y + 12, name, HEADING, room=room - aside) + 9
        sketch.text(x, y + 12, kind, LEAD.but(colour=QUIET))

    def _draw(
        self,
        sketch: Sketch,
        x: float,
        y: float,
        area: tuple[float, float],
        pixel: float,
        tiles: Tiles,
        flat: bool,
    ) -> None:
        wide, tall = area
        pixels = tiles.pixels[0]
        style = dataclasses.replace(LEAD, colour=QUIET)
        if tiles.broken[0]:
            mark_broken(sketch, x, y, wide, tall, style)
        elif tiles.dead[0]:
            mark_dead(sketch, x, y, wide, tall, float(tiles.constants[0]), style)
        elif flat:
            low, high = limits(self.entry, self.position, self.image, tiles)
            values = self.entry.values[self.image, :, self.position]
            _curve(sketch, x, y, area, values, low, high)
        else:
            sketch.picture(x, y, (pixel, pixel), pixels, palette(self.options.colormap))
        if tiles.slices == (1, 1):
            draw_ticks_below(sketch, x, y + tall, pixel, pixels.shape[1])
            if not flat:
                draw_ticks_left(sketch, x, y, pixel, range(pixels.shape[0]), apart=24)
        else:
            slices = self.entry.values.shape[1]
            if not (tiles.dead[0] or tiles.broken[0]):
                part_slices(sketch, x, y, wide, tall, tiles)
            words = f"{slices} depth slices, read like text"
            sketch.label(x, y + tall + 9, words, TINY, "start")

    def _bar(
        self, sketch: Sketch, x: float, y: float, tall: float, low: float, high: float, *, bar: bool
    ) -> None:
        """A standing colour bar with real values; for a curve only the values."""
        x = self.medium.snap(x) if bar else x - 12
        if bar:
            rows = round(tall * (self.medium.resolution or 256 / tall))
            ramp = np.linspace(255, 0, rows).round().astype(np.uint8)[:, None]
            sketch.picture(x, y, (7.0, tall / rows), ramp, palette(self.options.colormap))
            x += 7
        for step in range(5):
            place = y + tall * (1 - step / 4)
            sketch.line((x, place), (x + 2.5, place))
            shift = 4.0 if step == 4 else 0.0 if step == 0 else 2.0
            value = low + (high - low) * step / 4
            sketch.label(x + 4.5, place + shift, number(value), TINY, "start")

    def _below(self, sketch: Sketch, x: float, y: float) -> float:
        """The input, small, and the map's numbers; returns where they end."""
        pixels, grey = input_picture(self.shown)
        pixel = self.medium.zoomed(max(pixels.shape[:2]), ASIDE)
        colours = palette("grey") if grey else None
        y = self.medium.snap(y)
        wide, tall = sketch.picture(x, y, (pixel, pixel), pixels, colours)
        right = x + max(wide, ASIDE) + 24
        height, width = self.shown.pixels.shape[:2]
        sketch.text(x, y + tall + 9, self.shown.name, NOTE, room=max(wide, ASIDE))
        sketch.label(x, y + tall + 18, f"input, {size((height, width))}", NOTE, "start")
        baseline = y + 7
        for name, value in self._numbers():
            sketch.label(right, baseline, name, BODY.but(colour=QUIET), "start")
            sketch.label(right + NUMBERS, baseline, value, BODY, "end")
            sketch.line((right, baseline + 4), (right + NUMBERS, baseline + 4), width=0.25)
            baseline += 14
        return max(y + tall + 36, baseline + 8)

    def _numbers(self) -> list[tuple[str, str]]:
        stats, place = self.entry.statistics, (self.image, self.position)
        rows: list[tuple[str, str]] = [
            ("mean", number(float(stats.mean[place]))),
            ("standard deviation", number(float(stats.std[place]))),
            ("least", number(float(stats.min[place]))),
            ("greatest", number(float(stats.max[place]))),
            ("zeros", percent(float(stats.sparsity[place]))),
        ]
        field = self.entry.layer.receptive_field
        if field:
            rows.append(("receptive field", size(field)))
        return rows


def _curve(
    sketch: Sketch,
    x: float,
    y: float,
    area: tuple[float, float],
    values: FloatArray,
    low: float,
    high: float,
) -> None:
    """A 1-D map as a curve."""
    wide, tall = area
    heights = np.clip((values.astype(float) - low) / ((high - low) or 1.0), 0, 1)
    step = wide / len(values)
    points = tuple(
        (x + (place + 0.5) * step, y + tall * (1 - height))
        for place, height in enumerate(heights.tolist())
    )
    sketch.box(x, y, wide, tall, stroke=FAINT)
    if len(points) > 1:
        sketch.line(*points, colour=ACCENT, width=0.8)
