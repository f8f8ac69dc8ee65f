"""The first pages of a sheet: the model, the input, the predictions, the layers in a table.

The rule of this module: whatever changed what the network saw is told here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layersight.data.image import InputImage
from layersight.data.model import ModelInfo
from layersight.data.prediction import VALUES, Prediction
from layersight.document.colour import palette
from layersight.document.words import count, number, plural, short_digest, size
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.render.channel import input_picture
from layersight.render.chart import draw_depth, draw_key
from layersight.render.ruled import table_pages
from layersight.render.table import COLUMNS, TableRow, ruled
from layersight.version import __version__
from layersight.writers.page import Page
from layersight.writers.sketch import ACCENT, BODY, LEAD, NOTE, QUIET, TITLE, Medium, Sketch

PICTURE = 150.0
"""Side of the square that the input is fitted into, in points."""
CHART = 74.0
SECTION = BODY.but(colour=ACCENT, bold=True)
MOST_OUTPUTS = 3
BAR = 110.0


@dataclass(slots=True)
class Cover:
    """The cover and the pages that its table runs on to.

    Attributes:
        result: The feature maps.
        options: How the picture was asked for.
        image: Which image.
        medium: Where the pages will be seen.
        rows: Of the table.
    """

    result: Activations
    options: PictureOptions
    image: int
    medium: Medium
    rows: list[TableRow]

    @property
    def anchor(self) -> str:
        """The name of the place that the other pages lead back to."""
        return f"cover:{self.image}"

    def pages(self, numbers: Mapping[str, int]) -> list[Page]:
        """The pages; ``numbers`` tells the page of each layer."""
        sketch = self._sketch()
        several = len(self.result.images) > 1
        name = self.result.images[self.image].name
        sketch.anchor(self.anchor, f"Overview, {name}" if several else "Overview", 0)
        y = draw_title(sketch, "What the network sees", self.result.model)
        y = self._input(sketch, y)
        y = draw_notes(sketch, y, [*self.result.model.rewrites, *self.result.notes])
        y = self._chart(sketch, y)
        sketch.label(sketch.left, y, "Layers", SECTION, "start")
        rows = ruled(self.rows, numbers, self.image)
        return table_pages(sketch, y + 6, self._sketch, COLUMNS, rows)

    def _sketch(self) -> Sketch:
        pixels, _ = input_picture(self.result.images[self.image])
        wide = pixels.shape[1] * self._pixel(pixels.shape[0], pixels.shape[1])
        return Sketch(self.medium, max(self.medium.width, wide + 360 + 2 * self.medium.margin))

    def _pixel(self, height: int, width: int) -> float:
        return self.medium.zoomed(max(height, width), PICTURE)

    def _input(self, sketch: Sketch, y: float) -> float:
        """The input as the network saw it, what was done to it, what the model says."""
        shown = self.result.images[self.image]
        pixels, grey = input_picture(shown)
        pixel = self._pixel(pixels.shape[0], pixels.shape[1])
        top = self.medium.snap(y)
        wide, tall = sketch.picture(
            self.medium.snap(sketch.left),
            top,
            (pixel, pixel),
            pixels,
            palette("grey") if grey else None,
        )
        x = sketch.left + max(wide, PICTURE) + 22
        end = draw_story(sketch, x, y + 6, shown, "Input, as the network saw it")
        given = self.result.predictions
        told = given[self.image] if self.image < len(given) else ()
        end = draw_predictions(sketch, x, end + 9, told)
        return max(top + tall, end) + 24

    def _chart(self, sketch: Sketch, y: float) -> float:
        points = [
            (row.place, row.sparsity, row.dead_share)
            for row in self.rows
            if row.sparsity is not None
        ]
        if len(points) < 2:
            return y
        sketch.label(sketch.left, y, "Over depth", SECTION, "start")
        draw_key(sketch, sketch.right, y)
        draw_depth(sketch, (sketch.left, y + 10), (sketch.right, y + 8 + CHART), points)
        return y + CHART + 40


def draw_story(
    sketch: Sketch, x: float, y: float, shown: InputImage, words: str, *, named: bool = True
) -> float:
    """An image's name and how it came to the network, under ``words``; returns where it ends."""
    room = sketch.right - x
    sketch.label(x, y, words, SECTION, "start")
    if named:
        sketch.text(x, y + 14, shown.name, LEAD.but(bold=True), room=room)
    y += 27 if named else 13
    wide, tall = shown.original_size
    height, width = shown.pixels.shape[:2]
    lines = [f"{size((wide, tall))} pixels in the file, {size((width, height))} here"]
    lines += shown.steps
    how = shown.preprocessing
    lines.append(f"{how.describe()} ({how.reason})")
    for line in lines:
        y = sketch.paragraph(x, y, line, BODY, room, lines=3)
    return y


def draw_predictions(sketch: Sketch, x: float, y: float, told: Sequence[Prediction]) -> float:
    """What the model says of an image, with bars; returns where it ends."""
    for prediction in told[:MOST_OUTPUTS]:
        y = _prediction(sketch, x, y, prediction, several=len(told) > 1)
    if len(told) > MOST_OUTPUTS:
        more = plural(len(told) - MOST_OUTPUTS, "more output")
        sketch.label(x, y, f"and {more}", NOTE, "start")
        y += 12
    return y


def _prediction(
    sketch: Sketch, x: float, y: float, prediction: Prediction, *, several: bool
) -> float:
    shown = len(prediction.top)
    words = f"Output {prediction.output}" if several else "Output"
    if 0 < shown < prediction.size:
        words += f", the {'greatest' if prediction.kind == VALUES else 'strongest'} {shown} of "
        words += count(prediction.size) + (" values" if prediction.kind == VALUES else "")
    sketch.text(x, y, words, SECTION, room=sketch.right - x)
    y += 13
    if not shown and prediction.describe():
        return sketch.paragraph(x, y, prediction.describe(), BODY, sketch.right - x) + 10
    longest = max([1.0, *(abs(top.score) for top in prediction.top)])
    names = min(150.0, sketch.right - x - BAR - 44)
    for top in prediction.top:
        sketch.text(x, y, prediction.name_of(top), BODY, room=names - 6)
        left = x + names
        sketch.box(left, y - 5.5, BAR, 6.5, "#eef0f1")
        share = min(1.0, max(0.0, top.score / longest))
        sketch.box(left, y - 5.5, BAR * share, 6.5, ACCENT)
        sketch.label(left + BAR + 40, y, number(top.score), BODY, "end")
        y += 12
    return y + 4


def draw_title(sketch: Sketch, words: str, model: ModelInfo) -> float:
    """What a document is about, and the model that it is of; returns where it ends."""
    y = sketch.medium.margin + 8
    room = sketch.right - sketch.left
    sketch.label(sketch.left, y, words, SECTION, "start")
    sketch.text(sketch.left, y + 26, model.name, TITLE, room=room)
    inputs = ", ".join(size(entry.shape[1:]) for entry in model.inputs)
    facts = (
        f"{model.source}  ·  {short_digest(model.digest)}",
        f"{plural(len(model.layers), 'layer')}  ·  {plural(model.parameters, 'parameter')}"
        f"  ·  input {inputs}  ·  {model.framework}  ·  layersight {__version__}",
    )
    for place, line in enumerate(facts):
        sketch.text(sketch.left, y + 41 + 11.5 * place, line, BODY.but(colour=QUIET), room=room)
    return y + 74


def draw_notes(sketch: Sketch, y: float, notes: Sequence[str]) -> float:
    """What had to be changed or chosen, if anything; returns where it ends."""
    if not notes:
        return y
    sketch.label(sketch.left, y, "Notes", SECTION, "start")
    y += 13
    room = sketch.right - sketch.left
    for note in notes[:8]:
        y = sketch.paragraph(sketch.left, y, note, BODY, room, lines=2) + 1.5
    if len(notes) > 8:
        sketch.label(sketch.left, y, f"and {len(notes) - 8} more", NOTE, "start")
        y += 12
    return y + 14
