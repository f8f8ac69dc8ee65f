"""Patterns as a document: each under its layer with what it reached, the dead ones called dead."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drawn import laid, pictures, told, words
from galleries import gallery, mixed
from layersight.data.preprocessing import SCALES
from layersight.errors import SelectionError, UsageError
from layersight.nouns.patterns.document import describe, facets_beside, frames, over_checks
from layersight.nouns.patterns.noun import numbers
from layersight.nouns.patterns.request import GALLERY_VIEWS, GalleryOptions
from layersight.nouns.patterns.wording import Pattern, appearance
from layersight.writers.sketch import Anchor, Link, Text

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


def made(result, view=None, columns=8):
    return describe(result, GalleryOptions(view, columns))


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("view", GALLERY_VIEWS)
@pytest.mark.parametrize("columns", [1, 5, 8, 40])
def test_all_kinds_fit_their_pages(name, medium, view, columns):
    result = MANY[name]
    found = laid(made(result, view, columns), medium)
    shown = [np.asarray(item.pixels).tobytes() for page in found for item in pictures(page)]
    if result.images.shape[1:3] != (1, 1):  # else as a colour bar
        assert {pixels.tobytes() for pixels in result.images[~result.dead]} <= set(shown)
    assert not {pixels.tobytes() for pixels in result.images[result.dead]} & set(shown)
    dead = sum(word in ("dead", "dead = 0") for word in words(*found))
    assert dead >= result.dead.sum() or columns == 40


def test_numbers_are_under_each_pattern():
    (page,) = laid(made(gallery(natural=True), "grid"))
    listed = words(page)
    assert {"0", "1", "2", "3", "4", "3.25", "8.25", "10.8", "13.2", "7"} <= set(listed)
    assert listed.count("75%") == 4
    assert listed.count("images") == 4
    assert {"dead", "= 0"} <= set(listed)
    text = " ".join(listed)
    for part in ("5 of 10 channels", "1 dead", "1 of 4 converged", "reached 3.25 to 13.2"):
        assert part in text


def test_what_natural_images_outdo_is_marked():
    (page,) = laid(made(gallery(natural=True), "grid"))
    colours = {
        (item.text, item.colour) for item in page.items if isinstance(item, Text) and item.x > 50
    }
    assert {("7", "#8c2f12"), ("7", "#5c6166")} <= colours


def test_narrow_tiles_keep_their_channel():
    result = gallery({"conv": 40}, dead=())
    for columns, complete in ((8, True), (16, False), (30, False)):
        (page,) = laid(made(result, "grid", columns))
        listed = words(page)
        assert {str(number) for number in range(40)} <= set(listed)
        assert ("75%" in listed) is complete


def test_facets_stand_beside_each_other():
    result = gallery({"conv": 4}, facets=3, dead=())
    (page,) = laid(made(result, "grid"))
    found = pictures(page)
    rows = sorted({round(picture.y, 2) for picture in found})
    assert len(rows) == 2
    first = sorted(picture.x for picture in found if round(picture.y, 2) == rows[0])
    assert len(first) == 6
    gaps = np.diff(first)
    assert gaps[2] > gaps[0] == pytest.approx(gaps[1])
    assert words(page).count("facet 1") == 4
    assert facets_beside(result, range(12)) == 3
    assert facets_beside(result, range(11)) == 1


def test_one_pattern_with_all_its_numbers():
    listed = words(*laid(made(gallery(natural=True).take([2]))))
    assert "conv, channel 2" in listed
    assert "maximises its mean over all positions" in listed
    for name, value in (
        ("activation reached", "8.25"),
        ("at the start", "1.03"),
        ("kept when moved, rescaled", "75%"),
        ("median of 8 natural images", "2.06"),
        ("their 99th percentile", "4.12"),
        ("the strongest of them", "7"),
        ("of them reach no more", "100%"),
        ("not converged", "in 6 steps"),
    ):
        index = listed.index(name)
        assert value in listed[index - 1 : index + 2]
    text = " ".join(listed)
    for part in ("strongest image", "99% of images", "median image", "reached"):
        assert part in text
    assert "as the network saw the canvas then" in text


def test_a_single_dead_pattern_has_the_reason():
    (page,) = laid(made(gallery().take([1])))
    assert "no start could wake this channel" in " ".join(words(page))
    assert "Activation before" not in " ".join(words(page))  # there is nothing to draw
    assert not pictures(page)


def test_a_mask_is_shown_beside_the_plain_picture():
    result = gallery(masks=True, size=(16, 16)).take([0])
    (page,) = laid(made(result, "pattern"))
    plain, masked = pictures(page)
    np.testing.assert_array_equal(plain.pixels, result.images[0])
    assert masked.y == plain.y
    assert masked.x > plain.x + plain.width
    assert result.transparency is not None
    np.testing.assert_array_equal(
        masked.pixels, over_checks(result.images[0], result.transparency[0])
    )
    np.testing.assert_array_equal(masked.pixels[:, -1], result.images[0][:, -1])
    assert set(np.unique(masked.pixels[:, 0])) == {214, 255}


def test_default_views():
    assert gallery().take([0]).default_view == "pattern"
    assert gallery().default_view == "grid"
    assert gallery({"a": 1, "b": 1}).default_view == "sheet"


def test_a_sheet_shows_a_row_of_each_layer_and_then_all():
    found = laid(made(gallery({"edges": 5, "textures": 20, "parts": 8}, dead=(6,)), "sheet"))
    listed = words(*found)
    assert "8 of 20, see all" in listed
    assert listed.count("textures") == 3  # in the table, over its row, over all
    anchors = [item for page in found for item in page.items if isinstance(item, Anchor)]
    assert [item.title for item in anchors if "textures" in item.name] == ["textures", ""]
    names = {item.name for item in anchors}
    targets = {item.target for page in found for item in page.items if isinstance(item, Link)}
    assert targets <= names
    assert {"patterns:edges", "patterns:textures", "patterns:parts", "all:textures"} <= targets
    first = " ".join(words(found[0]))
    for part in ("What the network looks for", "How to read a pattern", "Method robust", "a note"):
        assert part in first
    assert "no start could wake this channel" in first


@pytest.mark.parametrize("view", GALLERY_VIEWS)
@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_a_page_says_its_method_scale_and_model(view, medium):
    for page in laid(made(gallery(), view), medium):
        text = " ".join(words(page))
        for part in ("Method robust", "12 \u00d7 12 pixels", "pixels / 255", "sha256 0123"):
            assert part in text


def test_how_a_picture_came_from_what_the_network_saw():
    assert appearance(gallery()) == "drawn with the pixels that the network saw"
    assert appearance(gallery(scale=SCALES["caffe"])).startswith("drawn with the pixels")
    assert appearance(gallery(bands=1)).startswith("drawn with the pixels")
    result = gallery()
    other = dataclasses.replace(result, values=result.values * np.float32(0.5))
    assert "a contrast of its own" in appearance(other)
    assert "first three channels" in appearance(gallery(bands=5))
    assert appearance(gallery({"conv": 1}, dead=(0,))) == ""


def test_classes_are_called_by_their_names():
    result = mixed()
    assert [Pattern(result, index).label for index in range(4)] == ["", "", "dog", "bee"]
    listed = words(*laid(made(result, "pattern")))
    assert {"conv, sum of 2", "conv, direction", "conv, channel 3 dog"} <= set(listed)
    assert "conv, unit 1 bee" in listed
    assert "maximises conv unit 1 before its activation" in listed


@pytest.mark.parametrize("view", GALLERY_VIEWS)
def test_a_layer_that_the_model_does_not_describe(view):
    result = gallery()
    bare = dataclasses.replace(result, model=dataclasses.replace(result.model, layers=()))
    (group,) = bare.by_layer()
    assert group.layer is None
    assert "conv" in told(made(bare, view))


def test_name_and_caption_of_the_document():
    document = made(gallery({"conv": 5, "body/top": 2}))
    assert document.name == "small: patterns"
    assert "conv, channels 0\u20134; body/top, channels 0\u20131" in document.caption
    assert "1 of 7 patterns dead" in document.caption
    assert "(arrow: not converged)" in document.caption
    done = made(gallery(dead=(), converged=range(5))).captions
    assert "arrow" not in done[0]
    assert "dead" not in done[0]


def test_frames_have_one_layout():
    result = gallery({"conv": 5, "top": 2}, frames=4)
    found = [laid(frame, "screen")[0] for frame in frames(result, GalleryOptions())]
    assert len({(page.width, page.height) for page in found}) == 1
    for number, page in enumerate(found):
        assert f"step {result.frame_steps[number]} of 7" in words(page)
        assert "dead" in words(page)
    with pytest.raises(UsageError, match="has no frames: ask for them with --frames 24"):
        next(frames(gallery(), GalleryOptions()))


def test_nothing_or_too_much_to_draw_is_refused():
    with pytest.raises(SelectionError, match="no patterns to draw"):
        made(gallery().take([]), "grid")
    with pytest.raises(SelectionError, match="at most 256 patterns, found 300"):
        made(gallery({"conv": 300}, size=(2, 2)), "pattern")


def test_a_caption_names_channels_and_directions():
    page = describe(mixed(), GalleryOptions())
    assert "conv, channels 0\u20131, 3, 1 direction" in page.caption
    many = describe(gallery({f"conv_{n}": 1 for n in range(14)}), GalleryOptions())
    assert "conv_11, channels 0 and 2 more. " in many.caption


def test_a_picture_that_is_mostly_noise_is_called_failed_everywhere():
    coverage = np.array([1, 1, 0.06, 0.4, np.nan], np.float32)
    result = gallery(dead=(), coverage=coverage)
    assert result.failed.tolist() == [False, False, True, False, False]
    page = describe(result, GalleryOptions())
    (grid,) = page.parts[0].sections[0].blocks
    assert [tile.cover is not None for tile in grid.tiles] == result.failed.tolist()
    assert grid.tiles[2].cover.words == ("failed", "= 8.25")
    assert "1 failed: " in page.caption
    assert "Grey: failed." in page.captions[0]
    third = numbers(result, GalleryOptions())["patterns"][2]
    assert (third["failed"], third["coverage"]) == (True, pytest.approx(0.06))
    assert third["ended"].endswith("the channel answers to 6% of the picture, the rest is noise")
    assert numbers(result, GalleryOptions())["patterns"][4]["coverage"] is None
    one = describe(result.take([3]), GalleryOptions())
    assert "40% of the picture" in " ".join(words(*laid(one)))


def test_no_number_is_larger_than_what_it_is_a_part_of():
    result = dataclasses.replace(
        gallery(dead=(1,), converged=(0,)),
        robustness=np.array([2.19, np.nan, 1.15, 0.9, 0.8], np.float32),
        steps=np.array([9, 3, 7, 7, 7]),
    )
    page = describe(result, GalleryOptions())
    listed = " ".join(words(*laid(page)))
    assert "219%" not in listed
    assert "115%" not in listed
    assert "at most 7 steps of 0.15 from where a channel wakes" in listed
    endings = [one["ended"] for one in numbers(result, GalleryOptions())["patterns"]]
    assert endings[0] == "converged after 9 steps, silent at first"
    assert endings[1].endswith("in 3 steps")
    assert "wakes" not in " ".join(words(*laid(describe(gallery(), GalleryOptions()))))
