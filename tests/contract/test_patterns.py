"""Patterns on every backend: against loops written by hand, and for every kind of model."""

import json

import keras
import models
import numpy as np
import pytest
from gradients import as_array, gradient_of
from PIL import Image

from layersight import patterns, save
from layersight.errors import (
    Interrupted,
    LayersightError,
    ModelInputError,
    SelectionError,
    UsageError,
)
from layersight.export.files import load
from layersight.loading import load_model
from layersight.nouns.patterns.methods.classic import show
from layersight.nouns.patterns.noun import NOUN
from layersight.nouns.patterns.result import Objective, Term

QUICK = {"steps": 12, "size": (16, 16)}


def book_loop(model, layer, channel, start, steps=40):
    """The loop of the book, written out: one filter, one image, no layersight."""
    part = keras.Model(model.inputs[0], model.get_layer(layer).output)

    def loss(image):
        return keras.ops.mean(part(image)[..., channel])

    image = start[None].copy()
    for _ in range(steps):
        _, gradient = gradient_of(loss, image)
        image += gradient / (np.sqrt(np.mean(gradient**2)) + 1e-5)
    return image[0]


def book_picture(image):
    """How the book turns the result into bytes, written out."""
    image = image - image.mean()
    image = image / (image.std() + 1e-5) * 0.1 + 0.5
    return (np.clip(image, 0, 1) * 255).astype("uint8")


@pytest.fixture(scope="module")
def plain():
    """Of any size, with the layer ``conv``."""
    return load_model(models.randomise(models.any_size()))


@pytest.fixture(scope="module")
def stack():
    """Of one size, with a head; nothing that the tests do with it may change it."""
    return load_model(models.randomise(models.sequential()))


def test_classic_is_the_loop_of_the_book(stack):
    live = stack.model
    start = np.random.default_rng(5).random((16, 16, 3), np.float32) * 20 + 128
    result = patterns(stack, "conv_1", method="classic", start=start, size=16)
    assert result.options.steps == 40
    for channel in range(6):
        expected = book_loop(live, "conv_1", channel, start)
        if result.dead[channel] or np.array_equal(expected, start):
            continue  # silent from this start: the book's picture is the noise that it began with
        assert np.abs(result.values[channel] - expected).max() < 2e-2
        difference = result.images[channel].astype(int) - book_picture(expected)
        assert np.abs(difference).max() <= 1
        assert result.activation[channel] == pytest.approx(
            float(np.mean(reach(live, "conv_1", result.values[channel])[..., channel])), rel=1e-4
        )
    assert not result.dead.all()


@pytest.mark.one_backend
def test_the_five_patterns_of_the_book_on_vgg16_without_its_top():
    model = load_model("VGG16:notop", weights="random")
    start = np.random.default_rng(5).random((32, 32, 3), np.float32) * 20 + 128
    requested = {"block1_conv1": 0, "block3_conv1": [0, 4], "block3_conv2": 0, "block4_conv1": 0}
    result = patterns(model, requested, method="classic", start=start, steps=3)
    compared = 0
    for number, (layer, channel) in enumerate(zip(result.layers, result.channels, strict=True)):
        expected = book_loop(model.model, layer, channel, start, steps=3)
        if np.array_equal(expected, start):
            continue  # silent from this start, where the book's loop stands still
        compared += 1
        np.testing.assert_allclose(result.values[number], expected, atol=2e-2)
        assert np.abs(result.images[number].astype(int) - book_picture(expected)).max() <= 1
        began = reach(model.model, layer, start)[..., channel].mean()
        assert result.start_activation[number] == pytest.approx(float(began), rel=1e-3)
    assert compared >= 4


def reach(model, layer, image):
    """What a layer makes of an image, by Keras alone."""
    part = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return as_array(part(image[None], training=False))[0]


def test_the_picture_of_a_classic_pattern_is_that_of_the_book():
    image = np.random.default_rng(0).normal(100, 30, (2, 9, 7, 3)).astype("float32")
    assert np.array_equal(show(image), np.stack([book_picture(part) for part in image]))


@pytest.mark.parametrize("scale", ["-1..1", "caffe"])
@pytest.mark.parametrize(("method", "steps"), [("robust", 12), ("classic", 12), ("maco", 60)])
def test_what_is_reached_is_what_keras_computes(stack, method, steps, scale):
    result = patterns(stack, "conv_1", method=method, scale=scale, steps=steps, size=(16, 16))
    assert len(result) == 6
    assert result.images.shape == (6, 16, 16, 3)
    assert result.images.dtype == np.uint8
    for number in np.flatnonzero(~result.dead):
        mean = reach(stack.model, "conv_1", result.values[number])[..., number].mean()
        assert result.activation[number] == pytest.approx(float(mean), rel=1e-3, abs=1e-5)
    alive = ~result.dead
    assert result.activation[alive].mean() > result.start_activation[alive].mean()


def test_the_canvas_is_what_the_network_saw(stack):
    result = patterns(stack, "conv", "0:2", scale="torch", **QUICK)
    expected = result.preprocessing.apply(result.images.astype("float32"))
    assert np.abs(result.values - expected).max() < 0.5 / 255 / 0.22 + 1e-4


def test_a_canvas_has_the_size_that_was_asked_for_whatever_the_head(stack):
    result = patterns(stack, "conv", steps=4, size=(24, 40))
    assert result.images.shape == (4, 24, 40, 3)
    assert result.values.shape == (4, 24, 40, 3)


@pytest.mark.one_backend
def test_a_head_that_does_not_take_the_canvas_is_one_line(stack):
    with pytest.raises(ModelInputError, match="built for") as caught:
        patterns(stack, "top", steps=4, size=(24, 40))
    assert "\n" not in str(caught.value)


def test_a_unit_before_its_softmax(stack):
    live = stack.model
    result = patterns(stack, objective="logit", steps=6)
    assert result.layers == ("top",) * 5
    top = live.get_layer("top")
    flat = keras.Model(live.inputs[0], live.get_layer("flat").output)
    features = as_array(flat(result.values))
    kernel, bias = (as_array(part.value) for part in (top.kernel, top.bias))
    logits = features @ kernel + bias
    assert result.activation == pytest.approx(np.diag(logits), rel=1e-3, abs=1e-3)
    assert top.activation is keras.activations.softmax


def test_directions_neurons_and_sums_are_measured_as_they_say(stack):
    live = stack.model
    direction = (3.0, 0.0, 4.0, 0.0, 0.0, 0.0)
    requested = [
        Objective((Term("conv_1", direction=direction),)),
        Objective((Term("conv_1", 2, where="centre"),)),
        Objective((Term("conv_1", 1, weight=0.5), Term("conv", 0, weight=2.0))),
    ]
    result = patterns(stack, objective=requested, jitter=1.0, **QUICK)
    last = [reach(live, "conv_1", image) for image in result.values]
    first = reach(live, "conv", result.values[2])
    expected = [
        (last[0] @ np.array(direction) / 5).mean(),
        last[1][last[1].shape[0] // 2, last[1].shape[1] // 2, 2],
        0.5 * last[2][..., 1].mean() + 2 * first[..., 0].mean(),
    ]
    assert result.activation == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert (result.activation[~result.dead] > result.start_activation[~result.dead]).all()


KINDS = (
    *("nested", "nested_any_size", "shared", "two_inputs", "two_outputs", "subclassed"),
    *("custom_layer", "any_size", "unbuilt"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_has_patterns(kind):
    live = models.KINDS[kind]()
    if live.built:
        models.randomise(live)
    model = load_model(live)
    info = model.info
    if not info.layers:
        info = model.describe({info.inputs[0].name: (1, 16, 16, 3)})
    chosen = [entry.name for entry in info.layers if entry.type == "Conv2D"]
    assert chosen
    result = patterns(model, chosen[-1], "0", **QUICK)
    assert result.layers == (chosen[-1],)
    assert np.isfinite(result.activation).all()
    assert (result.activation >= result.start_activation - 1e-4)[~result.dead].all()


def test_a_grey_network_gives_grey_pictures():
    live = keras.Sequential([keras.Input((None, None, 1)), models.conv(3, "conv")])
    result = patterns(load_model(models.randomise(live)), "conv", **QUICK)
    assert result.values.shape == (3, 16, 16, 1)
    assert (result.images[..., :1] == result.images).all()


def test_channels_first():
    result = patterns(load_model(models.randomise(models.channels_first())), "conv", **QUICK)
    assert result.values.shape[1:] == (16, 16, 3)


def dead_and_shy():
    """Channels: alive; without weights; constant; an edge; below zero for every picture."""
    live = keras.Sequential([keras.Input((None, None, 3)), models.conv(5, "conv")])
    kernel = np.zeros((3, 3, 3, 5), "float32")
    kernel[..., 0], kernel[..., 4] = 0.1, -1
    kernel[:, 0, :, 3], kernel[:, 2, :, 3] = 1, -1
    bias = np.array([0, -1, 0.7, -1.5, -1], "float32")
    live.layers[0].set_weights([kernel, bias])
    return live


@pytest.mark.parametrize("method", ["robust", "classic", "maco"])
def test_what_is_dead_is_called_dead_and_no_picture_of_noise(method, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    options = {"steps": 40, "size": (16, 16), "scale": "0..1", "images": tmp_path}
    if method == "classic":
        options |= {"start": np.full((16, 16, 3), 0.5)}
    result = patterns(load_model(dead_and_shy()), "conv", method=method, **options)
    # Without bounds the last channel wakes: pixels may be darker than black.
    assert result.dead.tolist() == [False, True, True, False, method != "classic"]
    assert (result.images[1:3] == 128).all()
    assert np.isnan(result.robustness[1])
    assert result.activation[2] == pytest.approx(0.7, rel=1e-4)
    assert not result.converged[1]
    assert result.activation[3] > 0
    assert np.ptp(result.images[3]) > 40


def test_an_optimisation_that_moves_a_spot_of_noise_has_failed():
    """A live channel that wakes at one position leaves the rest of the picture as it began."""
    start = np.random.default_rng(0).normal(0.5, 0.01, (48, 48, 3)).astype("float32")
    start[20:23, 20], start[20:23, 22] = 1, 0
    options = {"size": 48, "scale": "0..1", "steps": 4, "method": "classic", "start": start}
    result = patterns(load_model(dead_and_shy()), "conv", [0, 3], **options)
    assert result.failed.tolist() == [False, True]
    assert result.coverage[0] == 1
    assert 9 / 48**2 <= result.coverage[1] < 0.1
    assert result.activation[1] > result.start_activation[1] > 0
    assert (result.images[1] == 128).all()
    assert not result.converged[1]
    neuron = patterns(load_model(dead_and_shy()), "conv", 0, objective="neuron", **options)
    assert np.isnan(neuron.coverage[0])
    assert not neuron.failed[0]


def test_a_pattern_is_judged_by_where_it_ends(tmp_path):
    """An optimisation that steps over a narrow peak ends silent, however high it was in between."""
    live = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 1, activation="relu"),
            keras.layers.Conv2D(2, 1, activation="relu", name="top"),
        ]
    )
    live.layers[0].set_weights([np.float32([[[[1, -1]]]]), np.float32([-0.5, 0.5])])
    peak = np.float32([[[[-20, 1], [-20, 0]]]])  # channel 0: 1 - 20 |x - 0.5|, channel 1: x - 0.5
    live.layers[1].set_weights([peak, np.float32([1, 0])])
    start = np.full((8, 8, 1), 0.51, np.float32)
    result = patterns(load_model(live), "top", method="classic", scale="none", start=start, steps=1)
    assert result.activation[0] == 0 < result.start_activation[0]
    assert result.failed.tolist() == result.empty.tolist() == [True, False]
    assert result.dead.tolist() == [False, False]
    assert not result.converged[0]
    assert (result.images[0] == 128).all()
    assert result.activation[1] > result.start_activation[1]
    document = json.loads(save(result, tmp_path / "found.json").read_text("utf-8"))
    assert (document["dead"], document["failed"]) == (0, 1)
    assert document["patterns"][0]["ended"].startswith("failed after 1 step: the final image")
    save(result, tmp_path / "found.npz")
    read = load(tmp_path / "found.npz", NOUN, result.model)
    assert read.failed.tolist() == [True, False]


def test_the_leak_is_undone():
    live = dead_and_shy()
    layer = live.layers[0]
    before = dict(layer.__dict__)
    patterns(load_model(live), "conv", **QUICK)
    assert layer.activation is keras.activations.relu
    assert "call" not in layer.__dict__ or layer.__dict__["call"] is before.get("call")


def test_a_pattern_does_not_depend_on_those_beside_it(plain):
    together = patterns(plain, "conv", **QUICK)
    alone = patterns(plain, "conv", "2", **QUICK)
    small = patterns(plain, "conv", batch_size=1, **QUICK)
    assert np.abs(together.values[2] - alone.values[0]).max() < 2e-2
    assert np.abs(together.values - small.values).max() < 2e-2


def test_dead_channels_do_not_depend_on_the_batch():
    model = load_model(dead_and_shy())
    together = patterns(model, "conv", **QUICK)
    small = patterns(model, "conv", batch_size=2, **QUICK)
    assert together.dead.tolist() == [False, True, True, False, True]
    assert np.array_equal(together.dead, small.dead)
    assert np.abs(together.values - small.values).max() < 2e-2
    assert together.activation == pytest.approx(small.activation, rel=1e-3, abs=1e-6)


def test_facets_of_a_channel_are_optimised_in_one_batch(stack):
    options = {"facets": 3, "diversity": 1.0, **QUICK}
    together = patterns(stack, "conv_1", "0,3,5", **options)
    small = patterns(stack, "conv_1", "0,3,5", batch_size=4, **options)  # one channel at a time
    assert np.abs(together.values - small.values).max() < 2e-2


def test_the_same_request_gives_the_same_bytes(plain):
    first = patterns(plain, "conv", seed=3, **QUICK)
    again = patterns(load_model(plain.model), "conv", seed=3, **QUICK)
    other = patterns(plain, "conv", seed=4, **QUICK)
    assert first.images.tobytes() == again.images.tobytes()
    assert first.images.tobytes() != other.images.tobytes()


def test_facets_differ_the_more_the_more_diversity_counts(stack):
    settings = {"facets": 2, "steps": 30, "size": (16, 16), "patience": 0}

    def likeness(diversity):
        result = patterns(stack, "conv_1", "0", diversity=diversity, **settings)
        assert [entry.facet for entry in result] == [0, 1]
        flat = [reach(stack.model, "conv_1", image).reshape(-1, 6) for image in result.values]
        first, second = (part.T @ part for part in flat)
        return np.sum(first * second) / np.sqrt(np.sum(first**2) * np.sum(second**2))

    assert likeness(1e4) < likeness(1e-6)


def test_regularisers_make_smoother_and_greyer_pictures(plain):
    def roughness(**more):
        values = patterns(plain, "conv", "0:3", steps=30, size=(16, 16), **more).images.astype(
            float
        )
        return np.abs(np.diff(values, axis=1)).mean(), np.abs(values - 127.5).mean()

    plainly = roughness()
    assert roughness(total_variation=1e3)[0] < plainly[0]
    assert roughness(norm=1e3)[1] < plainly[1]


def test_natural_images_say_where_a_pattern_lies(plain, tmp_path):
    chance = np.random.default_rng(0)
    for number in range(5):
        pixels = chance.integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    result = patterns(plain, "conv", images=tmp_path, **QUICK)
    assert result.natural_count == 5
    assert result.natural.shape == (len(result), 3)
    assert (np.diff(result.natural, axis=1) >= 0).all()
    best = result.activation >= result.natural[:, 2]
    assert (result.percentile[best] == 100).all()
    assert ((result.percentile >= 0) & (result.percentile <= 100)).all()


def test_frames_show_the_steps(plain):
    result = patterns(plain, "conv", "0:2", frames=4, **QUICK)
    assert result.frame_steps[0] == 0
    assert result.frame_steps[-1] == 12
    assert result.frames.shape == (len(result.frame_steps), 2, 16, 16, 3)
    assert np.array_equal(result.frames[-1], result.images)
    assert not np.array_equal(result.frames[0], result.images)


def test_an_interrupted_run_goes_on(plain):
    complete = patterns(plain, "conv", batch_size=1, **QUICK)

    def stop(done, total):
        if done > 12:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        patterns(plain, "conv", batch_size=1, progress=stop, **QUICK)
    part = caught.value.done
    assert 1 <= len(part) < len(complete)
    assert caught.value.count == len(complete)
    rest = patterns(plain, "conv", batch_size=1, done=part, **QUICK)
    assert rest.objectives == complete.objectives
    assert np.array_equal(rest.images, complete.images)
    assert np.array_equal(rest.history, complete.history, equal_nan=True)
    with pytest.raises(UsageError, match="other options"):
        patterns(plain, "conv", done=part, steps=13, size=(16, 16))


WRONG = {
    "a channel that is not there": (("conv", "9"), {}, SelectionError, "no channel 9"),
    "a layer that is not there": (("convv",), {}, SelectionError, "Did you mean conv"),
    "a layer without channels": (("flat", "99999"), {}, SelectionError, "no channel"),
    "no layer": ((), {}, UsageError, "name the layers"),
    "a method": (("conv",), {"method": "robost"}, UsageError, "Did you mean robust"),
    "an objective": (("conv",), {"objective": "neurone"}, UsageError, "unknown objective"),
    "zero steps": (("conv",), {"steps": 0}, UsageError, "steps as a whole number from 1"),
    "no rate": (("conv",), {"rate": float("nan")}, UsageError, "expected rate"),
    "a precision": (("conv",), {"precision": "half"}, UsageError, "float32, mixed"),
    "an option": (("conv",), {"stepz": 3}, UsageError, "unknown option"),
    "a canvas of nothing": (("conv",), {"size": (0, 16)}, UsageError, "a canvas of 1 to"),
    "a start": (("conv",), {"start": np.zeros((4, 4, 3))}, UsageError, "method='classic'"),
    "a direction": (
        (),
        {"objective": Objective((Term("conv", direction=(1.0,)),))},
        SelectionError,
        "a direction of 4 numbers",
    ),
}


@pytest.mark.one_backend
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_request_is_one_line(stack, what):
    arguments, options, error, words = WRONG[what]
    with pytest.raises(error, match=words) as caught:
        patterns(stack, *arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.one_backend
def test_weights_that_are_no_numbers_are_one_line():
    live = models.randomise(models.sequential())
    live.get_layer("conv").kernel.assign(np.full((3, 3, 3, 4), np.nan, "float32"))
    with pytest.raises(LayersightError, match="not a finite number") as caught:
        patterns(load_model(live), "conv_1", **QUICK)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("built", [None, 16])
def test_a_canvas_too_small_for_the_layer(built):
    live = keras.Sequential(
        [
            keras.Input((built, built, 3)),
            keras.layers.Conv2D(2, 5, name="first"),
            keras.layers.Conv2D(2, 5, name="second"),
        ]
    )
    with pytest.raises(ModelInputError, match=r"too small.* larger size with --size") as caught:
        patterns(load_model(live), "second", steps=3, size=(6, 6))
    assert "\n" not in str(caught.value)
