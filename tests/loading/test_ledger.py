"""The weights and outputs of a configuration are counted before they are created."""

from __future__ import annotations

import keras
import pytest

from layersight.data.saved import SavedNetwork
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.graph.sizes import ledger
from layersight.frameworks.keras.build import build
from layersight.frameworks.keras.lookup import BY_NAME, largest_number
from layersight.limits import Limits
from layersight.loading.rewrites import upgrade
from layersight.loading.rewrites.walking import tensor

BIG = 10**9


def layer(kind, name, *inputs, module="keras.layers", nodes=None, **settings):
    called = [{"args": [tensor(other, 0, 0) for other in inputs], "kwargs": {}}]
    return {
        "class_name": kind,
        "module": module,
        "config": {"name": name, **settings},
        "name": name,
        "inbound_nodes": (called if inputs else []) if nodes is None else nodes,
    }


def make(tmp_path, *layers, size=1000, memory=1 << 30, shape=(8, 8, 3)):
    """Builds a graph of layers behind an input; no file is read."""
    first = layer("InputLayer", "entry", batch_shape=[None, *shape], dtype="float32")
    config = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [first, *layers],
            "input_layers": [["entry", 0, 0]],
            "output_layers": [[layers[-1]["name"], 0, 0]],
        },
    }
    upgraded, _ = upgrade(config, "3.5.0")
    network = SavedNetwork(tmp_path / "m", "test", upgraded, None, "3.5.0", None, (), "", size)
    return build(network, Limits(memory))[0]


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "Dense", "units": BIG},
        {"kind": "Dense", "units": BIG, "dtype": "int8_from_float32"},
        {"kind": "Dense", "units": BIG, "dtype": "int4_from_float32"},
        {"kind": "Dense", "units": 10, "lora_rank": 10**6},
        {"kind": "Embedding", "input_dim": BIG, "output_dim": 64, "dtype": "int8_from_float32"},
        {"kind": "Embedding", "input_dim": 9, "output_dim": 9, "lora_rank": 10**6},
    ],
)
def test_all_weights_are_counted(tmp_path, bad):
    bad = dict(bad)
    with pytest.raises(UnsafeModelError, match=r"'bad' \(.* asks for more weights") as error:
        make(tmp_path, layer(bad.pop("kind"), "bad", "entry", **bad))
    assert str(error.value).count("\n") == 0
    assert " = 1000000" in str(error.value)


def test_weights_are_bounded_where_the_file_has_no_count(tmp_path):
    dense = layer("Dense", "bad", "entry", units=10**6)
    assert make(tmp_path, dense, size=None).count_params() == 4 * 10**6
    with pytest.raises(UnsafeModelError, match="max-memory"):
        make(tmp_path, dense, size=None, memory=10**6)


@pytest.mark.parametrize(
    ("name", "module_name", "arguments"),
    [
        ("Tile", "numpy", {"x": [1.0, 2.0], "repeats": BIG}),
        ("Pad", "numpy", {"x": [1.0], "pad_width": [[0, BIG]]}),
        ("Full", "numpy", {"shape": [BIG, BIG], "fill_value": 1}),
        ("Repeat", "numpy", {"x": [1.0], "repeats": BIG}),
        ("Linspace", "numpy", {"start": 0, "stop": 1, "num": BIG}),
        ("OneHot", "nn", {"x": [1], "num_classes": BIG}),
    ],
)
def test_an_operation_on_constants_is_not_run(tmp_path, name, module_name, arguments):
    cls = getattr(__import__(f"keras.src.ops.{module_name}", fromlist=["x"]), name)
    parameters = cls.call.__code__.co_varnames[: cls.call.__code__.co_argcount]
    settings = {key: value for key, value in arguments.items() if key not in parameters}
    given = {key: value for key, value in arguments.items() if key in parameters}
    bad = layer(
        name,
        "bad",
        module=f"keras.src.ops.{module_name}",
        nodes=[{"args": [], "kwargs": given}],
        **settings,
    )
    with pytest.raises(ModelFileError, match="'bad' is called on constants alone"):
        make(tmp_path, bad)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("Unstack", {"axis": 1}), ("Split", {"indices_or_sections": 10**6, "axis": 1})],
)
def test_a_tensor_in_millions_of_parts(tmp_path, name, settings):
    module_name = "core" if name == "Unstack" else "numpy"
    flat = layer("Reshape", "flat", "up", target_shape=[10**6, 1])
    up = layer("ZeroPadding2D", "up", "entry", padding=[[0, 992], [0, 992]])
    bad = layer(name, "bad", "flat", module=f"keras.src.ops.{module_name}", **settings)
    with pytest.raises(UnsafeModelError, match=r"'bad'.*comes to more than 50000 tensors"):
        make(tmp_path, up, flat, bad, shape=(8, 8, 1))


def test_the_outputs_of_a_call_are_counted_together(tmp_path):
    up = layer("UpSampling2D", "up", "entry", size=500)
    parts = layer("Unstack", "bad", "up", module="keras.src.ops.core", axis=1)
    assert make(tmp_path, up, shape=(8, 8, 3)).output_shape == (None, 4000, 4000, 3)
    with pytest.raises(UnsafeModelError, match="'bad' gives 4000 outputs: more than 1000"):
        make(tmp_path, up, parts)


def test_a_higher_memory_limit(tmp_path):
    up = layer("UpSampling2D", "up", "entry", size=1000)
    with pytest.raises(UnsafeModelError, match=r"'up' \(size = 1000\).*--max-memory"):
        make(tmp_path, up)
    assert make(tmp_path, up, memory=8 << 30).output_shape == (None, 8000, 8000, 3)


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        ("Dropout", "rate", 1e308),
        ("Dropout", "rate", -1),
        ("BatchNormalization", "epsilon", float("nan")),
        ("BatchNormalization", "momentum", float("inf")),
        ("LeakyReLU", "negative_slope", 1e308),
        ("Dense", "units", -1),
        ("Conv2D", "kernel_size", [3] * 1000),
        ("GaussianBlur", "sigma", float("nan")),
        ("Hashing", "num_bins", 10**10),
    ],
)
def test_a_number_out_of_its_range_is_named(tmp_path, kind, setting, value):
    class_name = "RandomGaussianBlur" if kind == "GaussianBlur" else kind
    with pytest.raises(ModelFileError, match=f"'bad' has the setting '{setting}'.*expected"):
        make(tmp_path, layer(class_name, "bad", "entry", **{setting: value}))


def test_infinity_where_it_is_meaningful(tmp_path):
    top = layer("ReLU", "top", "entry", max_value=float("inf"))
    assert make(tmp_path, top).layers[-1].max_value == float("inf")
    assert BY_NAME["max_value"].infinite


def test_patches_of_keras_are_removed(tmp_path):
    before = keras.KerasTensor.__init__, keras.Variable.__mro__
    make(tmp_path, layer("ReLU", "relu", "entry"))
    assert (keras.KerasTensor.__init__, keras.Variable.__mro__) == before
    assert ledger() is None


def test_the_largest_number_of_a_layer():
    assert largest_number({"units": 3, "shape": [1, -(10**9)], "flag": True}) == (
        "shape = [1, -1000000000]"
    )
    assert largest_number({"name": "x"}) == ""
