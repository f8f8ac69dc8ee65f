"""layersight image: what it writes and says."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from layersight.export import read_manifest


def test_the_shape_and_the_numbers_that_the_network_gets(ok, small, photo):
    finished = ok("image", small, photo)
    pixels = np.asarray(Image.open(photo).resize((16, 16), Image.Resampling.NEAREST)) / 255
    low, high, mean = pixels.min(), pixels.max(), pixels.mean()
    row = f"an array of shape (1, 16, 16, 3), from {low:.4g} to {high:.4g}, mean {mean:.4g}"
    assert row in finished.rows
    assert "30 x 20 pixels in the file, 16 x 16 here" in finished.rows
    assert finished.rows[-1] == f"wrote {photo.with_name('photo-input.png')}"
    assert read_manifest(photo.with_name("photo-input.png"))["kind"] == "image"


def test_as_numbers(ok, small, photo, here):
    command = ("image", small, photo, "--fit", "crop", "--scale", "-1..1")
    ok(*command, "-o", "x.json", "-q")
    documents = [
        ok(*command, "-o", "-").json,
        ok(*command, "--json", "-o", "x.svg").json,
        json.loads(Path("x.json").read_text("utf-8")),
    ]
    for document in documents:
        assert document["shape"] == [1, 16, 16, 3]
        assert -1 <= document["min"] < document["mean"] < document["max"] <= 1
        assert document["preprocessing"]["name"] == "-1..1"
    assert (here / "x.svg").exists()


def test_an_input_by_name(ok, models, photos, here):
    named = ("--input", "right", "-o", "x.png")
    finished = ok("image", models / "pair.keras", photos / "photo.png", *named)
    assert any(row.startswith("an array of shape (1, 8, 8, 1)") for row in finished.rows)


def test_several_images(ok, small, photo):
    other = shutil.copy(photo, photo.with_name("other.png"))
    assert ok("image", small, photo, other, "-q").out == ""
    assert photo.with_name("photo-input.png").exists()
    assert photo.with_name("other-input.png").exists()
