"""Every channel of every layer, layer after layer.

The rule of this module: a layer has its name, its real size and its scale over its maps, on
every page where it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles, make_tiles
from layersight.render.bodies import Body, make_body
from layersight.render.flow import Block, Flow, add_foot, draw_heading
from layersight.render.legend import BAR_WIDTH, bar_marks, draw_bar
from layersight.render.wording import captions, layer_facts, real_size
from layersight.writers.page import Page
from layersight.writers.sketch import Medium, Sketch


def layer_anchor(image: int, name: str) -> str:
    """The name of the place where a layer begins; a document may hold several images."""
    return f"layer:{image}:{name}"


@dataclass(frozen=True, eq=False, slots=True)
class LayerBlock:
    """One layer, ready to be placed."""

    entry: LayerActivation
    tiles: Tiles
    body: Body
    facts: str
    options: PictureOptions
    image: int

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.entry.name

    def draw_head(self, sketch: Sketch, y: float, first: int, last: int) -> None:
        """Draws the layer's name, its facts and its colour bar."""
        entry = self.entry
        if first == 0:
            sketch.anchor(layer_anchor(self.image, entry.name), entry.name, y - 8)
        kind = f"{entry.layer.type}   {real_size(entry)}"
        if (first, last) != (0, self.body.rows):
            kind += f"   {self.body.part(first, last)}"
        room = sketch.right - sketch.left - BAR_WIDTH - 18
        draw_heading(sketch, y, entry.name, kind, self.facts, room)
        if self.tiles.low is None or self.tiles.low != self.tiles.high:
            draw_bar(sketch, sketch.right, y + 7, self.options, bar_marks(self.tiles, self.options))


def make_blocks(
    result: Activations, options: PictureOptions, image: int, medium: Medium
) -> list[Block]:
    """All layers, ready to be placed."""
    found: list[Block] = []
    for entry in result.layers:
        tiles = make_tiles(entry, image, options)
        body = make_body(medium, entry, tiles, image, options)
        facts = layer_facts(entry, tiles, image)
        found.append(LayerBlock(entry, tiles, body, facts, options, image))
    return found


def grid_pages(
    result: Activations, options: PictureOptions, image: int, medium: Medium
) -> list[Page]:
    """All channels of every layer."""
    feet = captions(result, options, image)
    found = Flow(medium, feet).pages(make_blocks(result, options, image, medium))
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]
