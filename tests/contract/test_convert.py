"""What ``convert`` writes opens in plain Keras 3, which knows nothing of layersight."""

import csv
import json
import os
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import keras
import models
import numpy as np
import pytest

import layersight
from layersight.errors import ModelFileError, UsageError
from layersight.frameworks.keras.formula import Formula
from layersight.frameworks.keras.ops import TensorFlowCall, hard_sigmoid_of_keras_2

pytestmark = pytest.mark.one_backend

DATA = os.environ.get("LAYERSIGHT_DATA", "")
LISTED = Path(DATA) / "wild" / "manifest.tsv"
ROWS = (
    list(csv.DictReader(LISTED.read_text().splitlines(), delimiter="\t"))
    if DATA and LISTED.is_file()
    else []
)
WILD = [row["file"] for row in ROWS if row["expect"] == "opens"]
NOT_PLAIN = {"unbuilt", "subclassed", "custom_layer"}


X = ["input"]


def formula(*steps):
    """A formula of steps that each go on from the one before, with further values and settings."""
    written = []
    for number, (name, *given, settings) in enumerate(steps):
        before = ["step", number - 1] if number else X
        arguments = [
            before,
            *(item if isinstance(item, list) else ["value", item] for item in given),
        ]
        named = {key: ["value", item] for key, item in settings.items()}
        written.append([name, arguments, named])
    return {"steps": written, "result": ["step", len(steps) - 1]}


PART = {
    "steps": [
        ["__operators__.getitem", [X], {"slice_spec": ["list", [["ellipsis"], ["value", 0]]]}]
    ],
    "result": ["step", 0],
}


def affine():
    inputs = keras.Input((8, 8, 3))
    scaled = formula(("math.truediv", 127.5, {}), ("math.subtract", 1.0, {}))
    hidden = Formula(scaled, name="scaled")
    return keras.Model(inputs, models.conv(3, "conv")(hidden(inputs)), name="affine")


def formulas():
    inputs = keras.Input((8, 8, 4), name="picture")
    hidden = models.conv(8, "conv")(inputs)
    hidden = TensorFlowCall("nn.depth_to_space", {"block_size": 2}, name="subtract")(hidden)
    part = Formula(PART, name="part")(hidden)
    part = Formula(formula(("expand_dims", {"axis": -1})), name="wider")(part)
    summed = TensorFlowCall("math.add", name="sum")(hidden, part)
    small = Formula(formula(("image.resize_bilinear", {"size": [5, 7]})), name="small")(summed)
    relu = Formula(formula(("nn.relu", {})), name="positive")(small)
    power = Formula(formula(("math.abs", {}), ("math.pow", 1.5, {})), name="power")(relu)
    turned = TensorFlowCall("math.subtract", constants=[(0, 1.0)], name="turned")(power)
    mean = TensorFlowCall("math.reduce_mean", {"axis": [1, 2]}, name="mean")(turned)
    return keras.Model(inputs, [mean, keras.layers.Flatten()(turned)], name="formulas")


def called_twice():
    inputs = keras.Input((6, 6, 2))
    square = Formula(formula(("math.negative", {}), ("math.square", {})), name="square")
    return keras.Model(inputs, square(models.conv(2, "conv")(square(inputs))), name="twice")


def in_a_sequential():
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            Formula(formula(("math.square", {})), name="square"),
            models.conv(3, "conv"),
            keras.layers.BatchNormalization(name="norm"),
        ],
        name="inner",
    )
    inputs = keras.Input((8, 8, 3))
    hidden = models.backbone(size=None)(inner(inputs))
    return keras.Model(inputs, [hidden, inner(inner(inputs))], name="around")


def hard_sigmoids():
    old = hard_sigmoid_of_keras_2
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(3, 3, activation=old, name="conv")(inputs)
    hidden = keras.layers.Activation(old, name="activation")(hidden)
    hidden = keras.layers.Reshape((6, 18), name="rows")(hidden)
    recurrent = keras.layers.LSTM(4, recurrent_activation=old, return_sequences=True)
    hidden = keras.layers.Bidirectional(recurrent, name="both")(hidden)
    return keras.Model(inputs, keras.layers.GRU(2, recurrent_activation=old)(hidden), name="hard")


MAKERS = {
    **{name: make for name, make in models.KINDS.items() if name not in NOT_PLAIN},
    **{make.__name__: make for make in (affine, formulas, called_twice, in_a_sequential)},
    "hard_sigmoids": hard_sigmoids,
}

ROUNDING = 3e-6
"""Two processes need not choose the same kernels for a convolution: on PyTorch with oneDNN and
without it the outputs of one of these networks differ by 7e-7, and once by 1.1e-6."""

PLAIN = """
import sys, warnings
from pathlib import Path
import keras
import numpy as np
warnings.simplefilter("ignore")
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path)
    given = np.load(path.with_suffix(".in.npz"))
    own = [given[f"{n}"] for n in range(len(given))]
    found = keras.tree.flatten(model.predict_on_batch(own))
    np.savez(path.with_suffix(".out.npz"), **{f"{n}": array for n, array in enumerate(found)})
assert not any(name.startswith("layersight") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Every model converted, and what plain Keras computes with it in one process."""
    folder = tmp_path_factory.mktemp("converted")
    wanted = {}
    sources = {name: models.randomise(make()) for name, make in MAKERS.items()}
    sources |= {name: Path(DATA) / "wild" / name for name in WILD}
    for number, (name, source) in enumerate(sources.items()):
        opened = layersight.load_model(source)
        path = folder / f"{number}.keras"
        conversion = layersight.convert(opened, path)
        draw = np.random.default_rng(number)
        given = {
            entry.name: draw.random([1, *(size or 32 for size in last(entry))], dtype="float32")
            for entry in opened.info.inputs
        }
        own = [
            np.moveaxis(given[entry.name], -1, 1)
            if entry.data_format == "channels_first" and given[entry.name].ndim > 2
            else given[entry.name]
            for entry in opened.info.inputs
        ]
        np.savez(path.with_suffix(".in.npz"), **{f"{n}": array for n, array in enumerate(own)})
        with warnings.catch_warnings():  # a list where a model took one tensor
            warnings.simplefilter("ignore")
            tensors = keras.tree.flatten(opened.model.predict_on_batch(own))
        wanted[name] = (path, conversion, tensors)
    subprocess.run([sys.executable, "-c", PLAIN, str(folder)], check=True)
    return wanted


def last(entry):
    """The sizes of an input, channels last."""
    sizes = list(entry.shape[1:])
    first = entry.data_format == "channels_first" and len(sizes) > 1
    return [*sizes[1:], sizes[0]] if first else sizes


@pytest.mark.parametrize("name", [*MAKERS, *WILD])
def test_plain_keras_computes_the_same(converted, name):
    path, _, wanted = converted[name]
    result = np.load(path.with_suffix(".out.npz"))
    assert len(result) == len(wanted)
    for number, values in enumerate(wanted):
        scale = max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(result[f"{number}"], values, rtol=0, atol=ROUNDING * scale)


@pytest.mark.parametrize("name", [*MAKERS, *WILD])
def test_the_file_names_classes_of_keras_alone(converted, name):
    with zipfile.ZipFile(converted[name][0]) as archive:
        text = archive.read("config.json").decode()
    assert "layersight" not in text
    modules = set(re.findall(r'"module": "([^"]*)"', text))
    assert all(module == "builtins" or module.startswith("keras") for module in modules)


def test_layers_keep_their_names(converted):
    path, conversion, _ = converted["affine"]
    again = keras.saving.load_model(path)
    assert isinstance(again.get_layer("scaled"), keras.layers.Rescaling)
    assert conversion.replaced == ("layer 'scaled' became Rescaling",)
    names = [layer.name for layer in keras.saving.load_model(converted["formulas"][0]).operations]
    assert {"subtract", "part", "sum", "small", "positive", "power", "turned"} <= set(names)


def test_initialisers_are_those_of_the_layers(converted):
    layer = keras.saving.load_model(converted["sequential"][0]).get_layer("conv")
    assert isinstance(layer.kernel_initializer, keras.initializers.GlorotUniform)
    if WILD:
        again = keras.saving.load_model(converted[WILD[0]][0])
        norms = [
            layer
            for layer in again._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        assert isinstance(norms[0].gamma_initializer, keras.initializers.Ones)


def test_the_model_is_left_as_it_is(tmp_path):
    model = models.randomise(formulas())
    before = json.dumps(layersight.load_model(model).info.layers, default=str)
    layersight.convert(model, tmp_path / "new.keras")
    assert json.dumps(layersight.load_model(model).info.layers, default=str) == before
    assert [path.name for path in tmp_path.iterdir()] == ["new.keras"]


@pytest.mark.parametrize("name", sorted(NOT_PLAIN))
def test_what_keras_alone_has_not_is_one_line(tmp_path, name):
    model = models.KINDS[name]()
    words = "no input shape yet|Keras does not have"
    with pytest.raises(ModelFileError, match=words) as error:
        layersight.convert(model, tmp_path / "new.keras")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_code_is_not_saved(tmp_path):
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2, name="double")(inputs))
    with pytest.raises(ModelFileError, match="layer 'double' is a Lambda layer, which holds"):
        layersight.convert(model, tmp_path / "new.keras")


def test_own_functions_are_not_saved(tmp_path):
    def doubled(x):
        return x * 2

    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Activation(doubled, name="own")], name="m"
    )
    with pytest.raises(ModelFileError, match="layer 'own' needs 'doubled'"):
        layersight.convert(model, tmp_path / "new.keras")
    assert not list(tmp_path.iterdir())


def test_names_that_cannot_be_written_to(tmp_path):
    model = models.sequential()
    with pytest.raises(UsageError, match="to write that ends in"):
        layersight.convert(model, tmp_path / "new.h5")
    path = tmp_path / "old.keras"
    model.save(path)
    before = path.read_bytes()
    (tmp_path / "link.keras").symlink_to(path)
    for name in ("old.keras", "link.keras"):
        with pytest.raises(UsageError, match="is the file that is converted"):
            layersight.convert(path, tmp_path / name)
        with pytest.raises(UsageError, match="is the file that is converted"):
            layersight.convert(layersight.load_model(path), tmp_path / name)
    assert path.read_bytes() == before
