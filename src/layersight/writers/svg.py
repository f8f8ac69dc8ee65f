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
from layersight.writers.pages import pages
from layersight.writers.pixels import data_uri, png
from layersight.writers.sketch import PAPER, Anchor, Box, Line, Link, Picture, Text

FONTS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
escape = partial(saxutils.escape, entities={'"': "&quot;"})
ANCHORS = {"start": "", "middle": ' text-anchor="middle"', "end": ' text-anchor="end"'}
SHARP = (
    "image{image-rendering:optimizeSpeed;image-rendering:-moz-crisp-edges;"
    "image-rendering:pixelated}text{white-space:pre}"
)
"""From the oldest way of asking for sharp pixels to the newest; the last known one wins."""


def to_svg(document: Document, manifest: str) -> bytes:
    """A document of one page as SVG, with the manifest as its metadata.

    Raises:
        UsageError: There are several pages, which SVG cannot hold.
    """
    found = pages(document, PAPER)
    if len(found) > 1:
        fewer = f"{document.fewer}, or " if document.fewer else ""
        raise UsageError(
            f"SVG holds one page and this view has {len(found)}: {fewer}write .pdf or .html"
        )
    page = found[0]
    size = f'width="{page.width:g}pt" height="{page.height:g}pt"'
    names = {
        item.name: f"a{place}" for place, item in enumerate(page.items) if isinstance(item, Anchor)
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
            return (
                f'<image x="{item.x:.3f}" y="{item.y:.3f}" width="{item.width:.3f}" '
                f'height="{item.height:.3f}" preserveAspectRatio="none" '
                f'href="{data_uri(png(item.pixels, item.palette))}"/>'
            )
        case Line():
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)
            return (
                f'<polyline points="{points}" fill="none" stroke="{item.colour}" '
                f'stroke-width="{item.width:g}"/>'
            )
        case Box():
            stroke = "" if item.stroke is None else f' stroke="{item.stroke}" stroke-width="0.5"'
            return (
                f'<rect x="{item.x:.3f}" y="{item.y:.3f}" width="{item.width:.3f}" '
                f'height="{item.height:.3f}" fill="{item.fill or "none"}"{stroke}/>'
            )
        case Link() if item.target in names:
            return (
                f'<a href="#{names[item.target]}"><rect x="{item.x:.2f}" y="{item.y:.2f}" '
                f'width="{item.width:.2f}" height="{item.height:.2f}" fill="transparent"/></a>'
            )
        case Link():
            return ""  # other pages are other files, which are not known here
        case Anchor():
            return f'<g id="{names[item.name]}"/>'
        case _:
            raise TypeError(f"no way to draw {type(item).__name__} as SVG")
