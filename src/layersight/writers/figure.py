"""A document as a Matplotlib figure.

The rule of this module: it alone imports Matplotlib, and it makes figures without pyplot, so that
nothing is left behind and no window opens.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from layersight.document.blocks import Document
from layersight.writers.page import Anchor, Box, Line, Link, Page, Picture, Text
from layersight.writers.pages import pages
from layersight.writers.sketch import PAPER

SHEET = dataclasses.replace(PAPER, height=None, dejavu=True, margin=24.0)
"""As tall as needed, for the width of a notebook's cell."""
POINTS = 72.0
SIDES = {"start": "left", "middle": "center", "end": "right"}


def to_figure(document: Document) -> Figure:
    """A document as a figure that ``pyplot`` does not know of.

    Every picture has an axes of its own, in the order in which they are drawn, whose image holds
    the picture's own pixels; words and lines are artists of the figure.
    """
    return _drawn(pages(document, SHEET)[0])


def _drawn(page: Page) -> Figure:
    wide, tall = page.width, page.height
    figure = Figure(figsize=(wide / POINTS, tall / POINTS))
    for order, item in enumerate(page.items):
        common: Any = {"zorder": order, "transform": figure.transFigure}
        match item:
            case Text():
                figure.text(
                    item.x / wide,
                    1 - item.y / tall,
                    item.text,
                    fontsize=item.size,
                    color=item.colour,
                    weight="bold" if item.bold else "normal",
                    ha=SIDES[item.anchor],
                    va="baseline",
                    parse_math=False,
                    zorder=order,
                )
            case Picture():
                place = (
                    item.x / wide,
                    1 - (item.y + item.height) / tall,
                    item.width / wide,
                    item.height / tall,
                )
                axes = figure.add_axes(place, zorder=order)
                shown = item.pixels if item.palette is None else item.palette[item.pixels]
                axes.imshow(shown, interpolation="nearest", aspect="auto")
                axes.set_axis_off()
            case Line():
                xs, ys = zip(*((x / wide, 1 - y / tall) for x, y in item.points), strict=True)
                figure.add_artist(Line2D(xs, ys, color=item.colour, linewidth=item.width, **common))
            case Box():
                figure.add_artist(
                    Rectangle(
                        (item.x / wide, 1 - (item.y + item.height) / tall),
                        item.width / wide,
                        item.height / tall,
                        facecolor=item.fill or "none",
                        edgecolor=item.stroke or "none",
                        linewidth=0.5,
                        **common,
                    )
                )
            case Link() | Anchor():
                pass  # a figure has nowhere to lead
    return figure
