"""The learned weights of filters, as frozen data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.model import LayerInfo, ModelInfo


@dataclass(frozen=True, eq=False, slots=True)
class LayerKernels:
    """The kernels of one layer.

    Attributes:
        layer: Which layer.
        values: ``(height, width, input, filter)`` float32; a layer that treats every channel
            alone has one input for each filter.
        filters: The numbers of the filters that ``values`` holds, in order.
        factors: ``(filter, factor, height, width)`` float32: the spatial patterns into which a
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
        return int(self.values.shape[2])


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
        return f"<Kernels of {self.model.name!r}: {len(self)} layer(s), {count} filter(s)>"
