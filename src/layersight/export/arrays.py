"""Arrays on disk, from the axes that they declare, and results for pandas and xarray.

The rule of this module: zarr, pandas and xarray are imported only when they are used.
"""

from __future__ import annotations

import importlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from layersight.document.noun import Array, Json, Stack, noun_of
from layersight.errors import OutputError, UsageError
from layersight.export.manifest import dump_manifest

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset


MAX_COMMENT = 65_535  # the longest comment that a zip archive can hold, in bytes
NAME_BYTES = 200
"""The longest name of an array in a store, in UTF-8; a file system takes 255 with what follows."""
LARGEST = 4_000_000_000  # the most bytes of arrays in one archive


def to_npz(arrays: Mapping[str, Array], manifest: Json) -> bytes:
    """Arrays as a NumPy archive; the manifest is its comment.

    Not by ``numpy.savez``, for which no array may be called ``file``.
    """
    total = sum(array.values.dtype.itemsize * _count(array) for array in arrays.values())
    if total > LARGEST:
        raise OutputError(
            f"{len(arrays)} arrays take {total / 1e9:.1f} GB: an .npz holds at most "
            f"{LARGEST / 1e9:g} GB. Write .zarr, or choose fewer images, layers or targets."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # A new ZipInfo has a fixed date, so that the bytes stay the same.
            entry = zipfile.ZipInfo(f"{member_name(name)}.npy")
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, collect(array.values), allow_pickle=False)
        archive.comment = _comment(manifest)
    return buffer.getvalue()


def _count(array: Array) -> int:
    return int(np.prod(array.values.shape, dtype=np.int64))


def collect(values: NDArray[Any] | Stack) -> NDArray[Any]:
    """The numbers of an array; those of a stack are made one by one."""
    if not isinstance(values, Stack):
        return values
    result = np.empty(values.shape, values.dtype)
    for index in range(len(result)):
        result[index] = values.part(index)
    return result


def member_name(name: str) -> str:
    """The name of an array in an archive: it leads out of no folder and has no zero byte.

    The symbol for null replaces a zero, and leaders replace dots that mean a folder.

    Example:
        >>> member_name("body/conv"), member_name("../kernel") == "../kernel"
        ('body/conv', False)
    """
    parts = name.replace("\0", "\u2400").split("/")
    dots = {"": "_", ".": "\u2024", "..": "\u2024\u2024"}
    return "/".join(dots.get(part, part) for part in parts)


def _comment(manifest: Json) -> bytes:
    """The manifest; long lists of images, layers and maps are cut to what the comment can hold."""
    text = dump_manifest(manifest).encode()
    lists = [name for name in ("images", "layers", "heatmaps") if manifest.get(name)]
    while len(text) > MAX_COMMENT and any(manifest[name] for name in lists):
        longest = max(lists, key=lambda name: len(dump_manifest(manifest[name])))
        count = len(manifest[longest]) // 2
        left_out = manifest.get(f"{longest}_left_out", 0) + len(manifest[longest]) - count
        manifest |= {longest: manifest[longest][:count], f"{longest}_left_out": left_out}
        text = dump_manifest(manifest).encode()
    return text[:MAX_COMMENT]


def write_zarr(arrays: Mapping[str, Array], folder: Path, manifest: Json) -> None:
    """A Zarr store (version 3) whose attribute ``layersight`` is the manifest.

    Axes that an array shares with no other have its name in front (``conv2d_y``), so that xarray
    opens the store as one data set. What no name of a file can have becomes ``.``.
    """
    try:
        import zarr
    except ImportError as error:
        raise OutputError(
            "writing .zarr needs the package zarr: pip install 'layersight[zarr]', or write .npz"
        ) from error
    root = zarr.open_group(
        str(folder), mode="w", zarr_format=3, attributes={"layersight": manifest}
    )
    for node, axes, array in nodes({n: array for n, array in arrays.items() if array.stored}):
        values = array.values
        stored = root.create_array(
            node,
            shape=values.shape,
            dtype=values.dtype.name,
            chunks=tuple(
                1 if axis in array.split else size
                for axis, size in zip(array.axes, values.shape, strict=True)
            ),
            dimension_names=axes,
            attributes=dict(array.attributes),
        )
        if isinstance(values, Stack):
            for index in range(values.shape[0]):
                stored[index] = values.part(index)
        else:
            stored[...] = values


def nodes(arrays: Mapping[str, Array]) -> Iterator[tuple[str, tuple[str, ...], Array]]:
    """The arrays of a store or data set, each with its name there and the names of its axes."""
    shared = {
        axis for array in arrays.values() for axis in array.axes if axis not in array.own_axes
    }
    taken = {*shared, "zarr.json"}
    for name, array in arrays.items():
        node = _node_name(name, array, taken)
        yield node, _axes(array, node), array


def _axes(array: Array, node: str) -> tuple[str, ...]:
    return tuple(f"{node}_{axis}" if axis in array.own_axes else axis for axis in array.axes)


def _node_name(name: str, array: Array, taken: set[str]) -> str:
    """A name that a store can have, and that no other array or axis has; it is then taken."""
    plain = re.sub(r"[/\\\x00-\x1f\x7f]", ".", name)
    plain = plain.encode("utf-8", "replace")[:NAME_BYTES].decode("utf-8", "ignore")
    node = plain if plain.strip(".") and not plain.startswith("__") else f"layer{plain}"

    def names() -> set[str]:
        return {node, *(axis for axis in _axes(array, node) if axis not in array.axes)}

    while taken & names():
        node += "_"
    taken |= names()
    return node


def to_dataframe(result: object) -> DataFrame:
    """The numbers of a result, a row for each channel, pattern, filter, heatmap or layer."""
    noun = noun_of(result)
    if noun.rows is None:
        raise UsageError(f"the result '{noun.name}' holds no table: take its attributes")
    pandas = _package("pandas", "a table", "write .json with save()")
    heads, *rows = noun.rows(result)
    table: DataFrame = pandas.DataFrame.from_records(rows, columns=[str(head) for head in heads])
    return table


def to_xarray(result: object) -> Dataset:
    """The arrays of a result; axes that one array alone has are named after it."""
    noun = noun_of(result)
    if noun.arrays is None:
        raise UsageError(f"the result '{noun.name}' holds no arrays: take its attributes")
    xarray = _package("xarray", "a data set", "write .npz with save()")
    arrays = {name: array for name, array in noun.arrays(result).items() if array.stored}
    data: Dataset = xarray.Dataset(
        {
            node: (axes, collect(array.values), dict(array.attributes))
            for node, axes, array in nodes(arrays)
        }
    )
    return data


def _package(name: str, what: str, instead: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise OutputError(
            f"{what} of {name} needs the package {name}: pip install 'layersight[{name}]', or "
            f"{instead}"
        ) from error
