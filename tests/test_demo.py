"""The demonstration: what it promises is there."""

from __future__ import annotations

import dataclasses
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from drawn import laid, words
from galleries import gallery
from heats import heats
from layersight.cli import main
from layersight.cli.demo import describe as tell
from layersight.demo import Demo
from layersight.export import read_manifest
from layersight.nouns.heatmaps.document import describe
from layersight.nouns.heatmaps.options import HeatOptions
from maps import small_network

LAYERS = [
    f"{kind}{number}"
    for number in ("", "_1", "_2", "_3")
    for kind in ("conv2d", "max_pooling2d")
]  # fmt: skip


@dataclass(frozen=True)
class Made:
    folder: Path
    out: str
    err: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "demo"
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(["demo", "--output", str(folder)])
    assert end.value.code == 0
    return Made(folder, out.getvalue(), err.getvalue())


def test_the_files_that_are_promised(demo):
    names = {path.name for path in demo.folder.iterdir()}
    for name in ("sheet.pdf", "sheet.html", "statistics.json", "manifest.json", "MODEL_CARD.md"):
        assert name in names
    for index, layer in enumerate(LAYERS):
        assert f"{index:02d}-{layer}.png" in names
    assert len([name for name in names if name.startswith("across-channel-")]) == 1
    assert {"chelsea.txt", "heatmap.png", "patterns.png"} <= names
    assert all(path.stat().st_size for path in demo.folder.iterdir())
    assert [path.name for path in demo.folder.parent.iterdir()] == ["demo"]


def test_every_path_that_is_printed_exists(demo):
    printed = [Path(line.strip()) for line in demo.out.splitlines() if line.strip().startswith("/")]
    assert len(printed) == 8
    for path in printed:
        assert path.is_file(), path
        assert path.parent == demo.folder


def test_it_says_what_to_look_at_and_what_to_do_next(demo):
    assert demo.out.startswith("The network says: cat ")
    assert "every one of the 704 maps" in demo.out
    assert "channels dead for this image" in demo.out
    assert "which pixels made it say cat" in demo.out
    assert "channels of conv2d_1 look for" in demo.out
    for name in ("cats_dogs.keras", "chelsea.png"):
        assert f" {demo.folder / name}" in demo.out
    assert all(line.startswith("layersight: ") for line in demo.err.splitlines())


def test_the_numbers(demo):
    statistics = json.loads((demo.folder / "statistics.json").read_text("utf-8"))
    maps = [layer for layer in statistics["layers"] if len(layer["shape"]) == 3]
    assert [layer["name"] for layer in maps] == LAYERS
    assert [layer["shape"][-1] for layer in maps] == [32, 32, 64, 64, 128, 128, 128, 128]
    assert statistics["predictions"][0]["top"][0]["label"] == "cat"
    assert statistics["image"]["name"] == "chelsea.png"
    assert sum(layer["dead"] for layer in maps) < 704 / 4


def test_the_pictures(demo):
    for path in demo.folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
        if path.name == "chelsea.png":
            continue  # the photograph, to play with
        assert (
            read_manifest(path)["model"]["digest"] == read_manifest(demo.folder)["model"]["digest"]
        )
    pages = [read_manifest(demo.folder / f"{name}.png") for name in ("heatmap", "patterns")]
    assert [page["kind"] for page in pages] == ["heatmaps", "patterns"]
    assert {page["model"]["source"] for page in pages} == {"cats_dogs.keras, in the package"}
    assert (demo.folder / "sheet.pdf").read_bytes().startswith(b"%PDF-")
    page = (demo.folder / "sheet.html").read_text("utf-8")
    assert not re.search(r'(?:src|href)="https?:', page)


def test_the_network_is_small_and_its_card_tells_its_accuracy():
    with resources.as_file(resources.files("layersight.assets.demo")) as folder:
        assert (folder / "cats_dogs.keras").stat().st_size < 1_500_000
        card = (folder / "MODEL_CARD.md").read_text("utf-8")
        assert re.search(r"\d\d(\.\d+)? ?%", card)
        assert "dead channels" in card.lower()
        assert "CC0" in (folder / "chelsea.txt").read_text("utf-8")


def test_the_text_and_the_picture_agree_about_the_hottest_pixel(demo):
    told = re.search(r"the hottest pixel is (x \d+, y \d+ \([a-z ]+\))", demo.out)
    assert told is not None
    heat, shown = heats(), small_network()
    shown = dataclasses.replace(shown, predictions=heat.predictions)
    text = tell(Demo(demo.folder, shown, heat, gallery()))
    (told,) = re.findall(r"the hottest pixel is (.+)", text)
    assert f"Hottest at {told}." in " ".join(words(*laid(describe(heat, HeatOptions()))))
