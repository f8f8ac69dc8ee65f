"""Wrong input: one line that says what to do, and nothing written."""

import os
import shlex
import sys
from types import ModuleType

import keras
import numpy as np
import pytest

from layersight.cli import main
from layersight.loading import backend as backends

# What every command refuses.

REFUSED = {
    "activations SMALL PHOTO": [
        # The layers and channels.
        (1, "-l conv_2", "no layer 'conv_2'. Did you mean conv_1, conv or Conv2D? 'layersight sum"),
        (1, "-l conv -l zzz", "no layer 'zzz'. The model has 5: conv, pool, conv_1, flat"),
        (1, "-l ''", "no layer ''"),
        (1, "-l 5:9", "layers '5:9' choose nothing: the model has 5 layers that compute, 0 to 4"),
        (1, "-c 99", "layer 'conv_1': no channel 99: expected 0 to 5, the layer has 6"),
        (1, "-c 4 -l conv", "layer 'conv': no channel 4: expected 0 to 3"),
        (1, "-c 0:7", "layer 'conv_1': no channel 6: expected 0 to 5"),
        (1, "-c one", "channels 'one': expected numbers, ranges and slices such as 0,3,5-9"),
        (1, "-c -1", "channels '-1': expected numbers"),
        # The options.
        (2, "--view grd", "unknown view 'grd': expected one of sheet, grid, channel, across. Did"),
        (2, "--normalise std", "unknown normalise 'std': expected one of standardise"),
        (2, "--colormap jet", "unknown colormap 'jet': expected one of viridis"),
        (2, "--scale 0-1", "unknown scale '0-1': expected one of 0..1, -1..1, caffe, torch, none"),
        (2, "--fit strech", "unknown fit 'strech': expected one of stretch, crop, pad. Did you"),
        (2, "--interpolation cubic", "unknown interpolation 'cubic': expected one of nearest"),
        (2, "--columns 0", "expected columns as a whole number of at least 1, found 0"),
        (2, "--columns many", "Invalid value for '--columns'"),
        (2, "--contrast 0", "expected contrast as a number above 0 and below 1e+06, found 0"),
        (2, "--contrast nan", "expected contrast as a number above 0 and below 1e+06, found nan"),
        (2, "--contrast inf", "expected contrast as a number above 0 and below 1e+06, found inf"),
        (2, "--centre nan", "expected centre as a number from -1e+06 to 1e+06, found nan"),
        (2, "--centre -1e30", "expected centre as a number from -1e+06 to 1e+06, found -1e+30"),
        (2, "--size wide", "--size expects HEIGHTxWIDTH such as 224x224, found 'wide'"),
        (2, "--size " + "9" * 5000, "--size expects HEIGHTxWIDTH"),
        (2, "--size 0x0", "expected --size of 1 to 65535 pixels"),
        (2, "--size 32x32", "the model takes 16 x 16 pixels"),
        (2, "--nothing", "--nothing"),
        (2, "--json=yes", "Option '--json' does not take a value"),
        (2, "--output", "Option '--output' requires an argument"),
        (2, "--input left", "give either IMAGE or --input NAME=FILE for each input, not both"),
        (2, "-o x.svg --view sheet", "SVG holds one page"),
    ],
    "heatmap SMALL PHOTO": [
        (2, "--method grad-cm", "unknown method 'grad-cm': expected one of grad-cam"),
        (2, "--score deletoin", "unknown metric 'deletoin': expected one of deletion"),
        (2, "--view grid", "unknown view 'grid': expected one of single, overlay, row, table"),
        (2, "--opacity 2", "expected opacity as a number from 0 to 1, found 2"),
        (2, "--colormap jet", "unknown colormap 'jet'"),
        (2, "--normalise layer", "unknown normalise 'layer': expected one of own"),
        (2, "--columns 0", "columns as a whole number of at least 1, found 0"),
        (2, "-o x.bmp", "cannot write 'x.bmp': expected one of .pdf"),
        (2, "-o x.gif", "cannot write 'x.gif': expected one of .pdf"),
        (2, "--steps 5", "reads 'steps': it belongs to integrated-gradients"),
        (2, "--size big", "--size expects HEIGHTxWIDTH"),
        (2, "--explain x", "unknown score 'x': expected one of logit, output"),
        (2, "--top 0", "expected at least 1 class of each image, found top=0"),
        (2, "--top x", "Invalid value for '--top'"),
        (2, "--top 2 --target 1", "leave it out where a target is named"),
        (1, "--target 9", "no class or channel 9"),
        (1, "--target dgo", "dgo"),
        (1, "--layer conv_9", "conv_9"),
        (2, "--scale 0-1", "unknown scale '0-1'"),
        (2, "--input input=x.png", "give either IMAGE or --input NAME=FILE"),
    ],
    "patterns SMALL": [
        (2, "", "name the layers to see the patterns of, such as --layers "),
        (1, "-l conv_2", "no layer 'conv_2'. Did you mean conv_1, conv"),
        (1, "-l top --size 20x20 --steps 1", "layer 'top' does not take"),
    ],
    "patterns SMALL -l conv": [
        (1, "-c 9", "layer 'conv': no channel 9: expected 0 to 3"),
        (2, "--method robst", "unknown method 'robst': expected one of robust"),
        (2, "--objective x", "unknown objective 'x': expected one of channel"),
        (2, "--steps 0", "steps as a whole number from 1 to 100,000, found 0"),
        (2, "--steps x", "Invalid value for '--steps'"),
        (2, "--rate 0", "rate as a number from 1e-06 to 1e+06, found 0"),
        (2, "--seed -1", "expected seed as a whole number from 0"),
        (2, "--facets 0", "facets as a whole number from 1 to 64, found 0"),
        (2, "--size 0", "expected --size of 1 to 65535 pixels a side"),
        (2, "--size big", "--size expects HEIGHTxWIDTH such as 224x224"),
        (2, "--view channel", "unknown view 'channel': expected one of pattern"),
        (2, "--columns 0", "columns as a whole number of at least 1"),
        (2, "--scale 0-1", "unknown scale '0-1'"),
        (2, "-o x.bmp", "cannot write 'x.bmp': expected one of .pdf"),
        (2, "-o x.gif", ".gif is an animation of the patterns on their way"),
        (2, "-o x.npz --resume", "there is no x.npz.partial.npz"),
        (1, "--images nowhere", "nowhere"),
        (2, "--start no.npy", "--start: cannot read no.npy: No such file"),
        (2, "--start file.txt", "--start expects a .npy file of (height, width"),
        (2, "--start words.npy", "--start expects numbers, found <U"),
        (2, "--start start.npy", "a start goes with method='classic'"),
    ],
    "patterns ANY": [(1, "-l pool --size 2 --steps 1", "the image is too small for it")],
    "kernels SMALL": [
        (1, "-l conv_2", "no layer 'conv_2'. Did you mean conv_1, conv"),
        (1, "-l pool", "layer 'pool' (MaxPooling2D) has no kernels"),
        (1, "-l conv -c 9", "layer 'conv': no channel 9: expected 0 to 3"),
        (2, "--columns 0", "columns as a whole number of at least 1, found 0"),
        (2, "-o x.bmp", "cannot write 'x.bmp': expected one of .pdf"),
        (2, "-o x.zarr", "cannot write 'x.zarr': expected one of .pdf"),
        (2, "-o folder", "cannot write 'folder': expected one of .pdf"),
        (2, "-o ''", "expected a file or folder to write, found an empty name"),
    ],
    "image SMALL": [
        (2, "", "give an image: layersight image MODEL IMAGE"),
        (2, "PHOTO GREY -o x.png", "--output names one file, found 2 images"),
        (2, "PHOTO -o x.npz", "npz"),
        (1, "none.png", "none.png"),
        (1, "BROKEN", "broken.jpg"),
    ],
    "evaluate SMALL PHOTO": [
        (2, "--resume", "there is no small-evaluation.partial.npz to go on from"),
        (2, "--method gradcam", "unknown method 'gradcam'"),
        (2, "--score deletoin", "Did you mean deletion"),
        (2, "--points 0", "points as a whole number of at least 1"),
        (2, "--shares half", "--shares expects numbers"),
        (2, "--shares 2", "shares as numbers above 0"),
        (2, "--samples 4 --method gradient", "reads 'samples'"),
        (2, "--copies 4", "reads 'copies'"),
        (2, "--limit 0", "a limit of at least 1 image"),
        (1, "--target 9", "no class or channel 9"),
        (1, "--layer nowhere", "nowhere"),
        (2, "-o x.bmp", "cannot write 'x.bmp'"),
    ],
    "evaluate": [
        (2, "SMALL", "give images: layersight evaluate MODEL FOLDER"),
        (1, "SMALL .", "expected images in the folder"),
    ],
    "survey SMALL": [
        (2, "PHOTO", "name a folder for the survey"),
        (2, "-o out", "give images"),
        (2, "PHOTO -o out.pdf", "a survey is a folder"),
        (2, "PHOTO -o out --top 0", "expected top"),
        (1, "missing -o out", "no such file: 'missing'"),
    ],
    "explore --no-browser": [
        (1, "model.h5 nothing.jpg", "nothing.jpg"),
        (2, "--token short", "at least 16 letters and digits"),
        (2, f"--token {'x' * 30}/..", "letters and digits"),
        (2, "--export page.pdf", "ending in .html"),
        (2, "--layers conv", "goes with --export"),
        (2, "--labels a,b", "give a model too"),
        (1, "--host no.such.host.example.invalid", "cannot listen at"),
        (2, "--scale 0..2", "0..2"),
        (2, "--port 70000", "port"),
        (2, "--allow-host *.example.org", "one name without a port"),
        (2, "--allow-host https://hub.example.org", "one name without a port"),
        (2, "--allow-host hub.example.org:80", "one name without a port"),
    ],
    "": [
        (2, "summry", "No such command 'summry'"),
        (2, "activations", "Missing argument 'MODEL'. See 'layersight activations --help'"),
        (2, "summary a b", "Got unexpected extra argument"),
        (2, "activations m --input left", "--input expects NAME=FILE, found 'left'"),
        (2, "activations m --input =x", "--input expects NAME=FILE, found '=x'"),
        (2, "activations m --input a=x --input a=y", "--input names one input twice"),
        (2, "activations SMALL", "give an image: layersight activations MODEL IMAGE"),
        (2, "heatmap SMALL", "give an image: layersight heatmap MODEL IMAGE"),
        (1, "heatmap SMALL nowhere.png", "no such file: 'nowhere.png'"),
        (2, "summary SMALL --weights random", "--weights goes with the name of an architecture"),
        (2, "summary SMALL --backend jaxx", "unknown backend 'jaxx': expected one of jax, tensor"),
    ],
}
"""By the beginning of a command: the status, the rest of it, and words of the one line."""


@pytest.fixture
def words(models, photos):
    """What words of the table stand for."""
    names = {"SMALL": "small.keras", "ANY": "any.keras"}
    images = {"PHOTO": "photo.png", "GREY": "grey.png", "BROKEN": "broken.jpg"}
    paths = {word: models / name for word, name in names.items()}
    return paths | {word: photos / name for word, name in images.items()}


@pytest.mark.parametrize(
    ("command", "status", "rest", "message"),
    [(command, *row) for command, rows in REFUSED.items() for row in rows],
)
def test_a_wrong_command_is_one_line(refused, here, words, command, status, rest, message):
    (here / "file.txt").write_text("no array")
    np.save(here / "words.npy", np.array(["a"]))
    np.save(here / "start.npy", np.zeros((16, 16, 3), np.float32))
    arguments = [words.get(word, word) for word in shlex.split(f"{command} {rest}")]
    assert message in refused(status, *arguments)


def test_no_command_shows_the_help(run):
    err = run(status=2).err
    assert "Usage: layersight" in err
    assert "activations" in err


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


@pytest.mark.parametrize("number", range(9))
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


def test_a_model_without_an_image_input(refused, models, photos):
    line = refused(1, "activations", models / "features.keras", photos / "photo.png")
    assert "expected an input of (height, width, channel)" in line
    assert "of shape (None, 10)" in line


# The image.


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


def test_a_demo_that_cannot_be_written(run, here):
    (here / "file.txt").write_text("keep")
    for output in ("file.txt", "file.txt/demo"):
        line = run("demo", "--output", output, status=1).line
        assert "expected a folder, file.txt is a file" in line
    assert [path.name for path in here.iterdir()] == ["file.txt"]


# The backend.


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
    assert line.startswith("backend 'torch' was requested (--backend) but is not installed: pip i")
    assert line.endswith("or use --backend tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert refused(1, "summary", small).startswith("KERAS_BACKEND is 'theano': expected one of")


def test_another_backend_than_the_one_that_runs(refused, small):
    other = next(name for name in backends.BACKENDS if name != keras.backend.backend())
    line = refused(1, "summary", small, "--backend", other)
    assert f"set KERAS_BACKEND={other} before Keras is imported" in line


# What else may happen.


def test_debug_shows_a_traceback_and_ends_the_same_way(run, models):
    err = run("summary", models / "text.h5", "--debug", status=1).err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("layersight: ")
    run("summary", models / "small.keras", "--backend", "x", "--debug", status=2)


def raising(error):
    """A function that raises an error, whatever it is given."""

    def function(*_, progress=None, **__):
        if progress is not None:
            progress(1, 3)
        raise error

    return function


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("cli.run.open_model", "activations -o x.pdf"),
        ("cli.run.image_groups", "activations -o x.pdf"),
        ("nouns.activations.compute.activations", "activations -o x.pdf"),
        ("cli.run.save", "activations -o x.pdf"),
        ("cli.run.to_text", "summary"),
        ("nouns.heatmaps.compute.heatmap", "heatmap"),
        ("nouns.patterns.compute.patterns", "patterns -l conv"),
    ],
)
def test_an_interruption_is_one_line(refused, small, photo, monkeypatch, target, command):
    monkeypatch.setattr(f"layersight.{target}", raising(KeyboardInterrupt))
    name, *options = command.split()
    images = [photo] if name in ("activations", "heatmap") else []
    line = refused(130, name, small, *images, *options)
    assert line == "interrupted; nothing half-written is left"


def test_an_error_of_ours_is_told_as_such(run, small, monkeypatch):
    error = ZeroDivisionError("first line\nsecond line")
    monkeypatch.setattr("layersight.cli.run.to_text", raising(error))
    finished = run("summary", small, status=1)
    assert (finished.out, finished.err) == (
        "",
        "layersight: unexpected error, ZeroDivisionError: first line (run again with --debug for "
        "details)\n",
    )
    assert "Traceback" in run("summary", small, "--debug", status=1).err


def test_too_little_memory(refused, small, monkeypatch):
    error = MemoryError("Unable to allocate 64. GiB")
    monkeypatch.setattr("layersight.cli.run.to_text", raising(error))
    assert refused(1, "summary", small) == (
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
        return self.file.fileno()


FULL = "layersight: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (OSError(28, "No space left on device"), 1, FULL),
    ],
)
@pytest.mark.parametrize("given", [["summary", "MODEL"], ["--version"]])
def test_a_standard_output_that_takes_no_more(
    here, small, monkeypatch, capsys, given, error, status, message
):
    if given == ["--version"] and status:
        monkeypatch.setattr(Output, "write", lambda self, text: len(text))
    with (here / "out").open("wb") as file:
        monkeypatch.setattr("sys.stdout", Output(error, file))
        with pytest.raises(SystemExit) as end:
            main([str(small) if part == "MODEL" else part for part in given])
    assert end.value.code == status
    assert capsys.readouterr().err == message
    assert os.path.getsize(here / "out") == 0  # noqa: PTH202
