"""Kernels as JSON: what a picture shows in numbers, for programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from layersight.export.manifest import manifest_of
from layersight.export.numbers import number
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import broken, limit, limits, norms, strongest
from layersight.nouns.kernels.result import Kernels, LayerKernels


def kernels_to_json(result: Kernels, options: KernelOptions) -> dict[str, Any]:
    """Every filter with its numbers, the contract of ``kernels -o x.json``."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "layers": [_layer(entry, options) for entry in result.layers],
        "manifest": manifest_of(result, options),
    }


def _layer(entry: LayerKernels, options: KernelOptions) -> dict[str, Any]:
    wrong, largest, sizes = broken(entry), limits(entry), norms(entry)
    filters = [
        {
            "index": index,
            "norm": None if wrong[place] else float(np.sqrt((sizes[:, place] ** 2).sum())),
            "largest": float(largest[place]),
            "zero": bool(entry.zero[place]),
            "finite": not wrong[place],
            "shares": [] if wrong[place] else [number(float(each)) for each in entry.shares[place]],
            "strongest": [
                {"input": channel, "norm": float(sizes[channel, place])}
                for channel in strongest(entry, place, options.columns)
            ],
        }
        for place, index in enumerate(entry.filters)
    ]
    return {
        "name": entry.name,
        "type": entry.layer.type,
        "kernel": list(entry.values.shape[:3]),
        "largest": limit(entry),
        "zero": int(entry.zero.sum()),
        "filters": filters,
    }
