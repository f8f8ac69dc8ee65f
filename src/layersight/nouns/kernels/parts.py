"""Parts of kernels, and what is strongest in them.

The rule of this module: a kernel with a weight that is no number has no norm and no limit, and
is told apart from one of zeros.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

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


def as_tiles(entry: LayerKernels) -> bool:
    """Whether a kernel is one picture: of three inputs in colour, of one by its sign."""
    return entry.inputs in (1, 3)


def is_mixing(entry: LayerKernels) -> bool:
    """Whether the kernels have one position, so that they only mix their inputs."""
    return entry.values.shape[:2] == (1, 1)
