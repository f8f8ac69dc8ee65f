"""Cells of a notebook are parsed, and their pictures decoded."""

import dataclasses
import io
import re

import numpy as np
import pytest
from PIL import Image

import documents
from layersight.document.blocks import Grid, Overlay, Part, Picture, Tile
from layersight.writers.notebook import BYTES, TILES, to_html, to_png
from writers.pages import Page, decoded
from writers.test_html import ENDING, HOSTILE, grid_of, hostile


def cell_of(*blocks, **others):
    return Page(to_html(documents.document(documents.section(0, *blocks), **others)))


@pytest.mark.parametrize("name", documents.BLOCKS)
def test_every_block_is_a_cell_without_scripts(name):
    page = cell_of(*documents.BLOCKS[name])
    assert not [tag for tag, _, _ in page.elements if tag in ("script", "button", "form", "dialog")]
    assert not [attributes for _, attributes, _ in page.elements if "id" in attributes]


def test_hostile_names_are_text():
    text = to_html(hostile())
    page = Page(text)
    assert HOSTILE not in text
    assert ENDING not in text
    assert HOSTILE in page.words


def test_styles_are_scoped():
    ((_, style),) = Page(to_html(documents.whole())).all("style")
    rules = re.findall(r"([^{}]+){[^{}]*}", style)
    assert len(rules) > 30
    assert all(rule.strip().startswith(".layersight") for rule in rules)


def test_maps_are_shown_exactly():
    page = cell_of(grid := documents.maps(count=14))
    address = re.search(r"url\((.*?)\)", page.all("ul", "tiles")[0][0]["style"])[1]
    sheet = np.asarray(decoded(address))
    shown = page.all("i", "pic")
    assert len(shown) == 14
    for index, (attributes, _) in enumerate(shown):
        x, y = map(int, re.findall(r"--x:(\d+);--y:(\d+)", attributes["style"])[0])
        part = sheet[7 * y : 7 * y + 7, 7 * x : 7 * x + 7]
        np.testing.assert_array_equal(part, grid.pixels[index])
    titles = [attributes["title"] for attributes, _ in page.all("span") if "title" in attributes]
    assert titles[4] == "layer_0, channel 4"


def test_large_maps_are_thinned_and_it_is_said():
    pixels = documents.smooth((2, 200, 200))
    page = cell_of(grid_of(pixels, palette=documents.VIRIDIS))
    address = re.search(r"url\((.*?)\)", page.all("ul", "tiles")[0][0]["style"])[1]
    np.testing.assert_array_equal(np.asarray(decoded(address))[:67, :67], pixels[0, ::3, ::3])
    assert "one pixel of 3 x 3 of large maps" in page.words


def test_what_is_left_out_is_said():
    large = grid_of(np.zeros((BYTES // 3 // 60**2, 60, 60), np.uint8), palette=documents.VIRIDIS)
    sections = [documents.section(index, large) for index in range(9)]
    document = documents.document(*sections)
    document = dataclasses.replace(document, parts=(*document.parts, Part((), title="two")))
    page = Page(to_html(document))
    assert len(page.all("details")) == 3
    assert "Shown: the first 3 of 9; the first of 2 images." in page.words
    many = np.stack([documents.photograph(70, 90)] * (TILES + 1))
    page = cell_of(grid_of(many))
    assert len(page.all("img")) == TILES
    assert f"the first {TILES} of each" in page.words
    assert "Shown" not in cell_of(documents.maps(2)).words


def test_every_section_is_there_and_open():
    sections = [documents.section(index, documents.maps(2)) for index in range(30)]
    page = Page(to_html(documents.document(*sections)))
    assert ["open" in attributes for attributes, _ in page.all("details")] == [True] * 30
    assert "Shown" not in page.words


def test_photographs_are_reduced_with_what_lies_over_them():
    size = (800, 600)
    overlay = Overlay(documents.photograph(*size), np.full(size, 90, np.uint8))
    picture = Picture(documents.smooth(size), documents.VIRIDIS, overlay=overlay)
    grid = Grid([picture.pixels], (Tile(palette=documents.VIRIDIS),), overlays=(overlay,))
    for block in (picture, grid):
        page = cell_of(block)
        ((attributes, _),) = page.all("img", "over")
        over = decoded(attributes["src"])
        assert over.size == (200, 267)
        np.testing.assert_array_equal(np.asarray(over), picture.pixels[::3, ::3])
        ((_, style),) = page.all("style")
        assert "--cover: 0.353" in style


def one(*blocks):
    return documents.document(documents.section(0, *blocks))


def test_a_single_picture_is_a_png_too():
    pixels = documents.photograph()
    for block in (Picture(pixels), grid_of(pixels[None])):
        made = to_png(one(block))
        assert made is not None
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(made))), pixels)
    grey = to_png(one(Picture(pixels[..., 0], documents.GREY)))
    assert grey is not None
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(grey))), pixels[..., 0])


@pytest.mark.parametrize("name", ["maps", "patterns", "overlaid", "one", "table", "units"])
def test_what_pixels_alone_do_not_tell_is_no_png(name):
    assert to_png(one(*documents.BLOCKS[name])) is None
