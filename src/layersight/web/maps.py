"""Feature maps as bytes with their scale, as a page draws them.

The rule of this module: maps are sent as integers of two bytes, which look the same as the values
themselves at any contrast; those of a layer that would take long to send have one byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo
from layersight.errors import ModelInputError
from layersight.nouns.activations.result import LayerActivation

LARGE = 1 << 21
"""Values of a layer above which each is sent as one byte."""

COLUMNS = ("low", "high", "mean", "std", "min", "max", "sparsity", "dead", "finite")
"""Columns of the table of channels: the range of the integers, and the statistics."""

_LEVELS = {"u8": 254, "u16": 65534}
"""The integer of the greatest value; the one above it stands for no finite number."""

KINDS = {1: "units", 2: "signal", 3: "maps", 4: "volume"}
"""Kinds of output for one image, by the number of axes."""


def kind_of(layer: LayerInfo) -> str:
    """The kind of a layer's output, one of :data:`KINDS`, or ``"other"``."""
    shape = layer.example_shape
    return "other" if shape is None else KINDS.get(len(shape), "other")


@dataclass(frozen=True, eq=False, slots=True)
class PackedMaps:
    """The maps of a layer, ready to be sent.

    Attributes:
        shape: Height and width of a map.
        dtype: ``"u8"``, ``"u16"`` or ``"f32"``.
        maps: ``(channel, height, width)``.
        table: ``(column, channel)`` float32, by :data:`COLUMNS`.
        slice: Of a volume the index of the slice and the number of slices; else ``None``.
    """

    shape: tuple[int, int]
    dtype: str
    maps: NDArray[Any]
    table: FloatArray
    slice: tuple[int, int] | None


def channel_maps(
    values: FloatArray, index: int | None, name: str
) -> tuple[FloatArray, tuple[int, int] | None]:
    """The maps of one image, channel first, ``(channel, height, width)``; of a volume one slice.

    Args:
        values: The output of a layer for one image, channels last.
        index: Which slice of a volume; ``None`` for the middle one.
        name: The layer.

    Raises:
        ModelInputError: There is no such slice, or these are no maps.

    Example:
        >>> channel_maps(np.zeros((5, 4, 3, 2), np.float32), None, "conv")[0].shape
        (2, 4, 3)
        >>> channel_maps(np.zeros((7, 2), np.float32), None, "conv")[0].shape
        (2, 1, 7)
    """
    chosen = None
    if values.ndim == 4:
        count = values.shape[0]
        chosen = (count // 2 if index is None else index), count
        if chosen[0] >= count:
            raise ModelInputError(f"layer '{name}' has {count} slices: there is no {index}")
        values = values[chosen[0]]
    elif values.ndim == 2:
        values = values[np.newaxis]
    elif values.ndim == 1:
        values = values[np.newaxis, np.newaxis]
    if values.ndim != 3:
        raise ModelInputError(
            f"layer '{name}' gives numbers along {values.ndim} axes, which cannot be shown as "
            "maps: layersight activations --output FILE.npz has them"
        )
    return np.ascontiguousarray(np.moveaxis(values, -1, 0)), chosen


def pack(entry: LayerActivation, index: int | None = None, *, small: bool = False) -> PackedMaps:
    """The maps of a layer for the first image.

    Args:
        entry: The layer's activations.
        index: Which slice of a volume; ``None`` for the middle one.
        small: One byte for each value, however few they are.

    Raises:
        ModelInputError: There is no such slice, or the layer has no maps.
    """
    maps, chosen = channel_maps(entry.values[0], index, entry.name)
    count, height, width = maps.shape
    finite = np.isfinite(maps)
    all_finite = bool(finite.all())
    rows = (maps if all_finite else np.where(finite, maps, np.nan)).reshape(count, -1)
    if all_finite:
        low, high = rows.min(1), rows.max(1)
    else:
        partly = finite.reshape(count, -1).any(1)
        low, high = np.zeros((2, count), np.float32)
        low[partly], high[partly] = np.nanmin(rows[partly], 1), np.nanmax(rows[partly], 1)
    statistics = [getattr(entry.statistics, name)[0] for name in COLUMNS[2:]]
    table = np.stack([low, high, *statistics]).astype(np.float32)
    if rows.shape[1] == 1 and not small:
        return PackedMaps((height, width), "f32", maps, table, chosen)
    dtype = "u8" if small or maps.size > LARGE else "u16"
    integers = _quantise(rows, low, high, dtype, all_finite=all_finite).reshape(maps.shape)
    return PackedMaps((height, width), dtype, integers, table, chosen)


def _quantise(
    rows: FloatArray, low: FloatArray, high: FloatArray, dtype: str, *, all_finite: bool
) -> NDArray[Any]:
    levels = _LEVELS[dtype]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # In double precision: the range of the greatest floats is too large for a float.
        factor = levels / (high.astype(np.float64) - low)
        factor[~np.isfinite(factor)] = 0
        if all_finite and np.isfinite(factor.astype(np.float32)).all():
            steps = (rows - low[:, np.newaxis]) * factor.astype(np.float32)[:, np.newaxis]
        else:
            steps = (rows.astype(np.float64) - low[:, np.newaxis]) * factor[:, np.newaxis]
    np.rint(steps, out=steps)
    kind = np.uint8 if dtype == "u8" else np.uint16
    if all_finite:
        return np.clip(steps, 0, levels, out=steps).astype(kind)
    return np.where(np.isnan(steps), levels + 1, np.clip(steps, 0, levels)).astype(kind)
