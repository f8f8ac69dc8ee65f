"""Wrong input: one line that says what to do, and nothing written."""

import os
import sys
from types import ModuleType

import pytest

from layersight.cli import main
from layersight.loading import backend as backends

CUTS = 9


@pytest.fixture
def refused(run, here):
    """Runs what cannot be done and gives the one line; nothing may have been written."""

    def refused(status, *arguments):
        before = sorted(here.rglob("*"))
        done = run(*arguments)
        assert done.status == status, done.err
        assert sorted(here.rglob("*")) == before
        return done.line

    return refused


# The model.


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smal.keras", ["no model file ", "smal.keras", "Did you mean small.keras"]),
        ("nowhere/small.keras", ["no model file ", "nowhere/small.keras"]),
        ("text.h5", ["is not a Keras model: expected a .keras or HDF5 file", "'This is text.'"]),
        ("page.keras", ["found a web page: download the file itself"]),
        ("empty.h5", ["found an empty file"]),
        ("only.weights.h5", ["holds weights without the network", "--architecture"]),
        ("x" * 300, ["cannot read ", "xxx ...: File name too long"]),
        (".", ["is a folder: expected a .keras or HDF5 file"]),
    ],
)
@pytest.mark.parametrize("command", ["summary", "activations"])
def test_a_file_that_is_no_model(refused, models, photos, command, name, words):
    images = [photos / "photo.png"] if command == "activations" else []
    line = refused(1, command, models / name, *images)
    for part in words:
        assert part in line


@pytest.mark.parametrize("number", range(CUTS))
@pytest.mark.parametrize("name", ["small.keras", "small.h5"])
def test_a_file_that_is_cut_short(refused, models, photos, name, number):
    line = refused(1, "activations", models / f"cut{number}-{name}", photos / "photo.png")
    assert f"cut{number}-{name}" in line
    assert any(word in line for word in ("truncated", "expected a .keras or HDF5 file")), line


def test_an_architecture_that_is_none(refused):
    line = refused(1, "summary", "VGG61")
    assert "no architecture of that name. Did you mean" in line
    for name, wanted in (("vgg16", "VGG16"), ("mobilenetv2", "MobileNetV2")):
        assert refused(1, "summary", name).endswith(f"Did you mean {wanted}?")
    assert "weights none.h5" in refused(1, "summary", "VGG16", "--weights", "none.h5")


def test_weights_beside_a_model_file(refused, small):
    line = refused(2, "summary", small, "--weights", "random")
    assert line.startswith("--weights goes with the name of an architecture")


def test_a_model_without_an_image_input(refused, models, photos):
    line = refused(1, "activations", models / "features.keras", photos / "photo.png")
    assert "expected an input of (height, width, channel)" in line
    assert "of shape (None, 10)" in line


# The image.


def test_no_image(refused, small):
    line = refused(2, "activations", small)
    assert line == "give an image: layersight activations MODEL IMAGE"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("phot.png", ["no such file", "phot.png", "Did you mean photo.png"]),
        ("broken.jpg", ["cannot decode", "damaged or cut short"]),
        ("page.jpg", ["found an HTML page", "Was it a failed download?"]),
        ("notes.txt", ["expected an image (JPEG, PNG", "text that begins 'no image'"]),
        ("huge.png", ["at most 150 megapixels, found 10,000.0", "Make it smaller"]),
        ("*.gif", ["expected images that match", "found nothing"]),
    ],
)
def test_an_image_that_is_none(refused, small, photos, name, words):
    line = refused(1, "activations", small, photos / name)
    for part in words:
        assert part in line


def test_a_model_given_as_the_image_and_the_reverse(refused, small, photos):
    assert "a ZIP archive" in refused(1, "activations", small, small)
    line = refused(1, "activations", photos / "photo.png", small)
    assert "found an image: give the model first and the image second" in line


def test_an_image_that_pooling_uses_up(refused, models, photos):
    line = refused(1, "activations", models / "any.keras", photos / "one.png")
    assert "layer 'conv' does not take an input of shape (None, 1, 1, 3)" in line
    assert "the image is too small for it" in line


# The selection.


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ["-l", "conv_2"],
            "no layer 'conv_2'. Did you mean conv_1, conv or Conv2D? 'layersight sum",
        ),
        (["-l", "conv", "-l", "zzz"], "no layer 'zzz'. The model has 5: conv, pool, conv_1, flat"),
        (["-l", ""], "no layer ''"),
        (["-l", "5:9"], "layers '5:9' choose nothing: the model has 5 layers that compute, 0 to 4"),
        (["-c", "99"], "layer 'conv_1': no channel 99: expected 0 to 5, the layer has 6"),
        (["-c", "4", "-l", "conv"], "layer 'conv': no channel 4: expected 0 to 3"),
        (["-c", "0:7"], "layer 'conv_1': no channel 6: expected 0 to 5"),
        (["-c", "one"], "channels 'one': expected numbers, ranges and slices such as 0,3,5-9"),
        (["-c", "-1"], "channels '-1': expected numbers"),
    ],
)
def test_a_choice_of_what_is_not_there(refused, small, photos, given, words):
    assert words in refused(1, "activations", small, photos / "photo.png", *given)


# The options.


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ["--view", "grd"],
            "unknown view 'grd': expected one of sheet, grid, channel, across. Did",
        ),
        (["--normalise", "std"], "unknown normalise 'std': expected one of standardise"),
        (["--colormap", "jet"], "unknown colormap 'jet': expected one of viridis"),
        (
            ["--scale", "0-1"],
            "unknown scale '0-1': expected one of 0..1, -1..1, caffe, torch, none",
        ),
        (["--fit", "strech"], "unknown fit 'strech': expected one of stretch, crop, pad. Did you"),
        (["--interpolation", "cubic"], "unknown interpolation 'cubic': expected one of nearest"),
        (["--columns", "0"], "expected columns as a whole number of at least 1, found 0"),
        (["--columns", "many"], "Invalid value for '--columns'"),
        (["--contrast", "0"], "expected contrast as a number above 0 and below 1e+06, found 0"),
        (["--contrast", "nan"], "expected contrast as a number above 0 and below 1e+06, found nan"),
        (["--contrast", "inf"], "expected contrast as a number above 0 and below 1e+06, found inf"),
        (["--centre", "nan"], "expected centre as a number from -1e+06 to 1e+06, found nan"),
        (["--centre", "-1e30"], "expected centre as a number from -1e+06 to 1e+06, found -1e+30"),
        (["--size", "wide"], "--size expects HEIGHTxWIDTH such as 224x224, found 'wide'"),
        (["--size", "9" * 5000], "--size expects HEIGHTxWIDTH"),
        (["--size", "0x0"], "expected --size of 1 to 65535 pixels"),
        (["--size", "32x32"], "the model takes 16 x 16 pixels"),
        (["--nothing"], "--nothing"),
        (["--json=yes"], "Option '--json' does not take a value"),
        (["--output"], "Option '--output' requires an argument"),
        (["--input", "left"], "give either IMAGE or --input NAME=FILE for each input, not both"),
    ],
)
def test_options_that_are_none(refused, small, photos, given, words):
    assert words in refused(2, "activations", small, photos / "photo.png", *given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["summry"], "No such command 'summry'"),
        (["activations"], "Missing argument 'MODEL'. See 'layersight activations --help'"),
        (["summary", "a", "b"], "Got unexpected extra argument"),
        (["activations", "m", "--input", "left"], "--input expects NAME=FILE, found 'left'"),
        (["activations", "m", "--input", "=x"], "--input expects NAME=FILE, found '=x'"),
        (["activations", "m", "--input", "a=x", "--input", "a=y"], "--input names one input twice"),
    ],
)
def test_wrong_usage(refused, given, words):
    assert words in refused(2, *given)


def test_no_command_shows_the_help(run):
    done = run()
    assert done.status == 2
    assert "Usage: layersight" in done.err
    assert "activations" in done.err


def test_an_input_that_the_model_does_not_have(refused, models, photos):
    given = [models / "pair.keras", "--input", f"left={photos / 'photo.png'}"]
    line = refused(1, "activations", *given, "--input", f"rigt={photos / 'grey.png'}")
    assert line == "no input 'rigt': the model has left, right. Did you mean right?"
    assert "input 'right' of shape" in refused(1, "activations", *given)


@pytest.mark.parametrize("name", ["nothing.txt", ".", "photo.png"])
def test_labels_that_cannot_be_read(refused, small, photos, name):
    given = [small, photos / "photo.png", "--labels", photos / name]
    line = refused(1, "activations", *given)
    assert "cannot read class names from" in line
    assert "expected a text file with one name on each line" in line


# The output.


@pytest.mark.parametrize(
    ("output", "status", "words"),
    [
        ("x.jpg", 2, "cannot write 'x.jpg': expected one of .pdf, .png, .svg, .html, .npz, .json"),
        ("", 2, "expected a file or folder to write, found an empty name"),
        ("file.txt", 2, "cannot write 'file.txt'"),
        ("file.txt/x.pdf", 1, "cannot write file.txt/x.pdf: expected a folder, file.txt is a file"),
        ("file.txt/x.npz", 1, "expected a folder, file.txt is a file. Choose another place with -"),
        ("file.txt/x.zarr", 1, "expected a folder, file.txt is a file"),
        ("plain", 1, "cannot write plain: expected a folder, plain is a file"),
        ("/proc/nothing/x.pdf", 1, "cannot write /proc/nothing/x.pdf: "),
        ("/dev/full", 1, "cannot write /dev/full: expected a folder, /dev/full is a file"),
        ("taken.pdf", 1, "cannot write taken.pdf: Is a directory"),
        ("taken.zarr", 1, "found a folder that holds something else"),
    ],
)
def test_an_output_that_cannot_be_written(refused, here, small, photos, output, status, words):
    for name in ("file.txt", "plain"):
        (here / name).write_text("keep")
    for name in ("taken.pdf", "taken.zarr"):
        (here / name).mkdir()
        (here / name / "photo.jpg").write_text("keep")
    given = [small, photos / "photo.png", "-l", "conv", "--output", output]
    assert words in refused(status, "activations", *given)
    assert (here / "file.txt").read_text() == "keep"


def test_svg_of_several_pages(refused, small, photos):
    given = [small, photos / "photo.png", "-o", "x.svg", "--view", "sheet"]
    assert "SVG holds one page" in refused(2, "activations", *given)


def test_a_demo_that_cannot_be_written(run, here):
    (here / "file.txt").write_text("keep")
    for output in ("file.txt", "file.txt/demo"):
        done = run("demo", "--output", output)
        assert done.status == 1
        assert "expected a folder, file.txt is a file" in done.line
    assert [path.name for path in here.iterdir()] == ["file.txt"]


# The backend.


def test_a_backend_that_is_none(refused, small):
    line = refused(2, "summary", small, "--backend", "jaxx")
    assert (
        line == "unknown backend 'jaxx': expected one of jax, tensorflow, torch. Did you mean jax?"
    )


@pytest.fixture
def nothing_runs(monkeypatch, tmp_path):
    """As if Keras had not been imported, and the user had settled nothing."""
    monkeypatch.setitem(sys.modules, "keras", ModuleType("keras"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")


@pytest.mark.usefixtures("nothing_runs")
def test_no_backend_installed(refused, small, photos, monkeypatch):
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
    for given in (["summary", small], ["activations", small, photos / "photo.png"]):
        line = refused(1, *given)
        assert line.startswith("no backend for Keras is installed: expected one of JAX, Tensor")
        assert "pip install 'layersight[jax]'" in line


@pytest.mark.usefixtures("nothing_runs")
def test_a_backend_that_is_not_installed(refused, small, monkeypatch):
    monkeypatch.setattr(backends, "installed_backends", lambda: ("tensorflow",))
    line = refused(1, "summary", small, "--backend", "torch")
    assert line.startswith("backend 'torch' was asked for (--backend) but is not installed: pip i")
    assert line.endswith("or use --backend tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert refused(1, "summary", small).startswith("KERAS_BACKEND is 'theano': expected one of")


def test_another_backend_than_the_one_that_runs(refused, small):
    import keras

    other = next(name for name in backends.BACKENDS if name != keras.backend.backend())
    line = refused(1, "summary", small, "--backend", other)
    assert f"set KERAS_BACKEND={other} before Keras is imported" in line


# What else may happen.


def test_debug_shows_a_traceback_and_ends_the_same_way(run, models):
    done = run("summary", models / "text.h5", "--debug")
    assert done.status == 1
    assert done.err.startswith("Traceback")
    assert done.err.splitlines()[-1].startswith("layersight: ")
    assert run("summary", models / "small.keras", "--backend", "x", "--debug").status == 2


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "place",
    [
        "cli.run.open_model",
        "cli.run.image_groups",
        "nouns.activations.compute.activations",
        "cli.run.save",
        "cli.run.to_text",
    ],
)
def test_an_interruption_is_one_line(refused, small, photos, monkeypatch, place):
    monkeypatch.setattr(f"layersight.{place}", interrupt)
    if place == "cli.run.to_text":
        assert refused(130, "summary", small).startswith("interrupted")
    else:
        line = refused(130, "activations", small, photos / "photo.png", "-o", "x.pdf")
        assert line == "interrupted; nothing half-written is left"


def test_an_error_of_ours_is_told_as_such(run, small, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr("layersight.cli.run.to_text", broken)
    done = run("summary", small)
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "layersight: unexpected error, ZeroDivisionError: first line (run again with --debug for "
        "details)\n"
    )
    assert "Traceback" in run("summary", small, "--debug").err


def test_too_little_memory(refused, small, monkeypatch):
    def broken(*_, **__):
        raise MemoryError("Unable to allocate 64. GiB")

    monkeypatch.setattr("layersight.cli.run.to_text", broken)
    line = refused(1, "summary", small)
    assert line == (
        "not enough memory (Unable to allocate 64. GiB): give fewer layers, channels or images"
    )


class Output:
    """A standard output that takes nothing."""

    def __init__(self, error, file):
        self.error, self.file = error, file

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error

    def isatty(self):
        return False

    def fileno(self):
        return int(self.file.fileno())


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (
            OSError(28, "No space left on device"),
            1,
            "layersight: cannot write to standard output: No space left on device\n",
        ),
    ],
)
@pytest.mark.parametrize("given", [["summary", "MODEL"], ["--version"]])
def test_a_standard_output_that_takes_no_more(
    here, small, monkeypatch, capsys, given, error, status, said
):
    if given == ["--version"] and status:
        monkeypatch.setattr(Output, "write", lambda self, text: len(text))
    with (here / "out").open("wb") as file:
        monkeypatch.setattr("sys.stdout", Output(error, file))
        with pytest.raises(SystemExit) as end:
            main([str(small) if part == "MODEL" else part for part in given])
    assert end.value.code == status
    assert capsys.readouterr().err == said
    assert os.path.getsize(here / "out") == 0  # noqa: PTH202
