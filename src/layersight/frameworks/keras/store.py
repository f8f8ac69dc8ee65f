"""The weights inside a ``.keras`` archive, which Keras keeps along the attributes of objects.

The rule of this module: the loader of Keras is handed arrays, never a file.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
from keras.src.saving import saving_lib  # loads from an open store; the public way wants a path
from keras.src.utils.naming import to_snake_case

from layersight.data.arrays import Array
from layersight.errors import ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.refused import Refused

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
