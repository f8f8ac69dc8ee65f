"""Small models and images in a folder, and what runs the command."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from layersight.cli import main
from pictures import png_of


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self):
        """Lines of standard output with single blanks, and signs that are in ASCII."""
        plain = self.out.translate({0xD7: "x", 0x2212: "-", 0xB7: "|", 0xB1: "+-"})
        return [" ".join(line.split()) for line in plain.splitlines()]

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def line(self):
        """The one line of an error, without a traceback."""
        (line,) = self.err.splitlines()
        assert line.startswith("layersight: "), self.err
        assert "Traceback" not in self.err
        assert "unexpected error" not in self.err
        assert self.out == ""
        return line.removeprefix("layersight: ")


@pytest.fixture
def run(capsys):
    """Runs the command in this process; it has to end with the status that is expected."""

    def run(*arguments, status=0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert end.value.code == status, captured.err
        return Finished(status, captured.out, captured.err)

    return run


@pytest.fixture
def ok(run):
    """Runs the command, which has to succeed and to complain of nothing."""

    def ok(*arguments):
        finished = run(*arguments)
        assert finished.err == ""
        return finished

    return ok


@pytest.fixture
def refused(run, here):
    """Runs what cannot be done and gives the one line; nothing may have been written."""

    def refused(status, *arguments):
        before = sorted(here.rglob("*"))
        line = run(*arguments, status=status).line
        assert sorted(here.rglob("*")) == before
        return line

    return refused


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def conv(filters, name):
    return keras.layers.Conv2D(filters, 3, activation="relu", name=name)


def small_layers(*, broken=False):
    """Two convolutions on 16 x 16 pixels; of the first, channel 1 may hold NaN."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            conv(4, "conv"),
            keras.layers.MaxPooling2D(name="pool"),
            conv(6, "conv_1"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, activation="softmax", name="top"),
        ],
        name="small",
    )
    draw = np.random.default_rng(3)
    for variable in model.weights:
        variable.assign(draw.normal(0, 0.3, tuple(variable.shape)).astype("float32"))
    if broken:
        kernel, bias = model.get_layer("conv").get_weights()
        kernel[..., 1] = np.nan
        model.get_layer("conv").set_weights([kernel, bias])
    return model


def pair():
    left = keras.Input((16, 16, 3), name="left")
    right = keras.Input((8, 8, 1), name="right")
    pooled = [
        keras.layers.GlobalAveragePooling2D(name=f"gap_{name}")(conv(2, f"conv_{name}")(tensor))
        for name, tensor in (("left", left), ("right", right))
    ]
    both = keras.layers.Concatenate(name="both")(pooled)
    return keras.Model([left, right], both, name="pair")


def any_size():
    inputs = keras.Input((None, None, 3))
    hidden = keras.layers.MaxPooling2D(3, name="pool")(conv(2, "conv")(inputs))
    return keras.Model(inputs, hidden, name="any")


CUTS = (1, 100, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, -1)
"""Where whole files are cut: bytes from the start, a share, or bytes from the end."""


def cut(whole, where):
    return whole[: int(where * len(whole))] if 0 < where < 1 else whole[: int(where)]


def save_models(folder):
    model = small_layers()
    model.save(folder / "small.keras")
    model.save(folder / "small.h5")
    model.save_weights(folder / "only.weights.h5")
    small_layers(broken=True).save(folder / "nan.keras")
    pair().save(folder / "pair.keras")
    any_size().save(folder / "any.keras")
    features = keras.Sequential([keras.Input((10,)), keras.layers.Dense(2)], name="features")
    features.save(folder / "features.keras")
    for name in ("small.keras", "small.h5"):
        whole = (folder / name).read_bytes()
        for number, where in enumerate(CUTS):
            (folder / f"cut{number}-{name}").write_bytes(cut(whole, where))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of models, whole and broken."""
    folder = tmp_path_factory.mktemp("models")
    save_models(folder)
    (folder / "text.h5").write_text("This is text.\nIt is no model.\n")
    (folder / "page.keras").write_text("<!DOCTYPE html><html></html>")
    (folder / "empty.h5").write_bytes(b"")
    (folder / "three.names").write_text("cat\ndog\nbird\n")
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of images, whole and broken."""
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(1)
    photo = draw.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(photo).save(folder / "photo.png")
    Image.fromarray(photo[..., 0]).save(folder / "grey.png")
    Image.new("RGB", (1, 1), (200, 100, 50)).save(folder / "one.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and so on")
    (folder / "page.jpg").write_text("<!DOCTYPE html><html>404</html>")
    (folder / "huge.png").write_bytes(png_of(100_000, 100_000, bytes(1000), colour=2))
    (folder / "notes.txt").write_text("no image")
    return folder


def noise(folder, count, *, classes=("",), side=16):
    """Pictures of noise in a folder, the classes in turn."""
    draw = np.random.default_rng(0)
    for number in range(count):
        path = folder / classes[number % len(classes)] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture
def small(models):
    """The small model."""
    return models / "small.keras"


@pytest.fixture
def photo(photos, tmp_path):
    """A photograph in its own folder, so that files may be written beside it."""
    (tmp_path / "mine").mkdir()
    return Path(shutil.copy(photos / "photo.png", tmp_path / "mine"))
