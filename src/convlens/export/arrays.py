"""Activations as arrays on disk: one NumPy archive, or a Zarr store."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from convlens.errors import OutputError
from convlens.export.manifest import dump_manifest
from convlens.render.options import PictureOptions
from convlens.results import Activations, LayerActivation

MAX_COMMENT = 65_535
"""The longest comment that a zip archive can hold, in bytes."""


def to_npz(result: Activations, options: PictureOptions) -> bytes:
    """One array for each layer, keyed by its name; the manifest is the archive's comment."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = dict(result)
    np.savez(buffer, **arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        comment = dump_manifest(result, options).encode()
        if len(comment) <= MAX_COMMENT:
            archive.comment = comment
    return buffer.getvalue()


def write_zarr(result: Activations, folder: Path, manifest: dict[str, Any]) -> None:
    """A Zarr store (version 3): one array for each layer, a chunk for each channel.

    The axes have names of their own in each layer (``conv2d_y``), so that xarray opens the
    store as one data set. A ``/`` in a layer's name becomes ``.``; the attribute ``layer``
    keeps the name as it is.

    Raises:
        OutputError: The package ``zarr`` is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise OutputError(
            "writing .zarr needs the package zarr: pip install 'convlens[zarr]', or write .npz"
        ) from error
    root = zarr.open_group(str(folder), mode="w", zarr_format=3, attributes={"convlens": manifest})
    for entry in result.layers:
        name = entry.name.replace("/", ".")
        array = root.create_array(
            name,
            shape=entry.values.shape,
            dtype="float32",
            chunks=_chunks(entry),
            dimension_names=_axes(entry, name),
            attributes={
                "layer": entry.name,
                "type": entry.layer.type,
                "channels": list(entry.channels),
            },
        )
        array[...] = entry.values


def _chunks(entry: LayerActivation) -> tuple[int, ...]:
    shape = entry.values.shape
    return (1, *shape[1:-1], 1) if entry.has_maps else (1, *shape[1:])


def _axes(entry: LayerActivation, name: str) -> tuple[str, ...]:
    spatial = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
    rank = entry.values.ndim - 2
    inner = spatial.get(rank, tuple(f"axis{number}" for number in range(rank)))
    last = "channel" if entry.has_maps else "unit"
    return ("image", *(f"{name}_{axis}" for axis in (*inner, last)))
