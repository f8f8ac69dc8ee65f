"""The bytes of a tile are those of the formula, in float32, for maps of any size."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from layersight.data.stack import mosaic
from layersight.document.colour import palette
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.tiles import make_tiles
from maps import entry, lesson, smooth, with_dead

SIZES = [(1, 2), (2, 2), (3, 5), (7, 7), (15, 15), (17, 17), (64, 3), (72, 72), (148, 148)]
RECIPE = PictureOptions()


def formula(x):
    """What the caption says, for one map in float32."""
    return np.clip((x - x.mean()) / x.std() * 64 + 128, 0, 255).astype("uint8")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 16, 33, 128])
def test_a_live_map_is_the_formula_to_the_byte(size, channels):
    rng = np.random.default_rng([*size, channels])
    values = rng.normal(3, 2, (2, *size, channels)).astype(np.float32)
    values = np.maximum(values, 0) * rng.uniform(0.01, 900, channels).astype(np.float32)
    layer = entry("conv", values)
    for image in (0, 1):
        tiles = make_tiles(layer, image, RECIPE)
        assert not tiles.dead.all()
        for channel in range(channels):
            if not tiles.dead[channel]:
                # As rows one after the other: a mean in float32 depends on the order.
                one = np.ascontiguousarray(values[image, :, :, channel])
                np.testing.assert_array_equal(tiles.pixels[channel], formula(one))
                # The last bit of the deviation may differ, and with it one step.
                np.testing.assert_allclose(tiles.pixels[channel], lesson(one), atol=1)


def test_the_order_in_memory_changes_nothing():
    layer = entry("conv", smooth((72, 72, 64))[None])
    first = np.ascontiguousarray(np.moveaxis(layer.values, -1, 1))
    other = dataclasses.replace(layer, values=np.moveaxis(first, 1, -1))
    one, two = make_tiles(layer, 0, RECIPE), make_tiles(other, 0, RECIPE)
    np.testing.assert_array_equal(one.pixels, two.pixels)


@pytest.mark.parametrize("normalise", ["standardise", "minmax", "layer", "none"])
def test_a_choice_of_channels_gives_the_same_tiles(normalise):
    options = PictureOptions(normalise=normalise)
    layer = entry("conv", with_dead(smooth((9, 9, 20)), {2: 0.0, 5: np.nan})[None])
    complete = make_tiles(layer, 0, options)
    part = make_tiles(layer, 0, options, only=(7, 2, 5))
    np.testing.assert_array_equal(part.pixels, complete.pixels[[7, 2, 5]])
    assert part.channels == (7, 2, 5)
    assert (part.low, part.high) == (complete.low, complete.high)
    assert part.dead.tolist() == [False, True, False]
    assert part.broken.tolist() == [False, False, True]


def test_dead_and_broken_maps_stay_flat():
    values = with_dead(smooth((6, 6, 20)), {0: 0.0, 1: 0.3, 2: np.nan, 3: np.inf})
    tiles = make_tiles(entry("conv", values[None]), 0, RECIPE)
    assert not tiles.pixels[:4].any()
    assert tiles.constants[1] == np.float32(0.3)
    assert tiles.broken[:5].tolist() == [False, False, True, True, False]


def test_minmax_and_layer_reach_both_ends():
    layer = entry("conv", smooth((9, 9, 20))[None])
    own = make_tiles(layer, 0, PictureOptions(normalise="minmax")).pixels
    assert (own.min(axis=(1, 2)) == 0).all()
    assert (own.max(axis=(1, 2)) == 255).all()
    shared = make_tiles(layer, 0, PictureOptions(normalise="layer"))
    assert (shared.pixels.min(), shared.pixels.max()) == (0, 255)
    assert shared.high == pytest.approx(float(layer.values.max()))


@pytest.mark.parametrize("normalise", ["standardise", "minmax", "layer"])
def test_a_vector_goes_from_its_own_least_to_its_own_greatest_value(normalise):
    values = np.random.default_rng(1).normal(size=(1, 200)).astype(np.float32)
    values[0, 7] = np.nan
    tiles = make_tiles(entry("dense", values), 0, PictureOptions(normalise=normalise))
    good = np.delete(values[0], 7)
    shown = np.delete(tiles.pixels.reshape(-1)[:200], 7)
    span = good.max() - good.min()
    np.testing.assert_array_equal(
        shown, np.minimum((good - good.min()) / span * 256, 255).astype(np.uint8)
    )
    assert (tiles.low, tiles.high) == (good.min(), good.max())
    assert tiles.pixels.shape == (1, 4, 64)


def test_minmax_has_the_colours_of_matshow():
    matplotlib = pytest.importorskip("matplotlib")
    layer = entry("conv", smooth((31, 37, 20))[None])
    made = make_tiles(layer, 0, PictureOptions(normalise="minmax"))
    for pixels, values in zip(made.pixels, layer.maps(), strict=True):
        norm = matplotlib.colors.Normalize(values.min(), values.max())
        theirs = matplotlib.colormaps["viridis"](norm(values), bytes=True)[..., :3]
        np.testing.assert_array_equal(palette("viridis")[pixels], theirs)


def test_depth_slices_lie_beside_each_other():
    values = smooth((5, 4, 6, 3))
    tiles = make_tiles(entry("conv", values[None]), 0, PictureOptions(normalise="minmax"))
    assert (tiles.slices, tiles.depth) == ((2, 3), 5)
    assert tiles.pixels.shape == (3, 2 * 4, 3 * 6)


def test_lines_and_vectors_have_forms_of_their_own():
    assert make_tiles(entry("a", smooth((12, 4))[None]), 0, RECIPE).form == "rows"
    assert make_tiles(entry("a", smooth((130,))[None]), 0, RECIPE).form == "units"
    assert make_tiles(entry("a", smooth((1, 1, 70))[None]), 0, RECIPE).form == "units"


def test_extreme_values_give_no_warning():
    values = np.zeros((1, 4, 4, 20), np.float32)
    values[0, 0, 0] = np.float32(3e38)
    values[0, 1, 1] = np.float32(-3e38)
    values[0, ..., 1] = 1e-42
    values[0, 0, 0, 1] = 0
    for normalise in ("standardise", "minmax", "layer", "none"):
        with np.errstate(all="ignore"):
            layer = entry("conv", values)
        make_tiles(layer, 0, PictureOptions(normalise=normalise))
        vector = entry("dense", np.array([[3e38, -3e38, np.nan, np.inf]], np.float32))
        make_tiles(vector, 0, PictureOptions(normalise=normalise))


@pytest.mark.parametrize(("count", "columns"), [(1, 16), (3, 16), (33, 16), (32, 4), (7, 1)])
def test_a_mosaic_holds_every_tile(count, columns):
    tiles = np.random.default_rng(count).integers(0, 255, (count, 5, 4), np.uint8)
    for extend in (False, True):
        sheet = mosaic(tiles, columns=columns, gap=(2, 3), fill=7, extend=extend)
        beside = min(columns, count)
        for index, tile in enumerate(tiles):
            y, x = index // beside * 7, index % beside * 7
            np.testing.assert_array_equal(sheet[y : y + 5, x : x + 4], tile)


def test_gaps_repeat_the_nearest_pixel():
    tiles = np.array([[[1]], [[2]]], np.uint8)
    sheet = mosaic(tiles, columns=2, gap=(0, 2), extend=True)
    assert sheet.tolist() == [[1, 1, 2, 2, 2, 2]]
