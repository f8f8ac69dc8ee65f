"""Evaluations: image by image, with gaps told, interrupted and gone on with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import layersight
from evaluations import evaluation, rows
from fake_network import photo
from layersight.data.model import InputInfo
from layersight.errors import ImageError, Interrupted, ModelInputError, SelectionError, UsageError
from layersight.nouns.evaluation.compute import evaluate
from layersight.nouns.evaluation.result import Evaluation, error, mean
from layersight.nouns.heatmaps.compute import heatmap
from layersight.nouns.heatmaps.methods.method import Images
from layersight.nouns.heatmaps.methods.method import methods as known_methods
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

QUICK = {"points": 4, "randoms": 2}
SOME = ["grad-cam", "gradient"]
ONE = {"methods": "gradient", "metrics": "deletion", **QUICK}


@pytest.fixture
def folder(tmp_path):
    """Five photographs, two of one name."""
    for number in range(4):
        Image.fromarray(photo(number)).save(tmp_path / f"img{number}.png")
    (tmp_path / "more").mkdir()
    Image.fromarray(photo(7)).save(tmp_path / "more" / "img0.png")
    return tmp_path


def same(one, other):
    assert one.images == other.images
    assert one.targets == other.targets
    assert (one.rows, one.columns, one.count) == (other.rows, other.columns, other.count)
    for name in ("scores", "values", "random", "centre", "bars"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_folder(chain, folder):
    fake = chain(labels=("cat", "dog", "emu"))
    reported = []
    found = evaluate(
        fake, folder, methods=SOME, progress=lambda *parts: reported.append(parts), **QUICK
    )
    assert isinstance(found, Evaluation)
    assert layersight.evaluate is evaluate
    assert [Path(name).relative_to(folder).as_posix() for name in found.images] == [
        *(f"img{number}.png" for number in range(4)),
        "more/img0.png",
    ]
    assert found.methods == ("grad-cam", "gradient")
    assert found.metrics[:3] == ("deletion", "insertion", "road")
    assert len(found.metrics) == 6
    assert [row.resolution for row in found.rows] == [(4, 4), (8, 8)]
    assert [row.layers for row in found.rows] == [("body",), ()]
    assert found.values.shape == found.random.shape == (2, 6, 5)
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.centre).all()
    assert found.explained == "the strongest class of each image"
    assert [target.name for target in found.targets] == [
        heatmap(fake, photo(seed))[0].target.name for seed in (0, 1, 2, 3, 7)
    ]
    assert found.count == 5
    assert reported[-1][0] == reported[-1][1]
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)
    assert found.notes == ("layer body (4 x 4): the last layer with maps before the score",)


def test_an_image_has_the_numbers_that_its_heatmap_has(chain):
    """Wherever it stands and whatever stands beside it."""
    fake = chain()
    several = evaluate(fake, [photo(3), photo(5)], methods=SOME, metrics="deletion,road")
    alone = heatmap(fake, photo(5), method=SOME, score_with=["deletion", "road"])
    for method, one in enumerate(alone):
        for metric, measure in enumerate(one.measures):
            place = (method, metric, 1)
            assert several.values[place] == pytest.approx(measure.value, abs=1e-6)
            assert several.random[place] == pytest.approx(measure.random, abs=1e-6)
            assert several.centre[place[1:]] == pytest.approx(measure.centre, abs=1e-6)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_what_was_interrupted_is_gone_on_with(chain, folder, after):
    whole = evaluate(chain(), folder, methods=SOME, **QUICK)
    fake = chain()

    def stop(done, total):
        if len(fake.passes) > after:  # there is a pass for each image
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        evaluate(fake, folder, methods=SOME, progress=stop, **QUICK)
    part = caught.value.done
    assert caught.value.count == 5
    if after == 0:
        assert part is None
    else:
        assert part.images == whole.images[:after]
        assert part.count == 5
    fake, reported = chain(), []
    tell = {"progress": lambda *parts: reported.append(parts)}
    found = evaluate(fake, folder, methods=SOME, done=part, **tell, **QUICK)
    same(found, whole)
    parts = (5 - after) * len(SOME) * (1 + len(whole.metrics))
    assert len(reported) == 1 + parts, "what is left, after what is expected of it"
    assert reported[-1][0] == reported[-1][1]
    assert sum(fake.passes[place][0] for place in range(len(fake.passes))) == 5 - after


def test_a_done_evaluation_is_taken_as_it_is(chain, folder):
    whole = evaluate(chain(), folder, methods=SOME, **QUICK)
    fake = chain()
    same(evaluate(fake, folder, methods=SOME, done=whole, **QUICK), whole)
    assert fake.reads == fake.gradients == []


@pytest.mark.parametrize(
    "other",
    [
        {"points": 5},
        {"methods": ["gradient"]},
        {"metrics": "deletion"},
        {"target": 1},
        {"seed": 3},
        {"scale": "-1..1"},
    ],
)
def test_going_on_with_other_options_is_refused(chain, folder, other):
    asked = {"methods": SOME, "metrics": ["deletion", "insertion"], **QUICK}
    done = evaluate(chain(), folder, limit=1, **asked)
    with pytest.raises(UsageError, match="was made with other options, methods or metrics"):
        evaluate(chain(), folder, done=done, **{**asked, **other})


def test_going_on_with_other_images_is_refused(chain, folder):
    done = evaluate(chain(), folder / "more", **ONE)
    with pytest.raises(UsageError, match=r"holds an image that is not asked for, .*img0\.png"):
        evaluate(chain(), folder / "img1.png", done=done, **ONE)


def test_a_model_of_several_inputs(network):
    """One is explained; the other goes with it, image by image."""
    inputs = (InputInfo("left", (None, 6, 5, 3)), InputInfo("right", (None, 4, 4, 3)))
    fake = network(
        {
            "low": ("Conv2D", lambda left: left * 2, "relu"),
            "top": (
                "Dense",
                lambda low, right: low.mean((1, 2)) * [1, 2, 3] + right.mean((1, 2)) * 3,
                "softmax",
            ),
        },
        inputs=inputs,
    )
    images = {
        "left": [photo(0, (6, 5)), photo(1, (6, 5))],
        "right": [photo(2, (4, 4)), photo(3, (4, 4))],
    }
    asked = {"methods": ["grad-cam", "gradient"], "metrics": "deletion", **QUICK}
    found = evaluate(fake, images, **asked)
    assert found.values.shape == (2, 1, 2)
    for place in range(2):
        one = heatmap(
            fake,
            {name: listed[place] for name, listed in images.items()},
            method=["grad-cam", "gradient"],
        )
        assert found.scores[place] == pytest.approx(one[0].score, rel=1e-5)
    other = evaluate(fake, images, input_name="right", **ONE)
    assert other.rows[0].resolution == (4, 4)
    with pytest.raises(ModelInputError, match="as many images for one input as for the other"):
        evaluate(fake, {"left": images["left"], "right": images["right"][:1]}, **asked)


def test_a_limit_is_spread_over_the_images(chain, folder):
    found = evaluate(chain(), folder, limit=2, **ONE)
    assert [Path(name).name for name in found.images] == ["img0.png", "img2.png"]
    assert "2 of the 5 images, evenly spread over them" in found.notes
    with pytest.raises(UsageError, match="a limit of at least 1 image, found 0"):
        evaluate(chain(), folder, limit=0)


def test_a_target_for_all(chain):
    found = evaluate(chain(), [photo(0), photo(1)], target=2, methods="gradient", **QUICK)
    assert {target.unit for target in found.targets} == {2}
    assert found.explained == "class 2"
    assert found.images == ("image 0", "image 1")
    with pytest.raises(UsageError, match="expected one target for all images, found 2"):
        evaluate(chain(), photo(), target=[0, 1])


def test_metrics_that_make_the_map_anew(chain):
    fake = chain()
    found = evaluate(fake, photo(), methods=SOME, metrics="all,costly", copies=2, stages=2, **QUICK)
    assert found.metrics[-2:] == ("sensitivity", "randomisation")
    changes = found.of("gradient", "sensitivity")
    assert changes[0] > 0
    # Nothing of the fake is drawn anew, so that every map stays as it is.
    assert found.of("grad-cam", "randomisation")[0] == pytest.approx(1)
    place = found.metrics.index("randomisation")
    assert (found.bars[:, place] == 0.5).all()
    assert (found.centre[place] == 1).all()
    assert (found.better[:, place] == 0).all()


def test_methods_that_do_not_apply_are_named(network):
    dense = network(
        {
            "flat": ("Flatten", lambda picture: picture.reshape(len(picture), -1)),
            "top": ("Dense", lambda flat: flat[:, :3] * 2, "softmax"),
        }
    )
    found = evaluate(dense, photo(size=(6, 5)), metrics="deletion", samples=2, steps=2, **QUICK)
    assert "grad-cam" not in found.methods
    assert "gradient" in found.methods
    assert any("without grad-cam, which does not apply: " in note for note in found.notes)
    with pytest.raises(ModelInputError, match="expected a layer with maps"):
        evaluate(dense, photo(size=(6, 5)), methods="grad-cam")


def test_scores_that_are_no_probabilities(chain):
    """Of logits deletion can be told; the share of a drop cannot, even if one lies in 0..1."""
    fake = chain("linear")
    found = evaluate(fake, photo(), methods="gradient", **QUICK)
    assert found.metrics == ("deletion", "insertion", "road")
    assert sum("without average-drop, which does not apply" in note for note in found.notes) == 1
    with pytest.raises(UsageError, match="average-drop compares probabilities"):
        evaluate(fake, photo(), methods="gradient", metrics="average-drop")


def test_what_fails_for_a_later_image_is_a_gap(chain):
    fake = chain()
    right = fake.differentiate

    def broken(inputs, goal, **known):
        found = right(inputs, goal, **known)
        if known.get("by") and np.allclose(inputs["picture"][0], photo(1) / 255):
            found.inputs["picture"][:] = np.nan
        return found

    fake.differentiate = broken
    found = evaluate(fake, [photo(n) for n in range(3)], methods=SOME, metrics="deletion", **QUICK)
    values = found.of("gradient", "deletion")
    assert np.isnan(values).tolist() == [False, True, False]
    assert np.isfinite(found.of("grad-cam", "deletion")).all()
    assert any("gradient: no number for 1 image (" in note for note in found.notes)
    assert found.means[1, 0] == pytest.approx(values[[0, 2]].mean())


def test_what_is_nowhere_predicted_is_a_gap(network):
    fake = network(
        {
            "conv": ("Conv2D", lambda picture: picture - 0.5),
            "mask": ("Conv2D", lambda conv: conv[..., :2] * [4.0, -4.0], "softmax"),
        }
    )
    bright, dark = np.full((6, 5, 3), 250, np.uint8), np.full((6, 5, 3), 3, np.uint8)
    found = evaluate(fake, [dark, bright], target="mask:1@predicted", **ONE)
    assert np.isnan(found.values[0, 0]).tolist() == [False, True]
    assert any("is nowhere the strongest" in note for note in found.notes)


def test_images_of_any_size_are_brought_to_that_of_the_first(network):
    fake = network(
        {
            "conv": ("Conv2D", lambda picture: picture * 2, "relu"),
            "gap": ("GlobalAveragePooling2D", lambda conv: conv.mean((1, 2))),
            "top": ("Dense", lambda gap: gap * [1.0, 2.0, 3.0], "softmax"),
        },
        inputs=(InputInfo("picture", (None, None, None, 3)),),
    )
    found = evaluate(fake, [photo(0, (6, 7)), photo(1, (9, 12))], **ONE)
    assert found.rows[0].resolution == (6, 7)
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({"methods": "grad-camm"}, UsageError, "unknown method 'grad-camm'"),
        ({"methods": []}, UsageError, "expected at least one method"),
        ({"metrics": "deletoin"}, UsageError, "Did you mean deletion"),
        ({"layer": "bod"}, SelectionError, "bod"),
        ({"layer": "bod", "methods": "default"}, SelectionError, "no layer 'bod'"),
        ({"methods": "gradient", "layer": "body"}, UsageError, "takes a layer: leave it out"),
        ({"pointz": 3}, UsageError, "unknown option 'pointz': .* Did you mean points"),
        ({"points": 0}, UsageError, "points as a whole number of at least 1"),
        ({"fill": "grex"}, UsageError, "unknown fill 'grex': .* Did you mean grey"),
        ({"shares": 2.0}, UsageError, "shares as numbers above 0 and below 1"),
        ({"metrics": "road", "points": 3}, UsageError, r"no metric asked for \(road\) reads"),
        ({"copies": 3}, UsageError, "reads 'copies'"),
        ({"methods": "gradient", "samples": 3}, UsageError, "reads 'samples'"),
        ({"batch_size": 0}, UsageError, "at least 1 image in a batch"),
        ({"seed": -1}, UsageError, "seed as a whole number of at least 0"),
        ({"target": "tree"}, SelectionError, "no class 'tree'"),
    ],
)
def test_wrong_input_is_told_in_a_line(chain, asked, kind, message):
    with pytest.raises(kind, match=message):
        evaluate(chain(), photo(), **{"methods": SOME, **asked})


def test_no_images(chain, tmp_path):
    with pytest.raises(ImageError, match="expected images in the folder"):
        evaluate(chain(), tmp_path)


@pytest.mark.parametrize(
    ("name", "shape", "window", "cells"),
    [
        ("rise", (224, 224, 3), 0, (8, 8)),
        ("rise", (224, 336, 3), 0, (8, 12)),
        ("occlusion", (224, 224, 3), 0, (8, 8)),
        ("occlusion", (224, 230, 3), 56, (4, 5)),
        ("occlusion", (40, 1), 0, (8,)),
        ("occlusion", (40,), 0, (40,)),  # a vector: each unit by itself
        ("occlusion", (40,), 8, (5,)),
    ],
)
def test_the_resolution_of_methods_that_hide_cells(name, shape, window, cells):
    images = Images({"x": np.zeros((1, *shape), np.float32)}, "x", np.zeros(1), np.ones(1))
    options = HeatmapOptions(window=window)
    assert known_methods()[name].resolution(images, options) == cells


def test_former_names_go_on_working(chain):
    asked = {"methods": "gradient", "metrics": "deletion,road", **QUICK}
    found = evaluate(chain(), photo(), fill="black", fill_noise=0.5, **asked)
    former = evaluate(chain(), photo(), filling="black", blemish=0.5, **asked)
    same(found, former)
    measured = MeasureOptions(filling="black", blemish=0.5, **QUICK)
    assert found.measured == former.measured == measured
    assert (found.measured.filling, found.measured.blemish) == ("black", 0.5)
    assert dataclasses.replace(measured, filling="grey").fill == "grey"
    assert not hasattr(found.measured, "grain")
    assert (found.rows[0].grain, found.grains) == (found.rows[0].resolution, found.resolutions)
    with pytest.raises(UsageError, match="'filling' and 'fill' are the same option: give one"):
        evaluate(chain(), photo(), filling="black", fill="grey", **asked)


def test_files_keep_the_names_that_they_have_always_had():
    measured = MeasureOptions(fill="black").to_json()
    assert (measured["filling"], measured["blemish"]) == ("black", 0.01)
    assert not {"fill", "fill_noise"} & {*measured}
    assert rows("gradient")[0].to_json()["grain"] == (224, 224)


def test_means_leave_gaps_out():
    values = np.array([[1, 3, np.nan], [np.nan] * 3, [2, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(mean(values), [2, np.nan, 2])
    np.testing.assert_allclose(error(values), [1, np.nan, np.nan])
    assert MeasureOptions().to_json()["shares"] == [0.2, 0.4, 0.6, 0.8]


def test_random_maps_are_known_where_any_method_of_their_resolution_is():
    made = evaluation(3, methods=rows("gradient", "integrated-gradients"))
    random = made.random.copy()
    random[0, :, 0] = random[1, :, 2] = np.nan
    both = dataclasses.replace(made, random=random).random_of((224, 224))
    np.testing.assert_array_equal(both, made.random[0])
