"""Small models and images in a folder, and a way to run the command."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from layersight.cli import main


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self):
        """Lines of standard output with single blanks, and signs that are in ASCII."""
        plain = self.out.translate({0xD7: "x", 0x2212: "-", 0xB7: "|", 0xB1: "+-"})
        return [" ".join(line.split()) for line in plain.splitlines()]

    @property
    def line(self):
        """The one line of an error, without a traceback."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("layersight: "), self.err
        assert "Traceback" not in self.err
        assert "unexpected error" not in self.err
        assert self.out == ""
        return lines[0].removeprefix("layersight: ")


@pytest.fixture
def run(capsys):
    """Runs the command in this process."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Ran(end.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def conv(filters, name):
    import keras

    return keras.layers.Conv2D(filters, 3, activation="relu", name=name)


def small_layers(*, broken=False):
    """Two convolutions on 16 x 16 pixels; of the first, channel 1 may hold NaN."""
    import keras

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
    import keras

    left = keras.Input((16, 16, 3), name="left")
    right = keras.Input((8, 8, 1), name="right")
    pooled = [
        keras.layers.GlobalAveragePooling2D(name=f"gap_{name}")(conv(2, f"conv_{name}")(tensor))
        for name, tensor in (("left", left), ("right", right))
    ]
    both = keras.layers.Concatenate(name="both")(pooled)
    return keras.Model([left, right], both, name="pair")


def any_size():
    import keras

    inputs = keras.Input((None, None, 3))
    hidden = keras.layers.MaxPooling2D(3, name="pool")(conv(2, "conv")(inputs))
    return keras.Model(inputs, hidden, name="any")


def claimed(width, height):
    """A PNG file that claims to be large."""

    def chunk(kind, body):
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


CUTS = (1, 100, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, -1)
"""Where whole files are cut: bytes from the start, a share, or bytes from the end."""


def cut(whole, where):
    return whole[: int(where * len(whole))] if 0 < where < 1 else whole[: int(where)]


def save_models(folder):
    import keras

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
    (folder / "huge.png").write_bytes(claimed(100_000, 100_000))
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def small(models):
    """The small model."""
    return models / "small.keras"


@pytest.fixture
def photo(photos, tmp_path):
    """A photograph in a folder of its own, so that files may be written beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    copy = folder / "photo.png"
    copy.write_bytes((photos / "photo.png").read_bytes())
    return copy
