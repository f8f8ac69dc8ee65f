"""The first pages of a document of heatmaps: the model, how to read a map, the images in a table.

The rule of this module: what a reader needs to judge a heatmap is told before the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layersight.data.target import Target
from layersight.document.diverging import diverging
from layersight.document.words import number, plural
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import is_cropped
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import (
    before_head,
    explained_words,
    layer_words,
    method_title,
    size_words,
    target_name,
    warnings_of,
)
from layersight.render.cover import SECTION, draw_notes, draw_title
from layersight.render.heatmaps.board import FINE, Box, drawn, fit
from layersight.render.heatmaps.tile import make_tile
from layersight.render.legend import RAMP
from layersight.render.ruled import Cell, Column, Row, table_pages
from layersight.writers.page import Page
from layersight.writers.sketch import (
    ACCENT,
    BODY,
    BROKEN_INK,
    DEAD_FILL,
    FAINT,
    NOTE,
    Medium,
    Sketch,
)

ANCHOR = "cover:heatmaps"
"""The name of the place that the other pages lead back to."""
SPECIMEN = Box(170.0, 150.0, FINE)
TERMS = 40.0
"""Width of the marks that are explained, in points."""
COLUMNS = (
    Column("", 12),
    Column("image", 18, "start", room=172),
    Column("explained", 196, "start", room=132),
    Column("score", 360),
    Column("maps", 396),
    Column("no evidence", 452),
)


@dataclass(slots=True)
class HeatCover:
    """The cover and the pages that its table runs on to."""

    result: Heatmaps
    options: HeatOptions
    medium: Medium
    width: float

    def pages(self, numbers: Mapping[int, int]) -> list[Page]:
        """The pages; ``numbers`` tells the page of each image."""
        sketch = self._sketch()
        sketch.anchor(ANCHOR, "Overview", 0)
        y = draw_title(sketch, "Which pixels decided", self.result.model)
        y = self._reading(sketch, y)
        y = self._making(sketch, y)
        notes = [*self.result.model.rewrites, *self.result.notes]
        y = draw_notes(sketch, y, list(dict.fromkeys(notes)))
        sketch.label(sketch.left, y, "Images", SECTION, "start")
        rows = [
            self._row(group, target, numbers.get(group.image))
            for group in by_image(self.result)
            for target in group.targets
        ]
        return table_pages(sketch, y + 6, self._sketch, COLUMNS, rows)

    def _sketch(self) -> Sketch:
        return Sketch(self.medium, self.width)

    def _reading(self, sketch: Sketch, y: float) -> float:
        """One map over its photograph, and what everything in it means."""
        result = self.result
        place = specimen(result)
        entry = result.maps[place]
        photograph = drawn(result.photographs[entry.image], SPECIMEN)
        cell = fit(self.medium, photograph, SPECIMEN)
        tile = make_tile(result, place, photograph, self.options)
        x, top = self.medium.snap(sketch.left), self.medium.snap(y - 6)
        tile.draw_overlay(sketch, x, top, cell)
        tile.draw_bar(sketch, x, top + cell.tall + 4, cell.column)
        left = sketch.left + max(cell.column, SPECIMEN.wide) + 22
        room = sketch.right - left
        sketch.label(left, y, "How to read a heatmap", SECTION, "start")
        told = (
            f"{method_title(result, entry)} over {result.images[entry.image].name}: the pixels "
            f"that decided the score of {target_name(result, entry)}, as this method sees it."
        )
        end = sketch.paragraph(left, y + 14, told, BODY, room) + 5
        for mark, meaning in self._terms():
            self._mark(sketch, left, end, mark)
            end = sketch.paragraph(left + TERMS, end, meaning, BODY, room - TERMS) + 2.5
        return max(top + cell.tall + 22, end) + 20

    def _terms(self) -> list[tuple[str, str]]:
        """Every mark that occurs, with its meaning."""
        result = self.result
        kinds = {entry.signed for entry in result if not entry.empty}
        terms = []
        if False in kinds:
            terms.append(("heat", "from 0 on the left to the value under the bar's right end"))
        if True in kinds:
            grounds = {entry.ground != 0 for entry in result if entry.signed and not entry.empty}
            pale = {(False,): "0", (True,): "the mean score", (False, True): "0 or the mean score"}
            middle = pale[tuple(sorted(grounds))]
            terms.append(("signed", f"blue: speaks against; pale: {middle}; red: speaks for it"))
        terms.append(("score", "what the network gives for what is explained"))
        if any(entry.explained != entry.score for entry in result):
            terms.append(
                (before_head(result), "the same before the last activation, from minus to plus")
            )
        if any(map(is_cropped, result.photographs)):
            terms.append(("faded", "the network did not see this part of the photograph"))
        if any(entry.empty for entry in result):
            terms.append(("empty", "no evidence: the method found 0 everywhere"))
        return terms

    def _mark(self, sketch: Sketch, x: float, y: float, mark: str) -> None:
        wide = TERMS - 10
        match mark:
            case "heat" | "signed":
                place = specimen(self.result, signed=mark == "signed")
                entry = self.result.maps[place]
                tile = make_tile(
                    self.result, place, self.result.photographs[entry.image], self.options
                )
                colours = diverging() if mark == "signed" else tile.scale.ramp()
                steps = RAMP[:, ::8]
                x, top = sketch.medium.snap(x), sketch.medium.snap(y - 5.5)
                sketch.picture(x, top, (wide / steps.shape[1], 6.0), steps, colours)
            case "faded":
                sketch.box(x, y - 6, 10, 8, DEAD_FILL)
            case "empty":
                sketch.box(x, y - 6, 10, 8, DEAD_FILL)
                sketch.line((x, y - 6), (x + 10, y + 2), colour=FAINT)
                sketch.line((x, y + 2), (x + 10, y - 6), colour=FAINT)
            case words:
                sketch.label(x, y, words, NOTE, "start")

    def _making(self, sketch: Sketch, y: float) -> float:
        """The methods, and what they explain; returns where they end."""
        result, room = self.result, sketch.right - sketch.left
        sketch.label(sketch.left, y, "How they were made", SECTION, "start")
        y += 13
        lines = []
        for method in result.methods:
            entries = [entry for entry in result if entry.method == method]
            words = [method_title(result, entries[0])]
            words += dict.fromkeys(filter(None, map(layer_words, entries)))
            words += dict.fromkeys(
                size_words(entry, smooth=self.options.smooth) for entry in entries
            )
            lines.append(f"{', '.join(words)}.")
        for line in (*lines, explained_words(result)):
            y = sketch.paragraph(sketch.left, y, line, BODY, room) + 1.5
        for line in warnings_of(result, result.maps):
            y = sketch.paragraph(sketch.left, y, line, BODY.but(colour=BROKEN_INK), room) + 1.5
        return y + 14

    def _row(self, group: ImageMaps, target: Target, page: int | None) -> Row:
        """A target of an image in the table."""
        entries = [entry for entry in group.maps if entry.target == target]
        empty = sum(entry.empty for entry in entries)
        cells = (
            Cell(str(group.image + 1), NOTE),
            Cell(group.name, BODY.but(colour=ACCENT) if page else BODY),
            Cell(target_name(group.result, entries[0])),
            Cell(number(entries[0].score)),
            Cell(str(len(entries))),
            Cell(plural(empty, "map") if empty else "") if empty else None,
        )
        return Row(cells, f"image:{group.image}", page)


def specimen(result: Heatmaps, *, signed: bool | None = None) -> int:
    """The map that is explained: the first with heat, of a kind if one is asked for."""
    for place, entry in enumerate(result):
        if not entry.empty and signed in (None, entry.signed):
            return place
    return 0
