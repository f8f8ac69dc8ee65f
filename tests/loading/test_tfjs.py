"""Layers models of TensorFlow.js, written as TensorFlow.js and Teachable Machine export them."""

from __future__ import annotations

import hashlib
import json
import os
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import legacy
from layersight.errors import LayersightError, ModelFileError, UnsafeModelError
from layersight.loading import load_model, read_network

SHAPES = {
    "head/kernel": (4, 2),
    "head/bias": (2,),
    "Conv1/kernel": (3, 3, 3, 4),
    "bn_Conv1/gamma": (4,),
    "bn_Conv1/beta": (4,),
    "depth/depthwise_kernel": (3, 3, 4, 1),
    "bn_Conv1/moving_mean": (4,),
    "bn_Conv1/moving_variance": (4,),
}
"""In the order of Teachable Machine, which puts trained layers first."""


def topology():
    """A backbone in a Sequential in a Sequential, and a head in another one."""
    start = {"batch_input_shape": [None, 6, 6, 3], "dtype": "float32", "sparse": False}
    conv = {"kernel_size": [3, 3], "padding": "same", "use_bias": False, "activation": "linear"}
    zeros = {"class_name": "Zeros", "config": {}}
    layers = [
        legacy.node("InputLayer", "input_1", **start),
        legacy.node("Conv2D", "Conv1", "input_1", filters=4, kernel_initializer=zeros, **conv),
        legacy.node("BatchNormalization", "bn_Conv1", "Conv1", axis=-1, epsilon=1e-3),
        legacy.node("ReLU", "relu6", "bn_Conv1", max_value=6),
        legacy.node("DepthwiseConv2D", "depth", "relu6", depth_multiplier=1, **conv),
        legacy.node("Add", "both", "relu6", "depth"),
    ]
    graph = {"name": "model1", "layers": layers, "input_layers": [["input_1", 0, 0]]}
    graph["output_layers"] = [["both", 0, 0]]
    pool = legacy.layer("GlobalAveragePooling2D", "gap")
    body = legacy.sequential({"class_name": "Model", "config": graph}, pool)
    body["config"]["name"] = "sequential_1"
    dense = {"units": 2, "activation": "softmax", "use_bias": True, "batch_input_shape": [None, 4]}
    head = legacy.sequential(legacy.layer("Dense", "head", **dense))
    head["config"]["name"] = "sequential_3"
    outer = legacy.sequential(body, head)
    return {**outer, "keras_version": "tfjs-layers 1.3.1", "backend": "tensor_flow.js"}


def values(seed=0):
    draw = np.random.default_rng(seed)
    return {name: np.abs(draw.normal(size=s)).astype("float32") for name, s in SHAPES.items()}


def write(folder, arrays, config=None, *, shards=2, pack=None, wrapped=False, **more):
    """Writes a model, with its numbers quantised to the type ``pack``."""
    folder.mkdir(exist_ok=True)
    entries, data = [], b""
    for name, array in arrays.items():
        entry = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        weights = array.astype("<f4")
        if pack == "float16":
            entry["quantization"] = {"dtype": pack, "original_dtype": "float32"}
            weights = array.astype("<f2")
        elif pack:
            least, step = float(array.min()), float(np.ptp(array) or 1) / np.iinfo(pack).max
            entry["quantization"] = {"dtype": pack, "scale": step, "min": least}
            weights = np.round((array - least) / step).astype(f"<{np.dtype(pack).str[1:]}")
        entries.append(entry)
        data += weights.tobytes()
    names = [f"group1-shard{n + 1}of{shards}.bin" for n in range(shards)]
    cut = [len(data) * n // shards for n in range(shards + 1)]
    for name, first, last in zip(names, cut, cut[1:], strict=False):
        (folder / name).write_bytes(data[first:last])
    config = config or topology()
    if wrapped:
        origin = {key: config.pop(key) for key in ("keras_version", "backend")}
        config = {**origin, "keras_version": "2.4.0", "model_config": config}
    document = {"format": "layers-model", "modelTopology": config} | more
    document |= {"weightsManifest": [{"paths": names, "weights": entries}]}
    (folder / "model.json").write_text(json.dumps(document))
    return folder


def expected(image, weights):
    """The outputs of the network, computed in NumPy."""

    def convolve(maps, kernel, filters):
        padded = np.pad(maps, [(1, 1), (1, 1), (0, 0)])
        output = np.zeros((*maps.shape[:2], filters))
        for row, column in np.ndindex(*maps.shape[:2]):
            part = padded[row : row + 3, column : column + 3]
            for f in range(filters):
                if kernel.shape[-1] == filters:
                    output[row, column, f] = (part * kernel[..., f]).sum()
                else:
                    output[row, column, f] = (part[..., f] * kernel[..., f, 0]).sum()
        return output

    maps = convolve(image, weights["Conv1/kernel"], 4)
    norm = {key: weights[f"bn_Conv1/{key}"] for key in ("gamma", "beta")}
    mean, variance = weights["bn_Conv1/moving_mean"], weights["bn_Conv1/moving_variance"]
    maps = (maps - mean) / np.sqrt(variance + 1e-3) * norm["gamma"] + norm["beta"]
    maps = np.clip(maps, 0, 6)
    both = maps + convolve(maps, weights["depth/depthwise_kernel"], 4)
    scores = both.mean(axis=(0, 1)) @ weights["head/kernel"] + weights["head/bias"]
    return both, np.exp(scores) / np.exp(scores).sum()


@pytest.mark.parametrize("pack", [None, "float16", "uint8", "uint16"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_network_as_teachable_machine_exports_it(tmp_path, pack, wrapped):
    weights = values()
    write(tmp_path / "tm", weights, pack=pack, wrapped=wrapped)
    labels = {"labels": ["cat ", "dog"], "packageName": "@teachablemachine/image"}
    (tmp_path / "tm" / "metadata.json").write_text(json.dumps(labels))
    model = load_model(tmp_path / "tm")
    assert model.info.labels == ("cat", "dog")
    assert model.info.source == str(tmp_path / "tm" / "model.json")
    image = np.random.default_rng(1).random((1, 6, 6, 3)).astype("float32")
    name = model.info.inputs[0].name
    layer_name = next(entry.name for entry in model.info.layers if entry.name.endswith("both"))
    result = model.forward({name: image}, [layer_name], outputs=True)
    both, scores = expected(image[0], weights)
    near = {None: 1e-5, "float16": 0.01, "uint8": 0.05, "uint16": 0.001}[pack]
    np.testing.assert_allclose(result.layers[layer_name][0], both, rtol=near, atol=near)
    (given,) = result.outputs.values()
    np.testing.assert_allclose(given[0], scores, rtol=near, atol=near)


def test_the_path_of_the_file(tmp_path):
    folder = write(tmp_path / "tm", values())
    model = load_model(folder / "model.json")
    assert model.info.labels is None
    parts = sorted(folder.iterdir(), key=lambda part: part.name != "model.json")
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    assert model.info.digest == f"sha256:{digest}"
    model.save(tmp_path / "new.keras")
    assert len(load_model(tmp_path / "new.keras").info.layers) == len(model.info.layers)


def test_labels_of_the_user_come_first(tmp_path):
    folder = write(tmp_path / "tm", values())
    (folder / "metadata.json").write_text('{"wordLabels": ["a", "b"]}')
    assert load_model(folder).info.labels == ("a", "b")
    assert load_model(folder, labels=("c", "d")).info.labels == ("c", "d")
    for wrong in ("no JSON", "[]", '{"labels": 3}', '{"labels": [{}]}'):
        (folder / "metadata.json").write_text(wrong)
        assert load_model(folder).info.labels is None


def test_a_bidirectional_layer_keeps_its_halves_apart(tmp_path):
    inner = legacy.layer("GRU", "gru", units=2, activation="tanh", return_sequences=False,
                         recurrent_activation="hard_sigmoid", reset_after=False)  # fmt: skip
    both = {"layer": inner, "merge_mode": "concat", "batch_input_shape": [None, 5, 3]}
    config = legacy.sequential(legacy.layer("Bidirectional", "both", **both))
    config |= {"keras_version": "tfjs-layers 4.0.0", "backend": "tensor_flow.js"}
    draw = np.random.default_rng(0)
    sizes = {"kernel": (3, 6), "recurrent_kernel": (2, 6), "bias": (6,)}
    arrays = {
        f"{half}_gru/{name}": draw.normal(size=size).astype("float32")
        for half in ("forward", "backward")
        for name, size in sizes.items()
    }
    model = load_model(write(tmp_path / "js", arrays, config))
    values = draw.random((1, 5, 3)).astype("float32")
    result = model.forward({model.info.inputs[0].name: values}, ["both"]).layers["both"]

    def gate(x):
        return np.clip(0.2 * x + 0.5, 0, 1)

    for half, rows, part in (
        ("forward", values[0], slice(2)),
        ("backward", values[0][::-1], slice(2, 4)),
    ):
        kernel, recurrent, bias = (arrays[f"{half}_gru/{name}"] for name in sizes)
        state = np.zeros(2)
        for row in rows:
            given = row @ kernel + bias
            update = gate(given[:2] + state @ recurrent[:, :2])
            reset = gate(given[2:4] + state @ recurrent[:, 2:4])
            new = np.tanh(given[4:] + (reset * state) @ recurrent[:, 4:])
            state = update * state + (1 - update) * new
        np.testing.assert_allclose(result[0, part], state, rtol=1e-4, atol=1e-5)


def changed(folder, change):
    path = folder / "model.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return folder


ELSEWHERE = ["../secret.bin", "/etc/passwd", "a/b.bin", "..", "http://x/y.bin", "a\\b", "a\0b"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_file_of_weights_elsewhere_is_not_read(tmp_path, name):
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    folder = write(tmp_path / "js", values())

    def point(document):
        document["weightsManifest"][0]["paths"][0] = name

    with pytest.raises(UnsafeModelError, match="names a file of weights elsewhere"):
        load_model(changed(folder, point))


def test_a_file_of_weights_with_an_impossible_name(tmp_path):
    folder = write(tmp_path / "js", values())

    def point(document):
        document["weightsManifest"][0]["paths"][0] = "\u00e9" * 200

    with pytest.raises(ModelFileError, match=r"the file of weights .* is missing"):
        load_model(changed(folder, point))


def test_a_link_is_not_followed(tmp_path):
    folder = write(tmp_path / "js", values(), shards=1)
    part = folder / "group1-shard1of1.bin"
    part.rename(tmp_path / "elsewhere.bin")
    part.symlink_to(tmp_path / "elsewhere.bin")
    with pytest.raises(UnsafeModelError, match="is a link to another place"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.json", "metadata.json"])
def test_documents_may_not_be_links(tmp_path, name):
    folder = write(tmp_path / "js", values())
    (folder / "metadata.json").write_text('{"labels": ["a", "b"]}')
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    if name == "metadata.json":
        assert load_model(folder).info.labels is None
        return
    with pytest.raises(ModelFileError, match="is a folder"):
        load_model(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="makes a named pipe")
def test_a_pipe_is_not_waited_for(tmp_path):
    folder = write(tmp_path / "js", values(), shards=1)
    (folder / "group1-shard1of1.bin").unlink()
    os.mkfifo(folder / "group1-shard1of1.bin")
    with pytest.raises(ModelFileError, match="is missing"):
        load_model(folder)


def set_weight(key, value):
    def change(document):
        document["weightsManifest"][0]["weights"][0][key] = value

    return change


DAMAGE = {
    "shape": (set_weight("shape", [4, 3]), "expected 696 bytes in .*, found 680"),
    "no shape": (set_weight("shape", None), "has no shape"),
    "negative": (set_weight("shape", [-4, 2]), "has no shape"),
    "a flag": (set_weight("shape", [True, 8]), "has no shape"),
    "huge": (set_weight("shape", [2**30] * 8), r"expected \d+ bytes"),
    "too many": (set_weight("shape", [2] * 9), "is of the type"),
    "text": (set_weight("dtype", "string"), "is of the type 'string'"),
    "no name": (set_weight("name", 3), "a weight without a name"),
    "twice": (set_weight("name", "head/bias"), "'head/bias' twice"),
    "another": (set_weight("name", "other/kernel"), "weights"),
    "packed": (set_weight("quantization", {"dtype": "int4"}), "is packed as 'int4'"),
    "step": (set_weight("quantization", {"dtype": "uint8", "scale": 10**400, "min": 0}), "a scale"),
    "no manifest": (lambda d: d.pop("weightsManifest"), "names no weights"),
    "groups": (lambda d: d.update(weightsManifest=[3]), "names no weights"),
    "no paths": (lambda d: d["weightsManifest"][0].pop("paths"), "without a list of paths"),
    "no network": (lambda d: d.update(modelTopology={}), "describes no network"),
    "a graph": (lambda d: d.update(format="graph-model"), "a graph model of TensorFlow.js"),
    "missing": (lambda d: d["weightsManifest"][0]["paths"].append("b.bin"), r"b\.bin is missing"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line(tmp_path, kind):
    change, words = DAMAGE[kind]
    folder = changed(write(tmp_path / "js", values()), change)
    with pytest.raises(LayersightError, match=words) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert "model.json" in str(caught.value)


def test_code_in_a_configuration_is_not_run(tmp_path):
    code = legacy.layer("Lambda", "odd", function=["4wEAAAA=", None, None], function_type="lambda")
    config = topology()
    config["config"]["layers"].insert(1, code)
    model = load_model(write(tmp_path / "js", values(), config))
    assert model.info.layers[-1].output_shape is None


def test_a_whole_model_is_refused_as_weights(tmp_path):
    folder = write(tmp_path / "js", values())
    with pytest.raises(ModelFileError, match="open it without --architecture"):
        load_model(folder / "model.json", architecture="VGG16")


TEXT = json.dumps({"modelTopology": topology(), "weightsManifest": [
    {"paths": ["a.bin"], "weights": [
        {"name": "head/kernel", "shape": [4, 2], "dtype": "float32"}]}]})  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(TEXT) - 1), st.sampled_from(["", "[", "0", '"', "null", "-1", "{}"]))
def test_a_damaged_document_is_one_error(tmp_path, position, piece):
    (tmp_path / "a.bin").write_bytes(bytes(32))
    (tmp_path / "model.json").write_text(TEXT[:position] + piece + TEXT[position + 1 :])
    try:
        network = read_network(tmp_path / "model.json")
    except LayersightError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert network.size == 8
