"""``layersight activations`` where all is well."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import layersight
from layersight.export import read_manifest

MAGIC = {
    ".pdf": b"%PDF-",
    ".png": b"\x89PNG",
    ".svg": b"<?xml",
    ".html": b"<!DOCTYPE",
    ".npz": b"PK",
}


def ok(done):
    assert done.err == ""
    assert done.status == 0
    return done


def test_without_an_output_the_file_lies_beside_the_image(run, small, photo):
    done = ok(run("activations", small, photo))
    target = photo.parent / "photo-activations.pdf"
    assert target.read_bytes().startswith(b"%PDF-")
    assert done.out.splitlines()[-1] == f"wrote {target}"
    assert "pixels / 255 (not known: nothing in the model tells" in done.out
    assert "resized from 30 x 20 to 16 x 16 (stretch, nearest)" in done.out
    row = next(row for row in done.rows if row.startswith("1 conv "))
    assert re.fullmatch(r"1 conv Conv2D 14 x 14 x 4 112 3 x 3 \d / 4 \d+%", row)
    assert "Dead: constant for this image." in done.out
    output = done.rows.index("Output")
    assert all(row.startswith("class ") for row in done.rows[output + 1 : output + 4])
    assert sorted(path.name for path in photo.parent.iterdir()) == [
        "photo-activations.pdf", "photo.png",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [*MAGIC, ".json", ".zarr", ""])
def test_every_kind_of_output(run, small, photos, here, suffix):
    given = ["activations", small, photos / "photo.png", "--output", f"new/out{suffix}"]
    done = ok(run(*given, *(["--layers", "conv"] if suffix == ".svg" else [])))
    target = here / f"new/out{suffix}"
    assert done.out.splitlines()[-1] == f"wrote {target.relative_to(here)}"
    if suffix in MAGIC:
        assert target.read_bytes().startswith(MAGIC[suffix])
    found = read_manifest(target)
    assert found["model"]["source"] == str(small)
    assert found["images"][0]["original_size"] == {"width": 30, "height": 20}
    assert found["options"]["view"] == ("grid" if suffix in (".png", ".svg") else "sheet")
    assert sorted(path.name for path in here.rglob("*.layersight-*")) == []


def test_arrays_are_those_of_the_verb(run, small, photos, here):
    ok(run("activations", small, photos / "photo.png", "-l", ":3", "-o", "x.npz"))
    wanted = layersight.activations(layersight.load_model(small), photos / "photo.png", layers=":3")
    with np.load(here / "x.npz") as found:
        assert found.files == ["conv", "pool", "conv_1"]
        for name in found.files:
            np.testing.assert_array_equal(found[name], wanted[name])


@pytest.mark.parametrize("given", [["--output", "-"], ["--json"], ["--json", "-o", "-"], ["-qo-"]])
def test_a_document_on_standard_output(run, small, photos, here, given):
    done = ok(run("activations", small, photos / "photo.png", *given))
    found = json.loads(done.out)
    assert [layer["name"] for layer in found["layers"]] == ["conv", "pool", "conv_1", "flat", "top"]
    assert found["predictions"][0]["output"] == "top"
    assert found["preprocessing"]["name"] == "0..1"
    assert set(found["layers"][0]["channels"][0]) == {
        "index", "mean", "std", "min", "max", "sparsity", "dead",
    }  # fmt: skip
    assert list(here.iterdir()) == []


def test_a_document_besides_the_file(run, small, photos, here):
    done = ok(run("activations", small, photos / "photo.png", "-o", "x.npz", "--json"))
    found = json.loads(done.out)
    assert found["file"] == "x.npz"
    assert found["predictions"]
    assert (here / "x.npz").exists()


def test_quiet_says_nothing(run, small, photos, here):
    done = ok(run("activations", small, photos / "photo.png", "-o", "x.npz", "--quiet"))
    assert done.out == ""
    assert (here / "x.npz").exists()


def test_layers_and_channels(run, small, photos, here):
    given = ["activations", small, photos / "photo.png", "-o", "-"]
    layers = json.loads(run(*given, "-l", "conv*", "--layers", "Dense").out)["layers"]
    assert [layer["name"] for layer in layers] == ["conv", "conv_1", "top"]
    layers = json.loads(run(*given, "--channels", "0,2-3").out)["layers"]
    assert [channel["index"] for channel in layers[0]["channels"]] == [0, 2, 3]
    layers = json.loads(run(*given, "-l", "conv:0,2", "-l", "conv_1:5", "-l", "top").out)["layers"]
    shown = [[channel["index"] for channel in layer["channels"]] for layer in layers]
    assert shown == [[0, 2], [5], [0, 1, 2]]
    done = run("activations", small, photos / "photo.png", "-c", "5", "-o", "x.npz")
    assert "without the channels asked for, so not shown: conv, pool" in done.out


@pytest.mark.parametrize("view", ["sheet", "grid", "channel", "across"])
def test_every_view(run, small, photo, view):
    done = ok(run("activations", small, photo, "--view", view, "--channels", "0", "--layers", ":3"))
    name = "photo-activations.pdf" if view == "sheet" else f"photo-{view}.png"
    target = photo.parent / name
    assert done.out.splitlines()[-1] == f"wrote {target}"
    assert read_manifest(target)["options"]["view"] == view


@pytest.mark.parametrize("normalise", ["standardise", "minmax", "layer", "none"])
@pytest.mark.parametrize("colormap", ["viridis", "grey"])
def test_every_normalisation(run, small, photos, here, normalise, colormap):
    ok(
        run("activations", small, photos / "photo.png", "-l", "conv", "-o", "x.png",
            "--normalise", normalise, "--colormap", colormap)
    )  # fmt: skip
    found = read_manifest(here / "x.png")["options"]
    assert (found["normalise"], found["colormap"]) == (normalise, colormap)


def test_columns_contrast_and_centre(run, small, photos, here):
    given = ["activations", small, photos / "photo.png", "-l", "conv", "-o"]
    ok(run(*given, "wide.png"))
    ok(run(*given, "tall.png", "--columns", "1", "--contrast", "128", "--centre", "256"))
    with Image.open(here / "wide.png") as wide, Image.open(here / "tall.png") as tall:
        assert tall.height > wide.height
    found = read_manifest(here / "tall.png")["options"]
    assert (found["columns"], found["contrast"], found["centre"]) == (1, 128, 256)


def test_how_an_image_is_brought_to_the_model(run, small, photos, here):
    given = ["activations", small, photos / "photo.png", "-o", "-"]
    found = json.loads(
        run(*given, "--fit", "crop", "--scale", "-1..1", "--interpolation", "bilinear").out
    )
    assert found["image"]["steps"] == [
        "the middle 20 x 20 of 30 x 20 pixels resized to 16 x 16 (crop, bilinear)"
    ]
    assert found["preprocessing"]["name"] == "-1..1"
    assert found["preprocessing"]["reason"] == "given by the user"
    padded = json.loads(run(*given, "--fit", "pad").out)
    assert "black around it" in padded["image"]["steps"][0]


def test_a_size_for_a_model_of_any(run, models, photos, here):
    given = ["activations", models / "any.keras", photos / "photo.png", "-o", "-"]
    assert json.loads(run(*given).out)["layers"][0]["shape"] == [18, 28, 2]
    assert json.loads(run(*given, "--size", "12x9").out)["layers"][0]["shape"] == [10, 7, 2]
    assert json.loads(run(*given, "--size", "12").out)["layers"][0]["shape"] == [10, 10, 2]


def test_names_of_classes(run, small, models, photos, here):
    done = run(
        "activations", small, photos / "photo.png", "-o", "-", "--labels", models / "three.names"
    )
    said = json.loads(done.out)["predictions"][0]["top"]
    assert {entry["label"] for entry in said} == {"cat", "dog", "bird"}


def test_several_images_are_one_document_in_the_present_folder(run, small, photo, here):
    other = photo.parent / "other.png"
    shutil.copy(photo, other)
    before = {path.name for path in photo.parent.iterdir()}
    done = ok(run("activations", small, photo, other, "-l", "conv", "--view", "grid"))
    assert done.out.splitlines()[-1] == f"wrote {small.stem}-grid.pdf"
    assert (here / f"{small.stem}-grid.pdf").is_file()
    assert {path.name for path in photo.parent.iterdir()} - before <= {f"{small.stem}-grid.pdf"}
    done = ok(run("activations", small, photo, other, "-l", "conv"))
    assert sum(row.startswith("1 conv ") for row in done.rows) == 2  # a table for each


def test_many_images_have_a_file_each_in_a_folder(run, small, photo, here):
    folder = here / "many"
    (folder / "inner").mkdir(parents=True)
    for number in range(15):
        shutil.copy(photo, folder / f"p{number}.png")
    with Image.open(photo) as opened:
        opened.save(folder / "p3.bmp")
    shutil.copy(photo, folder / "inner" / "p7.png")
    ok(run("activations", small, folder, "-l", "conv", "--view", "grid"))
    names = {path.name for path in (here / f"{small.stem}-grid").iterdir()}
    assert len(names) == 17
    assert {"p0-grid.png", "p3.png-grid.png", "p3.bmp-grid.png", "inner-p7.png-grid.png"} <= names


def test_json_of_several_images_leaves_large_dense_layers_out(run, photos, here):
    given = [photos / "photo.png", photos / "grey.png"]
    import keras

    keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(name="flat"), keras.layers.Dense(2)]
    ).save(here / "wide.keras")
    found = json.loads(run("activations", here / "wide.keras", *given, "--json").out)
    for image in found["images"]:
        flat, dense = image["layers"]
        assert (flat["omitted"], flat["channels"]) == (192, [])
        assert len(dense["channels"]) == 2
    found = json.loads(run("activations", here / "wide.keras", *given, "--json", "--units").out)
    assert [len(image["layers"][0]["channels"]) for image in found["images"]] == [192, 192]
    found = json.loads(run("activations", here / "wide.keras", given[0], "--json").out)
    assert len(found["layers"][0]["channels"]) == 192


def test_several_images_in_one_file(run, small, photos, here):
    given = [photos / "photo.png", photos / "grey.png", photos / "one.png"]
    ok(run("activations", small, *given, "-o", "x.npz"))
    with np.load(here / "x.npz") as found:
        assert found["conv"].shape == (3, 14, 14, 4)
    found = json.loads(run("activations", small, *given, "--json").out)
    assert [entry["image"]["name"] for entry in found["images"]] == [
        "photo.png", "grey.png", "one.png",
    ]  # fmt: skip


def test_inputs_by_name(run, models, photos, here):
    pair = models / "pair.keras"
    named = ["--input", f"left={photos / 'photo.png'}", "--input", f"right={photos / 'grey.png'}"]
    done = ok(run("activations", pair, *named, "-o", "x.npz"))
    assert "input 'right': grey.png; " in done.out
    with np.load(here / "x.npz") as found:
        assert found["conv_left"].shape == (1, 14, 14, 2)
        assert found["conv_right"].shape == (1, 6, 6, 2)
    done = ok(run("activations", pair, photos / "photo.png", "-o", "y.npz"))
    assert "input 'left': photo.png; " in done.out
    assert "input 'right': photo.png; " in done.out


def test_a_page_by_its_number(run, small, tmp_path, here):
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    done = ok(run("activations", small, tmp_path / "scan.tif", "--frame", 2, "-o", "x.npz"))
    for step in ("frame 2 of several, counted from 0", "kept at 16 x 16 pixels"):
        assert step in done.out
    pages[2].save(tmp_path / "blue.png")
    ok(run("activations", small, tmp_path / "blue.png", "-o", "y.npz"))
    with np.load(here / "x.npz") as found, np.load(here / "y.npz") as expected:
        np.testing.assert_array_equal(found["conv"], expected["conv"])
    done = run("heatmap", small, tmp_path / "scan.tif", "--frame", 3, "-o", "x.png")
    assert done.status != 0
    assert "no frame, page or slice 3: expected one from 0 to 2" in done.err


def test_a_model_that_takes_no_picture_needs_none(run, models, here):
    done = ok(run("activations", models / "features.keras"))
    assert "drawn from a normal distribution, seed 0" in done.out
    assert [path.suffix for path in here.iterdir()] == [".pdf"]
    first, again, other = (
        json.loads(run("activations", models / "features.keras", "--seed", seed, "--json").out)
        for seed in ("3", "3", "4")
    )
    assert first["layers"] == again["layers"] != other["layers"]


def test_an_image_of_one_pixel(run, small, photos, here):
    done = ok(run("activations", small, photos / "one.png", "-o", "x.pdf"))
    assert "resized from 1 x 1 to 16 x 16" in done.out
    assert (here / "x.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("output", ["x.pdf", "x.png", "x.html", "x.json", "folder"])
def test_weights_that_are_no_numbers_are_drawn_and_named(run, models, photos, here, output):
    done = ok(run("activations", models / "nan.keras", photos / "photo.png", "-o", output))
    assert "weights that are not finite numbers: conv/kernel" in done.out
    assert (here / output).exists()
    if output == "x.json":
        found = json.loads((here / output).read_text("utf-8"))
        # TensorFlow makes zeros of what is no number; the note tells of it all the same.
        assert found["layers"][0]["channels"][1]["mean"] in (None, 0)
        assert found["layers"][0]["channels"][0]["mean"] is not None


def test_the_same_command_gives_the_same_bytes(run, small, photos, here):
    for name in ("a.pdf", "b.pdf"):
        ok(run("activations", small, photos / "photo.png", "-o", name))
    assert (here / "a.pdf").read_bytes() == (here / "b.pdf").read_bytes()


def test_options_may_be_spelled_the_american_way(run, small, photos):
    given = ["activations", small, photos / "photo.png", "-o", photos / "a.png", "--view", "grid"]
    ok(run(*given, "--normalize", "standardize", "--center", "100", "--colormap", "gray"))
    options = read_manifest(photos / "a.png")["options"]
    assert (options["normalise"], options["centre"]) == ("standardise", 100)
    assert options["colormap"] == "grey"
