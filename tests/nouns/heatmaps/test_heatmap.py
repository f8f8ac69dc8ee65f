"""The verb: images, targets and layers come together, and what a map shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

import layersight
from fake_network import photo
from layersight.data.model import InputInfo
from layersight.data.placing import enlarge
from layersight.data.target import MEAN, PREDICTED, Target
from layersight.errors import ModelInputError, SelectionError
from layersight.nouns.heatmaps.compute import heatmap
from layersight.nouns.heatmaps.result import Heatmaps, group_by_image


def slow_grad_cam(fake, pixels, weights):
    """The paper a second time: mean gradients of the logit by body, in closed form."""
    given = {"picture": pixels[None] / np.float32(255)}
    body = fake.run(given, "body")[0]
    slope = np.zeros((len(weights), body.shape[-1]))
    for unit in range(body.shape[-1]):
        one = np.zeros((1, body.shape[-1]))
        one[0, unit] = 1
        slope[:, unit] = fake.layers["top"].compute(one)[0] / 16
    return np.maximum((body * (weights @ slope)).sum(-1), 0)


def test_the_strongest_class_by_grad_cam_of_the_last_layer(chain):
    fake = chain(labels=("cat", "dog", "emu"))
    pixels = photo()
    found = heatmap(fake, pixels)
    assert isinstance(found, Heatmaps)
    (one,) = found
    said = found.predictions[0][0].top[0]
    assert (one.target.unit, one.target.name, one.score) == (said.index, said.label, said.score)
    logits = fake.before_activation({"picture": pixels[None] / np.float32(255)}, "top")[0]
    assert one.explained == pytest.approx(logits[one.target.unit], rel=1e-5)
    assert (one.method, one.layers, one.signed, one.empty) == ("grad-cam", ("body",), False, False)
    expected = slow_grad_cam(fake, pixels, np.eye(3)[one.target.unit])
    np.testing.assert_allclose(one.coarse, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(one.values, enlarge(one.coarse, (8, 8)))
    assert one.values.dtype == np.float32
    assert found.notes == ("layer body (4 x 4): the last layer with maps before the score",)
    assert found.titles == {"grad-cam": "Grad-CAM"}
    np.testing.assert_array_equal(found.photographs[0].pixels, pixels)
    assert found.photographs[0].region == (0, 0, 8, 8)
    assert layersight.heatmap is heatmap
    assert layersight.Target is Target


def test_a_contrast_and_its_opposite(chain):
    fake, pixels = chain(), photo()
    for text, weights in (
        ("1 vs 2", [0, 1, -1]),
        ("not 1 vs 2", [0, -1, 1]),
        ("not 1", [0, -1, 0]),
    ):
        (one,) = heatmap(fake, pixels, target=text)
        expected = slow_grad_cam(fake, pixels, np.array([weights], float)[0])
        np.testing.assert_allclose(one.coarse, expected, rtol=1e-3, atol=1e-6)
        output = fake.run({"picture": pixels[None] / np.float32(255)}, "top")[0]
        score = float(output @ weights) + (1 if text == "not 1" else 0)
        assert one.score == pytest.approx(score, rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_every_image_has_its_own_classes_whatever_the_batches(chain, batch_size):
    fake = chain()
    pictures = [photo(seed) for seed in range(5)]
    found = heatmap(fake, pictures, top=2, method=["gradient", "grad-cam"], batch_size=batch_size)
    assert found.methods == ("gradient", "grad-cam")
    assert [entry.image for entry in found] == sorted([0, 1, 2, 3, 4] * 4)
    assert [entry.method for entry in found] == ["gradient", "grad-cam"] * 10
    assert len({entry.target.unit for entry in found}) > 1
    for image, picture in enumerate(pictures):
        alone = heatmap(chain(), picture, top=2, method=["gradient", "grad-cam"])
        for place, one in zip(group_by_image(found)[image].indices, alone, strict=True):
            assert found[place].target == one.target
            assert found[place].score == pytest.approx(one.score, rel=1e-6)
            np.testing.assert_allclose(found[place].values, one.values, rtol=1e-4, atol=1e-6)
    assert max(count for count, _, _ in fake.gradients) <= batch_size


def test_one_forward_pass_for_scores_and_one_reading_for_logits(chain):
    fake = chain()
    heatmap(fake, [photo(seed) for seed in range(3)], method=["gradient", "grad-cam"])
    assert fake.passes == [(3, ("top",), True)]
    assert fake.reads == [3]
    fake = chain()
    (one,) = heatmap(fake, photo(), score="output")
    assert fake.reads == []
    assert one.explained == one.score


def test_a_single_probability_has_two_sides(chain):
    fake = chain("sigmoid", 1, labels=("cat", "dog"))
    dog, cat = (heatmap(fake, photo(), target=name)[0] for name in ("dog", "cat"))
    assert dog.score == pytest.approx(1 - cat.score)
    assert dog.explained == pytest.approx(-cat.explained)
    assert dog.explained == pytest.approx(math.log(dog.score / (1 - dog.score)), rel=1e-4)
    assert (dog.target.name, cat.target.name) == ("dog", "cat")
    assert (dog.target.sign, cat.target.sign) == (1, -1)
    both = heatmap(fake, photo(), top=5)
    assert [entry.target.name for entry in both] == (
        ["dog", "cat"] if dog.score >= 0.5 else ["cat", "dog"]
    )
    assert [entry.score for entry in both] == sorted((dog.score, cat.score), reverse=True)
    by_name = {entry.target.name: entry for entry in both}
    np.testing.assert_array_equal(by_name["cat"].values, cat.values)
    unnamed = chain("sigmoid", 1)
    found = heatmap(unnamed, photo(), top=2)
    assert {entry.target.name for entry in found} == {"class 0", "class 1"}
    assert heatmap(unnamed, photo())[0].score >= 0.5


def test_a_single_number_that_is_no_probability_has_one(chain):
    found = heatmap(chain("linear", 1), photo(), top=2)
    assert [entry.target.sign for entry in found] == [1]
    (other,) = heatmap(chain("linear", 1), photo(), target="not 0")
    assert other.score == pytest.approx(-found[0].score)


def test_layers_that_were_asked_for_are_fused_and_that_is_said(chain):
    fake = chain()
    parts = [heatmap(fake, photo(), target=2, layer=name)[0] for name in ("stem", "body")]
    both = heatmap(fake, photo(), target=2, layer=["body", "stem"])
    assert not any(part.empty for part in parts)
    assert both[0].layers == ("stem", "body")
    expected = np.mean([part.values / part.values.max() for part in parts], axis=0)
    np.testing.assert_allclose(both[0].values, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(both[0].coarse, both[0].values)
    assert "fused: stem, body; the mean of their maps, each divided" in both.notes[0]
    assert parts[0].coarse.shape == (8, 8)


def test_channels_neurons_and_regions_of_any_layer(chain):
    fake, pixels = chain(), photo()
    body = fake.run({"picture": pixels[None] / np.float32(255)}, "body")[0]
    found = heatmap(
        fake, pixels, target=["body:4", "body:4@1,2", "body:4@1:3,0:2"], method="gradient"
    )
    assert [entry.score for entry in found] == pytest.approx(
        [body[..., 4].mean(), body[1, 2, 4], body[1:3, :2, 4].mean()], rel=1e-5
    )
    assert all(entry.explained == entry.score for entry in found)
    lit = [np.argwhere(entry.values > 0) for entry in found]
    assert (lit[1].min(0).tolist(), lit[1].max(0).tolist()) == ([2, 4], [3, 5])
    assert (lit[2].min(0).tolist(), lit[2].max(0).tolist()) == ([2, 0], [5, 3])
    (cam,) = heatmap(fake, pixels, target="body:4@1,2")
    assert cam.layers == ("stem",)


def segmenting(network, **known):
    """A mask of two classes: bright or dark; the half that it sees is shifted by one."""
    return network(
        {
            "stem": ("Conv2D", lambda picture: picture @ np.eye(3)),
            "mask": (
                "Conv2D",
                lambda stem: np.stack([stem.mean(-1) - 0.5, 0.5 - stem.mean(-1)], -1) * 9,
                "softmax",
            ),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
        **known,
    )


def test_where_a_class_is_predicted(network):
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 5:] = 255
    fake = segmenting(network, labels=("bright", "dark"))
    (one,) = heatmap(fake, picture, target="bright@predicted")
    assert one.values[:, :5].max() == 0
    assert one.values[:, 5:].min() > 0
    assert one.score == pytest.approx(1, abs=1e-3)
    found = heatmap(fake, picture, top=2)
    assert [entry.target.name for entry in found] == ["dark", "bright"]
    assert {entry.target.where for entry in found} == {PREDICTED}
    assert any("output 'mask' is a map: explained is the class" in note for note in found.notes)


def test_a_class_that_is_nowhere_predicted(network):
    dark = np.zeros((8, 8, 3), np.uint8)
    bright = np.full((8, 8, 3), 255, np.uint8)
    fake = segmenting(network)
    with pytest.raises(SelectionError, match="'class 0' of 'mask' is nowhere the strongest"):
        heatmap(fake, dark, target="mask:0@predicted")
    found = heatmap(fake, [bright, dark], target="mask:0@predicted")
    assert [entry.empty for entry in found] == [False, True]
    assert "nowhere the strongest in this image" in found[1].notes[0]


def test_a_map_of_one_channel_is_explained_where_it_says_yes(network):
    fake = network(
        {
            "stem": ("Conv2D", lambda picture: picture * 1.0),
            "mask": ("Conv2D", lambda stem: stem.mean(-1, keepdims=True) * 9 - 5, "sigmoid"),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )
    dark, half = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    half[:3] = 255
    found = heatmap(fake, [dark, half], method="gradient")
    assert [entry.target.where for entry in found] == [MEAN, PREDICTED]
    assert found[0].values.min() > 0
    assert found[1].values[3:].max() == 0
    assert found[1].score > 0.9
    assert "its channel where it says yes, or the mean of it where" in found.notes[0]


def test_a_photograph_is_seen_in_its_own_size(chain, tmp_path):
    path = tmp_path / "wide.png"
    Image.fromarray(photo(2, (20, 50))).save(path)
    found = heatmap(chain(), [path, photo(3, (9, 9))], fit="crop")
    assert [one.pixels.shape for one in found.photographs] == [(20, 50, 3), (9, 9, 3)]
    assert found.photographs[0].region == (0, 15, 20, 35)
    assert found[0].values.shape == (8, 8)
    loaded = layersight.load_image(path, chain(), fit="pad")
    again = heatmap(chain(), loaded)
    assert again.photographs[0].pixels.shape == (20, 50, 3)
    assert again.photographs[0].region[0] < 0


def test_many_photographs_share_what_room_there_is(chain, monkeypatch):
    monkeypatch.setattr("layersight.images.photograph.ROOM", 3 * 2 * 20**2)
    monkeypatch.setattr("layersight.images.photograph.LEAST", 1)
    (one,) = heatmap(chain(), photo(size=(20, 28))).photographs
    assert (one.pixels.shape, one.reduced) == ((20, 28, 3), 1)
    two = heatmap(chain(), [photo(size=(20, 40)), photo(size=(9, 9))]).photographs
    assert [entry.pixels.shape for entry in two] == [(10, 20, 3), (9, 9, 3)]
    assert [entry.reduced for entry in two] == [2, 1]


def test_a_model_with_two_inputs(network):
    def pair():
        return network(
            {
                "conv_a": ("Conv2D", lambda left: left * 2),
                "conv_b": ("Conv2D", lambda right: right @ np.array([[0.0, 2]])),
                "top": (
                    "Dense",
                    lambda conv_a, conv_b: conv_a.mean((1, 2)) * conv_b.mean((1, 2))[:, 1:],
                ),
            },
            inputs=(InputInfo("left", (None, 8, 8, 3)), InputInfo("right", (None, 4, 4, 1))),
        )

    given = {"left": photo(), "right": photo(1)}
    left = heatmap(pair(), given, target=0)
    assert left[0].layers == ("conv_a",)
    assert left[0].values.shape == (8, 8)
    right = heatmap(pair(), given, target=0, input_name="right")
    assert right[0].layers == ("conv_b",)
    assert right[0].values.shape == (4, 4)
    assert right[0].score == left[0].score
    assert right.images[0].values.shape == (4, 4, 1)
    assert "explained is the input 'right'; kept as given: left" in right.notes
    with pytest.raises(SelectionError, match="'conv_a' does not depend on the input that is expl"):
        heatmap(pair(), given, target=0, input_name="right", layer="conv_a")
    with pytest.raises(ModelInputError, match="no input 'middle'"):
        heatmap(pair(), given, input_name="middle")


def test_a_map_of_zeros_is_said_to_be_one_and_why(chain, network):
    fake = chain()
    found = [
        heatmap(fake, photo(), target=text)[0] for text in (0, "not 0", 1, "not 1", 2, "not 2")
    ]
    empty = [entry for entry in found if entry.empty]
    assert empty  # the weights are drawn so that some class has only evidence against it
    for entry in empty:
        assert not entry.values.any()
        assert "Grad-CAM found nothing that speaks for" in entry.notes[0]
    flat = network(
        {
            "conv": ("Conv2D", lambda picture: picture * 1.0, "relu"),
            "top": ("Dense", lambda conv: np.minimum(conv.mean((1, 2)), 0)),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )
    for entry in heatmap(flat, photo(), target=1, method=["grad-cam", "gradient"]):
        assert entry.empty
        assert "the gradient of 'output 1' is 0 everywhere: it is saturated" in entry.notes[0]


def test_values_that_are_no_numbers(chain, network):
    def broken(picture):
        return np.where(picture > 0.5, np.nan, picture)

    fake = network(
        {
            "conv": ("Conv2D", broken, "relu"),
            "top": ("Dense", lambda conv: np.nanmean(conv, (1, 2))),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
        notes=("weights that are not finite numbers: conv/kernel",),
    )
    with pytest.raises(ModelInputError, match=r"Grad-CAM of conv: \d+ of 64 values.*NaN.*kernel"):
        heatmap(fake, photo(), target=0)
    fake = network(
        {"top": ("Dense", lambda picture: np.where(picture[:, 0, 0] > 0, np.inf, 1))},
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )
    with pytest.raises(ModelInputError, match=r"gives inf for 'output 0' of image 'array'"):
        heatmap(fake, np.full((8, 8, 3), 9, np.uint8), target=0, method="gradient")


def test_outputs_that_cannot_be_computed_leave_scores_of_other_layers(chain):
    fake = chain(missing="no outputs: layer 'x' runs code")
    found = heatmap(fake, photo(), target="body:1")
    assert "no outputs: layer 'x' runs code" in found.notes


def test_class_names_that_do_not_fit_are_mentioned(chain):
    found = heatmap(chain(labels=("a", "b")), photo())
    assert "2 class names do not fit the model's outputs" in found.notes


def test_a_layer_as_a_number_of_numpy(chain):
    (found,) = heatmap(chain(), photo(), layer=np.int64(2), target=1)
    assert found.layers == ("body",)


def test_layers_from_a_generator_serve_every_method(chain):
    methods, layers = ["grad-cam", "refine-cam"], iter(["pool", "body"])
    found = heatmap(chain(), photo(), layer=layers, method=methods, target=1)
    assert [entry.layers for entry in found] == [("pool", "body")] * 2


def test_a_value_that_is_no_number_is_not_taken_for_a_layer_of_another_input(network):
    fake = network(
        {
            "one": ("Conv2D", lambda left: left * 2),
            "top": ("Dense", lambda one, right: one.mean((1, 2)) + right.mean((1, 2))),
        },
        inputs=(InputInfo("left", (None, 4, 4, 3)), InputInfo("right", (None, 4, 4, 3))),
    )

    def refuse(*given, **more):
        raise ModelInputError("values that are no numbers")

    fake.differentiate = refuse
    with pytest.raises(ModelInputError, match="no numbers"):
        heatmap(fake, {"left": photo(size=(4, 4)), "right": photo(size=(4, 4))}, target=0)
