"""Files that ask for too much, refer to other files, or would run code."""

from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pytest

import legacy
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading import load_model, read_network
from legacy import entry, layer


def write(path, layers, weights=None):
    return legacy.write(path, legacy.sequential(*layers), weights, backend=None)


def dense(**settings):
    return layer("Dense", "d", **{"units": 2, **settings})


WEIGHTS = {"d": {"d/kernel:0": np.ones((4, 2), "float32"), "d/bias:0": np.ones(2, "float32")}}


def test_the_plain_file_opens(tmp_path):
    model = load_model(write(tmp_path / "m", [entry(4), dense()], WEIGHTS))
    result = model.forward({"i": np.ones((1, 4), "float32")}, ["d"])
    np.testing.assert_allclose(result.layers["d"], [[5, 5]])


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        ([entry(4), dense(units=10**9)], UnsafeModelError, "more weights than the file holds"),
        ([entry(10**10), dense()], UnsafeModelError, "output of shape"),
        ([entry(4), dense(scaling=3)], ModelFileError, r"layer 'd'.*'scaling' = 3"),
        ([entry(3), dense()], ModelFileError, r"layer 'd' expects 'kernel' of shape \(3, 2\)"),
        (
            [entry(4), layer("StringLookup", "l", vocabulary="/etc/passwd")],
            UnsafeModelError,
            "reads its vocabulary",
        ),
    ],
)
def test_the_layer_that_does_not_fit_or_is_too_large_is_named(tmp_path, layers, error, words):
    with pytest.raises(error, match=words):
        load_model(write(tmp_path / "m", layers, WEIGHTS))


def test_weights_in_the_wrong_order_are_refused(tmp_path):
    arrays = {f"d/{key}:0": np.ones(2, "float32") for key in ("beta", "gamma")}
    arrays |= {f"d/running_{key}:0": np.ones(2, "float32") for key in ("mean", "std")}
    layers = [entry(2), layer("BatchNormalization", "d")]
    with pytest.raises(ModelFileError, match="expects 'gamma'"):
        load_model(write(tmp_path / "m", layers, {"d": arrays}))


@pytest.mark.parametrize("kind", ["Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "Mine"])
def test_layers_that_would_run_code(tmp_path, kind):
    path = write(tmp_path / "m", [entry(4), layer(kind, "bad")])
    model = load_model(path)
    (result,) = model.info.layers
    assert (result.type, result.output_shape) == (kind, None)
    with pytest.raises(UnsafeModelError, match="layer 'bad'"):
        model.forward({"i": np.ones((1, 4), "float32")}, ["bad"])


def test_a_layer_that_would_run_code_after_those_requested(tmp_path):
    layers = [entry(4), dense(), layer("Lambda", "bad")]
    model = load_model(write(tmp_path / "m", layers, WEIGHTS))
    inputs = {"i": np.ones((1, 4), "float32")}
    result = model.forward(inputs, ["d"], outputs=True)
    assert "'bad'" in (result.missing or "")
    assert [layer.type for layer in model.info.layers] == ["Dense", "Lambda"]
    assert model.info.layers[1].output_shape is None
    with pytest.raises(UnsafeModelError, match="'bad' is a Lambda"):
        model.forward(inputs, ["bad"])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda file, name: file.__setitem__(name, h5py.ExternalLink("/x", "/x")), "is a link"),
        (
            lambda file, name: file.create_dataset(name, (10**11,), "float32", chunks=(1024,)),
            "more than a file of its size can list",
        ),
    ],
)
def test_linked_weights_and_weights_larger_than_their_file(tmp_path, edit, words):
    path = write(tmp_path / "m", [entry(4), dense()], WEIGHTS)
    with h5py.File(path, "a") as file:
        del file["model_weights/d/d/bias:0"]
        edit(file, "model_weights/d/d/bias:0")
    with pytest.raises(UnsafeModelError, match=words):
        read_network(path)


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in members:
            writer.writestr(name, content)
    return path


def test_two_members_of_the_same_name(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = archive(tmp_path / "m", [("config.json", "{}"), ("config.json", "{}")])
    with pytest.raises(UnsafeModelError, match="two members"):
        read_network(path)


def test_an_archive_that_unpacks_to_far_too_much(tmp_path):
    path = archive(tmp_path / "m", [("config.json", "{}"), ("big", b"\0" * (200 << 20))])
    with pytest.raises(UnsafeModelError, match="unpacks to"):
        read_network(path)


def test_weights_with_their_architecture_beside(tmp_path):
    path = write(tmp_path / "m", [entry(4), dense()], WEIGHTS)
    with h5py.File(path, "r") as file:
        (tmp_path / "config.json").write_text(file.attrs["model_config"])
        with h5py.File(tmp_path / "weights.h5", "w") as alone:
            for name in file["model_weights"]:
                file["model_weights"].copy(name, alone)
            alone.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
    with pytest.raises(ModelFileError, match="--architecture"):
        load_model(tmp_path / "weights.h5")
    model = load_model(tmp_path / "weights.h5", architecture=tmp_path / "config.json")
    result = model.forward({"i": np.ones((1, 4), "float32")}, ["d"])
    np.testing.assert_allclose(result.layers["d"], [[5, 5]])
