"""The scale of a map, its colours, and how it lies where the network saw it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from heats import heats
from layersight.data.image import Photograph
from layersight.data.placing import enlarge
from layersight.document.colour import ZERO, diverging, palette
from layersight.nouns.heatmaps.colours import UNSEEN, heat_scale
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import locate_heat, place_on_photograph
from layersight.nouns.heatmaps.views import MapPictures
from layersight.nouns.heatmaps.wording import captions, colours

OPTIONS = HeatOptions()


def rising(neutral):
    """A map that rises from left to right about a neutral value of its own, and one about 0."""
    made = heats(methods=("occlusion",), targets=2)
    height, width = made.maps[0].values.shape
    ramp = np.tile(np.linspace(-1, 2, width, dtype=np.float32), (height, 1))
    about = dataclasses.replace(
        made.maps[0], values=ramp + np.float32(neutral), coarse=ramp + np.float32(neutral)
    )
    return dataclasses.replace(
        made,
        maps=(
            dataclasses.replace(about, neutral=neutral),
            dataclasses.replace(made.maps[1], values=ramp, coarse=ramp),
        ),
    )


@pytest.mark.parametrize("neutral", [7.5, -3.0])
def test_a_map_about_its_neutral_value_looks_like_one_about_zero(neutral):
    made = rising(neutral)
    own, plain = (heat_scale(made, index, OPTIONS) for index in range(2))
    assert own.limit == pytest.approx(plain.limit, rel=1e-5)
    steps = [
        scale.steps(entry.heat).astype(int)
        for scale, entry in zip((own, plain), made.maps, strict=True)
    ]
    assert np.abs(steps[0] - steps[1]).max() <= 1
    assert steps[0].min() < 100
    assert steps[0].max() > 250


def test_its_bar_tells_values_and_not_differences():
    scale = heat_scale(rising(7.5), 0, dataclasses.replace(OPTIONS, percentile=100.0))
    assert scale.marks() == {0.0: "5.5", 0.5: "7.5", 1.0: "9.5"}
    assert (scale.low, scale.high) == pytest.approx((5.5, 9.5))
    below = heat_scale(rising(-3.0), 0, dataclasses.replace(OPTIONS, percentile=100.0))
    assert below.marks() == {0.0: "\N{MINUS SIGN}5", 0.5: "\N{MINUS SIGN}3", 1.0: "\N{MINUS SIGN}1"}


def test_where_the_heat_lies_counts_from_the_neutral_value():
    made = rising(7.5)
    about, plain = (locate_heat(made, index) for index in range(2))
    assert about.centre == pytest.approx(plain.centre, rel=1e-4)
    assert (about.hottest, about.box) == (plain.hottest, plain.box)


def test_the_neutral_value_has_its_former_name_too():
    entry = rising(7.5).maps[0]
    assert entry.ground == entry.neutral == 7.5


def test_the_caption_says_what_pale_means():
    made = rising(7.5)
    assert any("pale: their mean under all masks" in line for line in colours(made, OPTIONS))
    assert any("as far below 0 as above" in line for line in captions(made, OPTIONS))


# How far a scale goes.


def test_a_scale_ends_at_the_greatest_value():
    made = heats(targets=2)
    scale = heat_scale(made, 1, OPTIONS)
    assert scale.limit == made.maps[1].values.max() == scale.most
    assert scale.marks() == {0.0: "0", 1.0: "1.48"}
    steps = scale.steps(np.array([0, scale.limit / 2, scale.limit, np.nan], np.float32))
    assert steps.tolist() == [1, 128, 255, UNSEEN]


@pytest.mark.parametrize("colormap", ["viridis", "magma"])
def test_heat_has_the_colours_that_were_chosen(colormap):
    scale = heat_scale(heats(), 0, HeatOptions(colormap=colormap))
    np.testing.assert_array_equal(scale.colours[1:], palette(colormap)[1:])


@pytest.mark.parametrize("colormap", ["viridis", "magma"])
def test_signed_heat_is_blue_and_red_and_the_same_on_both_sides(colormap):
    made = heats(methods=["occlusion"])
    scale = heat_scale(made, 0, HeatOptions(colormap=colormap, percentile=100))
    assert scale.limit == np.abs(made.maps[0].values).max()
    steps = scale.steps(np.array([-scale.limit, 0, scale.limit], np.float32))
    assert steps.tolist() == [1, ZERO, 255]
    np.testing.assert_array_equal(scale.colours[1:], diverging()[1:])
    low, middle, high = scale.marks().values()
    assert (low, middle) == (f"\N{MINUS SIGN}{high}", "0")
    strength = scale.strength()
    assert strength[ZERO] == 0
    np.testing.assert_allclose(strength[ZERO + 1 :], strength[1:ZERO][::-1])


def test_maps_of_a_method_can_share_a_scale():
    made = heats(methods=["grad-cam", "occlusion"], targets=3, images=2)
    shared = HeatOptions(normalise="shared", percentile=100)
    for image in range(2):
        for method in ("grad-cam", "occlusion"):
            alike = [
                index
                for index, entry in enumerate(made.maps)
                if (entry.image, entry.method) == (image, method)
            ]
            assert len(alike) == 3
            most = max(np.abs(made.maps[index].values).max() for index in alike)
            assert {heat_scale(made, index, shared).limit for index in alike} == {most}
    assert len({heat_scale(made, index, OPTIONS).limit for index in range(len(made))}) > 2


def test_the_scale_of_single_pixels_ends_before_the_few_largest():
    made = heats(methods=["gradient"])
    values = made.maps[0].values
    scale = heat_scale(made, 0, OPTIONS)
    assert scale.limit == pytest.approx(np.percentile(values, 99.5))
    assert scale.most == values.max() > scale.limit
    assert scale.marks()[1.0].startswith("\N{GREATER-THAN OR EQUAL TO} ")
    assert heat_scale(made, 0, HeatOptions(percentile=100)).limit == values.max()


def test_a_scale_ends_at_the_percentile_that_was_chosen():
    coarse = heats()
    values = coarse.maps[0].values
    found = heat_scale(coarse, 0, HeatOptions(percentile=50)).limit
    assert found == pytest.approx(np.percentile(values, 50)) != values.max()


def test_sparse_heat_keeps_a_scale():
    made = heats(methods=["gradient"])
    values = np.zeros((24, 24), np.float32)
    values[3, 4] = 2.5
    sparse = dataclasses.replace(made.maps[0], values=values, coarse=values)
    made = dataclasses.replace(made, maps=(sparse,))
    assert heat_scale(made, 0, OPTIONS).limit == 2.5


@pytest.mark.parametrize("method", ["grad-cam", "occlusion"])
def test_heat_covers_more_where_it_is_stronger(method):
    scale = heat_scale(heats(methods=[method]), 0, OPTIONS)
    opacity, strength = scale.opacity(0.7), scale.strength()
    order = np.argsort(strength[1:], kind="stable") + 1
    assert (np.diff(opacity[order]) >= -1e-6).all()
    assert opacity[255] == pytest.approx(0.7)
    least = opacity[ZERO] if scale.signed else opacity[1]
    assert least == pytest.approx(0.35 if scale.signed else 0)


def bilinear(values, y, x):
    """A value between the centres of pixels, written out."""
    height, width = values.shape
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    upper = values[y0, x0] * (1 - (x - x0)) + values[y0, x1] * (x - x0)
    lower = values[y1, x0] * (1 - (x - x0)) + values[y1, x1] * (x - x0)
    return float(upper * (1 - (y - y0)) + lower * (y - y0))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_heat_lies_where_the_network_saw_it(fit):
    made = heats(fit=fit, size=(40, 60), net=(20, 20))
    entry, photograph = made.maps[0], made.photographs[0]
    heat = place_on_photograph(entry, photograph)
    assert heat.shape == (40, 60)
    top, left, bottom, right = photograph.region
    for y in (0, 7, 20, 39):
        for x in (0, 11, 30, 59):
            inside = top <= y + 0.5 <= bottom and left <= x + 0.5 <= right
            assert np.isfinite(heat[y, x]) == inside
            if inside:
                v = (y + 0.5 - top) / (bottom - top) * 20 - 0.5
                u = (x + 0.5 - left) / (right - left) * 20 - 0.5
                # A map that shrinks is averaged over what a pixel covers.
                near = 0.002 if fit != "pad" else 0.03
                assert heat[y, x] == pytest.approx(bilinear(entry.values, v, u), abs=near)


def test_squares_are_the_cells_of_a_coarse_map():
    coarse = np.arange(4, dtype=np.float32).reshape(2, 2)
    made = heats(size=(4, 6))
    entry = dataclasses.replace(made.maps[0], coarse=coarse, values=enlarge(coarse, (24, 24)))
    heat = place_on_photograph(entry, made.photographs[0], smooth=False)
    np.testing.assert_array_equal(heat, coarse.repeat(2, 0).repeat(3, 1))
    for region, rows, columns in (
        ((0.0, 1.0, 4.0, 5.0), slice(0, 4), slice(1, 5)),
        ((1.0, 0.0, 3.0, 6.0), slice(1, 3), slice(0, 6)),
    ):
        cut = Photograph(made.photographs[0].pixels, region)
        heat = place_on_photograph(entry, cut, smooth=False)
        shape = heat[rows, columns].shape
        wanted = coarse.repeat(shape[0] // 2, 0).repeat(shape[1] // 2, 1)
        np.testing.assert_array_equal(heat[rows, columns], wanted)
        heat[rows, columns] = np.nan
        assert np.isnan(heat).all()


def test_squares_are_drawn_where_they_were_asked_for():
    made = heats(size=(28, 28))
    smooth, squares = (
        MapPictures(made, 0, HeatOptions(smooth=each), made.photographs[0]).steps
        for each in (True, False)
    )
    cells = squares.reshape(7, 4, 7, 4).transpose(0, 2, 1, 3).reshape(49, 16)
    assert (cells == cells[:, :1]).all()
    assert len(np.unique(smooth)) > len(np.unique(squares))
