"""The whole document: a cover, then every layer."""

from __future__ import annotations

from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.render.cover import Cover
from layersight.render.flow import Flow, add_foot
from layersight.render.grid import layer_anchor, make_blocks
from layersight.render.table import table_rows
from layersight.render.wording import captions
from layersight.writers.page import Anchor, Page
from layersight.writers.sketch import Medium


def sheet_pages(
    result: Activations, options: PictureOptions, image: int, medium: Medium
) -> list[Page]:
    """The cover, the table of layers, and the maps of every layer."""
    feet = captions(result, options, image)
    layers = Flow(medium, feet).pages(make_blocks(result, options, image, medium))
    cover = Cover(result, options, image, medium, table_rows(result, image))
    # The table needs the numbers of pages that come after it: once to count, once to draw.
    front = len(cover.pages({}))
    numbers = _numbers(layers, front, image) if medium.height is not None else {}
    found = [*cover.pages(numbers), *layers]
    return [
        add_foot(
            page,
            medium,
            feet,
            number=place,
            total=len(found),
            back=cover.anchor if place > 1 else "",
        )
        for place, page in enumerate(found, 1)
    ]


def _numbers(pages: list[Page], front: int, image: int) -> dict[str, int]:
    """The page of each layer."""
    return {
        item.name.removeprefix(layer_anchor(image, "")): place
        for place, page in enumerate(pages, front + 1)
        for item in page.items
        if isinstance(item, Anchor)
    }
