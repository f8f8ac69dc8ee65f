"""Activations as arrays on disk: one NumPy archive, or a Zarr store."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.errors import OutputError
from layersight.export.manifest import Manifest, dump_manifest, manifest_of
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation

MAX_COMMENT = 65_535
"""The longest comment that a zip archive can hold, in bytes."""


NAME_BYTES = 200
"""The longest name of an array in a store, in UTF-8; a file system takes 255 with what follows."""


def to_npz(result: Activations, options: PictureOptions) -> bytes:
    """One array for each layer, keyed by its name; the manifest is the archive's comment."""
    return archive_of(result, manifest_of(result, options))


def archive_of(arrays: Mapping[str, NDArray[Any]], manifest: Manifest) -> bytes:
    """Arrays as a NumPy archive.

    Not by ``numpy.savez``, for which no array may be called ``file``.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            # A ZipInfo of its own has a fixed date, so that the bytes stay the same.
            entry = zipfile.ZipInfo(f"{member_name(name)}.npy")
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)
        archive.comment = _comment(manifest)
    return buffer.getvalue()


def member_name(name: str) -> str:
    """The name of an array in an archive: one that leads out of no folder, and has no zero.

    A zero would end it, so its picture stands for it; dots that mean a folder become leaders.

    Example:
        >>> member_name("body/conv"), member_name("../kernel") == "../kernel"
        ('body/conv', False)
    """
    parts = name.replace("\0", "\u2400").split("/")
    dots = {"": "_", ".": "\u2024", "..": "\u2024\u2024"}
    return "/".join(dots.get(part, part) for part in parts)


def _comment(manifest: Manifest) -> bytes:
    """The manifest; of very many images, layers and maps only as many as the comment can hold."""
    text = dump_manifest(manifest).encode()
    lists = [name for name in ("images", "layers", "heatmaps") if manifest.get(name)]
    while len(text) > MAX_COMMENT and any(manifest[name] for name in lists):
        longest = max(lists, key=lambda name: len(dump_manifest(manifest[name])))
        kept = len(manifest[longest]) // 2
        left_out = manifest.get(f"{longest}_left_out", 0) + len(manifest[longest]) - kept
        manifest |= {longest: manifest[longest][:kept], f"{longest}_left_out": left_out}
        text = dump_manifest(manifest).encode()
    return text[:MAX_COMMENT]


def write_zarr(result: Activations, folder: Path, options: PictureOptions) -> None:
    """A Zarr store (version 3): one array for each layer, a chunk for each channel.

    The axes have names of their own in each layer (``conv2d_y``), so that xarray opens the
    store as one data set. A ``/`` in a layer's name becomes ``.``; the attribute ``layer``
    keeps the name as it is.

    Raises:
        OutputError: The package ``zarr`` is not installed.
    """
    root = open_store(folder, manifest_of(result, options))
    taken = {"image", "zarr.json"}
    for entry in result.layers:
        name = _node_name(entry, taken)
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


def open_store(folder: Path, manifest: Manifest) -> Any:
    """An empty Zarr store whose attribute ``layersight`` is the manifest.

    Raises:
        OutputError: The package ``zarr`` is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise OutputError(
            "writing .zarr needs the package zarr: pip install 'layersight[zarr]', or write .npz"
        ) from error
    return zarr.open_group(
        str(folder), mode="w", zarr_format=3, attributes={"layersight": manifest}
    )


def _node_name(entry: LayerActivation, taken: set[str]) -> str:
    """A name that a store can have, and that no other array or axis has; it is then taken."""
    plain = re.sub(r"[/\\\x00-\x1f\x7f]", ".", entry.name)
    plain = plain.encode("utf-8", "replace")[:NAME_BYTES].decode("utf-8", "ignore")
    name = plain if plain.strip(".") and not plain.startswith("__") else f"layer{plain}"
    while taken & {name, *_axes(entry, name)[1:]}:
        name += "_"
    taken.update((name, *_axes(entry, name)[1:]))
    return name


def _chunks(entry: LayerActivation) -> tuple[int, ...]:
    shape = entry.values.shape
    return (1, *shape[1:-1], 1) if entry.has_maps else (1, *shape[1:])


def _axes(entry: LayerActivation, name: str) -> tuple[str, ...]:
    spatial = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
    rank = entry.values.ndim - 2
    inner: Sequence[str] = spatial.get(rank, tuple(f"axis{number}" for number in range(rank)))
    last = "channel" if entry.has_maps else "unit"
    if entry.layer.axes is not None:
        *inner, last = entry.layer.axes
    return ("image", *(f"{name}_{axis}" for axis in (*inner, last)))
