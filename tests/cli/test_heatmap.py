"""layersight heatmap: what it writes and says."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from heats import heats
from layersight.errors import Interrupted
from layersight.export import read_manifest
from layersight.nouns.heatmaps.document import describe
from layersight.nouns.heatmaps.methods.method import methods
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.request import METHODS
from layersight.writers.terminal import to_text

VERB = "layersight.nouns.heatmaps.compute.heatmap"


def test_without_output_it_stands_beside_the_image(run, small, photo):
    done = run("heatmap", small, photo)
    assert done.status == 0, done.err
    target = photo.parent / "photo-heatmap.png"
    with Image.open(target) as image:
        assert image.text["Title"] == "small: heatmaps of photo.png"
        assert "Grad-CAM" in image.text["Description"]
    assert done.err == ""
    lines = done.out.splitlines()
    assert "resized from 30 x 20 to 16 x 16 (stretch, nearest)" in lines
    assert any(line.startswith("pixels / 255 (not known: ") for line in lines)
    output = done.rows.index("Output")
    assert all(row.startswith("class ") for row in done.rows[output + 1 : output + 4])
    assert any(line.startswith("layer conv_1 (5 x 5)") for line in lines)
    assert "Grad-CAM, layer conv_1, 5 x 5 map, enlarged." in done.rows
    head = done.rows.index("image explained score logit maps no evidence hottest")
    assert re.match(r"1 photo\.png class \d \d\S* \S+ 1 x \d+, y \d+ ", done.rows[head + 1])
    assert lines[-1] == f"wrote {target}"


def test_several_images_are_one_document(run, small, photo, here):
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    done = run("heatmap", small, photo.parent, "-q")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert not list(photo.parent.glob("*-heatmap.png"))
    found = read_manifest(here / f"{small.stem}-heatmap.pdf")
    assert len(found["images"]) == 2


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg", ".html", ".npz", ".zarr", ".json", ""])
def test_every_output(run, here, small, photo, suffix):
    done = run("heatmap", small, photo, "-o", f"x{suffix}", "-q")
    assert (done.status, done.out, done.err) == (0, "", "")
    found = read_manifest(here / f"x{suffix}")
    assert found["kind"] == "heatmaps"
    assert found["heatmaps"][0]["method"] == "grad-cam"
    assert found["heatmaps"][0]["layers"] == ["conv_1"]


def test_an_archive_of_several_images(run, here, small, photo):
    other = photo.with_name("other.png")
    Image.open(photo).rotate(180).save(other)
    done = run("heatmap", small, photo, other, "-o", "x.npz", "-q")
    assert done.status == 0, done.err
    with np.load(here / "x.npz") as found:
        assert found["heatmap"].shape == (2, 20, 30)
        assert found["image_name"].tolist() == ["photo.png", "other.png"]
        assert found["target"].shape == found["score"].shape == (2,)


def test_the_strongest_classes_by_name(run, here, small, photo, models):
    done = run(
        *("heatmap", small, photo, "--top", "3", "--labels", models / "three.names"), *("-o", "-")
    )
    found = json.loads(done.out)
    said = [top["label"] for top in found["images"][0]["predictions"][0]["top"]]
    assert [each["target_name"] for each in found["heatmaps"]] == said
    scores = [each["score"] for each in found["heatmaps"]]
    assert scores == sorted(scores, reverse=True)
    assert found["manifest"]["picture"]["view"] == "row"


def test_targets_methods_and_layers_as_asked(run, here, small, photo, models):
    done = run(
        *("heatmap", small, photo, "--method", "grad-cam,gradient", "--method", "layercam"),
        *("--target", "dog", "--target", "cat vs bird", "--target", "conv_1:2@1,3"),
        *("--layer", "conv", "--labels", models / "three.names", "--json"),
    )
    assert done.status == 0, done.err
    found = json.loads(done.out)["heatmaps"]
    assert [each["method"] for each in found] == ["grad-cam", "gradient", "layercam"] * 3
    names = ["dog", "cat rather than bird", "conv_1 channel 2, position 1, 3"]
    assert [each["target_name"] for each in found[::3]] == names
    assert [each["layers"] for each in found[:3]] == [["conv"], [], ["conv"]]


def test_options_reach_the_verb(run, here, small, photo, monkeypatch):
    asked = {}

    def stand_in(model, image, **given):
        asked.update(given, image=image, model=model)
        return heats(methods=["occlusion"])

    monkeypatch.setattr(VERB, stand_in)
    done = run(
        *("heatmap", small, photo, "--method", "all,costly", "--target", "3", "--layer", "conv_1"),
        *("--explain", "output", "--baseline", "blur", "--steps", "9", "--samples", "8"),
        *("--noise", "0.2", "--masks", "7", "--cells", "6", "--keep", "0.4", "--window", "5"),
        *("--stride", "2", "--seed", "3", "--batch-size", "4", "--scale", "-1..1"),
        *("--fit", "pad", "--interpolation", "bilinear", "--size", "16", "--input-name", "x"),
        *("--view", "single", "--colormap", "magma", "--opacity", "0.4", "--percentile", "99"),
        *("--normalise", "shared", "--squares", "--columns", "3", "-o", "x.json"),
    )
    assert done.status == 0, done.err
    asked.pop("model")
    progress = asked.pop("progress")
    assert callable(progress)
    assert asked == {
        "image": [photo], "method": ["all", "costly"], "target": ("3",), "layer": ["conv_1"],
        "score_with": [], "score": "output", "baseline": "blur", "steps": 9, "samples": 8,
        "noise": 0.2, "masks": 7, "cells": 6, "keep": 0.4, "window": 5, "stride": 2, "seed": 3,
        "batch_size": 4, "scale": "-1..1", "fit": "pad", "interpolation": "bilinear",
        "size": (16, 16), "input_name": "x",
    }  # fmt: skip
    assert read_manifest(here / "x.json")["picture"] == {
        "view": "single", "colormap": "magma", "opacity": 0.4, "normalise": "shared",
        "percentile": 99.0, "smooth": False, "columns": 3, "clear": 0.0,
    }  # fmt: skip


def test_what_is_not_asked_for_is_left_to_the_verb(run, here, small, photo, monkeypatch):
    asked = {}

    def stand_in(model, image, **given):
        asked.update(given)
        return heats()

    monkeypatch.setattr(VERB, stand_in)
    run("heatmap", small, photo, "-o", "x.json", "-q")
    assert asked == {
        "method": "grad-cam", "score_with": [], "progress": None,
    }  # fmt: skip


def test_an_interruption_writes_what_is_done(run, here, small, photo, monkeypatch):
    done = [heats(methods=["gradient"]), None]

    def stand_in(model, image, **given):
        raise Interrupted(done.pop(0), 5)

    monkeypatch.setattr(VERB, stand_in)
    stopped = run("heatmap", small, photo, "-o", "x.json")
    assert stopped.status == 130
    assert stopped.err == "layersight: interrupted; 1 of 5 heatmaps are in x.json\n"
    assert read_manifest(here / "x.json")["methods"] == {"gradient": "Gradient"}
    nothing = run("heatmap", small, photo, "-o", "y.json")
    assert nothing.err == "layersight: interrupted; nothing half-written is left\n"
    assert not (here / "y.json").exists()


def test_scores_of_metrics(run, here, small, photo):
    done = run("heatmap", small, photo, "--score", "deletion, insertion", "-o", "x.png")
    assert done.status == 0, done.err
    head = done.rows.index("metric this map random map centre map")
    for name, row in zip(("deletion", "insertion"), done.rows[head + 1 : head + 3], strict=True):
        verdict = r"(better|worse) than random|no different"
        good = "(low|high) is good"
        told = row.replace(" *", "")
        assert re.fullmatch(rf"{name} {good}( [\d.]+){{3}}.* ({verdict}).*", told), row
    with Image.open(here / "x.png") as image:
        plain = image.height
    run("heatmap", small, photo, "-o", "y.png", "-q")
    with Image.open(here / "y.png") as image:
        assert plain > image.height + 200  # the table and two curves


def test_several_inputs(run, here, models, photo):
    done = run(
        *("heatmap", models / "pair.keras", "--input", f"left={photo}"),
        *("--input", f"right={photo}", "--target", "both:0", "-o", "x.json", "-q"),
    )
    assert (done.status, done.out, done.err) == (0, "", "")
    found = json.loads((here / "x.json").read_text())
    assert "explained is the input 'left'" in " ".join(found["manifest"]["notes"])


def test_words_tell_measures_warnings_and_empty_maps():
    made = heats(
        methods=("grad-cam", "gradient"), measured=True, warned=["gradient"], empty=(0,), fit="pad"
    )
    text = to_text(describe(made, HeatOptions(view="sheet")))
    rows = [line.split() for line in text.splitlines()]
    assert "This method shows edges whatever the weights are." in text
    assert "lack was put around the photograph" in text
    assert any(row[:3] == ["1", "photo0.jpg", "dog"] and row[-2:] == ["1", "map"] for row in rows)
    head = rows.index([*["map", "low", "is", "good", "high", "is", "good", "low", "is", "good"]])
    assert rows[head - 1] == ["deletion", "insertion", "sensitivity"]
    told = [(*row[:-3], *row[-3:]) for row in rows[head + 1 : head + 6]]
    assert told[0][:2] == ("Grad-CAM", "0.21")
    assert told[1] == ("a", "random", "map", "as", "coarse", "0.4", "0.5", "0.1")
    assert told[2][:2] == ("Gradient", "0.22")
    assert told[4] == ("a", "map", "of", "the", "centre", "0.3", "0.6", "0.2")
    assert " ".join(told[0]) == "Grad-CAM 0.21 * 0.71 * 0.3"
    assert "better than a random map and than the map of the centre" in text


def test_the_methods_are_listed(run):
    done = run("heatmap", "--list-methods")
    assert done.status == 0
    parts = done.out.strip().split("\n\n")
    assert len(parts) == len(METHODS)
    for part, method in zip(parts, methods().values(), strict=True):
        lines = part.splitlines()
        assert lines[0] == f"{method.name}: {method.says}"
        assert lines[1:] == [
            f"  assumes   {method.assumes}",
            f"  misleads  {method.misleads}",
            f"  source    {method.source}",
        ]


def test_help_names_every_method_and_imports_none():
    code = (
        "import sys; from layersight.cli import main\n"
        "try: main(['heatmap', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'keras', 'PIL', 'reportlab', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "COLUMNS": "200", "TERMINAL_WIDTH": "200"},
    )
    told = " ".join(done.stdout.split())
    for name in METHODS:
        assert name in told.replace("- ", "-"), name
    assert "Example: layersight heatmap" in told


# Wrong input.


@pytest.mark.parametrize(
    ("status", "given", "words"),
    [
        (2, ["--method", "grad-cm"], "unknown method 'grad-cm': expected one of grad-cam"),
        (2, ["--score", "deletoin"], "unknown metric 'deletoin': expected one of deletion"),
        (2, ["--view", "grid"], "unknown view 'grid': expected one of single, overlay, row, table"),
        (2, ["--opacity", "2"], "expected opacity as a number from 0 to 1, found 2"),
        (2, ["--colormap", "jet"], "unknown colormap 'jet'"),
        (2, ["--normalise", "layer"], "unknown normalise 'layer': expected one of own"),
        (2, ["--columns", "0"], "columns as a whole number of at least 1, found 0"),
        (2, ["-o", "x.bmp"], "cannot write 'x.bmp': expected one of .pdf"),
        (2, ["-o", "x.gif"], "cannot write 'x.gif': expected one of .pdf"),
        (2, ["--steps", "5"], "reads 'steps': it belongs to integrated-gradients"),
        (2, ["--size", "big"], "--size expects HEIGHTxWIDTH"),
        (2, ["--explain", "x"], "unknown score 'x': expected one of logit, output"),
        (2, ["--top", "0"], "expected at least 1 class of each image, found top=0"),
        (2, ["--top", "x"], "Invalid value for '--top'"),
        (2, ["--top", "2", "--target", "1"], "leave it out where a target is named"),
        (1, ["--target", "9"], "no class or channel 9"),
        (1, ["--target", "dgo"], "dgo"),
        (1, ["--layer", "conv_9"], "conv_9"),
        (2, ["--scale", "0-1"], "unknown scale '0-1'"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, here, small, photo, status, given, words):
    before = sorted(here.rglob("*"))
    done = run("heatmap", small, photo, *given)
    assert done.status == status, done.err
    assert words in done.line
    assert sorted(here.rglob("*")) == before


def test_an_image_is_needed(run, here, small, photo):
    done = run("heatmap", small)
    assert (done.status, done.line) == (2, "give an image: layersight heatmap MODEL IMAGE")
    done = run("heatmap", small, "nowhere.png")
    assert done.status == 1
    assert "no such file: 'nowhere.png'" in done.line
    done = run("heatmap", small, photo, "--input", f"input={photo}")
    assert done.line.startswith("give either IMAGE or --input NAME=FILE")


def test_an_interruption_leaves_nothing(run, here, small, photo, monkeypatch):
    def interrupted(*_, progress, **__):
        progress(1, 3)
        raise KeyboardInterrupt

    monkeypatch.setattr(VERB, interrupted)
    done = run("heatmap", small, photo)
    assert done.status == 130
    assert done.line == "interrupted; nothing half-written is left"
    assert [path.name for path in here.rglob("*.png")] == ["photo.png"]
