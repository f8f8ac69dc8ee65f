"""Code in a file runs with ``trust`` and never without."""

from __future__ import annotations

import json
import logging

import h5py
import numpy as np
import pytest

import layersight
from layersight.errors import ModelFileError, UnsafeModelError

CALLED = "layersight_trust_test_ran"


@pytest.fixture(params=["lambda.keras", "lambda.h5", "first.h5"])
def with_code(request, tmp_path):
    """A model whose Lambda layer writes a file beside it; in ``first.h5`` as Keras 2 wrote it."""
    import keras

    keras.utils.clear_session()
    mark = str(tmp_path / CALLED)
    code = f"lambda x: (__import__('pathlib').Path({mark!r}).touch(), x * 2 + 1)[1]"
    function = eval(code, {"__builtins__": __builtins__})
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(2, 3, name="conv")(inputs)
    outputs = keras.layers.Lambda(function, output_shape=(6, 6, 2), name="own")(hidden)
    model = keras.Model(inputs, outputs, name="m")
    path = tmp_path / request.param
    model.save(path)
    if request.param == "first.h5":
        _as_keras_2(path)
    (tmp_path / CALLED).unlink(missing_ok=True)
    return path


def _as_keras_2(path):
    """Rewrites the Lambda layer as Keras 2 saved it: code, defaults and closure in a list."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "Lambda":
                inner = layer["config"]["function"]["config"]
                parts = [inner["code"], inner["defaults"], inner["closure"]]
                layer["config"] |= {"function": parts, "function_type": "lambda"}
        file.attrs["model_config"] = json.dumps(config)


def test_nothing_runs_without_trust(with_code):
    model = layersight.load_model(with_code)
    image = {model.info.inputs[0].name: np.ones((1, 8, 8, 3), "float32")}
    assert model.forward(image, ["conv"]).layers["conv"].shape == (1, 6, 6, 2)
    with pytest.raises(UnsafeModelError, match="layer 'own' is a Lambda layer"):
        model.forward(image, ["own"])
    with pytest.raises(ModelFileError, match="layer 'own'"):
        layersight.convert(model, with_code.parent / "new.keras")
    assert not (with_code.parent / CALLED).exists()


def test_trusted_code_runs_and_is_reported(with_code, caplog):
    with caplog.at_level(logging.WARNING, "layersight"):
        model = layersight.load_model(with_code, trust=True)
    assert f"running code from {with_code} because of --trust" in caplog.text
    assert "trust: the code of the Lambda layer 'own' was run" in model.info.rewrites
    image = {model.info.inputs[0].name: np.ones((1, 8, 8, 3), "float32")}
    result = model.forward(image, ["conv", "own"]).layers
    np.testing.assert_allclose(result["own"], result["conv"] * 2 + 1, rtol=1e-6)
    assert (with_code.parent / CALLED).exists()


def test_trust_without_code_is_not_reported(tmp_path, caplog):
    import keras

    path = tmp_path / "plain.keras"
    keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(1, 3)]).save(path)
    with caplog.at_level(logging.WARNING, "layersight"):
        layersight.load_model(path, trust=True)
    assert "running code" not in caplog.text


def test_trust_is_for_lambda_layers_alone(tmp_path):
    """Looking up a function in a module is refused, trusted or not."""
    import keras

    inputs = keras.Input((4, 4, 3))
    hidden = keras.layers.Conv2D(1, 3, name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Activation("relu", name="act")(hidden))
    path = tmp_path / "m.h5"
    model.save(path)
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"].replace('"activation": "relu"', '"activation": "system"')
        file.attrs["model_config"] = text
    for trust in (False, True):
        opened = layersight.load_model(path, trust=trust)
        assert opened.info.layers[-1].output_shape is None
