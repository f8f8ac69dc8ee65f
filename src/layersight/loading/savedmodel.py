"""SavedModel folders of Keras 2, read as data without TensorFlow.

Beside its graph such a folder keeps what Keras itself wrote: the configuration, as JSON in
``keras_metadata.pb`` (since TensorFlow 2.5) or in ``saved_model.pb`` (before), and the
weights in a checkpoint. The graph is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layersight.data.saved import Config, SavedNetwork
from layersight.errors import ModelFileError
from layersight.loading.bounded import check_inside, parse_json, read_file
from layersight.loading.bundle import DamagedError, fields, read_checkpoint
from layersight.loading.grouping import by_layer
from layersight.loading.rewrites import upgrade
from layersight.loading.rewrites.walking import check_bounds

GRAPH, METADATA = "saved_model.pb", "keras_metadata.pb"

MAX_GRAPH = 512 << 20
"""The longest ``saved_model.pb`` that is read, in bytes."""

WITHOUT = (
    "is a SavedModel folder without Keras layers, as model.export and TensorFlow itself write it: "
    "open the model where it was made and save it with model.save('model.keras')"
)


def read_saved_model(path: Path) -> SavedNetwork:
    """Reads and upgrades a SavedModel folder of Keras 2; nothing is built.

    Args:
        path: The folder.

    Raises:
        ModelFileError: It is damaged, or Keras did not write it.
        UnsafeModelError: It is far too large.
    """
    document = _root(path)
    config = document.get("model_config")
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        name = document.get("class_name")
        if isinstance(name, str):
            raise ModelFileError(
                f"{path} is a model of the class '{name:.100}', which its author wrote: layersight "
                "does not run code from a file. Open it from Python and pass the live model."
            )
        raise ModelFileError(f"{path} {WITHOUT}")
    check_bounds(config)
    config = _plain(config)
    version = document.get("keras_version")
    version = version[:40] if isinstance(version, str) else "2"
    weights, files = read_checkpoint(path, "variables/variables")
    upgraded, rewrites = upgrade(config, version)
    return SavedNetwork(
        path=path,
        kind="SavedModel",
        config=upgraded,
        weights=tuple(by_layer(config, weights)),
        keras_version=version,
        backend="tensorflow",
        rewrites=rewrites,
        digest="",
        size=sum(array.size for array in weights.values()),
        files=(path / (METADATA if (path / METADATA).exists() else GRAPH), *files),
    )


def _root(path: Path) -> Config:
    """What Keras noted of the outermost model."""
    beside = check_inside(path, METADATA).exists()
    file = check_inside(path, METADATA if beside else GRAPH)
    data = read_file(file, MAX_GRAPH)
    try:
        text = next(_noted_beside(data) if beside else _noted_in_graph(data), None)
        if text is None:
            raise ModelFileError(f"{path} {WITHOUT}")
        document = parse_json(text)
    except (DamagedError, ValueError, RecursionError, TypeError) as error:
        raise ModelFileError(f"{file} is damaged ({str(error)[:100]})") from error
    if not isinstance(document, dict):
        raise ModelFileError(f"{file} describes no model")
    return document


def _noted_beside(data: bytes) -> Iterator[bytes]:
    for number, node in fields(data):
        held = dict(fields(node)) if number == 1 else {}
        if held.get(3) == b"root" and isinstance(held.get(5), bytes):
            yield held[5]


def _noted_in_graph(data: bytes) -> Iterator[bytes]:
    """The first object of the first graph is the outermost model."""
    place: Any = data
    for number in (2, 7, 1, 4):
        place = next((value for key, value in fields(place) if key == number), b"")
    held = dict(fields(place))
    kind = held.get(1)
    ours = isinstance(kind, bytes) and kind.startswith(b"_tf_keras")
    if ours and isinstance(held.get(3), bytes):
        yield held[3]


def _plain(value: Any) -> Any:
    """A configuration in which tuples and shapes are lists, as in HDF5 files."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return _plain(value["items"])
    return {key: _plain(item) for key, item in value.items()}
