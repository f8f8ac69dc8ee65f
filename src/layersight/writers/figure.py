"""A document as a Matplotlib figure.

The rule of this module: it alone imports Matplotlib, and it makes figures without pyplot, so that
nothing is left behind and no window opens until one is asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import sys
import warnings
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from layersight.document.blocks import Document, Grid, Part, Scale, Section, flat
from layersight.document.blocks import Picture as Pixels
from layersight.document.colour import blend
from layersight.errors import UsageError
from layersight.writers.fonts import dejavu, runs
from layersight.writers.pages import paginate
from layersight.writers.sketch import PAPER, Anchor, Box, Line, Link, Page, Picture, Text

SHEET = dataclasses.replace(PAPER, height=None, dejavu=True, margin=24.0)
"""As wide as a notebook's cell, as tall as needed."""
NARROW = 220.0  # the least width of a page within axes; in narrower axes it is drawn smaller
POINTS = 72.0
SIDES = {"start": "left", "middle": "center", "end": "right"}
SCREEN, FINE, MOST = 100, 2, 30_000
"""A cell's dots per inch, the picture's pixels per dot, and the most pixels along a side."""


class DocumentFigure(Figure):
    """A figure that is shown in a notebook without ``%matplotlib inline``, and in a window."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The figure for a notebook's cell, with twice the resolution of the screen."""
        wide, tall = self.get_size_inches()
        dots = min(SCREEN * FINE, MOST / max(wide, tall))
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=dots)
        return file.getvalue(), {"width": round(wide * SCREEN), "height": round(tall * SCREEN)}

    def show(self, warn: bool = True) -> None:
        """Shows the figure: in a notebook in the cell, else in a window until that is closed.

        Where no window can be opened, as on a server, a warning says what to do, if ``warn``.
        """
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if hasattr(shell, "kernel"):
            sys.modules["IPython"].display.display(self)
            return
        import matplotlib
        from matplotlib.backends.registry import backend_registry

        name = matplotlib.get_backend()
        backend: Any = backend_registry.load_backend_module(name)  # type: ignore[no-untyped-call]
        canvas = backend.FigureCanvas
        if canvas.required_interactive_framework is not None:
            manager = canvas.new_manager(self, 1)
            manager.show()
            manager.start_main_loop()
        elif warn:
            warnings.warn(
                f"no window can be opened here (Matplotlib runs on {name}): write the figure with "
                "savefig('figure.png'), or the result with its own save()",
                stacklevel=2,
            )


def to_figure(document: Document) -> Figure:
    """A document as a figure that ``pyplot`` does not know of.

    Every picture has an axes of its own, in the order in which they are drawn, whose image holds
    the picture's own pixels; words and lines are artists of the figure.
    """
    page = paginate(document, SHEET)[0]
    figure = DocumentFigure(figsize=(page.width / POINTS, page.height / POINTS))
    _draw(page, figure)
    return figure


def draw_into(document: Document, axes: Axes) -> Figure:
    """Draws the only picture, or the only grid, of a document into axes; returns their figure.

    A picture takes the axes themselves, whose coordinates are then its pixels, with its heading as
    their title and the ends of its scale under it. A grid is laid out within them.
    """
    figure = axes.get_figure(root=True) if isinstance(axes, Axes) else None
    if not isinstance(figure, Figure):
        raise UsageError(f"expected ax= as axes of Matplotlib, found {type(axes).__name__}")
    section, block, scale = _only(document)
    if isinstance(block, Pixels) and block.tall is None and block.cover is None:
        overlay, palette = block.overlay, block.palette
        colours = block.pixels if palette is None else palette[block.pixels]
        axes.imshow(colours if overlay is None else blend(block.pixels, palette, overlay))
        axes.set_title("  ".join(filter(None, (section.title, section.kind))), fontsize=9)
        axes.set_xlabel("" if scale is None else ends_of(scale), fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
        return figure
    box, inches = axes.get_position(), figure.get_size_inches()
    wide, tall = box.width * inches[0] * POINTS, box.height * inches[1] * POINTS
    medium = dataclasses.replace(SHEET, width=max(NARROW, wide), margin=0.0)
    part = Part((dataclasses.replace(section, blocks=(block,)),))
    page = paginate(dataclasses.replace(document, parts=(part,), captions=()), medium)[0]
    axes.set_axis_off()
    axes.set_box_aspect(page.height / page.width)
    _draw(page, axes, min(wide / page.width, tall / page.height))
    return figure


def _only(document: Document) -> tuple[Section, Grid | Pixels, Scale | None]:
    """The main grid or picture, its section, and its scale.

    Of one map beside its photograph that is the map over the photograph.
    """
    blocks = [
        (section, block)
        for part in document.parts
        for section in part.sections
        for block in flat(section.blocks)
        if isinstance(block, Grid | Pixels)
    ]
    over = [pair for pair in blocks if isinstance(pair[1], Pixels) and pair[1].overlay is not None]
    coloured = [pair for pair in blocks if isinstance(pair[1], Grid) or pair[1].palette is not None]
    chosen = over if len(over) == 1 else coloured or blocks
    if len(chosen) != 1:
        names = ", ".join(dict.fromkeys(section.title for section, _ in chosen))
        raise UsageError(
            f"ax= takes one picture or grid, found {len(chosen)}: "
            + (f"name one of {names}" if names else "leave it out")
        )
    section, block = chosen[0]
    scales = [section.scale, *(one.scale for _, one in blocks if isinstance(one, Pixels))]
    return section, block, next((scale for scale in scales if scale is not None), None)


def ends_of(scale: Scale) -> str:
    """The ends of a colour bar, in words."""
    return f"colours from {scale.marks[0][1]} to {scale.marks[-1][1]}"


def _draw(page: Page, host: Figure | Axes, scale: float = 1.0) -> None:
    """Draws the items of a page, which fills the figure or the axes."""
    wide, tall = page.width, page.height
    transform = host.transFigure if isinstance(host, Figure) else host.transAxes
    for order, item in enumerate(page.items):
        common: Any = {"zorder": order, "transform": transform}
        match item:
            case Text():
                family = _family(item.text)
                host.text(
                    item.x / wide,
                    1 - item.y / tall,
                    item.text,
                    fontsize=item.size * scale,
                    color=item.colour,
                    # Other fonts are registered in one weight only.
                    weight="bold" if item.bold and len(family) == 1 else "normal",
                    ha=SIDES[item.anchor],
                    va="baseline",
                    parse_math=False,
                    family=family,
                    **common,
                )
            case Picture():
                add = host.add_axes if isinstance(host, Figure) else host.inset_axes
                axes = add(
                    (*_corner(item, page), item.width / wide, item.height / tall), zorder=order
                )
                colours = item.pixels if item.palette is None else item.palette[item.pixels]
                axes.imshow(colours, interpolation="nearest", aspect="auto")
                axes.set_axis_off()
            case Line():
                xs, ys = zip(*((x / wide, 1 - y / tall) for x, y in item.points), strict=True)
                width = item.width * scale
                host.add_artist(Line2D(xs, ys, color=item.colour, linewidth=width, **common))
            case Box():
                host.add_artist(
                    Rectangle(
                        _corner(item, page),
                        item.width / wide,
                        item.height / tall,
                        facecolor=item.fill or "none",
                        edgecolor=item.stroke or "none",
                        linewidth=0.5 * scale,
                        **common,
                    )
                )
            case Link() | Anchor():
                pass  # a figure has no links


def _corner(item: Picture | Box, page: Page) -> tuple[float, float]:
    """The lower left corner, as shares of the page."""
    return item.x / page.width, 1 - (item.y + item.height) / page.height


def _family(text: str) -> list[str]:
    """The fonts in which Matplotlib looks for the letters of a text."""
    others = {run.file for run in runs(text) if run.file not in (None, dejavu())}
    return ["DejaVu Sans", *sorted(_registered(file) for file in others if file is not None)]


@functools.cache
def _registered(file: Path) -> str:
    """Registers a font with Matplotlib; returns its name there."""
    fontManager.addfont(file)
    return FontProperties(fname=file).get_name()
