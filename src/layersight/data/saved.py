"""What a model file holds, as data: a configuration and weights, no objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Config = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class LayerWeights:
    """The weights that a file holds for one layer of the outermost model.

    Attributes:
        layer: The layer's name in the file.
        names: The name of each weight.
        arrays: Its values.
    """

    layer: str
    names: tuple[str, ...]
    arrays: tuple[NDArray[np.generic], ...]


@dataclass(frozen=True, eq=False, slots=True)
class SavedNetwork:
    """A model file, read and upgraded but not yet built.

    Attributes:
        path: The file.
        kind: What it is, in words.
        config: Class name and configuration of the outermost model, as Keras 3 takes it.
        weights: Layer by layer, where the file keeps them so (legacy HDF5).
        keras_version: The version that wrote it, if it says so.
        backend: The backend that wrote it, if it says so.
        rewrites: What was changed in the configuration, in words.
        digest: ``sha256:`` and the digest of the file.
        size: The number of values of its weights, which no network of it may exceed; ``None``
            if that is not known.
        store: The weights by their path in a store of Keras 3, which follows the attributes of
            objects (``layers/conv2d/vars/0``), if the file is one.
        files: All files that it was read from, if there are several.
        labels: The names of the classes, if they were saved with it.
    """

    path: Path
    kind: str
    config: Config
    weights: tuple[LayerWeights, ...] | None = None
    keras_version: str | None = None
    backend: str | None = None
    rewrites: tuple[str, ...] = ()
    digest: str = ""
    size: int | None = None
    store: Mapping[str, NDArray[np.generic]] | None = field(default=None, repr=False)
    files: tuple[Path, ...] = ()
    labels: tuple[str, ...] | None = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a model should remember of its file."""
        return {"source": str(self.path), "digest": self.digest, "rewrites": self.rewrites}
