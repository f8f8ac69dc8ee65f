"""Score-CAM: its paper, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest

import cam_network as nets
import cam_papers as papers
from layersight.data.placing import weights
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.copies import Rows
from layersight.nouns.heatmaps.methods.score_cam import alike, mask


@pytest.mark.parametrize("layer", ["coarse", "fine"])
@pytest.mark.parametrize("goal", [nets.class_goal(2), nets.class_goal(1, 3, before=False)])
@pytest.mark.parametrize("smooth", [False, True])
def test_it_is_its_paper(smooth, goal, layer):
    network, images = nets.Network(dead=[1], twins=[(0, 3)], smooth=smooth), nets.pictures()
    found = nets.run("score-cam", network, images, goal, (layer,))
    papers.close(found, papers.score_cams(network, images, goal, layer))


@pytest.mark.parametrize("name", ["black", "grey", "white", "mean", "blur"])
def test_the_mask_leads_to_the_baseline(name):
    network, goal = nets.Network(), nets.class_goal(2)
    images = nets.pictures()
    images = nets.Images(
        images.values, "picture", np.array([-1, -2, -3], "f4"), np.array([2, 1, 3], "f4")
    )
    nothing = nets.baseline(images, name)
    found = nets.run("score-cam", network, images, goal, baseline=name)
    papers.close(found, papers.score_cams(network, images, goal, nothing=nothing))


def test_constant_maps_cost_no_pass_and_maps_that_are_the_same_cost_one():
    network = nets.Network(dead=[1, 2], twins=[(0, 3), (0, 6)])
    nets.run("score-cam", network, nets.pictures(1), nets.class_goal(2))
    assert network.forwards == [1]
    assert network.reads == [3]  # Channels 0, 4 and 5: 1 and 2 are dead, 3 and 6 are like 0.


def test_maps_are_alike_if_no_position_is_apart():
    maps = np.random.default_rng(0).random(size=(6, 5, 4)).astype("f4")
    maps[3] = maps[1] + 5e-7
    maps[4] = maps[1] + np.float32(1e-4)
    maps[5] = maps[1].T.reshape(5, 4)
    assert alike(maps).tolist() == [0, 1, 2, 1, 4, 5]


def test_a_layer_that_is_constant_costs_no_pass_and_makes_a_map_of_0():
    network = nets.Network(dead=range(7))
    assert not nets.run("score-cam", network, nets.pictures(), nets.class_goal(2)).any()
    assert network.reads == []


@pytest.mark.parametrize("count", [1, 3, 7, 100])
def test_of_the_channels_those_with_the_largest_deviation_are_taken(count):
    network, images, goal = nets.Network(), nets.pictures(1), nets.class_goal(2)
    values = network.run(images.values)["coarse"][0]
    deviations = [values[..., k].std() for k in range(7)]
    chosen = sorted(range(7), key=lambda k: -deviations[k])[:count]
    found = nets.run("score-cam", network, images, goal, masks=count)
    papers.close(found, papers.score_cams(network, images, goal, chosen=chosen))
    assert sum(network.reads) == min(count, 7)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_size_of_a_batch_changes_how_often_the_network_runs_and_nothing_else(size):
    images, goal = nets.pictures(3), nets.class_goal(2, 0, 1)
    network = nets.Network(dead=[4])
    steps = []
    found = nets.run("score-cam", network, images, goal, batch_size=size, steps=steps)
    whole = nets.run("score-cam", nets.Network(dead=[4]), images, goal)
    np.testing.assert_allclose(found, whole, rtol=1e-5)
    assert sum(network.reads) == 18
    assert network.reads[:-1] == [min(size, 18)] * (len(network.reads) - 1)
    assert steps == [(done, len(network.reads) + 1) for done in range(1, len(network.reads) + 2)]


def test_scores_far_apart_leave_the_strongest_and_do_not_overflow():
    network, images = nets.Network(), nets.pictures(1)
    goal = tuple(nets.scaled(part, 1e5) for part in nets.class_goal(2))
    found = nets.run("score-cam", network, images, goal)
    values = network.run(images.values)["coarse"][0]
    apart = [np.abs(values[..., k] - found[0]).max() for k in range(7)]
    assert min(apart) < 1e-5


def test_a_score_that_is_no_number_is_named():
    goal = tuple(nets.scaled(part, np.nan) for part in nets.class_goal(2))
    with pytest.raises(ModelInputError, match="score is not finite"):
        nets.run("score-cam", nets.Network(), nets.pictures(), goal)


class Even(nets.Given):
    """Gives every image the same score."""

    def read(self, inputs, goal):
        return np.zeros(len(inputs["picture"]), np.float32)


def test_a_map_that_is_constant_only_once_it_is_the_size_of_the_image_counts_0():
    """A larger map can be, in a smaller image: here what it takes away is all that varies."""
    images, goal = nets.pictures(1), nets.class_goal(0)
    values = np.zeros((1, 36, 8, 2), np.float32)
    values[..., 0] = 1 + np.linalg.svd(weights(36, nets.HEIGHT))[2][-1][:, None]
    values[..., 1] = np.linspace(0, 1, 36)[:, None]
    assert np.ptp(values[..., 0]) > 0.1
    out = np.empty((2, nets.HEIGHT, nets.WIDTH, 3), np.float32)
    rows = Rows(np.array([0, 1]), np.array([0, 0]))
    seen = mask(images, np.zeros_like(images.pixels), values, rows, out=out)
    assert seen.tolist() == [False, True]
    assert not out[0].any()
    assert out[1].any()
    found = nets.run("score-cam", Even(values, values), images, goal)
    np.testing.assert_array_equal(found, values[..., 1])
    found = nets.run("score-cam", Even(values[..., :1], values), images, goal)
    assert not found.any()
