"""Heatmaps of every kind of model on every backend, and of real ones on real photographs."""

import functools
import math

import keras
import models
import numpy as np
import pytest
from keras import layers

import layersight
from layersight import heatmap
from layersight.data.placing import enlarge, place
from layersight.data.readout import Readout
from layersight.data.target import PREDICTED
from layersight.errors import ModelInputError, SelectionError
from layersight.loading import load_model
from layersight.nouns.heatmaps.result import group_by_image


def photo(size=(16, 16), channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)


def sigmoid():
    """A network with one unit, built so that its CAM is known in closed form."""
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            models.conv(4, "conv"),
            layers.MaxPooling2D(name="pool"),
            models.conv(5, "last"),
            layers.Dropout(0.5, name="drop"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(1, activation="sigmoid", name="unit"),
        ],
        name="sides",
    )


def teachable():
    """As Teachable Machine saves it: two sequential models in a sequential one."""
    body = keras.Sequential(
        [models.backbone("mobile"), layers.GlobalAveragePooling2D(name="gap")], name="sequential_1"
    )
    body.build((None, 16, 16, 3))
    head = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation="relu", name="dense_1"),
            layers.Dense(3, activation="softmax", use_bias=False, name="dense_2"),
        ],
        name="sequential_3",
    )
    return keras.Sequential([keras.Input((16, 16, 3)), body, head], name="sequential_4")


def unet():
    """A segmentation of three classes with a bridge."""
    inputs = keras.Input((16, 16, 3))
    wide = models.conv(4, "down")(inputs)
    low = models.conv(6, "bottom")(layers.MaxPooling2D(name="pool")(wide))
    up = layers.UpSampling2D(name="up")(low)
    joined = models.conv(5, "join")(layers.Concatenate(name="bridge")([up, wide]))
    mask = layers.Conv2D(3, 1, name="scores")(joined)
    return keras.Model(inputs, layers.Softmax(name="mask")(mask), name="unet")


def headed(make):
    """A model whose maps are averaged into four classes."""

    def build():
        inner = make()
        hidden = inner.outputs[0]
        if len(hidden.shape) == 4:
            hidden = layers.GlobalAveragePooling2D(name="mean_of_all")(hidden)
        if len(hidden.shape) > 2:
            hidden = layers.Flatten(name="flatten_all")(hidden)
        outputs = layers.Dense(4, activation="softmax", name="classes")(hidden)
        return keras.Model(inner.inputs, outputs, name="headed")

    return build


CASES = {
    "sigmoid": (sigmoid, "last", (8, 8)),
    "sequential": (models.sequential, "conv_1", (8, 8)),
    "teachable": (teachable, "sequential_1/mobile/body", (8, 8)),
    "nested": (models.nested, "middle/after", (8, 8)),
    "functional": (headed(models.functional), "added", (16, 16)),
    "shared": (headed(models.shared), "difference", (8, 8)),
    "nested_any_size": (headed(models.nested_any_size), "backbone/body", (8, 8)),
    "two_outputs": (models.two_outputs, "conv", (16, 16)),
    "subclassed": (models.subclassed, "tail/last", (8, 8)),
    "custom_layer": (models.custom_layer, None, (16, 16)),
    "any_size": (models.any_size, "conv", (16, 16)),
    "unet": (unet, "join", (16, 16)),
}


@functools.cache
def opened(make, **options):
    """Opened once, so that it is compiled once."""
    return load_model(models.randomise(make()), **options)


def cam_by_hand(model, one, values, output):
    """Grad-CAM as the paper writes it, over the gradients that the contract gives."""
    given = {"picture": values[None]} if len(model.info.inputs) == 1 else {}
    given = {model.info.inputs[0].name: values[None]} if given else given
    info = model.describe({name: array.shape for name, array in given.items()})
    end = next(layer for layer in info.layers if layer.name == output)
    shape = (1,) * (len(end.output_shape) - 1) + (end.channels,)
    weights = np.zeros(shape, np.float32)
    weights[..., one.target.unit] = one.target.sign / math.prod(end.output_shape[1:-1])
    goal = (Readout(output, weights, before=one.target.before),)
    result = model.differentiate(given, goal, layers=one.layers)
    name = one.layers[0]
    alpha = result.gradients[name][0].mean(axis=(0, 1))
    return np.maximum((result.values[name][0] * alpha).sum(-1), 0)


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_model(case):
    make, layer, size = CASES[case]
    model = opened(make)
    unit = 0 if case == "sigmoid" else 1  # of a single probability 1 is the side that it is of
    result = heatmap(model, photo(), target=1)
    (one,) = result
    assert one.values.max() > 0 or one.empty
    assert layer is None or one.layers == (layer,)
    assert one.coarse.shape == size
    assert one.values.shape == (16, 16)
    values = result.images[0].values
    by_hand = cam_by_hand(model, one, values, one.target.layer)
    np.testing.assert_allclose(one.coarse, by_hand, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.values, enlarge(one.coarse, (16, 16)), rtol=1e-6)
    output = np.asarray(
        model.forward({model.info.inputs[0].name: values[None]}, [], outputs=True).outputs[
            model.info.outputs[0]
        ]
    )[0]
    assert one.score == pytest.approx(float(output[..., unit].mean()), rel=1e-4, abs=1e-6)
    (pixels,) = heatmap(model, photo(), target=1, method="gradient")
    assert pixels.values.shape == (16, 16)
    assert pixels.values.max() > 0
    assert pixels.layers == ()


def test_both_sides_of_a_sigmoid_in_closed_form():
    model = opened(sigmoid, labels=("cat", "dog"))
    live = model.model
    result = heatmap(model, photo(), target=["dog", "cat"])
    dog, cat = result
    maps = model.forward({model.info.inputs[0].name: result.images[0].values[None]}, ["last"])
    kernel = np.asarray(live.get_layer("unit").get_weights()[0])[:, 0]
    alike = maps.layers["last"][0] @ kernel / 64
    np.testing.assert_allclose(dog.coarse, np.maximum(alike, 0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cat.coarse, np.maximum(-alike, 0), rtol=1e-4, atol=1e-6)
    assert dog.score + cat.score == pytest.approx(1, abs=1e-6)
    assert dog.explained == pytest.approx(math.log(dog.score / cat.score), rel=1e-3)
    assert cat.explained == -dog.explained
    strongest = heatmap(model, photo())[0]
    assert strongest.score >= 0.5
    assert strongest.target in (dog.target, cat.target)


def test_the_logit_and_the_output_of_a_softmax_differ_as_they_should():
    model = opened(models.sequential)
    before, after = (
        heatmap(model, photo(), target=3, score=score)[0] for score in ("logit", "output")
    )
    assert before.score == after.score == after.explained
    assert before.explained != before.score
    assert not before.empty
    assert not np.allclose(before.values, after.values)
    (contrast,) = heatmap(model, photo(), target="1 vs 0")
    strongest = heatmap(model, photo(), top=5)
    scores = {entry.target.unit: entry for entry in strongest}
    assert [entry.score for entry in strongest] == sorted(
        (e.score for e in strongest), reverse=True
    )
    assert contrast.score == pytest.approx(scores[1].score - scores[0].score, abs=1e-6)
    assert contrast.explained == pytest.approx(
        scores[1].explained - scores[0].explained, rel=1e-4, abs=1e-5
    )
    assert contrast.explained == pytest.approx(
        math.log(scores[1].score / scores[0].score), rel=1e-3, abs=1e-4
    )


METHODS = [
    *("grad-cam", "layercam", "gradient", "gradient-x-input", "smoothgrad"),
    *("integrated-gradients", "guided-backprop", "occlusion", "rise"),
]


def test_images_of_different_classes_share_a_batch():
    model = opened(models.sequential)
    pictures = [photo(seed=seed) for seed in range(4)]
    options = {"top": 2, "scale": "0..1", "samples": 4, "steps": 10, "masks": 6, "cells": 3}
    options |= {"method": METHODS, "window": 3, "stride": 2}
    together = heatmap(model, pictures, **options)
    assert len(together) == 8 * len(METHODS)
    for image, picture in enumerate(pictures):
        alone = heatmap(model, picture, batch_size=1, **options)
        for place_, one in zip(group_by_image(together)[image].indices, alone, strict=True):
            other = together[place_]
            assert (other.target, other.method) == (one.target, one.method)
            np.testing.assert_allclose(other.values, one.values, rtol=2e-3, atol=1e-5)
            assert other.explained == pytest.approx(one.explained, rel=1e-4, abs=1e-5)


def test_two_inputs():
    model = opened(models.two_inputs)
    given = {"left": photo(), "right": photo((8, 8), 1, seed=1)}
    left, right = (heatmap(model, given, target=1, input_name=name) for name in given)
    assert (left[0].layers, right[0].layers) == (("conv_a",), ("conv_b",))
    assert (left[0].values.shape, right[0].values.shape) == ((16, 16), (8, 8))
    assert left[0].score == pytest.approx(right[0].score, rel=1e-5)
    assert right.photographs[0].pixels.shape == (8, 8, 1)
    with pytest.raises(SelectionError, match="'conv_a' does not depend on the input"):
        heatmap(model, given, target=1, input_name="right", layer="conv_a")


def test_a_shared_layer_has_a_map_for_each_call():
    model = opened(headed(models.shared))
    first, second = (
        heatmap(model, photo(), target=1, layer=f"twin@{call}/body")[0] for call in (0, 1)
    )
    assert (first.layers, second.layers) == (("twin@0/body",), ("twin@1/body",))
    assert not np.allclose(first.values, second.values)


def test_two_outputs_and_which_is_meant():
    model = opened(models.two_outputs)
    result = heatmap(model, photo())
    assert result[0].target.layer == "label"
    assert any("of the 2 outputs 'label' is explained" in note for note in result.notes)
    mask = heatmap(model, photo(), target="mask:0@0:8,0:16", method="gradient")[0]
    assert mask.values[:8].max() > 0
    assert mask.values[9:].max() == 0  # a kernel of 3 x 3 sees one row more
    assert heatmap(model, photo(), target="label:2")[0].target.unit == 2


def test_a_segmentation_where_it_is_predicted():
    model = opened(unet, labels=("sky", "tree", "road"))
    result = heatmap(model, photo(), top=3)
    assert all(entry.target.where == PREDICTED for entry in result)
    assert all(entry.layers == ("join",) for entry in result)
    name = model.info.inputs[0].name
    output = model.forward({name: result.images[0].values[None]}, ["mask"]).layers["mask"][0]
    counts = np.bincount(output.argmax(-1).ravel(), minlength=3)
    units = [entry.target.unit for entry in result]
    assert units == [int(unit) for unit in np.argsort(-counts, kind="stable") if counts[unit]]
    for entry in result:
        where = output.argmax(-1) == entry.target.unit
        assert entry.score == pytest.approx(
            float(output[where, entry.target.unit].mean()), rel=1e-4
        )
        weights = np.zeros((1, *output.shape), np.float32)
        weights[0, where, entry.target.unit] = 1 / where.sum()
        given = {name: result.images[0].values[None]}
        goal = (Readout("mask", weights, before=True),)
        back = model.differentiate(given, goal, layers=["join"])
        maps = back.values["join"][0] @ back.gradients["join"][0].mean((0, 1))
        np.testing.assert_allclose(entry.coarse, np.maximum(maps, 0), rtol=1e-4, atol=1e-6)
    (region,) = heatmap(model, photo(), target="tree@2:6,3:9")
    assert region.score == pytest.approx(float(output[2:6, 3:9, 1].mean()), rel=1e-4)
    (neuron,) = heatmap(model, photo(), target="tree@2,3", method="gradient")
    assert neuron.score == pytest.approx(float(output[2, 3, 1]), rel=1e-4)
    # Two convolutions of 3 x 3 on the way that pools: no pixel beyond 8 rows below is seen.
    assert neuron.values[:8].any()
    assert not neuron.values[10:].any()


def test_channels_first():
    inner = models.channels_first()
    outputs = layers.Dense(3, activation="softmax", name="top")(inner.outputs[0])
    model = load_model(models.randomise(keras.Model(inner.inputs, outputs, name="first")))
    result = heatmap(model, photo((16, 12)), target=2)
    assert result[0].layers == ("relu",)
    assert result[0].values.shape == (16, 12)
    by_hand = cam_by_hand(model, result[0], result.images[0].values, "top")
    np.testing.assert_allclose(result[0].coarse, by_hand, rtol=1e-3, atol=1e-5)


def test_any_size_is_that_of_the_image():
    model = opened(models.any_size)
    result = heatmap(model, photo((20, 28)), target=0)
    assert result[0].values.shape == (20, 28)
    smaller = heatmap(model, photo((20, 28)), target=0, size=(10, 12))
    assert smaller[0].values.shape == (10, 12)
    assert smaller.photographs[0].pixels.shape == (20, 28, 3)


@pytest.mark.one_backend
@pytest.mark.parametrize("make", [models.one_axis, models.three_axes])
def test_a_layer_that_is_named_must_have_the_axes_of_the_input(make):
    model = opened(make)
    shape = [size or 1 for size in model.info.inputs[0].shape]
    (entry,) = heatmap(model, np.ones(shape, np.float32), target="pool:0", layer="conv")
    assert entry.layers == ("conv",)
    assert entry.values.shape == tuple(shape[1:-1])
    with pytest.raises(SelectionError, match="found 999") as caught:
        heatmap(
            model,
            np.ones(shape, np.float32),
            target="pool:0@" + ",".join(["999"] * (len(shape) - 2)),
        )
    assert "\n" not in str(caught.value)


def test_a_model_without_convolutions_has_gradients_alone():
    model = load_model(
        models.randomise(
            keras.Sequential(
                [
                    keras.Input((8, 8, 1)),
                    layers.Rescaling(0.5),
                    layers.Flatten(),
                    layers.Dense(3, activation="softmax", name="top"),
                ]
            )
        )
    )
    with pytest.raises(ModelInputError, match=r"the model has no convolutions.*such as gradient"):
        heatmap(model, photo((8, 8), 1))
    kernel = np.asarray(model.model.get_layer("top").get_weights()[0])
    (one,) = heatmap(model, photo((8, 8), 1), method="gradient", target=1)
    np.testing.assert_allclose(
        one.values, np.abs(kernel[:, 1].reshape(8, 8)) / 2, rtol=1e-4, atol=1e-6
    )


@pytest.mark.one_backend
def test_a_layer_that_was_named_on_another_path():
    model = opened(models.two_outputs)
    with pytest.raises(SelectionError, match="does not depend on layer 'mask'"):
        heatmap(model, photo(), target="label:1", layer="mask")


@pytest.mark.one_backend
def test_weights_that_are_no_numbers():
    model = models.randomise(models.sequential())
    layer = model.get_layer("top")
    kernel, bias = layer.get_weights()
    kernel[:, 1] = np.nan
    layer.set_weights([kernel, bias])
    with pytest.raises(ModelInputError, match=r"(NaN|nan).*numbers: top/kernel"):
        heatmap(load_model(model), photo(), target=0)


# Real models and photographs

PHOTO = "images/creative_commons_elephant.jpg"
ADULT = (235, 45, 525, 222)
"""The grown elephant in that photograph of 525 x 351 pixels: left, top, right, bottom."""


def heat_in(result, entry, box):
    """How many times more heat lies in a box of the photograph than if it were spread evenly."""
    heat = on_photograph(result, entry)
    left, top, right, bottom = box
    share = float(heat[top:bottom, left:right].sum() / heat.sum())
    return share * heat.size / ((right - left) * (bottom - top))


def on_photograph(result, entry):
    seen = result.photographs[entry.image]
    return place(entry.values, seen.region, seen.pixels.shape[:2])


def test_the_african_elephant(data):
    model = load_model(
        data / "models/mobilenet_025_224_imagenet.h5", labels=data / "imagenet_classes.txt"
    )
    result = heatmap(model, data / PHOTO)
    (one,) = result
    assert (one.target.unit, one.target.name) == (386, "African elephant")
    assert one.score == pytest.approx(0.42, abs=0.01)
    assert one.layers == ("conv_pw_13_relu",)
    assert one.coarse.shape == (7, 7)
    assert result.photographs[0].pixels.shape == (351, 525, 3)
    heat = on_photograph(result, one)
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert ADULT[0] <= x < ADULT[2]
    assert ADULT[1] <= y < ADULT[3]
    assert heat_in(result, one, ADULT) > 1.7
    head = heat[45:135, 290:410]
    assert head.mean() > 0.8 * heat.max()
    assert (heat > head.mean()).mean() < 0.2
    (after,) = heatmap(model, data / PHOTO, target="african_elephant", score="output")
    assert heat_in(result, after, ADULT) > 2.5
    contrast = heatmap(model, data / PHOTO, target="African elephant vs tusker")[0]
    tusker = heatmap(model, data / PHOTO, target="tusker")[0]
    assert contrast.score == pytest.approx(one.score - tusker.score, abs=1e-6)
    assert contrast.explained == pytest.approx(one.explained - tusker.explained, abs=1e-3)
    with pytest.raises(SelectionError, match="Did you mean African elephant"):
        heatmap(model, data / PHOTO, target="African elefant")
    with pytest.raises(SelectionError, match=r"the name of 2 classes \(134, 517\)"):
        heatmap(model, data / PHOTO, target="crane")
    cropped = heatmap(model, data / PHOTO, target=386, fit="crop")
    outside = on_photograph(cropped, cropped[0])
    assert np.isnan(outside[:, :87]).all()
    assert not np.isnan(outside[:, 88:437]).any()


def test_cats_and_dogs(data):
    model = load_model(data / "models/cats_dogs_150.h5", labels=("cat", "dog"))
    image = data / "images/dog.1100.jpg"
    result = heatmap(model, image, top=2)
    dog, cat = result
    assert [entry.target.name for entry in result] == ["dog", "cat"]
    assert dog.score == pytest.approx(result.predictions[0][0].top[0].score)
    assert dog.score + cat.score == pytest.approx(1, abs=1e-6)
    assert dog.explained == pytest.approx(math.log(dog.score / cat.score), rel=1e-4)
    assert dog.layers == ("conv2d_3",)
    assert dog.coarse.shape == (15, 15)
    assert result.photographs[0].pixels.shape == (413, 500, 3)
    # What speaks for one side speaks against the other.
    both = (dog.coarse > 0) & (cat.coarse > 0)
    assert not both.any()


@pytest.mark.one_backend
def test_the_emotions(data):
    files = sorted((data / "models").glob("keras205_fer2013_mini_XCEPTION.*"))
    model = load_model(files[-1])
    result = heatmap(model, data / "images/dog.1100.jpg", top=2)
    assert (result[0].layers, result[0].coarse.shape) == (("conv2d_7",), (4, 4))
    assert result[0].values.shape == (64, 64)
    assert result.images[0].values.shape == (64, 64, 1)
    assert result.photographs[0].pixels.shape == (413, 500, 3)


@pytest.mark.one_backend
def test_a_network_of_teachable_machine(data):
    name = "2nithing__mask_detector_gradio__671efcd9__keras_model.h5"
    model = load_model(data / "wild" / name)
    result = heatmap(model, data / "images/dog.1100.jpg", method=["grad-cam", "gradient"])
    assert result[0].layers[0].endswith("out_relu")
    assert result[0].coarse.shape == (7, 7)
    assert result[0].values.shape == (224, 224)
    assert result[1].values.max() > 0


def test_every_wild_model_gives_a_heatmap_or_one_line(data):
    listed = (data / "wild/manifest.tsv").read_text().splitlines()
    head, *rows = [row.split("\t") for row in listed]
    names = [row[head.index("file")] for row in rows if row[head.index("expect")] == "opens"]
    if keras.backend.backend() != "torch":  # which alone compiles nothing
        names = names[::4]
    made, refused = [], []
    for name in names:
        model = load_model(data / "wild" / name)
        try:
            result = layersight.heatmap(model, data / "images/dog.1100.jpg")
        except (ModelInputError, SelectionError) as error:
            refused.append((name, str(error)))
            continue
        made.append(name)
        for entry in result:
            assert np.isfinite(entry.values).all(), name
            assert entry.empty == (not entry.values.any()), name
            assert np.isfinite(entry.score), name
            assert entry.notes or not entry.empty, name
    assert len(made) > 3 * len(refused)
    assert not [name for name, text in refused if "\n" in text]
