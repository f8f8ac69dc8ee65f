"""The way from kernels to pages.

The rule of this module: the number of inputs alone decides whether a layer is shown as tiles
or as rows.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from layersight.document.diverging import diverging, greys
from layersight.errors import SelectionError
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import as_tiles, limit
from layersight.nouns.kernels.result import Kernels, LayerKernels
from layersight.render.bodies import Body
from layersight.render.flow import Block, Flow, add_foot, draw_heading
from layersight.render.kernels.grid import make_grid
from layersight.render.kernels.rows import make_rows
from layersight.render.kernels.wording import bar_marks, captions, is_bgr, kind_of, layer_facts
from layersight.render.legend import BAR_WIDTH, draw_ramp
from layersight.writers.page import Page, Text
from layersight.writers.sketch import MEDIA, Medium, Sketch


def layer_anchor(name: str) -> str:
    """The name of the place where the kernels of a layer begin."""
    return f"kernels:{name}"


@dataclass(frozen=True, eq=False, slots=True)
class KernelBlock:
    """The kernels of one layer, ready to be placed."""

    entry: LayerKernels
    body: Body
    facts: str

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.entry.name

    def draw_head(self, sketch: Sketch, y: float, first: int, last: int) -> None:
        """Draws the layer's name, its facts and its colour bar."""
        if first == 0:
            sketch.anchor(layer_anchor(self.name), self.name, y - 8)
        kind = kind_of(self.entry)
        if (first, last) != (0, self.body.rows):
            kind += f"   {self.body.part(first, last)}"
        room = sketch.right - sketch.left - BAR_WIDTH - 18
        draw_heading(sketch, y, self.name, kind, self.facts, room)
        if limit(self.entry) > 0:
            colours = greys() if self.entry.inputs == 3 else diverging()
            draw_ramp(sketch, sketch.right, y + 7, colours, bar_marks(self.entry))


def make_blocks(result: Kernels, options: KernelOptions, medium: Medium) -> list[Block]:
    """All layers, ready to be placed."""
    found: list[Block] = []
    for entry in result.layers:
        body: Body
        if as_tiles(entry):
            body = make_grid(medium, entry, options.columns, bgr=is_bgr(result))
        else:
            body = make_rows(medium, entry, options.columns)
        found.append(KernelBlock(entry, body, layer_facts(entry)))
    return found


def pages(result: Kernels, options: KernelOptions, medium: str = "paper") -> list[Page]:
    """The pages of kernels, layer after layer.

    Args:
        result: The kernels.
        options: How many tiles stand in a row.
        medium: ``"paper"`` for PDF and SVG, ``"screen"`` for PNG.

    Returns:
        At least one page.

    Raises:
        SelectionError: There are no kernels.
    """
    if not any(entry.filters for entry in result.layers):
        raise SelectionError("no kernels to draw: the result holds none")
    board, feet = MEDIA[medium], captions(result)
    found = Flow(board, feet).pages(make_blocks(result, options, board))
    return [
        add_foot(page, board, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]


def without_foot(page: Page) -> Page:
    """A page for the screen without its caption, for a document that has it once."""
    height = page.height - page.foot
    kept = tuple(item for item in page.items if not isinstance(item, Text) or item.y < height)
    return dataclasses.replace(page, height=height, items=kept, foot=0.0)
