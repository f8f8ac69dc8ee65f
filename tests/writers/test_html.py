"""Pages are parsed and their pictures decoded."""

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter

import numpy as np
import pytest

import documents
from layersight.document.blocks import (
    Cell,
    Column,
    Cover,
    Document,
    Facts,
    Grid,
    Note,
    Numbers,
    Part,
    Picture,
    Scale,
    Section,
    Table,
    Tile,
)
from layersight.writers.html import to_html
from layersight.writers.html.filters import _formatted
from writers.pages import Page, decoded

HOSTILE = "<script>alert(1)</script>"
ENDING = '</style></title>"><img src=x onerror=alert(2)>'
VIRIDIS = documents.VIRIDIS


def page_of(*sections, manifest="{}", **others):
    return Page(to_html(documents.document(*sections, **others), manifest))


def grid_of(pixels, **others):
    tiles = tuple(Tile(label=str(index)) for index in range(len(pixels)))
    return Grid(pixels, others.pop("tiles", tiles), **others)


def style_of(attributes):
    parts = re.split(r";(?=[a-z-]+:)", attributes.get("style", ""))
    return dict(part.split(":", 1) for part in parts if part)


@pytest.fixture(scope="module")
def text():
    return to_html(documents.whole(), "{}")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_needs_nothing_but_itself(text, page):
    assert not re.findall(r"https?://|//[a-z]+\.", text.replace("http://www.w3.org/", ""))
    assert "url(http" not in text
    for _, attributes, _ in page.elements:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    (policy,) = [
        attributes["content"]
        for attributes, _ in page.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    ((_, script),) = page.all("script")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_every_link_leads_somewhere(page):
    ids = Counter(attributes["id"] for _, attributes, _ in page.elements if "id" in attributes)
    assert max(ids.values()) == 1
    links = [attributes["href"][1:] for attributes, _ in page.all("a")]
    assert set(links) <= set(ids)
    assert len(links) >= 3 * len(documents.BLOCKS)
    for _, attributes, _ in page.elements:
        for key in ("for", "aria-labelledby"):
            assert set(attributes.get(key, "").split()) <= set(ids)


def test_same_document_same_bytes(text):
    assert to_html(documents.whole(), "{}") == text


@pytest.mark.parametrize("name", documents.BLOCKS)
def test_every_block_alone_is_a_page(name):
    page_of(documents.section(0, *documents.BLOCKS[name]))


def hostile():
    """A document whose every text is hostile."""
    scale = Scale(VIRIDIS, ((0.0, HOSTILE), (1.0, ENDING)), 0.0, 1.0, HOSTILE)
    cell = Cell(HOSTILE, note=ENDING, aside=HOSTILE, target=ENDING)
    tile = Tile(
        label=ENDING,
        title=HOSTILE,
        subtitle=ENDING,
        value=HOSTILE,
        lines=((ENDING, cell),),
        scale=scale,
        name=ENDING,
        facts=((HOSTILE, ENDING),),
    )
    covered = Tile(cover=Cover("dead", (HOSTILE, ENDING)))
    numbers = (Numbers(ENDING, np.zeros(2, np.float32)),)
    pixels = np.zeros((2, 2, 2), np.uint8)
    grid = Grid(pixels, (tile, covered), VIRIDIS, title=HOSTILE, unit=ENDING, numbers=numbers)
    picture = dataclasses.replace(
        documents.units(), title=HOSTILE, name=ENDING, lines=(HOSTILE,), unit=ENDING, scale=scale
    )
    curve = dataclasses.replace(
        documents.dots(), title=HOSTILE, lead=ENDING, names=(HOSTILE, ENDING, HOSTILE)
    )
    blocks = (
        grid,
        picture,
        curve,
        Facts(((HOSTILE, cell),), ENDING),
        Note((HOSTILE,), ENDING, lead=HOSTILE),
        Table((Column(HOSTILE, note=ENDING),), ((cell,),), HOSTILE, ENDING),
    )
    details = ((HOSTILE, ENDING),)
    section = Section(
        HOSTILE, blocks, ENDING, HOSTILE, ENDING, HOSTILE, scale, aside=cell, details=details
    )
    parts = (Part((section,), blocks, title=HOSTILE), Part((), blocks, title=ENDING, anchor="b"))
    return Document(
        *(HOSTILE, ENDING, (HOSTILE,), parts, (ENDING,), HOSTILE, (ENDING,)), HOSTILE, ENDING
    )


def test_hostile_names_are_text():
    text = to_html(hostile(), HOSTILE)
    page = Page(text)
    assert HOSTILE not in text
    assert ENDING not in text
    assert len(page.all("script")) == 1
    assert page.all("h1")[0][1] == HOSTILE
    assert HOSTILE in page.all("h3")[0][1]
    assert page.all("pre", id="layersight-manifest")[0][1] == HOSTILE
    assert not [attributes for attributes, _ in page.all("img") if attributes["src"] == "x"]
    assert {tag for tag, _, _ in page.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section"),
        *("p", "span", "h1", "h2", "h3", "h4", "b", "i", "em", "small", "a", "ul", "li", "dl"),
        *("dt", "dd", "div", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
        *("svg", "path", "text", "g", "circle", "title", "img", "button", "template", "form"),
        *("label", "input", "select", "option", "output", "fieldset", "legend", "details"),
        *("summary", "pre", "aside", "dialog", "script"),
    }


def test_control_characters_and_broken_names_can_be_written():
    name = "a\x00b\udcff\u202e\x1b[2J"
    text = to_html(
        documents.document(
            documents.section(
                0,
                grid_of(
                    np.zeros((1, 2, 2), np.uint8),
                    tiles=(Tile(label=name, name=name),),
                    palette=VIRIDIS,
                ),
            ),
            title=name,
        ),
        name,
    )
    text.encode("utf-8")
    assert not re.findall("[\x00\x1b\u202e]", text)
    assert "a\ufffdb\ufffd\ufffd\ufffd[2J" in text


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 2025-01-31 at 9.41.00\u202fAM.png",  # as macOS calls them
        "\u5199\u771f\u3000\u4e00.png",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.png",  # Persian, with a non-joiner
        "a\u00a0b\U0001f468\u200d\U0001f469.png",
    ],
)
def test_spaces_and_joiners_of_names_stay(name):
    page = page_of(Section(name, (grid_of(np.zeros((1, 2, 2), np.uint8), palette=VIRIDIS),)))
    assert page.all("h3")[0][1].startswith(name)
    assert page.all("button")[0][0]["title"].startswith(" ".join(name.split()))


@pytest.mark.parametrize("shape", [(7, 5, 4), (33, 9, 12), (5, 3, 3, 3), (1, 1, 1)])
def test_a_sprite_holds_exactly_the_tiles(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    palette = VIRIDIS if len(shape) == 3 else None
    page = page_of(Section("conv", (grid_of(pixels, palette=palette),)))
    ((attributes, _),) = page.all("ul", "tiles")
    sheet = decoded(re.search(r"url\((.*?)\)", attributes["style"])[1])
    if palette is not None:
        assert sheet.mode == "P"
        np.testing.assert_array_equal(np.reshape(sheet.getpalette(), (256, 3)), VIRIDIS)
    columns = int(re.search(r"--cols:(\d+)", attributes["style"])[1])
    positions = [
        tuple(map(int, re.findall(r"--x:(\d+);--y:(\d+)", attributes["style"])[0]))
        for attributes, _ in page.all("i", "pic")
    ]
    assert positions == [(index % columns, index // columns) for index in range(len(pixels))]
    height, width = shape[1:3]
    for (x, y), tile in zip(positions, pixels, strict=True):
        part = np.asarray(sheet)[height * y : height * (y + 1), width * x : width * (x + 1)]
        np.testing.assert_array_equal(part, tile)


def test_large_tiles_of_colours_have_a_picture_each():
    pixels = np.stack([documents.photograph(70, 90, seed) for seed in range(3)])
    pixels[1] = pixels[1][..., :1]
    page = page_of(Section("patterns", (grid_of(pixels),)))
    made = [decoded(attributes["src"]) for attributes, _ in page.all("img")]
    for each, wanted in zip(made, pixels, strict=True):
        np.testing.assert_array_equal(np.asarray(each.convert("RGB")), wanted)
    assert [each.mode for each in made] == ["RGB", "L", "RGB"], "grey is stored as grey"


def test_heat_lies_over_a_photograph_that_stands_once():
    steps, overlay = documents.heat()
    tiles = (Tile(title="a", palette=VIRIDIS), Tile(title="b", palette=VIRIDIS))
    grid = Grid([steps, steps // 2], tiles, side=225, overlays=(overlay, overlay))
    text = to_html(documents.document(Section("heat", (grid,))), "{}")
    page = Page(text)
    (name,) = {attributes["class"].split()[1] for attributes, _ in page.all("i", "pic")}
    (address,) = re.findall(rf"\.{name}{{background-image:url\((.*?)\)}}", text)
    np.testing.assert_array_equal(np.asarray(decoded(address)), overlay.under)
    over = [decoded(attributes["src"]) for attributes, _ in page.all("img", "over")]
    peak = int(overlay.alpha.max())
    for made, wanted in zip(over, grid.pixels, strict=True):
        rgba = np.asarray(made.convert("RGBA"))
        np.testing.assert_array_equal(rgba[..., :3], VIRIDIS[wanted])
        np.testing.assert_array_equal(rgba[..., 3], np.rint(overlay.alpha * (255 / peak)))
    assert over[0].mode == "P"
    assert f"--cover:{round(peak / 2.55) / 100}" in text


def test_what_was_not_seen_is_pale_and_has_no_heat():
    steps, overlay = documents.heat(faded=True)
    picture = Picture(steps, VIRIDIS, overlay=overlay, scale=documents.SCALE)
    text = to_html(documents.document(Section("heat", (picture,))), "{}")
    page = Page(text)
    ((attributes, _),) = page.all("div", "frame")
    assert json.loads(attributes["data-of"])["seen"] == [0, 0.2, 1, 1]
    alpha = np.asarray(decoded(page.all("img", "over")[0][0]["src"]).convert("RGBA"))[..., 3]
    assert overlay.faded is not None
    assert not alpha[overlay.faded].any()
    (address,) = re.findall(r"\.p-\w+{background-image:url\((.*?)\)}", text)
    photograph = np.asarray(decoded(address)).astype(int)
    assert (photograph[overlay.faded] >= overlay.under[overlay.faded]).all()
    np.testing.assert_array_equal(photograph[~overlay.faded], overlay.under[~overlay.faded])


def test_every_tile_says_its_numbers_without_scripts():
    covers = {1: Cover("dead", ("dead", "= 0")), 2: Cover("broken", ("not a", "number"))}
    tiles = tuple(
        Tile(label=str(5 + index), cover=covers.get(index), facts=(("end", "soon"),))
        for index in range(4)
    )
    mean = np.array([0.123456, 0, np.nan, 4], np.float32)
    numbers = (Numbers("mean", mean), Numbers("zeros", mean / 10, percent=True, order=False))
    grid = grid_of(np.zeros((4, 3, 3), np.uint8), tiles=tiles, palette=VIRIDIS, numbers=numbers)
    page = page_of(Section("conv", (grid,), scale=Scale(VIRIDIS, ((0.0, "0"),), 0.0, 2.0)))
    titles = [attributes["title"] for attributes, _ in page.all("button") if "title" in attributes]
    assert titles == [
        "conv, channel 5\nmean\t0.1235\nzeros\t1.23%\nend\tsoon",
        "conv, channel 6\ndead = 0\nmean\t0\nzeros\t0%\nend\tsoon",
        "conv, channel 7\nnot a number\nmean\tnot a number\nzeros\tnot a number\nend\tsoon",
        "conv, channel 8\nmean\t4\nzeros\t40%\nend\tsoon",
    ]
    assert [told for _, told in page.all("li", "dead")] == ["dead\n= 06"]
    (data,) = [json.loads(attributes["data-of"]) for attributes, _ in page.all("ul", "tiles")]
    assert data == {
        "pixel": [3, 3],
        "low": 0.0,
        "high": 2.0,
        "cut": [0, 0],
        "orders": {"mean": [3, 0, 1, 2]},
    }


def test_a_share_is_all_or_nothing_only_where_it_is():
    shares = np.array([0, 1e-6, 0.78125, 0.999998, 1], np.float32)
    told = _formatted(Numbers("sparsity", shares, percent=True))
    assert told == ["0%", "<0.01%", "78.12%", ">99.99%", "100%"]


def test_cells_that_do_not_count_on_have_names():
    units = documents.units()
    page = page_of(documents.section(0, units, dataclasses.replace(units, cells=("7", "90"))))
    data = [json.loads(attributes["data-of"]) for attributes, _ in page.all("div", "frame")]
    assert [each.get("cells") for each in data] == [None, ["7", "90"]]
    assert data[0]["gone"] == [[2, 14, 3, 16]]


def test_controls_are_there_for_what_there_is():
    few = page_of(documents.section(0, documents.facts()))
    assert not few.all("form")
    maps = documents.maps(dead=documents.DEAD)
    some = page_of(documents.section(0, maps))
    assert "hide 2 dead" in some.all("form")[0][1]
    assert not some.all("input", id="find")
    assert not some.all("input", id="cover")
    whole = Page(to_html(documents.whole(), "{}"))
    assert whole.all("input", id="find")
    assert whole.all("input", id="cover")
    assert "hidden" in whole.all("form")[0][0], "shown by the script that reads it"


def test_rows_of_kernels_stand_under_their_heads():
    page = page_of(documents.section(0, documents.kernels(filters=6, inputs=5)))
    heads = [(style_of(attributes), told) for attributes, told in page.all("li", "head")]
    assert [(each["grid-column"], told) for each, told in heads] == [
        ("2/5", "spatial patterns, share"),
        ("5/10", "strongest 5 of 32 inputs"),
    ]
    rows = [(style_of(each)["grid-row"], told) for each, told in page.all("li", "row")]
    assert rows[2] == ("4", "2±0.221")
    dead = style_of(page.all("li", "dead")[0][0])
    assert (dead["grid-row"], dead["grid-column"]) == ("4", "2/10")


def test_heads_may_come_in_any_order():
    tiles = [Tile(label=str(index)) for index in range(5)]
    pixels = np.zeros((5, 2, 2), np.uint8)
    heads = ((2, "behind"), (0, "in front"))
    grid = Grid(
        pixels, tiles, np.zeros((256, 3), np.uint8), columns=5, rows=(("0", ""),), heads=heads
    )
    page = page_of(documents.section(0, grid))
    found = [(style_of(each)["grid-column"], told) for each, told in page.all("li", "head")]
    assert found == [("2/4", "in front"), ("4/7", "behind")]


def test_places_without_a_slice_are_cut_out():
    page = page_of(documents.section(0, documents.volume()))
    style = page.all("ul", "tiles")[0][0]["style"]
    assert "--clip:polygon(0 0,100% 0,100% 50%,66.6667% 50%,66.6667% 100%,0 100%)" in style
    assert "Each tile holds 5 depth slices, 3 in a row, first to last." in page.words


def test_tables_have_heads_marks_and_no_pages():
    page = page_of(documents.section(0, documents.layers(3)))
    heads = [told for _, told in page.all("th") if told and not told.startswith("layer_")]
    assert heads == ["name", "type", "output", "deadof its channels", "zeros"]
    assert [attributes.get("class") for attributes, _ in page.all("tr")] == [
        None,
        None,
        "ruled",
        None,
    ]
    assert page.all("td", "marked")[0][1] == "1 / 40"
    assert page.all("span", "meter")
    assert page.all("i", "rising")


def test_curves_say_their_points():
    page = page_of(documents.section(0, documents.depth(), documents.dots()))
    points = [told for _, told in page.all("circle")]
    titles = [told for _, told in page.all("title")][1:]
    assert "zeros, share of values: 1: 70%" in titles
    assert "method, with its standard error: Gradient: 0.4" in titles
    assert len(points) == 5 + 4 + 2, "what is not a number has no point"
    paths = [attributes["d"] for attributes, _ in page.all("path", "line")]
    assert sum(path.count("M") > 1 for path in paths) >= 1, "a hole is not bridged"


def test_what_has_nothing_is_a_page():
    Page(to_html(Document("net", "", (), ()), "{}"))
    empty = grid_of(np.zeros((0, 3, 3), np.uint8), palette=VIRIDIS)
    page_of(documents.section(0, empty))


def test_notes_stand_where_there_is_no_cover():
    part = Part((documents.section(0),), notes=(Note(("a note",), "Notes"),))
    page = Page(to_html(Document("net", "", (), (part,)), "{}"))
    assert "a note" in page.words
    assert page.all("h2")[0][1] == "Notes"


def test_a_whole_network_is_small():
    sizes = [(148, 32), (74, 32), (72, 64), (36, 64), (34, 128), (17, 128), (15, 128), (7, 128)]
    noise = np.random.default_rng(0)
    sections = []
    for index, (edge, count) in enumerate(sizes):
        maps = documents.smooth((count, edge, edge), index)
        maps += noise.integers(0, 12, maps.shape, np.uint8)
        values = noise.random(count, np.float32)
        numbers = tuple(Numbers(name, values) for name in ("mean", "std", "min", "max"))
        sections.append(Section(f"conv{index}", (grid_of(maps, palette=VIRIDIS, numbers=numbers),)))
    document = documents.document(*sections)
    text = to_html(document, "{}")
    assert text.count('class="pic"') == 704
    assert len(text.encode()) < 2.5e6


@pytest.mark.parametrize("ends", [(float("nan"), 1.0), (0.0, float("inf"))])
def test_a_scale_without_numbers_is_left_out(ends):
    tile = dataclasses.replace(documents.maps(1).tiles[0], scale=Scale(VIRIDIS, (), *ends))
    grid = dataclasses.replace(documents.maps(1), tiles=(tile,))
    page = Page(to_html(documents.document(documents.section(0, grid)), "{}"))
    told = [attributes["data-of"] for _, attributes, _ in page.elements if "data-of" in attributes]
    assert all("low" not in json.loads(each) for each in told)
