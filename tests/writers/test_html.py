"""Pages are parsed and their pictures decoded."""

from __future__ import annotations

import re

import numpy as np

from layersight.document.blocks import Document, Grid, Note, Part, Section, Tile
from layersight.document.colour import palette
from layersight.writers.html import to_html
from writers.pages import Page, decoded

HOSTILE = "<script>alert(1)</script>"
VIRIDIS = palette("viridis")


def of(*sections: Section, front: tuple = (), **others: object) -> Document:
    return Document("net", "What the network sees", ("a line",), (Part(sections, front),), **others)


def grid_of(pixels: np.ndarray, **others: object) -> Grid:
    tiles = tuple(Tile(label=str(place)) for place in range(len(pixels)))
    return Grid(pixels, others.pop("tiles", tiles), **others)


def test_hostile_names_are_text() -> None:
    made = to_html(of(Section(HOSTILE, (Note((HOSTILE,)),), anchor=HOSTILE), name=HOSTILE), HOSTILE)
    page = Page(made)
    assert HOSTILE not in made
    assert len(page.all("script")) == 1
    assert HOSTILE in page.all("h3")[0][1]
    assert page.all("pre", id="layersight-manifest")[0][1] == HOSTILE


def test_a_sprite_holds_exactly_the_tiles() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 4), np.uint8)
    page = Page(to_html(of(Section("conv", (grid_of(pixels, palette=VIRIDIS),))), "{}"))
    ((attributes, _),) = page.all("ul", "tiles")
    style = attributes["style"]
    sheet = decoded(re.search(r"url\((.*?)\)", style)[1])
    assert sheet.mode == "P"
    np.testing.assert_array_equal(np.reshape(sheet.getpalette(), (256, 3)), VIRIDIS)
    columns = int(re.search(r"--cols:(\d+)", style)[1])
    places = [
        tuple(map(int, re.findall(r"--x:(\d+);--y:(\d+)", attributes["style"])[0]))
        for attributes, _ in page.all("i", "pic")
    ]
    assert places == [(place % columns, place // columns) for place in range(7)]
    for (x, y), tile in zip(places, pixels, strict=True):
        part = np.asarray(sheet)[5 * y : 5 * y + 5, 4 * x : 4 * x + 4]
        np.testing.assert_array_equal(part, tile)
