"""Heatmaps as arrays on disk: one NumPy archive, or a Zarr store.

The rule of this module: heat is written in the image's own size, with NaN where the network saw
nothing, and beside it as the network's input has it; the map is the first axis.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.errors import OutputError
from layersight.export.arrays import archive_of, open_store
from layersight.export.manifest import manifest_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import placed
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import target_name

LARGEST = 4_000_000_000
"""Bytes of heat that one archive holds at most."""


def sizes_of(result: Heatmaps) -> list[tuple[int, int]]:
    """Height and width of each map's photograph."""
    found = []
    for entry in result:
        height, width = result.photographs[entry.image].pixels.shape[:2]
        found.append((int(height), int(width)))
    return found


def heat_of(result: Heatmaps, place: int) -> FloatArray:
    """A map in the size of its photograph, ``(height, width)`` float32."""
    entry = result.maps[place]
    return placed(entry, result.photographs[entry.image])


def numbers_of(result: Heatmaps) -> dict[str, NDArray[Any]]:
    """Every number of the maps by name, but the heat on the photographs."""
    return {
        "values": np.stack([entry.values for entry in result]).astype(np.float32),
        "image": np.array([entry.image for entry in result], np.int64),
        "target": np.array([entry.target.unit for entry in result], np.int64),
        "score": np.array([entry.score for entry in result], np.float32),
        "explained": np.array([entry.explained for entry in result], np.float32),
        "ground": np.array([entry.ground for entry in result], np.float32),
        "signed": np.array([entry.signed for entry in result], np.bool_),
        "empty": np.array([entry.empty for entry in result], np.bool_),
    }


def words_of(result: Heatmaps) -> dict[str, list[str]]:
    """What is text of each map, by name."""
    return {
        "image_name": [result.images[entry.image].name for entry in result],
        "method": [entry.method for entry in result],
        "layer": [" + ".join(entry.layers) for entry in result],
        "target_name": [target_name(result, entry) for entry in result],
    }


def to_npz(result: Heatmaps, options: HeatOptions) -> bytes:
    """All arrays by name; for photographs of several sizes ``heatmap_000`` and so on.

    Raises:
        OutputError: The heat would be too large for one archive.
    """
    sizes = sizes_of(result)
    total = sum(4 * height * width for height, width in sizes)
    if total > LARGEST:
        raise OutputError(
            f"{len(result)} heatmaps in their images' own size take {total / 1e9:.1f} GB: an "
            f".npz holds at most {LARGEST / 1e9:g} GB. Write .zarr, or choose fewer images, "
            "targets or methods."
        )
    if len(set(sizes)) == 1:
        maps = (heat_of(result, place) for place in range(len(result)))
        heat = np.empty((len(result), *sizes[0]), np.float32)
        for place, found in enumerate(maps):
            heat[place] = found
        arrays: dict[str, NDArray[Any]] = {"heatmap": heat}
    else:
        arrays = {f"heatmap_{place:03d}": heat_of(result, place) for place in range(len(result))}
    words = {name: np.array(lines, np.str_) for name, lines in words_of(result).items()}
    return archive_of({**arrays, **numbers_of(result), **words}, manifest_of(result, options))


def write_zarr(result: Heatmaps, folder: Path, options: HeatOptions) -> None:
    """A Zarr store (version 3): a chunk for each map, axes by name.

    What is text of each map are attributes of the array ``values``.

    Raises:
        OutputError: The package ``zarr`` is not installed.
    """
    root = open_store(folder, manifest_of(result, options))
    sizes = sizes_of(result)
    if len(set(sizes)) == 1:
        shape = (len(result), *sizes[0])
        array = _array(root, "heatmap", shape, "float32", ("map", "y", "x"), first=1)
        for place in range(len(result)):
            array[place] = heat_of(result, place)
    else:
        for place, size in enumerate(sizes):
            name = f"heatmap_{place:03d}"
            axes = (f"{name}_y", f"{name}_x")
            _array(root, name, size, "float32", axes)[...] = heat_of(result, place)
    for name, values in numbers_of(result).items():
        names = ("map", "input_y", "input_x")[: values.ndim]
        text = words_of(result) if name == "values" else {}
        first = 1 if values.ndim > 1 else 0
        kind = values.dtype.name
        _array(root, name, values.shape, kind, names, first=first, text=text)[...] = values


def _array(
    root: Any,
    name: str,
    shape: tuple[int, ...],
    kind: str,
    axes: tuple[str, ...],
    *,
    first: int = 0,
    text: dict[str, list[str]] | None = None,
) -> Any:
    """A new array of a store; a chunk for each place along its ``first`` axes."""
    return root.create_array(
        name,
        shape=shape,
        dtype=kind,
        chunks=(*(1,) * first, *shape[first:]),
        dimension_names=axes,
        attributes=text or {},
    )
