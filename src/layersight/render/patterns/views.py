"""The way from patterns and options to pages, whatever the view.

The rule of this module: a view is one entry of :data:`VIEW_PAGES`; callers never ask which.
"""

from __future__ import annotations

from collections.abc import Callable

from layersight.errors import SelectionError
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import default_view
from layersight.nouns.patterns.result import Patterns
from layersight.render.patterns.grid import grid_pages
from layersight.render.patterns.sheet import sheet_pages
from layersight.render.patterns.single import pattern_pages
from layersight.writers.page import Page
from layersight.writers.sketch import MEDIA, Medium

VIEW_PAGES: dict[str, Callable[[Patterns, GalleryOptions, Medium], list[Page]]] = {
    "pattern": pattern_pages,
    "grid": grid_pages,
    "sheet": sheet_pages,
}
"""What makes the pages of each view."""


def pages(result: Patterns, options: GalleryOptions, medium: str = "paper") -> list[Page]:
    """The pages of patterns.

    Args:
        result: The patterns.
        options: The view.
        medium: ``"paper"`` for PDF and SVG, ``"screen"`` for PNG.

    Returns:
        At least one page.

    Raises:
        SelectionError: There is nothing that the view could show.
    """
    if not len(result):
        raise SelectionError("no patterns to draw: the result holds none")
    view = options.view or default_view(result)
    return VIEW_PAGES[view](result, options, MEDIA[medium])
