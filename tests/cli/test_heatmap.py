"""layersight heatmap: what it writes and says."""

import re
import shutil
import subprocess
import sys

import numpy as np
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


def test_without_output_it_stands_beside_the_image(ok, small, photo):
    finished = ok("heatmap", small, photo)
    target = photo.parent / "photo-heatmap.png"
    with Image.open(target) as image:
        assert image.text["Title"] == "small: heatmaps of photo.png"
        assert "Grad-CAM" in image.text["Description"]
    lines = finished.out.splitlines()
    assert "resized from 30 x 20 to 16 x 16 (stretch, nearest)" in lines
    assert any(line.startswith("pixels / 255 (not known: ") for line in lines)
    output = finished.rows.index("Output")
    assert all(row.startswith("class ") for row in finished.rows[output + 1 : output + 4])
    assert any(line.startswith("layer conv_1 (5 x 5)") for line in lines)
    assert "Grad-CAM, layer conv_1, 5 x 5 map, enlarged." in finished.rows
    head = finished.rows.index("image explained score logit maps no evidence hottest")
    assert re.match(r"1 photo\.png class \d \d\S* \S+ 1 x \d+, y \d+ ", finished.rows[head + 1])
    assert lines[-1] == f"wrote {target}"


def test_several_images_are_one_document(ok, small, photo, here):
    shutil.copy(photo, photo.with_name("other.png"))
    assert ok("heatmap", small, photo.parent, "-q").out == ""
    assert not list(photo.parent.glob("*-heatmap.png"))
    assert len(read_manifest(here / f"{small.stem}-heatmap.pdf")["images"]) == 2


def test_an_archive_of_several_images(ok, here, small, photo):
    other = photo.with_name("other.png")
    Image.open(photo).rotate(180).save(other)
    ok("heatmap", small, photo, other, "-o", "x.npz", "-q")
    with np.load(here / "x.npz") as arrays:
        assert arrays["heatmap"].shape == (2, 20, 30)
        assert arrays["image_name"].tolist() == ["photo.png", "other.png"]
        assert arrays["target"].shape == arrays["score"].shape == (2,)


def test_the_strongest_classes_by_name(ok, small, photo, models):
    options = ("--top", "3", "--labels", models / "three.names", "-o", "-")
    document = ok("heatmap", small, photo, *options).json
    labels = [top["label"] for top in document["images"][0]["predictions"][0]["top"]]
    assert [entry["target_name"] for entry in document["heatmaps"]] == labels
    scores = [entry["score"] for entry in document["heatmaps"]]
    assert scores == sorted(scores, reverse=True)
    assert document["manifest"]["picture"]["view"] == "row"


def test_targets_methods_and_layers(ok, small, photo, models):
    heatmaps = ok(
        *("heatmap", small, photo, "--method", "grad-cam,gradient", "--method", "layercam"),
        *("--target", "dog", "--target", "cat vs bird", "--target", "conv_1:2@1,3"),
        *("--layer", "conv", "--labels", models / "three.names", "--json"),
    ).json["heatmaps"]
    assert [entry["method"] for entry in heatmaps] == ["grad-cam", "gradient", "layercam"] * 3
    names = ["dog", "cat rather than bird", "conv_1 channel 2, position 1, 3"]
    assert [entry["target_name"] for entry in heatmaps[::3]] == names
    assert [entry["layers"] for entry in heatmaps[:3]] == [["conv"], [], ["conv"]]


def test_options_reach_the_verb(ok, here, small, photo, monkeypatch):
    calls = []

    def record(_, images, **options):
        calls.append((images, options))
        return heats(methods=["occlusion"])

    monkeypatch.setattr(VERB, record)
    ok(
        *("heatmap", small, photo, "--method", "all,costly", "--target", "3", "--layer", "conv_1"),
        *("--explain", "output", "--baseline", "blur", "--steps", "9", "--samples", "8"),
        *("--noise", "0.2", "--masks", "7", "--cells", "6", "--keep", "0.4", "--window", "5"),
        *("--stride", "2", "--seed", "3", "--batch-size", "4", "--scale", "-1..1"),
        *("--fit", "pad", "--interpolation", "bilinear", "--size", "16", "--input-name", "x"),
        *("--view", "single", "--colormap", "magma", "--opacity", "0.4", "--percentile", "99"),
        *("--normalise", "shared", "--squares", "--columns", "3", "-o", "x.json"),
    )
    ((images, options),) = calls
    assert images == [photo]
    assert callable(options.pop("progress"))
    assert options == {
        "method": ["all", "costly"], "target": ("3",), "layer": ["conv_1"],
        "score_with": [], "score": "output", "baseline": "blur", "steps": 9, "samples": 8,
        "noise": 0.2, "masks": 7, "cells": 6, "keep": 0.4, "window": 5, "stride": 2, "seed": 3,
        "batch_size": 4, "scale": "-1..1", "fit": "pad", "interpolation": "bilinear",
        "size": (16, 16), "input_name": "x",
    }  # fmt: skip
    assert read_manifest(here / "x.json")["picture"] == {
        "view": "single", "colormap": "magma", "opacity": 0.4, "normalise": "shared",
        "percentile": 99.0, "smooth": False, "columns": 3, "clear": 0.0,
    }  # fmt: skip
    # What is not asked for is left to the verb.
    ok("heatmap", small, photo, "-o", "y.json", "-q")
    assert calls[1][1] == {"method": "grad-cam", "score_with": [], "progress": None}


def test_an_interruption_writes_what_is_done(run, here, small, photo, monkeypatch):
    done = [heats(methods=["gradient"]), None]

    def interrupted(*_, **__):
        raise Interrupted(done.pop(0), 5)

    monkeypatch.setattr(VERB, interrupted)
    err = run("heatmap", small, photo, "-o", "x.json", status=130).err
    assert err == "layersight: interrupted; 1 of 5 heatmaps are in x.json\n"
    assert read_manifest(here / "x.json")["methods"] == {"gradient": "Gradient"}
    err = run("heatmap", small, photo, "-o", "y.json", status=130).err
    assert err == "layersight: interrupted; nothing half-written is left\n"
    assert not (here / "y.json").exists()


def test_scores_of_metrics(ok, here, small, photo):
    rows = ok("heatmap", small, photo, "--score", "deletion, insertion", "-o", "x.png").rows
    head = rows.index("metric this map random map centre map")
    for name, row in zip(("deletion", "insertion"), rows[head + 1 : head + 3], strict=True):
        verdict = r"(better|worse) than random|no different"
        numbers = r"(low|high) is good( [\d.]+){3}"
        assert re.fullmatch(rf"{name} {numbers}.* ({verdict}).*", row.replace(" *", "")), row
    ok("heatmap", small, photo, "-o", "y.png", "-q")
    with Image.open(here / "x.png") as measured, Image.open(here / "y.png") as plain:
        assert measured.height > plain.height + 200  # the table and two curves


def test_several_inputs(ok, models, photo):
    inputs = ("--input", f"left={photo}", "--input", f"right={photo}")
    document = ok("heatmap", models / "pair.keras", *inputs, "--target", "both:0", "--json").json
    assert "explained is the input 'left'" in " ".join(document["manifest"]["notes"])


def test_measures_warnings_and_empty_maps_in_words():
    options = {"measured": True, "warned": ["gradient"], "empty": (0,), "fit": "pad"}
    heatmaps = heats(methods=("grad-cam", "gradient"), **options)
    text = to_text(describe(heatmaps, HeatOptions(view="sheet")))
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "This method shows edges whatever the weights are." in text
    assert "lack was put around the photograph" in text
    assert any(re.fullmatch(r"1 photo0\.jpg dog .* 1 map", row) for row in rows)
    head = rows.index("map low is good high is good low is good")
    assert rows[head - 1] == "deletion insertion sensitivity"
    assert rows[head + 1] == "Grad-CAM 0.21 * 0.71 * 0.3"
    assert rows[head + 2] == "a random map as coarse 0.4 0.5 0.1"
    assert rows[head + 3].startswith("Gradient 0.22 ")
    assert rows[head + 5] == "a map of the centre 0.3 0.6 0.2"
    assert "better than a random map and than the map of the centre" in text


def test_the_methods_are_listed(ok):
    parts = ok("heatmap", "--list-methods").out.strip().split("\n\n")
    assert len(parts) == len(METHODS)
    for part, method in zip(parts, methods().values(), strict=True):
        assert part.splitlines() == [
            f"{method.name}: {method.says}",
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
    env = {"PYTHONPATH": ":".join(sys.path), "COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    out = subprocess.check_output([sys.executable, "-c", code], text=True, env=env)
    words = " ".join(out.split())
    for name in METHODS:
        assert name in words.replace("- ", "-"), name
    assert "Example: layersight heatmap" in words
