"""layersight patterns: what it writes and says."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from layersight.export import read_manifest
from layersight.nouns.patterns import canvas
from layersight.nouns.patterns.optimiser import Optimiser

FEW = ("--steps", "3", "--jitter", "1")


def test_without_output_a_name_is_chosen_and_said(run, here, small):
    done = run("patterns", small, "-l", "conv", *FEW)
    assert done.status == 0, done.err
    assert (here / "small-patterns.png").exists()
    assert done.err == ""
    lines = done.out.splitlines()
    assert "The network saw pixels / 255 (not known: " in done.out
    how = next(
        line for line in done.rows if line.startswith("Method robust, at most 3 steps of 0.15")
    )
    assert "16 x 16 pixels" in how
    assert how.endswith("seed 0.")
    heads = "pattern activation reached at the start kept when moved of the picture steps"
    head = done.rows.index(heads)
    rows = [row.split() for row in done.rows[head + 1 : head + 5]]
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert [row[-1] for row in rows] == ["3"] * 4
    assert lines[-1] == "wrote small-patterns.png"
    assert re.search(
        r"4 of 4 channels \| (none|\d) dead \| \d of \d converged", "\n".join(done.rows)
    )


def test_layers_with_channels_of_their_own(run, here, small):
    done = run("patterns", small, "-l", "conv:0,3", "-l", "conv_1:5", *FEW, "-o", "some.npz")
    assert done.status == 0
    with np.load("some.npz") as found:
        assert found["layer"].tolist() == ["conv", "conv", "conv_1"]
        assert found["channel"].tolist() == [0, 3, 5]


def test_several_layers_are_a_document(run, here, small):
    done = run("patterns", small, "-l", "conv", "-l", "conv_1", "-c", "0:2", *FEW)
    assert done.out.splitlines()[-1] == "wrote small-patterns.pdf"
    assert (here / "small-patterns.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg", ".html", ".npz", ".zarr", ".json", ""])
def test_every_output(run, here, small, suffix):
    done = run("patterns", small, "-l", "conv", "-c", "1", *FEW, "-o", f"x{suffix}", "-q")
    assert (done.status, done.out, done.err) == (0, "", "")
    found = read_manifest(here / f"x{suffix}")
    assert found["kind"] == "patterns"
    assert found["options"]["steps"] == 3
    assert found["layers"][0]["channels"] == "1"


def test_options_reach_the_verb(run, here, small, photos):
    done = run(
        *("patterns", small, "-l", "conv_1", "-c", "0,2", "--objective", "neuron"),
        *("--steps", "4", "--size", "16x16", "--rate", "0.1", "--seed", "7", "--jitter", "2"),
        *("--zoom", "0.2", "--turn", "3", "--total-variation", "0.1", "--norm", "0.2"),
        *("--facets", "2", "--diversity", "0.5", "--patience", "2", "--scale", "-1..1"),
        *("--precision", "mixed"),
        *("--images", photos / "photo.png", "--columns", "4", "--view", "grid", "-o", "-"),
    )
    assert done.status == 0, done.err
    found = json.loads(done.out)
    wanted = {
        "method": "robust", "steps": 4, "size": [16, 16], "rate": 0.1, "seed": 7, "jitter": 2.0,
        "zoom": 0.2, "turn": 3.0, "total_variation": 0.1, "norm": 0.2, "facets": 2,
        "diversity": 0.5, "patience": 2, "precision": "mixed",
    }  # fmt: skip
    assert found["options"] == wanted
    assert found["preprocessing"]["name"] == "-1..1"
    assert found["natural_count"] == 1
    assert found["manifest"]["picture"] == {"view": "grid", "columns": 4}
    assert [(each["channel"], each["facet"]) for each in found["patterns"]] == [
        (0, 0), (0, 1), (2, 0), (2, 1),
    ]  # fmt: skip
    assert found["patterns"][0]["objective"]["terms"][0]["where"] == "centre"


def test_natural_images_have_their_columns(run, here, small, photos):
    done = run("patterns", small, "-l", "conv", "--images", photos / "photo.png", *FEW)
    heads = next(line for line in done.out.splitlines() if line.startswith("pattern "))
    assert "strongest image  percentile" in heads
    assert "Compared with 1 natural image." in done.out


def test_a_start_of_ones_own(run, here, small):
    start = np.random.default_rng(0).uniform(0, 255, (16, 16, 3)).astype(np.float32)
    np.save(here / "start.npy", start)
    given = ("patterns", small, "-l", "conv", "--method", "classic", "--steps", "2")
    done = run(*given, "--start", "start.npy", "-o", "x.npz")
    assert done.status == 0, done.err
    with np.load(here / "x.npz") as found:
        assert found["values"].shape == (4, 16, 16, 3)
        far = np.abs(found["values"] - start).max((1, 2, 3))
    assert far.min() < 20  # a step away; a channel that is silent there starts elsewhere


def test_classes_by_name(run, here, small, models):
    labels = models / "three.names"
    done = run(
        *("patterns", small, "--objective", "logit", "--labels", labels, *FEW, "-o", "x.png")
    )
    assert done.status == 0, done.err
    lines = [line.split()[:2] for line in done.out.splitlines()]
    assert [line for line in lines if line[:1] in (["0"], ["1"], ["2"])] == [
        ["0", "cat"], ["1", "dog"], ["2", "bird"],
    ]  # fmt: skip


def test_json_beside_a_file(run, here, small):
    done = run("patterns", small, "-l", "conv", "-c", "0", *FEW, "-o", "x.png", "--json")
    assert json.loads(done.out)["file"] == "x.png"
    with Image.open(here / "x.png") as image:
        assert image.text["Title"] == "small: patterns"


# Wrong input.


@pytest.mark.parametrize(
    ("status", "given", "words"),
    [
        (2, [], "name the layers to see the patterns of, such as --layers "),
        (1, ["-l", "conv_2"], "no layer 'conv_2'. Did you mean conv_1, conv"),
        (1, ["-l", "conv", "-c", "9"], "layer 'conv': no channel 9: expected 0 to 3"),
        (2, ["-l", "conv", "--method", "robst"], "unknown method 'robst': expected one of robust"),
        (2, ["-l", "conv", "--objective", "x"], "unknown objective 'x': expected one of channel"),
        (2, ["-l", "conv", "--steps", "0"], "steps as a whole number from 1 to 100,000, found 0"),
        (2, ["-l", "conv", "--steps", "x"], "Invalid value for '--steps'"),
        (2, ["-l", "conv", "--rate", "0"], "rate as a number from 1e-06 to 1e+06, found 0"),
        (2, ["-l", "conv", "--seed", "-1"], "expected seed as a whole number from 0"),
        (2, ["-l", "conv", "--facets", "0"], "facets as a whole number from 1 to 64, found 0"),
        (2, ["-l", "conv", "--size", "0"], "expected --size of 1 to 65535 pixels a side"),
        (2, ["-l", "conv", "--size", "big"], "--size expects HEIGHTxWIDTH such as 224x224"),
        (2, ["-l", "conv", "--view", "channel"], "unknown view 'channel': expected one of pattern"),
        (2, ["-l", "conv", "--columns", "0"], "columns as a whole number of at least 1"),
        (2, ["-l", "conv", "--scale", "0-1"], "unknown scale '0-1'"),
        (2, ["-l", "conv", "-o", "x.bmp"], "cannot write 'x.bmp': expected one of .pdf"),
        (2, ["-l", "conv", "-o", "x.gif"], ".gif is an animation of the patterns on their way"),
        (1, ["-l", "conv", "--images", "nowhere"], "nowhere"),
        (2, ["-l", "conv", "--start", "no.npy"], "--start: cannot read no.npy: No such file"),
        (2, ["-l", "conv", "--start", "x.txt"], "--start expects a .npy file of (height, width"),
        (2, ["-l", "conv", "--start", "words.npy"], "--start expects numbers, found <U"),
        (2, ["-l", "conv", "--start", "ok.npy"], "a start goes with method='classic'"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, here, small, status, given, words):
    (here / "x.txt").write_text("no array")
    np.save(here / "words.npy", np.array(["a"]))
    np.save(here / "ok.npy", np.zeros((16, 16, 3), np.float32))
    before = sorted(here.rglob("*"))
    done = run("patterns", small, *given)
    assert done.status == status, done.err
    assert words in done.line
    assert sorted(here.rglob("*")) == before


def test_a_canvas_that_the_network_uses_up(run, here, models):
    done = run("patterns", models / "any.keras", "-l", "pool", "--size", "2", "--steps", "1")
    assert done.status == 1
    assert "the image is too small for it" in done.line
    assert list(here.iterdir()) == []


def test_a_canvas_of_another_size_than_the_input(run, here, small):
    done = run("patterns", small, "-l", "top", "--size", "20x20", "--steps", "1")
    assert done.status == 1
    assert "layer 'top' does not take" in done.line


# Progress.


def test_no_progress_where_nobody_looks(run, here, small, monkeypatch):
    assert run("patterns", small, "-l", "conv", "-c", "0", *FEW).err == ""
    monkeypatch.setattr("layersight.cli.output.SELDOM", 0.0)
    assert run("patterns", small, "-l", "conv", "-c", "0", *FEW, "--quiet").err == ""
    told = run("patterns", small, "-l", "conv", "-c", "0", *FEW).err
    assert told.splitlines()[-1] == "layersight: 3 of 3 steps"


def test_an_interruption_leaves_a_clean_line(run, here, small, monkeypatch):
    def interrupted(*_, progress, **__):
        progress(1, 3)
        raise KeyboardInterrupt

    monkeypatch.setattr("layersight.nouns.patterns.compute.patterns", interrupted)
    done = run("patterns", small, "-l", "conv")
    assert done.status == 130
    assert done.line == "interrupted; nothing half-written is left"
    assert list(here.iterdir()) == []


def test_an_interrupted_run_is_kept_and_goes_on(run, here, small, monkeypatch):
    asked = ("patterns", small, "-l", "conv", *FEW, "-o", "x.npz")
    whole = run(*asked)
    assert whole.status == 0, whole.err
    expected = dict(np.load(here / "x.npz"))
    (here / "x.npz").unlink()

    step = Optimiser._step
    taken = []

    def few_steps(self):
        taken.append(1)
        if len(taken) > 4:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(canvas, "LARGEST_BATCH", 1)
    monkeypatch.setattr(Optimiser, "_step", few_steps)
    stopped = run(*asked)
    assert stopped.status == 130
    assert "1 of 4 patterns are kept in x.npz.partial.npz" in stopped.err
    assert "--resume" in stopped.err
    assert not (here / "x.npz").exists()

    monkeypatch.setattr(Optimiser, "_step", step)
    other = run(*asked[:-4], "--steps", "5", "-o", "x.npz", "--resume")
    assert other.status == 2
    assert "other options" in other.err
    done = run(*asked, "--resume")
    assert done.status == 0, done.err
    assert not (here / "x.npz.partial.npz").exists()
    found = dict(np.load(here / "x.npz"))
    assert set(found) == set(expected)
    assert np.abs(found["values"] - expected["values"]).max() < 1e-2
    assert found["channel"].tolist() == [0, 1, 2, 3]


def test_without_an_interruption_there_is_nothing_to_go_on_from(run, here, small):
    done = run("patterns", small, "-l", "conv", *FEW, "-o", "x.npz", "--resume")
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert "there is no x.npz.partial.npz" in done.err
    assert not (here / "x.npz").exists()


def test_an_animation_of_the_way(run, here, small):
    done = run("patterns", small, "-l", "conv", *FEW, "--frames", "3", "-o", "x.gif", "-q")
    assert (done.status, done.err) == (0, "")
    with Image.open(here / "x.gif") as found:
        assert found.n_frames == 3
