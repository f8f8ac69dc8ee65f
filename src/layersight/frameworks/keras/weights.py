"""Giving a built model the weights of its file, checked one by one.

The rule of this module: an array goes to a weight of its own shape and, where both say what
they are, of its own kind. A weight without an array or an array without a weight is an error.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from layersight.data.saved import LayerWeights, SavedNetwork
from layersight.errors import ModelFileError
from layersight.frameworks.keras.gone import Highway
from layersight.frameworks.keras.kernels import HELD
from layersight.frameworks.keras.refused import Refused
from layersight.frameworks.keras.store import assign_store
from layersight.frameworks.keras.theano import (
    ROTATED,
    UNKNOWN,
    convert,
    may_want_rotation,
    needs_rotation,
)
from layersight.loading.rewrites.names import plain_name

Array = NDArray[np.generic]

BESIDE = re.compile(
    r"(optimizer_step|pruning_step|mask|threshold|cluster_centroids|pulling_indices|"
    r"moving_stddev|renorm_mean|renorm_stddev|original_weights|StateVar|sn_u|seed_generator_state|seed_generator|.*_min|.*_max|.*_min_var|"
    r".*_max_var)"
)
"""Arrays of wrappers and random generators that belong to no weight of a layer."""

KINDS = {
    "kernel": "kernel",
    "W": "kernel",
    "bias": "bias",
    "b": "bias",
    "U": "recurrent_kernel",
    "recurrent_kernel": "recurrent_kernel",
    "W_carry": "carry_kernel",
    "carry_kernel": "carry_kernel",
    "b_carry": "carry_bias",
    "carry_bias": "carry_bias",
    "depthwise_kernel": "kernel",
    "pointwise_kernel": "pointwise_kernel",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "moving_mean",
    "running_mean": "moving_mean",
    "moving_variance": "moving_variance",
    "running_std": "moving_variance",
    "embeddings": "embeddings",
    "alpha": "alpha",
    "alphas": "alpha",
}
"""What a weight is, by the last part of the name that a file gives it."""


def assign(model: Any, network: SavedNetwork) -> tuple[str, ...]:
    """Sets every weight of a model.

    Returns:
        What was done to the weights, in words.

    Raises:
        ModelFileError: A layer or a shape does not match.
    """
    notes: list[str] = []
    if network.weights is not None:
        layers = model._flatten_layers(include_self=False)
        rotate = needs_rotation(network, layers)
        _assign_layers(model, network, network.weights, rotate=rotate)
        if rotate:
            notes.append(ROTATED)
        elif may_want_rotation(network, layers):
            notes.append(UNKNOWN)
    elif network.store is not None:
        notes += assign_store(model, network.path, network.store)
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return tuple(notes)


def _assign_layers(
    model: Any, network: SavedNetwork, saved: Sequence[LayerWeights], *, rotate: bool
) -> None:
    """Legacy HDF5: layer by layer, by name, else by place if the names are not the same."""
    refused = _refused_by_entry(model, saved)
    holders = [layer for layer in model.layers if layer.weights]
    own = {variable.name for variable in model.weights}
    entries = [_without_extras(entry, own) for entry in saved]
    for entry in entries:
        if (stopped := refused.get(plain_name(entry.layer))) is not None:
            _hold(stopped, entry, network, rotate=rotate)
    entries = [e for e in entries if e.arrays and plain_name(e.layer) not in refused]
    by_name = {plain_name(entry.layer): entry for entry in entries}
    if {layer.name for layer in holders} == set(by_name):
        pairs = [(layer, by_name[layer.name]) for layer in holders]
    elif len(holders) == len(entries) and not _stand_ins(model):
        pairs = list(zip(holders, entries, strict=True))
    else:
        missing = [layer.name for layer in holders if layer.name not in by_name]
        extra = set(by_name) - {layer.name for layer in holders}
        named = (
            f": none for '{missing[0]}'" if missing else f": no layer '{min(extra, default='')}'"
        )
        raise ModelFileError(
            f"{network.path} holds weights for {len(entries)} layers, the network has "
            f"{len(holders)} with weights{named}"
        )
    for layer, entry in pairs:
        _assign_one(layer, entry, network, rotate=rotate)


def _stand_ins(model: Any) -> list[Refused]:
    return [layer for layer in model.layers if isinstance(layer, Refused)]


def _refused_by_entry(model: Any, saved: Sequence[LayerWeights]) -> dict[str, Refused]:
    """The layers that cannot be computed, by the names that the file has for them.

    An author's own layer may keep its name to itself, so that the configuration has none: such
    layers go by their order.
    """
    stand_ins = _stand_ins(model)
    names = [plain_name(entry.layer) for entry in saved]
    found = {layer.name: layer for layer in stand_ins if layer.name in names}
    known = {layer.name for layer in model.layers}
    unnamed = [layer for layer in stand_ins if layer.name not in names]
    left = [name for name in names if name not in known]
    if len(left) == len(unnamed):
        found |= dict(zip(left, unnamed, strict=True))
    return found


def _hold(layer: Refused, entry: LayerWeights, network: SavedNetwork, *, rotate: bool) -> None:
    """Keeps the arrays of a layer that cannot be computed."""
    arrays: Sequence[Array] = entry.arrays
    if type(layer).__name__ in HELD:
        arrays = convert(layer, entry.arrays, network, rotate=rotate)
    layer.held = dict(zip(entry.names, arrays, strict=True))


def _without_extras(entry: LayerWeights, own: set[str]) -> LayerWeights:
    """A layer's arrays without those that belong to no weight; ``own`` names those of the model."""
    kept = [
        (name, array)
        for name, array in zip(entry.names, entry.arrays, strict=True)
        if _last(name) in own or not BESIDE.fullmatch(_last(name))
    ]
    return LayerWeights(entry.layer, tuple(n for n, _ in kept), tuple(a for _, a in kept))


def _assign_one(layer: Any, entry: LayerWeights, network: SavedNetwork, *, rotate: bool) -> None:
    """One layer of the outermost model, which may be a model itself."""
    if isinstance(layer, keras.Model):
        pairs = _pair_model(layer, entry, network, rotate=rotate)
    else:
        arrays = convert(layer, entry.arrays, network, rotate=rotate)
        names = entry.names if len(arrays) == len(entry.arrays) else ("",) * len(arrays)
        orders = [*_orders(layer), *_by_name(layer, names)]
        pairs = _pair(orders, names, arrays, layer.name, network)
    for variable, array in pairs:
        variable.assign(array)


def _pair_model(
    model: Any, entry: LayerWeights, network: SavedNetwork, *, rotate: bool
) -> list[tuple[Any, Array]]:
    """The weights of a nested model: by the names of layer and weight, else by order."""
    owners = {
        id(variable): layer
        for layer in reversed([*model._flatten_layers(include_self=False)])
        if not isinstance(layer, keras.Model)
        for variable in layer.weights
    }
    variables = list(model.weights)
    by_key = {_key(variable.path): variable for variable in variables}
    keys = [_key(name) for name in entry.names]
    if any(isinstance(layer, Refused) for layer in model._flatten_layers(include_self=False)):
        entry = _without_refused(model, entry, by_key)
        keys = [_key(name) for name in entry.names]
    if len(by_key) == len(variables) == len(set(keys)) and set(by_key) == set(keys):
        orders = [[by_key[key] for key in keys]]
    else:
        orders = _orders(model)
    errors: list[ModelFileError] = []
    for order in orders:
        if len(order) != len(entry.arrays):
            continue
        arrays = [
            convert(owners[id(variable)], (array,), network, rotate=rotate)[0]
            if variable.name.endswith("kernel")
            else array
            for variable, array in zip(order, entry.arrays, strict=True)
        ]
        try:
            return _pair([order], entry.names, arrays, model.name, network)
        except ModelFileError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    raise _count_error(model, len(variables), len(entry.arrays), network)


def _without_refused(
    model: Any, entry: LayerWeights, known: Container[tuple[str, ...]]
) -> LayerWeights:
    """The weights of a nested model without those of layers in it that cannot be computed."""
    pairs = list(zip(entry.names, entry.arrays, strict=True))
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, Refused):
            layer.held = {name: one for name, one in pairs if layer.name in name.split("/")}
    kept = [(name, array) for name, array in pairs if _key(name) in known]
    return LayerWeights(entry.layer, tuple(n for n, _ in kept), tuple(a for _, a in kept))


def _orders(layer: Any) -> list[list[Any]]:
    """The orders in which a file may hold the weights of a layer."""
    split = layer.trainable_weights + layer.non_trainable_weights
    plain = list(layer.weights)
    if isinstance(layer, Highway) and layer.use_bias:
        return [plain, [layer.kernel, layer.bias, layer.carry_kernel, layer.carry_bias]]
    if not isinstance(layer, keras.Model):
        return [split, plain]
    nested = [
        variable
        for inner in layer.layers
        for variable in inner.trainable_weights + inner.non_trainable_weights
    ]
    return [split, plain, nested]


def _by_name(layer: Any, names: Sequence[str]) -> list[list[Any]]:
    """The order in which a file names the weights of a layer, where every name is its own."""
    held = {variable.name: variable for variable in layer.weights}
    last = [_last(name) for name in names]
    if len(held) == len(layer.weights) == len(last) and held.keys() == set(last):
        return [[held[name] for name in last]]
    return []


def _pair(
    orders: Sequence[Sequence[Any]],
    names: Sequence[str],
    arrays: Sequence[Array],
    layer: str,
    network: SavedNetwork,
) -> list[tuple[Any, Array]]:
    """Weights and arrays in the first order in which every shape and kind agrees."""
    for order in orders:
        if len(order) == len(arrays) and all(map(_agrees, order, names, arrays)):
            return list(zip(order, arrays, strict=True))
    order = orders[0]
    if len(order) != len(arrays):
        raise ModelFileError(
            f"{network.path}: layer '{layer}' has {len(order)} weights, the file holds "
            f"{len(arrays)} for it"
        )
    for variable, name, array in zip(order, names, arrays, strict=True):
        if not _agrees(variable, name, array):
            raise ModelFileError(
                f"{network.path}: layer '{layer}' expects '{variable.name}' of shape "
                f"{tuple(variable.shape)}, the file holds '{name}' of shape {array.shape}"
            )
    raise _count_error(None, len(order), len(arrays), network)


def _count_error(layer: Any, wanted: int, found: int, network: SavedNetwork) -> ModelFileError:
    return ModelFileError(
        f"{network.path}: layer '{getattr(layer, 'name', '')}' has {wanted} weights, the file "
        f"holds {found} for it"
    )


def _agrees(variable: Any, name: str, array: Array) -> bool:
    """Whether shapes are the same, and kinds too where both are known."""
    saved, own = KINDS.get(_last(name)), KINDS.get(variable.name)
    return tuple(variable.shape) == array.shape and (saved is None or own is None or saved == own)


def _last(name: str) -> str:
    """What a weight is called in its layer.

    >>> _last("conv/kernel:0"), _last("convolution2d_1_W")
    ('kernel', 'W')
    """
    last = name.rpartition("/")[2].partition(":")[0]
    known = re.search(r"_(running_mean|running_std|gamma|beta|alphas|W_carry|b_carry|W|b|U)$", last)
    return known.group(1) if known and "/" not in name else last


def _key(name: str) -> tuple[str, ...]:
    """Layer and weight of a name such as ``model/conv/kernel:0``.

    The kernel of a depthwise convolution is just a kernel in Keras 3.
    """
    parts = name.partition(":")[0].split("/")[-2:]
    last = "kernel" if parts[-1] == "depthwise_kernel" else parts[-1]
    return (*parts[:-1], last)
