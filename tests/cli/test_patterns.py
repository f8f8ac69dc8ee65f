"""layersight patterns: what it writes and says."""

import re

import numpy as np
import pytest
from PIL import Image

FEW = ("--steps", "3", "--jitter", "1")


@pytest.fixture
def command(small):
    return ("patterns", small, "-l", "conv", *FEW)


def test_without_output_a_name_is_chosen_and_said(ok, here, command):
    finished = ok(*command)
    with Image.open(here / "small-patterns.png") as image:
        assert image.text["Title"] == "small: patterns"
    rows = finished.rows
    assert "The network saw pixels / 255 (not known: " in finished.out
    how = next(row for row in rows if row.startswith("Method robust, at most 3 steps of 0.15"))
    assert "16 x 16 pixels" in how
    assert how.endswith("seed 0.")
    heads = "pattern activation reached at the start kept when moved of the picture steps"
    table = [row.split() for row in rows[rows.index(heads) + 1 :][:4]]
    assert [row[0] for row in table] == ["0", "1", "2", "3"]
    assert [row[-1] for row in table] == ["3"] * 4
    assert rows[-1] == "wrote small-patterns.png"
    counts = r"4 of 4 channels \| (none|\d) dead \| \d of \d converged"
    assert re.search(counts, "\n".join(rows))


def test_channels_of_each_layer(ok, here, small):
    ok("patterns", small, "-l", "conv:0,3", "-l", "conv_1:5", *FEW, "-o", "some.npz")
    with np.load("some.npz") as arrays:
        assert arrays["layer"].tolist() == ["conv", "conv", "conv_1"]
        assert arrays["channel"].tolist() == [0, 3, 5]


def test_several_layers_are_a_document(ok, here, command):
    finished = ok(*command, "-l", "conv_1", "-c", "0:2")
    assert finished.out.splitlines()[-1] == "wrote small-patterns.pdf"
    assert (here / "small-patterns.pdf").read_bytes().startswith(b"%PDF")


def test_options_reach_the_verb(ok, small, photos):
    document = ok(
        *("patterns", small, "-l", "conv_1", "-c", "0,2", "--objective", "neuron"),
        *("--steps", "4", "--size", "16x16", "--rate", "0.1", "--seed", "7", "--jitter", "2"),
        *("--zoom", "0.2", "--turn", "3", "--total-variation", "0.1", "--norm", "0.2"),
        *("--facets", "2", "--diversity", "0.5", "--patience", "2", "--scale", "-1..1"),
        *("--precision", "mixed"),
        *("--images", photos / "photo.png", "--columns", "4", "--view", "grid", "-o", "-"),
    ).json
    assert document["options"] == {
        "method": "robust", "steps": 4, "size": [16, 16], "rate": 0.1, "seed": 7, "jitter": 2.0,
        "zoom": 0.2, "turn": 3.0, "total_variation": 0.1, "norm": 0.2, "facets": 2,
        "diversity": 0.5, "patience": 2, "precision": "mixed",
    }  # fmt: skip
    assert document["preprocessing"]["name"] == "-1..1"
    assert document["natural_count"] == 1
    assert document["manifest"]["picture"] == {"view": "grid", "columns": 4}
    facets = [(entry["channel"], entry["facet"]) for entry in document["patterns"]]
    assert facets == [(0, 0), (0, 1), (2, 0), (2, 1)]
    assert document["patterns"][0]["objective"]["terms"][0]["where"] == "centre"


def test_natural_images_have_their_columns(ok, here, command, photos):
    out = ok(*command, "--images", photos / "photo.png").out
    heads = next(line for line in out.splitlines() if line.startswith("pattern "))
    assert "strongest image  percentile" in heads
    assert "Compared with 1 natural image." in out


def test_a_start_from_a_file(ok, here, small):
    start = np.random.default_rng(0).uniform(0, 255, (16, 16, 3)).astype(np.float32)
    np.save(here / "start.npy", start)
    command = ("patterns", small, "-l", "conv", "--method", "classic", "--steps", "2")
    ok(*command, "--start", "start.npy", "-o", "x.npz")
    with np.load(here / "x.npz") as arrays:
        assert arrays["values"].shape == (4, 16, 16, 3)
        far = np.abs(arrays["values"] - start).max((1, 2, 3))
    assert far.min() < 20  # a step away; a channel that is silent there starts elsewhere


def test_classes_by_name(ok, here, small, models):
    labels = ("--objective", "logit", "--labels", models / "three.names")
    rows = ok("patterns", small, *labels, *FEW, "-o", "x.png").rows
    for name in ("0 cat", "1 dog", "2 bird"):
        assert sum(row.startswith(f"{name} ") for row in rows) == 1


def test_progress_is_for_whoever_waits(run, here, command, monkeypatch):
    assert run(*command, "-c", "0").err == ""
    monkeypatch.setattr("layersight.cli.output.SELDOM", 0.0)
    assert run(*command, "-c", "0", "--quiet").err == ""
    assert run(*command, "-c", "0").err.splitlines()[-1] == "layersight: 3 of 3 steps"


def test_an_animation_of_the_steps(ok, here, command):
    ok(*command, "--frames", "3", "-o", "x.gif", "-q")
    with Image.open(here / "x.gif") as animation:
        assert animation.n_frames == 3
