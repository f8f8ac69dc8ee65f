"""Giving a built model the weights of its file, checked one by one.

The rules of this module: an array goes to a weight of its own shape and, where both say what they
are, of its own kind; a weight without an array or an array without a weight is an error. The loader
of Keras, for the store of a ``.keras`` archive, is handed arrays, never a file.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path

import keras
from keras.src.saving import saving_lib  # loads from an open store; the public way wants a path
from keras.src.utils.naming import to_snake_case

from layersight.data.arrays import Array
from layersight.data.saved import LayerWeights, SavedNetwork
from layersight.errors import ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.gone import Highway
from layersight.frameworks.keras.kernels import (
    HELD,
    ROTATED,
    UNKNOWN,
    convert,
    may_want_rotation,
    needs_rotation,
)
from layersight.frameworks.keras.refused import Refused
from layersight.loading.rewrites.nodes import plain_name

NEW = "layers"
# What Keras 2.13 and 2.14 called ``layers``, numbering the layers of a class with gaps.
OLD = "_layer_checkpoint_dependencies"

Arrays = Mapping[str, Array]  # weights by their path, such as ``layers/conv2d/vars/0``


def assign_store(model: keras.Model, path: Path, weights: Arrays) -> list[str]:
    """Sets the weights of a model by the loader of Keras."""
    notes: list[str] = []
    old = _inside(weights, OLD)
    if old or _has_replaced(model):
        weights = dict(_renumbered(model, old or _inside(weights, NEW), f"{NEW}/"))
    _check_all_used(model, _inside(weights, NEW), path)
    if old:
        notes.append("weight-store: the weights of Keras 2.13 were renumbered")
    failed: set[int] = set()
    messages: dict[int, tuple[keras.Layer, Exception]] = {}
    try:
        with warnings.catch_warnings():  # what Keras warns of is an error below
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
        """The weights of the object and of all objects in it."""
        return _inside(self._weights, self._path)


class Store(saving_lib.H5IOStore):
    """Weights as the loader of Keras asks for them.

    The loader takes a store of its own class only; of that nothing else is used.
    """

    def __init__(self, weights: Arrays) -> None:
        self._weights = weights
        self._held: dict[str, dict[str, Array]] = defaultdict(dict)
        self._paths = {""}
        for key, array in weights.items():
            above, _, name = key.rpartition("/")
            self._held[above][name] = array
            while above not in self._paths:
                self._paths.add(above)
                above = above.rpartition("/")[0]

    def __bool__(self) -> bool:
        return True

    def get(self, path: str) -> Entry:
        return Entry(self._held.get(f"{path}/vars" if path else "vars", {}), self._weights, path)

    def has_path(self, path: str) -> bool:
        return path in self._paths

    def close(self) -> None:
        pass


def _check_all_used(model: keras.Model, weights: Arrays, path: Path) -> None:
    """Refuses a file with more weights than the network: it would be loaded in part."""
    layers = model._flatten_layers(include_self=False)
    if any(isinstance(layer, Refused) for layer in layers):
        return
    sizes = [array.size for key, array in weights.items() if "seed_generator" not in key]
    wanted = sum(int(keras.ops.size(variable)) for variable in model.weights)
    if sum(sizes) > wanted + 16 * len(sizes):
        raise ModelFileError(
            f"{path} holds {sum(sizes)} weights in its layers, the network has {wanted}: "
            "its configuration does not belong to its weights"
        )


def _saved_class(layer: keras.Layer) -> str:
    """The class under which a file keeps the weights of a layer, with the path inside it."""
    noted = None if isinstance(layer, keras.Model) else getattr(layer, "_saved_class", None)
    return noted if isinstance(noted, str) else type(layer).__name__


def _has_replaced(model: keras.Model) -> bool:
    """Whether a layer with weights stands in the place of one of another class."""
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
        wanted = f"{target}{kind}_{counts[kind]}" if counts[kind] else f"{target}{kind}"
        counts[kind] += 1
        saved, _, inside = _saved_class(layer).partition("/")
        saved = to_snake_case(saved)
        if not names[saved] or not (layer.weights or isinstance(layer, Refused)):
            continue
        held = _inside(weights, names[saved].pop(0))
        held = _inside(held, inside) if inside else held
        if isinstance(layer, keras.Model):
            inner = _inside(held, OLD) or _inside(held, NEW)
            yield from _renumbered(layer, inner, f"{wanted}/{NEW}/")
        else:
            yield from ((f"{wanted}/{key}", array) for key, array in held.items())


def _inside(weights: Arrays, group: str) -> Arrays:
    """What lies in a group, by its path there."""
    start = f"{group}/"
    return {
        key.removeprefix(start): array for key, array in weights.items() if key.startswith(start)
    }


def _by_class(weights: Arrays) -> dict[str, list[str]]:
    """The groups that hold weights by class, each class in the order of its numbers."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in sorted({key.partition("/")[0] for key in weights}):
        match = re.fullmatch(r"(.+?)(?:_(\d+))?", name)
        if match:
            found[match.group(1)].append((int(match.group(2) or 0), name))
    return defaultdict(
        list, {kind: [name for _, name in sorted(names)] for kind, names in found.items()}
    )


Order = Sequence[keras.Variable]
Pairs = list[tuple[keras.Variable, Array]]

# Arrays of wrappers and random generators that belong to no weight of a layer.
BESIDE = re.compile(
    r"(optimizer_step|pruning_step|mask|threshold|cluster_centroids|pulling_indices|"
    r"moving_stddev|renorm_mean|renorm_stddev|original_weights|StateVar|sn_u|"
    r"seed_generator_state|seed_generator|.*_min|.*_max|.*_min_var|.*_max_var)"
)

# What a weight is, by the last part of the name that a file gives it.
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
    """Legacy HDF5, which holds weights layer by layer."""

    def __init__(self, model: keras.Model, network: SavedNetwork, *, rotate: bool) -> None:
        self._model = model
        self._network = network
        self._rotate = rotate

    def assign(self, saved: Sequence[LayerWeights]) -> None:
        """Assigns layer by layer: by name, or by position if the names are not the same."""
        model, path = self._model, self._network.path
        refused = _refused_by_entry(model, saved)
        holders = [layer for layer in model.layers if layer.weights]
        own = {variable.name for variable in model.weights}
        entries = [  # without what belongs to no weight
            _kept(entry, lambda name: _last(name) in own or not BESIDE.fullmatch(_last(name)))
            for entry in saved
        ]
        for entry in entries:
            if (stopped := refused.get(plain_name(entry.layer))) is not None:
                arrays: Sequence[Array] = entry.arrays
                if type(stopped).__name__ in HELD:
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
        """The weights of a nested model: by the names of layer and weight, else by order."""
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
        """Weights and arrays in the first order in which every shape and kind agrees."""
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

    def _count_error(self, layer: str, wanted: int, found: int) -> ModelFileError:
        return ModelFileError(
            f"{self._network.path}: layer '{layer}' has {wanted} weights, the file holds {found} "
            "for it"
        )


def _stand_ins(model: keras.Model) -> list[Refused]:
    return [layer for layer in model.layers if isinstance(layer, Refused)]


def _refused_by_entry(model: keras.Model, saved: Sequence[LayerWeights]) -> dict[str, Refused]:
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


def _kept(entry: LayerWeights, keep: Callable[[str], bool]) -> LayerWeights:
    """A layer's arrays whose names are wanted."""
    pairs = [pair for pair in zip(entry.names, entry.arrays, strict=True) if keep(pair[0])]
    return LayerWeights(entry.layer, tuple(n for n, _ in pairs), tuple(a for _, a in pairs))


def _without_refused(
    model: keras.Model, entry: LayerWeights, known: Container[tuple[str, ...]]
) -> LayerWeights:
    """The weights of a nested model without those of layers in it that cannot be computed."""
    pairs = list(zip(entry.names, entry.arrays, strict=True))
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, Refused):
            layer.arrays = {name: one for name, one in pairs if layer.name in name.split("/")}
    return _kept(entry, lambda name: _key(name) in known)


def _orders(layer: keras.Layer) -> list[Order]:
    """The orders in which a file may hold the weights of a layer."""
    split = layer.trainable_weights + layer.non_trainable_weights
    plain = list(layer.weights)
    if isinstance(layer, Highway) and layer.use_bias:
        return [plain, [layer.kernel, layer.bias, layer.carry_kernel, layer.carry_bias]]
    if not isinstance(layer, keras.Model):
        return [split, plain]
    inside = [inner.trainable_weights + inner.non_trainable_weights for inner in layer.layers]
    return [split, plain, [variable for variables in inside for variable in variables]]


def _by_name(layer: keras.Layer, names: Sequence[str]) -> list[Order]:
    """The order in which a file names the weights of a layer, where every name is its own."""
    held = {variable.name: variable for variable in layer.weights}
    last = [_last(name) for name in names]
    if len(held) == len(layer.weights) == len(last) and held.keys() == set(last):
        return [[held[name] for name in last]]
    return []


def _agrees(variable: keras.Variable, name: str, array: Array) -> bool:
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
