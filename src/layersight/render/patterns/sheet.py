"""The whole document: a cover, a row for each layer, then all patterns of the long ones.

The rule of this module: the rows of all layers follow each other, so that one sees what
becomes of edges; what a row leaves out stands behind, and the row says where.
"""

from __future__ import annotations

from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import by_layer
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import captions
from layersight.render.flow import Block, Flow, add_foot
from layersight.render.patterns.cover import ANCHOR, PatternCover, first_row
from layersight.render.patterns.grid import PatternBlock, layer_anchor, make_body
from layersight.writers.page import Anchor, Page
from layersight.writers.sketch import Medium


def sheet_pages(result: Patterns, options: GalleryOptions, medium: Medium) -> list[Page]:
    """The cover, a row of each layer, and every pattern of the layers that a row cannot hold."""
    feet = captions(result)
    rows: list[Block] = []
    whole: list[Block] = []
    for group in by_layer(result):
        shown = first_row(medium, group, options)
        anchor = layer_anchor(group.name)
        leads = "" if len(shown) == len(group.places) else f"all:{group.name}"
        rows.append(PatternBlock(group, make_body(medium, result, shown, options), anchor, leads))
        if leads:
            body = make_body(medium, result, group.places, options)
            whole.append(PatternBlock(group, body, leads))
    found = Flow(medium, feet, apart=False).pages(rows) + Flow(medium, feet).pages(whole)
    width = max(medium.width, *(page.width for page in found))
    cover = PatternCover(result, options, medium, width)
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


def _numbers(pages: list[Page], front: int) -> dict[str, int]:
    """The page of each layer's row."""
    start = layer_anchor("")
    return {
        item.name.removeprefix(start): place
        for place, page in enumerate(pages, front + 1)
        for item in page.items
        if isinstance(item, Anchor) and item.name.startswith(start)
    }
