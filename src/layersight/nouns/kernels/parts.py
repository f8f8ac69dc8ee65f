"""Parts of kernels, and what is strongest in them.

The rule of this module: a kernel with a weight that is no number has no norm and no limit, and
is told apart from one of zeros.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.nouns.kernels.result import LayerKernels


def strongest(entry: LayerKernels, index: int, count: int) -> tuple[int, ...]:
    """The inputs that a filter weighs most, strongest first; those of weight zero are none.

    Of equal ones the first comes first.

    Args:
        entry: The kernels.
        index: Which filter, by its index in ``entry``.
        count: So many at most.
    """
    found = entry.norms[:, index]
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


MOST_ROWS = 32
"""So many inputs a kernel with one axis has at most that is one picture."""
BROAD = 5
"""How many times longer than high a kernel with one axis and one input is drawn."""


def as_tiles(entry: LayerKernels) -> bool:
    """Whether a kernel is one picture: of three inputs in colour, of one by its sign.

    So is one with one axis and few inputs: a row for each input.
    """
    if len(entry.positions) == 1:
        return entry.inputs <= MOST_ROWS and not is_mixing(entry)
    return is_coloured(entry) or entry.inputs == 1


def is_coloured(entry: LayerKernels) -> bool:
    """Whether the inputs are taken for colours."""
    return entry.inputs == 3 and len(entry.positions) > 1


def is_mixing(entry: LayerKernels) -> bool:
    """Whether the kernels have one position, so that they only mix their inputs."""
    return all(side == 1 for side in entry.positions)


def laid_out(values: NDArray[Any], axes: int) -> NDArray[Any]:
    """Kernels as pictures: slices of those with depth beside each other, a line as a row.

    Args:
        values: ``(kernel, *positions, ...)``.
        axes: How many axes of positions there are.

    Returns:
        ``(kernel, height, width, ...)``.
    """
    if axes == 2:
        return values
    if axes == 1:
        return values[:, np.newaxis]
    many, depth, height, width, *rest = values.shape
    return np.moveaxis(values, 1, 2).reshape(many, height, depth * width, *rest)


def as_rows(entry: LayerKernels) -> FloatArray:
    """Kernels with one axis as pictures, ``(filter, input, position)``; of one input broader."""
    pictures: FloatArray = np.transpose(entry.values, (2, 1, 0))
    if entry.inputs == 1:
        pictures = np.repeat(pictures, max(1, entry.positions[0] // BROAD), axis=1)
    return pictures
