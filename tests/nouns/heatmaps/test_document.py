"""Heatmaps as a document: each with its photograph, its score and its scale."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drawn import laid, pictures, told, words
from heats import HOSTILE, WARNING, heats, picture
from layersight.document.blocks import Overlay
from layersight.errors import SelectionError
from layersight.nouns.heatmaps import photographs
from layersight.nouns.heatmaps.colours import heat_scale
from layersight.nouns.heatmaps.document import describe
from layersight.nouns.heatmaps.measures import measure_blocks, measure_sections
from layersight.nouns.heatmaps.noun import folder, numbers
from layersight.nouns.heatmaps.options import HEAT_VIEWS, HeatOptions
from layersight.nouns.heatmaps.photographs import (
    describe_peak,
    in_padding,
    is_cropped,
    is_padded,
    locate_heat,
    reduce_photograph,
)
from layersight.nouns.heatmaps.result import (
    Curve,
    Measure,
    default_view,
    group_by_image,
    select_maps,
)
from layersight.nouns.heatmaps.views import MapPictures
from layersight.nouns.heatmaps.wording import (
    layer_names,
    score_words,
    target_name,
    verdict_words,
    view_words,
)
from layersight.writers.layout.tile import blend
from layersight.writers.sketch import Anchor, Line, Link, Picture, Text

THREE = ("grad-cam", "gradient", "occlusion")
PLAIN = HeatOptions()

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
    "sizes": heats(photographs=[picture((40, 60)), picture((300, 200)), picture((9, 9))]),
    "no names": heats(labels=None, targets=2),
    "hostile": heats(names=[HOSTILE], name=HOSTILE, source=HOSTILE),
}


def made(result, view=None, **options):
    return describe(result, HeatOptions(view=view, **options))  # type: ignore[arg-type]


def shown_as(result, place, options=PLAIN):
    photograph = result.photographs[result.maps[place].image]
    shown = MapPictures(result, place, options, photograph)
    return blend(shown.steps, shown.scale.colours, shown.overlay)


def tiles(page):
    """The pictures of a page in the order in which they are read."""
    return sorted(pictures(page), key=lambda item: (round(item.y), item.x))


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("view", HEAT_VIEWS)
@pytest.mark.parametrize("columns", [1, 4])
def test_whatever_they_are_they_fit_their_pages(name, medium, view, columns):
    result = MANY[name]
    listed = words(*laid(made(result, view, columns=columns), medium))
    wanted = sum(entry.empty for entry in result)
    assert sum("no evidence" in each for each in listed) >= wanted


@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("name", ["one", "empty", "grey", "crop", "pad"])
def test_one_map_has_three_pictures_beside_each_other(name, medium):
    result = select_maps(MANY[name], [0])
    (page,) = laid(made(result), medium)
    photograph = result.photographs[0].pixels
    own = np.repeat(photograph, 3, 2) if photograph.shape[2] == 1 else photograph
    found = tiles(page)
    np.testing.assert_array_equal(found[0].pixels, own)
    np.testing.assert_array_equal(found[-1].pixels, shown_as(result, 0))
    assert len(found) == (2 if name == "empty" else 3)
    assert len({round(tile.y, 2) for tile in found}) == 1
    for tile in found:
        assert tile.width / tile.height == pytest.approx(own.shape[1] / own.shape[0])


def test_a_page_says_what_it_shows():
    text = told(made(heats(fit="crop")))
    for part in (
        *("dog", "Grad-CAM of photo0.jpg", "score 0.8", "logit 8", "layer conv_2"),
        *("7 \u00d7 7 map, enlarged", "photograph, 54 \u00d7 36", "viridis", "greatest value"),
        *("The model says: dog 0.8, bee 0.4", "the last with maps", "pixels / 255"),
        *("36 \u00d7 36 of 54 \u00d7 36 pixels", "not seen", "sha256 0123", "layersight "),
        *("before the last activation", "covers 70%", "Hottest at x "),
    ):
        assert part in text


@pytest.mark.parametrize("view", ["single", "row", "table"])
def test_every_picture_has_its_scale(view):
    result = heats(methods=THREE, targets=3, empty=(4,))
    listed = words(*laid(made(result, view)))
    for place, entry in enumerate(result):
        if not entry.empty:
            assert set(heat_scale(result, place, PLAIN).marks().values()) <= set(listed)


@pytest.mark.parametrize("normalise", ["own", "shared"])
def test_no_caption_is_cut_off(normalise):
    for result in (
        heats(methods=THREE),
        heats(methods=THREE, images=3),
        heats(methods=["gradient"]),
    ):
        document = made(result, "table", normalise=normalise)
        assert set(document.captions) <= set(words(*laid(document)))


def test_the_photograph_keeps_its_colours_where_there_is_no_heat():
    result = heats(empty=(0,))
    np.testing.assert_array_equal(shown_as(result, 0), result.photographs[0].pixels)
    grey = heats(empty=(0,), grey=True)
    np.testing.assert_array_equal(shown_as(grey, 0)[..., 1], grey.photographs[0].pixels[..., 0])
    clear = shown_as(heats(), 0, HeatOptions(opacity=0))
    np.testing.assert_array_equal(clear, result.photographs[0].pixels)


def test_what_was_not_seen_is_faded():
    result = heats(fit="crop")
    overlay = shown_as(result, 0).astype(int)
    plain = result.photographs[0].pixels.astype(int)
    pale = np.array([0xEC, 0xEE, 0xEF])
    np.testing.assert_allclose(overlay[:, :8], plain[:, :8] * 0.38 + pale * 0.62, atol=2)
    assert is_cropped(result.photographs[0])
    assert not is_padded(result.photographs[0])


def test_heat_on_the_padding_is_told():
    result = heats(fit="pad", size=(20, 60), net=(30, 30))
    photograph = result.photographs[0]
    assert is_padded(photograph)
    assert not is_cropped(photograph)
    values = result.maps[0].values
    wanted = values[[*range(10), *range(20, 30)]].sum() / values.sum()
    assert in_padding(result.maps[0], photograph) == pytest.approx(float(wanted), rel=1e-5)
    (group,) = group_by_image(result)
    assert view_words(group) == (
        f"Black was put around the photograph; {wanted:.0%} of the heat lies there."
    )
    assert in_padding(heats().maps[0], heats().photographs[0]) == 0
    (group,) = group_by_image(heats(fit="pad", size=(20, 60), net=(30, 30), empty=(0,)))
    assert view_words(group) == "Black was put around the photograph."


# Maps without heat.


def test_a_map_of_zeros_is_marked_and_not_drawn():
    (page,) = laid(made(heats(empty=(0,))))
    assert words(page).count("no evidence: all 0") >= 2
    assert not [
        item for item in page.items if isinstance(item, Picture) and item.palette is not None
    ]
    assert "No map holds any heat." in words(page)
    assert "Hottest" not in " ".join(words(page))


def test_a_map_of_zeros_that_does_not_say_so_is_marked_too():
    result = heats(empty=(0,))
    silent = dataclasses.replace(result.maps[0], empty=False)
    assert "no evidence: all 0" in told(made(dataclasses.replace(result, maps=(silent,))))


def test_values_that_are_no_numbers_are_marked():
    result = heats()
    values = result.maps[0].values.copy()
    values[3, 3] = np.nan
    wrong = dataclasses.replace(result, maps=(dataclasses.replace(result.maps[0], values=values),))
    (page,) = laid(made(wrong))
    assert "not a number" in " ".join(words(page))
    assert len(pictures(page)) == 2


# The views.


def test_the_view_that_fits():
    assert default_view(heats()) == "single"
    assert default_view(heats(targets=3)) == "row"
    assert default_view(heats(methods=THREE)) == "table"
    assert default_view(heats(methods=THREE, targets=2)) == "table"
    assert default_view(heats(images=2)) == "sheet"


def test_a_row_has_the_photograph_and_two_pictures_of_each_target():
    result = heats(targets=3)
    (page,) = laid(made(result))
    found = tiles(page)
    rows = sorted({round(tile.y, 2) for tile in found})
    assert [sum(round(tile.y, 2) == row for tile in found) for row in rows] == [4, 3]
    np.testing.assert_array_equal(found[0].pixels, result.photographs[0].pixels)
    for place, tile in enumerate(found[1:4]):
        np.testing.assert_array_equal(tile.pixels, shown_as(result, place))
    listed = words(page)
    assert [each for each in listed if each in ("dog", "bee", "gnu")] == ["dog", "bee", "gnu"]
    assert "score 0.4  \u00b7  logit 4" in listed


def test_a_table_has_methods_as_rows_and_targets_as_columns():
    result = heats(methods=THREE, targets=2, size=(36, 54))
    (page,) = laid(made(result))
    found = pictures(page)
    assert len(found) == 7
    by_place = {tile.pixels.tobytes(): (tile.x, tile.y) for tile in found}
    where = [by_place[shown_as(result, place).tobytes()] for place in range(6)]
    # Maps are target by target, and for each method by method.
    assert len({x for x, _ in where[:3]}) == 1
    assert [y for _, y in where[:3]] == sorted({y for _, y in where[:3]})
    for place in range(3):
        assert where[place][1] == where[place + 3][1]
        assert where[place][0] < where[place + 3][0]


def test_a_missing_pair_leaves_its_place_free():
    whole = heats(methods=THREE, targets=2)
    result = dataclasses.replace(whole, maps=whole.maps[:4] + whole.maps[5:])
    (page,) = laid(made(result))
    assert len(pictures(page)) == 6


def test_methods_of_one_target_follow_each_other():
    (page,) = laid(made(heats(methods=THREE), columns=2))
    assert len(pictures(page)) == 4
    assert len({round(tile.x) for tile in pictures(page)}) == 2
    assert {"photograph", "Grad-CAM", "Gradient", "Occlusion"} <= set(words(page))


def test_a_document_leads_from_its_table_to_each_image():
    result = heats(images=3, targets=2, names=["a.jpg", "b.jpg", "c.jpg"], empty=(1,))
    found = laid(made(result))
    assert len(found) == 4
    first = " ".join(words(found[0]))
    for part in ("Which pixels decided", "How to read a heatmap", "a.jpg", "b.jpg", "c.jpg"):
        assert part in first
    assert "the method found 0 everywhere" in first
    links = [item.target for item in found[0].items if isinstance(item, Link)]
    assert links == ["image:0"] * 2 + ["image:1"] * 2 + ["image:2"] * 2
    for number, page in enumerate(found[1:]):
        names = [item.name for item in page.items if isinstance(item, Anchor)]
        assert f"image:{number}" in names
        assert {"back to cover", "How it came to the network"} <= set(words(page))
    numbers = [item.text for item in found[0].items if isinstance(item, Text) and item.x > 540]
    assert numbers[:7] == ["page", "2", "2", "3", "3", "4", "4"]


@pytest.mark.parametrize("view", HEAT_VIEWS)
def test_a_warning_stands_under_its_pictures(view):
    assert WARNING in told(made(heats(methods=THREE, warned=["gradient"]), view))
    assert WARNING not in told(made(heats(methods=["grad-cam"], warned=["gradient"]), view))


def test_measures_stand_beside_what_a_random_map_gets():
    (page,) = laid(made(heats(measured=True)))
    listed = words(page)
    start = listed.index("deletion")
    assert listed[start : start + 6] == [
        *("deletion", "low is good", "0.21", "0.4", "0.3", "better than random and centre"),
    ]
    assert "worse than random" in listed
    assert {"deletion, low is good", "insertion, high is good"} <= set(listed)
    curves = [item for item in page.items if isinstance(item, Line) and len(item.points) == 6]
    assert len(curves) == 2
    falling = [y for _, y in curves[0].points]
    assert falling == sorted(falling)  # downwards on the page
    many = words(*laid(made(heats(methods=THREE, measured=True))))
    start = many.index("Grad-CAM", many.index("sensitivity"))
    assert many[start : start + 24] == [
        *("Grad-CAM", "0.21", "0.71", "0.3", "a random map as coarse", "0.4", "0.5", "0.1"),
        *("Gradient", "0.22", "0.71", "0.3", "Occlusion", "0.23", "0.71", "0.3"),
        *("a random map as coarse", "0.45", "0.5", "0.1"),
        *("a map of the centre", "0.3", "0.6", "0.2"),
    ]
    assert "best: Grad-CAM 0.21" in many
    assert "Metrics" not in words(*laid(made(heats(methods=THREE))))


# Words.


def test_targets_are_called_by_what_they_are():
    result = heats(labels=None, targets=2)
    assert target_name(result, result.maps[0]) == "class 3"
    hidden = dataclasses.replace(
        result.maps[0].target, layer="conv_2", unit=12, label="channel 12", where=(4, 7)
    )
    entry = dataclasses.replace(result.maps[0], target=hidden)
    assert target_name(result, entry) == "conv_2 channel 12, position 4, 7"
    region = dataclasses.replace(hidden, layer="top", where=(10, 30, 20, 60), label="cat")
    entry = dataclasses.replace(entry, target=region)
    assert target_name(result, entry) == "cat, rows 10\u201319, columns 30\u201359"
    two = heats(outputs=("top", "other"))
    assert target_name(two, two.maps[0]) == "top, dog"
    predicted = dataclasses.replace(result.maps[0].target, where="predicted", sign=-1)
    entry = dataclasses.replace(entry, target=predicted)
    assert target_name(result, entry) == "not class 3, where it is the strongest"


def test_scores_and_layers_in_words():
    result = heats()
    assert score_words(result, result.maps[0]) == "score 0.8  \u00b7  logit 8"
    same = dataclasses.replace(result.maps[0], explained=0.8)
    assert score_words(result, same) == "score 0.8"
    output = dataclasses.replace(
        result, options=dataclasses.replace(result.options, score="output")
    )
    assert score_words(output, result.maps[0]) == "score 0.8  \u00b7  explained 8"
    assert "the network gives" in " ".join(made(output).captions)
    many = dataclasses.replace(result.maps[0], layers=("a", "b", "c"))
    assert layer_names(many) == "a to c"


def test_what_is_told_outside_the_picture():
    document = made(heats(methods=THREE, targets=6, warned=["gradient"]))
    assert document.name == "small: heatmaps of photo0.jpg"
    for part in ("dog, Grad-CAM, score 0.8", "layer conv_2", "and 6 more", WARNING, "viridis"):
        assert part in document.caption


def test_where_the_heat_is():
    result = heats(size=(30, 60), net=(30, 60), methods=["gradient"])
    values = np.zeros((30, 60), np.float32)
    values[21, 8] = 3.0
    values[4, 40] = 1.0
    spot = dataclasses.replace(result.maps[0], values=values, coarse=values)
    found = dataclasses.replace(result, maps=(spot,))
    location = locate_heat(found, 0)
    assert location.hottest == (8, 21)
    assert location.centre == pytest.approx(((8.5 * 3 + 40.5) / 4, (21.5 * 3 + 4.5) / 4))
    assert location.box == (8, 4, 41, 22)
    assert describe_peak(found, 0) == "x 8, y 21 (lower left)"
    assert locate_heat(heats(empty=(0,)), 0).hottest is None
    assert describe_peak(heats(empty=(0,)), 0) == ""
    against = dataclasses.replace(result.maps[0], values=-values, coarse=-values, signed=True)
    assert locate_heat(dataclasses.replace(result, maps=(against,)), 0).centre is None


def test_a_photograph_is_reduced_with_its_region():
    pixels = np.arange(40, dtype=np.uint8).repeat(30).reshape(40, 30, 1)
    photograph = dataclasses.replace(
        heats().photographs[0], pixels=pixels, region=(4.0, -2.0, 36.0, 32.0), reduced=2.0
    )
    small = reduce_photograph(photograph, (20, 20))
    assert small.pixels.shape == (20, 15, 1)
    assert small.region == (2.0, -1.0, 18.0, 16.0)
    assert small.reduced == 4.0
    np.testing.assert_allclose(small.pixels[5:-5, 0, 0], np.arange(10, 30, 2) + 0.5, atol=1)
    assert reduce_photograph(photograph, (40, 30)) is photograph


def test_nothing_or_too_much_to_draw_is_told_in_words():
    with pytest.raises(SelectionError, match="no heatmaps to draw"):
        made(dataclasses.replace(heats(), maps=()))
    with pytest.raises(SelectionError, match="at most 256 maps, found 260"):
        made(heats(images=260, size=(2, 2), net=(2, 2)), "single")


def test_a_metric_with_a_bar_of_its_own_passes_or_fails():
    """A random map is the best that there is of randomisation: nothing can be better."""
    good, bad = (Measure("randomisation", value, 0.0, 1.0, False, bar=0.5) for value in (0.3, 0.7))
    assert (verdict_words(good), verdict_words(bad)) == ("passes", "fails")
    assert good.passes
    assert not good.better_than_random


def test_an_overlay_holds_the_photograph_itself():
    result = heats()
    overlay = MapPictures(result, 0, PLAIN, result.photographs[0]).overlay
    assert isinstance(overlay, Overlay)
    np.testing.assert_array_equal(overlay.under, result.photographs[0].pixels)


def test_a_label_is_told_as_it_is():
    result = heats()
    seat = dataclasses.replace(result.maps[0].target, layer="conv_2", label="first class seat")
    entry = dataclasses.replace(result.maps[0], target=seat)
    assert target_name(result, entry) == "conv_2 first class seat"


def test_a_check_that_failed_is_brown_and_one_that_passed_is_bold():
    result = heats(methods=("grad-cam", "gradient"))
    maps = tuple(
        dataclasses.replace(
            entry, measures=(Measure("randomisation", value, 0.1, 0.2, False, bar=0.5),)
        )
        for entry, value in zip(result.maps, (0.3, 0.8), strict=True)
    )
    (group,) = group_by_image(dataclasses.replace(result, maps=maps))
    (section,) = measure_sections(group)
    (table,) = section.blocks
    found = [(row[1].text, row[1].tone, row[1].bold) for row in table.rows]
    assert found[0] == ("0.3", "plain", True)
    assert ("0.8", "bad", False) in found
    assert "fails" in table.note


def test_where_the_heat_lies_is_found_once_for_each_map(monkeypatch):
    found = []
    find = photographs._find_heat

    def watched(result, place):
        found.append(place)
        return find(result, place)

    monkeypatch.setattr(photographs, "_find_heat", watched)
    result = heats(methods=THREE)
    describe(result, PLAIN)  # what a folder begins with
    list(folder(result, PLAIN))
    for view in HEAT_VIEWS:
        describe(result, dataclasses.replace(PLAIN, view=view))
    numbers(select_maps(result, [2]), PLAIN)
    assert sorted(found) == [0, 1, 2]


@pytest.mark.parametrize(
    ("random", "centre", "said", "tone", "bold", "lead"),
    [
        (0.5, 0.6, "better than random and centre", "plain", True, "best: Grad-CAM 0.7"),
        (0.5, 0.8, "better than random, not than the centre", "plain", False, "none is better"),
        (0.8, 0.5, "worse than random", "bad", False, "none is better"),
        (0.7, 0.5, "no different from random", "plain", False, "none is better"),
    ],
)
def test_better_is_better_than_random_and_than_the_centre(random, centre, said, tone, bold, lead):
    curve = Curve((0.0, 1.0), (0.1, 0.9))
    measure = Measure("insertion", 0.7, random, centre, True, curve)
    maps = (dataclasses.replace(heats().maps[0], measures=(measure,)),)
    (group,) = group_by_image(dataclasses.replace(heats(), maps=maps))
    table, _ = measure_blocks(maps[0])
    assert (table.rows[0][1].tone, table.rows[0][1].bold) == (tone, bold)
    assert table.rows[0][4].text == said
    metrics, curves = measure_sections(group)
    assert metrics.blocks[0].columns[1].note == "high is good"
    assert metrics.blocks[0].rows[0][1].bold is bold
    ((plot,),) = curves.blocks[0].parts
    assert plot.title == "insertion, high is good"
    assert plot.lead.startswith(lead)
    assert plot.series[0].style == ("plain" if bold else "thin")


def test_the_heat_over_the_photograph_alone():
    page = made(heats(), "overlay")
    (section,) = page.parts[0].sections
    (beside, *_) = section.blocks
    ((picture,),) = beside.parts
    assert picture.overlay is not None
    assert picture.scale is not None
    assert len(pictures(*laid(page, "screen"))) <= 2  # the heat with its bar


@pytest.mark.parametrize("method", ["grad-cam", "occlusion"])
def test_weak_heat_may_leave_the_photograph_as_it_is(method):
    result = heats(methods=(method,))
    scale = heat_scale(result, 0, PLAIN)
    opacity, strength = scale.opacity(0.7, 0.3), scale.strength()
    assert (opacity[1:][strength[1:] <= 0.3] == 0).all()
    assert (opacity[1:][strength[1:] > 0.31] > 0).all()
    assert opacity.max() == pytest.approx(0.7)
    assert (scale.opacity(0.7)[1:][strength[1:] > 0.01] > 0).all()
    lines = describe(result, HeatOptions(clear=0.3)).captions
    assert any("weaker heat less, below 30% of its scale none." in line for line in lines)
