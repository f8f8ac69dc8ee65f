"""Pages of heatmaps: each with its photograph, its score and its scale."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path

import numpy as np
import pytest
from layersight.render.heatmaps.board import Box, board, drawn, fit
from layersight.render.heatmaps.information import information
from layersight.render.heatmaps.tile import blend, make_tile
from layersight.render.heatmaps.views import pages
from PIL import Image

from heats import HOSTILE, WARNING, bump, heats, picture
from layersight.data.photograph import Photograph
from layersight.data.placing import enlarge
from layersight.document.colour import palette
from layersight.document.diverging import ZERO, diverging
from layersight.errors import SelectionError, UsageError
from layersight.nouns.heatmaps.colours import UNSEEN, scale_of
from layersight.nouns.heatmaps.groups import by_image, default_view, only
from layersight.nouns.heatmaps.options import HEAT_VIEWS, HeatOptions
from layersight.nouns.heatmaps.photographs import (
    describe_peak,
    in_padding,
    is_cropped,
    is_padded,
    placed,
    places_of,
    reduced,
)
from layersight.nouns.heatmaps.result import Heatmaps, Measure
from layersight.nouns.heatmaps.wording import (
    better,
    captions,
    layer_names,
    score_words,
    target_name,
    view_words,
)
from layersight.writers.page import Anchor, Line, Link, Page, Picture, Text
from layersight.writers.page import Box as Rectangle
from layersight.writers.png import stack
from layersight.writers.sketch import MEDIA

GOLDEN = Path(__file__).parent / "golden"
THREE = ("grad-cam", "gradient", "occlusion")
PLAIN = HeatOptions()


def words(*found: Page) -> list[str]:
    return [item.text for page in found for item in page.items if isinstance(item, Text)]


def pictures(*found: Page) -> list[Picture]:
    return [item for page in found for item in page.items if isinstance(item, Picture)]


def inside(page: Page) -> None:
    for item in page.items:
        if isinstance(item, Picture | Link | Rectangle):
            assert item.x >= -0.51
            assert item.y >= -0.51
            assert item.x + item.width <= page.width + 0.51
            assert item.y + item.height <= page.height + 0.51
        elif isinstance(item, Text):
            assert 0 <= item.x <= page.width
            assert 0 <= item.y <= page.height


def apart(page: Page) -> None:
    """No two pictures lie over each other."""
    boxes = [(p.x, p.y, p.x + p.width, p.y + p.height) for p in pictures(page)]
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        for other in boxes[number + 1 :]:
            wide = min(x1, other[2]) - max(x0, other[0])
            tall = min(y1, other[3]) - max(y0, other[1])
            assert wide < 0.26 or tall < 0.26


def shown_as(made: Heatmaps, place: int, options: HeatOptions = PLAIN) -> np.ndarray:
    tile = make_tile(made, place, made.photographs[made.maps[place].image], options)
    return tile.overlay()


MANY = {
    "one": heats(),
    "targets": heats(targets=6),
    "methods": heats(methods=THREE),
    "both": heats(methods=THREE, targets=6, warned=["gradient"], measured=True),
    "images": heats(images=3, methods=THREE, targets=2, measured=True),
    "grey": heats(grey=True, images=2),
    "crop": heats(fit="crop", methods=THREE),
    "pad": heats(fit="pad", methods=THREE, targets=2),
    "empty": heats(empty=(0,)),
    "all empty": heats(methods=THREE, targets=2, empty=range(6)),
    "small": heats(size=(8, 8), net=(8, 8), methods=THREE),
    "one pixel": heats(size=(1, 1)),
    "wide": heats(size=(30, 300), methods=THREE, targets=2),
    "tall": heats(size=(300, 30), methods=THREE, targets=2),
    "large": heats(size=(700, 900), targets=2),
    "sizes": heats(photographs=[picture((40, 60)), picture((300, 200)), picture((9, 9))]),
    "no names": heats(labels=None, targets=2),
    "hostile": heats(names=[HOSTILE], name=HOSTILE, source=HOSTILE),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("view", HEAT_VIEWS)
@pytest.mark.parametrize("columns", [1, 4, 9])
def test_whatever_they_are_they_fit_their_pages(
    name: str, medium: str, view: str, columns: int
) -> None:
    made = MANY[name]
    found = pages(made, HeatOptions(view=view, columns=columns), medium)
    for page in found:
        inside(page)
        apart(page)
    told = words(*found)
    assert sum("no evidence" in each for each in told) >= sum(entry.empty for entry in made)


@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("name", ["one", "empty", "grey", "crop", "pad"])
def test_one_map_has_three_pictures_beside_each_other(name: str, medium: str) -> None:
    made = only(MANY[name], [0])
    (page,) = pages(made, PLAIN, medium)
    photograph = made.photographs[0]
    tiles = [each for each in pictures(page) if each.pixels.shape[0] > 1]
    own = photograph.pixels[..., 0] if photograph.pixels.shape[2] == 1 else photograph.pixels
    np.testing.assert_array_equal(tiles[0].pixels, own)
    np.testing.assert_array_equal(tiles[-1].pixels, shown_as(made, 0))
    assert len(tiles) == (2 if name == "empty" else 3)
    assert len({round(tile.y, 2) for tile in tiles}) == 1
    for tile in tiles:
        assert tile.width / tile.height == pytest.approx(own.shape[1] / own.shape[0])
    if medium == "screen":
        zoom = tiles[0].width * page.resolution / own.shape[1]
        assert zoom == pytest.approx(round(zoom))
        assert zoom >= 1


def test_a_page_says_what_it_shows() -> None:
    (page,) = pages(heats(fit="crop"), PLAIN)
    told = " ".join(words(page))
    for part in (
        *("dog", "Grad-CAM of photo0.jpg", "score 0.8", "logit 8", "layer conv_2"),
        *("7 \u00d7 7 map, enlarged", "photograph, 54 \u00d7 36", "viridis", "greatest value"),
        *("The model says: dog 0.8, bee 0.4", "the last with maps", "pixels / 255"),
        *("36 \u00d7 36 of 54 \u00d7 36 pixels", "not seen", "sha256 0123", "layersight "),
        *("before the last activation", "covers 70%"),
    ):
        assert part in told
    assert "Hottest at x " in told


def test_every_picture_has_its_scale() -> None:
    made = heats(methods=THREE, targets=3, empty=(4,))
    for view in ("single", "row", "table"):
        listed = words(*pages(made, HeatOptions(view=view)))
        for place in range(len(made)):
            marks = scale_of(made, place, PLAIN).marks()
            if not made.maps[place].empty:
                assert all(mark in listed for mark in marks.values()), (view, place)
    one = words(*pages(only(made, [1]), PLAIN))
    assert {"0", scale_of(made, 1, PLAIN).marks()[1.0]} <= set(one)


def test_no_caption_is_cut_off() -> None:
    for made in (heats(methods=THREE), heats(methods=THREE, images=3), heats(methods=["gradient"])):
        for normalise in ("own", "shared"):
            options = HeatOptions(normalise=normalise, view="table")
            told = words(*pages(made, options))
            assert set(captions(made, options)) <= set(told)


# The scale.


def test_a_scale_ends_at_the_greatest_value() -> None:
    made = heats(targets=2)
    scale = scale_of(made, 1, PLAIN)
    assert scale.limit == made.maps[1].values.max() == scale.most
    assert scale.marks() == {0.0: "0", 1.0: "1.48"}
    steps = scale.steps(np.array([0, scale.limit / 2, scale.limit, np.nan], np.float32))
    assert steps.tolist() == [1, 128, 255, UNSEEN]
    np.testing.assert_array_equal(scale.colours[1:], palette("viridis")[1:])


def test_signed_heat_is_the_same_on_both_sides() -> None:
    made = heats(methods=["occlusion"])
    for colormap in ("viridis", "magma"):
        scale = scale_of(made, 0, HeatOptions(colormap=colormap, percentile=100))
        assert scale.limit == np.abs(made.maps[0].values).max()
        steps = scale.steps(np.array([-scale.limit, 0, scale.limit], np.float32))
        assert steps.tolist() == [1, ZERO, 255]
        np.testing.assert_array_equal(scale.colours[1:], diverging()[1:])
        low, middle, high = scale.marks().values()
        assert (low, middle) == (f"\u2212{high}", "0")
    strength = scale.strength()
    assert strength[ZERO] == 0
    np.testing.assert_allclose(strength[ZERO + 1 :], strength[1:ZERO][::-1])


def test_maps_of_a_method_can_share_a_scale() -> None:
    made = heats(methods=["grad-cam", "occlusion"], targets=3, images=2)
    shared = HeatOptions(normalise="shared", percentile=100)
    for group in by_image(made):
        for method in group.methods:
            places = group.of_method(method)
            limits = {scale_of(made, place, shared).limit for place in places}
            most = max(np.abs(made.maps[place].values).max() for place in places)
            assert limits == {most}
    own = [scale_of(made, place, PLAIN).limit for place in range(len(made))]
    assert len(set(own)) > 2


def test_the_scale_of_single_pixels_ends_before_the_few_largest() -> None:
    made = heats(methods=["gradient"])
    values = made.maps[0].values
    scale = scale_of(made, 0, PLAIN)
    assert scale.limit == pytest.approx(np.percentile(values, 99.5))
    assert scale.most == values.max() > scale.limit
    assert scale.marks()[1.0].startswith("\u2265 ")
    assert "from 0 to the 99.5th percentile of its values" in captions(made, PLAIN)[0]
    both = heats(methods=["grad-cam", "gradient"])
    assert "greatest value (of single pixels: the 99.5th" in captions(both, PLAIN)[0]
    assert scale_of(made, 0, HeatOptions(percentile=100)).limit == values.max()
    coarse = heats()
    assert "percentile" not in " ".join(captions(coarse, PLAIN))
    assert scale_of(coarse, 0, HeatOptions(percentile=50)).limit < coarse.maps[0].values.max()


def test_sparse_heat_keeps_a_scale() -> None:
    made = heats(methods=["gradient"])
    values = np.zeros((24, 24), np.float32)
    values[3, 4] = 2.5
    sparse = dataclasses.replace(made.maps[0], values=values, coarse=values)
    made = dataclasses.replace(made, maps=(sparse,))
    assert scale_of(made, 0, PLAIN).limit == 2.5


# The heat over the photograph.


def test_heat_covers_more_where_it_is_stronger() -> None:
    for made in (heats(), heats(methods=["occlusion"])):
        opacity = scale_of(made, 0, PLAIN).opacity(0.7)
        strength = scale_of(made, 0, PLAIN).strength()
        order = np.argsort(strength[1:], kind="stable") + 1
        assert (np.diff(opacity[order]) >= -1e-6).all()
        assert opacity[255] == pytest.approx(0.7)
    assert scale_of(heats(), 0, PLAIN).opacity(0.7)[1] == 0


def test_the_photograph_keeps_its_colours_where_there_is_no_heat() -> None:
    made = heats(empty=(0,))
    np.testing.assert_array_equal(shown_as(made, 0), made.photographs[0].pixels)
    grey = heats(empty=(0,), grey=True)
    np.testing.assert_array_equal(shown_as(grey, 0)[..., 1], grey.photographs[0].pixels[..., 0])
    clear = shown_as(heats(), 0, HeatOptions(opacity=0))
    np.testing.assert_array_equal(clear, made.photographs[0].pixels)


def test_the_blend_is_that_of_its_formula() -> None:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    steps = draw.integers(0, 256, (5, 6)).astype(np.uint8)
    opacity = draw.random(256, np.float32)
    colours = palette("magma")
    share = opacity[steps][..., None]
    wanted = pixels * (1 - share) + colours[steps] * share
    assert np.abs(blend(pixels, steps, colours, opacity) - wanted).max() < 1.6


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_heat_lies_where_the_network_saw_it(fit: str) -> None:
    made = heats(fit=fit, size=(40, 60), net=(20, 20))
    entry, photograph = made.maps[0], made.photographs[0]
    heat = placed(entry, photograph)
    assert heat.shape == (40, 60)
    top, left, bottom, right = photograph.region
    for y in (0, 7, 20, 39):
        for x in (0, 11, 30, 59):
            inside_it = top <= y + 0.5 <= bottom and left <= x + 0.5 <= right
            assert np.isfinite(heat[y, x]) == inside_it
            if inside_it:
                v = (y + 0.5 - top) / (bottom - top) * 20 - 0.5
                u = (x + 0.5 - left) / (right - left) * 20 - 0.5
                wanted = bilinear(entry.values, v, u)
                # A map that shrinks is averaged over what a pixel covers.
                assert heat[y, x] == pytest.approx(wanted, abs=0.002 if fit != "pad" else 0.03)


def bilinear(values: np.ndarray, y: float, x: float) -> float:
    """A value between the centres of pixels, written out."""
    height, width = values.shape
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    upper = values[y0, x0] * (1 - (x - x0)) + values[y0, x1] * (x - x0)
    lower = values[y1, x0] * (1 - (x - x0)) + values[y1, x1] * (x - x0)
    return float(upper * (1 - (y - y0)) + lower * (y - y0))


def test_squares_are_the_cells_of_a_coarse_map() -> None:
    coarse = np.arange(4, dtype=np.float32).reshape(2, 2)
    made = heats(size=(4, 6))
    entry = dataclasses.replace(made.maps[0], coarse=coarse, values=enlarge(coarse, (24, 24)))
    heat = placed(entry, made.photographs[0], smooth=False)
    np.testing.assert_array_equal(heat, coarse.repeat(2, 0).repeat(3, 1))
    cropped = Photograph(made.photographs[0].pixels, (0.0, 1.0, 4.0, 5.0))
    heat = placed(entry, cropped, smooth=False)
    assert np.isnan(heat[:, [0, 5]]).all()
    np.testing.assert_array_equal(heat[:, 1:5], coarse.repeat(2, 0).repeat(2, 1))


def test_what_was_not_seen_is_faded() -> None:
    made = heats(fit="crop")
    overlay = shown_as(made, 0).astype(int)
    plain = made.photographs[0].pixels.astype(int)
    pale = np.array([0xEC, 0xEE, 0xEF])
    np.testing.assert_allclose(overlay[:, :8], plain[:, :8] * 0.38 + pale * 0.62, atol=2)
    assert is_cropped(made.photographs[0])
    assert not is_padded(made.photographs[0])
    (page,) = pages(made, PLAIN)
    lines = [item for item in page.items if isinstance(item, Line) and item.width == 0.8]
    assert len(lines) == 4  # around what was seen
    assert not [item for item in pages(heats(), PLAIN)[0].items if getattr(item, "width", 0) == 0.8]


def test_heat_on_the_padding_is_told() -> None:
    made = heats(fit="pad", size=(20, 60), net=(30, 30))
    photograph = made.photographs[0]
    assert is_padded(photograph)
    assert not is_cropped(photograph)
    values = made.maps[0].values
    wanted = values[[*range(10), *range(20, 30)]].sum() / values.sum()
    assert in_padding(made.maps[0], photograph) == pytest.approx(float(wanted), rel=1e-5)
    (group,) = by_image(made)
    assert view_words(group) == (
        f"Black was put around the photograph; {wanted:.0%} of the heat lies there."
    )
    assert in_padding(heats().maps[0], heats().photographs[0]) == 0


# Maps without heat.


def test_a_map_of_zeros_is_marked_and_not_drawn() -> None:
    made = heats(empty=(0,))
    (page,) = pages(made, PLAIN)
    assert words(page).count("no evidence: all 0") == 2
    assert not [each for each in pictures(page) if each.palette is not None]
    assert "No map holds any heat." in words(page)
    assert "Hottest" not in " ".join(words(page))


def test_a_map_of_zeros_that_does_not_say_so_is_marked_too() -> None:
    made = heats(empty=(0,))
    silent = dataclasses.replace(made.maps[0], empty=False)
    (page,) = pages(dataclasses.replace(made, maps=(silent,)), PLAIN)
    assert "no evidence: all 0" in words(page)


def test_values_that_are_no_numbers_are_marked() -> None:
    made = heats()
    values = made.maps[0].values.copy()
    values[3, 3] = np.nan
    broken = dataclasses.replace(made, maps=(dataclasses.replace(made.maps[0], values=values),))
    (page,) = pages(broken, PLAIN)
    assert {"not a", "number"} <= set(words(page))
    assert len([each for each in pictures(page) if each.pixels.shape[0] > 1]) == 2


# The views.


def test_the_view_that_fits() -> None:
    assert default_view(heats()) == "single"
    assert default_view(heats(targets=3)) == "row"
    assert default_view(heats(methods=THREE)) == "table"
    assert default_view(heats(methods=THREE, targets=2)) == "table"
    assert default_view(heats(images=2)) == "sheet"


def test_a_row_has_the_photograph_and_two_pictures_of_each_target() -> None:
    made = heats(targets=3)
    (page,) = pages(made, PLAIN)
    tiles = [each for each in pictures(page) if each.pixels.shape[0] > 1]
    assert len(tiles) == 7
    rows = sorted({round(tile.y, 2) for tile in tiles})
    assert [sum(round(tile.y, 2) == row for tile in tiles) for row in rows] == [4, 3]
    first = sorted((tile for tile in tiles if round(tile.y, 2) == rows[0]), key=lambda t: t.x)
    np.testing.assert_array_equal(first[0].pixels, made.photographs[0].pixels)
    for place, tile in enumerate(first[1:]):
        np.testing.assert_array_equal(tile.pixels, shown_as(made, place))
    listed = words(page)
    assert [each for each in listed if each in ("dog", "bee", "gnu")] == ["dog", "bee", "gnu"]
    assert "score 0.4  \u00b7  logit 4" in listed


def test_a_table_has_methods_as_rows_and_targets_as_columns() -> None:
    made = heats(methods=THREE, targets=2, size=(36, 54))
    (page,) = pages(made, PLAIN)
    tiles = [each for each in pictures(page) if each.pixels.shape[0] > 1]
    assert len(tiles) == 7
    by_place = {tile.pixels.tobytes(): (tile.x, tile.y) for tile in tiles}
    where = [by_place[shown_as(made, place).tobytes()] for place in range(6)]
    # Maps are target by target, and for each method by method.
    assert len({x for x, _ in where[:3]}) == 1
    assert [y for _, y in where[:3]] == sorted({y for _, y in where[:3]})
    for place in range(3):
        assert where[place][1] == where[place + 3][1]
        assert where[place][0] < where[place + 3][0]


def test_a_missing_pair_leaves_its_place_free() -> None:
    whole = heats(methods=THREE, targets=2)
    made = dataclasses.replace(whole, maps=whole.maps[:4] + whole.maps[5:])
    (page,) = pages(made, PLAIN)
    assert len([each for each in pictures(page) if each.pixels.shape[0] > 1]) == 6


def test_methods_of_one_target_follow_each_other() -> None:
    made = heats(methods=THREE)
    (page,) = pages(made, HeatOptions(columns=2))
    tiles = [each for each in pictures(page) if each.pixels.shape[0] > 1]
    assert len(tiles) == 4
    assert len({round(tile.x) for tile in tiles}) == 2
    assert {"photograph", "Grad-CAM", "Gradient", "Occlusion"} <= set(words(page))


def test_a_document_leads_from_its_table_to_each_image() -> None:
    made = heats(images=3, targets=2, names=["a.jpg", "b.jpg", "c.jpg"], empty=(1,))
    found = pages(made, PLAIN)
    assert len(found) == 4
    first = " ".join(words(found[0]))
    for part in ("Which pixels decided", "How to read a heatmap", "a.jpg", "b.jpg", "c.jpg"):
        assert part in first
    assert "no evidence: the method found 0 everywhere" in first
    links = [item.target for item in found[0].items if isinstance(item, Link)]
    assert links == ["image:0"] * 2 + ["image:1"] * 2 + ["image:2"] * 2
    for number, page in enumerate(found[1:]):
        names = [item.name for item in page.items if isinstance(item, Anchor)]
        assert f"image:{number}" in names
        assert "back to cover" in words(page)
        assert "How it came to the network" in words(page)
    numbers = [item.text for item in found[0].items if isinstance(item, Text) and item.x > 540]
    assert numbers[:7] == ["page", "2", "2", "3", "3", "4", "4"]


def test_a_warning_stands_under_its_pictures() -> None:
    for view in HEAT_VIEWS:
        told = words(*pages(heats(methods=THREE, warned=["gradient"]), HeatOptions(view=view)))
        assert WARNING in told
        told = words(*pages(heats(methods=["grad-cam"], warned=["gradient"]), HeatOptions(view)))
        assert WARNING not in told


def test_measures_stand_beside_what_a_random_map_gets() -> None:
    (page,) = pages(heats(measured=True), PLAIN)
    listed = words(page)
    start = listed.index("deletion")
    assert listed[start : start + 5] == [
        *("deletion", "0.21", "0.4", "0.3", "better than random (lower is better)"),
    ]
    assert "worse than random (lower is better)" in listed
    assert {"deletion 0.21", "insertion 0.71"} <= set(listed)
    curves = [item for item in page.items if isinstance(item, Line) and len(item.points) == 6]
    assert len(curves) == 2
    falling = [y for _, y in curves[0].points]
    assert falling == sorted(falling)  # downwards on the page
    many = words(*pages(heats(methods=THREE, measured=True), PLAIN))
    start = many.index("sensitivity") + 1  # the last head of the table
    assert many[start : start + 24] == [
        *("Grad-CAM", "0.21", "0.71", "0.3", "a random map as coarse", "0.4", "0.5", "0.1"),
        *("Gradient", "0.22", "0.71", "0.3", "Occlusion", "0.23", "0.71", "0.3"),
        *("a random map as coarse", "0.45", "0.5", "0.1"),
        *("a map of the centre", "0.3", "0.6", "0.2"),
    ]
    assert "best: Grad-CAM 0.21" in many
    assert "Metrics" not in words(*pages(heats(methods=THREE), PLAIN))


# Words.


def test_targets_are_called_by_what_they_are() -> None:
    made = heats(labels=None, targets=2)
    assert target_name(made, made.maps[0]) == "class 3"
    hidden = dataclasses.replace(made.maps[0].target, layer="conv_2", unit=12, where=(4, 7))
    entry = dataclasses.replace(made.maps[0], target=hidden)
    assert target_name(made, entry) == "conv_2 channel 12, position 4, 7"
    region = dataclasses.replace(hidden, layer="top", where=(10, 30, 20, 60), label="cat")
    entry = dataclasses.replace(entry, target=region)
    assert target_name(made, entry) == "cat, rows 10\u201319, columns 30\u201359"
    two = heats(outputs=("top", "other"))
    assert target_name(two, two.maps[0]) == "top, dog"
    predicted = dataclasses.replace(made.maps[0].target, where="predicted", sign=-1)
    entry = dataclasses.replace(entry, target=predicted)
    assert target_name(made, entry) == "not class 3, where it is the strongest"


def test_scores_and_layers_in_words() -> None:
    made = heats()
    assert score_words(made, made.maps[0]) == "score 0.8  \u00b7  logit 8"
    same = dataclasses.replace(made.maps[0], explained=0.8)
    assert score_words(made, same) == "score 0.8"
    output = dataclasses.replace(made, options=dataclasses.replace(made.options, score="output"))
    assert score_words(output, made.maps[0]) == "score 0.8  \u00b7  explained 8"
    assert "the network gives" in " ".join(captions(output, PLAIN))
    many = dataclasses.replace(made.maps[0], layers=("a", "b", "c"))
    assert layer_names(many) == "a to c"


def test_what_is_told_outside_the_picture() -> None:
    made = heats(methods=THREE, targets=6, warned=["gradient"])
    found = information(made, PLAIN, manifest="{}")
    assert found.title == "small: heatmaps of photo0.jpg"
    for part in ("dog, Grad-CAM, score 0.8", "layer conv_2", "and 6 more", WARNING, "viridis"):
        assert part in found.caption


def test_where_the_heat_is() -> None:
    made = heats(size=(30, 60), net=(30, 60), methods=["gradient"])
    values = np.zeros((30, 60), np.float32)
    values[21, 8] = 3.0
    values[4, 40] = 1.0
    spot = dataclasses.replace(made.maps[0], values=values, coarse=values)
    found = dataclasses.replace(made, maps=(spot,))
    places = places_of(found, 0)
    assert places.hottest == (8, 21)
    assert places.centre == pytest.approx(((8.5 * 3 + 40.5) / 4, (21.5 * 3 + 4.5) / 4))
    assert places.box == (8, 4, 41, 22)
    assert describe_peak(found, 0) == "x 8, y 21 (lower left)"
    assert places_of(heats(empty=(0,)), 0).hottest is None
    assert describe_peak(heats(empty=(0,)), 0) == ""
    against = dataclasses.replace(made.maps[0], values=-values, coarse=-values, signed=True)
    assert places_of(dataclasses.replace(made, maps=(against,)), 0).centre is None


# Sizes.


def test_words_are_as_large_beside_large_photographs() -> None:
    box = Box(100, 100)
    for side in (20, 150, 224, 900, 4000):
        photograph = Photograph(np.zeros((side, side, 1), np.uint8), (0.0, 0.0, side, side))
        fine = board(MEDIA["screen"], [(photograph, box)])
        cell = fit(fine, photograph, box)
        assert fine.resolution is not None
        zoom = cell.pixel * fine.resolution
        assert zoom == pytest.approx(round(zoom))
        assert 60 <= cell.wide <= 150
    assert board(MEDIA["paper"], [(photograph, box)]) is MEDIA["paper"]


def test_a_photograph_is_reduced_with_its_region() -> None:
    pixels = np.arange(40, dtype=np.uint8).repeat(30).reshape(40, 30, 1)
    photograph = Photograph(pixels, (4.0, -2.0, 36.0, 32.0), 2.0)
    small = reduced(photograph, (20, 20))
    assert small.pixels.shape == (20, 15, 1)
    assert small.region == (2.0, -1.0, 18.0, 16.0)
    assert small.reduced == 4.0
    np.testing.assert_allclose(small.pixels[5:-5, 0, 0], np.arange(10, 30, 2) + 0.5, atol=1)
    assert reduced(photograph, (40, 30)) is photograph
    assert drawn(photograph, Box(5, 5, fine=2)).pixels.shape == (10, 8, 1)


def test_wrong_requests_are_told_in_words() -> None:
    with pytest.raises(SelectionError, match="no heatmaps to draw"):
        pages(dataclasses.replace(heats(), maps=()), PLAIN)
    with pytest.raises(SelectionError, match="expected at most 256, found 260"):
        pages(heats(images=260, size=(2, 2), net=(2, 2)), HeatOptions(view="single"))
    with pytest.raises(UsageError, match=r"unknown view 'tabel'.*Did you mean table"):
        HeatOptions(view="tabel")
    with pytest.raises(UsageError, match="expected opacity from 0 to 1, found 2"):
        HeatOptions(opacity=2)
    with pytest.raises(UsageError, match="expected percentile from 50 to 100, found nan"):
        HeatOptions(percentile=float("nan"))
    with pytest.raises(UsageError, match="unknown normalisation 'layer'"):
        HeatOptions(normalise="layer")
    with pytest.raises(UsageError, match="unknown colour map 'jet'"):
        HeatOptions(colormap="jet")


def golden(name: str, data: bytes) -> bytes:
    path = GOLDEN / name
    if os.environ.get("LAYERSIGHT_WRITE_GOLDEN") == "1":
        path.write_bytes(data)
    return path.read_bytes()


def without_text(page: Page) -> Page:
    """Glyphs differ from one FreeType to the next; pictures and boxes must not."""
    kept = tuple(item for item in page.items if isinstance(item, Picture | Rectangle))
    return Page(page.width, page.height, kept, page.title, page.resolution)


@pytest.mark.parametrize(
    ("name", "made", "view"),
    [
        ("heat-single", heats(fit="crop"), "single"),
        ("heat-row", heats(targets=3, methods=["occlusion"], empty=(1,)), "row"),
        ("heat-table", heats(methods=THREE, targets=2, grey=True, fit="pad"), "table"),
        ("heat-sheet", heats(images=2, methods=THREE, empty=(1,)), "sheet"),
    ],
)
def test_golden_png(name: str, made: Heatmaps, view: str) -> None:
    found = pages(made, HeatOptions(view=view), "screen")
    image = stack([without_text(page) for page in found])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    expected = Image.open(io.BytesIO(golden(f"{name}.png", file.getvalue())))
    np.testing.assert_array_equal(np.asarray(expected.convert("RGB")), np.asarray(image))


def test_the_samples_are_what_they_claim() -> None:
    assert bump((7, 7), 3).max() == pytest.approx(3.5)


def test_a_metric_with_a_bar_of_its_own_passes_or_fails() -> None:
    """A random map is the best that there is of randomisation: nothing can be better."""
    good, bad = (Measure("randomisation", value, 0.0, 1.0, False, bar=0.5) for value in (0.3, 0.7))
    assert (better(good), better(bad)) == ("passes", "fails")
    assert good.passes
    assert not good.better_than_random
