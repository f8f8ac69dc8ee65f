"""Files that ask for too much, reach out of themselves, or would run code."""

from __future__ import annotations

import json
import zipfile

import h5py
import numpy as np
import pytest

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading import load_model, read_network


def write(path, layers, weights=None, **attributes):
    entries = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(entries)
        file.attrs["keras_version"] = attributes.get("version", "2.4.0")
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = list(weights or {})
        for name, arrays in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = list(arrays)
            for key, array in arrays.items():
                inner.create_dataset(key, data=array)
    return path


def entry(size=4):
    return {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, size]}}


def dense(**settings):
    return {"class_name": "Dense", "config": {"name": "d", "units": 2, **settings}}


WEIGHTS = {"d": {"d/kernel:0": np.ones((4, 2), "float32"), "d/bias:0": np.ones(2, "float32")}}


def test_the_plain_file_opens(tmp_path):
    model = load_model(write(tmp_path / "m", [entry(), dense()], WEIGHTS))
    found = model.forward({"i": np.ones((1, 4), "float32")}, ["d"])
    np.testing.assert_allclose(found.layers["d"], [[5, 5]])


def test_more_units_than_the_file_holds(tmp_path):
    path = write(tmp_path / "m", [entry(), dense(units=10**9)], WEIGHTS)
    with pytest.raises(UnsafeModelError, match="more weights than the file holds"):
        load_model(path)


def test_an_input_of_absurd_size(tmp_path):
    path = write(tmp_path / "m", [entry(10**10), dense()], WEIGHTS)
    with pytest.raises(UnsafeModelError, match="output of shape"):
        load_model(path)


def test_an_unknown_setting_is_an_error(tmp_path):
    path = write(tmp_path / "m", [entry(), dense(scaling=3)], WEIGHTS)
    with pytest.raises(ModelFileError, match=r"layer 'd'.*'scaling' = 3"):
        load_model(path)


def test_a_shape_that_does_not_fit_names_the_layer(tmp_path):
    weights = {"d": {**WEIGHTS["d"], "d/kernel:0": np.ones((3, 2), "float32")}}
    with pytest.raises(ModelFileError, match=r"layer 'd' expects 'kernel' of shape \(4, 2\)"):
        load_model(write(tmp_path / "m", [entry(), dense()], weights))


def test_weights_in_the_wrong_places_are_not_taken(tmp_path):
    arrays = {f"d/{key}:0": np.ones(2, "float32") for key in ("beta", "gamma")}
    arrays |= {f"d/running_{key}:0": np.ones(2, "float32") for key in ("mean", "std")}
    layers = [entry(2), {"class_name": "BatchNormalization", "config": {"name": "d"}}]
    with pytest.raises(ModelFileError, match="expects 'gamma'"):
        load_model(write(tmp_path / "m", layers, {"d": arrays}))


@pytest.mark.parametrize("kind", ["Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "Mine"])
def test_layers_that_would_run_code(tmp_path, kind):
    path = write(tmp_path / "m", [entry(), {"class_name": kind, "config": {"name": "bad"}}])
    model = load_model(path)
    (found,) = model.info.layers
    assert (found.type, found.output_shape) == (kind, None)
    with pytest.raises(UnsafeModelError, match="layer 'bad'"):
        model.forward({"i": np.ones((1, 4), "float32")}, ["bad"])


def test_a_layer_that_would_run_code_after_those_asked_for(tmp_path):
    layers = [entry(), dense(), {"class_name": "Lambda", "config": {"name": "bad"}}]
    model = load_model(write(tmp_path / "m", layers, WEIGHTS))
    inputs = {"i": np.ones((1, 4), "float32")}
    found = model.forward(inputs, ["d"], outputs=True)
    assert "'bad'" in (found.missing or "")
    assert [layer.type for layer in model.info.layers] == ["Dense", "Lambda"]
    assert model.info.layers[1].output_shape is None
    with pytest.raises(UnsafeModelError, match="'bad' is a Lambda"):
        model.forward(inputs, ["bad"])


def test_a_vocabulary_in_a_file(tmp_path):
    bad = {"class_name": "StringLookup", "config": {"name": "l", "vocabulary": "/etc/passwd"}}
    with pytest.raises(UnsafeModelError, match="reads its vocabulary"):
        load_model(write(tmp_path / "m", [entry(), bad]))


def test_a_link_to_another_file(tmp_path):
    path = write(tmp_path / "m", [entry(), dense()], WEIGHTS)
    with h5py.File(path, "a") as file:
        del file["model_weights/d/d/bias:0"]
        file["model_weights/d/d/bias:0"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(UnsafeModelError, match="is a link"):
        read_network(path)


def test_a_dataset_far_larger_than_its_file(tmp_path):
    path = write(tmp_path / "m", [entry(), dense()], WEIGHTS)
    with h5py.File(path, "a") as file:
        del file["model_weights/d/d/bias:0"]
        file.create_dataset("model_weights/d/d/bias:0", (10**11,), "float32", chunks=(1024,))
    with pytest.raises(UnsafeModelError, match="more than a file of its size can list"):
        read_network(path)


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return path


def test_two_members_of_one_name(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = archive(tmp_path / "m", [("config.json", "{}"), ("config.json", "{}")])
    with pytest.raises(UnsafeModelError, match="two members"):
        read_network(path)


def test_an_archive_that_unfolds_to_far_too_much(tmp_path):
    path = archive(tmp_path / "m", [("config.json", "{}"), ("big", b"\0" * (200 << 20))])
    with pytest.raises(UnsafeModelError, match="unfolds to"):
        read_network(path)


def test_weights_with_their_architecture_beside(tmp_path):
    path = write(tmp_path / "m", [entry(), dense()], WEIGHTS)
    with h5py.File(path, "r") as file:
        (tmp_path / "config.json").write_text(file.attrs["model_config"])
        with h5py.File(tmp_path / "weights.h5", "w") as alone:
            for name in file["model_weights"]:
                file["model_weights"].copy(name, alone)
            alone.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
    with pytest.raises(ModelFileError, match="--architecture"):
        load_model(tmp_path / "weights.h5")
    model = load_model(tmp_path / "weights.h5", architecture=tmp_path / "config.json")
    found = model.forward({"i": np.ones((1, 4), "float32")}, ["d"])
    np.testing.assert_allclose(found.layers["d"], [[5, 5]])
