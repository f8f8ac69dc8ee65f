"""Checkpoints of TensorFlow, read as data without TensorFlow.

A checkpoint is an index, a sorted table of names as LevelDB writes it, and files of raw
little-endian numbers. The names of the variables are in a graph of objects, which is itself an
entry. The formats are those of ``tensor_bundle.proto``, ``trackable_object_graph.proto`` and
LevelDB's ``table_format.md``.

The rule of this module: every size and offset in the index is checked against the files before
anything is read there.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from layersight.data.arrays import Array
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading.bounded import check_inside, check_regular, check_stored, read_file
from layersight.loading.checkpoint import MAGIC

MAX_INDEX = 64 << 20  # bytes
MAX_ENTRIES = 200_000
MAX_SHARDS = 1_000  # files of numbers

GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"

# Types of numbers by their codes in TensorFlow.
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 6: "|i1", 9: "<i8", 10: "|b1", 19: "<f2"}
STRING, BFLOAT16 = 7, 14

# The path from a model to a variable of a layer begins with one of these.
LAYER_PREFIXES = ("layer", "variables", "_layer")


class DamagedError(ValueError):
    """The bytes do not follow the format."""


@dataclass(frozen=True, slots=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int


def read_checkpoint(folder: Path, prefix: str) -> tuple[dict[str, Array], list[Path]]:
    """The variables of the layers in a checkpoint by full names, such as ``conv/kernel``.

    The second result is the files of the checkpoint.
    """
    index = check_inside(folder, f"{prefix}.index")
    try:
        table = dict(_table(read_file(index, MAX_INDEX)))
        count = int(next((v for k, v in fields(table.pop(b"", b"")) if k == 1), 1))
        if not 1 <= count <= MAX_SHARDS:
            raise DamagedError(f"{count} files")
        names = [f"{prefix}.data-{number:05}-of-{count:05}" for number in range(count)]
        shards = [check_inside(folder, name) for name in names]
        check_stored(shards)
        data = [read_file(shard, check_regular(shard)) for shard in shards]
        entries = {key.decode(): _entry(value) for key, value in table.items()}
        if GRAPH not in entries:
            raise ModelFileError(
                f"{index} belongs to a checkpoint of TensorFlow 1, which names variables but no "
                "layers of Keras: open it where it was made and save it with "
                "model.save_weights('model.weights.h5')"
            )
        variables: dict[str, Array] = {}
        left = sum(map(len, data))
        for key, name in _layer_variables(_names(_text(entries[GRAPH], data)), index):
            if key not in entries:
                continue
            if name in variables:
                raise ModelFileError(
                    f"{index} holds two variables of the name '{name:.100}', which belong to "
                    "different layers: save it with model.save('model.keras') where it was made"
                )
            left -= entries[key].size
            if left < 0:
                raise DamagedError("variables overlap")
            variables[name] = _array(entries[key], data)
    except (ValueError, TypeError, IndexError, OverflowError, struct.error) as error:
        raise ModelFileError(f"{index} is damaged ({str(error)[:100]})") from error
    return variables, [index, *shards]


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer: numbers, each with an integer or bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise DamagedError(f"a field of the kind {kind}")
        if position + size > len(data):
            raise DamagedError("it ends too early")
        yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise DamagedError("it ends too early")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise DamagedError("an integer without an end")


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(data) < 48 or not data.endswith(MAGIC):
        raise DamagedError("it is not a table")
    footer = data[-48:]
    position = 0
    for _ in range(2):
        _, position = _varint(footer, position)
    offset, position = _varint(footer, position)
    size, _ = _varint(footer, position)
    count = 0
    left = len(data)
    for _, handle in _block(data, offset, size):
        start, position = _varint(handle, 0)
        length, _ = _varint(handle, position)
        left -= length + 1
        if left < 0:
            raise DamagedError("blocks overlap")
        for entry in _block(data, start, length):
            count += 1
            if count > MAX_ENTRIES:
                raise UnsafeModelError(f"a checkpoint of more than {MAX_ENTRIES} entries: not read")
            yield entry


def _block(data: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block, whose keys share their beginnings."""
    if start + size + 5 > len(data) or size < 4:
        raise DamagedError("a block is outside the file")
    if data[start + size] != 0:
        raise DamagedError("a packed block")
    block = data[start : start + size]
    end = size - 4 - 4 * int(struct.unpack("<I", block[-4:])[0])
    if end < 0:
        raise DamagedError("a block without entries")
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        rest, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or position + rest + length > end or shared + rest > 10_000:
            raise DamagedError("an entry is outside its block")
        key = key[:shared] + block[position : position + rest]
        position += rest
        yield key, block[position : position + length]
        position += length


def _entry(data: bytes) -> _Entry:
    values: dict[int, Any] = {1: 0, 2: b"", 3: 0, 4: 0, 5: 0}
    values.update(pair for pair in fields(data) if pair[0] in values)
    if any(isinstance(values[key], bytes) is not (key == 2) for key in values):
        raise DamagedError("an entry of another kind")
    shape = []
    for number, value in fields(values[2]):
        if number == 2 and isinstance(value, bytes):
            shape.append(int(next((v for k, v in fields(value) if k == 1), 0)))
    if len(shape) > 8 or any(not 0 <= size < 2**31 for size in shape):
        raise DamagedError("an invalid shape")
    return _Entry(values[1], tuple(shape), values[3], values[4], values[5])


def _bytes(entry: _Entry, data: list[bytes]) -> bytes:
    shard = data[entry.shard]
    if entry.offset + entry.size > len(shard):
        raise DamagedError("a variable is outside its file")
    return shard[entry.offset : entry.offset + entry.size]


def _array(entry: _Entry, data: list[bytes]) -> Array:
    raw, count = _bytes(entry, data), math.prod(entry.shape)
    if entry.dtype == BFLOAT16 and count * 2 == entry.size:
        wide = np.frombuffer(raw, "<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(entry.shape)
    if entry.dtype not in TYPES or count * np.dtype(TYPES[entry.dtype]).itemsize != entry.size:
        raise DamagedError(f"a variable of the type {entry.dtype} and shape {entry.shape}")
    return np.frombuffer(raw, TYPES[entry.dtype]).reshape(entry.shape)


def _text(entry: _Entry, data: list[bytes]) -> bytes:
    """A single string, stored as its length, a checksum of that, and its bytes."""
    raw = _bytes(entry, data)
    size, start = _varint(raw, 0)
    if entry.dtype != STRING or entry.shape or start + 4 + size != len(raw):
        raise DamagedError("an invalid graph of objects")
    return raw[start + 4 :]


def _names(graph: bytes) -> Iterator[tuple[str, str]]:
    for number, node in fields(graph):
        if number != 1 or not isinstance(node, bytes):
            continue
        for inner, attribute in fields(node):
            if inner != 2 or not isinstance(attribute, bytes):
                continue
            texts = {k: v.decode() for k, v in fields(attribute) if isinstance(v, bytes)}
            key, name = texts.get(3, ""), texts.get(2, "")
            if texts.get(1) == "VARIABLE_VALUE" and "/" in name and ".OPTIMIZER" not in key:
                yield key, name


def _layer_variables(names: Iterable[tuple[str, str]], index: Path) -> list[tuple[str, str]]:
    """The keys and names of the variables of layers, without those of an optimiser or a metric.

    The layers are at the top, or in a single object there, such as the ``model`` of a
    ``tf.train.Checkpoint(model=...)``.
    """
    networks: dict[str, list[tuple[str, str]]] = {}
    for key, name in names:
        first, _, rest = key.partition("/")
        if first.startswith(LAYER_PREFIXES):
            networks.setdefault("", []).append((key, name))
        elif rest.startswith(LAYER_PREFIXES):
            networks.setdefault(first, []).append((key, name))
    if len(networks) > 1 and "" not in networks:
        raise ModelFileError(
            f"{index} holds several networks ({', '.join(networks):.100}): save the one that you "
            "want with model.save_weights('model.weights.h5') where they were made"
        )
    chosen = networks.get("") or next(iter(networks.values()), [])

    def number(pair: tuple[str, str]) -> int:
        """The index of a layer among those with weights; -1 for any other object."""
        numbered = re.search(r"(?:^|/)layer_with_weights-(\d{1,6})/", pair[0])
        return int(numbered.group(1)) if numbered else -1

    return sorted(chosen, key=number)
