"""Every picture and printed result of the five lessons: its command runs, and shows it."""

import functools
import json
import os
import re
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layersight.cli import opening

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    int(number): (shows, command.split())
    for number, shows, command in re.findall(
        r"^\| (\d+) \| (.+?) \| `(.+?)` \|$",
        (ROOT / "docs/lessons.md").read_text("utf-8"),
        flags=re.MULTILINE,
    )
}
QUICK = ["--weights", "random"]
"""For VGG16, whose learned weights are not here."""
FILES = {
    "model.h5": "models/cats_dogs_150.h5",
    "xray.h5": "models/cats_dogs_150.h5",
    "dog.jpg": "images/dog.1100.jpg",
    "cat.jpg": "cats_dogs/cats",
    "tiger.jpg": "images/imagenet/n02129604_tiger.JPEG",
    "xray.jpg": "images/person3_virus_16.jpeg",
    "other.jpg": "images/IM-0115-0001.jpeg",
}
"""The documents' own files, and what stands for those that are not to be had."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the files that the commands name."""
    folder = tmp_path_factory.mktemp("files")
    data = os.environ.get("LAYERSIGHT_DATA")
    demo = Path(str(resources.files("layersight.assets.demo")))
    for name, real in FILES.items():
        if data:
            path = Path(data) / real
            shutil.copy(min(path.iterdir()) if path.is_dir() else path, folder / name)
        elif name == "xray.h5":
            shutil.copy(ROOT / "examples/xrays.keras", folder / name)
        elif name.endswith(".h5"):
            shutil.copy(demo / "cats_dogs.keras", folder / name)
        else:
            Image.open(demo / "chelsea.png").convert("RGB").save(folder / name)
    return folder


@pytest.fixture(autouse=True, scope="module")
def models_once():
    """Each model is opened once for all commands."""
    patch = pytest.MonkeyPatch()
    patch.setattr(opening, "load_model", functools.cache(opening.load_model))
    yield
    patch.undo()


def test_there_are_44():
    assert list(ROWS) == list(range(1, 45))


@pytest.mark.parametrize("number", ROWS)
def test_a_command(run, files, monkeypatch, number):
    monkeypatch.chdir(files)
    _, (program, *arguments) = ROWS[number]
    assert program == "layersight"
    if "VGG16:notop" in arguments:
        small = ["--steps", "1", "--size", "32"] if arguments[0] == "patterns" else []
        arguments = [*arguments, *QUICK, *small]
    out = run(*arguments).out
    real = bool(os.environ.get("LAYERSIGHT_DATA"))
    if arguments[0] == "summary" and arguments[1] != "VGG16:notop" and real:
        assert "3453121" in re.sub(r"[, ]", "", out)
    if number == 16:
        assert "14,714,688 in all: 14,714,688 trainable, 0 not trainable" in out
    if arguments[0] == "image":
        text = json.dumps(json.loads(out)["shape"]) if "--json" in arguments else out
        assert "1, 150, 150, 3" in text
    if "-o" in arguments:
        written = files / arguments[arguments.index("-o") + 1]
        assert written.stat().st_size > 0
        if written.suffix == ".npz":
            with np.load(written) as arrays:
                assert next(iter(arrays.values())).shape == (1, 148, 148, 32)
        written.unlink()
