"""Heatmaps of signals, volumes, frames and vectors by every method, against a second writing.

The networks are computed and followed back by hand, in loops over positions, whatever the number
of axes; nothing here is shared with what is tested.
"""

import functools
import itertools
import json
from unittest.mock import patch

import keras
import numpy as np
import pytest

import cam_papers as papers
import layersight
from layersight.data.stack import arrangement
from layersight.document.blocks import Curve, Grid, Note, Table
from layersight.document.image import thinned
from layersight.errors import UsageError
from layersight.nouns.heatmaps.colours import heat_scale
from layersight.nouns.heatmaps.document import describe
from layersight.nouns.heatmaps.methods.method import NONE, methods
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak
from layersight.nouns.heatmaps.result import select_maps
from layersight.writers.terminal import to_text

STEPS, SAMPLES, MASKS, CELLS, KEEP, NOISE = 16, 4, 12, 3, 0.5, 0.2

KINDS = {
    "signal": ((14, 2), (3,)),
    "volume": ((5, 6, 6, 1), (2, 3, 3)),
    "frames": ((3, 7, 6, 3), (1, 3, 3)),
    "vector": ((7,), None),
}
"""The shape of an example, and of the kernels of a network for it."""

OPTIONS = {"steps": STEPS, "samples": SAMPLES, "masks": MASKS, "cells": CELLS, "noise": NOISE}


class Network:
    """Two layers with rectifiers, "a" and "b", and one that gives three logits."""

    def __init__(self, shape, kernel, *, pooled=False):
        draw = np.random.default_rng(5)
        self.shape, self.kernel, self.pooled = shape, kernel, pooled
        widths = [shape[-1], 3, 4]
        if kernel is None:
            widths, sides = [shape[0], 6, 5], ()
        else:
            sides = tuple(side - 2 * (size - 1) for side, size in zip(shape, kernel, strict=False))
        inner = [
            draw.normal(0, 0.7, (*(kernel or ()), *pair)) for pair in itertools.pairwise(widths)
        ]
        units = widths[-1] if pooled else int(np.prod(sides, dtype=int)) * widths[-1]
        self.weights = [*inner, draw.normal(0, 0.7, (units, 3))]
        self.biases = [draw.normal(0.3, 0.2, weights.shape[-1]) for weights in self.weights]

    def opened(self):
        """The same network in Keras."""
        layers = keras.layers
        rank = 0 if self.kernel is None else len(self.shape) - 1
        timed = rank == 3 and self.kernel[0] == 1
        stack = [keras.Input(self.shape, name="given")]
        for name, weights in zip("ab", self.weights, strict=False):
            if rank == 0:
                stack.append(layers.Dense(weights.shape[-1], "relu", name=name))
            elif timed:
                inner = layers.Conv2D(weights.shape[-1], self.kernel[1:], activation="relu")
                stack.append(layers.TimeDistributed(inner, name=name))
            else:
                kind = {1: layers.Conv1D, 3: layers.Conv3D}[rank]
                stack.append(kind(weights.shape[-1], self.kernel, activation="relu", name=name))
        if rank:
            pool = {1: layers.GlobalAveragePooling1D, 3: layers.GlobalAveragePooling3D}[rank]
            stack.append(pool() if self.pooled else layers.Flatten())
        model = keras.Sequential([*stack, layers.Dense(3, "softmax", name="top")])
        flat = [array for pair in zip(self.weights, self.biases, strict=True) for array in pair]
        if timed:
            flat = [array[0] if array.ndim == 5 else array for array in flat]
        model.set_weights(flat)
        return layersight.load_model(model)

    def forward(self, example):
        """What both layers give before and after their rectifiers, and the logits."""
        before, after = [], [np.asarray(example, np.float64)]
        for weights, bias in zip(self.weights[:2], self.biases[:2], strict=True):
            before.append(self.convolve(after[-1], weights) + bias)
            after.append(np.maximum(before[-1], 0))
        return before, after[1:], self.tail(after[-1])

    def tail(self, maps):
        """The logits from what layer "b" gives."""
        axes = tuple(range(maps.ndim - 1))
        flat = maps.mean(axis=axes) if self.pooled else maps.ravel()
        return flat @ self.weights[2] + self.biases[2]

    def scores(self, example):
        return self.forward(example)[2]

    def convolve(self, values, weights):
        if self.kernel is None:
            return values @ weights
        sides = [side - size + 1 for side, size in zip(values.shape[:-1], self.kernel, strict=True)]
        output = np.zeros((*sides, weights.shape[-1]))
        for position in np.ndindex(*sides):
            output[position] = np.tensordot(values[self.patch(position)], weights, weights.ndim - 1)
        return output

    def patch(self, position):
        return tuple(slice(at, at + size) for at, size in zip(position, self.kernel, strict=True))

    def spread(self, gradients, weights, shape):
        """The gradient by what a convolution took, from that by what it gave."""
        if self.kernel is None:
            return weights @ gradients
        output = np.zeros(shape)
        for position in np.ndindex(*gradients.shape[:-1]):
            output[self.patch(position)] += weights @ gradients[position]
        return output

    def back(self, example, unit, *, guided=False):
        """The gradients of a logit by layers "a" and "b" and by the example."""
        column = self.weights[2][:, unit]
        last = self.forward(example)[1][1]
        if self.pooled:
            slope = np.broadcast_to(column * column.size / last.size, last.shape)
        else:
            slope = column.reshape(last.shape)
        return self.follow(example, slope, guided=guided)

    def follow(self, example, slope, *, guided=False):
        """The gradients by layers "a" and "b" and by the example, from that by layer "b"."""
        before, after, _ = self.forward(example)
        gradients = [slope]
        shapes = [after[0].shape, example.shape]
        for index, shape in zip((1, 0), shapes, strict=True):
            through = slope * (before[index] > 0)
            through = through * (slope > 0) if guided else through
            slope = self.spread(through, self.weights[index], shape)
            gradients.append(slope)
        return gradients[1], gradients[0], gradients[2]


def positions(values):
    """``(*positions, channel)``: the units of a vector are positions."""
    return values[..., None] if values.ndim == 1 else values


class Expected:
    """Every method, written a second time for one example and one logit."""

    def __init__(self, network, example, unit, black, white):
        self.network, self.example, self.unit = network, example.astype(np.float64), unit
        self.spread = np.abs(white - black)
        self.size = positions(example).shape[:-1]
        self.nothing = np.broadcast_to(black, positions(example).shape).astype(np.float64)
        self.layers = network.forward(self.example)[1]
        self.gradients = network.back(self.example, unit)

    def of(self, method):
        maps = self.layers[1]
        match method:
            case "score-cam":
                example = positions(self.example)
                return papers.score_cam(maps, example, self.nothing, self.score)
            case "ablation-cam":
                return papers.ablation_cam(maps, lambda maps: self.network.tail(maps)[self.unit])
            case "refine-cam":
                return papers.refine_cam(zip(self.layers, self.gradients, strict=False), self.size)
            case "eigencam":
                return papers.eigencam(maps)
        if method in papers.PAPERS:
            return papers.PAPERS[method](maps, self.gradients[1])
        return getattr(self, method.replace("-", "_"))()

    def score(self, example):
        return self.network.scores(np.reshape(example, self.example.shape))[self.unit]

    def masked(self, mask):
        """The score of the example where a mask is 1 and of the baseline where it is 0."""
        shift = mask[..., None] * (positions(self.example) - self.nothing)
        return self.score(self.nothing + shift)

    def gradient(self):
        return np.abs(positions(self.gradients[2])).max(axis=-1)

    def gradient_x_input(self):
        return positions(self.gradients[2] * self.example).sum(axis=-1)

    def guided_backprop(self):
        gradients = self.network.back(self.example, self.unit, guided=True)[2]
        return np.abs(positions(gradients)).max(axis=-1)

    def smoothgrad(self):
        total = np.zeros_like(positions(self.example))
        for sample in range(SAMPLES):
            drawn = np.random.default_rng((0, 3, sample)).standard_normal(total.shape, np.float32)
            noisy = positions(self.example) + NOISE * self.spread * drawn
            gradients = self.network.back(noisy.reshape(self.example.shape), self.unit)[2]
            total += positions(gradients)
        return np.abs(total / SAMPLES).max(axis=-1)

    def integrated_gradients(self):
        nothing = self.nothing.reshape(self.example.shape)
        total = np.zeros_like(self.example)
        for step in range(STEPS):
            at = nothing + (step + 0.5) / STEPS * (self.example - nothing)
            total += self.network.back(at, self.unit)[2] / STEPS
        return positions(total * (self.example - nothing)).sum(axis=-1)

    def occlusion(self):
        """Of frames and slices the patch lies in one of them at a time."""
        window = 1 if self.example.ndim == 1 else max(1, min(self.size[-2:]) // 8)
        stride = max(1, window // 2)
        sides = [1] * len(self.size[:-2]) + [window] * len(self.size[-2:])
        starts = [
            sorted({*range(0, length - side + 1, stride if side > 1 else 1), length - side})
            for length, side in zip(self.size, sides, strict=True)
        ]
        intact, total, count = self.score(self.example), np.zeros(self.size), np.zeros(self.size)
        for corner in itertools.product(*starts):
            area = tuple(slice(at, at + side) for at, side in zip(corner, sides, strict=True))
            mask = np.ones(self.size)
            mask[area] = 0
            total[area] += intact - self.masked(mask)
            count[area] += 1
        return total / count

    def rise(self):
        length = [*self.size[:-2], *(min(self.size[-2:]) for _ in self.size[-2:])]
        sides = [-(-side // min(CELLS, side)) for side in length]
        cells = [-(-size // side) for size, side in zip(self.size, sides, strict=True)]
        total = np.zeros(self.size)
        for number in range(MASKS):
            chance = np.random.default_rng((0, 4, number))
            grid = (chance.random(cells) < KEEP).astype(float)
            shifts = list(chance.integers(0, sides[-1], len(sides[-2:])))
            shifts = [chance.integers(0, sides[0]), *shifts] if len(sides) == 3 else shifts
            large = [(count + 1) * side for count, side in zip(cells, sides, strict=True)]
            part = tuple(slice(at, at + size) for at, size in zip(shifts, self.size, strict=True))
            mask = papers.enlarged(grid, large)[part]
            total += self.masked(mask) * mask
        return total / (KEEP * MASKS)


def costly(kind):
    """The methods that "all" leaves out, and that apply."""
    return [name for name, entry in methods().items() if entry.costly and applies(kind, name)]


def options(kind):
    """The options that some of the methods read."""
    lost = {"vector": ("masks", "cells")}.get(kind, ())
    return {name: value for name, value in OPTIONS.items() if name not in lost}


@functools.cache
def explained(kind, pooled=False):
    """The network, the example and what layersight gives for it."""
    shape, kernel = KINDS[kind]
    network = Network(shape, kernel, pooled=pooled)
    example = np.random.default_rng(3).normal(0.2, 1, shape).astype(np.float32)
    unit = int(np.argmax(network.scores(example)))
    # Integrals that are not complete are cut finer; here the rule itself is compared.
    with patch("layersight.nouns.heatmaps.methods.integrated_gradients.TOLERANCE", 1e9):
        result = layersight.heatmap(
            network.opened(),
            example[None],
            method="cam" if pooled else ["all", *costly(kind)],
            batch_size=4,
            **({} if pooled else options(kind)),
        )
    return network, example, unit, {entry.method: entry for entry in result}, result


def ends(example):
    """Black and white: 0 and the range of a line, the least and the greatest of floats."""
    if example.ndim < 3:
        return np.zeros(positions(example).shape[-1]), np.ptp(positions(example), axis=0)
    channels = example.shape[-1]
    return np.full(channels, example.min()), np.full(channels, example.max())


APART = ("cam", "activation")
"""Methods with tests of their own."""


def applies(kind, method):
    if kind == "vector":
        return methods()[method].layers == NONE and method != "rise"
    return True


CASES = [
    (kind, method)
    for kind in KINDS
    for method in methods()
    if method not in APART and applies(kind, method)
]


@pytest.mark.parametrize(("kind", "method"), CASES)
def test_every_method_is_its_second_writing(kind, method):
    network, example, unit, maps, _ = explained(kind)
    expected = Expected(network, example, unit, *ends(example))
    entry = maps[method]
    assert entry.target.unit == unit
    wanted = expected.of(method)
    assert not entry.empty
    assert np.ptp(wanted) > 0
    np.testing.assert_allclose(entry.coarse, wanted, atol=2e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(
        entry.values, papers.enlarged(wanted, expected.size), atol=2e-4 * np.abs(wanted).max()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_methods_that_do_not_apply_are_named(kind):
    *_, maps, result = explained(kind)
    wanted = {name for name, entry in methods().items() if entry.comparable and not entry.costly}
    lost = {name for name in wanted if name not in maps}
    assert lost == {name for name in wanted if name == "cam" or not applies(kind, name)}
    for name in lost:
        assert any(f"without {name}, which does not apply" in note for note in result.notes)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vector"])
def test_cam_is_the_sum_of_maps_by_the_weights_of_the_dense_layer(kind):
    network, example, unit, maps, _ = explained(kind, pooled=True)
    wanted = network.forward(example)[1][1] @ network.weights[2][:, unit]
    np.testing.assert_allclose(maps["cam"].coarse, wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vector"])
def test_a_channel_of_a_layer_is_shown_and_explained(kind):
    network, example, *_ = explained(kind)
    model = network.opened()
    maps = network.forward(example)[1][1]
    position = tuple(int(at) for at in np.unravel_index(maps[..., 2].argmax(), maps.shape[:-1]))
    text = ",".join(map(str, position))
    (activation,) = layersight.heatmap(model, example[None], method="activation", target="b:2")
    np.testing.assert_allclose(activation.coarse, maps[..., 2], atol=1e-5)
    (one,) = layersight.heatmap(model, example[None], method="gradient", target=f"b:2@{text}")
    assert one.target.where == position
    np.testing.assert_allclose(one.score, maps[(*position, 2)], rtol=1e-4)
    region = ",".join(f"{at}:{at + 1}" for at in position)
    (same,) = layersight.heatmap(model, example[None], method="gradient", target=f"b:2@{region}")
    np.testing.assert_allclose(same.values, one.values, atol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vector"])
def test_a_pattern_is_so_many_steps_along_the_normalised_gradient(kind):
    network, example, *_ = explained(kind)
    rate, steps, channel = 0.05, 5, 2
    result = layersight.patterns(
        network.opened(), "b", [channel], start=example, steps=steps, rate=rate
    )
    canvas = example.astype(np.float64)
    reached = []
    for _ in range(steps + 1):
        maps = network.forward(canvas)[1][1]
        reached.append(maps[..., channel].mean())
        slope = np.zeros_like(maps)
        slope[..., channel] = maps.shape[-1] / maps.size
        step = network.follow(canvas, slope)[2]
        seen, canvas = canvas, canvas + rate * step / (np.sqrt(np.mean(step**2)) + 1e-5)
    np.testing.assert_allclose(result.values.reshape(example.shape), seen, atol=2e-4)
    np.testing.assert_allclose(result.activation, reached[-1], rtol=1e-3)
    np.testing.assert_allclose(result.start_activation, reached[0], rtol=1e-3)
    assert np.isnan(result.robustness).all()
    assert any("are made by the method classic" in note for note in result.notes)
    if kind == "signal":
        assert result.images.shape == (1, 96, 288, 3)
        return
    depth, high, wide, _ = example.shape
    rows, columns = arrangement(depth)
    shape = (rows * (high + 1) - 1, columns * (wide + 1) - 1, 3)
    assert result.images.shape == (1, *shape)


@pytest.mark.one_backend
def test_patterns_of_signals_have_no_natural_images_and_no_size(tmp_path):
    model = explained("signal")[0].opened()
    with pytest.raises(UsageError, match="leave them out"):
        layersight.patterns(model, "b", [0], size=(1, 20))
    with pytest.raises(UsageError, match="maco is of pictures"):
        layersight.patterns(model, "b", [0], method="maco")


def drawn(kind, view="single", method="occlusion"):
    """The result of one method, its sections in a view, and its only map."""
    maps = explained(kind)[-1]
    index = next(index for index, entry in enumerate(maps) if entry.method == method)
    result = select_maps(maps, [index])
    document = describe(result, HeatOptions(view=view))
    return result, document.parts[0].sections, result.maps[0]


@pytest.mark.one_backend
def test_a_signal_is_a_curve_in_the_colours_of_its_heat():
    _, example, *_ = explained("signal")
    result, sections, entry = drawn("signal")
    curves = [block for block in sections[0].blocks if isinstance(block, Curve)]
    scale = heat_scale(result, 0, HeatOptions())
    assert len(curves) == example.shape[1]
    for channel, curve in enumerate(curves):
        (series,) = curve.series
        np.testing.assert_allclose(series.y, example[:, channel])
        np.testing.assert_array_equal(series.colours, scale.colours[scale.steps(entry.values)])
    assert curves[-1].scale is not None
    assert curves[0].scale is None
    hottest = int(entry.values.argmax())
    assert describe_peak(result, 0) == f"position {hottest}"
    lines = [
        line for block in sections[0].blocks if isinstance(block, Note) for line in block.lines
    ]
    assert f"Hottest at position {hottest}." in lines


@pytest.mark.one_backend
def test_a_vector_is_bars_as_high_as_its_heat():
    _, example, *_ = explained("vector")
    _, sections, entry = drawn("vector")
    (bars,) = (block for block in sections[0].blocks if isinstance(block, Curve))
    (table,) = (block for block in sections[0].blocks if isinstance(block, Table))
    np.testing.assert_array_equal(bars.series[0].y, entry.values)
    order = np.argsort(-np.abs(entry.values), kind="stable")
    assert [row[0].text for row in table.rows] == [str(unit) for unit in order]
    assert table.rows[0][1].text == f"{example[order[0]]:.3g}"


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", ["volume", "frames"])
def test_frames_and_slices_are_a_strip_with_the_heat_under_each(kind):
    _, example, *_ = explained(kind)
    result, sections, entry = drawn(kind)
    (grid,) = (block for block in sections[0].blocks if isinstance(block, Grid))
    depth = len(example)
    scale = heat_scale(result, 0, HeatOptions())
    assert grid.columns == depth
    frames = result.images[0].frames
    for frame in range(depth):
        under, heat, over = (grid.pixels[frame + row * depth] for row in range(3))
        np.testing.assert_array_equal(under, np.broadcast_to(frames[frame], under.shape))
        np.testing.assert_array_equal(heat, scale.steps(entry.values[frame]))
        np.testing.assert_array_equal(over, heat)
        overlay = grid.overlays[frame + 2 * depth]
        np.testing.assert_array_equal(overlay.under, under)
    word = "frame" if kind == "frames" else "slice"
    assert [tile.label for tile in grid.tiles[:depth]] == [f"{word} {n}" for n in range(depth)]
    where = np.unravel_index(entry.values.argmax(), entry.values.shape)
    assert describe_peak(result, 0) == f"{word} {where[0]}, y {where[1]}, x {where[2]}"


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg", ".html", ".npz", ".zarr", ".json", ""])
def test_every_file(kind, suffix, tmp_path):
    maps = explained(kind)[-1]
    picked = [
        index for index, entry in enumerate(maps) if entry.method in ("gradient", "occlusion")
    ]
    result = select_maps(maps, picked)
    path = tmp_path / f"x{suffix}"
    layersight.save(result, path)
    assert path.exists()
    values = np.stack([entry.values for entry in result])
    if suffix == ".npz":
        with np.load(path) as found_arrays:
            np.testing.assert_array_equal(found_arrays["heatmap"], values)
    if suffix == ".json":
        entry = json.loads(path.read_text())["heatmaps"][0]
        hottest = np.unravel_index(values[0].argmax(), values[0].shape)
        assert list(entry["hottest"].values()) == [int(side) for side in reversed(hottest)]
    text = result._repr_html_()
    assert "Occlusion" in text
    assert "Occlusion" in to_text(describe(result, HeatOptions()))


@pytest.mark.one_backend
def test_a_long_signal_keeps_its_extremes():
    values = np.random.default_rng(0).normal(size=50_000).astype(np.float32)
    strength = np.zeros_like(values)
    strength[31_234] = -2
    indices, extremes, heat = thinned(values, strength)
    assert len(indices) <= 900
    assert extremes.min() == values.min()
    assert extremes.max() == values.max()
    np.testing.assert_array_equal(extremes, values[indices.astype(int)])
    assert heat.min() == -2
