"""What the methods of the CAM family share."""

from __future__ import annotations

import numpy as np
import pytest

import cam_network as nets
from layersight.nouns.heatmaps.channels import normalise, of_image, strongest


def test_the_strongest_are_the_largest_above_0_and_of_equal_ones_the_first():
    sizes = np.array([0, 3, 1, 3, 0, 2, 3])
    assert strongest(sizes, 0).tolist() == [1, 2, 3, 5, 6]
    assert strongest(sizes, 2).tolist() == [1, 3]
    assert strongest(sizes, 4).tolist() == [1, 3, 5, 6]
    assert strongest(sizes, 9).tolist() == [1, 2, 3, 5, 6]
    assert strongest(np.zeros(3), 0).tolist() == []


def test_a_size_that_is_no_number_is_not_left_out():
    assert strongest(np.array([1, np.nan, 2]), 1).tolist() == [1]


def test_maps_are_brought_to_0_and_1_and_constant_ones_to_0():
    maps = np.array([[[2, 4], [3, 2]], [[-1, -1], [-1, 1]], [[5, 5], [5, 5]]], np.float32)
    noise = np.full((1, 2, 2), 1e4, np.float32)
    noise[0, 0, 0] = np.nextafter(noise[0, 0, 0], np.float32(0))
    found, ranged = normalise(np.concatenate([maps, noise]))
    assert ranged.tolist() == [True, True, False, False]
    assert found[:2].tolist() == [[[0, 1], [0.5, 0]], [[0, 0], [0, 1]]]
    assert not found[2:].any()


def test_of_one_image_is_the_part_of_a_goal_that_is_its_own():
    own, shared = nets.class_goal(1, 3)[0], nets.class_goal(2)[0]
    first, second = of_image((own, shared), 1)
    assert first.weights.argmax() == 3
    assert second is shared


@pytest.mark.parametrize("method", ["score-cam", "ablation-cam"])
def test_a_channel_that_holds_no_number_is_not_left_out(method):
    """However few channels are taken."""
    network = nets.Network()
    network.coarse[1][3] = np.nan
    if method == "ablation-cam":
        found = nets.run(method, network, nets.pictures(1), nets.class_goal(2), masks=2)
        assert np.isnan(found).any()
    else:
        with pytest.raises(nets.ModelInputError, match="score is not finite"):
            nets.run(method, network, nets.pictures(1), nets.class_goal(2), masks=2)
