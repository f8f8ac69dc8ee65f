"""Attacks on models that are folders: TensorFlow.js, SavedModel, and what lies beside a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hostile.files import KERNEL, conv, layer, sequential, write_good_model, write_h5, write_keras
from hostile.folders import (
    DATA,
    FLAT,
    INDEX,
    SHARD,
    Parts,
    block,
    checkpoint_parts,
    document,
    entry,
    handle,
    manifest,
    message,
    metadata,
    noted,
    packed,
    saved_model_parts,
    table,
    tfjs_parts,
    write_parts,
)
from hostile.registry import Attack, Traps, attack, payload, pickled, register_attack

GIB = 1 << 30
EVIL = "\x1b[31m\nlayersight: \u202eevil"


def link(path: Path, target: Path) -> None:
    """Replaces what is there by a link."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def small() -> Any:
    """The configuration of the small model."""
    return sequential(conv())


# TensorFlow.js

Listed = Callable[[Traps], Any]


def _shards(name: str, says: str, paths: Callable[[Traps], list[Any]]) -> None:
    def writer(path: Path, traps: Traps) -> None:
        listed = manifest()
        listed[0]["paths"] = paths(traps)
        write_parts(path, tfjs_parts(document(small(), listed)))

    register_attack(Attack(f"tfjs_shard_{name}", "model", says, writer, refused=True))


_shards("up", "A file of weights beside the folder.", lambda t: ["../../../traps/secret.txt"])
_shards("absolute", "A file of weights named from the root.", lambda t: [str(t.secret)])
_shards("backslash", "A file of weights named as on Windows.", lambda t: ["..\\secret.txt"])
_shards("drive", "A file of weights on a drive of Windows.", lambda t: ["C:secret.txt"])
_shards("url", "A file of weights to be fetched.", lambda t: ["http://127.0.0.1/x.bin"])
_shards("empty", "A file of weights without a name.", lambda t: [""])
_shards("folder", "The folder itself as a file of weights.", lambda t: ["."])
_shards("control", "A file of weights with escape codes in its name.", lambda t: [EVIL])
_shards("device", "A device as a file of weights.", lambda t: ["/dev/zero"])
_shards("long", "A file of weights whose name is far too long.", lambda t: ["x" * 5000])
_shards("model", "The model.json as a file of weights.", lambda t: ["model.json"])
_shards("odd", "Files of weights that are no names.", lambda t: [None, 1, {}, [], True])
_shards("many", "A file of weights named 49,000 times.", lambda t: [SHARD] * 49_000)


def _weight(name: str, says: str, /, *, refused: bool = True, **spec: Any) -> None:
    def writer(path: Path, traps: Traps) -> None:
        listed = manifest()
        listed[0]["weights"][0] |= spec
        write_parts(path, tfjs_parts(document(small(), listed)))

    register_attack(Attack(f"tfjs_{name}", "model", says, writer, refused=refused))


_weight("shape_huge", "A weight of 2^31 numbers along each of eight axes.", shape=[2**31 - 1] * 8)
_weight("shape_long", "A weight of 100,000 axes.", shape=[1] * 100_000)
_weight("shape_negative", "Two negative sizes of one weight.", shape=[-9, -6])
_weight("shape_odd", "A weight whose sizes are no numbers.", shape=[True, "3", None, 3.0])
_weight("dtype_object", "A weight of Python objects.", dtype="object")
_weight("dtype_text", "A weight of text of the length 2^31.", dtype="S2147483647")
_weight("dtype_odd", "A weight whose type is a list.", dtype=[["a", "object"]])
_weight("name_odd", "A weight whose name is a list.", name=["conv/kernel"])
_weight("name_control", "A weight with escape codes in its name.", refused=False, name=EVIL * 9)
_weight(
    "packed_odd", "Numbers packed into a type that is a list.", quantization={"dtype": ["uint8"]}
)
_weight(
    "packed_text",
    "Numbers packed with a scale that is text.",
    quantization={"dtype": "uint8", "scale": "1e999", "min": None},
)


@attack("model", refused=True)
def tfjs_shard_link(path: Path, traps: Traps) -> None:
    """A file of weights that is a link to a secret file."""
    write_parts(path, tfjs_parts(document(small())))
    link(path / SHARD, traps.secret)


@attack("model", refused=True)
def tfjs_shard_pipe(path: Path, traps: Traps) -> None:
    """A file of weights that is a pipe."""
    write_parts(path, tfjs_parts(document(small())))
    (path / SHARD).unlink()
    os.mkfifo(path / SHARD)


@attack("model", refused=True)
def tfjs_shard_short(path: Path, traps: Traps) -> None:
    """A file of weights that is shorter than the weights."""
    write_parts(path, tfjs_parts(document(small())) | {SHARD: packed()[:-4]})


@attack("model", heavy=True, refused=True)
def tfjs_shard_sparse(path: Path, traps: Traps) -> None:
    """A file of weights of 3 GiB, not stored, of which little belongs to weights."""
    write_parts(path, tfjs_parts(document(small())))
    os.truncate(path / SHARD, 3 * GIB)


@attack("model", refused=True)
def tfjs_model_link(path: Path, traps: Traps) -> None:
    """A model.json that is a link to a secret file."""
    write_parts(path, {SHARD: packed()})
    link(path / "model.json", traps.secret)


@attack("model")
def tfjs_labels_link(path: Path, traps: Traps) -> None:
    """The file with the labels is a link to a secret file."""
    write_parts(path, tfjs_parts(document(small())))
    link(path / "metadata.json", traps.secret)


@attack("model")
def tfjs_labels_control(path: Path, traps: Traps) -> None:
    """Labels with escape codes and of 100,000 characters."""
    text = json.dumps({"labels": [EVIL, "x" * 100_000]}).encode()
    write_parts(path, tfjs_parts(document(small())) | {"metadata.json": text})


@attack("model", heavy=True, refused=True)
def tfjs_weights_many(path: Path, traps: Traps) -> None:
    """A million weights without numbers."""
    listed = manifest()
    listed[0]["weights"] += [{"name": f"{n}", "shape": [0], "dtype": "bool"} for n in range(10**6)]
    write_parts(path, tfjs_parts(document(small(), listed)))


@attack("model")
def tfjs_lambda(path: Path, traps: Traps) -> None:
    """CVE-2024-3660: byte code of a Lambda in a model.json."""
    import base64

    code = base64.b64encode(payload(traps)).decode()
    evil = layer("Lambda", "evil", function=[code, None, None], function_type="lambda")
    write_parts(path, tfjs_parts(document(sequential(evil, conv()))))


@attack("model", refused=True)
def tfjs_graph_reads_a_file(path: Path, traps: Traps) -> None:
    """A graph of operations, one of which reads a secret file."""
    node = {"name": "x", "op": "ReadFile", "attr": {"filename": str(traps.secret)}}
    whole = {"format": "graph-model", "modelTopology": {"node": [node]}, "weightsManifest": []}
    write_parts(path, tfjs_parts(whole))


@attack("model", heavy=True, refused=True)
def tfjs_json_of_nothing(path: Path, traps: Traps) -> None:
    """A model.json of 60 MiB of empty lists, which would take a hundred times the memory."""
    text = b'{"modelTopology": {}, "weightsManifest": [' + b"[]," * (20 << 20) + b"[]]}"
    write_parts(path, {"model.json": text})


# The same text in the other formats


def text_of_nothing() -> str:
    """A configuration of 60 MiB of empty objects."""
    return '{"class_name": "Sequential", "config": [' + "{}," * (20 << 20) + "{}]}"


@attack("model.keras", heavy=True, refused=True)
def json_of_nothing_keras(path: Path, traps: Traps) -> None:
    """A configuration of 60 MiB of empty objects, packed into some kilobytes."""
    write_keras(path, text_of_nothing())


@attack("model.h5", heavy=True, refused=True)
def json_of_nothing_h5(path: Path, traps: Traps) -> None:
    """A configuration of 60 MiB of empty objects, which would take far more memory."""
    write_h5(path, text_of_nothing())


@attack("model.keras")
def labels_beside_link(path: Path, traps: Traps) -> None:
    """Class names beside a good model that are a link to a secret file."""
    write_good_model(path)
    link(path.parent / "labels.txt", traps.secret)


# SavedModel


def _linked(name: str, part: str, target: Callable[[Traps], Path]) -> None:
    def writer(path: Path, traps: Traps) -> None:
        write_parts(path, saved_model_parts(small()))
        if (path / part).is_dir() and not (path / part).is_symlink():
            for inner in (path / part).iterdir():
                inner.unlink()
            (path / part).rmdir()
        link(path / part, target(traps))

    says = f"A SavedModel whose {part} is a link elsewhere."
    register_attack(Attack(f"saved_model_link_{name}", "model", says, writer, refused=True))


_linked("metadata", "keras_metadata.pb", lambda traps: traps.secret)
_linked("index", INDEX, lambda traps: traps.secret)
_linked("data", DATA, lambda traps: traps.secret)


@attack("model", refused=True)
def saved_model_link_variables(path: Path, traps: Traps) -> None:
    """A SavedModel whose folder of variables is a link elsewhere."""
    parts = saved_model_parts(small())
    write_parts(path, {name: data for name, data in parts.items() if "/" not in name})
    link(path / "variables", traps.folder)


Checkpoint = Callable[[], Parts]


def _checkpoint(name: str, says: str, make: Checkpoint, *, heavy: bool = False) -> None:
    def writer(path: Path, traps: Traps) -> None:
        write_parts(path, saved_model_parts(small(), make()))

    full = f"saved_model_{name}"
    register_attack(Attack(full, "model", says, writer, heavy=heavy, refused=True))


def _instead(rows: Iterable[bytes]) -> Checkpoint:
    """The entry of the kernel is another."""
    (given,) = rows
    key = "layer_with_weights-0/.ATTRIBUTES/VARIABLE_VALUE"
    return lambda: checkpoint_parts(entries={key: given})


SIZE = KERNEL.nbytes
_checkpoint("no_table", "An index that is no table.", lambda: checkpoint_parts() | {INDEX: b"x"})
_checkpoint(
    "end_alone", "An index that is its end alone.", lambda: checkpoint_parts() | {INDEX: table()}
)
_checkpoint("far", "A variable far outside its file.", _instead([entry(1, [54], 2**60, SIZE)]))
_checkpoint("long", "A variable longer than its file.", _instead([entry(1, [2**28], 0, 2**30)]))
_checkpoint(
    "huge",
    "A variable of 2^31 numbers along each axis.",
    _instead([entry(1, [2**31 - 1] * 8, 0, 0)]),
)
_checkpoint("shard", "A variable in a file that is not there.", _instead([entry(1, [1], 0, 4, 9)]))
_checkpoint("kind", "A variable of an unknown type.", _instead([entry(99, [54], 0, SIZE)]))
_checkpoint("variant", "A variable that is a variant.", _instead([entry(21, [1], 0, 4)]))
_checkpoint("bytes", "An entry with bytes for numbers.", _instead([message((1, b"x"), (3, b"y"))]))
_checkpoint("axes", "A variable of 9,000 axes.", _instead([entry(1, [1] * 9_000, 0, 4)]))
_checkpoint("shards", "A checkpoint of 2^63 files.", lambda: checkpoint_parts(shards=2**63))
_checkpoint("shards_many", "A checkpoint of 999 files.", lambda: checkpoint_parts(shards=999))


def _blocks() -> Parts:
    """A block without entries, of 8 MiB, named two million times."""
    size = 8 << 20
    made = block([], restarts=size // 4 - 1)
    return checkpoint_parts() | {INDEX: table(made, handles=[handle(0, size)] * 2_000_000)}


_checkpoint("blocks", "A block of 8 MiB, named two million times.", _blocks, heavy=True)


def _overlapping() -> Parts:
    """Twenty thousand variables that are the same 4 MiB."""
    big = np.zeros(1 << 20, "float32")
    row = entry(1, big.shape, 0, big.nbytes)
    more = {f"layer-{n}/.ATTRIBUTES/VARIABLE_VALUE": row for n in range(20_000)}
    return checkpoint_parts({"big/kernel": big} | dict(FLAT), more)


_checkpoint("overlapping", "Variables of 80 GiB that are the same 4 MiB.", _overlapping, heavy=True)


def _noted(name: str, says: str, text: Callable[[Traps], bytes], *, heavy: bool = False) -> None:
    def writer(path: Path, traps: Traps) -> None:
        write_parts(path, saved_model_parts(None, beside=text(traps)))

    full = f"saved_model_metadata_{name}"
    register_attack(Attack(full, "model", says, writer, heavy=heavy, refused=True))


_noted("pickle", "A pickle instead of keras_metadata.pb.", pickled)
_noted("pickle_inside", "A pickle instead of the configuration.", lambda t: noted(pickled(t)))
_noted("deep", "A configuration of 200,000 lists in each other.", lambda t: noted(b"[" * 200_000))
_noted("list", "A configuration that is a list.", lambda t: noted(b"[1]"))
_noted("endless", "An integer without an end.", lambda t: b"\xff" * 100)
_noted("outside", "A text that lies outside the file.", lambda t: b"\x0a\xff\xff\xff\xff\x7f")
_noted(
    "of_nothing",
    "A configuration of 60 MiB of empty objects.",
    lambda t: noted(text_of_nothing().encode()),
    heavy=True,
)
_noted(
    "class",
    "A class of its author's own, with escape codes in its name.",
    lambda t: metadata(None, class_name=EVIL),
)


def _graph_with(operation: str, argument: bytes) -> bytes:
    """The graph of a SavedModel of one operation."""
    value = message((1, b"value"), (2, message((2, argument))))
    node = message((1, b"evil"), (2, operation.encode()), (5, value))
    return message((1, 1), (2, message((2, message((1, node))))))


@attack("model")
def saved_model_reads_a_file(path: Path, traps: Traps) -> None:
    """A SavedModel whose graph reads a secret file; the layers are good."""
    graph = _graph_with("ReadFile", str(traps.secret).encode())
    write_parts(path, saved_model_parts(small(), graph=graph))


@attack("model")
def saved_model_py_function(path: Path, traps: Traps) -> None:
    """A SavedModel whose graph calls Python, with pickles beside; the layers are good."""
    parts = saved_model_parts(small(), graph=_graph_with("EagerPyFunc", pickled(traps)))
    pickles = dict.fromkeys(
        ("assets/x.pkl", "variables/x.pickle", "fingerprint.pb"), pickled(traps)
    )
    write_parts(path, parts | pickles)


@attack("model")
def saved_model_lambda(path: Path, traps: Traps) -> None:
    """CVE-2024-3660: byte code of a Lambda in the metadata of a SavedModel."""
    import base64

    code = base64.b64encode(payload(traps)).decode()
    function = {"class_name": "__tuple__", "items": [code, None, None]}
    evil = layer("Lambda", "evil", function=function, function_type="lambda")
    write_parts(path, saved_model_parts(sequential(evil, conv())))


@attack("model", heavy=True, refused=True)
def saved_model_sparse(path: Path, traps: Traps) -> None:
    """A SavedModel whose metadata are 3 GiB, not stored."""
    write_parts(path, saved_model_parts(small()))
    os.truncate(path / "keras_metadata.pb", 3 * GIB)


@attack("model", refused=True)
def saved_model_pipe(path: Path, traps: Traps) -> None:
    """A SavedModel whose index is a pipe."""
    write_parts(path, saved_model_parts(small()))
    (path / INDEX).unlink()
    os.mkfifo(path / INDEX)


# What Keras 3 cannot build, so that the Keras 2 beside it is tried


def _last(name: str, says: str, kind: str, /, **settings: Any) -> None:
    def writer(path: Path, traps: Traps) -> None:
        given = {key: value(traps) if callable(value) else value for key, value in settings.items()}
        write_h5(path, sequential(conv(), layer(kind, "evil", **given)))

    register_attack(Attack(f"last_engine_{name}", "model.h5", says, writer))


_last(
    "operation",
    "An operation of TensorFlow that reads a file.",
    "TFOpLambda",
    function="io.read_file",
)
_last(
    "operation_of_python",
    "An operation that is a function of Python.",
    "TFOpLambda",
    function="os.system",
)
_last(
    "code",
    "A Lambda with a module of its own.",
    "Lambda",
    function="function",
    function_type="function",
    module="hostile_canary_module",
)
_last(
    "vocabulary",
    "A layer that reads its vocabulary from a file.",
    "TextVectorization",
    vocabulary=lambda traps: str(traps.secret),
)
_last(
    "cell",
    "A layer whose cell is a function.",
    "RNN",
    cell={"class_name": "function", "config": "system", "module": "os"},
)
_last(
    "wrapper",
    "A wrapper of a Lambda.",
    "TimeDistributed",
    layer={"class_name": "Lambda", "config": {"function": "x"}},
)
_last(
    "memory",
    "A layer that asks for 40 GB.",
    "LocallyConnected2D",
    filters=10**9,
    kernel_size=[3, 3],
)
_last(
    "activation",
    "An activation that is a function of Python.",
    "LocallyConnected2D",
    filters=2,
    kernel_size=[3, 3],
    activation="__import__",
)
