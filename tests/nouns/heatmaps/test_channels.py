"""Score-CAM and Ablation-CAM, which run a network for each channel, and what CAMs share."""

from __future__ import annotations

import numpy as np
import pytest

import cam_papers as papers
import numpy_networks as nets
from layersight.data.placing import weights
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.methods.score_cam import find_equal, mask
from layersight.nouns.heatmaps.passes import Rows, normalise, select_goals, strongest_indices

PAPERS = {"score-cam": papers.score_cams, "ablation-cam": papers.ablation_cams}
BOTH = pytest.mark.parametrize("method", PAPERS)


@BOTH
@pytest.mark.parametrize("layer", ["coarse", "fine"])
@pytest.mark.parametrize("goal", [nets.class_goal(2), nets.class_goal(1, 3, before=False)])
@pytest.mark.parametrize("smooth", [False, True])
def test_a_method_is_its_paper(method, smooth, goal, layer):
    twins = [(0, 3)] if method == "score-cam" else []
    network, images = nets.Network(dead=[1], twins=twins, smooth=smooth), nets.pictures()
    result = nets.run(method, network, images, goal, (layer,))
    papers.close(result, PAPERS[method](network, images, goal, layer))


@BOTH
def test_a_layer_that_is_constant_costs_no_pass_and_makes_a_map_of_0(method):
    network = nets.Network(dead=range(7))
    assert not nets.run(method, network, nets.pictures(), nets.class_goal(2)).any()
    assert network.reads == network.ablations == []


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize(
    ("method", "layer", "size"),
    [
        ("score-cam", "coarse", np.std),
        # Not those with the largest sum: the values have both signs.
        ("ablation-cam", "fine", lambda maps: (maps**2).sum()),
    ],
)
def test_of_the_channels_the_strongest_are_taken(method, layer, size, count):
    network = nets.Network(smooth=method == "ablation-cam")
    images, goal = nets.pictures(1), nets.class_goal(3)
    values = network.run(images.values)[layer][0]
    sizes = [size(values[..., channel]) for channel in range(values.shape[-1])]
    chosen = sorted(range(len(sizes)), key=lambda channel: -sizes[channel])[:count]
    result = nets.run(method, network, images, goal, (layer,), masks=count)
    papers.close(result, PAPERS[method](network, images, goal, layer, chosen=chosen))
    passes, whole = network.reads + network.ablations, method == "ablation-cam"
    assert sum(passes) == min(count, len(sizes)) + whole


@BOTH
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_size_of_a_batch_changes_how_often_the_network_runs_and_nothing_else(method, size):
    images, goal = nets.pictures(3), nets.class_goal(2, 0, 1)
    network, steps = nets.Network(dead=[4]), []
    result = nets.run(method, network, images, goal, batch_size=size, steps=steps)
    whole = nets.run(method, nets.Network(dead=[4]), images, goal)
    np.testing.assert_allclose(result, whole, rtol=1e-5)
    passes = network.reads or network.ablations
    if method == "score-cam":  # six channels of three images, also of several in one batch
        assert sum(passes) == 18
        assert passes[:-1] == [min(size, 18)] * (len(passes) - 1)
    else:  # and the whole, each image by itself
        assert sum(passes) == 21
        assert max(passes) == min(size, 7)
    assert steps == [(done, len(passes) + 1) for done in range(1, len(passes) + 2)]


def test_a_score_that_is_no_number_is_not_hidden():
    goal = tuple(nets.scaled(part, np.nan) for part in nets.class_goal(2))
    assert np.isnan(nets.run("ablation-cam", nets.Network(), nets.pictures(), goal)).any()
    with pytest.raises(ModelInputError, match="score is not finite"):
        nets.run("score-cam", nets.Network(), nets.pictures(), goal)


def test_a_channel_that_raises_the_score_counts_for_it_whatever_the_sign_of_the_score():
    network, images = nets.Network("pooled"), nets.pictures(1)
    maps = {}
    for shift in (100, -100):
        moved = dict(images.values, extra=images.values["extra"] + np.float32(shift))
        there = nets.Images(moved, "picture", images.black, images.white)
        score = network.run(moved)["logits"][0, 2]
        assert np.sign(score) == np.sign(shift)
        result = nets.run("ablation-cam", network, there, nets.class_goal(2))
        maps[shift] = result * abs(score)
    assert maps[100].any()
    np.testing.assert_allclose(maps[100], maps[-100], rtol=1e-3)


def test_a_score_of_0_divides_nothing():
    network, images, goal = nets.Network("pooled"), nets.pictures(1), nets.class_goal(2)
    logit = network.run(images.values)["logits"][0, 2]
    network.last[1][2] -= logit
    moved = network.score(network.run(images.values), goal)
    network.last[1][2] -= moved[0]
    assert network.run(images.values)["logits"][0, 2] == 0
    result = nets.run("ablation-cam", network, images, goal)
    assert result.max() > 0
    papers.close(result, papers.ablation_cams(network, images, goal))


def test_dead_channels_cost_no_pass_and_count_exactly_0():
    network, images = nets.Network(dead=[1, 2]), nets.pictures(2)
    nets.run("ablation-cam", network, images, nets.class_goal(2))
    assert network.forwards == [2]
    assert network.ablations == [6, 6]  # Five channels and the whole.


@pytest.mark.parametrize("name", ["black", "grey", "white", "mean", "blur"])
def test_the_mask_leads_to_the_baseline(name):
    network, goal = nets.Network(), nets.class_goal(2)
    images = nets.pictures()
    images = nets.Images(
        images.values, "picture", np.array([-1, -2, -3], "f4"), np.array([2, 1, 3], "f4")
    )
    nothing = nets.baseline(images, name)
    result = nets.run("score-cam", network, images, goal, baseline=name)
    papers.close(result, papers.score_cams(network, images, goal, nothing=nothing))


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
    assert find_equal(maps).tolist() == [0, 1, 2, 1, 4, 5]


def test_scores_far_apart_leave_the_strongest_and_do_not_overflow():
    network, images = nets.Network(), nets.pictures(1)
    goal = tuple(nets.scaled(part, 1e5) for part in nets.class_goal(2))
    result = nets.run("score-cam", network, images, goal)
    values = network.run(images.values)["coarse"][0]
    apart = [np.abs(values[..., k] - result[0]).max() for k in range(7)]
    assert min(apart) < 1e-5


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
    result = nets.run("score-cam", Even(values, values), images, goal)
    np.testing.assert_array_equal(result, values[..., 1])
    result = nets.run("score-cam", Even(values[..., :1], values), images, goal)
    assert not result.any()


def test_the_strongest_are_the_largest_above_0_and_of_equal_ones_the_first():
    sizes = np.array([0, 3, 1, 3, 0, 2, 3])
    assert strongest_indices(sizes, 0).tolist() == [1, 2, 3, 5, 6]
    assert strongest_indices(sizes, 2).tolist() == [1, 3]
    assert strongest_indices(sizes, 4).tolist() == [1, 3, 5, 6]
    assert strongest_indices(sizes, 9).tolist() == [1, 2, 3, 5, 6]
    assert strongest_indices(np.zeros(3), 0).tolist() == []


def test_a_size_that_is_no_number_is_not_left_out():
    assert strongest_indices(np.array([1, np.nan, 2]), 1).tolist() == [1]


def test_maps_are_brought_to_0_and_1_and_constant_ones_to_0():
    maps = np.array([[[2, 4], [3, 2]], [[-1, -1], [-1, 1]], [[5, 5], [5, 5]]], np.float32)
    noise = np.full((1, 2, 2), 1e4, np.float32)
    noise[0, 0, 0] = np.nextafter(noise[0, 0, 0], np.float32(0))
    result, ranged = normalise(np.concatenate([maps, noise]))
    assert ranged.tolist() == [True, True, False, False]
    assert result[:2].tolist() == [[[0, 1], [0.5, 0]], [[0, 0], [0, 1]]]
    assert not result[2:].any()


def test_of_one_image_is_the_part_of_a_goal_that_is_its_own():
    own, shared = nets.class_goal(1, 3)[0], nets.class_goal(2)[0]
    first, second = select_goals((own, shared), np.array([1]))
    assert first.weights.argmax() == 3
    assert second is shared


@pytest.mark.parametrize("method", ["score-cam", "ablation-cam"])
def test_a_channel_that_holds_no_number_is_not_left_out(method):
    """However few channels are taken."""
    network = nets.Network()
    network.coarse[1][3] = np.nan
    if method == "ablation-cam":
        result = nets.run(method, network, nets.pictures(1), nets.class_goal(2), masks=2)
        assert np.isnan(result).any()
    else:
        with pytest.raises(ModelInputError, match="score is not finite"):
            nets.run(method, network, nets.pictures(1), nets.class_goal(2), masks=2)
