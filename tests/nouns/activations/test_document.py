"""Feature maps as a document: every channel is there, named, with its scale."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drawn import laid, pictures, words
from layersight.document.blocks import Grid
from layersight.errors import SelectionError
from layersight.nouns.activations.document import describe
from layersight.nouns.activations.options import NORMALISATIONS, VIEWS, PictureOptions
from layersight.writers.layout.grid import small_cells
from layersight.writers.sketch import SCREEN, Anchor, Link
from maps import entry, photo, result, small_network, smooth, with_dead

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


def made(shown, view="grid", **options):
    return describe(shown, PictureOptions(view=view, **options))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_layers_of_any_shape_fit_their_pages(shape, medium, normalise):
    values = smooth(shape, 5)
    if len(shape) == 1:
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for view in VIEWS:
        if len(shape) > 1 or view not in ("channel", "across"):
            laid(made(result({"layer": values}), view, normalise=normalise), medium)


def test_the_lessons_eight_by_four_is_one_page():
    (page,) = laid(made(result({"conv": smooth((148, 148, 32))}), columns=4))
    (picture,) = pictures(page)
    assert picture.width > picture.pixels.shape[1] * 0.5
    assert {str(channel) for channel in range(32)} <= set(words(page))


def test_dead_tiles_have_the_word_and_their_value():
    values = with_dead(smooth((14, 14, 20)), {0: 0.0, 1: 0.25, 2: np.nan})
    listed = words(*laid(made(result({"conv": values}))))
    assert listed.count("dead") == 2
    assert {"= 0", "= 0.25", "not a"} <= set(listed)
    assert any("2 dead for this image" in text for text in listed)


def test_dead_rows_are_named_together():
    values = with_dead(smooth((40, 12)), {4: 0.0, 5: 0.0, 8: 0.5})
    listed = words(*laid(made(result({"signal": values}))))
    assert "4\u20135 dead = 0" in listed
    assert "8 dead = 0.5" in listed


@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_units_print_their_values(medium):
    values = np.array([0.125, 0.5, 0.375], np.float32)
    listed = words(*laid(made(result({"dense": values})), medium))
    assert {"0.125", "0.5", "0.375", "0", "1", "2"} <= set(listed)
    twenty = np.arange(20, dtype=np.float32) / 10
    listed = words(*laid(made(result({"dense": twenty})), medium))
    assert {f"{value:.3g}" for value in twenty[1:]} <= set(listed)


def test_across_draws_equal_squares_with_real_sizes():
    sides = (148, 74, 36, 15, 7)
    layers = {f"conv{side}": smooth((side, side, 4), side) for side in sides}
    found = laid(made(result(layers), "across"))
    assert len(found) == 4
    squares = pictures(found[0])
    assert {round(square.width, 6) for square in squares} == {round(squares[0].width, 6)}
    assert {f"{side} \u00d7 {side} \u00d7 4" for side in sides} <= set(words(found[0]))


def test_across_names_the_layers_that_lack_the_channel():
    shown = result({"a": smooth((9, 9, 2)), "b": smooth((9, 9, 3))})
    last = laid(made(shown, "across"))[-1]
    assert "none dead for this image  \u00b7  not in a" in words(last)


def test_a_channel_is_drawn_on_its_real_scale():
    values = np.linspace(2, 6, 49, dtype=np.float32).reshape(7, 7, 1)
    (page,) = laid(made(result({"conv": values}), "channel"))
    assert {"2", "3", "4", "5", "6"} <= set(words(page))
    assert any("from its own least to its own greatest" in text for text in words(page))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_a_page_says_its_scale_and_preprocessing(view, medium):
    for page in laid(made(small_network(), view), medium):
        text = " ".join(words(page))
        for part in ("Colours viridis", "pixels / 255", "sha256 0123456789ab"):
            assert part in text


def test_the_cover_names_what_was_changed():
    text = " ".join(words(laid(made(small_network(), "sheet"))[0]))
    assert "batch_input_shape" not in text  # a rewrite changes nothing of what is computed
    for part in ("any size", "stretched to 32", "dog", "pixels / 255"):
        assert part in text


def deep():
    layers = [entry(f"block{number}/conv", smooth((7, 7, 8), number)[None]) for number in range(95)]
    name = "\u0441\u043e\u0431\u0430\u043a\u0430 <b>&amp; \u65e5\u672c " + "x" * 80 + ".jpg"
    return result(layers, image=photo(name))


@pytest.mark.parametrize("shown", [small_network(), deep()])
def test_links_lead_somewhere(shown):
    found = laid(made(shown, "sheet"))
    anchors = {item.name for page in found for item in page.items if isinstance(item, Anchor)}
    targets = {item.target for page in found for item in page.items if isinstance(item, Link)}
    assert targets <= anchors
    assert len(targets) == len(shown.layers) + 1


def test_several_images_have_anchors_of_their_own():
    two = np.stack([smooth((7, 7, 4), 1), smooth((7, 7, 4), 2)])
    shown = dataclasses.replace(
        result([entry("conv", two)]), images=(photo("a.jpg"), photo("b.jpg"))
    )
    found = laid(made(shown, "sheet"))
    anchors = [item for page in found for item in page.items if isinstance(item, Anchor)]
    assert len({item.name for item in anchors}) == len(anchors)
    assert [(item.title, item.level) for item in anchors] == [
        *(("a.jpg", 0), ("conv", 1), ("b.jpg", 0), ("conv", 1))
    ]


def test_metadata_has_layers_scale_and_preprocessing():
    document = made(small_network())
    assert document.name == "sequential: dog.1100.jpg"
    for part in ("conv 14", "channels 0", "tandardised", "pixels / 255", "keras 3.15.1"):
        assert part in document.caption


def test_views_without_anything_or_with_too_much_to_draw_are_refused():
    with pytest.raises(SelectionError, match="no layers to draw"):
        made(result([]))
    dense = result({"dense": smooth((12,))})
    for view in ("across", "channel"):
        with pytest.raises(SelectionError, match="feature maps"):
            made(dense, view)
    wide = result({"conv": smooth((3, 3, 300))})
    with pytest.raises(SelectionError, match="at most 256 maps, found 300"):
        made(wide, "channel")
    with pytest.raises(SelectionError, match="at most 128 channels, found 300"):
        made(wide, "across")


def test_one_unit_is_a_number_and_neither_dead_nor_a_colour():
    page = describe(result({"dense": np.float32([0.703])}), PictureOptions())
    (section,) = page.parts[0].sections
    (grid,) = section.blocks
    assert isinstance(grid, Grid)
    assert grid.tiles[0].cover is None
    assert grid.tiles[0].lines[0][1].text == "0.703"
    assert len(np.unique(grid.palette, axis=0)) == 1


def test_the_caption_says_how_vectors_are_scaled_where_there_are_any():
    both = result({"conv": smooth((7, 7, 4)), "dense": np.arange(30, dtype=np.float32)})
    words = "vectors from their least to their greatest value"
    assert words in describe(both, PictureOptions()).caption
    assert words not in describe(both, PictureOptions(view="channel")).caption
    assert words not in describe(result({"conv": smooth((7, 7, 4))}), PictureOptions()).caption


def test_the_words_of_a_scale_do_not_touch():
    shown = result({"conv": smooth((9, 9, 33))})
    listed = words(*laid(made(shown, normalise="minmax")))
    assert "least of each map" in listed
    assert "each map by itself" not in listed
    assert "one scale for the layer" in words(*laid(made(shown, normalise="layer")))


@pytest.mark.parametrize(("size", "columns"), [(148, 4), (148, 8), (48, 8), (7, 4), (20, 16)])
def test_full_rows_take_most_of_a_screen(size, columns):
    shown = result({"conv": smooth((size, size, 32))})
    (grid,) = made(shown, columns=columns).parts[0].sections[0].blocks
    assert isinstance(grid, Grid)
    cells = small_cells(grid, SCREEN, SCREEN.room)
    assert cells.width >= 0.8 * SCREEN.room
    assert (cells.pixel * 2) % 1 == 0
    few = dataclasses.replace(grid, columns=64)
    assert small_cells(few, SCREEN, SCREEN.room).column < 160
