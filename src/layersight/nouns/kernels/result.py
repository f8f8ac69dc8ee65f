"""The learned weights of filters, as frozen data.

The rule of this module: a weight that is not finite does not count, and a kernel with one is
distinguished from one of zeros.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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
        factors: ``(filter, factor, *positions)`` float32: the spatial patterns that a kernel
            decomposes into, strongest first, each of length 1, from the singular value
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
    def mixes(self) -> bool:
        """Whether the kernels have one position, and only mix their inputs."""
        return all(side == 1 for side in self.positions)

    @property
    def coloured(self) -> bool:
        """Whether the inputs are drawn as colours."""
        return self.inputs == 3 and len(self.positions) > 1

    @functools.cached_property
    def limits(self) -> NDArray[np.float64]:
        """``(filter,)``: the largest size of a finite weight of each kernel."""
        return np.asarray(self._sizes().max(tuple(range(self.values.ndim - 1)), initial=0.0))

    @functools.cached_property
    def norms(self) -> NDArray[np.float64]:
        """``(input, filter)``: the length of each slice, that is of the weights for one input."""
        return np.asarray(np.sqrt((self._sizes() ** 2).sum(tuple(range(len(self.positions))))))

    @functools.cached_property
    def broken(self) -> NDArray[np.bool_]:
        """``(filter,)``: whether a weight of the kernel is not a finite number."""
        return np.asarray(~np.isfinite(self.values).all(tuple(range(self.values.ndim - 1))))

    @property
    def limit(self) -> float:
        """The largest size of a finite weight of these kernels; 0 without any."""
        return float(self.limits.max(initial=0.0))

    def _sizes(self) -> NDArray[np.float64]:
        values = np.abs(self.values.astype(np.float64))
        return np.where(np.isfinite(values), values, 0.0)

    def strongest(self, index: int, count: int) -> tuple[int, ...]:
        """The inputs with the largest weights, strongest first, without those of weight zero.

        Of equal ones the first comes first.

        Args:
            index: The index of the filter in ``filters``.
            count: The most to give.
        """
        norms = self.norms[:, index]
        order = np.argsort(-norms, kind="stable")[:count]
        return tuple(int(number) for number in order if norms[number] > 0)

    def take(self, indices: Sequence[int]) -> LayerKernels:
        """The kernels with some of their filters."""
        chosen = np.array(indices, np.intp)
        return dataclasses.replace(
            self,
            values=np.ascontiguousarray(self.values[..., chosen]),
            filters=tuple(self.filters[index] for index in indices),
            factors=self.factors[chosen],
            shares=self.shares[chosen],
            zero=self.zero[chosen],
        )


def laid_out(values: NDArray[Any], axes: int) -> NDArray[Any]:
    """Kernels as pictures: slices of those with depth beside each other, a line as a row.

    From ``(kernel, *positions, ...)``, with ``axes`` axes of positions, to ``(kernel, height,
    width, ...)``.
    """
    if axes == 2:
        return values
    if axes == 1:
        return values[:, np.newaxis]
    kernels, depth, height, width, *rest = values.shape
    return np.moveaxis(values, 1, 2).reshape(kernels, height, depth * width, *rest)


@dataclass(frozen=True, eq=False)
class Kernels(RichDisplay):
    """The kernels of some layers.

    Attributes:
        model: The model that they are of.
        layers: The layers, in the order in which they run.
        notes: What a reader should also know.
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
