"""layersight survey, and the commands that use what it knows."""

import re
import shlex
from pathlib import Path

import keras
import pytest

import layersight

from .conftest import noise

pytestmark = pytest.mark.one_backend
PAGE = (Path(__file__).parents[2] / "docs/survey.md").read_text("utf-8")


def test_a_folder_is_surveyed(run, ok, here, small):
    folder = noise(here / "pictures", 40, classes="ab")
    (folder / "a" / "bad.jpg").write_bytes(b"no picture")
    command = ("survey", small, folder, "-o", "out", "--top", "3")
    text = " ".join(run(*command, "--shard", "32").rows)
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
    result = layersight.read_survey("out")
    assert list(result) == ["conv", "conv_1", "top"]
    assert result["conv"].strongest.images.shape == (4, 3)
    assert result.unreadable[0][0] == "a/bad.jpg"
    before = {path: path.read_bytes() for path in Path("out").glob("*.*") if path.is_file()}
    assert run(*command, "--json").json["images"] == 40
    assert {path: path.read_bytes() for path in before} == before
    refused = run("survey", small, folder, "-o", "new", "-lnothing", status=1)
    assert "no layer 'nothing'" in refused.line
    assert not Path("new").exists()
    assert "bad.jpg" in run("survey", small, folder, "-o", "new", "--strict", status=1).line


@pytest.fixture
def surveyed(ok, here, small):
    """A folder of twelve photographs, surveyed into ``out``."""
    folder = noise(here / "pictures", 12, classes="ab")
    ok("survey", small, folder, "-o", "out", "--quiet")
    return folder


def test_a_channel_with_its_pattern_among_the_images(run, ok, small, surveyed):
    command = ("channel", small, "conv_1:2", "--survey", "out", "--steps", "12")
    text = " ".join(ok(*command, "--over", surveyed / "a" / "00.png", "-o", "page.html").rows)
    for part in ("conv_1, channel 2", "over 12 images", "fires for", "this image", "b/", "wrote"):
        assert part in text, part
    page = Path("page.html").read_text("utf-8")
    assert "pattern of conv_1, channel 2" in page
    assert "data:image/webp" in page
    pattern = ok(*command, "--json").json["pattern"]
    assert pattern["activation"] <= pattern["peak"]
    assert 0 <= pattern["images_below"] <= 1
    for arguments, words, status in (
        (("conv_1:2",), "name the folder of a survey", 2),
        (("conv_1:2", "--survey", "nowhere"), "no survey in nowhere", 1),
        (("conv_1:99", "--survey", "out", "--no-pattern"), "99", 1),
        (("conv_1", "--survey", "out"), "expected LAYER:CHANNEL", 2),
    ):
        assert words in run("channel", small, *arguments, status=status).line


def test_patterns_stand_among_the_images_of_a_survey(run, ok, small, surveyed):
    command = ("patterns", small, "-l", "conv_1:0:2", "--steps", "4", "--size", "16")
    ok(*command, "--survey", "out", "-o", "patterns.html")
    assert "12 natural images" in Path("patterns.html").read_text("utf-8")
    by_survey = ok(*command, "--survey", "out", "--json", "-o", "-").json
    assert by_survey["natural_count"] == 12
    by_images = ok(*command, "--images", surveyed, "--json", "-o", "-").json
    for entry, other in zip(by_survey["patterns"], by_images["patterns"], strict=True):
        assert entry["activation"] == other["activation"]
    both = run(*command, "--survey", "out", "--images", surveyed, status=2)
    assert "found both" in both.line


def test_the_examples_of_the_documents_run(run, here):
    """In their order, on photographs of noise; on one machine, and with patterns of few steps."""
    layers = keras.layers
    for name in ("model", "tuned"):  # with layers called as in the documents
        maps = [
            layers.Conv2D(8, 3, strides=2, activation="relu", name=f"conv2d{number}")
            for number in ("", "_1", "_2", "_3")
        ]
        dense = [layers.Flatten(), layers.Dense(1, activation="sigmoid", name="dense")]
        keras.Sequential([keras.Input((60, 60, 3)), *maps, *dense]).save(here / f"{name}.keras")
        (here / f"{name}.keras").rename(here / f"{name}.h5")
    noise(here / "photos", 7, side=60)
    (here / "photos" / "06.png").rename(here / "dog.jpg")
    examples = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(examples) == 6
    for kind, text in examples:
        if kind == "python":
            exec(compile(text, "docs/survey.md", "exec"), {})
            continue
        text = text.replace("--engine ray --address auto", "")
        text = text.replace("/shared/survey", "cluster").replace("/shared/imagenet", "photos/")
        for line in text.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "layersight"
            quick = ["--steps", "2"] if arguments[0] in ("patterns", "channel") else []
            run(*arguments, *quick)
    assert len(layersight.read_survey("both").twins) == 5
