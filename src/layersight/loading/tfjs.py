"""Layers models of TensorFlow.js, as Teachable Machine exports them, read as data.

Such a model is a ``model.json`` (the configuration, and a list of weights with their shapes
and types) and files of raw little-endian numbers beside it, in the order of that list.

The rule of this module: a file of weights has to be in the same folder, named without a path, and
of the size that the list of weights gives.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from layersight.data.arrays import Array
from layersight.data.saved import SavedNetwork
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading.bounded import check_inside, check_regular, check_stored, read_file
from layersight.loading.networks import group_by_layer, make_network, parse_object
from layersight.loading.rewrites.walking import check_bounds

MODEL, METADATA = "model.json", "metadata.json"

MAX_JSON, MAX_METADATA = 64 << 20, 1 << 20  # bytes
MAX_NAMES = 50_000  # weights, files or labels
MAX_LABEL = 200  # characters of a label that are kept
MAX_NUMBER = 1e30  # of a weight or a step between weights

# Types of weights, and types that their numbers may be quantised to.
TYPES = {"float32": "<f4", "int32": "<i4", "bool": "|b1", "uint8": "|u1"}
PACKED = {"uint8": "|u1", "uint16": "<u2", "float16": "<f2"}


def read_layers_model(path: Path) -> SavedNetwork:
    """Reads and upgrades a layers model; nothing is built."""
    path = check_inside(path, MODEL) if path.is_dir() else path
    document = parse_object(read_file(path, MAX_JSON), str(path))
    topology = document.get("modelTopology")
    if document.get("format") == "graph-model" or not isinstance(topology, dict):
        raise ModelFileError(
            f"{path} is a graph model of TensorFlow.js, which holds operations and no Keras "
            "layers: give the Keras model that it was converted from"
        )
    config = topology.get("model_config", topology)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ModelFileError(f"{path} describes no network: expected layers in modelTopology")
    check_bounds(config)
    weights, files = _weights(document.get("weightsManifest"), path)
    # What TensorFlow.js itself saves follows Keras 2, without a version.
    version = topology.get("keras_version")
    version = version[:40] if isinstance(version, str) and version[:1].isdigit() else "2"
    config = {key: config[key] for key in ("class_name", "config", "name") if key in config}
    return make_network(
        path,
        "TensorFlow.js layers model",
        config,
        version,
        group_by_layer(config, weights),
        backend="theano" if topology.get("backend") == "theano" else "tensorflow",
        files=(path, *files),
        labels=_labels(path.parent / METADATA),
    )


def _weights(manifest: Any, path: Path) -> tuple[dict[str, Array], list[Path]]:
    if not isinstance(manifest, list) or not all(isinstance(group, dict) for group in manifest):
        raise ModelFileError(f"{path} names no weights: expected a weightsManifest")
    groups: list[tuple[list[Path], list[_Entry]]] = []
    files: list[Path] = []
    count = 0
    for group in manifest:
        parts = [_beside(path, name) for name in _items(group, "paths", path)]
        entries = [_Entry(spec, path) for spec in _items(group, "weights", path)]
        groups.append((parts, entries))
        files += parts
        count += len(entries)
        if len(files) + count > MAX_NAMES:
            raise UnsafeModelError(f"{path} names more than {MAX_NAMES} weights: not read")
    check_stored(files)
    weights: dict[str, Array] = {}
    for parts, entries in groups:
        sizes = [check_regular(part) for part in parts]
        expected = sum(entry.bytes for entry in entries)
        if sum(sizes) != expected:
            names = ", ".join(part.name for part in parts[:3])
            raise ModelFileError(
                f"the weights of {path} are incomplete or do not belong to it: expected {expected} "
                f"bytes in {names or 'no file'}, found {sum(sizes)}"
            )
        data = b"".join(read_file(part, size) for part, size in zip(parts, sizes, strict=True))
        start = 0
        for entry in entries:
            if entry.name in weights:
                raise ModelFileError(f"{path} names the weight '{entry.name:.100}' twice")
            weights[entry.name] = entry.read(data, start)
            start += entry.bytes
    return weights, files


def _items(group: dict[str, Any], key: str, path: Path) -> list[Any]:
    items = group.get(key)
    if not isinstance(items, list) or len(items) > MAX_NAMES:
        raise ModelFileError(f"{path} has a weightsManifest without a list of {key}")
    return items


def _beside(path: Path, name: Any) -> Path:
    """A file of weights in the folder of the model."""
    if not isinstance(name, str) or not name or len(name) > 255:
        raise ModelFileError(f"{path} has no valid name for a file of weights")
    if name in (".", "..") or not name.isprintable() or set(name) & set('/\\:?*"<>|'):
        raise UnsafeModelError(
            f"{path} names a file of weights elsewhere ({name!r:.100}): expected a name in the "
            "same folder, not read"
        )
    part = check_inside(path.parent, name)
    if not os.path.isfile(part):  # noqa: PTH113 - never raises
        raise ModelFileError(
            f"the file of weights {part} is missing: expected it beside {path.name}, as it was "
            "exported"
        )
    return part


class _Entry:
    """A weight as the list of weights describes it."""

    def __init__(self, spec: Any, path: Path) -> None:
        name = spec.get("name") if isinstance(spec, dict) else None
        if not isinstance(name, str):
            raise ModelFileError(f"{path} holds a weight without a name")
        where = f"the weight '{name:.100}' of {path}"
        shape, dtype, packed = spec.get("shape"), spec.get("dtype"), spec.get("quantization")
        if not isinstance(shape, list) or not all(
            isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**31
            for size in shape
        ):
            raise ModelFileError(f"{where} has no shape: expected a list of sizes")
        if len(shape) > 8 or not isinstance(dtype, str) or dtype not in TYPES:
            raise ModelFileError(
                f"{where} is of the type {dtype!r:.40}: expected one of {', '.join(TYPES)}"
            )
        self.name = name
        self._shape, self._dtype = tuple(shape), np.dtype(TYPES[dtype])
        self._stored, self._scale, self._min = self._dtype, 1.0, 0.0
        if packed is not None:
            kind = packed.get("dtype") if isinstance(packed, dict) else None
            if not isinstance(kind, str) or kind not in PACKED:
                raise ModelFileError(
                    f"{where} is packed as {kind!r:.40}: expected one of {', '.join(PACKED)}"
                )
            self._stored = np.dtype(PACKED[kind])
            if kind != "float16":
                numbers = (packed.get("scale"), packed.get("min"))
                if not all(isinstance(n, int | float) and abs(n) < MAX_NUMBER for n in numbers):
                    raise ModelFileError(f"{where} is packed without a scale and a min")
                self._scale, self._min = map(float, numbers)
        self.bytes = math.prod(shape) * self._stored.itemsize

    def read(self, data: bytes, start: int) -> Array:
        """The values of the weight, unpacked: ``value = packed * scale + min``."""
        values = np.frombuffer(data, self._stored, math.prod(self._shape), start)
        if self._stored != self._dtype and self._stored.kind == "u":
            values = values * self._scale + self._min
            values = np.round(values) if self._dtype.kind in "iu" else values
        return values.astype(self._dtype).reshape(self._shape)


def _labels(path: Path) -> tuple[str, ...] | None:
    """The class names that Teachable Machine writes beside a model."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        document = parse_object(read_file(path, MAX_METADATA), str(path))
    except (ModelFileError, UnsafeModelError):
        return None
    labels = document.get("labels", document.get("wordLabels"))
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return None
    return tuple(label.strip()[:MAX_LABEL] for label in labels[:MAX_NAMES]) or None
