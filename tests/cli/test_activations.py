"""``layersight activations`` where all is well."""

import re
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import layersight
from layersight.export import read_manifest


@pytest.fixture
def command(small, photos):
    """The command for a photograph."""
    return ("activations", small, photos / "photo.png")


def test_without_an_output_the_file_lies_beside_the_image(ok, small, photo):
    finished = ok("activations", small, photo)
    target = photo.parent / "photo-activations.pdf"
    assert target.read_bytes().startswith(b"%PDF-")
    assert finished.out.splitlines()[-1] == f"wrote {target}"
    assert "pixels / 255 (not known: nothing in the model tells" in finished.out
    assert "resized from 30 x 20 to 16 x 16 (stretch, nearest)" in finished.out
    row = next(row for row in finished.rows if row.startswith("1 conv "))
    assert re.fullmatch(r"1 conv Conv2D 14 x 14 x 4 112 3 x 3 \d / 4 \d+%", row)
    assert "Dead: constant for this image." in finished.out
    output = finished.rows.index("Output")
    assert all(row.startswith("class ") for row in finished.rows[output + 1 : output + 4])
    assert {path.name for path in photo.parent.iterdir()} == {"photo-activations.pdf", "photo.png"}


def test_arrays_are_those_of_the_verb(ok, small, photos, here, command):
    ok(*command, "-l", ":3", "-o", "x.npz")
    wanted = layersight.activations(layersight.load_model(small), photos / "photo.png", layers=":3")
    with np.load(here / "x.npz") as arrays:
        assert arrays.files == ["conv", "pool", "conv_1"]
        for name in arrays.files:
            np.testing.assert_array_equal(arrays[name], wanted[name])


def test_the_document_of_an_image(ok, command):
    document = ok(*command, "--json").json
    names = [layer["name"] for layer in document["layers"]]
    assert names == ["conv", "pool", "conv_1", "flat", "top"]
    assert document["predictions"][0]["output"] == "top"
    assert document["preprocessing"]["name"] == "0..1"
    keys = {"index", "mean", "std", "min", "max", "sparsity", "dead"}
    assert set(document["layers"][0]["channels"][0]) == keys


def test_layers_and_channels(ok, here, command):
    def layers(*options):
        return ok(*command, "-o", "-", *options).json["layers"]

    names = [layer["name"] for layer in layers("-l", "conv*", "--layers", "Dense")]
    assert names == ["conv", "conv_1", "top"]
    channels = layers("--channels", "0,2-3")[0]["channels"]
    assert [channel["index"] for channel in channels] == [0, 2, 3]
    chosen = layers("-l", "conv:0,2", "-l", "conv_1:5", "-l", "top")
    indices = [[channel["index"] for channel in layer["channels"]] for layer in chosen]
    assert indices == [[0, 2], [5], [0, 1, 2]]
    finished = ok(*command, "-c", "5", "-o", "x.npz")
    assert "without the channels asked for, so not shown: conv, pool" in finished.out


@pytest.mark.parametrize("view", ["sheet", "grid", "channel", "across"])
def test_every_view(ok, small, photo, view):
    finished = ok("activations", small, photo, "--view", view, "--channels", "0", "--layers", ":3")
    name = "photo-activations.pdf" if view == "sheet" else f"photo-{view}.png"
    assert finished.out.splitlines()[-1] == f"wrote {photo.with_name(name)}"
    assert read_manifest(photo.with_name(name))["options"]["view"] == view


@pytest.mark.parametrize("normalise", ["standardise", "minmax", "layer", "none"])
@pytest.mark.parametrize("colormap", ["viridis", "grey"])
def test_every_normalisation(ok, here, command, normalise, colormap):
    options = ("--normalise", normalise, "--colormap", colormap)
    ok(*command, "-l", "conv", "-o", "x.png", *options)
    recorded = read_manifest(here / "x.png")["options"]
    assert (recorded["normalise"], recorded["colormap"]) == (normalise, colormap)


def test_columns_contrast_and_centre(ok, here, command):
    ok(*command, "-l", "conv", "-o", "wide.png")
    options = ("--columns", "1", "--contrast", "128", "--centre", "256")
    ok(*command, "-l", "conv", "-o", "tall.png", *options)
    with Image.open(here / "wide.png") as wide, Image.open(here / "tall.png") as tall:
        assert tall.height > wide.height
    recorded = read_manifest(here / "tall.png")["options"]
    assert (recorded["columns"], recorded["contrast"], recorded["centre"]) == (1, 128, 256)


def test_how_an_image_is_brought_to_the_model(ok, command):
    options = ("--fit", "crop", "--scale", "-1..1", "--interpolation", "bilinear")
    document = ok(*command, "-o", "-", *options).json
    assert document["image"]["steps"] == [
        "the middle 20 x 20 of 30 x 20 pixels resized to 16 x 16 (crop, bilinear)"
    ]
    assert document["preprocessing"]["name"] == "-1..1"
    assert document["preprocessing"]["reason"] == "given by the user"
    padded = ok(*command, "-o", "-", "--fit", "pad").json
    assert "black around it" in padded["image"]["steps"][0]


@pytest.mark.parametrize(
    ("options", "shape"),
    [((), [18, 28, 2]), (("--size", "12x9"), [10, 7, 2]), (("--size", "12"), [10, 10, 2])],
)
def test_a_size_for_a_model_of_any(ok, models, photos, options, shape):
    command = ("activations", models / "any.keras", photos / "photo.png", "-o", "-")
    assert ok(*command, *options).json["layers"][0]["shape"] == shape


def test_names_of_classes(ok, models, command):
    document = ok(*command, "-o", "-", "--labels", models / "three.names").json
    labels = {entry["label"] for entry in document["predictions"][0]["top"]}
    assert labels == {"cat", "dog", "bird"}


def test_several_images_are_one_document_in_the_present_folder(ok, small, photo, here):
    other = shutil.copy(photo, photo.with_name("other.png"))
    before = {path.name for path in photo.parent.iterdir()}
    finished = ok("activations", small, photo, other, "-l", "conv", "--view", "grid")
    assert finished.out.splitlines()[-1] == f"wrote {small.stem}-grid.pdf"
    assert (here / f"{small.stem}-grid.pdf").is_file()
    assert {path.name for path in photo.parent.iterdir()} == before
    finished = ok("activations", small, photo, other, "-l", "conv")
    assert sum(row.startswith("1 conv ") for row in finished.rows) == 2  # a table for each


def test_many_images_have_a_file_each_in_a_folder(ok, small, photo, here):
    folder = here / "many"
    (folder / "inner").mkdir(parents=True)
    for number in range(15):
        shutil.copy(photo, folder / f"p{number}.png")
    with Image.open(photo) as opened:
        opened.save(folder / "p3.bmp")
    shutil.copy(photo, folder / "inner" / "p7.png")
    ok("activations", small, folder, "-l", "conv", "--view", "grid")
    names = {path.name for path in (here / f"{small.stem}-grid").iterdir()}
    assert len(names) == 17
    assert {"p0-grid.png", "p3.png-grid.png", "p3.bmp-grid.png", "inner-p7.png-grid.png"} <= names


def test_json_of_several_images_leaves_large_dense_layers_out(ok, photos, here):
    images = [photos / "photo.png", photos / "grey.png"]
    layers = [keras.layers.Flatten(name="flat"), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(here / "wide.keras")
    command = ("activations", here / "wide.keras", "--json", *images)
    for image in ok(*command).json["images"]:
        flat, dense = image["layers"]
        assert (flat["omitted"], flat["channels"]) == (192, [])
        assert len(dense["channels"]) == 2
    document = ok(*command, "--units").json
    assert [len(image["layers"][0]["channels"]) for image in document["images"]] == [192, 192]
    assert len(ok(*command[:-1]).json["layers"][0]["channels"]) == 192


def test_several_images_in_one_file(ok, small, photos, here):
    names = ["photo.png", "grey.png", "one.png"]
    command = ("activations", small, *(photos / name for name in names))
    ok(*command, "-o", "x.npz")
    with np.load(here / "x.npz") as arrays:
        assert arrays["conv"].shape == (3, 14, 14, 4)
    assert [entry["image"]["name"] for entry in ok(*command, "--json").json["images"]] == names


def test_inputs_by_name(ok, models, photos, here):
    pair = models / "pair.keras"
    named = ["--input", f"left={photos / 'photo.png'}", "--input", f"right={photos / 'grey.png'}"]
    finished = ok("activations", pair, *named, "-o", "x.npz")
    assert "input 'right': grey.png; " in finished.out
    with np.load(here / "x.npz") as arrays:
        assert arrays["conv_left"].shape == (1, 14, 14, 2)
        assert arrays["conv_right"].shape == (1, 6, 6, 2)
    finished = ok("activations", pair, photos / "photo.png", "-o", "y.npz")
    assert "input 'left': photo.png; " in finished.out
    assert "input 'right': photo.png; " in finished.out


def test_a_page_by_its_number(run, ok, small, here):
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    pages[0].save(here / "scan.tif", save_all=True, append_images=pages[1:])
    finished = ok("activations", small, "scan.tif", "--frame", 2, "-o", "x.npz")
    for step in ("frame 2 of several, counted from 0", "kept at 16 x 16 pixels"):
        assert step in finished.out
    pages[2].save(here / "blue.png")
    ok("activations", small, "blue.png", "-o", "y.npz")
    with np.load(here / "x.npz") as arrays, np.load(here / "y.npz") as expected:
        np.testing.assert_array_equal(arrays["conv"], expected["conv"])
    line = run("heatmap", small, "scan.tif", "--frame", 3, "-o", "x.png", status=1).line
    assert "no frame, page or slice 3: expected one from 0 to 2" in line


def test_a_model_that_takes_no_picture_needs_none(ok, models, here):
    finished = ok("activations", models / "features.keras")
    assert "drawn from a normal distribution, seed 0" in finished.out
    assert [path.suffix for path in here.iterdir()] == [".pdf"]
    first, again, other = (
        ok("activations", models / "features.keras", "--seed", seed, "--json").json["layers"]
        for seed in ("3", "3", "4")
    )
    assert first == again != other


def test_an_image_of_one_pixel(ok, small, photos, here):
    finished = ok("activations", small, photos / "one.png", "-o", "x.pdf")
    assert "resized from 1 x 1 to 16 x 16" in finished.out
    assert (here / "x.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("output", ["x.pdf", "x.png", "x.html", "x.npz", "folder"])
def test_weights_that_are_no_numbers_are_drawn_and_named(ok, models, photos, here, output):
    command = ("activations", models / "nan.keras", photos / "photo.png")
    assert "weights that are not finite numbers: conv/kernel" in ok(*command, "-o", output).out
    assert (here / output).exists()
    if output == "x.npz":
        first, second = ok(*command, "--json").json["layers"][0]["channels"][:2]
        # TensorFlow makes zeros of what is no number; the note tells of it all the same.
        assert second["mean"] in (None, 0)
        assert first["mean"] is not None


def test_the_same_command_gives_the_same_bytes(ok, here, command):
    for name in ("a.pdf", "b.pdf"):
        ok(*command, "-o", name)
    assert (here / "a.pdf").read_bytes() == (here / "b.pdf").read_bytes()


def test_options_may_be_spelled_the_american_way(ok, here, command):
    options = ("--normalize", "standardize", "--center", "100", "--colormap", "gray")
    ok(*command, "-o", "a.png", "--view", "grid", *options)
    recorded = read_manifest(here / "a.png")["options"]
    assert (recorded["normalise"], recorded["centre"]) == ("standardise", 100)
    assert recorded["colormap"] == "grey"
