"""Pages: every tile is there, in its place, and nothing leaves the page."""

import dataclasses
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import documents
from drawn import MEDIA, laid, pictures, words
from layersight.document.blocks import (
    Beside,
    Cover,
    Curve,
    Document,
    Grid,
    Note,
    Overlay,
    Part,
    Picture,
    Series,
    Tile,
)
from layersight.writers.layout.body import lay
from layersight.writers.layout.grid import is_mosaic, small_cells
from layersight.writers.layout.tile import blend
from layersight.writers.pages import paginate
from layersight.writers.sketch import PAPER, SCREEN, Anchor, Box, Link, Text
from layersight.writers.sketch import Picture as Drawn


def shown(*blocks, medium="paper"):
    return laid(documents.document(documents.section(0, *blocks)), medium)


@pytest.mark.parametrize("name", documents.BLOCKS)
@pytest.mark.parametrize("medium", MEDIA)
def test_every_block_fits_its_pages(name, medium):
    assert len(shown(*documents.BLOCKS[name], medium=medium)) == 1


@pytest.mark.parametrize("medium", MEDIA)
def test_a_whole_document_fits_its_pages(medium):
    assert laid(documents.whole(), medium)


SHAPES = [
    (40, 1, 1),
    (3, 30, 30),
    (33, 9, 9),
    (20, 2, 2),
    (12, 64, 4),
    (12, 4, 64),
    (4, 900, 10),
    (2, 700, 900),
    (300, 5, 5),
    (1, 148, 148),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("columns", [1, 4, 16])
@pytest.mark.parametrize("kind", ["indices", "colour", "titled"])
def test_no_tile_is_lost_whatever_its_shape(shape, medium, columns, kind):
    count = shape[0]
    numbers = (np.arange(count) % 251).astype(np.uint8)
    pixels = np.broadcast_to(numbers[:, None, None], shape)
    if kind == "colour":
        pixels = np.broadcast_to(numbers[:, None, None, None], (*shape, 3))
    title = "a title" if kind == "titled" else ""
    tiles = tuple(Tile(label=f"no {index}", title=title) for index in range(count))
    grid = Grid(pixels, tiles, documents.VIRIDIS, columns=columns)
    assert is_mosaic(grid) == (kind != "titled")
    section = dataclasses.replace(documents.section(0, grid), scale=None)
    found = laid(documents.document(section), medium)
    drawn = [item for page in found for item in page.items if isinstance(item, Drawn)]
    seen = [item.pixels[..., 0] if item.pixels.ndim == 3 else item.pixels for item in drawn]
    assert set(numbers.tolist()) <= set(
        np.unique(np.concatenate([each.ravel() for each in seen])).tolist()
    )
    if kind == "titled":
        assert len(drawn) == count


@pytest.mark.parametrize("side", [7, 15, 17, 36, 74, 148, 224])
@pytest.mark.parametrize("medium", MEDIA)
def test_gaps_of_a_mosaic_are_small_and_even(side, medium):
    grid = dataclasses.replace(
        documents.maps(128, (1, 1)), pixels=np.zeros((128, side, side), np.uint8)
    )
    cells = small_cells(grid, MEDIA[medium], MEDIA[medium].room)
    assert 1.9 <= cells.gap_x * cells.pixel <= 5.1
    assert 6.0 <= cells.gap_y * cells.pixel <= 10.6
    if medium == "paper":
        assert cells.width == pytest.approx(PAPER.room)
    else:
        assert cells.wide * 2 >= 64


def test_white_meets_the_tiles_exactly():
    """On the screen, white reaches up to a map and not over it."""
    (page,) = shown(documents.maps(40), medium="screen")
    (picture,) = pictures(page)
    zoom = picture.width / picture.pixels.shape[1]
    columns = sorted(
        (item.x, item.width)
        for item in page.items
        if isinstance(item, Box) and item.height > 100 and item.x > picture.x
    )
    assert len(columns) > 1
    for (left, wide), (following, _) in pairwise(columns):
        assert following - (left + wide) == pytest.approx(7 * zoom)
        assert (left - picture.x) % (8 * zoom) == pytest.approx(7 * zoom)


@pytest.mark.parametrize("medium", MEDIA)
def test_covers_say_why(medium):
    (page,) = shown(documents.maps(20, (14, 14), dead=documents.DEAD), medium=medium)
    listed = words(page)
    assert listed.count("dead") == 2
    assert {"= 0", "= 0.5", "not a", "number"} <= set(listed)


def test_a_cover_may_span_the_tiles_after_it():
    (page,) = shown(documents.kernels())
    assert words(page).count("zero") == 1
    cover = next(item for item in page.items if isinstance(item, Box) and item.fill == "#eceeef")
    mosaic_width = max(one.x + one.width for one in pictures(page)) - cover.x
    assert cover.width > 0.8 * mosaic_width


def test_rows_of_filters_have_names_heads_and_two_groups():
    (page,) = shown(documents.kernels())
    assert len(pictures(page)) == 2
    assert {"0", "5", "\u00b10.321", "strongest 5 of 32 inputs", "60%", "29"} <= set(words(page))


def test_long_grids_go_on_with_their_heading():
    found = shown(documents.maps(2048, columns=16))
    assert len(found) > 1
    listed = [text for page in found for text in words(page)]
    assert {str(number) for number in range(2048)} <= set(listed)
    heads = [next(text for text in words(page) if "of 2,048" in text) for page in found]
    assert heads[0].startswith("Conv2D   7 \u00d7 7 \u00d7 40   channels 0\u2013")
    assert heads[-1].endswith("\u20132047 of 2,048")


def test_long_tables_go_on_with_their_head():
    made = documents.document(*(documents.section(index, Note(("a",))) for index in range(95)))
    made = dataclasses.replace(
        made, parts=(dataclasses.replace(made.parts[0], front=(documents.layers(95),)),)
    )
    tables = [page for page in laid(made) if "of its channels" in words(page)]
    assert len(tables) == 2
    assert sum(text == "layer_94" for page in tables for text in words(page)) == 1


def test_a_table_tells_the_pages_of_its_targets():
    found = paginate(documents.whole(), PAPER)
    pages = {
        item.name: number
        for number, page in enumerate(found, 1)
        for item in page.items
        if isinstance(item, Anchor)
    }
    listed = [item for item in found[0].items if isinstance(item, Text)]
    for number in range(len(documents.BLOCKS)):
        (row,) = [item for item in listed if item.text == f"layer_{number}"]
        (told,) = [
            item
            for item in listed
            if item.anchor == "end" and abs(item.y - row.y) < 0.1 and item.x > PAPER.width - 60
        ]
        assert told.text == str(pages[f"layer:{number}"])
    assert "page" not in words(*paginate(documents.whole(), SCREEN))


def test_links_lead_somewhere():
    found = paginate(documents.whole(), PAPER)
    anchors = {item.name for page in found for item in page.items if isinstance(item, Anchor)}
    asked = {item.target for page in found for item in page.items if isinstance(item, Link)}
    assert asked == {f"layer:{index}" for index in range(len(documents.BLOCKS))} | {"cover"}
    assert asked <= anchors


def test_sections_are_kept_together_where_a_page_holds_them():
    sections = [documents.section(index, documents.maps(96, (9, 9))) for index in range(5)]
    found = paginate(documents.document(*sections), PAPER)
    assert [sum(text.startswith("layer_") for text in words(page)) for page in found] == [2, 2, 1]
    assert not any("of 96" in text for text in words(*found))


def test_sections_that_stand_alone_begin_a_page():
    sections = [
        dataclasses.replace(documents.section(index, Note(("a",))), alone=True)
        for index in range(3)
    ]
    assert len(paginate(documents.document(*sections), PAPER)) == 3
    assert len(paginate(documents.document(*sections), SCREEN)) == 1


def test_captions_stand_on_every_page_and_once_on_a_screen():
    made = documents.whole()
    for page in paginate(made, PAPER):
        assert set(made.captions) <= set(words(page))
    (page,) = paginate(made, SCREEN)
    assert [words(page).count(line) for line in made.captions] == [1, 1, 1]
    lowest = max((item for item in page.items if isinstance(item, Text)), key=lambda item: item.y)
    assert lowest.text == made.captions[-1]


def test_parts_are_a_level_of_the_outline():
    one = documents.document(documents.section(0, Note(("a",))), cover=(Note(("cover",)),))
    made = dataclasses.replace(
        one,
        parts=tuple(
            Part(
                (dataclasses.replace(documents.section(0, Note(("a",))), anchor=f"{name}:0"),),
                (Note(("cover",)),),
                title=name,
                anchor=f"cover:{name}",
            )
            for name in ("one", "two")
        ),
    )
    anchors = [
        (item.title, item.level)
        for page in paginate(made, PAPER)
        for item in page.items
        if isinstance(item, Anchor)
    ]
    assert anchors == [("one", 0), ("layer_0", 1), ("two", 0), ("layer_0", 1)]


def test_a_note_counts_what_it_leaves_out():
    listed = words(*shown(documents.notes(5)))
    assert "and 3 more notes" in listed
    assert not any("note 2" in text for text in listed)


def test_a_long_text_is_complete():
    parts = [f"word{number}" for number in range(3000)]
    pages = shown(Note((" ".join(parts),)))
    assert len(pages) > 1
    listed = set(" ".join(words(*pages)).split())
    assert set(parts) <= listed


def test_blocks_beside_each_other_go_on_in_a_new_row():
    block = Beside(tuple((documents.small(),) for _ in range(4)), fill=False)
    body = lay(block, PAPER, PAPER.room)
    assert len(body.rows) == 2
    assert body.width <= PAPER.room
    narrow = Beside(((Picture(documents.photograph(), side=150),), (documents.notes(1),)))
    (page,) = shown(narrow)
    note = next(
        item for item in page.items if isinstance(item, Text) and item.text.startswith("note 0")
    )
    assert note.x > PAPER.margin + 150


def test_the_blend_is_that_of_its_formula():
    draw = np.random.default_rng(0)
    under = draw.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    steps, alpha = (draw.integers(0, 256, (5, 6)).astype(np.uint8) for _ in range(2))
    share = alpha[..., None] / 255
    wanted = under * (1 - share) + documents.VIRIDIS[steps] * share
    assert np.abs(blend(steps, documents.VIRIDIS, Overlay(under, alpha)) - wanted).max() <= 0.51
    bare = blend(steps, documents.VIRIDIS, Overlay(under, alpha), bare=True)
    np.testing.assert_array_equal(bare, under)


def test_what_was_not_seen_is_pale_and_named():
    steps, overlay = documents.heat((40, 60), faded=True)
    mixed = blend(steps, documents.VIRIDIS, overlay).astype(int)
    pale = np.array([0xEC, 0xEE, 0xEF])
    expected = overlay.under[:, :12].astype(int) * 0.38 + pale * 0.62
    np.testing.assert_allclose(mixed[:, :12], expected, atol=1)
    (page,) = shown(Picture(steps, documents.VIRIDIS, overlay=overlay, side=400))
    assert "not seen" in words(page)


def test_a_photograph_stays_where_there_is_no_heat():
    steps, overlay = documents.heat()
    cover = Cover("dead", ("no evidence: all 0",))
    tiles = (Tile(title="heat", cover=cover),)
    grid = Grid([steps], tiles, documents.VIRIDIS, columns=1, side=160, overlays=(overlay,))
    (page,) = shown(grid)
    np.testing.assert_array_equal(pictures(page)[0].pixels, overlay.under)
    assert "no evidence: all 0" in words(page)


@pytest.mark.parametrize("size", [(300, 450), (600, 800)])
def test_a_large_photograph_has_all_its_pixels_on_a_screen(size):
    steps, overlay = documents.heat(size)
    grid = Grid(
        [steps], (Tile(title="heat"),), documents.VIRIDIS, columns=1, side=150, overlays=(overlay,)
    )
    (page,) = shown(grid, medium="screen")
    (picture,) = pictures(page)
    assert picture.width * page.resolution >= size[1] - 0.01
    assert picture.width == pytest.approx(150, rel=0.35)


def test_maps_of_other_sizes_have_equal_squares():
    (page,) = shown(documents.across())
    squares = pictures(page)
    assert {round(square.width, 6) for square in squares} == {round(squares[0].width, 6)}
    assert [square.pixels.shape[0] for square in squares] == [74, 36, 15, 7]


def test_rows_that_are_things_break_between_pages():
    found = shown(documents.signal(400))
    assert len(found) > 1
    assert "Conv2D   7 \u00d7 7 \u00d7 40   channels 0\u2013" in " ".join(words(found[0]))
    assert sum(item.pixels.shape[0] for page in found for item in pictures(page)) == 400
    listed = words(*found)
    assert "4\u20135 dead = 0" in listed
    assert "8 not a number" in listed


def test_a_colour_bar_has_five_values():
    (page,) = shown(documents.one_map())
    assert {"-1", "-0.25", "0.5", "1.25", "2"} <= set(words(page))


def test_hostile_names_are_shortened_and_harmless():
    made = documents.document(
        documents.section(0, documents.story(documents.HOSTILE)), name=documents.HOSTILE
    )
    for medium in MEDIA:
        assert not any("\u202e" in text for text in words(*laid(made, medium)))


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize(
    "block",
    [
        Grid(np.zeros((0, 2, 2), np.uint8), (), documents.VIRIDIS),
        Grid([], ()),
        Beside(()),
        Beside(((),)),
        Curve(()),
        Curve((), names=("a", "b")),
        Curve((Series(np.full(2, np.nan)),)),
    ],
    ids=repr,
)
def test_empty_blocks_take_no_page_down(block, medium):
    assert "words" in words(*shown(block, Note(("words",)), medium=medium))


def test_an_empty_document_is_a_page():
    empty = Document("network", "", (), (Part(()),), captions=("caption",))
    assert "caption" in words(*paginate(empty, PAPER))


def test_pages_import_no_matplotlib():
    code = (
        "import sys, layersight.notebook; "
        "from layersight.writers import html, notebook, pdf, png, svg, terminal; "
        "sys.exit('matplotlib' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
