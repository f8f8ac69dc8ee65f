"""The methods that follow a score back to a layer, each against its paper written out slowly."""

from __future__ import annotations

import numpy as np
import pytest

import cam_network as nets
from cam_papers import PAPERS, close, grad_cam_plus_plus
from layersight.data.readout import Readout
from layersight.errors import ModelInputError

GRADIENTS = ("grad-cam", "grad-cam++", "hirescam", "xgrad-cam", "layercam")
OF_ONE_LAYER = (*GRADIENTS, "score-cam", "ablation-cam", "eigencam")


@pytest.mark.parametrize("layer", ["coarse", "fine"])
@pytest.mark.parametrize("goal", [nets.class_goal(2), nets.class_goal(1, 3, before=False)])
@pytest.mark.parametrize("method", PAPERS)
def test_a_method_is_its_paper(method, goal, layer):
    lit = 0
    for seed in range(4):
        network, images = nets.Network("flat", seed=seed, dead=[1]), nets.pictures(seed=seed)
        made = network.run(images.values)
        slopes = network.slopes(made, goal)[layer]
        expected = np.stack(
            [PAPERS[method](*pair) for pair in zip(made[layer], slopes, strict=True)]
        )
        found = nets.run(method, network, images, goal, (layer,))
        if expected.any():
            close(found, expected)
            lit += 1
        else:
            assert not found.any()
    assert lit >= 2


@pytest.mark.parametrize("method", [name for name in PAPERS if name != "xgrad-cam"])
def test_values_of_both_signs_are_taken_as_they_are(method):
    """XGrad-CAM divides by their sum, which is then near 0 by chance."""
    network, images, goal = nets.Network("flat", smooth=True), nets.pictures(), nets.class_goal(2)
    made = network.run(images.values)
    slopes = network.slopes(made, goal)["fine"]
    expected = np.stack([PAPERS[method](*pair) for pair in zip(made["fine"], slopes, strict=True)])
    close(nets.run(method, network, images, goal, ("fine",)), expected)


# Two channels of 2 x 2: values 1 2 / 0 1 and 2 0 / 0 0; gradients 1 -1 / 2 0 and 0.5 1 / -3 0.
VALUES = [[[[1, 2], [2, 0]], [[0, 0], [1, 0]]]]
SLOPES = [[[[1, 0.5], [-1, 1]], [[2, -3], [0, 0]]]]
BY_HAND = {
    # Mean gradients 1/2 and -3/8.
    "grad-cam": [[0, 1], [0, 0.5]],
    # Sums 4 and 2: weights 1/6 + 2/10 = 11/30 and 0.5/3 + 1/4 = 5/12.
    "grad-cam++": [[11 / 30 + 5 / 6, 11 / 15], [0, 11 / 30]],
    "hirescam": [[2, 0], [0, 0]],
    # Weights (1 - 2) / 4 and 1 / 2.
    "xgrad-cam": [[0.75, 0], [0, 0]],
    "layercam": [[2, 0], [0, 0]],
}


@pytest.mark.parametrize("method", BY_HAND)
def test_a_method_worked_out_by_hand(method):
    found = nets.run(method, nets.Given(VALUES, SLOPES), nets.pictures(1), nets.class_goal(0))
    np.testing.assert_allclose(found, [BY_HAND[method]], rtol=1e-6)


@pytest.mark.parametrize("method", GRADIENTS)
@pytest.mark.parametrize("slope", [0, np.nan, np.inf, -np.inf, 3e38, 1e-30])
@pytest.mark.parametrize("value", [0, np.nan, np.inf, 3e38])
def test_nothing_warns_and_what_is_no_number_is_not_hidden(method, slope, value):
    values, slopes = np.ones((1, 3, 2, 4)), np.ones((1, 3, 2, 4))
    values[0, 0, 0, 1], slopes[0, 0, 0, 1] = value, slope
    found = nets.run(method, nets.Given(values, slopes), nets.pictures(1), nets.class_goal(0))
    assert found.shape == (1, 3, 2)
    if np.isnan(value) or np.isnan(slope):
        assert not np.isfinite(found).all()


def test_grad_cam_plus_plus_counts_0_where_its_denominator_is_0():
    """The values of the first channel add up to -2, of the second to 2."""
    values, slopes = np.ones((1, 2, 2, 2)), np.ones((1, 2, 2, 2))
    values[..., 0] = -0.5
    values[..., 1] = 0.5
    found = nets.run("grad-cam++", nets.Given(values, slopes), nets.pictures(1), ())
    np.testing.assert_allclose(found, np.full((1, 2, 2), 0.5))


@pytest.mark.parametrize("method", GRADIENTS)
def test_maps_that_are_0_everywhere_make_a_map_of_0(method):
    nothing = np.zeros((2, 3, 2, 4))
    found = nets.run(method, nets.Given(nothing, nothing + 1), nets.pictures(2), nets.class_goal(0))
    assert not found.any()


@pytest.mark.parametrize("slope", [1e-25, 1e15])
def test_grad_cam_plus_plus_neither_underflows_nor_overflows(slope):
    """The cube of the gradient would; the map of an image keeps its shape."""
    given = nets.Given(VALUES, np.array(SLOPES) * slope)
    found = nets.run("grad-cam++", given, nets.pictures(1), nets.class_goal(0))
    exact = grad_cam_plus_plus(*(np.array(of[0], float) for of in (VALUES, given.slopes)))
    np.testing.assert_allclose(found[0], exact, rtol=1e-5)


@pytest.mark.parametrize("method", [*OF_ONE_LAYER, "cam"])
def test_images_together_are_images_one_by_one(method):
    network = nets.Network("pooled", dead=[2], twins=[(0, 4)])
    images = nets.pictures(3)
    together = nets.run(method, network, images, nets.class_goal(2, 0, 3))
    for image, unit in enumerate((2, 0, 3)):
        alone = nets.run(method, network, images.one(image), nets.class_goal(unit))
        np.testing.assert_allclose(together[image], alone[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [*OF_ONE_LAYER, "cam", "refine-cam"])
def test_a_layer_without_maps_is_named(method):
    layers = ("fine", "vector") if method == "refine-cam" else ("vector",)
    with pytest.raises(ModelInputError, match=r"one image makes 7 of 'vector'; name a conv") as at:
        nets.run(method, nets.Network("pooled"), nets.pictures(), nets.class_goal(1), layers)
    assert "\n" not in str(at.value)


@pytest.mark.parametrize("method", OF_ONE_LAYER)
def test_a_unit_of_a_layer_is_explained_as_a_class_is(method):
    weights = np.zeros((1, 1, 1, 7), np.float32)
    weights[..., 3] = 1 / 6
    network, images, goal = nets.Network(), nets.pictures(), (Readout("coarse", weights),)
    found = nets.run(method, network, images, goal, ("fine",))
    assert found.shape == (2, 6, 4)
    assert found.min() >= 0
    assert found.max() > 0


# The network that stands in for a framework is right about its own gradients.

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
