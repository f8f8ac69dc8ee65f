"""Results of a model that can only run forward, and the errors that name what it lacks."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import layersight
from layersight.data.model import InputInfo
from layersight.errors import CapabilityError, ModelFileError, UsageError
from layersight.loading import frameworks
from layersight.loading.frameworks import Framework
from layersight.nouns.heatmaps.methods.method import find_method
from layersight.nouns.heatmaps.settings import choose_methods
from toy_framework import Toy, ToyLayer

# The methods that need no gradients, but for ``activation``, which explains channels only.
WORKING = ("score-cam", "eigencam", "occlusion", "rise")

DRAW = np.random.default_rng(4)
COLOURS, MIXED, DENSE = DRAW.normal(size=(3, 4)), DRAW.normal(size=(4, 6)), DRAW.normal(size=(6, 3))


def halved(maps):
    count, height, width, channels = maps.shape
    return maps.reshape(count, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def toy(**options):
    return Toy(
        {
            "stem": ToyLayer(
                lambda picture: picture @ COLOURS + 0.1, "convolution", "relu", "Mix", (COLOURS,)
            ),
            "pool": ToyLayer(lambda stem: halved(stem), "pooling"),
            "body": ToyLayer(lambda pool: pool @ MIXED, "convolution", "relu", "Mix", (MIXED,)),
            "mean": ToyLayer(lambda body: body.mean(axis=(1, 2)), "pooling"),
            "top": ToyLayer(lambda mean: mean @ DENSE, "dense", "softmax", "Mix", (DENSE,)),
        },
        **{"inputs": (InputInfo("picture", (None, 8, 8, 3)),), **options},
    )


def image():
    return np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)


def test_its_layers_are_listed():
    info = layersight.summary(layersight.load_model(toy()))
    assert [(layer.name, layer.role, layer.parameters) for layer in info.layers] == [
        ("stem", "convolution", 12),
        ("pool", "pooling", 0),
        ("body", "convolution", 24),
        ("mean", "pooling", 0),
        ("top", "dense", 18),
    ]


@pytest.mark.parametrize(
    ("file", "options"),
    [
        *(("maps.pdf", {"view": view}) for view in ("sheet", "grid", "channel", "across")),
        *((f"maps{suffix}", {"view": "grid"}) for suffix in (".svg", ".png")),
        *((f"maps{suffix}", {}) for suffix in (".html", ".npz", ".json")),
    ],
)
def test_its_activations_become_every_file(tmp_path, file, options):
    images = [image(), image()[::-1]] if options.get("view") == "across" else [image()]
    maps = layersight.activations(toy(), images, layers=["stem"])
    expected = np.maximum(np.stack(images) / np.float32(255) @ COLOURS + 0.1, 0)
    np.testing.assert_allclose(maps["stem"], expected, rtol=1e-5)
    layersight.save(maps, tmp_path / file, **options)
    assert (tmp_path / file).stat().st_size > 100


@pytest.mark.parametrize("method", WORKING)
def test_heatmaps_without_gradients(method):
    options = {"masks": 32} if "masks" in find_method(method).uses else {}
    result = layersight.heatmap(toy(), image(), method=method, **options)
    (heat,) = result
    assert heat.values.shape == (8, 8)
    assert np.ptp(heat.values) > 0
    assert result.options.score == "output"
    assert heat.explained == pytest.approx(heat.score)
    assert any("gives no logits" in note for note in result.notes)


def test_a_channel_is_shown_by_its_own_activation():
    (heat,) = layersight.heatmap(toy(), image(), method="activation", target="body:2")
    maps = layersight.activations(toy(), image(), layers="body")["body"]
    np.testing.assert_allclose(heat.coarse, maps[0, :, :, 2], rtol=1e-6)


def test_layers_that_depend_on_the_input_that_is_explained():
    two = Toy(
        {
            "left": ToyLayer(
                lambda picture: picture @ COLOURS, "convolution", "relu", weights=(COLOURS,)
            ),
            "right": ToyLayer(lambda mask: mask * MIXED[0, :4], "convolution", weights=(MIXED,)),
            "top": ToyLayer(
                lambda left, right: left.mean(axis=(1, 2)) + right.mean(axis=(1, 2)), "merge"
            ),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)), InputInfo("mask", (None, 8, 8, 1))),
    )
    given = {"picture": image(), "mask": image()[..., :1]}
    (heat,) = layersight.heatmap(two, given, method="score-cam", input_name="picture", target=1)
    assert heat.layers == ("left",)


def test_of_all_methods_those_that_need_no_gradients_are_left():
    result = layersight.heatmap(toy(), image(), method="all,costly", masks=8)
    assert {heat.method for heat in result} == set(WORKING)
    lost = [note for note in result.notes if "which does not apply" in note]
    assert len(lost) == len(choose_methods("all,costly")) - len(WORKING)
    assert sum("expected a model that can give gradients" in note for note in lost) > 10


def test_an_evaluation_by_what_it_can_do():
    result = layersight.evaluate(
        toy(), [image()], methods=["occlusion", "eigencam"], metrics=["deletion", "insertion"]
    )
    assert result.methods == ("occlusion", "eigencam")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: layersight.patterns(model, "body"), "patterns: .*optimise an input"),
        (lambda model: layersight.kernels(model), "kernels: .*show its kernels"),
        (lambda model: layersight.heatmap(model, image()), "give gradients.*occlusion, rise"),
        (lambda model: layersight.heatmap(model, image(), method="gradient"), "give gradients"),
        (lambda model: layersight.heatmap(model, image(), method="ablation-cam"), "give gradients"),
        (
            lambda model: layersight.heatmap(
                model, image(), method="occlusion", score_with="randomisation"
            ),
            "randomised weights: .*give gradients",
        ),
        (lambda model: layersight.convert(model, "x.keras"), "convert: .*be saved"),
    ],
)
def test_a_missing_capability_is_an_error_of_one_line(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CapabilityError, match=message) as raised:
        call(toy())
    text = str(raised.value)
    assert "\n" not in text
    assert f"found 'toy' (numpy {np.__version__}), which can only run forward: " in text
    assert not list(tmp_path.iterdir())


def test_other_objects_are_refused():
    with pytest.raises(ModelFileError, match=r"expected a path, .*found dict"):
        layersight.activations({}, image())


@pytest.mark.parametrize(
    "option",
    [
        {"labels": ["a", "b", "c"]},
        {"weights": "nope.h5"},
        {"backend": "torch"},
        {"architecture": "VGG16"},
        {"trust": True},
        {"max_memory": "1G"},
    ],
)
def test_options_are_refused_for_an_open_model(option):
    (name,) = option
    with pytest.raises(UsageError, match=f"open already: give {name}= where it is opened"):
        layersight.load_model(toy(), **option)


def test_a_framework_opens_its_files_and_live_models(tmp_path, monkeypatch):
    network = toy()
    room = types.ModuleType("toy_room")
    room.from_file = lambda path, *, labels, limits: toy(name=path.stem, labels=labels)
    room.from_live = lambda source, *, labels: network
    monkeypatch.setitem(sys.modules, "toy_room", room)
    line = Framework("toy_room", packages=("toy_package",), suffixes=(".toy",))
    monkeypatch.setattr(frameworks, "FRAMEWORKS", [*frameworks.FRAMEWORKS, line])
    path = tmp_path / "small.toy"
    path.write_bytes(b"")
    opened = layersight.load_model(path, labels=["a", "b", "c"])
    assert (opened.info.name, opened.info.labels) == ("small", ("a", "b", "c"))
    live = type("Live", (), {"__module__": "toy_package.networks"})()
    assert layersight.load_model(live) is network
    with pytest.raises(UsageError, match="weights= goes with the name of an architecture"):
        layersight.load_model(live, weights="nope.h5")
