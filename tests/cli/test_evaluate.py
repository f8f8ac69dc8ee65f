"""layersight evaluate: what it writes and says; and interrupted runs that go on."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from layersight.nouns.evaluation.evaluating import Evaluator
from layersight.nouns.patterns import canvas
from layersight.nouns.patterns.optimiser import Optimiser

from .conftest import noise

QUICK = ("--points", "4", "--randoms", "1")
TWO_METHODS = ("--method", "grad-cam,gradient", *QUICK)


@pytest.fixture
def folder(tmp_path):
    """Three photographs."""
    return noise(tmp_path / "pictures", 3)


def test_a_folder_is_measured(ok, here, small, folder):
    finished = ok("evaluate", small, folder, *TWO_METHODS, "--score", "deletion,insertion")
    assert (here / "small-evaluation.pdf").read_bytes().startswith(b"%PDF")
    rows = finished.rows
    assert rows[-1] == "wrote small-evaluation.pdf"
    assert "3 images | explained: the strongest class of each image" in rows
    head = rows.index("Method low is good high is good")
    assert rows[head - 1] == "Deletion Insertion"
    names = [
        *("Grad-CAM conv_1, 5 x 5", "Gradient 16 x 16"),
        *("Random maps of 5 x 5", "Random maps of 16 x 16", "Centre of the image"),
    ]
    mean, more = r" \d\.\d{3}", r"( \*)? \+-\d\.\d{3} \d+%"
    for number, (name, row) in enumerate(zip(names, rows[head + 1 : head + 6], strict=True)):
        cell = mean + more if number < 2 else mean
        assert re.fullmatch(f"{name}{cell}{cell}", row), row
    assert "better than random maps" in finished.out


def test_options_have_their_former_names_too(ok, here, small, folder):
    options = ("--method", "gradient", "--score", "deletion,road", "--limit", "1", *QUICK)
    found = []
    for fill, fill_noise in (("--fill", "--fill-noise"), ("--filling", "--blemish")):
        replaced = (fill, "black", fill_noise, "0.5")
        ok("evaluate", small, folder, *options, *replaced, "-o", "x.csv")
        found.append((here / "x.csv").read_text())
    assert found[0] == found[1]
    shown = ok("evaluate", "--help").out
    assert "--fill-noise" in shown
    assert "--filling" not in shown


def test_a_table_of_text(ok, here, small, folder):
    options = ("--method", "gradient", "--score", "deletion", *QUICK, "-o", "x.csv")
    finished = ok("evaluate", small, folder, *options, "--target", "1")
    with (here / "x.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [Path(line["image"]).name for line in lines] == ["00.png", "01.png", "02.png"]
    assert {line["target"] for line in lines} == {"class 1"}
    assert "explained: class 1" in finished.out


def test_json_on_standard_output(run, ok, here, small, folder):
    shares = ("--score", "road", "--shares", "0.3,0.6")
    # The points are of no metric asked for.
    run("evaluate", small, folder, *TWO_METHODS, *shares, "--json", status=2)
    options = ("--method", "gradient", *shares, "--randoms", "1")
    document = ok("evaluate", small, folder, *options, "-o", "-").json
    assert document["manifest"]["measured"]["shares"] == [0.3, 0.6]
    assert len(document["images"]) == 3
    assert [path.name for path in here.iterdir()] == ["pictures"]


def test_metrics_that_make_maps_again(ok, here, small, folder):
    finished = ok(
        *("evaluate", small, folder, "--method", "grad-cam", "--method", "guided-backprop"),
        *("--score", "sensitivity", "--score", "randomisation", "--copies", "2", "--stages", "2"),
        *("--limit", "1", "-o", "x.json"),
    )
    assert "Guided backpropagation fails the randomisation check" in finished.out
    document = json.loads((here / "x.json").read_text("utf-8"))
    assert document["centre"] == {"sensitivity": 0.0, "randomisation": 1.0}


@pytest.mark.parametrize(
    ("noun", "calls", "words"),
    [("evaluate", 2, "2 of 3 images are kept in"), ("patterns", 4, "1 of 4 patterns are kept in")],
)
def test_an_interrupted_run_is_kept_and_goes_on(
    run, ok, here, small, folder, monkeypatch, noun, calls, words
):
    if noun == "evaluate":
        owner, name, command = Evaluator, "measure_image", ("evaluate", small, folder, *TWO_METHODS)
    else:
        owner, name = Optimiser, "_step"
        command = ("patterns", small, "-l", "conv", "--steps", "3", "--jitter", "1")
    ok(*command, "-o", "x.npz")
    expected = dict(np.load(here / "x.npz"))
    (here / "x.npz").unlink()
    original, seen = getattr(owner, name), []

    def few(*arguments):
        seen.append(arguments)
        if len(seen) > calls:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(canvas, "LARGEST_BATCH", 1)
    monkeypatch.setattr(owner, name, few)
    line = run(*command, "-o", "x.npz", status=130).err
    assert f"{words} x.npz.partial.npz" in line
    assert "--resume" in line
    assert not (here / "x.npz").exists()
    monkeypatch.setattr(owner, name, original)
    other = run(*command, "--seed", "4", "-o", "x.npz", "--resume", status=2)
    assert "other options" in other.line
    ok(*command, "-o", "x.npz", "--resume")
    assert not (here / "x.npz.partial.npz").exists()
    arrays = dict(np.load(here / "x.npz"))
    assert set(arrays) == set(expected)
    for key, array in expected.items():
        if array.dtype.kind == "f":
            tolerance = 1e-5 if noun == "evaluate" else 1e-2
            np.testing.assert_allclose(arrays[key], array, atol=tolerance)
        elif noun == "evaluate" or key == "channel":
            assert arrays[key].tolist() == array.tolist()


def test_an_interruption_before_the_first_image_leaves_nothing(
    run, here, small, folder, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluator, "measure_image", stop)
    run("evaluate", small, folder, *TWO_METHODS, status=130)
    assert [path.name for path in here.iterdir()] == ["pictures"]


def test_a_model_without_pictures(refused, models, folder):
    line = refused(1, "evaluate", models / "features.keras", folder)
    assert "for .csv, .npy, .tsv, .txt, .wav" in line
