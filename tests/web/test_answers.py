"""The answers of an explorer are what the verbs find."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import layersight
from explorers import picture, png
from fake_network import Fake, deep, small
from layersight.data.model import InputInfo
from layersight.errors import LayersightError, SelectionError, UsageError
from layersight.web.answers import KINDS
from layersight.web.explorer import Answer, Explorer, Settings
from layersight.web.host import answer, ask, describe_error
from layersight.web.photos import MissingError
from layersight.web.snippets import Origin


def explore(model: Any = None, *images: Any, **settings: Any) -> tuple[Explorer, str]:
    made = Explorer(model or deep(), images or [picture()], Settings(**settings))
    found = answer(made, "images", {}).json["images"]
    return made, found[0]["id"] if found else ""


def test_every_layer_and_channel_has_the_numbers_of_the_command_line() -> None:
    image = picture()
    explorer, number = explore(deep(labels=("a", "b", "c")), image)
    maps = layersight.activations(deep(labels=("a", "b", "c")), image, predictions=True)
    layersight_json = json.loads(_json(maps))
    summed = answer(explorer, "statistics", {"image": number}).json["layers"]
    said = answer(explorer, "predictions", {"image": number}).json["predictions"]
    for one, other in zip(said, layersight_json["predictions"], strict=True):
        assert one == {**other, "words": one["words"]}
    for layer in layersight_json["layers"]:
        channels = layer.pop("channels")
        assert summed[layer["name"]] == {**layer, "channels": len(channels)}
        made = answer(explorer, "layer", {"image": number, "layer": layer["name"]})
        columns = made.json["columns"]
        for channel in channels:
            row = made.buffers[1][:, channel["index"]]
            table = dict(zip(columns, row.tolist(), strict=True))
            for name in ("mean", "std", "min", "max", "sparsity", "dead"):
                assert table[name] == channel[name], (layer["name"], channel["index"], name)
            exact = answer(
                explorer,
                "exact",
                {"image": number, "layer": layer["name"], "channel": channel["index"]},
            ).buffers[0]
            values = maps[layer["name"]][0, ..., channel["index"]]
            assert np.array_equal(np.ravel(exact), np.ravel(values))


def _json(result: Any) -> bytes:
    from layersight.document.noun import noun_of
    from layersight.export.files import to_bytes

    return to_bytes(result, ".json", noun_of(result).options())


def test_one_pass_serves_everything_of_an_image() -> None:
    network = deep()
    explorer, number = explore(network)
    for layer in ("top", "body", "stem"):
        answer(explorer, "layer", {"image": number, "layer": layer})
    for kind in ("statistics", "predictions"):
        answer(explorer, kind, {"image": number})
    answer(explorer, "position", {"image": number, "y": 3, "x": 3})
    assert len([one for one in network.passes if len(one[1]) == 5]) == 1
    assert len(network.passes) == 1


def test_what_is_no_longer_kept_is_computed_again() -> None:
    network = deep()
    explorer, number = explore(network)
    params = {"image": number, "layer": "body"}
    before = answer(explorer, "layer", params)
    explorer.layers.limit = 0
    explorer.layers.put("drop", None, 0)  # type: ignore[arg-type]
    explorer.answers.put(("layer", json.dumps(params, sort_keys=True), None), before, 1 << 40)
    after = answer(explorer, "layer", params)
    assert network.passes[-1][1] == ("body",)
    assert np.array_equal(before.buffers[0], after.buffers[0])


def test_the_network_is_told_as_it_is() -> None:
    explorer, number = explore(deep(labels=("a", "b", "c")))
    found = answer(explorer, "model", {"image": number}).json
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [layer["name"] for layer in found["layers"]] == ["stem", "pool", "body", "gap", "top"]
    assert [layer["kind"] for layer in found["layers"]] == ["maps"] * 3 + ["units"] * 2
    assert found["layers"][2]["inputs"] == ["pool"]
    assert found["labels"] == ["a", "b", "c"]
    assert found["input"] == "picture"
    assert {method["name"] for method in found["methods"]} >= {"grad-cam", "occlusion"}
    samples = next(m for m in found["methods"] if m["name"] == "smoothgrad")["options"]
    assert {"samples", "noise"} <= {option["name"] for option in samples}
    assert all(found["features"][name] for name in ("upload", "edit", "pattern", "heatmap"))
    assert {metric["name"] for metric in found["metrics"]} >= {"deletion", "insertion"}


def test_where_a_position_lies() -> None:
    from layersight.data.model import LayerInfo, Placement
    from layersight.web.answers import _position_in

    layer = LayerInfo(
        "conv",
        "Conv2D",
        (None, 4, 4, 2),
        receptive_field=(3, 3),
        placement=Placement((-1.0, -1.0), (2.0, 2.0)),
    )
    for y in range(4):
        for x in range(4):
            middle = (2 * y + 0.5, 2 * x + 0.5)
            assert _position_in(layer, middle) == (y, x)
    assert _position_in(layer, (100, 0)) == (3, 0)
    assert _position_in(LayerInfo("top", "Dense", (None, 3)), (0, 0)) is None


def test_heatmaps_are_those_of_the_verb() -> None:
    image = picture()
    explorer, number = explore(deep(), image)
    made = answer(
        explorer,
        "heatmap",
        {"image": number, "method": "grad-cam", "target": "1", "scores": ["deletion"]},
    )
    heat = layersight.heatmap(deep(), image, method="grad-cam", target=1, score_with="deletion")
    assert np.array_equal(made.buffers[0], heat[0].values)
    assert made.json["score"] == pytest.approx(heat[0].score)
    assert made.json["measures"][0]["value"] == pytest.approx(heat[0].measures[0].value)
    assert made.json["measures"][0]["title"]
    assert made.json["layers"] == ["body"]
    with pytest.raises(UsageError, match="unknown option 'batch_size'"):
        answer(
            explorer,
            "heatmap",
            {"image": number, "method": "grad-cam", "options": {"batch_size": 1 << 30}},
        )


def test_kernels_are_those_of_the_verb() -> None:
    network = deep()
    weights = np.random.default_rng(2).normal(size=(3, 3, 4, 5)).astype(np.float32)
    network.weights["body"] = weights
    explorer, _ = explore(network)
    made = answer(explorer, "kernel", {"layer": "body", "channel": 3})
    assert np.array_equal(made.buffers[0], np.moveaxis(weights[..., 3], -1, 0))
    assert made.json["shape"] == [4, 3, 3]
    assert made.json["limit"] == pytest.approx(float(np.abs(weights).max()))
    with pytest.raises(SelectionError, match="no channel 5"):
        answer(explorer, "kernel", {"layer": "body", "channel": 5})
    with pytest.raises(SelectionError, match="has no kernels"):
        answer(explorer, "kernel", {"layer": "pool", "channel": 0})


def test_a_file_is_the_one_of_the_command_line(tmp_path: Path) -> None:
    image = picture()
    explorer, number = explore(deep(), image)
    made = answer(
        explorer,
        "download",
        {"view": "layer", "format": "npz", "image": number, "layer": "body"},
    )
    maps = layersight.activations(deep(), image, layers="body")
    assert made.json == {"name": "layer-body.npz", "mime": "application/zip"}
    with np.load(io.BytesIO(made.buffers[0])) as file:
        assert np.array_equal(file["body"], maps["body"])
    for view, kind in (("layer", "png"), ("channel", "svg"), ("heatmap", "png"), ("all", "json")):
        params: dict[str, Any] = {"view": view, "format": kind, "image": number}
        params |= {"layer": "body", "channel": 2} if view in ("layer", "channel") else {}
        content = answer(explorer, "download", params).buffers[0]
        assert content[:1] in (b"\x89", b"<", b"{")
    channel = {"view": "channel", "format": "png", "image": number, "layer": "body"}
    with pytest.raises(UsageError, match="expected the layer and the channel"):
        answer(explorer, "download", channel)


def test_images_that_are_sent_are_seen_as_files_are(tmp_path: Path) -> None:
    pixels = picture(5, (20, 30))
    path = tmp_path / "photo.png"
    path.write_bytes(png(pixels))
    explorer, number = explore(deep(), path)
    sent = answer(explorer, "upload", {"name": "photo.png"}, path.read_bytes()).json
    assert sent["id"] != number
    assert (sent["width"], sent["height"], sent["name"]) == (30, 20, "photo.png")
    for layer in ("stem", "top"):
        given, own = (
            answer(explorer, "exact", {"image": one, "layer": layer, "channel": 1}).buffers[0]
            for one in (number, sent["id"])
        )
        assert np.array_equal(given, own)


def test_a_photograph_is_shown_as_it_is(tmp_path: Path) -> None:
    pixels = picture(5, (40, 90))
    explorer, number = explore(deep(), pixels)
    made = answer(explorer, "photograph", {"image": number})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(made.buffers[0]))), pixels)
    small_one = answer(explorer, "photograph", {"image": number, "longest": 30})
    assert (small_one.json["width"], small_one.json["height"]) == (30, 13)
    seen = answer(explorer, "photograph", {"image": number, "seen": True})
    assert (seen.json["width"], seen.json["height"]) == (8, 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_not_painted_stays_as_it_is(channels: int) -> None:
    pixels = picture(6, (50, 70))[..., :channels]
    pixels = pixels[..., 0] if channels == 1 else pixels
    network = deep()
    explorer, number = explore(network, pixels)
    over = np.zeros((25, 35, 4), np.uint8)
    over[:5, :7] = (200, 10, 90, 255)
    edited = answer(explorer, "edit", {"image": number}, png(over)).json
    assert edited["edited_from"] == number
    made = answer(explorer, "photograph", {"image": edited["id"], "longest": 1024})
    found = np.asarray(Image.open(io.BytesIO(made.buffers[0])).convert("RGB"))
    expected = np.repeat(pixels[..., np.newaxis], 3, 2) if channels == 1 else pixels.copy()
    expected[:10, :14] = (200, 10, 90)
    assert np.array_equal(found, expected)
    nothing = answer(explorer, "edit", {"image": number}, png(np.zeros((5, 5, 4), np.uint8))).json
    maps = [
        answer(explorer, "exact", {"image": one, "layer": "stem", "channel": 0}).buffers[0]
        for one in (number, nothing["id"])
    ]
    assert np.array_equal(*maps)


def test_a_network_that_takes_no_image_is_shown_what_is_drawn() -> None:
    network = Fake(
        {"top": ("Dense", lambda latent: latent[:, :3] * 2)},
        inputs=(InputInfo("latent", (None, 7)),),
    )
    explorer = Explorer(network, [])
    (one,) = answer(explorer, "images", {}).json["images"]
    made = answer(explorer, "layer", {"image": one["id"], "layer": "top"})
    assert made.json["kind"] == "units"
    found = answer(explorer, "model", {}).json
    assert found["input"] is None
    assert not any(found["features"][name] for name in ("upload", "edit", "pattern", "heatmap"))
    assert answer(explorer, "image", {"image": one["id"]}).json["name"] == "drawn"
    with pytest.raises(LayersightError, match="numbers and no picture"):
        answer(explorer, "edit", {"image": one["id"]}, png(np.zeros((2, 2, 4), np.uint8)))


def test_signals_and_volumes() -> None:
    signal = Fake(
        {"conv": ("Conv1D", lambda wave: wave * 2), "top": ("Dense", lambda wave: wave[:, 0])},
        inputs=(InputInfo("wave", (None, 9, 2)),),
    )
    explorer, number = explore(signal, np.ones((9, 2), np.float32))
    made = answer(explorer, "layer", {"image": number, "layer": "conv"})
    assert (made.json["kind"], made.json["shape"]) == ("signal", [1, 9])
    volume = Fake(
        {"conv": ("Conv3D", lambda body: body * 2)},
        inputs=(InputInfo("body", (None, 4, 3, 5, 2)),),
    )
    explorer, number = explore(volume, np.random.default_rng(0).random((4, 3, 5, 2), np.float32))
    made = answer(explorer, "layer", {"image": number, "layer": "conv", "slice": 3})
    assert (made.json["kind"], made.json["shape"], made.json["slices"]) == ("volume", [3, 5], 4)


def test_several_inputs_say_what_else_they_got() -> None:
    network = Fake(
        {"top": ("Dense", lambda picture, extra: picture.mean((1, 2)) + extra[:, :3])},
        inputs=(InputInfo("picture", (None, 6, 5, 3)), InputInfo("extra", (None, 4))),
    )
    explorer, number = explore(network)
    notes = answer(explorer, "predictions", {"image": number}).json["notes"]
    assert any("'extra'" in note and "drawn" in note for note in notes)


def test_a_read_only_explorer_takes_no_image() -> None:
    explorer, number = explore(deep(), read_only=True)
    for kind, params in (("upload", {"name": "a"}), ("edit", {"image": number}), ("sample", {})):
        with pytest.raises(LayersightError, match="read-only") as failure:
            answer(explorer, kind, params, b"x" if kind != "sample" else None)
        assert describe_error(failure.value)[0] == 403
    features = answer(explorer, "model", {}).json["features"]
    assert not any(features[name] for name in ("upload", "edit", "sample"))


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("layer", {}, "expected image"),
        ("layer", {"image": 3, "layer": "stem"}, "image as a word"),
        ("layer", {"image": "x", "layer": "stem", "slice": -1}, "slice as a whole number"),
        ("layer", {"image": "x" * 5000, "layer": "stem"}, "at most 4096 printable"),
        ("layer", {"image": "a\nb", "layer": "stem"}, "printable characters"),
        ("layer", [], "as an object"),
        ("position", {"image": "x", "y": 1e9, "x": 0}, "y as a number from 0"),
        ("heatmap", {"image": "x", "scores": "all"}, "expected scores as some of"),
        ("heatmap", {"image": "x", "options": {"steps": {}}}, "option 'steps' as a number"),
        ("download", {"view": "disk"}, "unknown view 'disk'"),
        ("download", {"format": "exe"}, "unknown format 'exe'"),
        ("images", {"path": "/etc"}, "unknown parameter 'path'"),
    ],
)
def test_wrong_parameters(kind: str, params: Any, message: str) -> None:
    explorer, _ = explore()
    with pytest.raises(UsageError, match=message) as failure:
        ask(explorer, kind, params)
    assert describe_error(failure.value)[0] == 400


def test_what_asks_for_too_much_is_refused() -> None:
    explorer, _ = explore()
    for params in (
        {"layer": "stem", "channel": 0, "options": {"size": 100_000}},
        {"layer": "stem", "channel": 0, "options": {"size": [64, 100_000]}},
        {"layer": "stem", "channel": 0, "options": {"steps": 100_000}},
        {"layer": "stem", "channel": 0, "options": {"images": "/etc"}},
        {"layer": "stem", "channel": 0, "options": {"start": "/etc/passwd"}},
    ):
        with pytest.raises(UsageError):
            answer(explorer, "pattern", params)


def test_each_kind_is_refused_without_its_image() -> None:
    explorer, _ = explore()
    for kind, known in KINDS.items():
        if "image" not in known.request.__dataclass_fields__:
            continue
        params: dict[str, Any] = {"image": "0123"}
        if "layer" in known.request.__dataclass_fields__:
            params["layer"] = "stem"
        body = png(np.zeros((2, 2, 4), np.uint8)) if known.body else None
        with pytest.raises(MissingError, match="there is no image '0123'"):
            answer(explorer, kind, params, body)


def test_only_whole_names_are_layers() -> None:
    explorer, number = explore(small())
    for name in ("con*", ":1", "Conv2D", "0"):
        with pytest.raises(SelectionError, match="there is no layer"):
            answer(explorer, "layer", {"image": number, "layer": name})


def test_answers_of_what_costs_are_kept() -> None:
    network = deep()
    explorer, number = explore(network)
    params = {"image": number, "method": "grad-cam"}
    first = answer(explorer, "heatmap", params)
    count = len(network.gradients)
    assert answer(explorer, "heatmap", params) is first
    assert len(network.gradients) == count
    assert isinstance(ask(explorer, "heatmap", params), Answer)


def test_the_words_of_a_view_are_filled_in_by_the_page() -> None:
    explorer, _ = explore(
        deep(), origin=Origin("my model.h5", {"labels": "names"}, {"size": (8, 9)})
    )
    words = answer(explorer, "model", {}).json["words"]
    assert words["kernel"]["command"] == (
        "layersight kernels 'my model.h5' --layers {layer} --channels {channel} "
        "--output kernel.png --labels names"
    )
    assert words["layer"]["command"].endswith("--output layer.png --labels names --size 8x9")
    assert 'load_model("my model.h5", labels="names")' in words["layer"]["python"]
    assert "layers={layer}, size=(8, 9))" in words["layer"]["python"]


def test_the_strongest_images_of_a_survey(tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / "photos" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(png(picture(number)))
    network = deep()
    survey = layersight.survey(network, tmp_path / "photos")
    explorer, _ = explore(network, survey=survey)
    made = answer(explorer, "strongest", {"layer": "body", "channel": 2})
    own = survey["body"]
    assert made.json["count"] == 4
    assert made.json["statistics"]["mean"] == own.mean[2]
    peaks = [one["activation"] for one in made.json["images"]]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks == own.strongest.activations[2, : len(peaks)].tolist()
    for one, content in zip(made.json["images"], made.buffers, strict=True):
        assert one["class"] in ("cats", "dogs")
        assert Image.open(io.BytesIO(content)).format == "JPEG"  # type: ignore[arg-type]
    assert answer(explorer, "model", {}).json["features"]["survey"]
    with pytest.raises(SelectionError, match="there is no 9"):
        answer(explorer, "strongest", {"layer": "body", "channel": 9})
    other = deep()
    other.named = dataclasses.replace(other.named, digest="sha256:1")
    with pytest.raises(UsageError, match="of another model"):
        explore(other, survey=survey)
    plain, _ = explore()
    with pytest.raises(UsageError, match="--survey DIR"):
        answer(plain, "strongest", {"layer": "body", "channel": 0})


def test_ten_classes_on_demand() -> None:
    explorer, number = explore(deep(labels=("a", "b", "c")))
    asked = {"image": number, "top": 2}
    usual = answer(explorer, "predictions", {"image": number}).json["predictions"]
    fewer = answer(explorer, "predictions", asked).json["predictions"]
    assert [{**one, "top": one["top"][:2], "words": ""} for one in usual] == [
        {**one, "words": ""} for one in fewer
    ]
    with pytest.raises(UsageError, match="from 1 to 10"):
        answer(explorer, "predictions", {**asked, "top": 11})
