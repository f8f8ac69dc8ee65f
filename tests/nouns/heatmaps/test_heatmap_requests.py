"""The methods and options of a request, its progress and interruptions, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fake_network import photo
from layersight.data.model import InputInfo
from layersight.errors import ImageError, Interrupted, ModelInputError, SelectionError, UsageError
from layersight.nouns.heatmaps import settings
from layersight.nouns.heatmaps.compute import heatmap
from layersight.nouns.heatmaps.methods.method import NONE, SEVERAL, find_method

FEW = ["grad-cam", "gradient", "layercam"]


def own(name, compute=None, **known):
    made = dataclasses.replace(find_method("gradient"), name=name, title=name.title(), **known)
    return made if compute is None else dataclasses.replace(made, compute=compute)


@pytest.fixture
def methods(monkeypatch):
    """A few methods of every kind in place of the real ones."""

    def refuses(request):
        raise ModelInputError("no network like this")

    def several(request):
        for done in range(4):
            request.progress(done + 1, 4)
        return np.ones((len(request.images), 2, 2), np.float32) * len(request.layers)

    known = {
        "grad-cam": find_method("grad-cam"),
        "gradient": find_method("gradient"),
        "picky": own("picky", refuses, uses=("steps",)),
        "stages": own("stages", several, layers=SEVERAL, uses=("steps", "masks")),
        "hidden": own("hidden", comparable=False, warning="It shows edges.", signed=True),
    }
    monkeypatch.setattr(settings, "methods", lambda: known)
    monkeypatch.setattr(settings, "find_method", lambda name: known[name])
    return known


def test_all_methods_are_those_that_apply_and_the_others_are_named(chain, network, methods):
    found = heatmap(chain(), photo(), method="all")
    assert found.methods == ("grad-cam", "gradient", "stages")
    assert any(
        note == "without picky, which does not apply: no network like this" for note in found.notes
    )
    assert found[2].layers == ("body",)
    assert set(found.titles) == {"grad-cam", "gradient", "stages"}
    dense = network(
        {
            "flat": ("Flatten", lambda picture: picture.reshape(len(picture), -1)),
            "top": ("Dense", lambda flat: flat[:, :3] * 2),
        }
    )
    for target in (None, 1):
        found = heatmap(dense, photo(size=(6, 5)), method="all", target=target)
        assert found.methods == ("gradient",)
    assert sum("the model has no convolutions" in note for note in found.notes) == 2
    with pytest.raises(ModelInputError, match="but the model has no convolutions"):
        heatmap(dense, photo(size=(6, 5)), method=["gradient", "grad-cam"])
    with pytest.raises(ModelInputError, match="no network like this"):
        heatmap(chain(), photo(), method=["all", "picky"])


def test_what_a_picture_must_say_comes_along(chain, methods):
    found = heatmap(chain(), photo(), method=["hidden", "gradient"])
    assert found.warnings == {"hidden": "It shows edges."}
    assert found[0].signed


@pytest.mark.parametrize(
    ("images", "asked"),
    [
        (3, {"method": ["stages", "gradient"], "batch_size": 2}),
        (1, {"method": ["grad-cam", "gradient"], "score_with": ["deletion", "insertion"]}),
    ],
)
def test_progress_rises_to_the_end(chain, methods, images, asked):
    reported = []
    pictures = [photo(seed) for seed in range(images)]
    heatmap(chain(), pictures, progress=lambda *parts: reported.append(parts), **asked)
    done = [part for part, _ in reported]
    assert len(done) >= 6, "maps by each method, or two maps and two metrics of each"
    assert done == sorted(done)
    assert all(part <= total for part, total in reported)
    assert reported[-1][0] == reported[-1][1], "nothing is left in the end"


def test_of_all_methods_the_costly_ones_are_left_out_and_that_is_said(chain):
    found = heatmap(chain(), photo(), method="all", steps=2, samples=2)
    assert not {"score-cam", "ablation-cam", "occlusion", "rise"} & {*found.methods}
    (note,) = [text for text in found.notes if text.startswith("left out")]
    assert "score-cam, ablation-cam, occlusion, rise; name them, or say --method all,costly" in note
    found = heatmap(chain(), photo(), method="all,occlusion", steps=2, samples=2)
    assert "occlusion" in found.methods
    (note,) = [text for text in found.notes if text.startswith("left out")]
    assert "occlusion" not in note
    found = heatmap(chain(), photo(), method="costly", masks=4)
    assert set(found.methods) == {"score-cam", "ablation-cam", "occlusion", "rise"}
    assert not [text for text in found.notes if text.startswith("left out")]


@pytest.mark.parametrize("after", [1, 2, 5])
def test_an_interruption_keeps_the_maps_that_are_done(chain, after):
    """Of three methods on two images, one image after the other."""
    whole = heatmap(chain(), [photo(0), photo(1)], method=FEW, batch_size=1)
    fake, calls = chain(), []

    def stop(done, total):
        calls.append(done)
        if len(calls) == after:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        heatmap(fake, [photo(0), photo(1)], method=FEW, batch_size=1, progress=stop)
    kept = stopped.value.done
    assert stopped.value.count == 6
    assert 0 < len(kept) <= after
    assert f"stopped after {len(kept)} of 6 heatmaps" in kept.notes
    assert len(kept.images) == len(kept.photographs) == len(kept.predictions)
    for made in kept:
        (same,) = [one for one in whole if (one.image, one.method) == (made.image, made.method)]
        np.testing.assert_array_equal(made.values, same.values)


def test_an_interruption_before_the_first_map_keeps_none(chain):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        heatmap(chain(), photo(), method="occlusion", progress=stop)
    assert stopped.value.done is None


def test_an_option_that_no_method_reads_is_refused(chain, methods):
    with pytest.raises(
        UsageError,
        match=r"no method asked for \(grad-cam\) reads 'steps': it "
        "belongs to picky, stages",
    ):
        heatmap(chain(), photo(), steps=3)
    with pytest.raises(UsageError, match="reads 'noise': none of all does"):
        heatmap(chain(), photo(), noise=0.5)
    found = heatmap(chain(), photo(), method="stages", steps=3, seed=7, score="output")
    assert (found.options.steps, found.options.seed, found.options.score) == (3, 7, "output")
    assert heatmap(chain(), photo(), steps=None).options.steps == 64


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "grad-kam"}, UsageError, "unknown method 'grad-kam'.*Did you mean grad-cam"),
        ({"method": []}, UsageError, "at least one method"),
        ({"steps": 3}, UsageError, "no method asked for|expected steps"),
        ({"colour": 3}, UsageError, "unknown option 'colour'"),
        ({"score": "loud"}, UsageError, "unknown score 'loud': expected one of logit, output"),
        ({"seed": -1}, UsageError, "expected seed as a whole number from 0"),
        ({"batch_size": 0}, UsageError, "at least 1 image in a batch"),
        ({"top": 0}, UsageError, "at least 1 class"),
        ({"top": 2, "target": 1}, UsageError, "leave it out where a target is named"),
        ({"target": "dog"}, SelectionError, "--labels, as 'cat,dog'"),
        ({"layer": "top"}, SelectionError, "layer 'top' gives 3 numbers, which is no map"),
        ({"layer": "nose"}, SelectionError, "no layer 'nose'"),
        ({"layer": "body", "method": "gradient"}, UsageError, "takes a layer: leave it out"),
        ({"scale": "loud"}, UsageError, "unknown scale 'loud'"),
        ({"size": (9, 9)}, UsageError, "the model takes 8 x 8 pixels"),
    ],
)
def test_wrong_usage_is_said_in_one_line(chain, options, error, message):
    with pytest.raises(error, match=message) as caught:
        heatmap(chain(), photo(), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (InputInfo("given", (None, 30), vocabulary=100), "'given' takes whole numbers that stand"),
        (InputInfo("given", (None, 30), dtype="int32"), "'given' takes whole numbers that stand"),
        (InputInfo("given", (None, 2, 3, 4, 5, 6)), r"heatmaps are of vectors.*\(None, 2, 3, 4"),
        (InputInfo("given", (None, 16)), "of positions before 'top', but the model has no conv"),
    ],
)
def test_what_no_heatmap_is_of(network, entry, message):
    fake = network(
        {"top": ("Dense", lambda given: given.reshape(len(given), -1)[:, :2])}, inputs=(entry,)
    )
    with pytest.raises(ModelInputError, match=message):
        heatmap(fake, np.zeros(tuple(size or 1 for size in entry.shape), np.float32))


def test_images_that_are_none(chain, tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        heatmap(chain(), tmp_path / "nothing.png")
    with pytest.raises(ImageError, match="found nothing"):
        heatmap(chain(), [])


def test_black_and_white_of_what_the_network_sees(chain, methods, monkeypatch):
    seen = []

    def look(request):
        images = request.images
        seen.append((images.black.tolist(), images.white.tolist()))
        return np.ones((len(images), 8, 8), np.float32)

    methods["look"] = own("look", look, layers=NONE)
    for scale in ("0..1", "-1..1", "none"):
        heatmap(chain(), photo(), method="look", scale=scale)
    heatmap(chain(), photo().astype(np.float32) / 255, method="look")
    heatmap(chain(), photo().astype(np.float32) / 255 * 4 - 2, method="look", batch_size=1)
    assert seen[:4] == [
        ([0, 0, 0], [1, 1, 1]),
        ([-1, -1, -1], [1, 1, 1]),
        ([0, 0, 0], [255, 255, 255]),
        ([0, 0, 0], [1, 1, 1]),
    ]
    assert seen[4][0] == pytest.approx([-2] * 3, abs=0.05)
    heatmap(chain(), photo(), method="look", scale="caffe")
    assert seen[5][0] == pytest.approx([-103.939, -116.779, -123.68])
    assert seen[5][1] == pytest.approx([151.061, 138.221, 131.32])


@pytest.mark.parametrize("method", ["all", ["grad-cam", "gradient"], "gradient"])
def test_a_layer_that_is_not_there_is_refused_by_every_choice_of_methods(chain, method):
    with pytest.raises((SelectionError, UsageError), match=r"nothing|takes a layer"):
        heatmap(chain(), photo(), method=method, layer="nothing")
