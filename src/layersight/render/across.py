"""One channel number through all layers that have maps.

The rule of this module: every tile is drawn at the same size under its own layer's name, and
a layer without that channel is named, not left out in silence.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from layersight.document.colour import palette
from layersight.document.words import plural, span
from layersight.errors import SelectionError
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.render.flow import add_foot, end_screen
from layersight.render.legend import (
    BAR_WIDTH,
    bar_marks,
    draw_bar,
    mark_broken,
    mark_dead,
    part_slices,
)
from layersight.render.wording import captions, real_size
from layersight.writers.page import Page
from layersight.writers.sketch import BODY, HEADING, LEAD, NOTE, QUIET, Medium, Sketch

MOST_CHANNELS = 128
HEAD = 44.0
TITLES = 26.0
"""Room over each tile for its layer's name and size."""
BETWEEN = 16.0
LEAST_SIDE = 240
"""Device pixels of a tile on the screen."""


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """The map of one layer."""

    entry: LayerActivation
    tiles: Tiles


def across_pages(
    result: Activations, options: PictureOptions, image: int, medium: Medium
) -> list[Page]:
    """A page (or more, for deep models) for each channel number that was asked for.

    Raises:
        SelectionError: No layer has maps, or too many channels were asked for.
    """
    layers = [entry for entry in result.layers if entry.has_maps]
    numbers = sorted({channel for entry in layers for channel in entry.channels})
    if not numbers:
        raise SelectionError("no layer here has feature maps, so no channel runs across layers")
    if len(numbers) > MOST_CHANNELS:
        raise SelectionError(
            f"the view 'across' draws a page for each channel: expected at most {MOST_CHANNELS} "
            f"channels, found {len(numbers):,}. Choose some, such as channel {numbers[0]}."
        )
    feet = captions(result, options, image)
    found = []
    for number in numbers:
        steps = [
            _step(entry, number, image, options) for entry in layers if number in entry.channels
        ]
        lacking = [entry.name for entry in layers if number not in entry.channels]
        found += _Channel(image, number, steps, lacking, options, medium, feet).pages()
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def _step(entry: LayerActivation, number: int, image: int, options: PictureOptions) -> Step:
    position = entry.channels.index(number)
    return Step(entry, make_tiles(entry, image, options, only=(position,)))


def _common_side(steps: list[Step]) -> int:
    """The device pixels that whole multiples of all maps' sides fill best."""
    sides = {int(max(step.tiles.pixels.shape[1:])) for step in steps}
    least = max(LEAST_SIDE, *sides)
    return min(
        range(least, 2 * least), key=lambda whole: (max(whole % side for side in sides), whole)
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Channel:
    """The pages of one channel number."""

    image: int
    number: int
    steps: list[Step]
    lacking: list[str]
    options: PictureOptions
    medium: Medium
    feet: tuple[str, ...]

    @property
    def columns(self) -> int:
        return 4 if len(self.steps) <= 16 else 6

    @property
    def side(self) -> float:
        """Of the square that every tile is fitted into, in points."""
        columns = self.columns
        side = (self.medium.room - BETWEEN * (columns - 1)) / columns
        if self.medium.resolution is None:
            return side
        return _common_side(self.steps) / self.medium.resolution

    def pages(self) -> list[Page]:
        """As many as are needed."""
        pitch = self.side + TITLES + BETWEEN
        fitting = len(self.steps)
        if self.medium.height is not None:
            fitting = max(1, int((self.medium.body - HEAD) / pitch)) * self.columns
        return [
            self._page(self.steps[start : start + fitting], start)
            for start in range(0, len(self.steps), fitting)
        ]

    def _page(self, steps: list[Step], start: int) -> Page:
        side, columns = self.side, self.columns
        wide = columns * side + (columns - 1) * BETWEEN + 2 * self.medium.margin
        sketch = Sketch(self.medium, max(self.medium.width, wide))
        self._head(sketch, start, len(steps))
        top = self.medium.margin + HEAD
        for place, step in enumerate(steps):
            row, column = divmod(place, columns)
            x = sketch.left + column * (side + BETWEEN)
            y = top + row * (side + TITLES + BETWEEN)
            self._tile(sketch, self.medium.snap(x), self.medium.snap(y), step)
        y = top + math.ceil(len(steps) / columns) * (side + TITLES + BETWEEN)
        if self.medium.height is None:
            return end_screen(sketch, f"channel {self.number}", y + 8, self.feet)
        return sketch.page(f"channel {self.number}", y)

    def _head(self, sketch: Sketch, start: int, shown: int) -> None:
        y = self.medium.margin
        if start == 0:
            sketch.anchor(f"channel:{self.image}:{self.number}", f"channel {self.number}", y - 8)
        sketch.line((sketch.left, y - 2), (sketch.right, y - 2))
        room = sketch.right - sketch.left - BAR_WIDTH - 18
        x = sketch.left
        x += sketch.text(x, y + 12, f"Channel {self.number}", HEADING) + 9
        words = f"through {plural(len(self.steps), 'layer')}"
        if shown < len(self.steps):
            words += f", {span(start + 1, start + shown)}"
        sketch.text(x, y + 12, words, LEAD.but(colour=QUIET), room=room)
        sketch.text(sketch.left, y + 23, self._facts(), BODY.but(colour=QUIET), room=room)
        own = self.options.normalise == "layer"
        marks = bar_marks(self.steps[0].tiles, self.options)
        marks = {0.0: "least of the layer", 1.0: "greatest"} if own else marks
        draw_bar(sketch, sketch.right, y + 7, self.options, marks)

    def _facts(self) -> str:
        dead = sum(bool(step.tiles.dead[0]) for step in self.steps)
        facts = [
            f"{plural(dead, 'map')} dead for this image" if dead else "none dead for this image"
        ]
        if self.lacking:
            facts.append("not in " + ", ".join(self.lacking))
        return "  ·  ".join(facts)

    def _tile(self, sketch: Sketch, x: float, y: float, step: Step) -> None:
        side = self.side
        sketch.text(x, y + 8, step.entry.name, BODY.but(bold=True), room=side)
        sketch.text(x, y + 18, real_size(step.entry), NOTE, room=side)
        y = self.medium.snap(y + TITLES - 3)
        if step.tiles.broken[0]:
            mark_broken(sketch, x, y, side, side, dataclasses.replace(BODY, colour=QUIET))
            return
        if step.tiles.dead[0]:
            value = float(step.tiles.constants[0])
            mark_dead(sketch, x, y, side, side, value, dataclasses.replace(BODY, colour=QUIET))
            return
        pixels = step.tiles.pixels[0]
        pixel = self.medium.zoomed(max(pixels.shape), side)
        tall = self._stretch(pixels.shape[0], pixel)
        x += self.medium.snap((side - pixels.shape[1] * pixel) / 2)
        y += self.medium.snap((side - pixels.shape[0] * tall) / 2)
        area = sketch.picture(x, y, (pixel, tall), pixels, palette(self.options.colormap))
        if step.tiles.slices != (1, 1):
            part_slices(sketch, x, y, *area, step.tiles)

    def _stretch(self, height: int, pixel: float) -> float:
        """The height of a pixel; a 1-D map is a band, not a hairline."""
        return self.medium.zoomed(1, self.side / 4) if height == 1 else pixel
