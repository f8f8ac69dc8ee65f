"""Layouts: every channel is there, named, in its place, and nothing leaves the page."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from samples import entry, photo, result, small_network, smooth, with_dead

from layersight.errors import SelectionError
from layersight.nouns.activations.options import NORMALISATIONS, VIEWS, PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.render.cells import lay_cells
from layersight.render.views import pages
from layersight.writers.page import Anchor, Box, Link, Page, Picture, Text
from layersight.writers.sketch import MEDIA

GRID = PictureOptions(view="grid")


def words(page: Page) -> list[str]:
    return [item.text for item in page.items if isinstance(item, Text)]


def mosaics(page: Page) -> list[Picture]:
    return [item for item in page.items if isinstance(item, Picture) and item.pixels.shape[0] > 1]


def inside(page: Page) -> None:
    for item in page.items:
        if isinstance(item, Picture | Link):
            assert item.x >= 0
            assert item.y >= 0
            assert item.x + item.width <= page.width + 0.01
            assert item.y + item.height <= page.height + 0.01
        elif isinstance(item, Text):
            assert 0 <= item.x <= page.width
            assert 0 <= item.y <= page.height


SHAPES = [
    (1, 1, 40),
    (30, 30, 3),
    (9, 9, 33),
    (2, 2, 20),
    (64, 4, 12),
    (4, 64, 12),
    (5, 8, 8, 6),
    (900, 10, 4),
    (700, 900, 2),
    (1,),
    (20,),
    (21,),
    (6272,),
    (300, 64),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_layers_of_any_shape_fit_their_pages(
    shape: tuple[int, ...], medium: str, normalise: str
) -> None:
    values = smooth(shape, 5)
    if len(shape) == 1:
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for view in VIEWS:
        if len(shape) == 1 and view in ("channel", "across"):
            continue
        shown = result({"layer": values})
        for page in pages(shown, PictureOptions(view=view, normalise=normalise), 0, medium):
            inside(page)


@pytest.mark.parametrize(
    ("height", "width"), [(7, 7), (15, 15), (17, 17), (36, 36), (74, 74), (148, 148), (224, 224)]
)
def test_gaps_are_small_and_even(height: int, width: int) -> None:
    for medium in MEDIA.values():
        cells = lay_cells(medium, height, width, 128, 16)
        assert 1.9 <= cells.gap_x * cells.pixel <= 5.1
        assert 6.0 <= cells.gap_y * cells.pixel <= 10.6
        if medium.resolution is None:
            assert cells.total_width == pytest.approx(medium.room)
        else:
            assert cells.wide * medium.resolution >= 64
            assert cells.pixel * medium.resolution == int(cells.pixel * medium.resolution)


@pytest.mark.parametrize(("side", "least", "most"), [(7, 9, 12), (148, 1, 1), (15, 5, 5)])
def test_zoom_on_the_screen(side: int, least: int, most: int) -> None:
    zoom = lay_cells(MEDIA["screen"], side, side, 32, 16).pixel * 2
    assert least <= zoom <= most


def test_every_channel_is_shown_and_numbered() -> None:
    layer = entry("conv", smooth((7, 7, 2048))[None])
    found = pages(result([layer]), GRID)
    assert len(found) > 1
    shown = sum((picture.pixels.shape[0] // 9) * 16 for page in found for picture in mosaics(page))
    assert shown >= 2048
    listed = [text for page in found for text in words(page)]
    assert {str(number) for number in range(2048)} <= set(listed)
    assert any("of 2,048" in text for text in listed)


def test_the_lessons_eight_by_four_is_one_page() -> None:
    (page,) = pages(result({"conv": smooth((148, 148, 32))}), PictureOptions("grid", columns=4))
    (picture,) = mosaics(page)
    assert picture.width > picture.pixels.shape[1] * 0.5
    numbers = [item for item in page.items if isinstance(item, Text) and item.text.isdigit()]
    assert len({round(item.x, 1) for item in numbers}) == 4
    assert len({round(item.y, 1) for item in numbers}) == 8


def test_dead_tiles_say_so_with_their_value() -> None:
    values = with_dead(smooth((14, 14, 20)), {0: 0.0, 1: 0.25, 2: np.nan})
    (page,) = pages(result({"conv": values}), GRID)
    listed = words(page)
    assert listed.count("dead") == 2
    assert {"= 0", "= 0.25", "not a"} <= set(listed)
    assert any("2 dead for this image" in text for text in listed)


def test_dead_rows_are_named_together() -> None:
    values = with_dead(smooth((40, 12)), {4: 0.0, 5: 0.0, 8: 0.5})
    (page,) = pages(result({"signal": values}), GRID)
    listed = words(page)
    assert any(text.startswith("4") and text.endswith("5 dead = 0") for text in listed)
    assert "8 dead = 0.5" in listed


def test_units_print_their_values() -> None:
    values = np.array([0.125, 0.5, 0.375], np.float32)
    (page,) = pages(result({"dense": values}), GRID)
    assert {"0.125", "0.5", "0.375"} <= set(words(page))


def test_across_draws_equal_squares_with_real_sizes() -> None:
    layers = {f"conv{side}": smooth((side, side, 4), side) for side in (148, 74, 36, 15, 7)}
    found = result([entry(name, values[None]) for name, values in layers.items()])
    made = pages(found, PictureOptions(view="across"))
    assert len(made) == 4
    squares = mosaics(made[0])
    assert {round(square.width, 6) for square in squares} == {round(squares[0].width, 6)}
    assert {f"{side} \u00d7 {side} \u00d7 4" for side in (148, 74, 36, 15, 7)} <= set(
        words(made[0])
    )


def test_across_names_the_layers_that_lack_the_channel() -> None:
    shown = result({"a": smooth((9, 9, 2)), "b": smooth((9, 9, 3))})
    last = pages(shown, PictureOptions(view="across"))[-1]
    assert "none dead for this image  \u00b7  not in a" in words(last)


def test_a_channel_is_drawn_on_its_real_scale() -> None:
    values = np.linspace(2, 6, 49, dtype=np.float32).reshape(7, 7, 1)
    (page,) = pages(result({"conv": values}), PictureOptions(view="channel"))
    assert {"2", "3", "4", "5", "6"} <= set(words(page))
    assert any("from its own least to its own greatest" in text for text in words(page))


def test_a_page_says_its_scale_and_preprocessing() -> None:
    for view in VIEWS:
        for medium in ("paper", "screen"):
            made = pages(small_network(), PictureOptions(view=view), 0, medium)
            for page in made if view != "sheet" or medium == "paper" else made[1:]:
                text = " ".join(words(page))
                assert "Colours viridis" in text
                assert "pixels / 255" in text
                assert "sha256 0123456789ab" in text


def test_the_cover_tells_what_was_changed() -> None:
    cover = pages(small_network(), PictureOptions())[0]
    text = " ".join(words(cover))
    for told in ("batch_input_shape", "any size", "stretched to 32", "dog", "pixels / 255"):
        assert told in text


def test_links_lead_somewhere() -> None:
    for shown in (small_network(), deep()):
        made = pages(shown, PictureOptions())
        places = {item.name for page in made for item in page.items if isinstance(item, Anchor)}
        asked = {item.target for page in made for item in page.items if isinstance(item, Link)}
        assert asked <= places
        assert len(asked) == len(shown.layers) + 1


def deep() -> Activations:
    layers = [entry(f"block{place}/conv", smooth((7, 7, 8), place)[None]) for place in range(95)]
    return result(layers, image=photo("собака <b>&amp; кот 日本 " + "x" * 80 + ".jpg"))


def test_the_table_of_a_deep_model_goes_on() -> None:
    made = pages(deep(), PictureOptions())
    assert [page.title for page in made[:2]] == ["Overview", "Layers"]
    for page in made:
        inside(page)
    assert sum(f"block{place}/conv" in words(page) for place in (0, 94) for page in made) == 4


def test_several_images_do_not_share_places() -> None:
    two = [np.stack([smooth((7, 7, 4), 1), smooth((7, 7, 4), 2)])]
    shown = result([entry("conv", two[0])])
    shown = dataclasses.replace(shown, images=(photo("a.jpg"), photo("b.jpg")))
    made = [*pages(shown, PictureOptions(), 0), *pages(shown, PictureOptions(), 1)]
    places = [item.name for page in made for item in page.items if isinstance(item, Anchor)]
    assert len(places) == len(set(places))


def test_covers_meet_the_tiles_exactly() -> None:
    """On the screen, white reaches up to a map and not over it."""
    (page,) = pages(result({"conv": smooth((7, 7, 40))}), GRID, 0, "screen")
    (picture,) = mosaics(page)
    zoom = picture.width / picture.pixels.shape[1]
    columns = sorted(
        (item.x, item.width)
        for item in page.items
        if isinstance(item, Box) and item.height > 100 and item.x > picture.x
    )
    for (left, wide), (following, _) in pairwise(columns):
        assert following - (left + wide) == pytest.approx(7 * zoom)
        assert math.isclose((left - picture.x) % (8 * zoom), 7 * zoom)


def test_wrong_requests_are_told_in_words() -> None:
    with pytest.raises(SelectionError, match="no image 1: the result holds 1"):
        pages(small_network(), GRID, 1)
    with pytest.raises(SelectionError, match="no layers to draw"):
        pages(result([]), GRID)
    dense = result({"dense": smooth((12,))})
    for view in ("across", "channel"):
        with pytest.raises(SelectionError, match="feature maps"):
            pages(dense, PictureOptions(view=view))
    many = result({"conv": smooth((3, 3, 300))})
    with pytest.raises(SelectionError, match="at most 256 maps, found 300"):
        pages(many, PictureOptions(view="channel"))
    with pytest.raises(SelectionError, match="at most 128 channels, found 300"):
        pages(many, PictureOptions(view="across"))


def test_pages_import_no_matplotlib() -> None:
    code = (
        "import sys, layersight.render.views, layersight.writers.pdf, layersight.writers.png, "
        "layersight.writers.svg; sys.exit('matplotlib' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
