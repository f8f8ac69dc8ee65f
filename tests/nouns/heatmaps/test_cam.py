"""CAM, Eigen-CAM and RefineCAM."""

from __future__ import annotations

import numpy as np
import pytest

import cam_network as nets
import cam_papers as papers
from layersight.errors import ModelInputError, UsageError


@pytest.mark.parametrize("goal", [(2, 2), (3, 0)])
def test_cam_is_the_sum_by_the_weights_of_the_dense_layer(goal):
    network, images = nets.Network("pooled", dead=[5]), nets.pictures()
    values = network.run(images.values)["coarse"]
    dense = network.last[0]
    expected = [papers.cam(values[image], dense[:, unit]) for image, unit in enumerate(goal)]
    papers.close(nets.run("cam", network, images, nets.class_goal(*goal)), expected)


def test_cam_keeps_what_speaks_against_the_target():
    network, images = nets.Network("pooled"), nets.pictures()
    found = [nets.run("cam", network, images, nets.class_goal(unit)) for unit in range(4)]
    assert np.min(found) < 0 < np.max(found)


def test_the_mean_of_cam_is_the_logit_less_its_constant():
    network, images = nets.Network("pooled"), nets.pictures()
    found = nets.run("cam", network, images, nets.class_goal(1)).mean(axis=(1, 2))
    logits = network.run(images.values)["logits"][:, 1]
    constant = network.last[1][1] + images.values["extra"][:, 1]
    np.testing.assert_allclose(found, logits - constant, rtol=1e-5)


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
    found = nets.run("eigencam", network, images, nets.class_goal(1), (layer,))
    papers.close(found, expected)
    assert (found.max(axis=(1, 2)) > 0).all()


def test_eigencam_is_bright_where_the_layer_is():
    network, images = nets.Network(), nets.pictures(6)
    found = nets.run("eigencam", network, images, nets.class_goal(1), ("fine",))
    for one, maps in zip(found, network.run(images.values)["fine"], strict=True):
        assert np.corrcoef(one.ravel(), maps.mean(axis=2).ravel())[0, 1] > 0


def test_eigencam_never_asks_for_the_target():
    network, images = nets.Network(), nets.pictures()
    found = [nets.run("eigencam", network, images, nets.class_goal(unit)) for unit in range(2)]
    np.testing.assert_array_equal(*found)
    assert network.forwards == [2, 2]
    assert not network.reads + network.gradients + network.ablations


@pytest.mark.parametrize(
    ("value", "answer"), [(0, 0), (3, 0), (0.1, 0), (np.nan, np.nan), (np.inf, np.nan)]
)
def test_eigencam_of_constant_maps_is_0_and_of_no_numbers_none(value, answer):
    given = nets.Given(np.full((1, 3, 2, 4), value), np.ones((1, 3, 2, 4)))
    found = nets.run("eigencam", given, nets.pictures(1), nets.class_goal(0))
    np.testing.assert_array_equal(found, np.full((1, 3, 2), answer))


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
    slopes = network.slopes(made, goal)
    expected = [
        papers.refine_cam(
            [(made[layer][image], slopes[layer][image]) for layer in ("coarse", "fine")],
            (nets.HEIGHT, nets.WIDTH),
        )
        for image in range(2)
    ]
    papers.close(nets.run("refine-cam", network, images, goal, layers), expected)
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
        halves = [np.split(array, 2, axis=3) for array in (self.values, self.slopes)]
        values, slopes = (dict(zip(layers, half, strict=True)) for half in halves)
        return nets.Gradients(np.zeros(1, np.float32), {}, values, slopes, {})


@pytest.mark.parametrize(("value", "answer"), [(5, "the other"), (0, "nothing")])
def test_a_constant_map_rules_out_nothing_and_an_empty_one_all(value, answer):
    """In RefineCAM."""
    values = np.random.default_rng(0).random(size=(1, 3, 2, 4))
    values[..., 2:] = value
    images, goal = nets.pictures(1), nets.class_goal(0)
    found = nets.run("refine-cam", Two(values, np.ones_like(values)), images, goal, ("a", "b"))
    if answer == "nothing":
        assert not found.any()
    else:
        alone = papers.refine_cam([(values[0, ..., :2], np.ones((3, 2, 2)))], (12, 8))
        papers.close(found, [alone])
