"""Quantised networks and LoRA as Keras saves them: the same outputs as plain Keras."""

import json
import warnings
import zipfile

import keras
import numpy as np
import pytest

import layersight
from layersight.errors import LayersightError

IMAGE = np.random.default_rng(0).random((2, 6, 6, 3)).astype("float32")


def network():
    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 3), name="picture"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Dense(5, activation="relu", name="mix"),
            layers.EinsumDense("bhwc,cd->bhwd", (4, 4, 4), bias_axes="d", name="einsum"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="top"),
        ]
    )


def add_lora(model):
    for name in ("mix", "einsum", "top"):
        layer = model.get_layer(name)
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.1))


def quantised(how):
    model = network()
    mode, _, more = how.partition(" ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a convolution cannot be quantised
        if mode != "lora":
            model.quantize(mode)
    if "lora" in (mode, more):
        add_lora(model)
    return model


@pytest.mark.parametrize("suffix", [".keras", pytest.param(".h5", marks=pytest.mark.one_backend)])
@pytest.mark.parametrize("how", ["int8", "int4", "float8", "lora", "int8 lora"])
def test_outputs_are_those_of_plain_keras(how, suffix, tmp_path):
    model = quantised(how)
    path = tmp_path / f"m{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that HDF5 is legacy
        model.save(path)
    opened = layersight.load_model(path)
    if (how, suffix) == ("int8 lora", ".keras"):  # Keras rounds the two together as it saves
        model = keras.saving.load_model(path)
    wanted = keras.ops.convert_to_numpy(model(IMAGE, training=False))
    result = opened.forward({"picture": IMAGE}, ["conv"], outputs=True)
    np.testing.assert_allclose(result.outputs["top"], wanted, rtol=0, atol=1e-6)
    assert result.layers["conv"].shape == (2, 4, 4, 4)
    assert opened.info.layers[-1].parameters == model.get_layer("top").count_params()
    assert [entry.name for entry in layersight.kernels(opened)] == ["conv"]


@pytest.mark.one_backend
def test_a_quantised_network_is_converted(tmp_path):
    model = quantised("int8")
    model.save(tmp_path / "m.keras")
    layersight.convert(layersight.load_model(tmp_path / "m.keras"), tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(again(IMAGE)),
        keras.ops.convert_to_numpy(model(IMAGE)),
        atol=1e-6,
    )
    assert again.get_layer("mix").quantization_mode == "int8"


@pytest.mark.one_backend
@pytest.mark.parametrize("rank", [10**9, 10**6])
def test_the_matrices_of_lora_are_counted_as_weights(rank, tmp_path):
    network().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as old:
        held = {name: old.read(name) for name in old.namelist()}
    config = json.loads(held["config.json"])
    config["config"]["layers"][-1]["config"].update(lora_rank=rank, lora_alpha=1)
    held["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
        for name, content in held.items():
            new.writestr(name, content)
    with pytest.raises(LayersightError, match=r"more weights than|lora_rank"):
        layersight.load_model(tmp_path / "m.keras")


@pytest.mark.one_backend
def test_policies_by_the_paths_of_layers(tmp_path):
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["top"] = keras.DTypePolicy("mixed_bfloat16")
    inputs = keras.Input((4,), name="numbers")
    model = keras.Model(inputs, keras.layers.Dense(3, name="top", dtype=policies)(inputs))
    model.save(tmp_path / "m.keras")
    opened = layersight.load_model(tmp_path / "m.keras").model.get_layer("top")
    plain = keras.saving.load_model(tmp_path / "m.keras").get_layer("top")
    assert opened.dtype_policy["top"].name == "mixed_bfloat16"
    assert opened.compute_dtype == plain.compute_dtype
