"""The way from heatmaps and options to pages, whatever the view.

The rule of this module: a view is one entry of :data:`VIEW_PAGES`; callers never ask which.
"""

from __future__ import annotations

from collections.abc import Callable

from layersight.errors import SelectionError
from layersight.nouns.heatmaps.groups import default_view
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.render.heatmaps.row import row_pages
from layersight.render.heatmaps.sheet import sheet_pages
from layersight.render.heatmaps.single import single_pages
from layersight.render.heatmaps.table import table_pages
from layersight.writers.page import Page
from layersight.writers.sketch import MEDIA, Medium

VIEW_PAGES: dict[str, Callable[[Heatmaps, HeatOptions, Medium], list[Page]]] = {
    "single": single_pages,
    "row": row_pages,
    "table": table_pages,
    "sheet": sheet_pages,
}
"""What makes the pages of each view."""


def pages(result: Heatmaps, options: HeatOptions, medium: str = "paper") -> list[Page]:
    """The pages of heatmaps.

    Args:
        result: The heatmaps.
        options: The view and how values become colours.
        medium: ``"paper"`` for PDF and SVG, ``"screen"`` for PNG.

    Returns:
        At least one page.

    Raises:
        SelectionError: There is nothing that the view could show.
    """
    if not len(result):
        raise SelectionError("no heatmaps to draw: the result holds none")
    view = options.view or default_view(result)
    return VIEW_PAGES[view](result, options, MEDIA[medium])
