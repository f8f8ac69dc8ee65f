"""The way from a result and options to pages, whatever the view.

The rule of this module: a view is one entry of :data:`VIEW_PAGES`; callers never ask which.
"""

from __future__ import annotations

from collections.abc import Callable

from layersight.errors import SelectionError
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.render.across import across_pages
from layersight.render.channel import channel_pages
from layersight.render.grid import grid_pages
from layersight.render.sheet import sheet_pages
from layersight.writers.page import Page
from layersight.writers.sketch import MEDIA, Medium

VIEW_PAGES: dict[str, Callable[[Activations, PictureOptions, int, Medium], list[Page]]] = {
    "sheet": sheet_pages,
    "grid": grid_pages,
    "channel": channel_pages,
    "across": across_pages,
}
"""What makes the pages of each view."""


def pages(
    result: Activations, options: PictureOptions, image: int = 0, medium: str = "paper"
) -> list[Page]:
    """The pages of a result.

    Args:
        result: The feature maps.
        options: The view and how values become colours.
        image: Which image, from 0.
        medium: ``"paper"`` for PDF and SVG, ``"screen"`` for PNG.

    Returns:
        At least one page.

    Raises:
        SelectionError: There is no such image, or nothing that the view could show.
    """
    if not 0 <= image < len(result.images):
        raise SelectionError(
            f"no image {image}: the result holds {len(result.images)}, counted from 0"
        )
    if not result.layers:
        raise SelectionError("no layers to draw: the result holds none")
    return VIEW_PAGES[options.view](result, options, image, MEDIA[medium])
