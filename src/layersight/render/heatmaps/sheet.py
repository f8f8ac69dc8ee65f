"""The whole document: a cover, then each image with its maps.

The rule of this module: an image begins a page, and its maps are drawn in the view that fits them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layersight.data.photograph import Photograph
from layersight.document.words import plural, size
from layersight.nouns.heatmaps.groups import ImageMaps, by_image, view_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import captions, view_words
from layersight.render.cover import draw_predictions, draw_story
from layersight.render.flow import Block, Flow, add_foot
from layersight.render.heatmaps.block import HeatBlock
from layersight.render.heatmaps.board import FINE, Box, Cell, board, drawn, fit
from layersight.render.heatmaps.cover import ANCHOR, HeatCover
from layersight.render.heatmaps.row import row_blocks, row_board
from layersight.render.heatmaps.single import single_blocks, single_board
from layersight.render.heatmaps.table import table_blocks, table_board
from layersight.render.heatmaps.tile import draw_photograph
from layersight.writers.page import Anchor, Page
from layersight.writers.sketch import Medium, Sketch

PICTURE = Box(160.0, 150.0, FINE)

BLOCKS: dict[str, Callable[[ImageMaps, HeatOptions, Medium], list[Block]]] = {
    "single": lambda group, options, medium: single_blocks(group, options, medium, bare=True),
    "row": lambda group, options, medium: row_blocks(group, options, medium, bare=True),
    "table": lambda group, options, medium: table_blocks(group, options, medium, bare=True),
}
"""What draws the maps of an image under its photograph."""


def sheet_pages(result: Heatmaps, options: HeatOptions, medium: Medium) -> list[Page]:
    """The cover, and pages for each image."""
    medium = _board(result, medium)
    feet = captions(result, options)
    found: list[Page] = []
    for group in by_image(result):
        blocks = [_story_block(group, medium), *BLOCKS[view_of(group)](group, options, medium)]
        found += Flow(medium, feet, apart=False, whole=False).pages(blocks)
    width = max(medium.width, *(page.width for page in found))
    cover = HeatCover(result, options, medium, width)
    # The table needs the numbers of pages that come after it: once to count, once to draw.
    front = len(cover.pages({}))
    numbers = _numbers(found, front) if medium.height is not None else {}
    made = [*cover.pages(numbers), *found]
    return [
        add_foot(
            page,
            medium,
            feet,
            number=place,
            total=len(made),
            back=ANCHOR if place > 1 else "",
        )
        for place, page in enumerate(made, 1)
    ]


def _board(result: Heatmaps, medium: Medium) -> Medium:
    """The finest of what the pictures of a document need."""
    boards = [
        single_board(result, medium, bare=True),
        row_board(result, medium, bare=True),
        table_board(result, medium, bare=True),
        board(medium, [(photograph, PICTURE) for photograph in result.photographs]),
    ]
    return max(boards, key=lambda each: each.resolution or 0)


def image_anchor(image: int) -> str:
    """The name of the place where an image begins."""
    return f"image:{image}"


def _numbers(pages: list[Page], front: int) -> dict[int, int]:
    """The page of each image."""
    start = image_anchor(0)[:-1]
    return {
        int(item.name.removeprefix(start)): place
        for place, page in enumerate(pages, front + 1)
        for item in page.items
        if isinstance(item, Anchor) and item.name.startswith(start)
    }


def _story_block(group: ImageMaps, medium: Medium) -> HeatBlock:
    photograph = drawn(group.photograph, PICTURE)
    cell = fit(medium, photograph, PICTURE)
    body = StoryBody(group, photograph, cell)
    kind = f"{size(group.shown.original_size)} pixels, {plural(len(group.places), 'heatmap')}"
    return HeatBlock(group.name, kind, view_words(group), image_anchor(group.image), body)


@dataclass(frozen=True, eq=False, slots=True)
class StoryBody:
    """The photograph, how it came to the network, and what the model says of it."""

    group: ImageMaps
    photograph: Photograph
    cell: Cell

    @property
    def rows(self) -> int:
        """All of it stays together."""
        return 1

    @property
    def row_height(self) -> float:
        """As tall as the box of the photograph."""
        return max(PICTURE.tall, self.cell.tall)

    @property
    def extra(self) -> float:
        """Nothing stands under it."""
        return 0.0

    def part(self, first: int, last: int) -> str:
        """It has no parts."""
        return ""

    @property
    def width(self) -> float:
        """Of the photograph; words take what is left."""
        return self.cell.wide

    def draw(self, sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        """Draws the photograph and the words beside it."""
        draw_photograph(
            sketch, sketch.medium.snap(x), sketch.medium.snap(y), self.cell, self.photograph
        )
        left = x + max(self.cell.wide, PICTURE.wide) + 18
        end = draw_story(
            sketch, left, y + 6, self.group.shown, "How it came to the network", named=False
        )
        draw_predictions(sketch, left, end + 8, self.group.predictions[:1])
