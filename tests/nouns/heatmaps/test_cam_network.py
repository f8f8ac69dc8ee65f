"""The network that stands in for a framework is right about its own gradients."""

from __future__ import annotations

import numpy as np
import pytest

import cam_network as nets
from layersight.data.readout import Readout

SPREAD = np.random.default_rng(1).normal(size=(1, 3, 2, 7)).astype(np.float32)
GOALS = {
    "logit": nets.class_goal(2),
    "probability": nets.class_goal(1, before=False),
    "each its own": nets.class_goal(3, 0),
    "maps": (Readout("coarse", SPREAD),),
    "contrast": (*nets.class_goal(2), Readout("top", -nets.class_goal(0)[0].weights, True)),
}


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
@pytest.mark.parametrize("head", ["pooled", "hidden", "flat"])
@pytest.mark.parametrize("smooth", [False, True])
def test_gradients_are_those_of_finite_differences(head, goal, smooth):
    network, images = nets.Network(head, smooth=smooth), nets.pictures()
    made = network.run(images.values)
    slopes = network.slopes(made, goal)
    step = 1e-6
    for name in ("coarse", "fine", "picture"):
        for place in np.random.default_rng(2).permutation(made[name][0].size)[:8]:
            around = []
            for sign in (-1, 1):
                moved = made[name].copy()
                moved.reshape(2, -1)[:, place] += sign * step
                inputs = dict(images.values) | ({name: moved} if name == "picture" else {})
                given = {} if name == "picture" else {name: moved}
                around.append(network.score(network.run(inputs, **given), goal))
            expected = (around[1] - around[0]) / (2 * step)
            found = slopes[name].reshape(2, -1)[:, place]
            np.testing.assert_allclose(found, expected, atol=1e-5)
