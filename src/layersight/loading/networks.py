"""Networks as data: an upgraded configuration, and the weights of its layers.

:func:`make_network` serves every kind of file, and live models of the package ``tf_keras``
(``TF_USE_LEGACY_KERAS=1``), which are asked for both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from layersight.data.arrays import Array
from layersight.data.saved import Config, LayerWeights, SavedNetwork
from layersight.errors import ModelFileError, shortened
from layersight.loading.bounded import MAX_CONFIG, parse_json, read_file
from layersight.loading.bundle import read_checkpoint
from layersight.loading.checkpoint import find_checkpoint
from layersight.loading.contents import Contents
from layersight.loading.frameworks import packages_of
from layersight.loading.reader import read_contents
from layersight.loading.recognise import recognise
from layersight.loading.rewrites import upgrade
from layersight.loading.rewrites.walking import each_layer, layers_of, name_of

# The weights of a layer in the order of Keras.
ORDER = (
    *("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings"),
    *("bias", "gamma", "beta", "moving_mean", "moving_variance"),
)


def make_network(
    path: Path, kind: str, config: Config, version: str | None, contents: Contents, **more: Any
) -> SavedNetwork:
    """Upgrades a configuration and joins it with the weights.

    ``config`` is as saved, and empty for an architecture that Keras builds.
    """
    upgraded, rewrites = upgrade(config, version) if config else (config, ())
    return SavedNetwork(
        path=path,
        kind=kind,
        config=upgraded,
        weights=None if contents.layers is None else tuple(contents.layers),
        keras_version=version,
        rewrites=rewrites,
        size=contents.size,
        store=contents.store,
        **({"backend": contents.backend} | more),
    )


def read_hdf5(path: Path) -> SavedNetwork:
    """Reads a model in HDF5, as Keras 1 and 2 wrote them."""
    contents = read_contents("model", path)
    config = parse_object(contents.texts.get("config", b""), f"{path} has a configuration that")
    return make_network(path, "legacy HDF5", config, contents.version, contents)


def read_archive(path: Path) -> SavedNetwork:
    """Reads a ``.keras`` file."""
    contents = read_contents("archive", path)
    config = parse_object(contents.texts.get("config", b""), f"config.json in {path}")
    metadata = parse_object(contents.texts.get("metadata", b"{}"), f"metadata.json in {path}")
    version = metadata.get("keras_version")
    version = None if version is None else str(version)[:40]
    return make_network(path, ".keras archive", config, version, contents)


def read_weights(path: Path, config: Config) -> SavedNetwork:
    """Reads a file of weights, of any version of Keras, for a given network.

    ``path`` is a file of ``model.save_weights``, a checkpoint of TensorFlow, or a whole model;
    ``config`` is empty for an architecture that Keras builds.
    """
    version, backend = _text(config.get("keras_version")), _text(config.get("backend"))
    checkpoint = find_checkpoint(path)
    if checkpoint is not None:
        weights, files = read_checkpoint(*checkpoint)
        contents = group_by_layer(config, weights)
        more = {"backend": "tensorflow", "files": tuple(files)}
        return make_network(path, "TensorFlow checkpoint", config, version, contents, **more)
    if not path.is_file():
        raise ModelFileError(f"no file of weights {path}")
    kind = recognise(path)
    if kind in ("tfjs", "savedmodel"):
        raise ModelFileError(
            f"{path} is a whole model: open it without --architecture and --weights"
        )
    contents = read_contents("archive" if kind == "keras" else "weights", path)
    version, backend = contents.version or version, contents.backend or backend
    return make_network(path, "weights in HDF5", config, version, contents, backend=backend)


def read_configuration(path: Path) -> Config:
    """Reads the configuration of a network from a JSON file of ``model.to_json``."""
    try:
        config = parse_json(read_file(path, MAX_CONFIG))
    except (ModelFileError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"cannot read the architecture {path}: expected the name of an architecture such as "
            f"VGG16, or a JSON file of model.to_json() ({str(error)[:100]})"
        ) from error
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelFileError(
            f"{path} describes no network: expected a JSON file of model.to_json()"
        )
    return config


def parse_object(text: bytes, what: str) -> dict[str, Any]:
    """Parses a JSON text that has to be an object."""
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is not JSON ({shortened(str(error), 120)})") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{what} describes no model")
    return value


def group_by_layer(config: Config, weights: Mapping[str, Array]) -> Contents:
    """Groups weights by the layers of the outermost model, as HDF5 files do."""
    owners: dict[str, str] = {}
    for layer in layers_of(config):
        for inner in (layer, *each_layer(layer)):
            owners.setdefault(name_of(inner), name_of(layer))
    grouped: dict[str, dict[str, list[str]]] = {}
    for name in weights:
        path = name.rpartition("/")[0]
        grouped.setdefault(_owner(path, owners), {}).setdefault(path, []).append(name)
    layers = []
    for owner, paths in grouped.items():
        names = [name for group in paths.values() for name in sorted(group, key=_rank)]
        layers.append(LayerWeights(owner, tuple(names), tuple(weights[name] for name in names)))
    return Contents(layers=layers)


def _owner(path: str, owners: dict[str, str]) -> str:
    """The layer of the outermost model that has the weight at a path.

    >>> _owner("forward_lstm", {"both": "both", "lstm": "both"})
    'both'
    """
    parts = path.split("/")
    for part in (path, *reversed(parts)):
        for name in (part, part.removeprefix("forward_"), part.removeprefix("backward_")):
            if name in owners:
                return owners[name]
    return parts[0]


def _rank(name: str) -> int:
    last = name.rpartition("/")[2]
    return ORDER.index(last) if last in ORDER else len(ORDER)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


# Classes of models whose configuration describes what they compute.
GRAPHS = ("Sequential", "Functional", "Model")


def is_keras_2(model: Any) -> bool:
    """Whether an object is a model of the package ``tf_keras``."""
    return "tf_keras" in packages_of(model) and hasattr(model, "to_json")


def read_live(model: Any) -> SavedNetwork:
    """Reads configuration and weights of a live model of Keras 2."""
    unusable = ModelFileError(
        f"expected a sequential or functional model of tf_keras, found {type(model).__name__}, "
        "which has no configuration of its own: build it with Keras 3 and pass that"
    )
    try:
        config = json.loads(model.to_json())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise unusable from error
    if config.get("class_name") not in GRAPHS:
        raise unusable
    version = str(config.get("keras_version", "2"))
    layers = []
    for layer in model.layers:  # in the order in which Keras 2 saves its weights
        variables = [*layer.trainable_weights, *layer.non_trainable_weights]
        names = tuple(str(variable.name) for variable in variables)
        arrays = tuple(np.asarray(variable.numpy()) for variable in variables)
        layers.append(LayerWeights(layer.name, names, arrays))
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for layer in layers:
        for array in layer.arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    return make_network(
        Path("a live model of tf_keras"),
        f"Keras {version}",
        config,
        version,
        Contents(layers=layers),
        backend="tensorflow",
        digest=f"sha256:{digest.hexdigest()}",
    )
