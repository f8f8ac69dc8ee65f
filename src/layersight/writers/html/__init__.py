"""Documents as one self-contained HTML page.

The rule of this module: a page needs nothing but itself (its policy forbids the browser to fetch
anything), it says everything without scripts but the card and the controls, and the same document
gives the same bytes. Names from files are text: the templates escape by themselves.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from layersight.document.blocks import Document, Grid, flat
from layersight.writers.html.drawn import Art
from layersight.writers.html.filters import environment, hideable

FIND = 4  # the least number of sections that can be searched


def to_html(document: Document, manifest: str) -> str:
    """The page of a document, the same bytes each time; the manifest is text to copy."""
    art, ids = Art(document), Ids(document)
    script = asset("document.js")
    return (
        environment()
        .get_template("page.html")
        .render(
            document=document,
            manifest=manifest,
            art=art,
            ids=ids,
            contents=list(contents(document, ids)),
            controls=controls(document, art),
            style=asset("document.css"),
            script=script,
            digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def asset(name: str) -> str:
    """A text file that is inlined into the page."""
    return resources.files("layersight.assets").joinpath(name).read_text("utf-8")


class Ids:
    """Ids of the targets in a page; anchors come from files and could clash with them."""

    def __init__(self, document: Document) -> None:
        self._ids = {}
        for number, part in enumerate(document.parts, 1):
            self._ids[part.anchor] = f"part-{number}"
        sections = [section for part in document.parts for section in part.sections]
        for number, section in enumerate(sections, 1):
            self._ids.setdefault(section.anchor or f"section {number}", f"section-{number}")
        self._titles: dict[str, str] = {}

    def __getitem__(self, anchor: str) -> str:
        return self._ids.get(anchor, "")

    def title(self, title: str) -> str:
        """The id of a heading."""
        return self._titles.setdefault(title, f"title-{len(self._titles) + 1}")


def contents(document: Document, ids: Ids) -> Iterator[tuple[str, str, bool]]:
    """The headings of a page in order: the id that each links to, its words, if it is indented."""
    several = len(document.parts) > 1
    for number, part in enumerate(document.parts):
        if several:
            yield ids[part.anchor], part.title, False
        else:
            for title in filter(None, (block.title for block in flat(part.intro))):
                yield ids.title(title), title, False
        if part.sections and not number and document.heading:
            yield ids.title(document.heading), document.heading, False
        for section in part.sections:
            if section.title and section.listed:
                yield ids[section.anchor], section.outline or section.title, True
    if document.captions:
        yield ids.title("How to read this"), "How to read this", False


def controls(document: Document, art: Art) -> dict[str, Any]:
    """The controls of a page: only those that have something to control."""
    blocks = list(document.pictures())
    loose = [block for block in blocks if isinstance(block, Grid) and not block.rows]
    sections = [section for part in document.parts for section in part.sections if section.title]
    covers = [cover for grid in loose for tile in grid.tiles if (cover := hideable(tile))]
    orders = (numbers.name for grid in loose for numbers in grid.numbers if numbers.order)
    choices: dict[str, Any] = {
        "find": len(sections) >= FIND,
        "orders": list(dict.fromkeys(orders)),
        "overlays": art.peak > 0,
        "sizes": bool(blocks and sections),
        "dead": len(covers),
    }
    return {
        **choices,
        "any": any(choices.values()),
        "tiles": any(isinstance(block, Grid) for block in blocks),
        "words": " or ".join(dict.fromkeys(cover.words[0] for cover in covers)),
        "cover": round(art.peak / 2.55),
    }
