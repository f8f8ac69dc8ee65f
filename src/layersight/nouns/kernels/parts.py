"""Parts of kernels, and what is strongest in them.

The rule of this module: a kernel with a weight that is no number has no norm and no limit, and
is told apart from one of zeros.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from layersight.nouns.kernels.result import LayerKernels


def broken(entry: LayerKernels) -> NDArray[np.bool_]:
    """``(filter,)``: whether a weight of the kernel is not a finite number."""
    return np.asarray(~np.isfinite(entry.values).all((0, 1, 2)))


def limit(entry: LayerKernels) -> float:
    """The largest size of a finite weight of these kernels; 0 where there is none."""
    return float(_sizes(entry).max(initial=0.0))


def limits(entry: LayerKernels) -> NDArray[np.float64]:
    """``(filter,)``: the largest size of a finite weight of each kernel."""
    return np.asarray(_sizes(entry).max((0, 1, 2), initial=0.0))


def norms(entry: LayerKernels) -> NDArray[np.float64]:
    """``(input, filter)``: the length of each slice, that is of the weights for one input."""
    return np.asarray(np.sqrt((_sizes(entry) ** 2).sum((0, 1))))


def strongest(entry: LayerKernels, index: int, count: int) -> tuple[int, ...]:
    """The inputs that a filter weighs most, strongest first; those of weight zero are none.

    Of equal ones the first comes first.

    Args:
        entry: The kernels.
        index: Which filter, by its index in ``entry``.
        count: So many at most.
    """
    found = norms(only_filters(entry, [index]))[:, 0]
    order = np.argsort(-found, kind="stable")[:count]
    return tuple(int(number) for number in order if found[number] > 0)


def only_filters(entry: LayerKernels, indices: Sequence[int]) -> LayerKernels:
    """The kernels with some of their filters."""
    chosen = np.array(indices, np.intp)
    return dataclasses.replace(
        entry,
        values=np.ascontiguousarray(entry.values[..., chosen]),
        filters=tuple(entry.filters[index] for index in indices),
        factors=entry.factors[chosen],
        shares=entry.shares[chosen],
        zero=entry.zero[chosen],
    )


def as_tiles(entry: LayerKernels) -> bool:
    """Whether a kernel is one picture: of three inputs in colour, of one by its sign."""
    return entry.inputs in (1, 3)


def is_mixing(entry: LayerKernels) -> bool:
    """Whether the kernels have one position, so that they only mix their inputs."""
    return entry.values.shape[:2] == (1, 1)


def _sizes(entry: LayerKernels) -> NDArray[np.float64]:
    values = np.abs(entry.values.astype(np.float64))
    return np.where(np.isfinite(values), values, 0.0)
