"""Weights of every kind with the network that they belong to."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import convlens
from convlens.errors import ModelFileError, UnsafeModelError


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A model, its configuration, and its weights in every form."""
    import keras

    folder = tmp_path_factory.mktemp("alone")
    inner = keras.Sequential(
        [keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3, name="inside")], name="inner"
    )
    inputs = keras.Input((8, 8, 3), name="picture")
    hidden = inner(keras.layers.Conv2D(2, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="norm")(hidden), name="m")
    draw = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(draw.random(tuple(variable.shape)).astype("float32"))
    model.save_weights(folder / "new.weights.h5")
    model.save(folder / "whole.keras")
    model.save(folder / "whole.h5")
    with h5py.File(folder / "whole.h5") as old, h5py.File(folder / "old.h5", "w") as new:
        for key, value in old["model_weights"].attrs.items():
            new.attrs[key] = value
        for name in old["model_weights"]:
            old.copy(f"model_weights/{name}", new, name=name)
    (folder / "model.json").write_text(model.to_json())
    return model, folder


@pytest.mark.parametrize("name", ["new.weights.h5", "old.h5", "whole.h5", "whole.keras"])
def test_weights_with_a_configuration(network, name):
    model, folder = network
    opened = convlens.load_model(folder / name, architecture=folder / "model.json")
    for own, wanted in zip(opened.model.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(own.numpy()), np.asarray(wanted.numpy()))


@pytest.mark.parametrize("name", ["new.weights.h5", "old.h5"])
def test_weights_alone_say_what_they_are(network, name):
    with pytest.raises(ModelFileError, match=r"holds weights without the network .*--architecture"):
        convlens.load_model(network[1] / name)


def test_weights_of_another_network(network, tmp_path):
    import keras

    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(9, 3, name="conv")])
    (tmp_path / "other.json").write_text(other.to_json())
    for name in ("new.weights.h5", "old.h5"):
        with pytest.raises(ModelFileError) as error:
            convlens.load_model(network[1] / name, architecture=tmp_path / "other.json")
        assert "\n" not in str(error.value)


def test_a_store_that_reaches_out_is_refused(network, tmp_path):
    path = tmp_path / "linked.weights.h5"
    path.write_bytes((network[1] / "new.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["layers/more"] = h5py.ExternalLink("other.h5", "/")
    for architecture in (network[1] / "model.json", "MobileNet"):
        with pytest.raises(UnsafeModelError, match="link out of its place"):
            convlens.load_model(path, architecture=architecture)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
@pytest.mark.parametrize("top", [True, False])
def test_an_architecture_by_name(tmp_path, name, top):
    import keras

    made = keras.applications.MobileNet(weights=None, include_top=top)
    made.save_weights(tmp_path / name) if name == "a.weights.h5" else made.save(tmp_path / name)
    opened = convlens.load_model(tmp_path / name, architecture="MobileNet")
    assert opened.info.preprocessing.name == "-1..1"
    np.testing.assert_array_equal(
        opened.model.get_layer("conv1").kernel.numpy(), made.get_layer("conv1").kernel.numpy()
    )
    assert (opened.info.layers[-1].name == "predictions") == top
