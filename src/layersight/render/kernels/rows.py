"""Kernels of many inputs: a row for each filter.

The rule of this module: in front stand the few spatial patterns that make up the kernel, with
their shares; behind them the slices for the strongest inputs, each with the input's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layersight.document.words import number, percent, plural, span
from layersight.nouns.kernels.parts import is_mixing, limits, strongest
from layersight.nouns.kernels.result import LayerKernels
from layersight.render.kernels.tile import by_sign, mark, strip
from layersight.render.kernels.wording import PLUS_MINUS, input_name
from layersight.writers.page import Bytes
from layersight.writers.sketch import BODY, NOTE, TINY, Medium, Sketch

GAP = 4.0
"""Between two tiles beside each other, in points."""
MIN_STANDARD_ERRORS = 16.0
"""Between the spatial patterns and the slices."""
NAME = 34.0
"""Width of the filter's number and its limit."""
HEADS = 11.0
"""Height of the words over the columns."""
UNDER = 7.0
"""Under the numbers of a row."""
LABEL = 7.5
"""Height of the numbers under tiles."""
LEAST = 17.0
"""Width of a column at least, so that the numbers stand apart."""
WIDEST = 34.0
"""Of a tile on paper at most."""
SCREEN_TILE = 44
"""Device pixels that the longer side of a tile on the screen takes at least."""
SCREEN_MIXING = 28
"""Likewise where a tile is one weight."""


@dataclass(frozen=True, eq=False, slots=True)
class RowsBody:
    """Rows of filters.

    Attributes:
        entry: The kernels.
        slices: How many inputs are shown at most.
        pixel: The size of a weight, in points.
        gap: Between two tiles, in weights; a whole number where they have several positions.
    """

    entry: LayerKernels
    slices: int
    pixel: float
    gap: float

    @property
    def rows(self) -> int:
        """One for each filter."""
        return len(self.entry.filters)

    @property
    def patterns(self) -> int:
        """Spatial patterns in front of each row; none where there is one position."""
        return 0 if is_mixing(self.entry) else int(self.entry.factors.shape[1])

    @property
    def tall(self) -> float:
        """Of a tile."""
        return int(self.entry.values.shape[0]) * self.pixel

    @property
    def wide(self) -> float:
        """Of a tile."""
        return int(self.entry.values.shape[1]) * self.pixel

    @property
    def pitch(self) -> float:
        """From one tile to the next."""
        return self.wide + self.gap * self.pixel

    @property
    def row_height(self) -> float:
        """Of the tiles with their numbers."""
        return max(self.tall + LABEL, 2.4 * TINY.size) + UNDER

    @property
    def extra(self) -> float:
        """The words over the columns."""
        return HEADS

    @property
    def start(self) -> float:
        """Where the slices begin."""
        return NAME + (self.patterns * self.pitch + MIN_STANDARD_ERRORS if self.patterns else 0.0)

    @property
    def width(self) -> float:
        """Of a row."""
        return self.start + self.slices * self.pitch

    def part(self, first: int, last: int) -> str:
        """The filters in these rows."""
        shown = self.entry.filters[first:last]
        return f"{span(shown[0], shown[-1])} of {plural(self.rows, 'filter')}"

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the filters of these rows."""
        most = limits(self.entry)
        self._heads(sketch, x, y)
        for row, place in enumerate(range(first, last)):
            top = sketch.medium.snap(y + HEADS + row * self.row_height)
            self._row(sketch, x, top, place, float(most[place]))

    def _heads(self, sketch: Sketch, x: float, y: float) -> None:
        if self.patterns:
            room = self.patterns * self.pitch + MIN_STANDARD_ERRORS - 4
            sketch.text(x + NAME, y + 5, "spatial patterns, share", TINY, room=room)
        inputs = plural(self.entry.inputs, "input")
        words = (
            inputs if self.slices == self.entry.inputs else f"strongest {self.slices} of {inputs}"
        )
        sketch.text(x + self.start, y + 5, words, TINY)

    def _row(self, sketch: Sketch, x: float, y: float, place: int, most: float) -> None:
        entry, medium = self.entry, sketch.medium
        middle = y + self.tall / 2
        sketch.label(x, middle, str(entry.filters[place]), BODY.but(bold=True), "start")
        left = medium.snap(x + NAME)
        if mark(sketch, left, y, self.width - NAME - GAP, self.tall, entry, place):
            return
        sketch.label(x, middle + 7, f"{PLUS_MINUS}{number(most)}", TINY, "start")
        left = medium.snap(x + self.start)
        if is_mixing(entry):
            self._mix(sketch, left, y, place, most)
            return
        shares = [float(share) for share in entry.shares[place] if share > 0]
        factors = [by_sign(each, float(np.abs(each).max())) for each in entry.factors[place]]
        self._strip(
            sketch, medium.snap(x + NAME), y, factors[: len(shares)], [*map(percent, shares)]
        )
        inputs = strongest(entry, place, self.slices)
        slices = [by_sign(entry.values[..., channel, place], most) for channel in inputs]
        self._strip(sketch, left, y, slices, [*map(str, inputs)])

    def _strip(
        self, sketch: Sketch, x: float, y: float, tiles: Sequence[Bytes], words: Sequence[str]
    ) -> None:
        """Tiles beside each other as one picture, with words under each."""
        sketch.picture(x, y, (self.pixel, self.pixel), strip(tiles, int(self.gap)))
        for order, word in enumerate(words):
            self._under(sketch, x + order * self.pitch, y, word)

    def _mix(self, sketch: Sketch, x: float, y: float, place: int, most: float) -> None:
        """Single weights as boxes, with their sign before the input's number."""
        weights = self.entry.values[0, 0, :, place]
        for order, channel in enumerate(strongest(self.entry, place, self.slices)):
            left = sketch.medium.snap(x + order * self.pitch)
            red, green, blue = by_sign(weights[channel], most).tolist()
            sketch.box(left, y, self.wide, self.tall, f"#{red:02x}{green:02x}{blue:02x}")
            self._under(sketch, left, y, input_name(channel, float(weights[channel])))

    def _under(self, sketch: Sketch, x: float, y: float, words: str) -> None:
        sketch.label(x + self.wide / 2, y + self.tall + LABEL - 1, words, NOTE)


def make_rows(medium: Medium, entry: LayerKernels, columns: int) -> RowsBody:
    """Rows as wide as paper, or of whole device pixels on the screen.

    On paper a row has no more slices than the numbers under them leave room for.
    """
    height, width, inputs, _ = (int(side) for side in entry.values.shape)
    slices, mixing = min(columns, inputs), is_mixing(entry)
    widest = input_name(inputs - 1, 1.0 if mixing else None)
    least = max(LEAST, Sketch(medium, medium.width).measure(widest, NOTE) + 4)
    if medium.resolution is not None:
        wanted = SCREEN_MIXING if mixing else SCREEN_TILE
        pixel = max(1, round(wanted / max(height, width))) / medium.resolution
        return RowsBody(entry, slices, pixel, _gap(pixel, width, least, mixing))
    front = 0 if mixing else int(entry.factors.shape[1])
    room = medium.room - NAME - (MIN_STANDARD_ERRORS if front else 0)
    slices = min(slices, max(1, int(room / least) - front))
    pitch = room / (front + slices)
    pixel = min(WIDEST, pitch - GAP, SCREEN_MIXING / 2 if mixing else WIDEST) / max(height, width)
    gap = _gap(pixel, width, least, mixing)
    return RowsBody(entry, slices, min(pixel, pitch / (width + gap)), gap)


def _gap(pixel: float, width: int, least: float, mixing: bool) -> float:
    """Between two tiles, in weights, so that the columns are at least ``least`` points wide."""
    gap = max(GAP, least - width * pixel) / pixel
    return gap if mixing else max(1, round(gap))
