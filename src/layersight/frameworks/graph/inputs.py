"""Arrays for an input, channels last, and the same as the network takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo
from layersight.frameworks.graph.geometry import FIRST


class Shaped(Protocol):
    """An array or a tensor."""

    @property
    def shape(self) -> tuple[int, ...]: ...


T = TypeVar("T", bound=Shaped)


def as_fed(entry: InputInfo, shape: tuple[int | None, ...]) -> InputInfo:
    """An input as it is fed: as a picture, if it has fewer axes than the array for it.

    ``shape`` is that of the array, channels last, batch first.
    """
    if entry.picture is None and shape[1:] == entry.possible_picture:
        return entry.as_picture()
    return entry


def from_canvas(entry: InputInfo, shape: tuple[int | None, ...]) -> tuple[int | None, ...] | None:
    """The shape, channels last, of a signal or of frames that were laid out as one picture.

    A signal is a picture of one row, and frames or slices are stacked vertically. ``None`` for a
    shape that is no such layout.
    """
    sizes = entry.example_shape
    if entry.picture is not None or len(shape) != 4:
        return None
    batch, height, width, channels = shape
    if len(sizes) == 2:
        fits = height == 1 and sizes[0] in (None, width) and sizes[1] in (None, channels)
        return (batch, width, channels) if fits else None
    if len(sizes) == 4 and sizes[0] and height is not None and height % sizes[0] == 0:
        frames = (sizes[0], height // sizes[0], width, channels)
        fits = all(size in (None, side) for size, side in zip(sizes, frames, strict=True))
        return (batch, *frames) if fits else None
    return None


def fed_shape(entry: InputInfo, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """The shape in which the model gets an array of a shape, in its own order of axes."""
    entry = as_fed(entry, shape)
    shape = from_canvas(entry, shape) or shape
    if entry.picture is not None and shape[1:] == entry.picture:
        return (shape[0], *entry.shape[1:])
    if entry.picture is None and entry.data_format == FIRST and len(shape) >= 3:
        return (shape[0], shape[-1], *shape[1:-1])
    return shape


def to_model_axes(
    array: T, entry: InputInfo, moveaxis: Callable[..., T], reshape: Callable[..., T]
) -> T:
    """An array or tensor for an input, channels last, in the model's own order of axes.

    ``array`` is ``(batch, height, width, channel)`` or has other axes; that for an input which is
    fed as a picture may have its own shape already. ``moveaxis`` and ``reshape`` are as NumPy's.
    """
    unfolded = from_canvas(entry, tuple(array.shape))
    if unfolded is not None:
        array = reshape(array, (-1, *unfolded[1:]))
    flat = as_fed(entry, tuple(array.shape)).picture is not None
    if flat and len(array.shape) == len(entry.shape):
        return array
    if entry.data_format == FIRST and len(array.shape) >= 3:
        array = moveaxis(array, -1, 1)
    return reshape(array, (-1, *entry.shape[1:])) if flat else array


def restore_axes(array: FloatArray, entry: InputInfo, shape: tuple[int, ...]) -> FloatArray:
    """An array such as a gradient by an input, with the axes of the array that was fed to it.

    ``array`` is in the model's own order of axes; the result has ``shape``, batch first.
    """
    if len(array.shape) == len(shape):
        flat = as_fed(entry, shape).picture is not None
        first = entry.data_format == FIRST and not flat and array.ndim >= 3
        return np.ascontiguousarray(np.moveaxis(array, 1, -1)) if first else array
    if entry.data_format == FIRST:
        array = array.reshape(-1, shape[-1], *shape[1:-1])
        return np.ascontiguousarray(np.moveaxis(array, 1, -1))
    return array.reshape(-1, *shape[1:])
