"""Models that are folders, written by hand: TensorFlow.js and the SavedModel of Keras 2.

A folder is its parts: the bytes of each file by its path inside. The formats are those that
``layersight.loading.tfjs`` and ``layersight.loading.bundle`` describe.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hostile.files import BIAS, KERNEL

Parts = dict[str, bytes]

FLAT: Mapping[str, Any] = {"conv/kernel": KERNEL, "conv/bias": BIAS}
"""The weights of the small model in one list."""

SHARD = "group1-shard1of1.bin"
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
TABLE_END = struct.pack("<Q", 0xDB4775248B80FB57)


def write_parts(path: Path, parts: Mapping[str, bytes]) -> None:
    """Makes a folder of its parts."""
    for name, content in parts.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


# TensorFlow.js


def manifest(weights: Mapping[str, Any] = FLAT, *paths: str) -> list[dict[str, Any]]:
    """The list of weights."""
    entries = [
        {"name": name, "shape": list(np.shape(array)), "dtype": "float32"}
        for name, array in weights.items()
    ]
    return [{"paths": list(paths) or [SHARD], "weights": entries}]


def document(config: Any, listed: Any = None, **more: Any) -> dict[str, Any]:
    """What stands in ``model.json``."""
    topology = {"keras_version": "2.4.0", "backend": "tensorflow", "model_config": config}
    whole = {"format": "layers-model", "modelTopology": topology}
    return whole | {"weightsManifest": manifest() if listed is None else listed} | more


def packed(weights: Mapping[str, Any] = FLAT) -> bytes:
    """The numbers one after the other."""
    return b"".join(np.asarray(array, "<f4").tobytes() for array in weights.values())


def tfjs_parts(whole: Any, weights: Mapping[str, Any] = FLAT) -> Parts:
    """A layers model with one file of weights."""
    return {"model.json": json.dumps(whole).encode(), SHARD: packed(weights)}


# The SavedModel of Keras 2


def varint(value: int) -> bytes:
    """An integer of a protocol buffer."""
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def message(*entries: tuple[int, int | bytes]) -> bytes:
    """A protocol buffer of numbered fields."""
    encoded = b""
    for number, value in entries:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
        else:
            encoded += varint(number << 3 | 2) + varint(len(value)) + value
    return encoded


def block(entries: Iterable[tuple[bytes, bytes]], *, restarts: int = 1) -> bytes:
    """A block of a table with its trailer; no key shares its beginning."""
    encoded = b"".join(
        b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in entries
    )
    return encoded + bytes(4 * restarts) + struct.pack("<I", restarts) + bytes(5)


def handle(start: int, size: int) -> bytes:
    """The position of a block."""
    return varint(start) + varint(size)


def table(*blocks: bytes, handles: Iterable[bytes] | None = None) -> bytes:
    """A table of blocks; ``handles`` are those of the index if they are not the true ones."""
    data, true_handles = b"", []
    for piece in blocks:
        true_handles.append(handle(len(data), len(piece) - 5))
        data += piece
    index = block(
        (b"%d" % n, h) for n, h in enumerate(true_handles if handles is None else handles)
    )
    footer = (handle(0, 0) + handle(len(data), len(index) - 5)).ljust(40, b"\0")
    return data + index + footer + TABLE_END


def entry(kind: int, shape: Iterable[int], offset: int, size: int, shard: int = 0) -> bytes:
    """The entry of a variable in the index."""
    sizes = message(*((2, message((1, length))) for length in shape))
    return message((1, kind), (2, sizes), (3, shard), (4, offset), (5, size))


def object_graph(keys: Mapping[str, str]) -> bytes:
    """The graph of objects, as it lies in the file of numbers: full names by their keys."""
    nodes = [
        (1, message((2, message((1, b"VARIABLE_VALUE"), (2, name.encode()), (3, key.encode())))))
        for key, name in keys.items()
    ]
    text = message(*nodes)
    return varint(len(text)) + bytes(4) + text


def checkpoint_parts(
    weights: Mapping[str, Any] = FLAT, entries: Mapping[str, bytes] | None = None, shards: int = 1
) -> Parts:
    """A checkpoint; ``entries`` replace what the index says of a variable or come on top."""
    data, rows, keys = b"", {}, {}
    for number, (name, array) in enumerate(weights.items()):
        held = np.asarray(array, "<f4").tobytes()
        key = f"layer_with_weights-{number}/.ATTRIBUTES/VARIABLE_VALUE"
        rows[key], keys[key] = entry(1, np.shape(array), len(data), len(held)), name
        data += held
    more = dict(entries or {})
    keys |= {key: f"layer/{key}" for key in more}
    graph = object_graph(keys)
    rows["_CHECKPOINTABLE_OBJECT_GRAPH"] = entry(7, (), len(data), len(graph))
    listed = sorted((key.encode(), value) for key, value in (rows | more).items())
    return {INDEX: table(block([(b"", message((1, shards))), *listed])), DATA: data + graph}


def metadata(config: Any, **more: Any) -> bytes:
    """``keras_metadata.pb`` with what Keras notes of the outermost model."""
    whole = {"keras_version": "2.11.0", "backend": "tensorflow", "model_config": config} | more
    return noted(json.dumps(whole).encode())


def noted(text: bytes) -> bytes:
    """``keras_metadata.pb`` with a text."""
    return message((1, message((2, 0), (3, b"root"), (4, b"_tf_keras_sequential"), (5, text))))


def saved_model_parts(
    config: Any, checkpoint: Parts | None = None, *, graph: bytes = b"", beside: bytes | None = None
) -> Parts:
    """The folder; ``graph`` is what stands in ``saved_model.pb``."""
    return {
        "saved_model.pb": graph or message((1, 1)),
        "keras_metadata.pb": metadata(config) if beside is None else beside,
        **(checkpoint_parts() if checkpoint is None else checkpoint),
    }
