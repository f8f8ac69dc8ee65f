"""The first pages of a sheet of patterns: the model, how to read a tile, the layers in a table.

The rule of this module: what a reader needs to judge a pattern is told before the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from layersight.document.words import output_size, percent, plural
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import LayerPatterns, by_layer
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import DEAD, FAILED, appearance, between, how_made, rising
from layersight.render.cover import SECTION, draw_notes, draw_title
from layersight.render.patterns.grid import layer_anchor, make_body
from layersight.render.patterns.tile import Caption, draw_arrow, draw_meter, draw_tile
from layersight.render.ruled import Cell, Column, Row, table_pages
from layersight.writers.page import Page
from layersight.writers.sketch import ACCENT, BODY, DEAD_FILL, FAINT, NOTE, QUIET, Medium, Sketch

ANCHOR = "cover:patterns"
"""The name of the place that the other pages lead back to."""
SPECIMEN = 128.0
"""Width of the pattern that is explained, in points."""
TERMS = 36.0
"""Width of the marks that are explained."""
COLUMNS = (
    Column("", 12),
    Column("name", 18, "start", room=150),
    Column("type", 172, "start", room=66),
    Column("output", 300),
    Column("shown", 328),
    Column("dead", 354),
    Column("reached", 434),
    Column("kept", 464),
)


@dataclass(slots=True)
class PatternCover:
    """The cover and the pages that its table runs on to."""

    result: Patterns
    options: GalleryOptions
    medium: Medium
    width: float

    def pages(self, numbers: Mapping[str, int]) -> list[Page]:
        """The pages; ``numbers`` tells the page of each layer."""
        sketch = self._sketch()
        sketch.anchor(ANCHOR, "Overview", 0)
        y = draw_title(sketch, "What the network looks for", self.result.model)
        y = self._reading(sketch, y)
        y = self._making(sketch, y)
        notes = [*self.result.model.rewrites, *self.result.notes]
        y = draw_notes(sketch, y, list(dict.fromkeys(notes)))
        sketch.label(sketch.left, y, "Layers", SECTION, "start")
        rows = [self._row(group, numbers.get(group.name)) for group in by_layer(self.result)]
        return table_pages(sketch, y + 6, self._sketch, COLUMNS, rows)

    def _sketch(self) -> Sketch:
        return Sketch(self.medium, self.width)

    def _reading(self, sketch: Sketch, y: float) -> float:
        """One pattern, and what everything under it means."""
        result = self.result
        place = specimen(result)
        height, width = (int(side) for side in result.images.shape[1:3])
        pixel = self.medium.zoomed(max(height, width), SPECIMEN)
        wide, tall = width * pixel, height * pixel
        x, top = self.medium.snap(sketch.left), self.medium.snap(y - 6)
        draw_tile(sketch, x, top, pixel, result, place)
        caption = Caption(wide, result.natural is not None, rising(result))
        caption.draw(sketch, x, top + tall + 1, result, place)
        under = top + tall + caption.height
        left = sketch.left + max(wide, SPECIMEN) + 22
        sketch.label(left, y, "How to read a pattern", SECTION, "start")
        room = sketch.right - left
        told = (
            f"The image that {result.objectives[place].describe()} responds to most, "
            "as far as the ascent came. Under it, as under every pattern:"
        )
        end = sketch.paragraph(left, y + 14, told, BODY, room) + 5
        return max(under, self._terms(sketch, left, end)) + 20

    def _terms(self, sketch: Sketch, x: float, y: float) -> float:
        """Every mark with its meaning; returns where they end."""
        result = self.result
        terms = [
            ("bold", "the channel; under a further facet of it, which one"),
            ("right", REACHED),
        ]
        if rising(result):
            terms.append(("arrow", "not converged: the last steps still gained"))
        if result.natural is not None:
            images = plural(result.natural_count, "natural image")
            terms.append(("images", f"what the strongest of {images} reaches; {MORE}"))
        terms.append(("bar", KEPT))
        if result.dead.any():
            terms.append(("grey", f"dead: {DEAD}"))
        if result.failed.any():
            terms.append(("grey", f"failed: {FAILED}"))
        room = sketch.right - x - TERMS
        for mark, meaning in terms:
            self._mark(sketch, x, y, mark)
            y = sketch.paragraph(x + TERMS, y, meaning, BODY, room) + 2.5
        return y

    def _mark(self, sketch: Sketch, x: float, y: float, mark: str) -> None:
        match mark:
            case "arrow":
                draw_arrow(sketch, x + 5, y)
            case "bar":
                draw_meter(sketch, x, y - 4, TERMS - 12, 0.8)
            case "grey":
                sketch.box(x, y - 6, 10, 8, DEAD_FILL)
                sketch.line((x, y - 6), (x + 10, y + 2), colour=FAINT)
                sketch.line((x, y + 2), (x + 10, y - 6), colour=FAINT)
            case "bold":
                sketch.label(x, y, "12", BODY.but(bold=True), "start")
            case "right":
                sketch.label(x, y, "3.45", BODY, "start")
            case words:
                sketch.label(x, y, words, NOTE, "start")

    def _making(self, sketch: Sketch, y: float) -> float:
        """The method, and how the network saw the canvas; returns where they end."""
        result, room = self.result, sketch.right - sketch.left
        sketch.label(sketch.left, y, "How they were made", SECTION, "start")
        made, how = how_made(result.options), result.preprocessing
        scale = f"The network saw {how.describe()} ({how.reason})"
        drawn = appearance(result)
        y += 13
        for line in (made[:1].upper() + made[1:], f"{scale}; {drawn}" if drawn else scale):
            y = sketch.paragraph(sketch.left, y, f"{line}.", BODY, room) + 1.5
        return y + 14

    def _row(self, group: LayerPatterns, page: int | None) -> Row:
        """A layer in the table."""
        result, alive = self.result, list(group.alive)
        names = [layer.name for layer in result.model.layers]
        place = str(names.index(group.name) + 1) if group.name in names else ""
        known = result.robustness[alive]
        known = known[np.isfinite(known)]
        middle = float(np.median(known)) if known.size else None
        dead = BODY if group.dead else BODY.but(colour=QUIET)
        layer = group.layer
        cells = (
            Cell(place, NOTE),
            Cell(group.name, BODY.but(colour=ACCENT) if page else BODY),
            Cell(layer.type) if layer else None,
            Cell(output_size(layer)) if layer else None,
            Cell(str(len(group.places))),
            Cell(str(group.dead), dead),
            Cell(between(result.activation[alive])) if alive else None,
            None if middle is None else Cell(percent(middle), share=middle),
        )
        return Row(cells, layer_anchor(group.name), page)


REACHED = "the activation that it reached, of the whole picture as it is"
MORE = "in brown if the pattern reached less"
KEPT = "the share of it that is left under shifts and rescalings it was not made with"


def first_row(medium: Medium, group: LayerPatterns, options: GalleryOptions) -> tuple[int, ...]:
    """The patterns of a layer that one row shows, those with a picture first, each in its order."""
    columns = make_body(medium, group.result, group.places, options).lattice.columns
    if len(group.places) <= columns:
        return group.places
    ranked = [*group.alive, *(place for place in group.places if group.result.empty[place])]
    return tuple(sorted(ranked[:columns]))


def specimen(result: Patterns) -> int:
    """The pattern that is explained: of the layers with live ones the middle, there the strongest.

    Deep enough to be more than an edge, and not so deep that little can be made out.
    """
    groups = [group for group in by_layer(result) if group.alive]
    if not groups:
        return 0
    alive = groups[len(groups) // 2].alive
    return max(alive, key=lambda place: float(result.activation[place]))
