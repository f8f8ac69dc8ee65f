"""layersight kernels: what it writes and says."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from layersight.export import read_manifest


def test_without_output_a_name_is_chosen_and_said(run, here, small):
    done = run("kernels", small)
    assert done.status == 0, done.err
    assert (here / "small-kernels.pdf").read_bytes().startswith(b"%PDF")
    assert done.err == ""
    assert done.rows[-1] == "wrote small-kernels.pdf"
    told = "\n".join(done.rows)
    for name, depth, filters in (("conv", 3, 4), ("conv_1", 4, 6)):
        weights = r"weights -0\.\d+ to \+[01]\.\d+"
        words = rf"{name} Conv2D 3 x 3 x {depth}\n{filters} filters \| {weights} \| none zero"
        assert re.search(words, told)


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg", ".html", ".npz", ".json"])
def test_every_output(run, here, small, suffix):
    done = run(
        *("kernels", small, "-l", "conv_1", "-c", "1,3:5", "--columns", "3"),
        *("-o", f"x{suffix}", "-q"),
    )
    assert (done.status, done.out, done.err) == (0, "", "")
    found = read_manifest(here / f"x{suffix}")
    assert found["kind"] == "kernels"
    assert found["layers"][0]["filters"] == "1,3-4"
    assert found["options"]["columns"] == 3


def test_the_weights_are_those_of_the_model(run, here, small):
    import keras

    run("kernels", small, "-o", "x.npz", "-q")
    wanted = keras.saving.load_model(small).get_layer("conv_1").get_weights()[0]
    with np.load(here / "x.npz") as found:
        np.testing.assert_array_equal(found["conv_1/kernel"], wanted)


def test_filters_of_their_own(run, here, small):
    run("kernels", small, "-l", "conv:0,3", "-l", "conv_1:5", "-o", "some.npz")
    run("kernels", small, "-o", "all.npz")
    with np.load("some.npz") as some, np.load("all.npz") as whole:
        np.testing.assert_array_equal(some["conv/kernel"], whole["conv/kernel"][..., [0, 3]])
        np.testing.assert_array_equal(some["conv_1/kernel"], whole["conv_1/kernel"][..., [5]])


def test_weights_that_are_no_numbers_are_counted(run, here, models):
    done = run("kernels", models / "nan.keras", "-l", "conv")
    assert done.status == 0, done.err
    assert "1 not numbers" in done.out


def test_json_on_standard_output_and_beside_a_file(run, here, small):
    for given in (("-o", "-"), ("--json",)):
        found = json.loads(run("kernels", small, "-l", "conv", *given).out)
        assert [each["index"] for each in found["layers"][0]["filters"]] == [0, 1, 2, 3]
        assert "file" not in found
    assert list(here.iterdir()) == []
    done = run("kernels", small, "-l", "conv", "-o", "x.png", "--json")
    assert json.loads(done.out)["file"] == "x.png"
    with Image.open(here / "x.png") as image:
        assert image.text["Title"] == "small: kernels"


def test_a_layer_without_kernels_beside_others_is_said(run, here, small):
    done = run("kernels", small, "-l", "conv,pool")
    assert "without kernels, so not shown: pool" in done.out.splitlines()


@pytest.mark.parametrize(
    ("status", "given", "words"),
    [
        (1, ["-l", "conv_2"], "no layer 'conv_2'. Did you mean conv_1, conv"),
        (1, ["-l", "pool"], "layer 'pool' (MaxPooling2D) has no kernels"),
        (1, ["-l", "conv", "-c", "9"], "layer 'conv': no channel 9: expected 0 to 3"),
        (2, ["--columns", "0"], "columns as a whole number of at least 1, found 0"),
        (2, ["-o", "x.bmp"], "cannot write 'x.bmp': expected one of .pdf"),
        (2, ["-o", "x.zarr"], "cannot write 'x.zarr': expected one of .pdf"),
        (2, ["-o", "folder"], "cannot write 'folder': expected one of .pdf"),
        (2, ["-o", ""], "expected a file or folder to write, found an empty name"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, here, small, status, given, words):
    done = run("kernels", small, *given)
    assert done.status == status
    assert words in done.line
    assert list(here.iterdir()) == []


def test_a_file_of_weights_as_it_is(run, here, models):
    done = run("kernels", models / "only.weights.h5", "--stored", "-o", "x.json")
    assert done.status == 0, done.err
    assert "weights without a network" in done.out
    assert json.loads((here / "x.json").read_text())["layers"]
    refused = run("kernels", models / "only.weights.h5", "-o", "y.json")
    assert refused.status == 1
    assert "--stored" in refused.err
    both = run("kernels", models / "only.weights.h5", "--stored", "--architecture", "VGG16")
    assert both.status == 2
    assert "leave out --stored" in both.err
    missing = run("kernels", "none.h5", "--stored")
    assert missing.status == 1
    assert "no file of weights none.h5" in missing.err
