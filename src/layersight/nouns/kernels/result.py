"""The learned weights of filters, as frozen data."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.model import LayerInfo, ModelInfo
from layersight.document.words import plural


@dataclass(frozen=True, eq=False)
class LayerKernels:
    """The kernels of one layer.

    Attributes:
        layer: Which layer.
        values: ``(height, width, input, filter)`` float32; in one or three dimensions ``(length,
            input, filter)`` or ``(depth, height, width, input, filter)``. A layer that treats every
            channel alone has one input for each filter.
        filters: The numbers of the filters that ``values`` holds, in order.
        factors: ``(filter, factor, *positions)`` float32: the spatial patterns into which a
            kernel falls apart, strongest first, each of length 1, from the singular value
            decomposition of the kernel as a matrix of positions and inputs.
        shares: ``(filter, factor)`` float32 in 0..1: how much of the kernel's square each is.
        zero: ``(filter,)``: whether every weight is zero.
    """

    layer: LayerInfo
    values: FloatArray
    filters: tuple[int, ...]
    factors: FloatArray
    shares: FloatArray
    zero: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def inputs(self) -> int:
        """How many channels each kernel takes."""
        return int(self.values.shape[-2])

    @property
    def positions(self) -> tuple[int, ...]:
        """How many positions a kernel has along each axis: height and width."""
        return self.values.shape[:-2]

    @property
    def _own(self) -> tuple[int, ...]:
        """The axes of a kernel."""
        return tuple(range(self.values.ndim - 1))

    @functools.cached_property
    def limits(self) -> NDArray[np.float64]:
        """``(filter,)``: the largest size of a finite weight of each kernel."""
        return np.asarray(self._sizes().max(self._own, initial=0.0))

    @functools.cached_property
    def norms(self) -> NDArray[np.float64]:
        """``(input, filter)``: the length of each slice, that is of the weights for one input."""
        return np.asarray(np.sqrt((self._sizes() ** 2).sum(self._own[:-1])))

    @functools.cached_property
    def broken(self) -> NDArray[np.bool_]:
        """``(filter,)``: whether a weight of the kernel is not a finite number."""
        return np.asarray(~np.isfinite(self.values).all(self._own))

    @property
    def limit(self) -> float:
        """The largest size of a finite weight of these kernels; 0 where there is none."""
        return float(self.limits.max(initial=0.0))

    def _sizes(self) -> NDArray[np.float64]:
        values = np.abs(self.values.astype(np.float64))
        return np.where(np.isfinite(values), values, 0.0)


@dataclass(frozen=True, eq=False)
class Kernels(RichDisplay):
    """The kernels of some layers.

    Attributes:
        model: The model that they are of.
        layers: The layers, in the order in which they run.
        notes: What a reader should know beside.
    """

    noun: ClassVar[str] = "kernels"

    model: ModelInfo
    layers: tuple[LayerKernels, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[LayerKernels]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        count = sum(len(entry.filters) for entry in self.layers)
        return (
            f"<Kernels of {self.model.name!r}: {plural(len(self), 'layer')}, "
            f"{plural(count, 'filter')}>"
        )
