"""Weights that a file keeps in one list, under the layers that they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from layersight.data.saved import Config, LayerWeights
from layersight.loading.rewrites.walking import each_layer, layers_of, name_of

ORDER = (
    *("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings"),
    *("bias", "gamma", "beta", "moving_mean", "moving_variance"),
)
"""The weights of a layer in the order in which Keras has them."""


def by_layer(config: Config, weights: Mapping[str, NDArray[np.generic]]) -> Iterator[LayerWeights]:
    """The weights under the layers of the outermost model, as HDF5 files have them.

    Args:
        config: The configuration as saved.
        weights: By name: the layer, perhaps with what it lies in, and the weight.
    """
    owners: dict[str, str] = {}
    for layer in layers_of(config):
        for inner in (layer, *each_layer(layer)):
            owners.setdefault(name_of(inner), name_of(layer))
    found: dict[str, dict[str, list[str]]] = {}
    for name in weights:
        place = name.rpartition("/")[0]
        owner = _owner(place, owners)
        found.setdefault(owner, {}).setdefault(place, []).append(name)
    for owner, places in found.items():
        names = [name for held in places.values() for name in sorted(held, key=_rank)]
        yield LayerWeights(owner, tuple(names), tuple(weights[name] for name in names))


def _owner(place: str, owners: dict[str, str]) -> str:
    """The layer of the outermost model that a weight belongs to.

    >>> _owner("forward_lstm", {"both": "both", "lstm": "both"})
    'both'
    """
    parts = place.split("/")
    for part in (place, *reversed(parts)):
        for name in (part, part.removeprefix("forward_"), part.removeprefix("backward_")):
            if name in owners:
                return owners[name]
    return parts[0]


def _rank(name: str) -> int:
    last = name.rpartition("/")[2]
    return ORDER.index(last) if last in ORDER else len(ORDER)
