"""Pages of kernels: every weight in its own colour, zero in the middle, nothing left unsaid."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layersight.data.preprocessing import SCALES
from layersight.document.diverging import ZERO, diverging, steps
from layersight.errors import SelectionError, UsageError
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import limit, limits, norms, only_filters, strongest
from layersight.nouns.kernels.result import Kernels
from layersight.render.kernels.tile import by_sign
from layersight.render.kernels.views import pages
from layersight.render.kernels.wording import captions, information, layer_facts
from layersight.writers.page import Anchor, Box, Line, Page, Picture, Text
from layersight.writers.png import draw, stack
from weights import everything, layer, weights

GOLDEN = Path(__file__).parent / "golden"
PLAIN = KernelOptions()


def words(*found: Page) -> list[str]:
    return [item.text for page in found for item in page.items if isinstance(item, Text)]


def pictures(*found: Page) -> list[Picture]:
    """Without colour bars, which alone have a palette."""
    return [
        item
        for page in found
        for item in page.items
        if isinstance(item, Picture) and item.palette is None
    ]


def inside(page: Page) -> None:
    for item in page.items:
        if isinstance(item, Picture | Box):
            assert item.x >= 0
            assert item.y >= 0
            assert item.x + item.width <= page.width + 0.01
            assert item.y + item.height <= page.height + 0.01
        elif isinstance(item, Text):
            assert 0 <= item.x <= page.width
            assert 0 <= item.y <= page.height


MANY = {
    "everything": everything(),
    "colour": weights(layer((7, 7, 3, 40))),
    "one colour": weights(layer((1, 1, 3, 4))),
    "grey": weights(layer((5, 5, 1, 1))),
    "two inputs": weights(layer((2, 2, 2, 3))),
    "large": weights(layer((31, 31, 5, 2))),
    "line": weights(layer((1, 7, 6, 3)), layer((7, 1, 6, 3), "down")),
    "line of one": weights(layer((1, 9, 1, 3)), layer((9, 1, 1, 3), "down")),
    "long": weights(layer((3, 3, 600, 60))),
    "mixing": weights(layer((1, 1, 1500, 40))),
    "zero": weights(layer((3, 3, 3, 2), zero=(0, 1)), layer((3, 3, 8, 2), "b", zero=(0, 1))),
    "wrong": weights(layer((3, 3, 3, 2), wrong=(0, 1)), layer((1, 1, 8, 2), "b", wrong=(0, 1))),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("columns", [1, 5, 16, 60])
def test_whatever_they_are_they_fit_their_pages(name: str, medium: str, columns: int) -> None:
    made = MANY[name]
    found = pages(made, KernelOptions(columns), medium)
    told = words(*found)
    for page in found:
        inside(page)
    for entry in made.layers:
        assert {str(number) for number in entry.filters} <= set(told)
    names = [item.name for page in found for item in page.items if isinstance(item, Anchor)]
    assert names == [f"kernels:{entry.name}" for entry in made.layers]


def test_three_inputs_are_colours_around_mid_grey() -> None:
    entry = layer((3, 3, 3, 4))
    (page,) = pages(weights(entry), PLAIN)
    shown = pictures(page)
    assert len(shown) == 4
    for place, picture in enumerate(shown):
        wanted = 128 + np.rint(127 * entry.values[..., place].astype(float))
        np.testing.assert_array_equal(picture.pixels, wanted)
    assert shown[0].pixels[0, 0, 0] == 255
    assert shown[3].pixels[2, 2, 2] == ZERO
    assert {"\u22121", "0", "+1"} <= set(words(page))  # the limits at the bar
    told = " ".join(words(page))
    assert "drawn as red, green, blue; mid grey is 0. One scale for the layer, \u00b11." in told


def test_a_network_that_takes_blue_first_is_drawn_in_its_colours() -> None:
    entry = layer((3, 3, 3, 1))
    (page,) = pages(weights(entry, preprocessing=SCALES["caffe"]), PLAIN)
    (shown,) = pictures(page)
    wanted = 128 + np.rint(127 * entry.values[..., ::-1, 0].astype(float))
    np.testing.assert_array_equal(shown.pixels, wanted)
    assert "drawn as blue, green, red (it takes BGR)" in " ".join(words(page))


def test_one_input_is_drawn_by_its_sign() -> None:
    entry = layer((3, 3, 1, 3), kind="DepthwiseConv2D")
    (page,) = pages(weights(entry), PLAIN)
    shown = pictures(page)
    assert len(shown) == 3
    for place, picture in enumerate(shown):
        wanted = diverging()[steps(entry.values[..., 0, place], 1.0)]
        np.testing.assert_array_equal(picture.pixels, wanted)
    red, _, blue = shown[0].pixels[0, 0].tolist()
    assert red > blue
    assert len(set(shown[2].pixels[2, 2].tolist())) == 1  # exactly 0 has no colour
    assert "DepthwiseConv2D   3 \u00d7 3 \u00d7 1" in words(page)


def test_tiles_on_the_screen_are_whole_pixels_of_their_weights() -> None:
    entry = layer((3, 3, 3, 2))
    (page,) = pages(weights(entry), PLAIN, "screen")
    picture = pictures(page)[1]
    zoom = round(picture.width * page.resolution / 3)
    assert zoom == pytest.approx(picture.width * page.resolution / 3)
    assert zoom >= 16
    x, y = round(picture.x * page.resolution), round(picture.y * page.resolution)
    drawn = np.asarray(draw(page))[y : y + 3 * zoom, x : x + 3 * zoom]
    np.testing.assert_array_equal(drawn, picture.pixels.repeat(zoom, 0).repeat(zoom, 1))


@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_a_row_is_patterns_with_shares_and_then_the_strongest_inputs(medium: str) -> None:
    entry = layer((3, 3, 20, 2))
    (page,) = pages(weights(entry), KernelOptions(4), medium)
    patterns, slices = pictures(page)[2:]
    order = np.sqrt((entry.values[..., 1].astype(float) ** 2).sum((0, 1))).argsort()[::-1][:4]
    assert strongest(entry, 1, 4) == tuple(order)
    pitch = (slices.pixels.shape[1] - 3) // 3
    most = float(np.abs(entry.values[..., 1]).max())
    for place, channel in enumerate(order):
        tile = slices.pixels[:, place * pitch : place * pitch + 3]
        np.testing.assert_array_equal(tile, by_sign(entry.values[..., channel, 1], most))
        assert (slices.pixels[:, place * pitch + 3 : (place + 1) * pitch] == 255).all()
    for place, factor in enumerate(entry.factors[1]):
        tile = patterns.pixels[:, place * pitch : place * pitch + 3]
        np.testing.assert_array_equal(tile, by_sign(factor, float(np.abs(factor).max())))
    told = words(page)
    for share in entry.shares[1]:
        assert f"{share:.0%}" in told
    assert "strongest 4 of 20 inputs" in told
    assert f"\u00b1{most:.3g}" in told


def test_numbers_stand_under_their_tiles() -> None:
    entry = layer((3, 3, 20, 1))
    for medium in ("paper", "screen"):
        (page,) = pages(weights(entry), KernelOptions(6), medium)
        patterns, slices = pictures(page)
        pixel = slices.width / slices.pixels.shape[1]
        pitch = (slices.pixels.shape[1] - 3) // 5 * pixel
        for place, channel in enumerate(strongest(entry, 0, 6)):
            middle = slices.x + place * pitch + 1.5 * pixel
            near = [
                item.text
                for item in page.items
                if isinstance(item, Text)
                and abs(item.x - middle) < 0.6
                and 0 < item.y - slices.y - slices.height < 9
            ]
            assert near == [str(channel)]
        assert patterns.x + patterns.width < slices.x


def test_all_inputs_are_called_inputs() -> None:
    told = words(*pages(weights(layer((3, 3, 5, 2))), PLAIN))
    assert "5 inputs" in told
    assert not [word for word in told if word.startswith("strongest ")]


def test_kernels_of_one_position_are_signed_inputs() -> None:
    entry = layer((1, 1, 30, 2))
    (page,) = pages(weights(entry), KernelOptions(5))
    row = entry.values[0, 0, :, 1]
    order = np.abs(row).argsort()[::-1][:5]
    told = words(page)
    wanted = [("+" if row[channel] > 0 else "\u2212") + str(channel) for channel in order]
    start = told.index(wanted[0], told.index("1"))
    assert told[start : start + 5] == wanted
    assert "1 \u00d7 1 mixes channels" in " ".join(told)
    assert "spatial patterns, share" not in told
    boxes = [item.fill for item in page.items if isinstance(item, Box)]
    red, green, blue = by_sign(row[order[0]], float(np.abs(row).max())).tolist()
    assert f"#{red:02x}{green:02x}{blue:02x}" in boxes
    assert len(boxes) == 10


@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_zero_and_broken_kernels_are_marked(medium: str) -> None:
    made = everything()
    found = pages(made, PLAIN, medium)
    told = words(*found)
    assert told.count("zero") == 4
    assert told.count("not a") == told.count("number") == 2
    assert told.count("not a number") == 2
    facts = [word for word in told if "1 zero" in word]
    assert len(facts) == 4
    assert all("1 not numbers" in word for word in facts)
    assert "Crossed grey: every weight is zero." in " ".join(told)
    slanting = [
        item
        for page in found
        for item in page.items
        if isinstance(item, Line) and item.points[0][1] != item.points[1][1]
    ]
    assert len(slanting) == 4 * 2 + 4
    kept = [entry for entry in made.layers[:2] for _ in range(len(entry.filters) - 2)]
    tiles = [picture for picture in pictures(*found) if picture.pixels.shape[1] == 3]
    assert len(tiles) == len(kept)


def test_a_layer_of_zeros_has_no_scale() -> None:
    made = weights(layer((3, 3, 3, 2), zero=(0, 1)))
    (page,) = pages(made, PLAIN)
    assert not [item for item in page.items if isinstance(item, Picture)]
    assert "weights 0" in " ".join(words(page))
    assert limit(made.layers[0]) == 0
    (page,) = pages(weights(layer((3, 3, 4, 1), wrong=(0,))), PLAIN)
    assert "not a number" in words(page)


@pytest.mark.parametrize("inputs", [1, 3])
def test_kernels_that_only_look_like_zero_are_named(inputs: int) -> None:
    entry = layer((3, 3, inputs, 6), zero=(1,), wrong=(5,))
    entry.values[..., [2, 3]] *= 1 / 260
    entry.values[..., 4] = 1 / 250
    (page,) = pages(weights(entry), PLAIN)
    told = " ".join(words(page))
    assert "2 too weak to see (2\u20133)" in told
    drawn = [np.unique(picture.pixels.reshape(-1, 3), axis=0) for picture in pictures(page)]
    assert [len(colours) == 1 for colours in drawn] == [False, True, True, True]
    assert (drawn[1] == drawn[2]).all()
    assert (drawn[3] != drawn[1]).any()
    assert "too weak" not in " ".join(words(*pages(weights(layer((3, 3, 3, 6))), PLAIN)))


def test_inputs_of_weight_zero_are_not_among_the_strongest() -> None:
    entry = layer((3, 3, 6, 1))
    entry.values[:, :, [1, 3], 0] = 0
    assert set(strongest(entry, 0, 6)) == {0, 2, 4, 5}
    entry.values[..., 0] = 1
    assert strongest(entry, 0, 3) == (0, 1, 2)


def test_what_is_no_number_has_no_part_in_a_scale() -> None:
    entry = layer((3, 3, 4, 3), wrong=(1,))
    assert np.isfinite(limits(entry)).all()
    assert np.isfinite(norms(entry)).all()
    assert limit(entry) == 1
    entry.values[0, 0, 0, 2] = np.inf
    assert limit(entry) == 1
    assert steps(np.array([np.nan, np.inf, -np.inf, 1.0]), 1.0).tolist() == [ZERO, ZERO, ZERO, 255]
    assert "weights \u22120." in layer_facts(entry)


def test_colours_are_told_apart_and_even() -> None:
    table = diverging().astype(int)
    assert (table[ZERO] == table[ZERO, 0]).all()
    assert table[1, 2] - table[1, 0] > 100  # blue below
    assert table[255, 0] - table[255, 2] > 100  # red above
    grey = table @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(grey[1 : ZERO + 1]) > 0).all()
    assert (np.diff(grey[ZERO:]) < 0).all()
    # As far from zero, as dark: the size is read without the colour.
    far = np.arange(1, 128)
    assert np.abs(grey[ZERO + far] - grey[ZERO - far]).max() < 22


def test_filters_that_were_chosen_are_named() -> None:
    entry = only_filters(layer((3, 3, 3, 12)), [4, 5, 9])
    assert entry.values.shape == (3, 3, 3, 3)
    told = " ".join(words(*pages(weights(entry), PLAIN)))
    assert "3 filters (4\u20135, 9)" in told


def test_captions_tell_only_what_is_there() -> None:
    lines = " ".join(captions(weights(layer((3, 3, 3, 2)))))
    assert "Blue below" not in lines
    assert "In a row" not in lines
    lines = " ".join(captions(weights(layer((3, 3, 8, 2)))))
    assert "drawn as" not in lines
    assert "Rows: a scale for each filter" in lines
    several = weights(layer((3, 3, 3, 2)), layer((3, 3, 3, 2), "b"))
    assert "One scale for each layer, its limit at its bar" in captions(several)[0]
    assert "sha256 0123456789ab" in captions(several)[-1]
    assert "Crossed" not in " ".join(captions(several))


def test_a_page_holds_its_captions_whole() -> None:
    for page in pages(everything(preprocessing=SCALES["caffe"]), PLAIN):
        told = words(page)
        for line in captions(everything(preprocessing=SCALES["caffe"])):
            assert line in told


def test_what_is_told_outside_the_picture() -> None:
    found = information(everything(), "{}")
    assert found.title == "small: kernels"
    assert "colour 3 \u00d7 3 \u00d7 3, filters 0\u20139, scale \u00b11" in found.caption


def test_wrong_requests_are_told_in_words() -> None:
    with pytest.raises(SelectionError, match="no kernels to draw"):
        pages(weights(), PLAIN)
    with pytest.raises(UsageError, match="at least 1 column"):
        KernelOptions(columns=0)


def golden(name: str, data: bytes) -> bytes:
    path = GOLDEN / name
    if os.environ.get("LAYERSIGHT_WRITE_GOLDEN") == "1":
        path.write_bytes(data)
    return path.read_bytes()


def without_text(page: Page) -> Page:
    """Glyphs differ from one FreeType to the next; pictures and boxes must not."""
    kept = tuple(item for item in page.items if isinstance(item, Picture | Box))
    return dataclasses.replace(page, items=kept, foot=0.0)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("kernels-tiles", weights(*everything().layers[:2])),
        ("kernels-rows", weights(*everything().layers[2:])),
    ],
)
def test_golden_png(name: str, made: Kernels) -> None:
    image = stack([without_text(page) for page in pages(made, PLAIN, "screen")])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    expected = Image.open(io.BytesIO(golden(f"{name}.png", file.getvalue())))
    np.testing.assert_array_equal(np.asarray(expected.convert("RGB")), np.asarray(image))
