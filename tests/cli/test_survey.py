"""layersight survey: what it writes and says."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import layersight

pytestmark = pytest.mark.one_backend
PAGE = (Path(__file__).parents[2] / "docs/survey.md").read_text("utf-8")


@pytest.fixture
def folder(tmp_path):
    """Forty photographs of two classes, and one that is none."""
    draw = np.random.default_rng(0)
    for number in range(40):
        place = tmp_path / "pictures" / ("b" if number % 2 else "a") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place)
    (tmp_path / "pictures" / "a" / "bad.jpg").write_bytes(b"no picture")
    return tmp_path / "pictures"


def test_a_folder_is_surveyed_and_told(run, here, small, folder):
    done = run("survey", small, folder, "-o", "out", "--top", "3", "--shard", "32")
    assert done.status == 0, done.err
    text = " ".join(done.rows)
    for part in (
        "over 40 images",
        "unreadable 1",
        "a (20), b (20)",
        "conv_1 Conv2D 6",
        "wrote out",
    ):
        assert part in text
    names = {path.name for path in Path("out").glob("*.parquet")}
    assert {"channels.parquet", "top.parquet", "classes.parquet", "crops.parquet"} <= names
    found = layersight.read_survey("out")
    assert list(found) == ["conv", "conv_1", "top"]
    assert found["conv"].strongest.images.shape == (4, 3)
    assert found.unreadable[0][0] == "a/bad.jpg"
    before = {path: path.read_bytes() for path in Path("out").glob("*.*") if path.is_file()}
    again = run("survey", small, folder, "-o", "out", "--top", "3", "--json")
    assert json.loads(again.out)["images"] == 40
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("FOLDER",), "name a folder for the survey", 2),
        (("-o", "out"), "give images", 2),
        (("FOLDER", "-o", "out.pdf"), "a survey is a folder", 2),
        (("FOLDER", "-o", "out", "--top", "0"), "expected top", 2),
        (("FOLDER", "-o", "out", "-l", "nothing"), "no layer 'nothing'", 1),
        (("FOLDER", "-o", "out", "--strict"), "bad.jpg", 1),
        (("missing", "-o", "out"), "no such file: 'missing'", 1),
    ],
)
def test_what_is_wrong_is_one_line(run, here, small, folder, arguments, words, status):
    done = run("survey", small, *(folder if part == "FOLDER" else part for part in arguments))
    assert words in done.line
    assert done.status == status


def named_like_the_lesson():
    """A little network whose layers are called as in the documents."""
    import keras

    layers = keras.layers
    names = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3")
    maps = [layers.Conv2D(8, 3, strides=2, activation="relu", name=name) for name in names]
    dense = [layers.Flatten(), layers.Dense(1, activation="sigmoid", name="dense")]
    return keras.Sequential([keras.Input((60, 60, 3)), *maps, *dense])


def test_the_examples_of_the_documents_run(run, here):
    """In their order, on photographs of noise; on one machine, and with patterns of few steps."""
    for name in ("model", "tuned"):
        named_like_the_lesson().save(here / f"{name}.keras")
        (here / f"{name}.keras").rename(here / f"{name}.h5")
    draw = np.random.default_rng(0)
    (here / "photos").mkdir()
    for path in (*(here / "photos" / f"{n}.png" for n in range(6)), here / "dog.jpg"):
        Image.fromarray(draw.integers(0, 256, (60, 60, 3), dtype=np.uint8)).save(path)
    examples = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(examples) == 6
    for kind, text in examples:
        if kind == "python":
            exec(compile(text, "docs/survey.md", "exec"), {})
            continue
        for line in text.splitlines():
            alone = line.replace("--engine ray --address auto", "").replace(
                "/shared/survey", "cluster"
            )
            program, *given = shlex.split(alone.replace("/shared/imagenet", "photos/"))
            quick = ["--steps", "2"] if given[0] in ("patterns", "channel") else []
            done = run(*given, *quick)
            assert (program, done.status) == ("layersight", 0), done.err
    assert len(layersight.read_survey("both").twins) == 5
