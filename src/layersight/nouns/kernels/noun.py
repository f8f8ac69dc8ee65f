"""What kernels can become."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from layersight.document.noun import Array, Json, Noun, matching
from layersight.document.words import finite, specification
from layersight.nouns.kernels.compute import FACTORS
from layersight.nouns.kernels.document import describe, is_bgr
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels, LayerKernels


def manifest(result: Kernels, options: KernelOptions) -> Json:
    """The filters of each layer, the limit of its scale, and the order of the colours."""
    return {
        "layers": [
            {
                "name": entry.name,
                "filters": specification(entry.filters),
                "kernel": list(entry.values.shape[:-1]),
                "limit": entry.limit,
                "zero": specification(np.array(entry.filters)[entry.zero].tolist()),
            }
            for entry in result.layers
        ],
        "options": {**dataclasses.asdict(options), "order": "BGR" if is_bgr(result) else "RGB"},
    }


def numbers(result: Kernels, options: KernelOptions) -> Json:
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "layers": [_layer(entry, options) for entry in result.layers],
    }


def _layer(entry: LayerKernels, options: KernelOptions) -> Json:
    broken = entry.broken.tolist()
    filters = [
        {
            "index": number,
            "norm": None if broken[index] else float(np.sqrt((entry.norms[:, index] ** 2).sum())),
            "largest": float(entry.limits[index]),
            "zero": bool(entry.zero[index]),
            "finite": not broken[index],
            "shares": [] if broken[index] else [*map(finite, entry.shares[index].tolist())],
            "strongest": [
                {"input": channel, "norm": float(entry.norms[channel, index])}
                for channel in entry.strongest(index, options.columns)
            ],
        }
        for index, number in enumerate(entry.filters)
    ]
    return {
        "name": entry.name,
        "type": entry.layer.type,
        "kernel": list(entry.values.shape[:-1]),
        "largest": entry.limit,
        "zero": int(entry.zero.sum()),
        "filters": filters,
    }


def rows(result: Kernels) -> Iterator[tuple[object, ...]]:
    """One line for each filter, with a head; the shares are those of its spatial patterns."""
    names = ("norm", "largest", "zero", "finite")
    yield ("layer", "filter", *names, *(f"share_{number}" for number in range(FACTORS)))
    for entry in result.layers:
        for filter_ in _layer(entry, KernelOptions())["filters"]:
            shares = [*filter_["shares"], *[None] * FACTORS][:FACTORS]
            yield (entry.name, filter_["index"], *(filter_[name] for name in names), *shares)


POSITIONS = {1: ("position",), 2: ("y", "x"), 3: ("z", "y", "x")}
"""The names of the spatial axes of kernels in files, by their number."""


def arrays(result: Kernels) -> dict[str, Array]:
    """The weights of each layer, its spatial patterns with their shares, the filters' numbers."""
    made = {}
    for entry in result.layers:
        positions = POSITIONS[len(entry.positions)]
        for name, axes, values in (
            ("kernel", (*positions, "input", "filter"), entry.values),
            ("factors", ("filter", "factor", *positions), entry.factors),
            ("shares", ("filter", "factor"), entry.shares),
            ("filters", ("filter",), np.array(entry.filters, np.int64)),
        ):
            made[f"{entry.name}/{name}"] = Array(axes, values, own_axes=axes)
    return made


def only(
    result: Kernels, layer: str | None = None, channel: int | None = None
) -> tuple[Kernels, Mapping[str, object]]:
    rows = [
        {"layer": entry.name, "filter": number}
        for entry in result.layers
        for number in entry.filters
    ]
    indices = matching(rows, "kernel", layer=layer, filter=channel)
    names = {rows[index]["layer"] for index in indices}
    entries = tuple(
        entry if channel is None else entry.take([entry.filters.index(channel)])
        for entry in result.layers
        if entry.name in names
    )
    return dataclasses.replace(result, layers=entries), {}


NOUN: Noun[Kernels, KernelOptions] = Noun(
    name="kernels",
    options=KernelOptions,
    describe=describe,
    manifest=manifest,
    numbers=numbers,
    arrays=arrays,
    rows=rows,
    store=False,
    only=only,
)
