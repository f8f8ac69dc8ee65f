"""Networks that scale their input themselves, or do not, in all the forms that people write.

Each ends its stem in a convolution of one pixel, ``conv``, so that what it gives tells the numbers
that reached it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import models
import numpy as np
from keras import layers, ops

SIDE = 8

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, in RGB of pixels / 255."""

BGR = (103.939, 116.779, 123.68)
"""The means of the Caffe models, in BGR of pixels."""


@dataclass(frozen=True)
class Case:
    """A network, and what its author fed.

    Attributes:
        make: From the input to what the first weights take.
        fed: The scale in which the author fed pixels.
        core: From a colour, as pixels, to what the first weights must get.
        told: What must stand in the reason.
        shape: Of the input.
        name: Of the model around the convolution, ``None`` for none.
        dtype: Of the input.
    """

    make: Callable[[Any], Any]
    fed: str
    core: Callable[[np.ndarray], np.ndarray]
    told: str = "scales its input itself"
    shape: tuple[int | None, ...] = (SIDE, SIDE, 3)
    name: str | None = None
    dtype: str = "float32"


def unit(colour):
    return colour / 255


def sides(colour):
    return colour / 127.5 - 1


def caffe(colour):
    return colour[::-1] - np.array(BGR)


def torch(colour):
    return (colour / 255 - np.array(MEAN)) / np.array(STD)


def chain(*steps):
    def make(x):
        for step in steps:
            x = step(x)
        return x

    return make


def nested(*inner, depth=1):
    """Layers in a model of their own, in one of its own ..."""

    def make(x):
        model = keras.Sequential([*inner], name="inner_0")
        for level in range(1, depth + 1):
            inputs = keras.Input(x.shape[1:])
            model = keras.Model(inputs, model(inputs), name=f"inner_{level}")
        return model(x)

    return make


def adapted(scale):
    """A Normalization that has seen pictures, as its weights tell."""

    def make(x):
        layer = layers.Normalization(name="normalization")
        pixels = np.random.default_rng(0).normal(0.45, 0.25, (64, 3)).clip(0, 1) * scale
        layer.adapt(pixels.astype("float32").reshape(64, 1, 1, 3))
        return layer(x)

    return make


def adapted_core(scale):
    pixels = np.random.default_rng(0).normal(0.45, 0.25, (64, 3)).clip(0, 1) * scale
    pixels = pixels.astype("float32")
    return lambda colour: (colour * scale / 255 - pixels.mean(0)) / pixels.std(0)


def split_bgr(x):
    """As VGG was written for TensorFlow: split, subtract, and join the other way round."""
    red, green, blue = ops.split(x, 3, axis=-1)
    return ops.concatenate([blue - BGR[0], green - BGR[1], red - BGR[2]], axis=-1)


def first_and_back(x):
    x = layers.Permute((3, 1, 2))(x)
    return layers.Permute((2, 3, 1))(layers.Rescaling(1 / 255)(x))


def both_ways(x):
    return layers.RandomZoom(0.1)(layers.RandomRotation(0.2)(layers.RandomFlip()(x)))


mobilenet = keras.applications.mobilenet_v2.preprocess_input
vgg = keras.applications.vgg16.preprocess_input
densenet = keras.applications.densenet.preprocess_input

RAW = {
    "rescaling": Case(layers.Rescaling(1 / 255), "none", unit, "pixels / 255 in 'rescaling"),
    "rescaling_offset": Case(layers.Rescaling(1 / 127.5, -1), "none", sides, "pixels / 127.5 - 1"),
    "divide": Case(lambda x: x / 255, "none", unit, "pixels / 255"),
    "divide_subtract": Case(lambda x: x / 127.5 - 1, "none", sides, "pixels / 127.5 - 1"),
    "subtract_divide": Case(lambda x: (x - 127.5) / 127.5, "none", sides),
    "multiply": Case(lambda x: x * (1 / 255), "none", unit),
    "less_128": Case(lambda x: (x - 128) / 128, "none", lambda c: (c - 128) / 128),
    "one_half": Case(lambda x: x / 255 - 0.5, "none", lambda c: c / 255 - 0.5),
    "negative": Case(lambda x: 1 - x / 255, "none", lambda c: 1 - c / 255),
    "mean_alone": Case(lambda x: x - 127.5, "none", lambda c: c - 127.5, "pixels - 127.5"),
    "normalization": Case(
        layers.Normalization(mean=[120.0] * 3, variance=[4000.0] * 3),
        "none",
        lambda c: (c - 120) / 4000**0.5,
    ),
    "adapted": Case(adapted(255.0), "none", adapted_core(255.0), "'normalization'"),
    "rescaling_normalization": Case(
        chain(
            layers.Rescaling(1 / 255),
            layers.Normalization(mean=list(MEAN), variance=[value**2 for value in STD]),
        ),
        "none",
        torch,
    ),
    "preprocess_tf": Case(mobilenet, "none", sides, "pixels / 127.5 - 1"),
    "preprocess_caffe": Case(vgg, "none", caffe, "BGR pixels - (103.9, 116.8, 123.7)"),
    "preprocess_torch": Case(densenet, "none", torch),
    "split": Case(split_bgr, "none", caffe, "BGR pixels"),
    "swapped": Case(lambda x: x[..., ::-1] / 255, "none", lambda c: c[::-1] / 255, "BGR pixels"),
    "log": Case(ops.log1p, "none", np.log1p),
    "cast": Case(lambda x: ops.cast(x, "float32") / 255, "none", unit, dtype="float16"),
    "bytes": Case(
        lambda x: ops.cast(x, "float32") / 255, "none", unit, "takes whole numbers", dtype="uint8"
    ),
    "in_a_model": Case(nested(layers.Rescaling(1 / 255)), "none", unit, "'inner_1/inner_0/"),
    "in_three_models": Case(nested(layers.Rescaling(1 / 255), depth=3), "none", unit),
    "in_a_model_with_ops": Case(
        nested(layers.Normalization(mean=127.5, variance=127.5**2)), "none", sides
    ),
    "augmented": Case(chain(both_ways, lambda x: x / 255), "none", unit),
    "augmented_model": Case(
        chain(nested(layers.RandomFlip(), layers.RandomContrast(0.2)), layers.Rescaling(1 / 255)),
        "none",
        unit,
    ),
    "bright": Case(
        chain(layers.RandomBrightness(0.2, value_range=(0, 255)), mobilenet), "none", sides
    ),
    "resized": Case(chain(layers.Resizing(6, 6), layers.Rescaling(1 / 255)), "none", unit),
    "cropped": Case(chain(layers.CenterCrop(4, 4), layers.Rescaling(1 / 255)), "none", unit),
    "padded": Case(chain(layers.ZeroPadding2D(1), layers.Rescaling(1 / 255)), "none", unit),
    "pooled": Case(chain(layers.AveragePooling2D(2), layers.Rescaling(1 / 255)), "none", unit),
    "noisy": Case(chain(layers.Rescaling(1 / 255), layers.GaussianNoise(0.1)), "none", unit),
    "turned": Case(first_and_back, "none", unit),
    "large": Case(
        chain(layers.Resizing(SIDE, SIDE), layers.Rescaling(1 / 255)),
        "none",
        unit,
        shape=(500, 400, 3),
    ),
    "any_size": Case(layers.Rescaling(1 / 255), "none", unit, shape=(None, None, 3)),
    "grey": Case(layers.Rescaling(1 / 255), "none", unit, shape=(SIDE, SIDE, 1)),
    "grey_of_colours": Case(
        lambda x: ops.mean(x, axis=-1, keepdims=True) / 255,
        "none",
        lambda c: c.mean(keepdims=True) / 255,
    ),
    "colours_of_grey": Case(
        lambda x: ops.repeat(x, 3, axis=-1) / 127.5 - 1,
        "none",
        lambda c: np.repeat(c, 3) / 127.5 - 1,
        shape=(SIDE, SIDE, 1),
    ),
    "efficientnet": Case(
        chain(layers.Rescaling(1 / 255), layers.Normalization(mean=[0.5] * 3, variance=[0.06] * 3)),
        "none",
        lambda c: (c / 255 - 0.5) / 0.06**0.5,
        name="efficientnetb0",
    ),
    "lesson": Case(chain(both_ways, mobilenet), "none", sides, name="mobilenetv2_1.00_96"),
    "lesson_vgg": Case(chain(both_ways, vgg), "none", caffe, name="vgg16"),
    "against_its_name": Case(lambda x: x / 255, "none", unit, name="mobilenet_1.00_96"),
}
"""Fed pixels as they are."""

FED = {
    "from_unit": Case(layers.Rescaling(2.0, -1.0), "0..1", sides, "goes on from 0..1"),
    "from_unit_ops": Case(lambda x: (x - 0.5) * 2, "0..1", sides, "goes on from 0..1"),
    "from_unit_half": Case(lambda x: x - 0.5, "0..1", lambda c: c / 255 - 0.5, "goes on from 0..1"),
    "from_unit_torch": Case(
        lambda x: (x - np.array(MEAN, "float32")) / np.array(STD, "float32"),
        "0..1",
        torch,
        "goes on from 0..1",
    ),
    "from_unit_adapted": Case(adapted(1.0), "0..1", adapted_core(1.0), "goes on from 0..1"),
    "from_unit_caffe": Case(lambda x: vgg(x * 255), "0..1", caffe, "goes on from 0..1"),
    "from_unit_named": Case(
        lambda x: x * 2 - 1, "0..1", sides, "goes on from 0..1", name="mobilenet_1.00_96"
    ),
    "from_unit_clipped": Case(lambda x: ops.clip(x, 0, 1), "0..1", unit, "goes on from 0..1"),
    "from_sides": Case(lambda x: (x + 1) / 2, "-1..1", unit, "goes on from -1..1"),
    "from_sides_pixels": Case(
        lambda x: (x + 1) * 127.5, "-1..1", lambda c: c, "goes on from -1..1"
    ),
}
"""Fed something else, that the network goes on from."""

NONE = {
    "plain": Case(lambda x: x, "0..1", unit, "not known"),
    "flipped": Case(layers.RandomFlip(), "0..1", unit, "not known"),
    "swapped_alone": Case(lambda x: x[..., ::-1], "0..1", lambda c: c[::-1] / 255, "not known"),
    "not_adapted": Case(
        layers.Normalization(mean=[0.0] * 3, variance=[1.0] * 3), "0..1", unit, "not known"
    ),
    "named": Case(lambda x: x, "-1..1", sides, "MobileNet", name="mobilenet_1.00_96"),
    "named_vgg": Case(lambda x: x, "caffe", caffe, "VGG", name="vgg16"),
    "named_swapped": Case(lambda x: x[..., ::-1], "caffe", caffe, "VGG", name="vgg16"),
}
"""Where the stem says nothing: the name decides, or it is not known."""

CASES = RAW | FED | NONE


def network(case):
    """The network of a case, its weights random and always the same."""
    inputs = keras.Input(case.shape, name="picture", dtype=case.dtype)
    x = case.make(inputs)
    conv = layers.Conv2D(3, 1, name="conv")
    if case.name is None:
        x = conv(x)
    else:
        inner = keras.Input(x.shape[1:])
        x = keras.Model(inner, conv(inner), name=case.name)(x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    model = keras.Model(inputs, layers.Dense(2, name="top")(x), name="outer")
    draw = np.random.default_rng(1)
    conv.set_weights([draw.normal(size=tuple(w.shape)).astype("float32") for w in conv.weights])
    return model


def side_branch():
    """Rescales beside the path to the first convolution."""
    inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    beside = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    main = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, name="conv")(inputs))
    joined = layers.Concatenate()([main, beside])
    return models.randomise(keras.Model(inputs, layers.Dense(2)(joined)))


def small_branch():
    """Rescales before a small head beside the large body."""
    inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    beside = layers.Conv2D(1, 1, name="small")(layers.Rescaling(1 / 255)(inputs))
    main = layers.Conv2D(8, 3, padding="same", name="body")(
        layers.Conv2D(3, 1, name="conv")(inputs)
    )
    joined = layers.Concatenate()([main, beside])
    return models.randomise(keras.Model(inputs, layers.Conv2D(2, 1)(joined)))


def regressor():
    """Rescales what it gives, an angle, and nothing that it takes."""
    inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, name="conv")(inputs))
    return models.randomise(keras.Model(inputs, layers.Rescaling(25.0)(layers.Dense(1)(x))))


def denoiser():
    """Takes from its input the noise that it finds."""
    inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    noise = layers.Conv2D(3, 1, name="conv")(inputs)
    return models.randomise(keras.Model(inputs, layers.Subtract()([inputs, noise])))


ELSEWHERE = {made.__name__: made for made in (side_branch, small_branch, regressor, denoiser)}
"""Arithmetic, but not on the path from the input to the first weights."""
