"""Feature maps as bytes with their scale, as a page draws them.

The rule of this module: what is sent shows the same at any contrast as the values themselves; of a
layer so large that it would take long to send, whole numbers of one byte are enough for one
picture of it.
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
"""Values of a layer above which one byte stands for each."""

COLUMNS = ("low", "high", "mean", "std", "min", "max", "sparsity", "dead", "finite")
"""Of the table of channels: between which values the numbers sent lie, and the statistics."""

_MOST = {"u8": 254, "u16": 65534}
"""The number that stands for the greatest value; the one above it is no finite number."""

KINDS = {1: "units", 2: "signal", 3: "maps", 4: "volume"}
"""What a layer gives for one image, by its number of axes."""


def kind_of(layer: LayerInfo) -> str:
    """What a layer gives, in one of :data:`KINDS`, or ``"other"``."""
    shape = layer.example_shape
    return "other" if shape is None else KINDS.get(len(shape), "other")


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """The maps of a layer, ready to be sent.

    Attributes:
        shape: Height and width of a map.
        dtype: ``"u8"``, ``"u16"`` or ``"f32"``.
        maps: ``(channel, height, width)``.
        table: ``(column, channel)`` float32, by :data:`COLUMNS`.
        slice: Of a volume which slice it is, and of how many; else ``None``.
    """

    shape: tuple[int, int]
    dtype: str
    maps: NDArray[Any]
    table: FloatArray
    slice: tuple[int, int] | None


def flat_maps(
    values: FloatArray, number: int | None, name: str
) -> tuple[FloatArray, tuple[int, int] | None]:
    """The maps of one image, channel first, ``(channel, height, width)``; of a volume one slice.

    Args:
        values: What a layer gives for one image, channels last.
        number: Which slice of a volume; ``None`` for the middle one.
        name: The layer.

    Raises:
        ModelInputError: There is no such slice, or these are no maps.

    Example:
        >>> flat_maps(np.zeros((5, 4, 3, 2), np.float32), None, "conv")[0].shape
        (2, 4, 3)
        >>> flat_maps(np.zeros((7, 2), np.float32), None, "conv")[0].shape
        (2, 1, 7)
    """
    chosen = None
    if values.ndim == 4:
        count = values.shape[0]
        chosen = (count // 2 if number is None else number), count
        if chosen[0] >= count:
            raise ModelInputError(f"layer '{name}' has {count} slices: there is no {number}")
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


def pack(entry: LayerActivation, number: int | None = None, *, small: bool = False) -> Packed:
    """The maps of a layer for the first image.

    Args:
        entry: The layer's activations.
        number: Which slice of a volume; ``None`` for the middle one.
        small: One byte for each value, whatever their number.

    Raises:
        ModelInputError: There is no such slice, or the layer has no maps.
    """
    maps, chosen = flat_maps(entry.values[0], number, entry.name)
    finite = np.isfinite(maps)
    whole = bool(finite.all())
    known = maps if whole else np.where(finite, maps, np.nan)
    count = len(maps)
    rows = known.reshape(count, -1)
    if whole:
        low, high = rows.min(1), rows.max(1)
    else:
        some = finite.reshape(count, -1).any(1)
        low, high = np.zeros((2, count), np.float32)
        low[some], high[some] = np.nanmin(rows[some], 1), np.nanmax(rows[some], 1)
    stats = entry.statistics
    of_statistics = [getattr(stats, name)[0].astype(np.float32) for name in COLUMNS[2:]]
    table = np.stack([low, high, *of_statistics]).astype(np.float32)
    if rows.shape[1] == 1 and not small:
        return Packed((maps.shape[1], maps.shape[2]), "f32", maps, table, chosen)
    dtype = "u8" if small or maps.size > LARGE else "u16"
    sent = _whole_numbers(rows, low, high, dtype, whole=whole).reshape(maps.shape)
    return Packed((maps.shape[1], maps.shape[2]), dtype, sent, table, chosen)


def _whole_numbers(
    rows: FloatArray, low: FloatArray, high: FloatArray, dtype: str, *, whole: bool
) -> NDArray[Any]:
    most = _MOST[dtype]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # In double precision: of the greatest floats the range itself is too large for a float.
        factor = most / (high.astype(np.float64) - low)
        factor[~np.isfinite(factor)] = 0
        if whole and np.isfinite(factor.astype(np.float32)).all():
            steps = (rows - low[:, np.newaxis]) * factor.astype(np.float32)[:, np.newaxis]
        else:
            steps = (rows.astype(np.float64) - low[:, np.newaxis]) * factor[:, np.newaxis]
    np.rint(steps, out=steps)
    kind = np.uint8 if dtype == "u8" else np.uint16
    if whole:
        return np.clip(steps, 0, most, out=steps).astype(kind)
    return np.where(np.isnan(steps), most + 1, np.clip(steps, 0, most)).astype(kind)
