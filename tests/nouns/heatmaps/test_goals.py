"""Targets become weighted sums: hand-computed ones, and what the network itself gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from described import described
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.prediction import gives_probability
from layersight.data.target import PREDICTED, Target
from layersight.nouns.heatmaps.classes import default_output, output_layers
from layersight.nouns.heatmaps.goals import (
    ResolvedTarget,
    make_goal,
    offset_of,
    predicted_at,
    read_off,
)


def asked(target: Target, shape: tuple[int, ...], mask: np.ndarray | None = None) -> ResolvedTarget:
    return ResolvedTarget(0, target, 0.0, shape, mask)


def values_of(shape: tuple[int, ...], count: int = 1) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


def test_a_class_of_a_vector():
    goal = make_goal([asked(Target("top", 2), (4,))], before=True)
    assert len(goal) == 1
    assert (goal[0].layer, goal[0].before) == ("top", True)
    np.testing.assert_array_equal(goal[0].weights, [[0, 0, 1, 0]])
    assert goal[0].weights.dtype == np.float32


def test_the_other_side_and_a_contrast():
    goal = make_goal([asked(Target("top", 0, sign=-1), (1,))], before=True)
    np.testing.assert_array_equal(goal[0].weights, [[-1]])
    goal = make_goal([asked(Target("top", 1, against=3, sign=-1), (4,))], before=False)
    np.testing.assert_array_equal(goal[0].weights, [[0, -1, 0, 1]])
    assert not goal[0].before


def test_the_mean_of_a_channel_needs_one_position():
    goal = make_goal([asked(Target("conv", 1), (4, 5, 3))], before=False)
    assert goal[0].weights.shape == (1, 1, 1, 3)
    values = values_of((4, 5, 3))
    assert read_off(goal, values) == pytest.approx(values[..., 1].mean(), rel=1e-5)
    signal = values_of((9, 3))
    goal = make_goal([asked(Target("conv", 2), (9, 3))], before=False)
    assert goal[0].weights.shape == (1, 1, 3)
    assert read_off(goal, signal) == pytest.approx(signal[..., 2].mean(), rel=1e-5)


def test_a_neuron_a_region_and_where_it_is_predicted():
    values = values_of((4, 5, 3))
    goal = make_goal([asked(Target("conv", 1, where=(2, 4)), (4, 5, 3))], before=False)
    assert goal[0].weights.shape == (1, 4, 5, 3)
    assert read_off(goal, values) == pytest.approx(values[0, 2, 4, 1])
    goal = make_goal([asked(Target("conv", 1, where=(1, 0, 3, 4)), (4, 5, 3))], before=False)
    assert read_off(goal, values) == pytest.approx(values[0, 1:3, 0:4, 1].mean(), rel=1e-5)
    mask = values[0].argmax(axis=-1) == 1
    target = Target("conv", 1, against=0, where=PREDICTED)
    goal = make_goal([asked(target, (4, 5, 3), mask)], before=False)
    expected = (values[0, ..., 1] - values[0, ..., 0])[mask].mean()
    assert read_off(goal, values) == pytest.approx(expected, rel=1e-5)


def test_what_does_not_count_may_be_no_number():
    goal = make_goal([asked(Target("top", 1), (3,))], before=False)
    values = np.array([[np.nan, 2, np.inf], [0, np.inf, 0]], np.float32)
    np.testing.assert_array_equal(read_off(goal, values), [2, np.inf])


def test_what_is_nowhere_predicted_reads_0():
    mask = np.zeros((4, 5), bool)
    goal = make_goal([asked(Target("m", 1, where=PREDICTED), (4, 5, 3), mask)], before=False)
    np.testing.assert_array_equal(read_off(goal, values_of((4, 5, 3))), [0])


def test_each_image_of_a_batch_has_its_own_target():
    targets = [
        Target("conv", 1),
        Target("conv", 2, where=(0, 0)),
        Target("conv", 0, sign=-1, where=(0, 0, 2, 2)),
    ]
    goal = make_goal([asked(target, (4, 5, 3)) for target in targets], before=True)
    assert goal[0].weights.shape == (3, 4, 5, 3)
    values = values_of((4, 5, 3), 3)
    expected = [values[0, ..., 1].mean(), values[1, 0, 0, 2], -values[2, :2, :2, 0].mean()]
    np.testing.assert_allclose(read_off(goal, values), expected, rtol=1e-5)
    for place, target in enumerate(targets):
        alone = make_goal([asked(target, (4, 5, 3))], before=True)
        np.testing.assert_allclose(
            read_off(alone, values[place : place + 1]), expected[place], rtol=1e-5
        )


def test_where_a_unit_is_predicted():
    values = np.array([[[0.2, 0.7], [0.6, 0.1]]], np.float32)
    assert predicted_at(values, 0, probability=True).tolist() == [[False, True]]
    assert predicted_at(values, 1, probability=False).tolist() == [[True, False]]
    one = np.array([[[0.4], [0.6], [-0.1]]], np.float32)
    assert predicted_at(one, 0, probability=True).tolist() == [[False, True, False]]
    assert predicted_at(one, 0, probability=False).tolist() == [[True, True, False]]


def test_the_score_of_the_other_side_of_a_probability_is_the_rest():
    other = Target("top", 0, sign=-1)
    assert offset_of(other, probability=True) == 1
    assert offset_of(other, probability=False) == 0
    assert offset_of(Target("top", 0), probability=True) == 0
    assert offset_of(Target("top", 0, against=1, sign=-1), probability=True) == 0


def chain(*layers: LayerInfo, outputs: tuple[str | None, ...] | None = None) -> ModelInfo:
    named = [
        dataclasses.replace(layer, inputs=(layers[place - 1].name if place else "input",))
        for place, layer in enumerate(layers)
    ]
    ends = (layers[-1].name,) if outputs is None else outputs
    known = tuple(name or "whole" for name in ends)
    return ModelInfo(*("m", "", "", ""), (), known, tuple(named), 0, output_layers=ends)


def layer(name: str, kind: str, units: int = 3, activation: str | None = None) -> LayerInfo:
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
