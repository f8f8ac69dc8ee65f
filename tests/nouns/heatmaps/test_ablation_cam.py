"""Ablation-CAM: its paper, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest

import cam_network as nets
import cam_papers as papers


@pytest.mark.parametrize("layer", ["coarse", "fine"])
@pytest.mark.parametrize("goal", [nets.class_goal(2), nets.class_goal(1, 3, before=False)])
@pytest.mark.parametrize("smooth", [False, True])
def test_it_is_its_paper(smooth, goal, layer):
    network, images = nets.Network(dead=[1], smooth=smooth), nets.pictures()
    found = nets.run("ablation-cam", network, images, goal, (layer,))
    papers.close(found, papers.ablation_cams(network, images, goal, layer))


def test_a_channel_that_raises_the_score_counts_for_it_whatever_the_sign_of_the_score():
    network, images = nets.Network("pooled"), nets.pictures(1)
    maps = {}
    for shift in (100, -100):
        moved = dict(images.values, extra=images.values["extra"] + np.float32(shift))
        there = nets.Images(moved, "picture", images.black, images.white)
        score = network.run(moved)["logits"][0, 2]
        assert np.sign(score) == np.sign(shift)
        found = nets.run("ablation-cam", network, there, nets.class_goal(2))
        maps[shift] = found * abs(score)
    assert maps[100].any()
    np.testing.assert_allclose(maps[100], maps[-100], rtol=1e-3)


def test_a_score_of_0_divides_nothing():
    network, images, goal = nets.Network("pooled"), nets.pictures(1), nets.class_goal(2)
    logit = network.run(images.values)["logits"][0, 2]
    network.last[1][2] -= logit
    moved = network.score(network.run(images.values), goal)
    network.last[1][2] -= moved[0]
    assert network.run(images.values)["logits"][0, 2] == 0
    found = nets.run("ablation-cam", network, images, goal)
    assert found.max() > 0
    papers.close(found, papers.ablation_cams(network, images, goal))


def test_dead_channels_cost_no_pass_and_count_exactly_0():
    network, images = nets.Network(dead=[1, 2]), nets.pictures(2)
    nets.run("ablation-cam", network, images, nets.class_goal(2))
    assert network.forwards == [2]
    assert network.ablations == [6, 6]  # Five channels and the whole.


def test_a_dead_layer_costs_no_pass_and_makes_a_map_of_0():
    network = nets.Network(dead=range(7))
    assert not nets.run("ablation-cam", network, nets.pictures(), nets.class_goal(2)).any()
    assert network.ablations == []


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_of_the_channels_those_with_the_largest_squares_are_taken(count):
    """Not those with the largest sum: the values have both signs."""
    network = nets.Network(smooth=True)
    images, goal = nets.pictures(1), nets.class_goal(3)
    values = network.run(images.values)["fine"][0]
    squares = [(values[..., k] ** 2).sum() for k in range(5)]
    chosen = sorted(range(5), key=lambda k: -squares[k])[:count]
    found = nets.run("ablation-cam", network, images, goal, ("fine",), masks=count)
    papers.close(found, papers.ablation_cams(network, images, goal, "fine", chosen=chosen))
    assert sum(network.ablations) == min(count, 5) + 1


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_size_of_a_batch_changes_how_often_the_network_runs_and_nothing_else(size):
    images, goal = nets.pictures(3), nets.class_goal(2, 0, 1)
    network, steps = nets.Network(dead=[4]), []
    found = nets.run("ablation-cam", network, images, goal, batch_size=size, steps=steps)
    whole = nets.run("ablation-cam", nets.Network(dead=[4]), images, goal)
    np.testing.assert_allclose(found, whole, rtol=1e-5)
    assert sum(network.ablations) == 21
    assert max(network.ablations) == min(size, 7)
    runs = len(network.ablations)
    assert steps == [(done, runs + 1) for done in range(1, runs + 2)]


def test_a_score_that_is_no_number_is_not_hidden():
    goal = tuple(nets.scaled(part, np.nan) for part in nets.class_goal(2))
    assert np.isnan(nets.run("ablation-cam", nets.Network(), nets.pictures(), goal)).any()
