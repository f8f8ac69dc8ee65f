"""Models as people published them: open on every backend, with the maps of all layers."""

import csv
import io
import os
import warnings
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from gradients import as_array

from layersight.errors import LayersightError, UnsafeModelError
from layersight.loading import load_model

FOLDER = Path(os.environ.get("LAYERSIGHT_DATA", "")) / "wild"
LISTED = FOLDER / "manifest.tsv"
ROWS = (
    list(csv.DictReader(LISTED.read_text().splitlines(), delimiter="\t"))
    if os.environ.get("LAYERSIGHT_DATA") and LISTED.is_file()
    else []
)
BY_KERAS = [row["file"] for row in ROWS if row["loads_in_keras3"] == "y"]


def files(*expected):
    return [row["file"] for row in ROWS if row["expect"] in expected]


def inputs_of(info, seed=0):
    generator = np.random.default_rng(seed)
    result = {}
    for entry in info.inputs:
        shape = list(entry.shape)
        if entry.data_format == "channels_first" and len(shape) > 2:
            shape = [shape[0], *shape[2:], shape[1]]
        sizes = [1, *(size or 64 for size in shape[1:])]
        result[entry.name] = generator.random(sizes, dtype="float32")
    return result


@pytest.mark.parametrize("name", files("opens"))
def test_complete_models_give_the_maps_of_all_layers(data, name):
    """The outputs are those of plain Keras where it opens the file."""
    model = load_model(data / "wild" / name)
    names = [layer.name for layer in model.info.layers]
    given = inputs_of(model.info)
    result = model.forward(given, names, outputs=True)
    assert result.missing is None
    assert set(result.layers) == set(names)
    assert all(np.isfinite(values).all() for values in result.layers.values())
    for layer in model.info.layers:
        assert result.layers[layer.name].ndim == len(layer.output_shape)
    assert result.outputs
    if name in BY_KERAS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            live = keras.saving.load_model(data / "wild" / name, compile=False)
        wanted = keras.tree.flatten(live(list(given.values()), training=False))
        for values, tensor in zip(result.outputs.values(), wanted, strict=True):
            np.testing.assert_allclose(values, as_array(tensor), rtol=1e-5, atol=1e-5)


@pytest.mark.one_backend
@pytest.mark.parametrize("name", files("refuses", "either"))
def test_the_others_end_in_one_line_or_show_what_they_can(data, name):
    try:
        model = load_model(data / "wild" / name)
    except LayersightError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert name in str(error)  # noqa: PT017
        return
    seen = [layer for layer in model.info.layers if layer.output_shape is not None]
    hidden = [layer for layer in model.info.layers if layer.output_shape is None]
    result = model.forward(inputs_of(model.info), [layer.name for layer in seen], outputs=True)
    assert (result.missing is None) == (not hidden)
    if hidden:
        assert "layer '" in result.missing
        with pytest.raises(UnsafeModelError, match="layer '"):
            model.forward(inputs_of(model.info), [hidden[0].name])


def held(path):
    """The values of every array in a file, whatever their order."""
    result = set()

    def visit(_, item):
        if isinstance(item, h5py.Dataset):
            result.add(np.sort(np.ravel(item[()]).astype("float32")).tobytes())

    source = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(source, "r") as file:
        file.visititems(visit)
    return result


@pytest.mark.one_backend
@pytest.mark.parametrize("name", files("opens"))
def test_every_weight_is_one_of_the_file(data, name):
    model = load_model(data / "wild" / name)
    known = held(data / "wild" / name)
    for variable in model.model.weights:
        values = np.ravel(as_array(variable.value)).astype("float32")
        assert np.sort(values).tobytes() in known, variable.path


@pytest.mark.one_backend
def test_kernels_of_theano_are_rotated(data):
    name = next(row["file"] for row in ROWS if "81.45" in row["file"])
    model = load_model(data / "wild" / name)
    assert any("rotated by 180" in entry for entry in model.info.rewrites)


@pytest.mark.one_backend
def test_a_file_of_keras_1_that_names_no_backend_says_what_was_taken(data):
    """The same network, saved again, has its kernels turned: Theano had trained it."""
    old, new = (
        load_model(data / "wild" / name) for name in files("opens") if "char_judgement1" in name
    )
    kernels = [as_array(model.model.layers[0].kernel.value) for model in (old, new)]
    np.testing.assert_array_equal(kernels[0], kernels[1][::-1, ::-1])
    assert any("unknown-backend" in entry for entry in old.info.rewrites)
    assert not any("unknown-backend" in entry for entry in new.info.rewrites)
