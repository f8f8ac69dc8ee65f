"""One page as an SVG document.

The rule of this module: text stays text, and an image keeps its own pixels, as a PNG with a
palette inside the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from xml.sax import saxutils

from layersight.document.blocks import Document
from layersight.errors import UsageError
from layersight.writers.fonts import clean
from layersight.writers.pages import paginate
from layersight.writers.pixels import data_uri, png
from layersight.writers.sketch import PAPER, Anchor, Box, Line, Link, Picture, Text

FONTS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
escape = partial(saxutils.escape, entities={'"': "&quot;"})
ANCHORS = {"start": "", "middle": ' text-anchor="middle"', "end": ' text-anchor="end"'}
SHARP = (
    "image{image-rendering:optimizeSpeed;image-rendering:-moz-crisp-edges;"
    "image-rendering:pixelated}text{white-space:pre}"
)
"""All ways to ask for sharp pixels, oldest first; the last that a viewer knows wins."""


def to_svg(document: Document, manifest: str) -> bytes:
    """A document of one page as SVG, with the manifest as its metadata; refuses several pages."""
    pages = paginate(document, PAPER)
    if len(pages) > 1:
        fewer = f"{document.fewer}, or " if document.fewer else ""
        raise UsageError(
            f"SVG holds one page and this view has {len(pages)}: {fewer}write .pdf or .html"
        )
    page = pages[0]
    size = f'width="{page.width:g}pt" height="{page.height:g}pt"'
    names = {
        item.name: f"a{number}"
        for number, item in enumerate(page.items)
        if isinstance(item, Anchor)
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {page.width:g} {page.height:g}" font-family="{FONTS}" role="img" '
        'aria-labelledby="title" aria-describedby="desc">',
        f'<title id="title">{escape(clean(document.name))}</title>',
        f'<desc id="desc">{escape(clean(document.caption))}</desc>',
        f'<metadata id="layersight">{escape(clean(manifest))}</metadata>',
        f"<style>{SHARP}</style>",
        f'<rect width="{page.width:g}" height="{page.height:g}" fill="#ffffff"/>',
    ]
    lines += [line for item in page.items if (line := _item(item, names))]
    return "\n".join([*lines, "</svg>", ""]).encode()


def _item(item: object, names: Mapping[str, str]) -> str:
    match item:
        case Text():
            weight = ' font-weight="bold"' if item.bold else ""
            return (
                f'<text x="{item.x:.2f}" y="{item.y:.2f}" font-size="{item.size:g}" '
                f'fill="{item.colour}"{weight}{ANCHORS[item.anchor]}>{escape(item.text)}</text>'
            )
        case Picture():
            uri = data_uri(png(item.pixels, item.palette))
            return f'<image {_area(item, 3)} preserveAspectRatio="none" href="{uri}"/>'
        case Line():
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)
            return (
                f'<polyline points="{points}" fill="none" stroke="{item.colour}" '
                f'stroke-width="{item.width:g}"/>'
            )
        case Box():
            stroke = "" if item.stroke is None else f' stroke="{item.stroke}" stroke-width="0.5"'
            return f'<rect {_area(item, 3)} fill="{item.fill or "none"}"{stroke}/>'
        case Link() if item.target in names:
            area = f'<rect {_area(item, 2)} fill="transparent"/>'
            return f'<a href="#{names[item.target]}">{area}</a>'
        case Link():
            return ""  # other pages are other files, whose names are not known
        case Anchor():
            return f'<g id="{names[item.name]}"/>'
        case _:
            raise TypeError(f"no way to draw {type(item).__name__} as SVG")


def _area(item: Picture | Box | Link, digits: int) -> str:
    sides = {"x": item.x, "y": item.y, "width": item.width, "height": item.height}
    return " ".join(f'{name}="{value:.{digits}f}"' for name, value in sides.items())
