"""Every channel of every layer, layer after layer.

The rule of this module: on paper layers follow each other like paragraphs and a layer is
only broken between rows; on the screen each layer is a page of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from convlens.render.bodies import Body, make_body
from convlens.render.legend import bar_marks, bar_width, draw_bar
from convlens.render.options import PictureOptions
from convlens.render.page import Page
from convlens.render.sketch import (
    ACCENT,
    BODY,
    HEADING,
    LEAD,
    NOTE,
    QUIET,
    Medium,
    Sketch,
)
from convlens.render.tiles import Tiles, make_tiles
from convlens.render.wording import captions, layer_facts, real_size
from convlens.results import Activations, LayerActivation

HEAD = 32.0
"""Height of a layer's heading, in points."""
BETWEEN = 20.0
"""Between two layers, in points."""


def layer_anchor(image: int, name: str) -> str:
    """The name of the place where a layer begins; a document may hold several images."""
    return f"layer:{image}:{name}"


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """One layer, ready to be placed."""

    entry: LayerActivation
    tiles: Tiles
    body: Body
    facts: str

    @property
    def height(self) -> float:
        """Of the whole layer with its heading."""
        return HEAD + self.body.rows * self.body.row_height + self.body.extra


def make_block(
    medium: Medium, entry: LayerActivation, image: int, options: PictureOptions
) -> Block:
    """One layer, ready to be placed."""
    tiles = make_tiles(entry, image, options)
    body = make_body(medium, entry, tiles, image, options)
    return Block(entry, tiles, body, layer_facts(entry, tiles, image))


@dataclass(slots=True)
class Flow:
    """Fills pages from top to bottom.

    Attributes:
        medium: Where the pages will be seen.
        options: How the picture was asked for.
        feet: The caption's lines at the foot of every page.
        image: Which image.
    """

    medium: Medium
    options: PictureOptions
    feet: tuple[str, ...]
    image: int

    def pages(self, blocks: list[Block]) -> list[Page]:
        """The pages of all blocks."""
        finished: list[Page] = []
        sketch: Sketch | None = None
        names: list[str] = []
        y = 0.0

        def close() -> None:
            nonlocal sketch
            if sketch is not None:
                finished.append(self._finish(sketch, y, names))
            sketch = None

        for block in blocks:
            first = 0
            while first < block.body.rows:
                fits = self._fitting(block, first, y if sketch else self.medium.margin)
                fresh = self._fitting(block, first, self.medium.margin)
                rows = block.body.rows - first
                better = fresh > fits and (fits < rows) and (fresh >= rows or fits * 3 < fresh)
                if sketch is None or better or fits == 0 or self.medium.height is None:
                    close()
                    sketch, names, y = self._begin(block), [], self.medium.margin
                    fits = max(1, fresh)
                last = min(first + fits, block.body.rows)
                y = self._place(sketch, block, y, first, last)
                names.append(block.entry.name)
                first = last
        close()
        return finished

    def _fitting(self, block: Block, first: int, y: float) -> int:
        """How many rows fit between ``y`` and the end of the page."""
        if self.medium.height is None:
            return block.body.rows - first
        room = self.medium.bottom - y - HEAD - block.body.extra
        # The gap under the last row may reach into the foot.
        return max(0, min(int((room + 2) / block.body.row_height), block.body.rows - first))

    def _begin(self, block: Block) -> Sketch:
        wide = block.body.width + 2 * self.medium.margin
        return Sketch(self.medium, max(self.medium.width, wide))

    def _place(self, sketch: Sketch, block: Block, y: float, first: int, last: int) -> float:
        """Draws some rows of a layer under their heading; returns where the next may begin."""
        self._head(sketch, block, y, first, last)
        block.body.draw(sketch, sketch.left, y + HEAD, first, last)
        rows = (last - first) * block.body.row_height
        return y + HEAD + rows + block.body.extra + BETWEEN

    def _head(self, sketch: Sketch, block: Block, y: float, first: int, last: int) -> None:
        entry = block.entry
        if first == 0:
            sketch.anchor(layer_anchor(self.image, entry.name), entry.name, y - 8)
        sketch.line((sketch.left, y - 2), (sketch.right, y - 2))
        right = sketch.right
        room = right - sketch.left - bar_width(sketch) - 18
        x = sketch.left
        kind = f"{entry.layer.type}   {real_size(entry)}"
        if (first, last) != (0, block.body.rows):
            kind += f"   {block.body.part(first, last)}"
        aside = sketch.measure(kind, LEAD) + 9
        x += sketch.text(x, y + 12, entry.name, HEADING, room=max(60, room - aside)) + 9
        sketch.text(x, y + 12, kind, LEAD.but(colour=QUIET), room=room)
        sketch.text(sketch.left, y + 23, block.facts, BODY.but(colour=QUIET), room=room)
        if block.tiles.low is None or block.tiles.low != block.tiles.high:
            draw_bar(sketch, right, y + 7, self.options, bar_marks(block.tiles, self.options))

    def _finish(self, sketch: Sketch, y: float, names: list[str]) -> Page:
        title = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        if self.medium.height is not None:
            return sketch.page(title, 0)
        return end_screen(sketch, title, y, self.feet)


def end_screen(sketch: Sketch, title: str, y: float, feet: tuple[str, ...]) -> Page:
    """The finished page for the screen, with its caption under the content."""
    top = y
    for line in feet:
        y = sketch.paragraph(sketch.left, y + 1, line, NOTE, sketch.right - sketch.left)
    return sketch.page(title, y + 16, foot=y + 16 - top + 8)


def add_foot(
    page: Page,
    medium: Medium,
    feet: tuple[str, ...],
    *,
    number: int = 1,
    total: int = 1,
    back: str = "",
) -> Page:
    """The page with its caption, its number and the way back to the anchor ``back``."""
    if medium.height is None:
        return page
    sketch = Sketch(medium, page.width, list(page.items))
    room = sketch.right - sketch.left - 70
    y = medium.height - medium.foot + 22
    for line in feet:
        y = sketch.paragraph(sketch.left, y, line, NOTE, room, lines=1)
    y = medium.height - medium.foot + 22
    if total > 1:
        sketch.label(sketch.right, y, f"{number} / {total}", NOTE, "end")
    if back:
        words = "back to cover"
        wide = sketch.measure(words, NOTE)
        sketch.label(sketch.right, y + 9, words, NOTE.but(colour=ACCENT), "end")
        sketch.link(sketch.right - wide - 2, y + 2, wide + 4, 10, back)
    return sketch.page(page.title, page.height)


def grid_pages(
    result: Activations, options: PictureOptions, image: int, medium: Medium
) -> list[Page]:
    """All channels of every layer."""
    feet = captions(result, options, image)
    blocks = [make_block(medium, entry, image, options) for entry in result.layers]
    found = Flow(medium, options, feet, image).pages(blocks)
    return [
        add_foot(page, medium, feet, number=place, total=len(found))
        for place, page in enumerate(found, 1)
    ]
