"""Kernels as a Matplotlib figure.

The rule of this module: that of ``layersight.render.figure``: no pyplot, nothing left behind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from layersight.document.diverging import diverging, greys
from layersight.document.words import number, percent
from layersight.errors import SelectionError
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import (
    as_tiles,
    broken,
    is_mixing,
    limit,
    limits,
    only_filters,
    only_layers,
    strongest,
)
from layersight.nouns.kernels.result import Kernels, LayerKernels
from layersight.render.figure import GREY, QUIET, RED, WORDS, changed, plain, step
from layersight.render.kernels.tile import by_sign, coloured
from layersight.render.kernels.wording import (
    MINUS,
    PLUS_MINUS,
    captions,
    input_name,
    is_bgr,
    kind_of,
    layer_facts,
)
from layersight.writers.page import Bytes
from layersight.writers.png import enlarge

WIDTH = 10.0
FINE = 4
"""Pixels of a weight."""
BAR = 1.6
"""Inches that a colour bar is tall at most."""
TALLEST = 40.0
"""Inches that the kernels of one layer take at most."""


def plot(
    result: Kernels,
    options: KernelOptions | None = None,
    *,
    layer: str | None = None,
    channel: int | None = None,
    **changes: Any,
) -> Figure:
    """Kernels as a Matplotlib figure.

    Args:
        result: The kernels.
        options: How they are laid out.
        layer: Only this layer.
        channel: Only this filter.
        changes: Single options, such as ``columns=8``.

    Returns:
        A figure that ``pyplot`` does not know of, one axes for each layer.

    Raises:
        SelectionError: There is no such layer or filter.
        UsageError: There is no such option.
    """
    chosen = changed(options or KernelOptions(), changes)
    entries = [
        entry if channel is None else only_filters(entry, [entry.filters.index(channel)])
        for entry in result.layers
        if layer in (None, entry.name) and (channel is None or channel in entry.filters)
    ]
    if not entries:
        raise SelectionError(
            f"no kernel of layer {layer or 'any'}, filter {'any' if channel is None else channel} "
            f"here: there are {', '.join(entry.name for entry in result.layers) or 'none'}"
        )
    shown = only_layers(result, entries)
    sheets = [Lattice(entry, chosen.columns, bgr=is_bgr(result)) for entry in entries]
    heights = [min(TALLEST, (WIDTH - 1) * sheet.share) for sheet in sheets]
    size = (WIDTH, sum(heights) + 0.7 * len(sheets) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(sheets), 1, squeeze=False, height_ratios=heights)[:, 0]
    for one, sheet, height in zip(axes, sheets, heights, strict=True):
        sheet.draw(one)
        _bar(figure, one, sheet.entry, height)
    figure.supxlabel(plain("\n".join(captions(shown))), fontsize=6.5, color=QUIET)
    return figure


class Lattice:
    """The kernels of one layer as one picture with words in it.

    A weight is :data:`FINE` pixels wide, so that the gaps may be narrower than a weight.

    Attributes:
        entry: The kernels.
        patterns: Spatial patterns in front of each row.
        columns: Tiles in a row.
        rows: Rows of tiles.
        tile: Height and width of a tile, in pixels.
        tall: From one row to the next, in pixels.
        wide: From one tile to the next.
    """

    def __init__(self, entry: LayerKernels, columns: int, *, bgr: bool) -> None:
        self.entry, self.bgr = entry, bgr
        height, width, inputs, count = (int(side) for side in entry.values.shape)
        single, side = as_tiles(entry), max(height, width) * FINE
        self.patterns = 0 if single or is_mixing(entry) else int(entry.factors.shape[1])
        self.columns = min(columns, count if single else inputs) + self.patterns
        self.rows = math.ceil(count / self.columns) if single else count
        self.tile = height * FINE, width * FINE
        self.tall = self.tile[0] + math.ceil(0.55 * side)
        least = math.ceil((1.4 if is_mixing(entry) and not single else 0.6) * side)
        self.wide = max(self.tile[1], least) + math.ceil(0.15 * side)

    @property
    def across(self) -> int:
        """Pixels of a row, which is as wide as one of eight tiles at least."""
        return self.wide * max(self.columns, 8) + self._apart

    @property
    def share(self) -> float:
        """The height of the picture for a width of 1."""
        return self.rows * self.tall / self.across

    @property
    def _apart(self) -> int:
        """Between the spatial patterns and the slices."""
        return self.wide // 2 if self.patterns else 0

    def draw(self, one: Axes) -> None:
        """Draws the kernels and their words."""
        sheet = np.full((self.rows * self.tall, self.across, 3), 255, np.uint8)
        wrong, most = broken(self.entry), limits(self.entry)
        for place, number_of in enumerate(self.entry.filters):
            row, column = divmod(place, self.columns) if as_tiles(self.entry) else (place, 0)
            if as_tiles(self.entry):
                tiles, words = [self._tile(place)], [str(number_of)]
            else:
                tiles, words = self._row(place, float(most[place]))
                self._name(one, place, float(most[place]))
            if self.entry.zero[place] or wrong[place]:
                self._mark(one, sheet, row, column, wrong=bool(wrong[place]))
                tiles, words = [], words if as_tiles(self.entry) else []
            self._put(one, sheet, row, column, tiles, words)
        one.imshow(sheet, interpolation="nearest")
        one.set_axis_off()
        title = f"{self.entry.name}  {kind_of(self.entry)}\n{layer_facts(self.entry)}"
        one.set_title(title, loc="left", fontsize=8, parse_math=False)

    def _tile(self, place: int) -> Bytes:
        values, most = self.entry.values[..., place], limit(self.entry)
        if self.entry.inputs == 3:
            return coloured(values, most, bgr=self.bgr)
        return by_sign(values[..., 0], most)

    def _row(self, place: int, most: float) -> tuple[list[Bytes], list[str]]:
        """The spatial patterns and the slices of a filter."""
        entry, values = self.entry, self.entry.values[..., place]
        shares = entry.shares[place][: self.patterns].tolist()
        factors = entry.factors[place][: self.patterns]
        tiles = [by_sign(each, float(np.abs(each).max(initial=0))) for each in factors]
        inputs = strongest(entry, place, self.columns - self.patterns)
        tiles += [by_sign(values[..., channel], most) for channel in inputs]
        numbers = [
            input_name(channel, float(values[0, 0, channel]) if is_mixing(entry) else None)
            for channel in inputs
        ]
        return tiles, [*map(percent, shares), *numbers]

    def _left(self, order: int) -> int:
        return order * self.wide + (self._apart if order >= self.patterns else 0)

    def _put(
        self,
        one: Axes,
        sheet: Bytes,
        row: int,
        column: int,
        tiles: Sequence[Bytes],
        words: Sequence[str],
    ) -> None:
        height, width = self.tile
        y = row * self.tall
        for order, tile in enumerate(tiles, column):
            x = self._left(order)
            sheet[y : y + height, x : x + width] = enlarge(tile, (FINE, FINE))
        style: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 6, "color": QUIET}
        for order, word in enumerate(words, column):
            one.text(self._left(order) + width / 2, y + height + 0.03 * self.tall, word, **style)

    def _name(self, one: Axes, place: int, most: float) -> None:
        words = f"{self.entry.filters[place]}\n{PLUS_MINUS}{number(most)}"
        y = place * self.tall + self.tile[0] / 2
        one.text(-0.1 * self.wide, y, words, ha="right", va="center", fontsize=6, color=QUIET)

    def _mark(self, one: Axes, sheet: Bytes, row: int, column: int, *, wrong: bool) -> None:
        """A kernel that cannot be drawn."""
        height, width = self.tile
        x, y = self._left(column), row * self.tall
        wide = width if as_tiles(self.entry) else self._left(self.columns - 1) + width
        sheet[y : y + height, x : x + wide] = step(RED if wrong else GREY)
        words = "not a\nnumber" if wrong else "zero"
        one.annotate(words, (x + wide / 2, y + height / 2), **WORDS)


def _bar(figure: Figure, one: Axes, entry: LayerKernels, height: float) -> None:
    """The colours from the limit below zero to that above, beside ``height`` inches."""
    table = greys() if entry.inputs == 3 else diverging()
    most = limit(entry)
    if most == 0:
        return
    end = number(most) if as_tiles(entry) else "limit of the row"
    mapped = ScalarMappable(Normalize(-1, 1), ListedColormap(table[1:] / 255.0))
    shrink = min(0.9, BAR / height)
    place: dict[str, Any] = {"shrink": shrink, "aspect": 14, "pad": 0.01, "anchor": (0, 1)}
    bar = figure.colorbar(mapped, ax=one, **place)
    bar.set_ticks([-1, 0, 1], labels=[f"{MINUS}{end}", "0", f"+{end}"])
    bar.ax.tick_params(labelsize=6, length=2)
