"""Kernels as a document: every weight in its own colour, zero in the middle."""

from __future__ import annotations

import numpy as np
import pytest

from drawn import laid, pictures, told, words
from layersight.data.preprocessing import SCALES
from layersight.document.blocks import Grid
from layersight.document.colour import ZERO, diverging, steps
from layersight.errors import SelectionError
from layersight.nouns.kernels.compute import kernels
from layersight.nouns.kernels.document import by_sign, describe
from layersight.nouns.kernels.options import KernelOptions
from layersight.writers.sketch import Anchor, Picture
from weights import everything, layer, weights

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


def made(kernels, columns=16):
    return describe(kernels, KernelOptions(columns))


def grid(kernels, columns=16, section=0):
    (block,) = made(kernels, columns).parts[0].sections[section].blocks
    assert isinstance(block, Grid)
    return block


def colours(block):
    """``(tile, height, width, 3)``."""
    pixels = np.asarray(block.pixels)
    return pixels if block.palette is None else block.palette[pixels]


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
@pytest.mark.parametrize("columns", [1, 5, 16, 60])
def test_all_kinds_fit_their_pages(name, medium, columns):
    kernels = MANY[name]
    found = laid(made(kernels, columns), medium)
    listed = set(words(*found))
    for entry in kernels.layers:
        assert {str(number) for number in entry.filters} <= listed
    names = [item.name for page in found for item in page.items if isinstance(item, Anchor)]
    assert names == [f"kernels:{entry.name}" for entry in kernels.layers]


@pytest.mark.parametrize("bgr", [False, True])
def test_three_inputs_are_colours_around_mid_grey(bgr):
    entry = layer((3, 3, 3, 4))
    kernels = weights(entry, preprocessing=SCALES["caffe"]) if bgr else weights(entry)
    shown = colours(grid(kernels))
    order = slice(None, None, -1) if bgr else slice(None)
    wanted = 128 + np.rint(127 * entry.values[:, :, order].astype(float))
    np.testing.assert_array_equal(shown, np.moveaxis(wanted, -1, 0))
    text = told(made(kernels))
    words_ = "blue, green, red (it takes BGR)" if bgr else "red, green, blue; mid grey is 0"
    assert f"drawn as {words_}" in text
    assert "\u22121 0 +1" in text


def test_one_input_is_drawn_by_its_sign():
    entry = layer((3, 3, 1, 3), kind="DepthwiseConv2D")
    shown = colours(grid(weights(entry)))
    for index, pixels in enumerate(shown):
        np.testing.assert_array_equal(pixels, diverging()[steps(entry.values[..., 0, index], 1.0)])
    red, _, blue = shown[0, 0, 0].tolist()
    assert red > blue
    assert len(set(shown[2, 2, 2].tolist())) == 1  # exactly 0 has no colour
    assert "DepthwiseConv2D   3 \u00d7 3 \u00d7 1" in told(made(weights(entry)))


@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_a_row_is_patterns_with_shares_and_then_the_strongest_inputs(medium):
    entry = layer((3, 3, 20, 2))
    block = grid(weights(entry), 4)
    across = block.columns
    patterns = entry.factors.shape[1]
    assert across == patterns + 4
    order = np.sqrt((entry.values[..., 1].astype(float) ** 2).sum((0, 1))).argsort()[::-1][:4]
    assert entry.strongest(1, 4) == tuple(order)
    most = float(np.abs(entry.values[..., 1]).max())
    row = colours(block)[across:]
    for factor, pixels in zip(entry.factors[1], row, strict=False):
        np.testing.assert_array_equal(pixels, by_sign(factor, float(np.abs(factor).max())))
    for channel, pixels in zip(order, row[patterns:], strict=True):
        np.testing.assert_array_equal(pixels, by_sign(entry.values[..., channel, 1], most))
    labels = [tile.label for tile in block.tiles[across:]]
    assert labels == [*(f"{share:.0%}" for share in entry.shares[1]), *map(str, order)]
    text = told(made(weights(entry), 4), medium)
    assert "strongest 4 of 20 inputs" in text
    every = told(made(weights(entry), 20), medium)
    assert "20 inputs" in every
    assert "strongest 20" not in every
    assert f"\u00b1{most:.3g}" in text


def test_kernels_of_one_position_are_signed_inputs():
    entry = layer((1, 1, 30, 2))
    row = entry.values[0, 0, :, 1]
    order = np.abs(row).argsort()[::-1][:5]
    wanted = [("+" if row[channel] > 0 else "\u2212") + str(channel) for channel in order]
    block = grid(weights(entry), 5)
    assert [tile.label for tile in block.tiles[5:]] == wanted
    most = float(np.abs(row).max())
    for channel, pixels in zip(order, colours(block)[5:], strict=True):
        np.testing.assert_array_equal(pixels[0, 0], by_sign(row[channel], most))
    text = told(made(weights(entry), 5))
    assert "1 \u00d7 1 mixes channels" in text
    assert "spatial patterns, share" not in text


@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_zero_and_broken_kernels_are_marked(medium):
    listed = words(*laid(made(everything()), medium))
    assert listed.count("zero") == 4
    assert listed.count("not a") == listed.count("number") == 2
    assert listed.count("not a number") == 2
    facts = [word for word in listed if "1 zero" in word]
    assert len(facts) == 4
    assert all("1 not numbers" in word for word in facts)
    assert "Crossed grey: every weight is zero." in " ".join(listed)


def test_a_layer_of_zeros_has_no_scale():
    kernels = weights(layer((3, 3, 3, 2), zero=(0, 1)))
    (page,) = laid(made(kernels))
    bars = [item for item in page.items if isinstance(item, Picture) and len(item.pixels) == 1]
    assert not bars
    assert "weights 0" in " ".join(words(page))
    assert kernels.layers[0].limit == 0
    assert "not a number" in words(*laid(made(weights(layer((3, 3, 4, 1), wrong=(0,))))))


@pytest.mark.parametrize("inputs", [1, 3])
def test_kernels_that_only_look_like_zero_are_named(inputs):
    entry = layer((3, 3, inputs, 6), zero=(1,), wrong=(5,))
    entry.values[..., [2, 3]] *= 1 / 260
    entry.values[..., 4] = 1 / 250
    assert "2 too weak to see (2\u20133)" in told(made(weights(entry)))
    shown = colours(grid(weights(entry))).reshape(6, -1, 3)
    assert [len(np.unique(pixels, axis=0)) == 1 for pixels in shown[[0, 2, 3, 4]]] == [
        *(False, True, True, True)
    ]
    assert (shown[2] == shown[3]).all()
    assert (shown[4] != shown[2]).any()
    assert "too weak" not in told(made(weights(layer((3, 3, 3, 6)))))


def test_inputs_of_weight_zero_are_not_among_the_strongest():
    entry = layer((3, 3, 6, 1))
    entry.values[:, :, [1, 3], 0] = 0
    assert set(entry.strongest(0, 6)) == {0, 2, 4, 5}
    entry = layer((3, 3, 6, 1))
    entry.values[..., 0] = 1
    assert entry.strongest(0, 3) == (0, 1, 2)


def test_weights_that_are_not_finite_do_not_count_in_a_scale():
    entry = layer((3, 3, 4, 3), wrong=(1,))
    assert np.isfinite(entry.limits).all()
    assert np.isfinite(entry.norms).all()
    assert entry.limit == 1
    entry = layer((3, 3, 4, 3), wrong=(1,))
    entry.values[0, 0, 0, 2] = np.inf
    assert entry.limit == 1
    assert steps(np.array([np.nan, np.inf, -np.inf, 1.0]), 1.0).tolist() == [ZERO, ZERO, ZERO, 255]
    assert "weights \u22120." in told(made(weights(entry)))


def test_colours_are_distinct_and_even():
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


def test_filters_that_were_chosen_are_named():
    entry = layer((3, 3, 3, 12)).take([4, 5, 9])
    assert entry.values.shape == (3, 3, 3, 3)
    assert "3 filters (4\u20135, 9)" in told(made(weights(entry)))


def test_captions_describe_only_what_is_drawn():
    lines = " ".join(made(weights(layer((3, 3, 3, 2)))).captions)
    assert "Blue below" not in lines
    assert "In a row" not in lines
    lines = " ".join(made(weights(layer((3, 3, 8, 2)))).captions)
    assert "drawn as" not in lines
    assert "Rows: a scale for each filter" in lines
    several = made(weights(layer((3, 3, 3, 2)), layer((3, 3, 3, 2), "b"))).captions
    assert "One scale for each layer, its limit at its bar" in several[0]
    assert "sha256 0123456789ab" in several[-1]
    assert "Crossed" not in " ".join(several)


def test_name_and_caption_of_the_document():
    document = made(everything())
    assert document.name == "small: kernels"
    assert "colour 3 \u00d7 3 \u00d7 3, filters 0\u20139, scale \u00b11" in document.caption


def test_nothing_to_draw_is_refused():
    with pytest.raises(SelectionError, match="no kernels to draw"):
        made(weights())


def test_tiles_on_a_screen_are_large_enough_to_see():
    (page,) = laid(made(weights(layer((3, 3, 3, 2)))), "screen")
    (picture,) = pictures(page)
    assert picture.width * page.resolution / picture.pixels.shape[1] >= 16


def test_kernels_of_one_axis_are_a_row_for_each_input_and_of_three_slices(fake):
    made = fake()
    draw = np.random.default_rng(0)
    made.weights = {
        "conv": draw.normal(size=(5, 4, 3)).astype("float32"),
        "pool": draw.normal(size=(2, 3, 4, 1, 6)).astype("float32"),
    }
    found = describe(kernels(made), KernelOptions())
    line, deep = (section.blocks[0] for section in found.parts[0].sections)
    assert line.pixels.shape == (3, 4, 5)  # filter, input, position
    limit = np.abs(made.weights["conv"]).max()
    np.testing.assert_array_equal(
        line.pixels, steps(np.transpose(made.weights["conv"], (2, 1, 0)), limit)
    )
    assert deep.pixels.shape == (6, 3, 2 * 4)
    assert (deep.slices, deep.depth) == ((1, 2), 2)
    limit = np.abs(made.weights["pool"]).max()
    np.testing.assert_array_equal(
        deep.pixels[5][:, 4:], steps(made.weights["pool"][1, :, :, 0, 5], limit)
    )
    assert "A row for each input, a column for each position" in found.captions[0]


def test_kernels_of_one_position_are_called_by_their_size(fake):
    network = fake()
    network.weights = {"conv": np.ones((1, 40, 2), "float32"), "pool": np.ones((1, 1, 1, 9, 2))}
    lines = made(kernels(network)).captions
    assert "1 and 1 \u00d7 1 \u00d7 1 mixes channels: inputs by size" in " ".join(lines)
