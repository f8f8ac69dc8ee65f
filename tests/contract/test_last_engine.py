"""What Keras 3 cannot build and the Keras 2 of tf_keras can, still without running code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import h5py
import legacy
import numpy as np
import pytest
import tf_keras

from convlens.errors import ConvlensError, ModelFileError, ModelInputError, SelectionError
from convlens.frameworks.tf_keras import from_saved
from convlens.limits import Limits
from convlens.loading import read_network


def save(model, path):
    """As Keras 2 saved it, which now warns of its own format."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.15.0"


def made():
    """A network with a nested model that is called twice, and a layer that Keras 3 refuses."""
    layers = tf_keras.layers
    inner_in = layers.Input((None, None, 3))
    hidden = layers.Conv2D(4, 3, activation="relu", padding="same", name="conv")(inner_in)
    hidden = layers.BatchNormalization(name="norm")(hidden)
    inner = tf_keras.Model(inner_in, layers.LeakyReLU(0.3, name="leaky")(hidden), name="inner")
    inputs = layers.Input((8, 6, 3), name="picture")
    wide = layers.Conv2D(3, 1, use_bias=False, name="wide")(inputs)
    both = layers.Concatenate(name="both")([inner(inputs), inner(wide)])
    rows = layers.Reshape((8, 48), name="rows")(both)
    last, *_ = layers.LSTM(5, time_major=True, return_sequences=True, return_state=True,
                           recurrent_activation="hard_sigmoid", name="lstm")(rows)  # fmt: skip
    turned = layers.Bidirectional(layers.GRU(2), name="turned")(last)
    model = tf_keras.Model(inputs, [turned, both], name="old")
    draw = np.random.default_rng(0)
    model.set_weights([np.abs(draw.normal(size=w.shape)) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = made()
    path = tmp_path_factory.mktemp("old") / "old.h5"
    save(model, path)
    image = np.random.default_rng(1).random((2, 8, 6, 3)).astype("float32")
    return model, path, image


def opened(path):
    return from_saved(read_network(path), lambda: "sha256:0", Limits())


def test_outputs_are_those_of_keras_2(saved):
    live, path, image = saved
    model = opened(path)
    assert [entry.name for entry in model.info.layers] == [
        "wide", "inner@0/conv", "inner@0/norm", "inner@0/leaky", "inner@1/conv", "inner@1/norm",
        "inner@1/leaky", "both", "rows", "lstm[0]", "lstm[1]", "lstm[2]", "turned",
    ]  # fmt: skip
    assert model.info.parameters == live.count_params()
    names = [entry.name for entry in model.info.layers]
    found = model.forward({"picture": image}, names, outputs=True)
    turned, both = live(image, training=False)
    np.testing.assert_allclose(found.outputs["turned"], turned, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.outputs["both"], both, rtol=1e-5, atol=1e-6)
    conv = live.get_layer("inner").get_layer("conv")
    np.testing.assert_allclose(found.layers["inner@0/conv"], conv(image), rtol=1e-5, atol=1e-6)
    for entry in model.info.layers:
        assert found.layers[entry.name].shape[1:] == entry.output_shape[1:]
    assert model.info.layers[1].receptive_field == (3, 3)
    assert model.info.layers[1].kernel == (3, 3)
    (first, _) = model.moving_statistics()
    norm = live.get_layer("inner").get_layer("norm")
    np.testing.assert_array_equal(first.mean, norm.moving_mean.numpy())


def test_it_is_said_and_cannot_be_converted(saved, tmp_path):
    model = opened(saved[1])
    assert model.info.framework.startswith("tf_keras 2")
    assert any(text.startswith("engine: ") for text in model.info.rewrites)
    with pytest.raises(ModelFileError, match="cannot be converted"):
        model.save(tmp_path / "new.keras")


def test_what_does_not_fit_is_one_line(saved):
    model = opened(saved[1])
    with pytest.raises(SelectionError, match="no layer 'wid'"):
        model.forward({"picture": saved[2]}, ["wid"])
    with pytest.raises(ModelInputError, match="expects"):
        model.forward({"picture": saved[2][:, :4]}, ["wide"])
    with pytest.raises(ModelInputError, match="was given nothing"):
        model.describe({})


def summary(path, backend):
    code = "import sys, convlens; print(*convlens.load_model(sys.argv[1]).info.rewrites)"
    env = {**os.environ, "KERAS_BACKEND": backend, "KERAS_HOME": str(path.parent)}
    if not backend:
        del env["KERAS_BACKEND"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("asked", ["", "tensorflow"])
def test_it_is_used_where_nothing_else_helps(saved, asked):
    assert "engine: Keras 3 cannot build" in summary(saved[1], asked)


def test_it_is_named_where_another_backend_was_asked_for(saved):
    said = summary(saved[1], "torch")
    assert "may open it: --backend tensorflow" in said
    assert "time_major" in said


CODE = {
    "Lambda": {"function": ["4wEAAAA=", None, None], "function_type": "lambda"},
    "TFSMLayer": {"filepath": "/etc"},
    "StringLookup": {"vocabulary": "/etc/passwd"},
    "DenseFeatures": {"feature_columns": []},
    "models.Model": {},
    "__class__": {},
}


@pytest.mark.parametrize("kind", CODE)
def test_no_class_beyond_its_plain_layers(tmp_path, kind):
    config = legacy.sequential(
        legacy.layer("Flatten", "flat", batch_input_shape=[None, 2, 2, 1]),
        legacy.layer(kind, "odd", **CODE[kind]),
    )
    path = legacy.write(tmp_path / "odd.h5", config, {})
    with pytest.raises(ConvlensError, match="'odd'"):
        opened(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": {"class_name": "Lambda", "config": {}}},
        {"activation": "deserialize"},
        {"activation": "os.system"},
        {"units": {"class_name": "function", "config": "system", "module": "os"}},
        {"wings": 2},
    ],
)
def test_no_object_among_the_settings(tmp_path, settings):
    dense = legacy.layer("Dense", "odd", batch_input_shape=[None, 2], units=3)
    dense["config"] |= settings
    path = legacy.write(tmp_path / "odd.h5", legacy.sequential(dense), {})
    with pytest.raises(ConvlensError, match="'odd'"):
        opened(path)


def test_models_that_double_what_is_in_them(tmp_path):
    def graph(name, inner):
        entry = legacy.layer("InputLayer", f"in_{name}", batch_input_shape=[None, 2])
        nodes = [[[f"in_{name}", 0, 0, {}]], [[inner["config"]["name"], 0, 0, {}]]]
        layers = [
            {**entry, "name": f"in_{name}", "inbound_nodes": []},
            {**inner, "name": inner["config"]["name"], "inbound_nodes": nodes},
        ]
        ends = {"input_layers": [[f"in_{name}", 0, 0]]}
        ends["output_layers"] = [[inner["config"]["name"], 1, 0]]
        return {"class_name": "Model", "config": {"name": name, "layers": layers, **ends}}

    network = legacy.layer("ReLU", "relu")
    for number in range(20):
        network = graph(f"model_{number}", network)
    path = legacy.write(tmp_path / "double.h5", network, {})
    with pytest.raises(ConvlensError, match="more than 10000 calls"):
        opened(path)


def test_no_more_weights_than_its_file_holds(tmp_path):
    dense = legacy.layer("Dense", "odd", batch_input_shape=[None, 20_000], units=20_000)
    path = legacy.write(tmp_path / "odd.h5", legacy.sequential(dense), {})
    with pytest.raises(ConvlensError, match="more weights than the file holds"):
        opened(path)


@pytest.mark.parametrize("shape", [(2, 4), (3,)])
def test_weights_that_do_not_fit(tmp_path, shape):
    dense = legacy.layer("Dense", "odd", batch_input_shape=[None, 2], units=3, use_bias=False)
    arrays = {"odd": {"odd/kernel:0": np.zeros(shape, "float32")}}
    path = legacy.write(tmp_path / "odd.h5", legacy.sequential(dense), arrays)
    with pytest.raises(ModelFileError, match="weights of layer 'odd' do not fit"):
        opened(path)


def test_weights_left_over(tmp_path):
    dense = legacy.layer("Dense", "top", batch_input_shape=[None, 2], units=3, use_bias=False)
    held = np.zeros((2, 3), "float32")
    arrays = {"top": {"top/kernel:0": held}, "odd": {"odd/kernel:0": held}}
    path = legacy.write(tmp_path / "odd.h5", legacy.sequential(dense), arrays)
    with pytest.raises(ModelFileError, match="weights for 'odd'"):
        opened(path)


def test_renormalised_layers_need_no_last_engine(tmp_path):
    """They compute as others do once they are trained."""
    from convlens.loading import load_model

    layer = tf_keras.layers.BatchNormalization(renorm=True, name="norm")
    live = tf_keras.Sequential([tf_keras.layers.Input((4, 4, 3)), layer])
    draw = np.random.default_rng(0)
    live.set_weights([np.abs(draw.normal(size=w.shape)) for w in live.get_weights()])
    save(live, tmp_path / "norm.h5")
    model = load_model(tmp_path / "norm.h5")
    image = draw.random((1, 4, 4, 3)).astype("float32")
    found = model.forward({model.info.inputs[0].name: image}, ["norm"]).layers["norm"]
    np.testing.assert_allclose(found, live(image, training=False), rtol=1e-5)
    assert json.dumps(model.info.rewrites).count("engine") == 0
