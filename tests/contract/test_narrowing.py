"""A few channels of a layer: the same numbers, with less work where that is certain."""

from __future__ import annotations

import contextlib

import keras
import models
import numpy as np
import pytest
from gradients import as_array
from keras import layers, ops
from layersight.frameworks.keras.narrowing import Narrowing

from layersight import patterns
from layersight.frameworks.keras.ascent import opening
from layersight.frameworks.keras.passing import Passing
from layersight.frameworks.keras.view import trace_model
from layersight.loading import load_model
from layersight.nouns.patterns.result import Objective, Term


def fire():
    inputs = keras.Input((16, 16, 3))
    squeezed = models.conv(4, "squeeze")(inputs)
    sides = [layers.Conv2D(6, 1, name="one")(squeezed), models.conv(5, "three")(squeezed)]
    sides[0] = layers.Activation("relu", name="relu")(sides[0])
    joined = layers.Concatenate(name="joined")(sides)
    return keras.Model(inputs, layers.MaxPooling2D(3, strides=2, name="pool")(joined))


def residual():
    inputs = keras.Input((16, 16, 3))
    first = models.conv(6, "first")(inputs)
    hidden = layers.Conv2D(6, 3, padding="same", use_bias=False, name="plain")(first)
    hidden = layers.BatchNormalization(name="norm")(hidden)
    added = layers.Add(name="added")([hidden, first])
    return keras.Model(inputs, layers.LeakyReLU(name="leaky")(added))


def gated():
    inputs = keras.Input((16, 16, 3))
    hidden = models.conv(6, "conv")(inputs)
    gate = layers.Conv2D(1, 1, activation="sigmoid", name="gate")(hidden)
    return keras.Model(inputs, layers.Multiply(name="gated")([hidden, gate]))


def dense():
    inputs = keras.Input((16, 16, 3))
    hidden = models.conv(4, "conv")(inputs)
    more = layers.Concatenate(name="grown")([hidden, models.conv(4, "next")(hidden)])
    pooled = layers.GlobalAveragePooling2D(name="pooled")(more)
    return keras.Model(inputs, layers.Dense(6, activation="softmax", name="top")(pooled))


def deep():
    inputs = keras.Input((16, 16, 3))
    hidden = layers.Conv2D(8, 3, groups=1, strides=2, name="first")(inputs)
    hidden = layers.DepthwiseConv2D(3, name="deep")(hidden)
    hidden = layers.Dropout(0.5, name="drop")(hidden)
    return keras.Model(inputs, layers.Dense(7, activation="tanh", name="mixed")(hidden))


CASES = [
    (fire, ["joined"], True),
    (fire, ["pool"], True),
    (fire, ["one"], True),
    (fire, ["relu", "pool"], True),
    (residual, ["leaky"], True),
    (residual, ["first"], True),
    (residual, ["norm", "leaky"], True),
    (gated, ["gated"], False),  # the gate is spread over all channels
    (dense, ["grown"], True),
    (dense, ["pooled"], True),
    (dense, ["top"], False),  # a softmax weighs all units
    (deep, ["drop"], False),
    (deep, ["mixed"], True),
    (models.sequential, ["norm"], True),
    (models.nested, ["middle/backbone/body"], True),
    (models.shared, ["again@1", "again@2"], True),
    (models.custom_layer, ["block"], False),
]


@pytest.mark.parametrize(
    ("make", "names", "pays"),
    [pytest.param(*case, id=f"{case[0].__name__}-{'-'.join(case[1])}") for case in CASES],
)
def test_some_channels_are_those_of_the_whole(make, names, pays):
    live = models.randomise(make())
    shape = (2, *live.inputs[0].shape[1:])
    view = trace_model(live, [shape], lambda given: given[0])
    sights = [view.handles[name] for name in names]

    def pass_to(wanted):
        return Passing(
            view, "model", lambda given: given[0], lambda _: contextlib.nullcontext(), wanted
        )

    image = np.random.default_rng(0).standard_normal(shape).astype("float32")
    narrowing = Narrowing(view, sights, pass_to)
    assert narrowing.pays == pays
    every = pass_to(tuple(sights))([ops.convert_to_tensor(image)])
    numbers = [np.array([sight.info.channels - 1, 0, 1, 0], "int32") for sight in sights]
    found = narrowing([ops.convert_to_tensor(image)], [ops.convert_to_tensor(n) for n in numbers])
    for sight, own, some in zip(sights, numbers, found, strict=True):
        whole = as_array(every[f"layer:{sight.info.name}"])
        assert as_array(some) == pytest.approx(whole[..., own], abs=1e-5)


def counted(monkeypatch):
    """Counts how many channels are asked for whenever a network runs for a few of them."""
    counts = []
    own = Narrowing.__call__

    def call(self, tensors, channels):
        counts.append([int(numbers.shape[0]) for numbers in channels])
        return own(self, tensors, channels)

    monkeypatch.setattr(Narrowing, "__call__", call)
    return counts


@pytest.mark.parametrize(
    ("leaks", "precision"), [(False, "float32"), (True, "float32"), (False, "mixed")]
)
def test_patterns_climb_the_same_way_with_less_work(monkeypatch, leaks, precision):
    live = models.randomise(fire())
    if leaks:  # a channel that starts silent
        kernel, bias = live.get_layer("three").get_weights()
        live.get_layer("three").set_weights([kernel, bias - 3])
    model = load_model(live)
    options = {"channels": "0,6,9", "steps": 12, "rate": 0.2, "precision": precision}
    counts = counted(monkeypatch)
    found = patterns(model, "joined", **options)
    assert set(map(tuple, counts)) == {(3,)}
    counts.clear()
    monkeypatch.setattr(opening, "SHARE", 1000)
    whole = patterns(model, "joined", **options)
    assert not counts
    assert found.history == pytest.approx(whole.history, rel=1e-3, abs=1e-4, nan_ok=True)
    assert np.array_equal(found.dead, whole.dead)


def test_what_weighs_many_channels_computes_them_all(monkeypatch):
    model = load_model(models.randomise(fire()))
    counts = counted(monkeypatch)
    direction = Objective((Term("joined", direction=(1.0,) * 11),))
    patterns(model, objective=[direction], steps=2)
    patterns(model, "joined", "0", facets=2, diversity=1.0, steps=2)
    assert not counts
    patterns(model, "joined", "0:6", steps=2)  # more than half of them at once
    assert [6] not in counts
    counts.clear()
    both = Objective((Term("joined", 0), Term("squeeze", 1, weight=-1.0)))
    found = patterns(model, objective=[both], steps=2)
    assert set(map(tuple, counts)) == {(1, 1)}
    assert np.isfinite(found.activation).all()
