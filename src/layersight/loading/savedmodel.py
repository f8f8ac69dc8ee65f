"""SavedModel folders of Keras 2, read as data without TensorFlow.

Beside its graph such a folder has what Keras itself wrote: the configuration, as JSON in
``keras_metadata.pb`` (since TensorFlow 2.5) or in ``saved_model.pb`` (before), and the
weights in a checkpoint. The graph is not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layersight.data.saved import Config, SavedNetwork
from layersight.errors import ModelFileError
from layersight.loading.bounded import check_inside, parse_json, read_file
from layersight.loading.bundle import DamagedError, fields, read_checkpoint
from layersight.loading.networks import group_by_layer, make_network
from layersight.loading.rewrites.walking import check_bounds

GRAPH, METADATA = "saved_model.pb", "keras_metadata.pb"

MAX_GRAPH = 512 << 20  # bytes

WITHOUT = (
    "is a SavedModel folder without Keras layers, as model.export and TensorFlow itself write it: "
    "open the model where it was made and save it with model.save('model.keras')"
)


def read_saved_model(path: Path) -> SavedNetwork:
    """Reads and upgrades a SavedModel folder of Keras 2; nothing is built."""
    document, file = _root(path)
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
    config = _with_lists(config)
    version = document.get("keras_version")
    version = version[:40] if isinstance(version, str) else "2"
    weights, files = read_checkpoint(path, "variables/variables")
    contents = group_by_layer(config, weights)
    more = {"backend": "tensorflow", "files": (file, *files)}
    return make_network(path, "SavedModel", config, version, contents, **more)


def _root(path: Path) -> tuple[Config, Path]:
    """What Keras wrote about the outermost model, and the file that it is in."""
    beside = check_inside(path, METADATA).exists()
    file = check_inside(path, METADATA if beside else GRAPH)
    data = read_file(file, MAX_GRAPH)
    try:
        text = _from_metadata(data) if beside else _from_graph(data)
        if text is None:
            raise ModelFileError(f"{path} {WITHOUT}")
        document = parse_json(text)
    except (DamagedError, ValueError, RecursionError, TypeError) as error:
        raise ModelFileError(f"{file} is damaged ({str(error)[:100]})") from error
    if not isinstance(document, dict):
        raise ModelFileError(f"{file} describes no model")
    return document, file


def _from_metadata(data: bytes) -> bytes | None:
    for number, node in fields(data):
        values = dict(fields(node)) if number == 1 else {}
        if values.get(3) == b"root" and isinstance(values.get(5), bytes):
            return bytes(values[5])
    return None


def _from_graph(data: bytes) -> bytes | None:
    """The first object of the first graph is the outermost model."""
    node: Any = data
    for number in (2, 7, 1, 4):
        node = next((value for key, value in fields(node) if key == number), b"")
    values = dict(fields(node))
    kind, text = values.get(1), values.get(3)
    is_keras = isinstance(kind, bytes) and kind.startswith(b"_tf_keras")
    return text if is_keras and isinstance(text, bytes) else None


def _with_lists(value: Any) -> Any:
    """A configuration in which tuples and shapes are lists, as in HDF5 files."""
    if isinstance(value, list):
        return [_with_lists(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return _with_lists(value["items"])
    return {key: _with_lists(item) for key, item in value.items()}
