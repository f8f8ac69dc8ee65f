"""The configuration that a file holds as text, read as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layersight.data.saved import Config
from layersight.errors import ModelFileError, shortened
from layersight.loading.bounded import parse_json
from layersight.loading.contents import Contents

MAX_VERSION = 40
"""How much of a version is kept."""


def parse_model(held: Contents, path: Path) -> tuple[Config, str | None]:
    """The configuration in an HDF5 file, and the version of Keras that wrote it.

    Raises:
        ModelFileError: It is no configuration.
    """
    return _parse(held.texts.get("config", b""), f"{path} has a configuration that"), held.version


def parse_archive(held: Contents, path: Path) -> tuple[Config, str | None]:
    """The configuration in a ``.keras`` file, and the version of Keras that wrote it.

    Raises:
        ModelFileError: It is no configuration.
    """
    config = _parse(held.texts.get("config", b""), f"config.json in {path}")
    metadata = _parse(held.texts.get("metadata", b"{}"), f"metadata.json in {path}")
    version = metadata.get("keras_version")
    return config, None if version is None else str(version)[:MAX_VERSION]


def _parse(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is no JSON ({shortened(str(error), 120)})") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{what} describes no model")
    return value
