"""The contents of a model file as data: a configuration and weights, no objects."""

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
    """The weights of one layer of the outermost model in a file."""

    layer: str  # the layer's name in the file
    names: tuple[str, ...]  # the name of each weight
    arrays: tuple[NDArray[np.generic], ...]  # its values


@dataclass(frozen=True, eq=False, slots=True)
class SavedNetwork:
    """A model file, read and upgraded but not yet built."""

    path: Path  # the file
    kind: str  # what it is, in words
    config: Config  # class name and configuration of the outermost model, as Keras 3 takes it
    # layer by layer, where the file keeps them so (legacy HDF5)
    weights: tuple[LayerWeights, ...] | None = None
    keras_version: str | None = None  # the version that wrote it, if known
    backend: str | None = None  # the backend that wrote it, if known
    rewrites: tuple[str, ...] = ()  # what was changed in the configuration, in words
    digest: str = ""  # sha256: and the digest of the file
    # the number of values of its weights, which its network may not exceed; None if not known
    size: int | None = None
    # The weights by their path in a store of Keras 3, which follows the attributes of objects
    # (layers/conv2d/vars/0), if the file is one.
    store: Mapping[str, NDArray[np.generic]] | None = field(default=None, repr=False)
    files: tuple[Path, ...] = ()  # all files that it was read from, if there are several
    labels: tuple[str, ...] | None = None  # the names of the classes, if they were saved with it

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts of the file for the model's description."""
        return {"source": str(self.path), "digest": self.digest, "rewrites": self.rewrites}
