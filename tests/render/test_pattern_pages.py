"""Pages of patterns: each under its layer with what it reached, the dead ones called dead."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path

import numpy as np
import pytest
from layersight.render.patterns.grid import lay_tiles
from layersight.render.patterns.moving import frame_pages
from layersight.render.patterns.single import over_checks
from layersight.render.patterns.tile import Caption
from layersight.render.patterns.views import pages
from PIL import Image

from galleries import gallery, mixed
from layersight.data.preprocessing import SCALES
from layersight.errors import SelectionError, UsageError
from layersight.nouns.patterns.options import GALLERY_VIEWS, GalleryOptions
from layersight.nouns.patterns.parts import by_layer, default_view, facets_beside, only, siblings
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import appearance, captions, information, label_of
from layersight.writers.page import Anchor, Box, Link, Page, Picture, Text
from layersight.writers.png import stack
from layersight.writers.sketch import MEDIA

GOLDEN = Path(__file__).parent / "golden"
GRID, SINGLE, SHEET = (GalleryOptions(view=view) for view in ("grid", "pattern", "sheet"))


def words(*found: Page) -> list[str]:
    return [item.text for page in found for item in page.items if isinstance(item, Text)]


def pictures(*found: Page) -> list[Picture]:
    return [item for page in found for item in page.items if isinstance(item, Picture)]


def inside(page: Page) -> None:
    for item in page.items:
        if isinstance(item, Picture | Link | Box):
            assert item.x >= 0
            assert item.y >= 0
            assert item.x + item.width <= page.width + 0.01
            assert item.y + item.height <= page.height + 0.01
        elif isinstance(item, Text):
            assert 0 <= item.x <= page.width
            assert 0 <= item.y <= page.height


MANY = {
    "plain": gallery(),
    "layers": gallery({"conv": 9, "body/conv_2": 30, "top": 2}, natural=True),
    "facets": gallery({"conv": 3}, facets=3, dead=(4,)),
    "facets beyond a row": gallery({"conv": 2}, facets=12),
    "grey": gallery(bands=1),
    "two bands": gallery(bands=2),
    "five bands": gallery(bands=5),
    "wide": gallery(size=(8, 40)),
    "tall": gallery(size=(90, 6)),
    "one pixel": gallery(size=(1, 1)),
    "large": gallery({"conv": 2}, size=(300, 240), masks=True),
    "masked": gallery(masks=True, natural=True),
    "all dead": gallery({"conv": 2}, dead=(0, 1), natural=True, masks=True),
    "sums": mixed(),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("view", GALLERY_VIEWS)
@pytest.mark.parametrize("columns", [1, 5, 8, 40])
def test_whatever_they_are_they_fit_their_pages(
    name: str, medium: str, view: str, columns: int
) -> None:
    made = MANY[name]
    found = pages(made, GalleryOptions(view, columns), medium)
    for page in found:
        inside(page)
    shown = [np.asarray(picture.pixels).tobytes() for picture in pictures(*found)]
    for pixels in made.images[~made.dead]:
        assert pixels.tobytes() in shown
    for pixels in made.images[made.dead]:
        assert pixels.tobytes() not in shown
    assert (words(*found).count("dead") >= made.dead.sum()) or columns == 40


def test_the_numbers_stand_under_each_pattern() -> None:
    (page,) = pages(gallery(natural=True), GRID)
    listed = words(page)
    assert {"0", "1", "2", "3", "4"} <= set(listed)
    for number in ("3.25", "8.25", "10.8", "13.2", "7"):
        assert number in listed
    assert listed.count("75%") == 4
    assert listed.count("images") == 4
    assert {"dead", "= 0"} <= set(listed)
    told = " ".join(listed)
    assert "5 of 10 channels" in told
    assert "1 dead" in told
    assert "1 of 4 converged" in told
    assert "reached 3.25 to 13.2" in told


def test_what_natural_images_outdo_is_marked() -> None:
    (page,) = pages(gallery(natural=True), GRID)
    colours = {
        (item.text, item.colour) for item in page.items if isinstance(item, Text) and item.x > 50
    }
    assert ("7", "#8c2f12") in colours
    assert ("7", "#5c6166") in colours


def test_narrow_tiles_keep_their_channel() -> None:
    made = gallery({"conv": 40}, dead=())
    for columns, whole in ((8, True), (16, False), (30, False)):
        (page,) = pages(made, GalleryOptions("grid", columns))
        listed = words(page)
        assert {str(number) for number in range(40)} <= set(listed)
        assert ("75%" in listed) is whole
    assert Caption(20).height < Caption(30).height < Caption(60).height < Caption(60, True).height


def test_facets_stand_beside_each_other() -> None:
    made = gallery({"conv": 4}, facets=3, dead=())
    (page,) = pages(made, GRID)
    found = pictures(page)
    rows = sorted({round(picture.y, 2) for picture in found})
    assert len(rows) == 2
    first = sorted(picture.x for picture in found if round(picture.y, 2) == rows[0])
    assert len(first) == 6
    gaps = np.diff(first)
    assert gaps[2] > gaps[0] == pytest.approx(gaps[1])
    assert words(page).count("facet 1") == 4
    assert facets_beside(made, range(12)) == 3
    assert facets_beside(made, range(11)) == 1
    assert siblings(made, 4) == (3, 4, 5)


def test_a_tile_on_the_screen_has_whole_pixels() -> None:
    for size in ((7, 7), (12, 12), (64, 96), (128, 128), (300, 240)):
        lattice = lay_tiles(MEDIA["screen"], size, 8, 8)
        zoom = lattice.pixel * 2
        assert zoom == int(zoom)
        assert lattice.wide * 2 >= 112
        paper = lay_tiles(MEDIA["paper"], size, 8, 8)
        assert paper.width == pytest.approx(MEDIA["paper"].room)
        assert paper.tall / paper.wide == pytest.approx(size[0] / size[1])


def test_one_pattern_with_all_its_numbers() -> None:
    made = only(gallery(natural=True), [2])
    (page,) = pages(made, GalleryOptions())
    listed = words(page)
    told = " ".join(listed)
    assert "conv, channel 2" in listed
    assert "maximises its mean over all positions" in listed
    for pair in (
        ("activation reached", "8.25"),
        ("at the start", "1.03"),
        ("kept when moved, rescaled", "75%"),
        ("median of 8 natural images", "2.06"),
        ("their 99th percentile", "4.12"),
        ("the strongest of them", "7"),
        ("of them reach no more", "100%"),
        ("not converged", "in 6 steps"),
    ):
        assert listed.index(pair[1], listed.index(pair[0])) == listed.index(pair[0]) + 1
    assert {"strongest image", "99% of images", "median image", "reached"} <= set(listed)
    assert "as the network saw the canvas then" in told


def test_one_dead_pattern_says_so() -> None:
    (page,) = pages(only(gallery(), [1]), GalleryOptions())
    told = " ".join(words(page))
    assert "no start could wake this channel" in told
    assert "reached" not in words(page)  # there was no way to draw
    assert not pictures(page)


def test_a_mask_is_shown_beside_the_plain_picture() -> None:
    made = only(gallery(masks=True, size=(16, 16)), [0])
    (page,) = pages(made, SINGLE)
    plain, masked = pictures(page)
    np.testing.assert_array_equal(plain.pixels, made.images[0])
    assert masked.y == plain.y
    assert masked.x > plain.x + plain.width
    assert made.transparency is not None
    np.testing.assert_array_equal(masked.pixels, over_checks(made.images[0], made.transparency[0]))
    np.testing.assert_array_equal(masked.pixels[:, -1], made.images[0][:, -1])
    assert set(np.unique(masked.pixels[:, 0])) == {214, 255}


def test_the_view_that_fits() -> None:
    assert default_view(only(gallery(), [0])) == "pattern"
    assert default_view(gallery()) == "grid"
    assert default_view(gallery({"a": 1, "b": 1})) == "sheet"


def test_a_sheet_shows_a_row_of_each_layer_and_then_all() -> None:
    made = gallery({"edges": 5, "textures": 20, "parts": 8}, dead=(6,))
    found = pages(made, SHEET)
    told = words(*found)
    assert "8 of 20, see all" in told
    assert told.count("textures") == 3  # in the table, over its row, over all
    row = next(
        item for item in found[1].items if isinstance(item, Anchor) and "textures" in item.name
    )
    assert row.name == "patterns:textures"
    shown = words(found[1])
    assert "1" in shown
    places = {item.name for page in found for item in page.items if isinstance(item, Anchor)}
    asked = {item.target for page in found for item in page.items if isinstance(item, Link)}
    assert asked <= places
    assert {"patterns:edges", "patterns:textures", "patterns:parts", "all:textures"} <= asked
    first = " ".join(words(found[0]))
    for part in ("What the network looks for", "How to read a pattern", "Method robust", "a note"):
        assert part in first
    assert "no start could wake this channel" in first


def test_a_page_says_its_method_scale_and_model() -> None:
    for view in GALLERY_VIEWS:
        for medium in ("paper", "screen"):
            found = pages(gallery(), GalleryOptions(view), medium)
            for page in found if view != "sheet" or medium == "paper" else found[-1:]:
                told = " ".join(words(page))
                for part in ("Method robust", "12 \u00d7 12 pixels", "pixels / 255", "sha256 0123"):
                    assert part in told


def test_how_a_picture_came_from_what_the_network_saw() -> None:
    assert appearance(gallery()) == "drawn with the pixels that the network saw"
    assert appearance(gallery(scale=SCALES["caffe"])).startswith("drawn with the pixels")
    assert appearance(gallery(bands=1)).startswith("drawn with the pixels")
    made = gallery()
    other = dataclasses.replace(made, values=made.values * np.float32(0.5))
    assert "a contrast of its own" in appearance(other)
    assert "first three channels" in appearance(gallery(bands=5))
    assert appearance(gallery({"conv": 1}, dead=(0,))) == ""


def test_classes_are_called_by_their_names() -> None:
    made = mixed()
    assert [label_of(made, place) for place in range(4)] == ["", "", "dog", "bee"]
    listed = words(*pages(made, SINGLE))
    assert "conv, sum of 2" in listed
    assert "conv, direction" in listed
    assert "conv, channel 3 dog" in listed
    assert "conv, unit 1 bee" in listed
    assert "maximises conv unit 1 before its activation" in listed


def test_a_layer_that_the_model_does_not_tell_of() -> None:
    made = gallery()
    bare = dataclasses.replace(made, model=dataclasses.replace(made.model, layers=()))
    (group,) = by_layer(bare)
    assert group.layer is None
    for view in GALLERY_VIEWS:
        assert "conv" in " ".join(words(*pages(bare, GalleryOptions(view))))


def test_what_is_told_outside_the_picture() -> None:
    found = information(gallery({"conv": 5, "body/top": 2}), manifest="{}")
    assert found.title == "small: patterns"
    assert "conv, channels 0\u20134; body/top, channels 0, 1" in found.caption.replace(
        "0\u20131", "0, 1"
    )
    assert "1 of 7 patterns dead" in found.caption
    assert "(arrow: not converged)" in found.caption
    done = gallery(dead=(), converged=range(5))
    assert "arrow" not in captions(done)[0]
    assert "dead" not in captions(done)[0]


def test_frames_have_one_layout() -> None:
    made = gallery({"conv": 5, "top": 2}, frames=4)
    found = frame_pages(made, GalleryOptions())
    assert [page.title for page in found] == ["step 0", "step 2", "step 4", "step 7"]
    assert len({(page.width, page.height) for page in found}) == 1
    for number, page in enumerate(found):
        inside(page)
        assert f"step {made.frame_steps[number]} of 7" in words(page)
        assert "dead" in words(page)
        shown = [item.pixels.tobytes() for item in pictures(page)]
        assert made.frames is not None
        assert shown == [made.frames[number, place].tobytes() for place in (0, 2, 3, 4, 5, 6)]


def test_wrong_requests_are_told_in_words() -> None:
    with pytest.raises(SelectionError, match="no patterns to draw"):
        pages(only(gallery(), []), GRID)
    with pytest.raises(SelectionError, match="expected at most 256, found 300"):
        pages(gallery({"conv": 300}, size=(2, 2)), SINGLE)
    with pytest.raises(UsageError, match=r"unknown view 'gird'.*Did you mean grid"):
        GalleryOptions(view="gird")
    with pytest.raises(UsageError, match="at least 1 column"):
        GalleryOptions(columns=0)


def golden(name: str, data: bytes) -> bytes:
    path = GOLDEN / name
    if os.environ.get("LAYERSIGHT_WRITE_GOLDEN") == "1":
        path.write_bytes(data)
    return path.read_bytes()


def without_text(page: Page) -> Page:
    """Glyphs differ from one FreeType to the next; pictures and boxes must not."""
    kept = tuple(item for item in page.items if isinstance(item, Picture | Box))
    return Page(page.width, page.height, kept, page.title, page.resolution)


@pytest.mark.parametrize(
    ("name", "made", "options"),
    [
        ("patterns-grid", gallery({"conv": 10}, natural=True), GRID),
        ("patterns-facets", gallery({"conv": 3}, facets=3, dead=(4,)), GRID),
        ("patterns-single", only(gallery(natural=True, masks=True), [2]), SINGLE),
        ("patterns-sheet", gallery({"edges": 3, "parts": 9}, bands=1, size=(8, 12)), SHEET),
    ],
)
def test_golden_png(name: str, made: Patterns, options: GalleryOptions) -> None:
    image = stack([without_text(page) for page in pages(made, options, "screen")])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    expected = Image.open(io.BytesIO(golden(f"{name}.png", file.getvalue())))
    np.testing.assert_array_equal(np.asarray(expected.convert("RGB")), np.asarray(image))
