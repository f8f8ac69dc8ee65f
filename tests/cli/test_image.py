"""layersight image: what it writes and says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layersight.export import read_manifest


def test_the_shape_and_the_numbers_that_the_network_gets(run, small, photo):
    done = run("image", small, photo)
    pixels = np.asarray(Image.open(photo).resize((16, 16), Image.Resampling.NEAREST))
    least, greatest, mean = pixels.min() / 255, pixels.max() / 255, pixels.mean() / 255
    wanted = f"an array of shape (1, 16, 16, 3), from {least:.4g} to {greatest:.4g}"
    assert done.status == 0
    assert f"{wanted}, mean {mean:.4g}" in done.rows
    assert "30 x 20 pixels in the file, 16 x 16 here" in done.rows
    assert done.rows[-1] == f"wrote {photo.with_name('photo-input.png')}"
    assert read_manifest(photo.with_name("photo-input.png"))["kind"] == "image"


def test_as_numbers(run, small, photo, here):
    given = ("image", small, photo, "--fit", "crop", "--scale", "-1..1")
    for found in (
        json.loads(run(*given, "-o", "-").out),
        json.loads(run(*given, "--json", "-o", "x.svg").out),
        json.loads(run(*given, "-o", "x.json", "-q").out or Path("x.json").read_text("utf-8")),
    ):
        assert found["shape"] == [1, 16, 16, 3]
        assert -1 <= found["min"] < found["mean"] < found["max"] <= 1
        assert found["preprocessing"]["name"] == "-1..1"
    assert (here / "x.svg").exists()


def test_an_input_by_name(run, models, photos, here):
    done = run(
        "image", models / "pair.keras", photos / "photo.png", "--input", "right", "-o", "x.png"
    )
    assert any(row.startswith("an array of shape (1, 8, 8, 1)") for row in done.rows)


def test_several_images(run, small, photo):
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    assert run("image", small, photo, other, "-q").out == ""
    assert photo.with_name("photo-input.png").exists()
    assert photo.with_name("other-input.png").exists()


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ((), 2, "give an image: layersight image MODEL IMAGE"),
        (("photo.png", "grey.png", "-o", "x.png"), 2, "--output names one file, found 2 images"),
        (("photo.png", "-o", "x.npz"), 2, "npz"),
        (("none.png",), 1, "none.png"),
        (("broken.jpg",), 1, "broken.jpg"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, small, photos, here, given, status, words):
    paths = [photos / word if "." in word and word[0] != "x" else word for word in given]
    done = run("image", small, *paths)
    assert done.status == status
    assert words in done.line
