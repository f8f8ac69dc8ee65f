"""A photograph, the heat, and the heat over the photograph, as small pictures.

The rule of this module: heat has the size of its photograph; a map of zeros is marked with the
word and never a flat colour; what the network did not see is faded.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.photograph import Photograph
from layersight.document.colour import palette
from layersight.nouns.heatmaps.colours import HeatScale as Scale
from layersight.nouns.heatmaps.colours import scale_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import is_cropped, placed, seen
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps
from layersight.render.heatmaps.board import Cell
from layersight.render.legend import draw_ramp, mark_broken, mark_flat, words_on
from layersight.writers.page import Bytes
from layersight.writers.sketch import ACCENT, DEAD_FILL, NOTE, Sketch

LARGE = 90.0
"""Width from which on a tile has both of its words beside each other."""
BAR = 15.0
"""Height of a colour bar with its numbers, in points."""


def photograph_pixels(photograph: Photograph) -> Bytes:
    """``(height, width, 3)`` RGB."""
    pixels = photograph.pixels
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)


def blend(pixels: Bytes, steps: Bytes, colours: Bytes, opacity: FloatArray) -> Bytes:
    """Colours over a photograph.

    Args:
        pixels: ``(height, width, 3)``.
        steps: ``(height, width)``: of the heat.
        colours: ``(256, 3)``: of each step.
        opacity: ``(256,)``: of each step, 0..1.

    Example:
        >>> black, one = np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.uint8)
        >>> white, half = np.full((256, 3), 255, np.uint8), np.full(256, 0.5, np.float32)
        >>> blend(black, one, white, half).tolist()
        [[[128, 128, 128]]]
    """
    share = np.rint(opacity * 256).astype(np.uint16)
    over = colours.astype(np.uint16) * share[:, None]
    mixed = (pixels * (256 - share)[steps][..., None] + over[steps] + 128) >> 8
    return mixed.astype(np.uint8)


@dataclass(frozen=True, eq=False, slots=True)
class HeatTile:
    """The pictures of one map on a photograph.

    Attributes:
        entry: The map.
        scale: How its values become colours.
        photograph: As large as it is drawn.
        options: How it should look.
    """

    entry: Heatmap
    scale: Scale
    photograph: Photograph
    options: HeatOptions

    @property
    def broken(self) -> bool:
        """Whether a value is not a finite number."""
        return not bool(np.isfinite(self.entry.values).all())

    @property
    def empty(self) -> bool:
        """Whether there is nothing but zeros."""
        return self.entry.empty or self.scale.most == 0

    def steps(self) -> Bytes:
        """The colour step of each pixel."""
        heat = placed(self.entry, self.photograph, smooth=self.options.smooth)
        return self.scale.steps(self.entry.above_ground(heat))

    def overlay(self) -> Bytes:
        """The heat over the photograph; without heat the photograph as it is."""
        pixels = photograph_pixels(self.photograph)
        opacity = self.scale.opacity(self.options.opacity)
        if self.empty:
            opacity[1:] = 0
        return blend(pixels, self.steps(), self.scale.colours, opacity)

    def draw_photograph(self, sketch: Sketch, x: float, y: float, cell: Cell) -> None:
        """Draws the photograph alone."""
        draw_photograph(sketch, x, y, cell, self.photograph)

    def draw_heat(self, sketch: Sketch, x: float, y: float, cell: Cell) -> None:
        """Draws the heat alone, or the mark of a map that has none."""
        if self.broken:
            mark_broken(sketch, x, y, cell.wide, cell.tall, NOTE)
        elif self.empty:
            words = ("no evidence:", "all 0") if cell.wide < LARGE else ("no evidence: all 0",)
            mark_flat(sketch, x, y, cell.wide, cell.tall, words, NOTE)
        else:
            sketch.picture(x, y, (cell.pixel, cell.pixel), self.steps(), self.scale.colours)
            draw_unseen(sketch, x, y, cell, self.photograph)

    def draw_overlay(self, sketch: Sketch, x: float, y: float, cell: Cell) -> None:
        """Draws the heat over the photograph."""
        if self.broken:
            draw_photograph(sketch, x, y, cell, self.photograph)
            return
        sketch.picture(x, y, (cell.pixel, cell.pixel), self.overlay())
        draw_unseen(sketch, x, y, cell, self.photograph)
        if self.empty:
            word_at_foot(sketch, x, y, cell, "no evidence: all 0")

    def draw_bar(self, sketch: Sketch, x: float, y: float, wide: float) -> None:
        """Draws the colour bar under a tile as wide as that, with the values of its ends."""
        if self.broken or self.empty:
            return
        draw_ramp(sketch, x + wide, y, self.scale.ramp(), self.scale.marks(), wide)


def make_tile(
    result: Heatmaps, place: int, photograph: Photograph, options: HeatOptions
) -> HeatTile:
    """The pictures of a map on its photograph, or a reduced one."""
    return HeatTile(result.maps[place], scale_of(result, place, options), photograph, options)


def draw_photograph(sketch: Sketch, x: float, y: float, cell: Cell, photograph: Photograph) -> None:
    """Draws the photograph in its own colours; a line around what the network saw of it."""
    pixels = photograph.pixels
    grey = pixels.shape[2] == 1
    pixel = (cell.pixel, cell.pixel)
    sketch.picture(
        x, y, pixel, pixels[..., 0] if grey else pixels, palette("grey") if grey else None
    )
    if not is_cropped(photograph):
        return
    top, left, bottom, right = (edge * cell.pixel for edge in seen(photograph))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for one, other in itertools.pairwise(corners):
        sketch.line(*((x + a, y + b) for a, b in (one, other)), colour=ACCENT, width=0.8)


def draw_unseen(sketch: Sketch, x: float, y: float, cell: Cell, photograph: Photograph) -> None:
    """Puts words on the parts that the network did not see, where they fit."""
    top, left, bottom, right = (edge * cell.pixel for edge in seen(photograph))
    strips = (
        (0.0, 0.0, cell.wide, top),
        (0.0, bottom, cell.wide, cell.tall),
        (0.0, top, left, bottom),
        (right, top, cell.wide, bottom),
    )
    for x0, y0, x1, y1 in strips:
        wide, tall = x1 - x0, y1 - y0
        for words in (("not seen",), ("not", "seen")):
            if wide > sketch.measure(words[0], NOTE) + 4 and tall > NOTE.size * 1.3 * len(words):
                words_on(sketch, x + x0, y + y0, wide, tall, words, NOTE, DEAD_FILL)
                break


def word_at_foot(sketch: Sketch, x: float, y: float, cell: Cell, words: str) -> None:
    """Words on a plain ground at the lower edge of a picture, where they fit."""
    wide, tall = sketch.measure(words, NOTE) + 6, NOTE.size * 1.5
    if wide <= cell.wide and tall <= cell.tall:
        sketch.box(x, y + cell.tall - tall, wide, tall, DEAD_FILL)
        sketch.label(x + 3, y + cell.tall - NOTE.size * 0.45, words, NOTE, "start")
