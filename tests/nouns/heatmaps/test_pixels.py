"""Pixel attributions against slow second writings of their papers, on a network in NumPy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import numpy_networks as nets
from layersight.data.readout import Readout
from layersight.errors import ModelInputError, UsageError
from layersight.nouns.heatmaps.baselines import baseline as make
from layersight.nouns.heatmaps.methods.integrated_gradients import completeness
from layersight.nouns.heatmaps.methods.method import Request, Result, find_method, methods
from layersight.nouns.heatmaps.methods.occlusion import patches
from layersight.nouns.heatmaps.methods.rise import masks
from layersight.nouns.heatmaps.methods.smoothgrad import noise
from layersight.nouns.heatmaps.passes import batches
from layersight.nouns.heatmaps.request import HeatmapOptions
from numpy_networks import Analytic, channel_goal
from numpy_networks import noise_pictures as pictures

PIXELS = (
    "gradient",
    "gradient-x-input",
    "smoothgrad",
    "integrated-gradients",
    "guided-backprop",
    "occlusion",
    "rise",
)
QUICK = HeatmapOptions(samples=5, steps=12, masks=9, cells=3, window=2, stride=1, seed=4)


def class_goal(*classes, before=True):
    return nets.class_goal(*classes or (1,), units=3, before=before)


def run(name, model, images, goal, *, batch_size=16, progress=None, **options):
    """A method's maps and notes."""
    result = find_method(name).compute(
        Request(
            model,
            images,
            target=goal,
            layers=(),
            options=dataclasses.replace(QUICK, **options),
            batch_size=batch_size,
            progress=progress or (lambda done, total: None),
        )
    )
    return Result.of(result)


def maps_of(name, model, images, goal, **options):
    values = run(name, model, images, goal, **options).values
    assert values.dtype == np.float32
    assert values.shape == images.pixels.shape[:3]
    return values


def close(result, expected, tolerance=1e-5):
    """As near as scores and gradients in float32 allow."""
    bound = max(tolerance * np.abs(expected).max(), 3e-7)
    np.testing.assert_allclose(result, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_gradient_is_the_greatest_slope_of_the_channels(curve):
    model, images, goal = Analytic(curve), pictures(), class_goal(before=False)
    result = maps_of("gradient", model, images, goal)
    for picture, values in zip(images.pixels, result, strict=True):
        close(values, np.abs(model.by_differences(picture, goal)).max(-1))
    assert model.passes == [3]


@pytest.mark.parametrize("curve", ["relu", "tanh"])
def test_gradient_times_input_is_summed_over_channels(curve):
    model, images, goal = Analytic(curve), pictures(black=-1), class_goal()
    result = maps_of("gradient-x-input", model, images, goal)
    for picture, values in zip(images.pixels, result, strict=True):
        gradients = model.by_differences(picture, goal)
        for y, x in np.ndindex(values.shape):
            expected = sum(float(gradients[y, x, c]) * float(picture[y, x, c]) for c in range(3))
            assert values[y, x] == pytest.approx(expected, abs=1e-5)
    assert result.min() < 0 < result.max()


def test_smoothgrad_is_the_mean_over_noisy_copies():
    model, goal = Analytic("tanh"), class_goal()
    images = pictures(2, black=(-2, 0, 0), white=(2, 1, -3))
    result = maps_of("smoothgrad", model, images, goal, samples=4, noise=0.1, seed=7)
    for picture, values in zip(images.pixels, result, strict=True):
        total = np.zeros(picture.shape)
        for sample in range(4):
            drawn = np.random.default_rng((7, 3, sample)).standard_normal(
                picture.shape, dtype=np.float32
            )
            for channel, spread in enumerate((4, 1, 3)):
                drawn[..., channel] *= np.float32(0.1) * np.float32(spread)
            total += model.by_differences(picture + drawn, goal)
        close(values, np.abs(total / 4).max(-1))


def test_smoothgrad_without_noise_is_the_gradient():
    model, images, goal = Analytic("tanh"), pictures(), class_goal()
    smooth = maps_of("smoothgrad", model, images, goal, noise=0.0)
    close(smooth, maps_of("gradient", model, images, goal))


def test_noise_has_the_share_of_each_channels_range():
    images = pictures(1, size=(200, 200), black=(0, 10, -1), white=(1, -90, 1))
    drawn = noise(images, HeatmapOptions(noise=0.2), 0)
    np.testing.assert_allclose(drawn.std((0, 1)), [0.2, 20, 0.4], rtol=0.02)
    np.testing.assert_allclose(drawn.mean((0, 1)) / [0.2, 20, 0.4], 0, atol=0.03)


@pytest.mark.parametrize("baseline", ["black", "grey", "white", "mean", "blur"])
def test_integrated_gradients_are_the_midpoint_sum(baseline):
    model, images, goal = Analytic("tanh"), pictures(2), class_goal(before=False)
    result = maps_of("integrated-gradients", model, images, goal, steps=8, baseline=baseline)
    for picture, nothing, values in zip(
        images.pixels.astype(float), make(images, baseline), result, strict=True
    ):
        total = np.zeros(picture.shape)
        for part in range(8):
            point = nothing + (part + 0.5) / 8 * (picture - nothing)
            total += model.by_differences(point, goal) / 8
        close(values, ((picture - nothing) * total).sum(-1), 3e-5)


@pytest.mark.parametrize(("curve", "before"), [("relu", True), ("tanh", False), ("steep", False)])
@pytest.mark.parametrize("baseline", ["black", "white"])
def test_integrated_gradients_are_complete(curve, before, baseline):
    model, images, goal = Analytic(curve), pictures(8), class_goal(before=before)
    result = run("integrated-gradients", model, images, goal, steps=64, baseline=baseline)
    nothing = np.full(images.pixels[0].shape, 0.0 if baseline == "black" else 1.0)
    hopeless = 0
    for picture, values, notes in zip(images.pixels, result.values, result.notes, strict=True):
        gain = model.exact(picture, goal) - model.exact(nothing, goal)
        off = abs(values.sum(dtype=float) - gain) > 0.01 * abs(gain)
        hopeless += off
        assert off == any("even with" in note for note in notes)
        assert not off or abs(gain) < 0.01 * np.abs(values).sum()
    assert hopeless <= 1


def test_integrated_gradients_go_finer_where_an_image_needs_it():
    model, goal = Analytic("steep", seed=3), class_goal()
    images = pictures(3, seed=11)
    images.pixels[0] = 0
    images.pixels[1] *= 0.02
    result = run("integrated-gradients", model, images, goal, steps=6)
    easy, near, far = result.notes
    assert (easy, near) == ((), ())
    assert far == ("30 points on the path instead of 6, for the values to sum to the score",)
    gain = model.exact(images.pixels[2], goal) - model.exact(np.zeros((6, 5, 3)), goal)
    assert result.values[2].sum() == pytest.approx(gain, rel=0.01)
    assert np.all(result.values[0] == 0)
    alone = run("integrated-gradients", model, images.select(2), goal, steps=6)
    assert np.array_equal(alone.values[0], result.values[2])
    assert alone.notes[0] == far


def test_integrated_gradients_say_when_the_sum_is_off():
    class Jump(Analytic):
        """Its score jumps where the gradient is 0."""

        def score(self, made, goal):
            return super().score(made, goal) + 5 * (made["picture"].sum((1, 2, 3)) > 1)

    model, images = Jump("tanh"), pictures(1)
    result = run("integrated-gradients", model, images, class_goal(), steps=3)
    (note,) = result.notes[0]
    assert f"even with {3 + 8 * 2} points on the path" in note
    assert f"sum to {result.values.sum(dtype=float):.4g}" in note
    assert sum(model.passes) == 2 + 3 + 8 * 3


def test_completeness_is_the_share_of_the_gain_that_is_missing():
    maps = np.array([[[1.0, 2.0]], [[1.0, 2.0]], [[0.0, 0.0]], [[1.0, 0.0]]])
    scores, nothing = np.array([4.0, 3.0, 2.0, 2.0]), np.array([0.0, 0.0, 2.0, 2.0])
    assert completeness(maps, scores, nothing).tolist() == [0.25, 0, 0, math.inf]


def test_guided_backprop_lets_only_positive_gradients_through():
    model, images, goal = Analytic("relu"), pictures(), class_goal()
    result = maps_of("guided-backprop", model, images, goal)
    for picture, values in zip(images.pixels.astype(float), result, strict=True):
        back = np.zeros(picture.shape)
        for y, x, k in np.ndindex(6, 5, 4):
            into = sum(picture[y, x, c] * model.kernel[c, k] for c in range(3)) + model.bias[k]
            above = model.dense[y, x, k, 1]
            if into > 0 and above > 0:
                for c in range(3):
                    back[y, x, c] += above * model.kernel[c, k]
        close(values, np.abs(back).max(-1))
    assert not np.allclose(result, maps_of("gradient", model, images, goal))


@pytest.mark.parametrize(
    ("window", "stride", "baseline"),
    [
        (2, 1, "black"),
        (2, 2, "white"),
        (3, 2, "mean"),
        (5, 3, "blur"),
        (1, 1, "grey"),
        (0, 0, "black"),
    ],
)
def test_occlusion_is_the_mean_loss_over_the_patches_on_a_pixel(window, stride, baseline):
    images, goal = pictures(2, size=(12, 10)), class_goal()
    model = Analytic("tanh", size=(12, 10))
    result = maps_of(
        "occlusion", model, images, goal, window=window, stride=stride, baseline=baseline
    )
    window, stride = window or 1, stride or 1
    tops = sorted({*range(0, 12 - window + 1, stride), 12 - window})
    lefts = sorted({*range(0, 10 - window + 1, stride), 10 - window})
    for picture, nothing, values in zip(images.pixels, make(images, baseline), result, strict=True):
        whole = model.exact(picture, goal)
        losses = {}
        for top in tops:
            for left in lefts:
                changed = picture.copy()
                for y in range(top, top + window):
                    for x in range(left, left + window):
                        changed[y, x] = nothing[y, x]
                losses[top, left] = whole - model.exact(changed, goal)
        expected = np.zeros((12, 10))
        for y, x in np.ndindex(12, 10):
            over = [
                loss
                for (top, left), loss in losses.items()
                if top <= y < top + window and left <= x < left + window
            ]
            assert over
            expected[y, x] = sum(over) / len(over)
        close(values, expected, 1e-4)
    assert sum(model.passes) == 2 * (1 + len(losses))


def test_patches_cover_every_pixel_and_end_with_the_edge():
    for size in ((7, 11), (8, 8), (30, 17)):
        for window in range(1, min(size) + 1):
            for stride in range(1, window + 1):
                covered = np.zeros(size, int)
                areas = patches(size, HeatmapOptions(window=window, stride=stride))
                for area in areas:
                    assert covered[area].shape == (window, window)
                    covered[area] += 1
                assert covered.min() >= 1
                assert len({str(area) for area in areas}) == len(areas)


def test_patches_by_default_are_an_eighth_of_the_shorter_side_half_over_each_other():
    areas = patches((224, 320), HeatmapOptions())
    assert areas[0] == (slice(0, 28), slice(0, 28))
    assert areas[1] == (slice(0, 28), slice(14, 42))
    assert areas[-1] == (slice(196, 224), slice(292, 320))
    assert patches((3, 3), HeatmapOptions())[0] == (slice(0, 1), slice(0, 1))


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"the window of 6 pixels is larger than the 6 x 5 pixels"):
        patches((6, 5), HeatmapOptions(window=6))
    with pytest.raises(UsageError, match=r"a window of 2 pixels moved by 3 leaves gaps"):
        patches((6, 5), HeatmapOptions(window=2, stride=3))


def slow_mask(size, cells, keep, seed, number):
    """A mask of RISE, value by value."""
    side = math.ceil(min(size) / cells)
    grid = [math.ceil(length / side) for length in size]
    chance = np.random.default_rng((seed, 4, number))
    kept = (chance.random(grid) < keep).astype(float)
    down, right = chance.integers(0, side, 2)
    result = np.zeros(size)
    for y, x in np.ndindex(*size):
        at = []
        for pixel, length in ((y + down, grid[0]), (x + right, grid[1])):
            old = (pixel + 0.5) * length / ((length + 1) * side) - 0.5
            at.append(min(max(old, 0), length - 1))
        low = [math.floor(cell) for cell in at]
        high = [min(cell + 1, length - 1) for cell, length in zip(low, grid, strict=True)]
        part = [cell - floor for cell, floor in zip(at, low, strict=True)]
        result[y, x] = (
            kept[low[0], low[1]] * (1 - part[0]) * (1 - part[1])
            + kept[high[0], low[1]] * part[0] * (1 - part[1])
            + kept[low[0], high[1]] * (1 - part[0]) * part[1]
            + kept[high[0], high[1]] * part[0] * part[1]
        )
    return result


@pytest.mark.parametrize(("size", "cells"), [((6, 5), 3), ((9, 16), 4), ((8, 8), 8), ((4, 7), 9)])
def test_masks_are_enlarged_and_shifted_grids(size, cells):
    options = HeatmapOptions(cells=cells, keep=0.4, seed=2)
    made = masks(size, options, range(3, 9))
    for index, number in enumerate(range(3, 9)):
        expected = slow_mask(size, min(cells, min(size)), 0.4, 2, number)
        np.testing.assert_allclose(made[index], expected, atol=2e-6)
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-6


def test_masks_keep_the_share_that_was_asked_for_everywhere():
    made = masks((28, 28), HeatmapOptions(keep=0.3, cells=4), range(4000))
    np.testing.assert_allclose(made.mean(0), 0.3, atol=0.04)


@pytest.mark.parametrize(("baseline", "black"), [("black", 0.0), ("black", -1.0), ("mean", 0.0)])
def test_rise_is_the_score_weighted_mean_of_the_masks(baseline, black):
    model, goal = Analytic("tanh"), class_goal(before=False)
    images = pictures(2, black=black)
    result = run("rise", model, images, goal, masks=7, keep=0.6, baseline=baseline)
    for picture, nothing, values, neutral in zip(
        images.pixels.astype(float),
        make(images, baseline),
        result.values,
        result.neutral_values,
        strict=True,
    ):
        total, scores = np.zeros((6, 5)), []
        for number in range(7):
            mask = slow_mask((6, 5), 3, 0.6, 4, number)
            shown = picture * mask[..., None]
            if baseline != "black" or black:
                shown = shown + nothing * (1 - mask[..., None])
            scores.append(model.exact(shown, goal))
            total += scores[-1] * mask
        close(values, total / (0.6 * 7), 1e-4)
        assert neutral == pytest.approx(np.mean(scores), rel=1e-4)


def test_rise_makes_2000_masks_unless_told():
    model = Analytic("tanh")
    maps_of("rise", model, pictures(1), class_goal(), masks=0, batch_size=64)
    assert model.passes == [64] * 31 + [16]


def test_activation_is_the_channels_own_map():
    model, images = Analytic("tanh"), pictures()
    expected = model.forward(images.values, ["maps"]).layers["maps"]
    result = maps_of("activation", model, images, channel_goal(2))
    np.testing.assert_allclose(result, expected[..., 2])
    (readout,) = channel_goal(2)
    opposite = (Readout("maps", -readout.weights),)
    np.testing.assert_allclose(maps_of("activation", model, images, opposite), -expected[..., 2])


def test_activation_of_a_region_is_the_whole_map():
    model, images = Analytic("relu"), pictures()
    weights = np.zeros((3, 6, 5, 4), np.float32)
    weights[0, 2:4, 1:3, 1] = 1 / 4
    weights[1, 5, 4, 3] = 1
    expected = model.forward(images.values, ["maps"]).layers["maps"]
    result = maps_of("activation", model, images, (Readout("maps", weights),))
    np.testing.assert_allclose(result[0], expected[0, ..., 1])
    np.testing.assert_allclose(result[1], expected[1, ..., 3])
    assert np.all(result[2] == 0)


def test_activation_of_a_contrast_is_the_difference_of_two_maps():
    model, images = Analytic("relu"), pictures()
    region = np.zeros((1, 6, 5, 4), np.float32)
    region[0, :3, :, 0] = -1 / 30
    goal = (*channel_goal(2), Readout("maps", region))
    expected = model.forward(images.values, ["maps"]).layers["maps"]
    result = maps_of("activation", model, images, goal)
    close(result, expected[..., 2] - 0.5 * expected[..., 0])


def test_activation_without_maps_is_refused_in_one_line():
    model, images = Analytic("relu"), pictures()
    with pytest.raises(ModelInputError) as caught:
        run("activation", model, images, class_goal())
    assert str(caught.value) == (
        "activation shows a channel's own map: give --target LAYER:CHANNEL with a layer that has "
        "maps (found 'top' gives (3,))"
    )
    with pytest.raises(ModelInputError, match="maps, top"):
        run("activation", model, images, channel_goal(1) + class_goal())


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize("batch_size", [1, 4, 5, 64])
def test_batches_and_neighbours_change_nothing(name, batch_size):
    model, images = Analytic("tanh", extra=2), pictures(4, extra=2)
    goal = class_goal(2, 0, 1, 2)
    together = run(name, model, images, goal, batch_size=max(batch_size, 4))
    for image, chosen in enumerate((2, 0, 1, 2)):
        alone = run(name, model, images.select(image), class_goal(chosen), batch_size=batch_size)
        assert np.array_equal(alone.values[0], together.values[image])
        assert alone.notes[0] == together.notes[image]


@pytest.mark.parametrize("name", [*PIXELS, "activation"])
def test_the_same_twice_and_nothing_given_is_changed(name):
    model, images = Analytic("tanh"), pictures()
    before = images.pixels.copy()
    goal = channel_goal(1) if name == "activation" else class_goal()
    first = maps_of(name, model, images, goal)
    assert np.array_equal(first, maps_of(name, model, images, goal))
    assert np.array_equal(images.pixels, before)


@pytest.mark.parametrize("name", ["smoothgrad", "rise"])
def test_another_seed_draws_others(name):
    model, images = Analytic("tanh"), pictures()
    result = [maps_of(name, model, images, class_goal(), seed=seed) for seed in (1, 2)]
    assert not np.allclose(*result)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("gradient", 3),
        ("gradient-x-input", 3),
        ("guided-backprop", 3),
        ("smoothgrad", 3 * 5),
        ("integrated-gradients", 3 * (2 + 12)),
        ("occlusion", 3 * (1 + 20)),
        ("rise", 3 * 9),
    ],
)
def test_what_is_shown_is_counted_and_bounded_by_the_batch(name, rows):
    model, images = Analytic("tanh"), pictures()
    reported = []
    run(
        name,
        model,
        images,
        class_goal(),
        batch_size=4,
        progress=lambda done, total: reported.append((done, total)),
    )
    assert sum(model.passes) == rows
    assert max(model.passes) <= 4
    if len(model.passes) > 1:
        assert reported == [(done + 1, len(model.passes)) for done in range(len(model.passes))]


def test_progress_knows_of_points_that_came_later():
    reported = []
    model = Analytic("steep", seed=3)
    run(
        "integrated-gradients",
        model,
        pictures(1),
        class_goal(),
        steps=2,
        batch_size=1,
        progress=lambda done, total: reported.append((done, total)),
    )
    assert [done for done, _ in reported] == list(range(1, len(model.passes) + 1))
    assert reported[-1][0] == reported[-1][1] > 4
    assert all(done <= total for done, total in reported)


@pytest.mark.parametrize("name", [*PIXELS, "activation"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_end_in_one_line(name, value):
    model, images = Analytic("relu"), pictures()
    model.kernel[0, 0] = value
    model.dense[0] = np.nan
    goal = channel_goal(0) if name == "activation" else class_goal()
    with np.errstate(invalid="ignore"), pytest.raises(ModelInputError) as caught:
        run(name, model, images, goal)
    assert "is not finite (infinite or NaN)" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PIXELS)
def test_huge_numbers_raise_no_warning(name):
    model, images = Analytic("relu"), pictures()
    model.dense *= 1e36
    assert np.isfinite(run(name, model, images, class_goal()).values).all()
    images.pixels[...] *= np.float32(1e5)
    if name in ("gradient", "smoothgrad", "guided-backprop"):
        assert np.isfinite(run(name, model, images, class_goal()).values).all()
    else:
        with pytest.raises(ModelInputError, match="is not finite"):
            run(name, model, images, class_goal())


def test_batches_hold_every_copy_of_every_image_once():
    result = [pair for rows in batches(5, [0, 2, 3], 4) for pair in rows.pairs()]
    assert result == [(copy, image) for copy in range(5) for image in (0, 2, 3)]
    assert [len(rows) for rows in batches(5, [0, 2, 3], 4)] == [4, 4, 4, 3]
    assert [list(rows.span) for rows in batches(3, range(2), 3)] == [[0, 1], [1, 2]]


@pytest.mark.parametrize("name", methods())
def test_methods_say_what_they_are(name):
    method = methods()[name]
    assert method.name == name
    for sentence in (method.says, method.assumes, method.misleads, *filter(None, [method.warning])):
        assert sentence.endswith(".")
        assert sentence[0].isupper()
    assert set(method.uses) <= {entry.name for entry in dataclasses.fields(HeatmapOptions)}
    assert (method.warning is not None) == (name in ("guided-backprop", "eigencam"))
    assert method.costly == (name in ("score-cam", "ablation-cam", "occlusion", "rise"))
    assert method.signed or name != "cam"
