"""Targets become weighted sums: hand-computed ones, and what the network itself gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from described import described
from layersight.data.model import ModelInfo
from layersight.data.prediction import gives_probability
from layersight.data.target import PREDICTED, Target
from layersight.nouns.heatmaps.classes import default_output, output_layers
from layersight.nouns.heatmaps.goals import (
    ResolvedTarget,
    make_goal,
    predicted_at,
    read_goal,
    score_offset,
)


def goal_of(*targets, shape, mask=None, before=False):
    """What is read off for each target, of a layer of one shape."""
    asked = [ResolvedTarget(0, target, 0.0, shape, mask) for target in targets]
    return make_goal(asked, before=before)


def values_of(shape, count=1):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("target", "weights"),
    [
        (Target("top", 2), [0, 0, 1, 0]),
        (Target("top", 0, sign=-1), [-1]),
        (Target("top", 1, against=3, sign=-1), [0, -1, 0, 1]),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_class_its_other_side_and_a_contrast(target, weights, before):
    (part,) = goal_of(target, shape=(len(weights),), before=before)
    assert (part.layer, part.before) == ("top", before)
    np.testing.assert_array_equal(part.weights, [weights])
    assert part.weights.dtype == np.float32


@pytest.mark.parametrize("shape", [(4, 5, 3), (9, 3)])
def test_the_mean_of_a_channel_needs_one_position(shape):
    goal, values = goal_of(Target("conv", 1), shape=shape), values_of(shape)
    assert goal[0].weights.shape == (1, *(1 for _ in shape[1:]), 3)
    assert read_goal(goal, values) == pytest.approx(values[..., 1].mean(), rel=1e-5)


def test_a_neuron_a_region_and_where_it_is_predicted():
    shape = (4, 5, 3)
    values = values_of(shape)
    goal = goal_of(Target("conv", 1, where=(2, 4)), shape=shape)
    assert goal[0].weights.shape == (1, 4, 5, 3)
    assert read_goal(goal, values) == pytest.approx(values[0, 2, 4, 1])
    goal = goal_of(Target("conv", 1, where=(1, 0, 3, 4)), shape=shape)
    assert read_goal(goal, values) == pytest.approx(values[0, 1:3, 0:4, 1].mean(), rel=1e-5)
    mask = values[0].argmax(axis=-1) == 1
    goal = goal_of(Target("conv", 1, against=0, where=PREDICTED), shape=shape, mask=mask)
    expected = (values[0, ..., 1] - values[0, ..., 0])[mask].mean()
    assert read_goal(goal, values) == pytest.approx(expected, rel=1e-5)
    nowhere = np.zeros((4, 5), bool)
    goal = goal_of(Target("m", 1, where=PREDICTED), shape=shape, mask=nowhere)
    np.testing.assert_array_equal(read_goal(goal, values), [0])


def test_what_does_not_count_may_be_no_number():
    values = np.array([[np.nan, 2, np.inf], [0, np.inf, 0]], np.float32)
    goal = goal_of(Target("top", 1), shape=(3,))
    np.testing.assert_array_equal(read_goal(goal, values), [2, np.inf])


def test_each_image_of_a_batch_has_its_own_target():
    targets = [
        Target("conv", 1),
        Target("conv", 2, where=(0, 0)),
        Target("conv", 0, sign=-1, where=(0, 0, 2, 2)),
    ]
    goal, values = goal_of(*targets, shape=(4, 5, 3)), values_of((4, 5, 3), 3)
    assert goal[0].weights.shape == (3, 4, 5, 3)
    expected = [values[0, ..., 1].mean(), values[1, 0, 0, 2], -values[2, :2, :2, 0].mean()]
    np.testing.assert_allclose(read_goal(goal, values), expected, rtol=1e-5)
    for index, target in enumerate(targets):
        alone = read_goal(goal_of(target, shape=(4, 5, 3)), values[index : index + 1])
        np.testing.assert_allclose(alone, expected[index], rtol=1e-5)


def test_where_a_unit_is_predicted():
    values = np.array([[[0.2, 0.7], [0.6, 0.1]]], np.float32)
    assert predicted_at(values, 0, probability=True).tolist() == [[False, True]]
    assert predicted_at(values, 1, probability=False).tolist() == [[True, False]]
    one = np.array([[[0.4], [0.6], [-0.1]]], np.float32)
    assert predicted_at(one, 0, probability=True).tolist() == [[False, True, False]]
    assert predicted_at(one, 0, probability=False).tolist() == [[True, True, False]]


def test_the_score_of_the_other_side_of_a_probability_is_the_rest():
    other = Target("top", 0, sign=-1)
    assert score_offset(other, probability=True) == 1
    assert score_offset(other, probability=False) == 0
    assert score_offset(Target("top", 0), probability=True) == 0
    assert score_offset(Target("top", 0, against=1, sign=-1), probability=True) == 0


def chain(*layers, outputs=None):
    named = [
        dataclasses.replace(layer, inputs=(layers[index - 1].name if index else "input",))
        for index, layer in enumerate(layers)
    ]
    ends = (layers[-1].name,) if outputs is None else outputs
    known = tuple(name or "whole" for name in ends)
    return ModelInfo(*("m", "", "", ""), (), known, tuple(named), 0, output_layers=ends)


def layer(name, kind, units=3, activation=None):
    return described(name, kind, (None, units), activation=activation)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((layer("top", "Dense", activation="softmax"),), True),
        ((layer("top", "Dense", activation="linear"),), False),
        ((layer("a", "Dense"), layer("b", "Softmax")), True),
        ((layer("a", "Dense"), layer("b", "Activation", activation="sigmoid")), True),
        ((layer("a", "Dense", activation="softmax"), layer("b", "Reshape")), True),
        ((layer("a", "Dense", activation="softmax"), layer("b", "Dense")), False),
        ((layer("b", "Reshape"),), False),
        ((layer("a", "Dense"), layer("b", "Sigmoid"), layer("c", "Flatten")), True),
    ],
)
def test_what_gives_a_probability(layers, expected):
    info = chain(*layers)
    assert gives_probability(info, info.layers[-1]) is expected


def test_an_output_that_no_layer_gives_is_stood_for_by_the_last_and_said():
    info = chain(layer("a", "Dense"), layer("b", "Dense"), outputs=(None,))
    assert [entry.name for entry in output_layers(info)] == ["b"]
    end, note = default_output(info)
    assert end.name == "b"
    assert "outside of any layer: explained is what 'b' gives" in (note or "")
    assert default_output(chain(layer("a", "Dense")))[1] is None
