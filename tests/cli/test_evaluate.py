"""layersight evaluate: what it writes and says."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layersight.export import read_manifest
from layersight.nouns.evaluation.evaluating import Evaluator

QUICK = ("--points", "4", "--randoms", "1")
SOME = ("--method", "grad-cam,gradient", *QUICK)


@pytest.fixture
def folder(tmp_path):
    """Three photographs."""
    place = tmp_path / "pictures"
    place.mkdir()
    draw = np.random.default_rng(0)
    for number in range(3):
        pixels = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"img{number}.png")
    return place


def test_a_folder_is_measured_and_told(run, here, small, folder):
    done = run("evaluate", small, folder, *SOME, "--score", "deletion,insertion")
    assert done.status == 0, done.err
    assert done.err == ""
    assert (here / "small-evaluation.pdf").read_bytes().startswith(b"%PDF")
    assert done.rows[-1] == "wrote small-evaluation.pdf"
    assert "3 images | explained: the strongest class of each image" in done.rows
    head = done.rows.index("Method low is good high is good")
    assert done.rows[head - 1] == "Deletion Insertion"
    mean, more = r" \d\.\d{3}", r"( \*)? \+-\d\.\d{3} \d+%"
    for row, name, cell in zip(
        done.rows[head + 1 : head + 6],
        [
            *("Grad-CAM conv_1, 5 x 5", "Gradient 16 x 16"),
            *("Random maps of 5 x 5", "Random maps of 16 x 16", "Centre of the image"),
        ],
        [mean + more] * 2 + [mean] * 3,
        strict=True,
    ):
        assert re.fullmatch(f"{name}{cell}{cell}", row), row
    assert "better than random maps" in done.out


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".html", ".npz", ".json"])
def test_every_output(run, here, small, folder, suffix):
    done = run("evaluate", small, folder, *SOME, "--limit", "2", "-o", f"x{suffix}", "-q")
    assert (done.status, done.out, done.err) == (0, "", "")
    found = read_manifest(here / f"x{suffix}")
    assert found["kind"] == "evaluation"
    assert [row["name"] for row in found["methods"]] == ["grad-cam", "gradient"]
    assert found["measured"]["points"] == 4


def test_a_table_of_text(run, here, small, folder):
    done = run(
        *("evaluate", small, folder, "--method", "gradient", "--score", "deletion", *QUICK),
        *("-o", "x.csv", "--target", "1"),
    )
    assert done.status == 0, done.err
    with (here / "x.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [Path(line["image"]).name for line in lines] == ["img0.png", "img1.png", "img2.png"]
    assert {line["target"] for line in lines} == {"class 1"}
    assert "explained: class 1" in done.out


def test_json_on_standard_output(run, here, small, folder):
    done = run("evaluate", small, folder, *SOME, "--score", "road", "--shares", "0.3,0.6", "--json")
    # The points are of no metric asked for.
    assert done.status == 2
    done = run(
        *("evaluate", small, folder, "--method", "gradient", "--score", "road"),
        *("--shares", "0.3,0.6", "--randoms", "1", "-o", "-"),
    )
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["manifest"]["measured"]["shares"] == [0.3, 0.6]
    assert len(found["images"]) == 3
    assert sorted(path.name for path in here.iterdir()) == ["pictures"]


def test_metrics_that_make_maps_anew(run, here, small, folder):
    done = run(
        *("evaluate", small, folder, "--method", "grad-cam", "--method", "guided-backprop"),
        *("--score", "sensitivity", "--score", "randomisation", "--copies", "2", "--stages", "2"),
        *("--limit", "1", "-o", "x.json"),
    )
    assert done.status == 0, done.err
    assert "Guided backpropagation fails the randomisation check" in done.out
    found = json.loads((here / "x.json").read_text())
    assert found["centre"] == {"sensitivity": 0.0, "randomisation": 1.0}


def test_an_interrupted_run_is_kept_and_goes_on(run, here, small, folder, monkeypatch):
    asked = ("evaluate", small, folder, *SOME, "-o", "x.npz")
    assert run(*asked).status == 0
    expected = dict(np.load(here / "x.npz"))
    (here / "x.npz").unlink()
    judge = Evaluator.judge
    judged = []

    def few(self, name, *given):
        judged.append(name)
        if len(judged) > 2:
            raise KeyboardInterrupt
        return judge(self, name, *given)

    monkeypatch.setattr(Evaluator, "judge", few)
    stopped = run(*asked)
    assert stopped.status == 130
    assert "2 of 3 images are kept in x.npz.partial.npz" in stopped.line
    assert "--resume" in stopped.line
    assert not (here / "x.npz").exists()
    monkeypatch.setattr(Evaluator, "judge", judge)
    other = run(*asked[:-2], "--seed", "4", "-o", "x.npz", "--resume")
    assert other.status == 2
    assert "other options" in other.line
    done = run(*asked, "--resume")
    assert done.status == 0, done.err
    assert not (here / "x.npz.partial.npz").exists()
    found = dict(np.load(here / "x.npz"))
    assert set(found) == set(expected)
    for name, array in expected.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(found[name], array, atol=1e-5)
        else:
            assert found[name].tolist() == array.tolist()


def test_an_interruption_before_the_first_image_leaves_nothing(
    run, here, small, folder, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluator, "judge", stop)
    stopped = run("evaluate", small, folder, *SOME)
    assert stopped.status == 130
    assert sorted(path.name for path in here.iterdir()) == ["pictures"]


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        (["--resume"], 2, "there is no small-evaluation.partial.npz to go on from"),
        (["--method", "gradcam"], 2, "unknown method 'gradcam'"),
        (["--score", "deletoin"], 2, "Did you mean deletion"),
        (["--points", "0"], 2, "points as a whole number of at least 1"),
        (["--shares", "half"], 2, "--shares expects numbers"),
        (["--shares", "2"], 2, "shares as numbers above 0"),
        (["--samples", "4", "--method", "gradient"], 2, "reads 'samples'"),
        (["--copies", "4"], 2, "reads 'copies'"),
        (["--limit", "0"], 2, "a limit of at least 1 image"),
        (["--target", "9"], 1, "no class or channel 9"),
        (["--layer", "nowhere"], 1, "nowhere"),
        (["-o", "x.bmp"], 2, "cannot write 'x.bmp'"),
    ],
)
def test_wrong_requests_are_one_line(run, here, small, folder, more, status, words):
    done = run("evaluate", small, folder, *more)
    assert done.status == status, done.out
    assert words in done.line
    assert sorted(path.name for path in here.iterdir()) == ["pictures"]


def test_no_images(run, here, small):
    assert "give images: layersight evaluate MODEL FOLDER" in run("evaluate", small).line
    empty = here / "empty"
    empty.mkdir()
    assert "expected images in the folder" in run("evaluate", small, empty).line


def test_a_model_without_pictures(run, here, models, folder):
    done = run("evaluate", models / "features.keras", folder)
    assert done.status == 1
    assert "for .csv, .npy, .tsv, .txt, .wav" in done.line
