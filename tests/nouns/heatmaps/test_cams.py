"""The methods that follow a score back to a layer, each against its paper written out slowly."""

from __future__ import annotations

import numpy as np
import pytest

import cam_papers as papers
import numpy_networks as nets
from cam_papers import PAPERS, close
from layersight.data.readout import Readout
from layersight.errors import ModelInputError, UsageError

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
        gradients = network.gradients_of(made, goal)[layer]
        expected = np.stack(
            [PAPERS[method](*pair) for pair in zip(made[layer], gradients, strict=True)]
        )
        result = nets.run(method, network, images, goal, (layer,))
        if expected.any():
            close(result, expected)
            lit += 1
        else:
            assert not result.any()
    assert lit >= 2


@pytest.mark.parametrize("method", [name for name in PAPERS if name != "xgrad-cam"])
def test_values_of_both_signs_are_taken_as_they_are(method):
    """XGrad-CAM divides by their sum, which is then near 0 by chance."""
    network, images, goal = nets.Network("flat", smooth=True), nets.pictures(), nets.class_goal(2)
    made = network.run(images.values)
    gradients = network.gradients_of(made, goal)["fine"]
    expected = np.stack(
        [PAPERS[method](*pair) for pair in zip(made["fine"], gradients, strict=True)]
    )
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
    result = nets.run(method, nets.Given(VALUES, SLOPES), nets.pictures(1), nets.class_goal(0))
    np.testing.assert_allclose(result, [BY_HAND[method]], rtol=1e-6)


@pytest.mark.parametrize("method", GRADIENTS)
@pytest.mark.parametrize("slope", [0, np.nan, np.inf, -np.inf, 3e38, 1e-30])
@pytest.mark.parametrize("value", [0, np.nan, np.inf, 3e38])
def test_nothing_warns_and_what_is_no_number_is_not_hidden(method, slope, value):
    values, gradients = np.ones((1, 3, 2, 4)), np.ones((1, 3, 2, 4))
    values[0, 0, 0, 1], gradients[0, 0, 0, 1] = value, slope
    result = nets.run(method, nets.Given(values, gradients), nets.pictures(1), nets.class_goal(0))
    assert result.shape == (1, 3, 2)
    if np.isnan(value) or np.isnan(slope):
        assert not np.isfinite(result).all()


def test_grad_cam_plus_plus_counts_0_where_its_denominator_is_0():
    """The values of the first channel add up to -2, of the second to 2."""
    values, gradients = np.ones((1, 2, 2, 2)), np.ones((1, 2, 2, 2))
    values[..., 0] = -0.5
    values[..., 1] = 0.5
    result = nets.run("grad-cam++", nets.Given(values, gradients), nets.pictures(1), ())
    np.testing.assert_allclose(result, np.full((1, 2, 2), 0.5))


@pytest.mark.parametrize("method", GRADIENTS)
def test_maps_that_are_0_everywhere_make_a_map_of_0(method):
    nothing = np.zeros((2, 3, 2, 4))
    result = nets.run(
        method, nets.Given(nothing, nothing + 1), nets.pictures(2), nets.class_goal(0)
    )
    assert not result.any()


@pytest.mark.parametrize("slope", [1e-25, 1e15])
def test_grad_cam_plus_plus_neither_underflows_nor_overflows(slope):
    """The cube of the gradient would; the map of an image keeps its shape."""
    given = nets.Given(VALUES, np.array(SLOPES) * slope)
    result = nets.run("grad-cam++", given, nets.pictures(1), nets.class_goal(0))
    exact = papers.grad_cam_plus_plus(*(np.array(of[0], float) for of in (VALUES, given.gradients)))
    np.testing.assert_allclose(result[0], exact, rtol=1e-5)


@pytest.mark.parametrize("method", [*OF_ONE_LAYER, "cam"])
def test_images_together_are_images_one_by_one(method):
    network = nets.Network("pooled", dead=[2], twins=[(0, 4)])
    images = nets.pictures(3)
    together = nets.run(method, network, images, nets.class_goal(2, 0, 3))
    for image, unit in enumerate((2, 0, 3)):
        alone = nets.run(method, network, images.select(image), nets.class_goal(unit))
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
    result = nets.run(method, network, images, goal, ("fine",))
    assert result.shape == (2, 6, 4)
    assert result.min() >= 0
    assert result.max() > 0


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
    gradients = network.gradients_of(made, goal)
    step = 1e-6
    for name in ("coarse", "fine", "picture"):
        for index in np.random.default_rng(2).permutation(made[name][0].size)[:8]:
            around = []
            for sign in (-1, 1):
                moved = made[name].copy()
                moved.reshape(2, -1)[:, index] += sign * step
                inputs = dict(images.values) | ({name: moved} if name == "picture" else {})
                given = {} if name == "picture" else {name: moved}
                around.append(network.score(network.run(inputs, **given), goal))
            expected = (around[1] - around[0]) / (2 * step)
            result = gradients[name].reshape(2, -1)[:, index]
            np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("goal", [(2, 2), (3, 0)])
def test_cam_is_the_sum_by_the_weights_of_the_dense_layer(goal):
    network, images = nets.Network("pooled", dead=[5]), nets.pictures()
    values = network.run(images.values)["coarse"]
    dense = network.last[0]
    expected = [papers.cam(values[image], dense[:, unit]) for image, unit in enumerate(goal)]
    close(nets.run("cam", network, images, nets.class_goal(*goal)), expected)


def test_cam_keeps_what_speaks_against_the_target():
    network, images = nets.Network("pooled"), nets.pictures()
    result = [nets.run("cam", network, images, nets.class_goal(unit)) for unit in range(4)]
    assert np.min(result) < 0 < np.max(result)


def test_the_mean_of_cam_is_the_logit_less_its_constant():
    network, images = nets.Network("pooled"), nets.pictures()
    result = nets.run("cam", network, images, nets.class_goal(1)).mean(axis=(1, 2))
    logits = network.run(images.values)["logits"][:, 1]
    constant = network.last[1][1] + images.values["extra"][:, 1]
    np.testing.assert_allclose(result, logits - constant, rtol=1e-5)


@pytest.mark.parametrize("head", ["flat", "hidden"])
def test_cam_refuses_what_is_not_one_dense_layer_behind_pooling(head):
    network = nets.Network(head)
    with pytest.raises(ModelInputError) as raised:
        nets.run("cam", network, nets.pictures(), nets.class_goal(1))
    assert str(raised.value) == (
        "CAM needs global average pooling and one dense layer behind 'coarse'; use grad-cam"
    )


def test_what_varies_over_a_map_is_refused_at_once_and_what_varies_between_images_later():
    for head, passes in (("flat", 1), ("hidden", 2)):
        network = nets.Network(head)
        with pytest.raises(ModelInputError):
            nets.run("cam", network, nets.pictures(), nets.class_goal(1))
        assert network.gradients == [2] * passes


def test_cam_refuses_the_layer_before_the_last():
    with pytest.raises(ModelInputError, match="one dense layer behind 'fine'; use grad-cam"):
        nets.run("cam", nets.Network("pooled"), nets.pictures(), nets.class_goal(1), ("fine",))


def test_cam_of_a_probability_asks_for_the_logit():
    goal = nets.class_goal(1, before=False)
    with pytest.raises(ModelInputError, match="behind 'coarse', with score 'logit'; use grad-cam"):
        nets.run("cam", nets.Network("pooled"), nets.pictures(), goal, score="output")


@pytest.mark.parametrize("layer", ["coarse", "fine"])
@pytest.mark.parametrize("smooth", [False, True])
def test_eigencam_is_its_paper_whichever_side_is_longer(layer, smooth):
    network, images = nets.Network(smooth=smooth), nets.pictures(4)
    values = network.run(images.values)[layer]
    expected = [papers.eigencam(one) for one in values]
    result = nets.run("eigencam", network, images, nets.class_goal(1), (layer,))
    close(result, expected)
    assert (result.max(axis=(1, 2)) > 0).all()


def test_eigencam_is_bright_where_the_layer_is():
    network, images = nets.Network(), nets.pictures(6)
    result = nets.run("eigencam", network, images, nets.class_goal(1), ("fine",))
    for one, maps in zip(result, network.run(images.values)["fine"], strict=True):
        assert np.corrcoef(one.ravel(), maps.mean(axis=2).ravel())[0, 1] > 0


def test_eigencam_never_asks_for_the_target():
    network, images = nets.Network(), nets.pictures()
    result = [nets.run("eigencam", network, images, nets.class_goal(unit)) for unit in range(2)]
    np.testing.assert_array_equal(*result)
    assert network.forwards == [2, 2]
    assert not network.reads + network.gradients + network.ablations


@pytest.mark.parametrize(
    ("value", "answer"), [(0, 0), (3, 0), (0.1, 0), (np.nan, np.nan), (np.inf, np.nan)]
)
def test_eigencam_of_constant_maps_is_0_and_of_no_numbers_none(value, answer):
    given = nets.Given(np.full((1, 3, 2, 4), value), np.ones((1, 3, 2, 4)))
    result = nets.run("eigencam", given, nets.pictures(1), nets.class_goal(0))
    np.testing.assert_array_equal(result, np.full((1, 3, 2), answer))


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_eigencam_scales_with_the_values(size):
    values = np.random.default_rng(0).random(size=(1, 3, 2, 4))
    images, goal = nets.pictures(1), nets.class_goal(0)
    one, other = (
        nets.run("eigencam", nets.Given(values * scale, values), images, goal)
        for scale in (1, size)
    )
    np.testing.assert_allclose(other, one * size, rtol=1e-4)


@pytest.mark.parametrize("layers", [("coarse", "fine"), ("fine", "coarse"), ("fine", "coarse") * 2])
def test_refine_cam_is_its_paper_in_any_order(layers):
    network, images, goal = nets.Network(), nets.pictures(), nets.class_goal(2, 0)
    made = network.run(images.values)
    gradients = network.gradients_of(made, goal)
    expected = [
        papers.refine_cam(
            [(made[layer][image], gradients[layer][image]) for layer in ("coarse", "fine")],
            (nets.HEIGHT, nets.WIDTH),
        )
        for image in range(2)
    ]
    close(nets.run("refine-cam", network, images, goal, layers), expected)
    assert network.gradients == [2]


@pytest.mark.parametrize(
    ("layers", "named"),
    [(("fine",), "'fine' alone"), (("fine", "fine"), "'fine' alone"), ((), "none")],
)
def test_refine_cam_wants_several_layers(layers, named):
    with pytest.raises(UsageError, match=f"was given {named}: name two or more, or leave the"):
        nets.run("refine-cam", nets.Network(), nets.pictures(), nets.class_goal(1), layers)


class Two(nets.Given):
    """Gives the first half of the channels for one layer and the second for the other."""

    def differentiate(self, inputs, goal, *, layers, **more):
        halves = [np.split(array, 2, axis=3) for array in (self.values, self.gradients)]
        values, gradients = (dict(zip(layers, half, strict=True)) for half in halves)
        return nets.Gradients(np.zeros(1, np.float32), {}, values, gradients, {})


@pytest.mark.parametrize(("value", "answer"), [(5, "the other"), (0, "nothing")])
def test_a_constant_map_rules_out_nothing_and_an_empty_one_all(value, answer):
    """In RefineCAM."""
    values = np.random.default_rng(0).random(size=(1, 3, 2, 4))
    values[..., 2:] = value
    images, goal = nets.pictures(1), nets.class_goal(0)
    result = nets.run("refine-cam", Two(values, np.ones_like(values)), images, goal, ("a", "b"))
    if answer == "nothing":
        assert not result.any()
    else:
        alone = papers.refine_cam([(values[0, ..., :2], np.ones((3, 2, 2)))], (12, 8))
        close(result, [alone])
