"""A file of weights alone, read together with the configuration that it belongs to."""

from __future__ import annotations

from pathlib import Path

from layersight.data.saved import Config, SavedNetwork
from layersight.errors import ModelFileError
from layersight.loading.bounded import MAX_CONFIG, parse_json, read_file
from layersight.loading.bundle import read_checkpoint
from layersight.loading.checkpoint import find_checkpoint
from layersight.loading.grouping import by_layer
from layersight.loading.reader import read_contents
from layersight.loading.recognise import recognise
from layersight.loading.rewrites import upgrade


def read_weights_alone(path: Path, architecture: Path) -> SavedNetwork:
    """Reads weights and configuration from two files.

    Args:
        path: A file of ``model.save_weights``, or a checkpoint of TensorFlow.
        architecture: A JSON file of ``model.to_json``.

    Raises:
        ModelFileError: One is missing, damaged, or something else.
        UnsafeModelError: One reaches out of itself or is far too large.
    """
    return read_weights_of(path, read_configuration(architecture))


def read_weights_of(path: Path, config: Config) -> SavedNetwork:
    """Reads a file of weights, of any version of Keras, for a network that is known.

    Args:
        path: A file of ``model.save_weights``, or a checkpoint of TensorFlow; a whole model
            serves too.
        config: The configuration of the network, empty if Keras has it.

    Raises:
        ModelFileError: It is missing or damaged, or holds no weights.
        UnsafeModelError: It reaches out of itself.
    """
    place = find_checkpoint(path)
    if place is not None:
        return _read_checkpoint(path, place, config)
    if not path.is_file():
        raise ModelFileError(f"no file of weights {path}")
    kind = recognise(path)
    if kind in ("tfjs", "savedmodel"):
        raise ModelFileError(
            f"{path} is a whole model: open it without --architecture and --weights"
        )
    held = read_contents("archive" if kind == "keras" else "weights", path)
    version = held.version or _text(config.get("keras_version"))
    backend = held.backend or _text(config.get("backend"))
    upgraded, rewrites = upgrade(config, version) if config else (config, ())
    return SavedNetwork(
        path=path,
        kind="weights in HDF5",
        config=upgraded,
        weights=None if held.layers is None else tuple(held.layers),
        keras_version=version,
        backend=backend,
        rewrites=rewrites,
        digest="",
        size=held.size,
        store=held.store,
    )


def _read_checkpoint(path: Path, place: tuple[Path, str], config: Config) -> SavedNetwork:
    """The weights of a checkpoint of TensorFlow, for a network that is known."""
    weights, files = read_checkpoint(*place)
    version = _text(config.get("keras_version"))
    upgraded, rewrites = upgrade(config, version) if config else (config, ())
    return SavedNetwork(
        path=path,
        kind="TensorFlow checkpoint",
        config=upgraded,
        weights=tuple(by_layer(config, weights)),
        keras_version=version,
        backend="tensorflow",
        rewrites=rewrites,
        digest="",
        size=sum(array.size for array in weights.values()),
        files=tuple(files),
    )


def read_configuration(path: Path) -> Config:
    """The configuration of a network from a JSON file.

    Raises:
        ModelFileError: It is missing or describes no network.
        UnsafeModelError: It is far too large.
    """
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


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
