"""layersight kernels: what it writes and says."""

import re

import keras
import numpy as np
from PIL import Image


def test_without_output_a_name_is_chosen_and_said(ok, here, small):
    finished = ok("kernels", small)
    assert (here / "small-kernels.pdf").read_bytes().startswith(b"%PDF")
    assert finished.rows[-1] == "wrote small-kernels.pdf"
    for name, depth, filters in (("conv", 3, 4), ("conv_1", 4, 6)):
        weights = r"weights -0\.\d+ to \+[01]\.\d+"
        words = rf"{name} Conv2D 3 x 3 x {depth}\n{filters} filters \| {weights} \| none zero"
        assert re.search(words, "\n".join(finished.rows))


def test_the_weights_are_those_of_the_model(ok, here, small):
    ok("kernels", small, "-o", "x.npz", "-q")
    wanted = keras.saving.load_model(small).get_layer("conv_1").get_weights()[0]
    with np.load(here / "x.npz") as arrays:
        np.testing.assert_array_equal(arrays["conv_1/kernel"], wanted)


def test_channels_of_each_layer(ok, here, small):
    ok("kernels", small, "-l", "conv:0,3", "-l", "conv_1:5", "-o", "some.npz")
    ok("kernels", small, "-o", "all.npz")
    with np.load("some.npz") as some, np.load("all.npz") as every:
        np.testing.assert_array_equal(some["conv/kernel"], every["conv/kernel"][..., [0, 3]])
        np.testing.assert_array_equal(some["conv_1/kernel"], every["conv_1/kernel"][..., [5]])


def test_weights_that_are_no_numbers_are_counted(ok, here, models):
    assert "1 not numbers" in ok("kernels", models / "nan.keras", "-l", "conv").out


def test_a_layer_without_kernels_beside_others_is_said(ok, here, small):
    finished = ok("kernels", small, "-l", "conv,pool", "-o", "x.png")
    assert "without kernels, so not shown: pool" in finished.out.splitlines()
    with Image.open(here / "x.png") as image:
        assert image.text["Title"] == "small: kernels"


def test_a_file_of_weights_as_it_is(run, ok, here, models):
    weights = models / "only.weights.h5"
    assert "weights without a network" in ok("kernels", weights, "--stored", "-o", "x.pdf").out
    assert ok("kernels", weights, "--stored", "--json").json["layers"]
    assert "--stored" in run("kernels", weights, "-o", "y.json", status=1).line
    both = run("kernels", weights, "--stored", "--architecture", "VGG16", status=2)
    assert "leave out --stored" in both.line
    assert "no file of weights none.h5" in run("kernels", "none.h5", "--stored", status=1).line
