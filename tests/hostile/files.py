"""Small model files written by hand, so that anything in them can be wrong."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Config = dict[str, Any]
Edit = Callable[[h5py.File], None]

SHAPE = (8, 8, 3)
KERNEL = np.linspace(-1, 1, 54, dtype="float32").reshape(3, 3, 3, 2)
BIAS = np.array([0.5, -0.5], "float32")
WEIGHTS: Mapping[str, Mapping[str, Any]] = {"conv": {"kernel:0": KERNEL, "bias:0": BIAS}}


def layer(kind: str, name: str, /, **settings: Any) -> Config:
    """A layer as every version writes it inside a Sequential."""
    return {"class_name": kind, "config": {"name": name, **settings}}


def input_layer(*shape: Any, version: int = 2, name: str = "entry") -> Config:
    """An input layer; without a shape that of the small image."""
    key = "batch_input_shape" if version == 2 else "batch_shape"
    return layer("InputLayer", name, **{key: [None, *(shape or SHAPE)], "dtype": "float32"})


def conv(name: str = "conv", **settings: Any) -> Config:
    """The convolution for which there are weights."""
    plain = {
        "filters": 2,
        "kernel_size": [3, 3],
        "strides": [1, 1],
        "padding": "same",
        "activation": "relu",
        "use_bias": True,
    }
    return layer("Conv2D", name, **(plain | settings))


def sequential(*layers: Config, name: str = "model", version: int = 2, **more: Any) -> Config:
    """A Sequential of an input layer, unless one is given, and layers."""
    listed = list(layers)
    if not listed or listed[0].get("class_name") != "InputLayer":
        listed.insert(0, input_layer(version=version))
    if version == 3:
        listed = [as_version_3(entry) for entry in listed]
    whole = {"class_name": "Sequential", "config": {"name": name, "layers": listed}}
    return (as_version_3(whole, "keras") if version == 3 else whole) | more


def as_version_3(entry: Config, module: str = "keras.layers") -> Config:
    """A layer with the keys that Keras 3 adds; those that are there stay."""
    return {"module": module, "registered_name": None} | entry


def functional(
    *layers: Config, outputs: Any = None, inputs: Any = None, version: int = 2
) -> Config:
    """A graph: an input layer and layers, each of which takes the one before by default."""
    listed = [{**input_layer(version=version), "name": "entry", "inbound_nodes": []}]
    before = "entry"
    for entry in layers:
        name = entry["config"]["name"]
        node: Any = [[before, 0, 0, {}]]
        if version == 3:
            node = {"args": [keras_tensor(before)], "kwargs": {}}
            entry = as_version_3(entry)
        listed.append({"name": name, "inbound_nodes": [node], **entry})
        before = name
    config = {
        "name": "model",
        "layers": listed,
        "input_layers": [["entry", 0, 0]] if inputs is None else inputs,
        "output_layers": [[before, 0, 0]] if outputs is None else outputs,
    }
    whole = {"class_name": "Functional", "config": config}
    return as_version_3(whole, "keras") if version == 3 else whole


def keras_tensor(name: str, call: int = 0, output: int = 0) -> Config:
    """A reference to a tensor in the form of Keras 3."""
    settings = {"shape": [None, *SHAPE], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": settings}


def write_h5(
    path: Path,
    config: Any,
    *,
    weights: Mapping[str, Mapping[str, Any]] = WEIGHTS,
    version: str = "2.4.0",
    edit: Edit | None = None,
) -> None:
    """A legacy HDF5 file; ``edit`` may change it before it is closed."""
    with h5py.File(path, "w") as file:
        text = config if isinstance(config, str | bytes) else json.dumps(config)
        if len(text) < 60_000:
            file.attrs["model_config"] = text
        else:  # too long for the header of an object
            file.attrs.create("model_config", text, dtype=h5py.string_dtype())
        file.attrs["keras_version"], file.attrs["backend"] = version, "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([name.encode() for name in weights] or [], "S")
        for name, arrays in weights.items():
            inner = group.require_group(name)
            inner.attrs["weight_names"] = [weight.encode() for weight in arrays]
            for weight, array in arrays.items():
                inner[weight] = array
        if edit is not None:
            edit(file)


def weights_bytes(edit: Edit | None = None, *, kind: str = "conv2d") -> bytes:
    """The store of weights inside a ``.keras`` archive."""
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        group = file.create_group(f"layers/{kind}/vars")
        group["0"], group["1"] = KERNEL, BIAS
        if edit is not None:
            edit(file)
    return target.getvalue()


def write_keras(
    path: Path,
    config: Any,
    *,
    version: str = "3.5.0",
    edit: Edit | None = None,
    weights: bytes | None = None,
    members: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> None:
    """A ``.keras`` archive; ``members`` come on top and may replace the usual ones."""
    text = config if isinstance(config, str | bytes) else json.dumps(config)
    metadata = {"keras_version": version, "date_saved": "2025-01-01@00:00:00"}
    whole: dict[str, Any] = {
        "metadata.json": json.dumps(metadata),
        "config.json": text,
        "model.weights.h5": weights_bytes(edit) if weights is None else weights,
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (whole | dict(members or {})).items():
            archive.writestr(name, content)


def write_model(path: Path, *layers: Config) -> None:
    """A model of these layers in the format that the suffix names."""
    if path.suffix == ".keras":
        write_keras(path, sequential(*layers, version=3))
    else:
        write_h5(path, sequential(*layers))


def write_good_model(path: Path) -> None:
    """A model with nothing wrong in it."""
    write_model(path, conv())


BLOCK = 1 << 26


def deflate_same(byte: bytes, size: int) -> bytes:
    """The raw deflated form of one byte many times, a multiple of 64 MiB, made in no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = packer.compress(byte * BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    return part * (size // BLOCK) + b"\x03\x00"


def zlib_zeros(size: int) -> bytes:
    """The same of zeros with the checksum that zlib wants."""
    adler = (size % 65521) << 16 | 1
    return b"\x78\xda" + deflate_same(b"\0", size) + adler.to_bytes(4, "big")
