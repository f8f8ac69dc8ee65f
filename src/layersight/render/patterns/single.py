"""One pattern, large, with every number that is known of it.

The rule of this module: a pattern stands beside what it is measured by: its start, what
natural images reach, how much it keeps, and how it got there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo
from layersight.document.words import plural, size
from layersight.errors import SelectionError
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import by_layer, siblings
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import (
    DEAD,
    FAILED,
    aim,
    amount,
    captions,
    empty_mark,
    full_name,
    kept,
    kind_of,
    outdone,
    reached,
)
from layersight.render.axes import Frame
from layersight.render.flow import add_foot, end_screen
from layersight.render.legend import constant, mark_flat
from layersight.render.patterns.curve import draw_curve
from layersight.render.patterns.grid import PatternBody, make_body
from layersight.render.patterns.tile import FULL, draw_arrow, draw_meter
from layersight.writers.page import Bytes, Page
from layersight.writers.sketch import (
    ACCENT,
    BODY,
    BROKEN_INK,
    HEADING,
    LEAD,
    NOTE,
    QUIET,
    Medium,
    Sketch,
)

MOST = 256
"""So many pages are drawn at most."""
HEAD = 34.0
SIDE = 300.0
"""Of the square that a picture is fitted into, in points; of two beside each other less."""
PAIR = 243.0
BETWEEN = 24.0
NUMBERS = 186.0
"""Width of the table of numbers, in points."""
CURVE = 104.0
"""Height of the curve, in points."""
SCREEN = 300.0
"""Of a picture on the screen, about, in points."""
ROW = 14.0
CHECKS = (255, 214)
"""The greys of the ground under a transparent picture."""


def pattern_pages(result: Patterns, options: GalleryOptions, medium: Medium) -> list[Page]:
    """A page for each pattern.

    Raises:
        SelectionError: There are too many of them.
    """
    if len(result) > MOST:
        raise SelectionError(
            f"the view 'pattern' draws a page for each pattern: expected at most {MOST}, found "
            f"{len(result):,}. Choose fewer layers or channels."
        )
    layers = {group.name: group.layer for group in by_layer(result)}
    feet = captions(result)[1:]
    found = [
        _Single(result, place, layers[result.layers[place]], options, medium).page(feet)
        for place in range(len(result))
    ]
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def over_checks(pixels: Bytes, opacity: FloatArray) -> Bytes:
    """A picture on a ground of light squares, which show where it is transparent.

    Args:
        pixels: ``(height, width, 3)``.
        opacity: ``(height, width)``, 0 where the ground shows, 1 where the picture does.

    Example:
        >>> over_checks(np.zeros((1, 2, 3), np.uint8), np.array([[1.0, 0.0]]))[0, :, 0].tolist()
        [0, 255]
    """
    square = max(2, min(opacity.shape) // 16)
    rows, columns = np.indices(opacity.shape) // square
    ground = np.where((rows + columns) % 2, CHECKS[1], CHECKS[0])[..., None]
    share = np.clip(opacity, 0, 1)[..., None]
    mixed: Bytes = np.rint(pixels * share + ground * (1 - share)).astype(np.uint8)
    return mixed


@dataclass(frozen=True, eq=False, slots=True)
class _Single:
    """The page of one pattern."""

    result: Patterns
    place: int
    layer: LayerInfo | None
    options: GalleryOptions
    medium: Medium

    def page(self, feet: tuple[str, ...]) -> Page:
        pictures = self._pictures()
        side = SIDE if len(pictures) == 1 else PAIR
        height, width = pictures[0][0].shape[:2]
        pixel = self._pixel(height, width, side)
        wide = max(width * pixel, min(side, 160.0))
        row = len(pictures) * (wide + BETWEEN)
        beside = len(pictures) == 1
        full = row + NUMBERS if beside else row - BETWEEN
        sketch = Sketch(self.medium, max(self.medium.width, full + 2 * self.medium.margin))
        name = full_name(self.result, self.place)
        self._head(sketch, name)
        top = self.medium.snap(self.medium.margin + HEAD)
        for number, (pixels, words) in enumerate(pictures):
            x = self.medium.snap(sketch.left + number * (wide + BETWEEN))
            self._picture(sketch, x, top, pixel, pixels)
            if words:
                sketch.label(x, top + height * pixel + 10, words, NOTE, "start")
        under = top + height * pixel + (20 if pictures[0][1] else 6)
        if beside:
            numbers = sketch.left + row
            end = max(under, self._numbers(sketch, numbers, top + 8, sketch.right))
            y = self._curve(sketch, sketch.left, end + 22)
        else:
            end = self._numbers(sketch, sketch.left, under + 16, sketch.left + NUMBERS)
            y = max(end, self._curve(sketch, sketch.left + NUMBERS + BETWEEN, under + 22))
        y = self._siblings(sketch, y + 8)
        if self.medium.height is None:
            return end_screen(sketch, name, y + 4, feet)
        return sketch.page(name, y)

    def _pictures(self) -> list[tuple[Bytes, str]]:
        """What is shown: the pattern, and where it has a mask also through it."""
        pixels = self.result.images[self.place]
        if self.result.transparency is None or self.result.empty[self.place]:
            return [(pixels, "")]
        masked = over_checks(pixels, self.result.transparency[self.place])
        return [(pixels, "as it is"), (masked, "with its transparency mask")]

    def _pixel(self, height: int, width: int, side: float) -> float:
        wanted = side if self.medium.resolution is None else max(side, SCREEN)
        return self.medium.zoomed(max(height, width), wanted)

    def _head(self, sketch: Sketch, name: str) -> None:
        y = self.medium.margin
        sketch.anchor(f"pattern:{self.place}", name, y - 8)
        sketch.line((sketch.left, y - 2), (sketch.right, y - 2))
        room = sketch.right - sketch.left
        kind = kind_of(self.layer)
        aside = sketch.measure(kind, LEAD) + 9
        x = sketch.left + sketch.text(sketch.left, y + 12, name, HEADING, room=room - aside) + 9
        sketch.text(x, y + 12, kind, LEAD.but(colour=QUIET))
        told = f"maximises {aim(self.result.objectives[self.place])}"
        sketch.text(sketch.left, y + 23, told, BODY.but(colour=QUIET), room=room)

    def _picture(self, sketch: Sketch, x: float, y: float, pixel: float, pixels: Bytes) -> None:
        height, width = pixels.shape[:2]
        if mark := empty_mark(self.result, self.place):
            words = (mark, constant(float(self.result.activation[self.place])))
            style = LEAD.but(colour=QUIET)
            mark_flat(sketch, x, y, width * pixel, height * pixel, words, style)
        else:
            sketch.picture(x, y, (pixel, pixel), pixels)

    def _numbers(self, sketch: Sketch, x: float, y: float, edge: float) -> float:
        """The table of numbers; returns where it ends."""
        for name, value, mark in self._rows():
            strong = BODY.but(bold=True) if mark == "reached" else BODY
            strong = BODY.but(colour=BROKEN_INK) if mark == "more" else strong
            sketch.label(x, y, name, BODY.but(colour=QUIET), "start")
            right = edge
            if mark == "rising":
                draw_arrow(sketch, right, y)
                right -= 8
            sketch.label(right, y, value, strong, "end")
            if mark == "kept":
                share = float(self.result.robustness[self.place])
                left = x + sketch.measure(name, BODY) + 8
                wide = right - sketch.measure("100%", BODY) - 6 - left
                draw_meter(sketch, left, y - 3.8, wide, share)
            sketch.line((x, y + 4), (edge, y + 4), width=0.25)
            y += ROW
        return y

    def _rows(self) -> list[tuple[str, str, str]]:
        """Names, values, and which mark goes with a value."""
        result, place = self.result, self.place
        steps = plural(int(result.steps[place]), "step")
        start = amount(float(result.start_activation[place]))
        rows = [("activation reached", reached(result, place), "reached")]
        rows.append(("at the start", start, ""))
        if result.dead[place]:
            return [*rows, ("dead", DEAD, ""), ("tried", steps, "")]
        if result.failed[place]:
            return [*rows, ("failed", FAILED, ""), ("tried", steps, "")]
        share = kept(result, place)
        known = "kept" if np.isfinite(result.robustness[place]) else ""
        rows.append(("kept when moved, rescaled", share, known))
        if result.natural is not None and result.percentile is not None:
            marks = [amount(float(value)) for value in result.natural[place]]
            percentile = f"{float(result.percentile[place]):.3g}%"
            images = plural(result.natural_count, "natural image")
            rows += [
                (f"median of {images}", marks[0], ""),
                ("their 99th percentile", marks[1], ""),
                ("the strongest of them", marks[2], "more" if outdone(result, place) else ""),
                ("of them reach no more", percentile, ""),
            ]
        if result.converged[place]:
            rows.append(("converged", f"after {steps}", ""))
        else:
            rows.append(("not converged", f"in {steps}", "rising"))
        rows.append(("canvas", f"{size(result.values.shape[1:])}", ""))
        return rows

    def _curve(self, sketch: Sketch, x: float, y: float) -> float:
        """The ascent, where there was one; returns where it ends."""
        short = np.isfinite(self.result.history[self.place]).sum() < 2
        if short or self.result.dead[self.place]:
            return y
        draw_curve(sketch, Frame(x, y, sketch.right, y + CURVE), self.result, self.place)
        return y + CURVE + 26

    def _siblings(self, sketch: Sketch, y: float) -> float:
        """All facets of the channel, small, this one among them; returns where they end."""
        places = siblings(self.result, self.place)
        if len(places) < 2:
            return y
        body = self._strip(places, sketch.right - sketch.left, self.medium.bottom - y - 18)
        style = BODY.but(colour=ACCENT, bold=True)
        sketch.label(sketch.left, y + 6, "All facets of it", style, "start")
        body.draw(sketch, sketch.left, y + 18, 0, body.rows)
        return y + 18 + body.rows * body.row_height

    def _strip(self, places: tuple[int, ...], width: float, height: float) -> PatternBody:
        """Those patterns in rows that fit; smaller where there are many."""
        found = None
        for columns in range(len(places), 0, -1):
            options = replace(self.options, columns=columns)
            body = make_body(self.medium, self.result, places, options)
            if body.width <= width + 0.01 and body.rows * body.row_height <= height:
                found = body
                if body.lattice.wide >= FULL:
                    return body
        return found or body
