"""Kernels as arrays on disk: one NumPy archive.

The rule of this module: the weights are written as they are, under the name of their layer.
"""

from __future__ import annotations

import numpy as np

from layersight.export.arrays import archive_of
from layersight.export.manifest import manifest_of
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels


def to_npz(result: Kernels, options: KernelOptions) -> bytes:
    """Of each layer ``layer/kernel``, ``layer/factors``, ``layer/shares``, ``layer/filters``."""
    arrays = {}
    for entry in result.layers:
        arrays[f"{entry.name}/kernel"] = entry.values
        arrays[f"{entry.name}/factors"] = entry.factors
        arrays[f"{entry.name}/shares"] = entry.shares
        arrays[f"{entry.name}/filters"] = np.array(entry.filters, np.int64)
    return archive_of(arrays, manifest_of(result, options))
