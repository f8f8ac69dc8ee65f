"""Assigning the weights of a file to a built model, with each one checked.

The rules of this module: an array goes to a weight of the same shape and, where both are known, of
the same kind; a weight without an array or an array without a weight is an error. The loader of
Keras, for the store of a ``.keras`` archive, gets arrays, never a file.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path

import keras
from keras.src.saving import saving_lib  # loads from an open store; the public API takes a path
from keras.src.utils.naming import to_snake_case

from layersight.data.arrays import Array
from layersight.data.saved import LayerWeights, SavedNetwork
from layersight.errors import ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.gone import Highway
from layersight.frameworks.keras.kernels import (
    AXES,
    ROTATED,
    UNKNOWN,
    convert,
    may_want_rotation,
    needs_rotation,
)
from layersight.frameworks.keras.refused import Refused
from layersight.loading.rewrites.nodes import plain_name

GROUP = "layers"
# What Keras 2.13 and 2.14 called ``layers``, numbering the layers of a class with gaps.
OLD_GROUP = "_layer_checkpoint_dependencies"

Arrays = Mapping[str, Array]  # weights by their path, such as ``layers/conv2d/vars/0``


def assign_store(model: keras.Model, path: Path, weights: Arrays) -> list[str]:
    """Sets the weights of a model with the loader of Keras."""
    notes: list[str] = []
    old = _inside(weights, OLD_GROUP)
    if old or _has_replaced(model):
        weights = dict(_renumbered(model, old or _inside(weights, GROUP), f"{GROUP}/"))
    _check_all_used(model, _inside(weights, GROUP), path)
    if old:
        notes.append("weight-store: the weights of Keras 2.13 were renumbered")
    failed: set[int] = set()
    messages: dict[int, tuple[keras.Layer, Exception]] = {}
    try:
        with warnings.catch_warnings():  # its warnings are errors below
            warnings.simplefilter("ignore")
            saving_lib._load_state(
                model,
                weights_store=Store(weights),
                assets_store=None,
                inner_path="",
                visited_saveables=set(),
                failed_saveables=failed,
                error_msgs=messages,
            )
    except (ValueError, KeyError, OSError, RuntimeError, TypeError) as error:
        raise ModelFileError(
            f"{path}: its weights do not fit its configuration: {reason_of(error)}"
        ) from error
    if failed:
        layer, why = next(iter(messages.values()), (None, ValueError("unknown")))
        raise ModelFileError(
            f"{path}: the weights of layer '{getattr(layer, 'name', '?')}' do not fit its "
            f"configuration: {reason_of(why)}"
        )
    return notes


class Entry(dict[str, Array]):
    """The variables of an object in a store."""

    def __init__(self, variables: Arrays, weights: Arrays, path: str) -> None:
        super().__init__(variables)
        self._weights, self._path = weights, path

    def below(self) -> Arrays:
        """The weights of the object and of all objects inside it."""
        return _inside(self._weights, self._path)


class Store(saving_lib.H5IOStore):
    """Weights as the loader of Keras reads them.

    The loader only takes stores of this base class, of which nothing else is used.
    """

    def __init__(self, weights: Arrays) -> None:
        self._weights = weights
        self._groups: dict[str, dict[str, Array]] = defaultdict(dict)
        self._paths = {""}
        for key, array in weights.items():
            group, _, name = key.rpartition("/")
            self._groups[group][name] = array
            while group not in self._paths:
                self._paths.add(group)
                group = group.rpartition("/")[0]

    def __bool__(self) -> bool:
        return True

    def get(self, path: str) -> Entry:
        return Entry(self._groups.get(f"{path}/vars" if path else "vars", {}), self._weights, path)

    def has_path(self, path: str) -> bool:
        return path in self._paths

    def close(self) -> None:
        pass


def _check_all_used(model: keras.Model, weights: Arrays, path: Path) -> None:
    """Refuses a file with more weights than the network, of which a part would be ignored."""
    layers = model._flatten_layers(include_self=False)
    if any(isinstance(layer, Refused) for layer in layers):
        return
    sizes = [array.size for key, array in weights.items() if "seed_generator" not in key]
    count = sum(int(keras.ops.size(variable)) for variable in model.weights)
    if sum(sizes) > count + 16 * len(sizes):
        raise ModelFileError(
            f"{path} holds {sum(sizes)} weights in its layers, the network has {count}: "
            "its configuration does not belong to its weights"
        )


def _saved_class(layer: keras.Layer) -> str:
    """The class under which a file stores the weights of a layer, with the path inside it."""
    name = None if isinstance(layer, keras.Model) else getattr(layer, "_saved_class", None)
    return name if isinstance(name, str) else type(layer).__name__


def _has_replaced(model: keras.Model) -> bool:
    """Whether a layer with weights has replaced one of another class."""
    return any(
        layer.weights and _saved_class(layer) != type(layer).__name__
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, Refused)
    )


def _renumbered(model: keras.Model, weights: Arrays, target: str) -> Iterator[tuple[str, Array]]:
    """The weights of a model's layers at the paths where Keras 3 looks for them."""
    names = _by_class(weights)
    counts: dict[str, int] = defaultdict(int)
    for layer in model.layers:
        kind = to_snake_case(type(layer).__name__)
        path = f"{target}{kind}_{counts[kind]}" if counts[kind] else f"{target}{kind}"
        counts[kind] += 1
        saved, _, inside = _saved_class(layer).partition("/")
        saved = to_snake_case(saved)
        if not names[saved] or not (layer.weights or isinstance(layer, Refused)):
            continue
        group = _inside(weights, names[saved].pop(0))
        group = _inside(group, inside) if inside else group
        if isinstance(layer, keras.Model):
            inner = _inside(group, OLD_GROUP) or _inside(group, GROUP)
            yield from _renumbered(layer, inner, f"{path}/{GROUP}/")
        else:
            yield from ((f"{path}/{key}", array) for key, array in group.items())


def _inside(weights: Arrays, group: str) -> Arrays:
    """The weights in a group, by their path in it."""
    start = f"{group}/"
    return {
        key.removeprefix(start): array for key, array in weights.items() if key.startswith(start)
    }


def _by_class(weights: Arrays) -> dict[str, list[str]]:
    """The groups of weights by class, each class in the order of its numbers."""
    names = {key.partition("/")[0] for key in weights}
    matches = filter(None, (re.fullmatch(r"(.+?)(?:_(\d+))?", name) for name in names))
    groups: dict[str, list[str]] = defaultdict(list)
    for match in sorted(matches, key=lambda match: (int(match[2] or 0), match[0])):
        groups[match[1]].append(match[0])
    return groups


Order = Sequence[keras.Variable]
Pairs = list[tuple[keras.Variable, Array]]

# Arrays of wrappers and random generators that are not weights of layers.
NO_WEIGHT = re.compile(
    r"(optimizer_step|pruning_step|mask|threshold|cluster_centroids|pulling_indices|"
    r"moving_stddev|renorm_mean|renorm_stddev|original_weights|StateVar|sn_u|"
    r"seed_generator_state|seed_generator|.*_min|.*_max|.*_min_var|.*_max_var)"
)

# The kind of a weight, by the last part of its name in a file.
KINDS = {
    **dict.fromkeys(("kernel", "W", "depthwise_kernel"), "kernel"),
    **dict.fromkeys(("bias", "b"), "bias"),
    **dict.fromkeys(("recurrent_kernel", "U"), "recurrent_kernel"),
    **dict.fromkeys(("carry_kernel", "W_carry"), "carry_kernel"),
    **dict.fromkeys(("carry_bias", "b_carry"), "carry_bias"),
    **dict.fromkeys(("moving_mean", "running_mean"), "moving_mean"),
    **dict.fromkeys(("moving_variance", "running_std"), "moving_variance"),
    **dict.fromkeys(("alpha", "alphas"), "alpha"),
    **{name: name for name in ("pointwise_kernel", "gamma", "beta", "embeddings")},
}


def assign(model: keras.Model, network: SavedNetwork) -> tuple[str, ...]:
    """Sets every weight of a model."""
    notes: list[str] = []
    layers = model._flatten_layers(include_self=False)
    if network.weights is not None:
        rotate = needs_rotation(network, layers)
        _Assignment(model, network, rotate=rotate).assign(network.weights)
        if rotate:
            notes.append(ROTATED)
        elif may_want_rotation(network, layers):
            notes.append(UNKNOWN)
    elif network.store is not None:
        notes += assign_store(model, network.path, network.store)
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return tuple(notes)


class _Assignment:
    """Assigns weights of legacy HDF5, which are stored layer by layer."""

    def __init__(self, model: keras.Model, network: SavedNetwork, *, rotate: bool) -> None:
        self._model = model
        self._network = network
        self._rotate = rotate

    def assign(self, saved: Sequence[LayerWeights]) -> None:
        """Assigns weights layer by layer: by name, or by position if the names differ."""
        model, path = self._model, self._network.path
        refused = _refused_by_entry(model, saved)
        holders = [layer for layer in model.layers if layer.weights]
        names = {variable.name for variable in model.weights}
        entries = [
            _filtered(
                entry, lambda name: _last(name) in names or not NO_WEIGHT.fullmatch(_last(name))
            )
            for entry in saved
        ]
        for entry in entries:
            if (stopped := refused.get(plain_name(entry.layer))) is not None:
                arrays: Sequence[Array] = entry.arrays
                if type(stopped).__name__ in AXES:
                    arrays = self._convert(stopped, entry.arrays)
                stopped.arrays = dict(zip(entry.names, arrays, strict=True))
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
                f"none for '{missing[0]}'" if missing else f"no layer '{min(extra, default='')}'"
            )
            raise ModelFileError(
                f"{path} holds weights for {len(entries)} layers, the network has {len(holders)} "
                f"with weights: {named}"
            )
        for layer, entry in pairs:
            nested = isinstance(layer, keras.Model)
            for variable, array in (self._pair_model if nested else self._pair_layer)(layer, entry):
                variable.assign(array)

    def _convert(self, layer: keras.Layer, arrays: tuple[Array, ...]) -> list[Array]:
        return convert(layer, arrays, self._network, rotate=self._rotate)

    def _pair_layer(self, layer: keras.Layer, entry: LayerWeights) -> Pairs:
        arrays = self._convert(layer, entry.arrays)
        names = entry.names if len(arrays) == len(entry.arrays) else ("",) * len(arrays)
        orders = [*_orders(layer), *_by_name(layer, names)]
        return self._pair(orders, names, arrays, layer.name)

    def _pair_model(self, model: keras.Model, entry: LayerWeights) -> Pairs:
        """Pairs weights of a nested model by the names of layer and weight, or else by order."""
        inside = [*model._flatten_layers(include_self=False)]
        owners = {
            id(variable): layer
            for layer in reversed(inside)
            if not isinstance(layer, keras.Model)
            for variable in layer.weights
        }
        variables = list(model.weights)
        by_key = {_key(variable.path): variable for variable in variables}
        if any(isinstance(layer, Refused) for layer in inside):
            entry = _without_refused(model, entry, by_key)
        keys = [_key(name) for name in entry.names]
        orders = _orders(model)
        if len(by_key) == len(variables) == len(set(keys)) and set(by_key) == set(keys):
            orders = [[by_key[key] for key in keys]]
        errors: list[ModelFileError] = []
        for order in orders:
            if len(order) != len(entry.arrays):
                continue
            arrays = [
                self._convert(owners[id(variable)], (array,))[0]
                if variable.name.endswith("kernel")
                else array
                for variable, array in zip(order, entry.arrays, strict=True)
            ]
            try:
                return self._pair([order], entry.names, arrays, model.name)
            except ModelFileError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        raise self._count_error(model.name, len(variables), len(entry.arrays))

    def _pair(
        self, orders: Sequence[Order], names: Sequence[str], arrays: Sequence[Array], layer: str
    ) -> Pairs:
        """Pairs weights and arrays by the first order in which all shapes and kinds match."""
        for order in orders:
            if len(order) == len(arrays) and all(map(_agrees, order, names, arrays)):
                return list(zip(order, arrays, strict=True))
        if len(orders[0]) != len(arrays):
            raise self._count_error(layer, len(orders[0]), len(arrays))
        variable, name, array = next(
            triple for triple in zip(orders[0], names, arrays, strict=True) if not _agrees(*triple)
        )
        raise ModelFileError(
            f"{self._network.path}: layer '{layer}' expects '{variable.name}' of shape "
            f"{tuple(variable.shape)}, the file holds '{name}' of shape {array.shape}"
        )

    def _count_error(self, layer: str, expected: int, found: int) -> ModelFileError:
        return ModelFileError(
            f"{self._network.path}: layer '{layer}' has {expected} weights, the file holds {found} "
            "for it"
        )


def _stand_ins(model: keras.Model) -> list[Refused]:
    return [layer for layer in model.layers if isinstance(layer, Refused)]


def _refused_by_entry(model: keras.Model, saved: Sequence[LayerWeights]) -> dict[str, Refused]:
    """The layers that cannot be computed, by their names in the file.

    The configuration of an author's own layer may lack its name: such layers go by their order.
    """
    stand_ins = _stand_ins(model)
    names = [plain_name(entry.layer) for entry in saved]
    refused = {layer.name: layer for layer in stand_ins if layer.name in names}
    known = {layer.name for layer in model.layers}
    unnamed = [layer for layer in stand_ins if layer.name not in names]
    left = [name for name in names if name not in known]
    if len(left) == len(unnamed):
        refused |= dict(zip(left, unnamed, strict=True))
    return refused


def _filtered(entry: LayerWeights, keep: Callable[[str], bool]) -> LayerWeights:
    """The arrays of a layer that are chosen by name."""
    pairs = [pair for pair in zip(entry.names, entry.arrays, strict=True) if keep(pair[0])]
    return LayerWeights(entry.layer, tuple(n for n, _ in pairs), tuple(a for _, a in pairs))


def _without_refused(
    model: keras.Model, entry: LayerWeights, known: Container[tuple[str, ...]]
) -> LayerWeights:
    """The weights of a nested model without those of its layers that cannot be computed."""
    pairs = list(zip(entry.names, entry.arrays, strict=True))
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, Refused):
            layer.arrays = {n: array for n, array in pairs if layer.name in n.split("/")}
    return _filtered(entry, lambda name: _key(name) in known)


def _orders(layer: keras.Layer) -> list[Order]:
    """The possible orders of the weights of a layer in a file."""
    split = layer.trainable_weights + layer.non_trainable_weights
    plain = list(layer.weights)
    if isinstance(layer, Highway) and layer.use_bias:
        return [plain, [layer.kernel, layer.bias, layer.carry_kernel, layer.carry_bias]]
    if not isinstance(layer, keras.Model):
        return [split, plain]
    inside = [inner.trainable_weights + inner.non_trainable_weights for inner in layer.layers]
    return [split, plain, [variable for variables in inside for variable in variables]]


def _by_name(layer: keras.Layer, names: Sequence[str]) -> list[Order]:
    """The order of the weights of a layer by their names in a file, if these are unique."""
    by_name = {variable.name: variable for variable in layer.weights}
    last = [_last(name) for name in names]
    if len(by_name) == len(layer.weights) == len(last) and by_name.keys() == set(last):
        return [[by_name[name] for name in last]]
    return []


def _agrees(variable: keras.Variable, name: str, array: Array) -> bool:
    """Whether shapes are equal, and kinds too where both are known."""
    kinds = {KINDS.get(_last(name)), KINDS.get(variable.name)} - {None}
    return tuple(variable.shape) == array.shape and len(kinds) < 2


def _last(name: str) -> str:
    """The name of a weight in its layer.

    >>> _last("conv/kernel:0"), _last("convolution2d_1_W")
    ('kernel', 'W')
    """
    last = name.rpartition("/")[2].partition(":")[0]
    match = re.search(r"_(running_mean|running_std|gamma|beta|alphas|W_carry|b_carry|W|b|U)$", last)
    return match.group(1) if match and "/" not in name else last


def _key(name: str) -> tuple[str, ...]:
    """The layer and the weight in a name such as ``model/conv/kernel:0``.

    The kernel of a depthwise convolution is called a kernel in Keras 3.
    """
    parts = name.partition(":")[0].split("/")[-2:]
    last = "kernel" if parts[-1] == "depthwise_kernel" else parts[-1]
    return (*parts[:-1], last)
