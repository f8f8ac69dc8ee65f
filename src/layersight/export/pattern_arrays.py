"""Patterns as arrays on disk: one NumPy archive, or a Zarr store.

The rule of this module: whatever a result holds is in the file under its own name, with the
pattern as the first axis.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.export.arrays import archive_of, open_store
from layersight.export.manifest import manifest_of
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.result import Patterns

AXES = {
    "images": ("pattern", "y", "x", "colour"),
    "activation": ("pattern",),
    "start_activation": ("pattern",),
    "robustness": ("pattern",),
    "dead": ("pattern",),
    "converged": ("pattern",),
    "steps": ("pattern",),
    "values": ("pattern", "y", "x", "band"),
    "history": ("pattern", "step"),
    "natural": ("pattern", "mark"),
    "percentile": ("pattern",),
    "transparency": ("pattern", "y", "x"),
    "frames": ("frame", "pattern", "y", "x", "colour"),
}
"""The arrays of a result and the names of their axes."""


def arrays_of(result: Patterns) -> dict[str, NDArray[Any]]:
    """Every array of a result by name; ``natural`` is median, 99th percentile, greatest."""
    found = {name: getattr(result, name) for name in AXES}
    return {
        **{name: np.asarray(array) for name, array in found.items() if array is not None},
        "failed": result.failed,
        "channel": np.array(result.channels, np.int64),
        "facet": np.array([objective.facet for objective in result], np.int64),
        **({"frame_steps": np.array(result.frame_steps, np.int64)} if result.frame_steps else {}),
    }


def to_npz(result: Patterns, options: GalleryOptions) -> bytes:
    """All arrays by name; ``layer`` and ``objective`` are text for each pattern."""
    words = {
        "layer": np.array(result.layers, np.str_),
        "objective": np.array([objective.describe() for objective in result], np.str_),
    }
    return archive_of({**arrays_of(result), **words}, manifest_of(result, options))


def write_zarr(result: Patterns, folder: Path, options: GalleryOptions) -> None:
    """A Zarr store (version 3): a chunk for each pattern, axes by name.

    The names of the layers are the attribute ``layer`` of the array ``images``, the
    objectives its attribute ``objective``.

    Raises:
        OutputError: The package ``zarr`` is not installed.
    """
    root = open_store(folder, manifest_of(result, options))
    words = {
        "layer": list(result.layers),
        "objective": [objective.describe() for objective in result],
    }
    axes = {
        **AXES,
        "failed": ("pattern",),
        "channel": ("pattern",),
        "facet": ("pattern",),
        "frame_steps": ("frame",),
    }
    for name, values in arrays_of(result).items():
        names = axes[name]
        first = (1,) * (names.index("pattern") + 1 if values.ndim > 1 else 0)
        array = root.create_array(
            name,
            shape=values.shape,
            dtype=values.dtype.name,
            chunks=(*first, *values.shape[len(first) :]),
            dimension_names=names,
            attributes=words if name == "images" else {},
        )
        array[...] = values
