"""Putting layers together to a model, as its configuration says.

The form of the configuration is the one that :mod:`layersight.loading.rewrites` leaves: calls
count from 0, and what a call takes refers to tensors by layer, call and output. A layer that
cannot be run, and every layer after it, becomes a stand-in.

Keras goes through a graph by a function that calls itself for each layer behind another. Where it
would come to Python's limit, it does so after every layer was made, which takes long: so how deep a
network is for Keras is found before any layer of it is made.
"""

from __future__ import annotations

import heapq
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from layersight.data.saved import Config
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.graph.sizes import check_array
from layersight.frameworks.graph.view import Stop
from layersight.frameworks.keras.libraries import ACTIVATIONS
from layersight.frameworks.keras.lookup import (
    NO_CODE,
    ON_TEXT,
    REFUSED,
    check_policies,
    check_settings,
    exporting_module,
    find_layer,
    known_settings,
    largest_number,
    not_of_keras,
    unset_settings,
)
from layersight.frameworks.keras.ops import hard_sigmoid_of_keras_2
from layersight.frameworks.keras.refused import Refused, stand_in, trusted_lambda
from layersight.frameworks.keras.sizes import UNSET, check_output, count_computed
from layersight.frameworks.keras.types import Arguments, Settings, Tensor
from layersight.loading.rewrites.classes import SAVED_CLASS
from layersight.loading.rewrites.settings import OLD_HARD_SIGMOID
from layersight.loading.rewrites.walking import each_tensor, is_tensor, name_of, settings_of

FRAMES = 25  # how many calls Keras needs beside those for the layers, once a graph is put together


def check_depth(count: int, where: str) -> None:
    """Refuses a graph in which more layers follow each other than Keras can put together here."""
    if count + FRAMES < (most := sys.getrecursionlimit()) - _calls():
        return
    raise ModelFileError(
        f"{where} has {count} layers one behind the other, more than Keras can put together at "
        f"Python's recursion limit of {most}: where they are honest, open it from Python after "
        f"sys.setrecursionlimit({most + count})"
    )


def depth_of(entries: Mapping[str, Config], outputs: Any) -> int:
    """How many calls of layers Keras goes into at once to find all that outputs depend on.

    It goes from each output to all that a call takes, one after the other, and to each call once;
    so a way past many layers that is found first makes the rest less deep.
    """
    seen: set[tuple[str, int]] = set()
    deepest = 0

    def taken(name: str, call: int) -> Iterator[tuple[str, int]]:
        nodes = entries[name]["inbound_nodes"] or [None] if name in entries else []
        return _places(each_tensor(nodes[call]) if 0 <= call < len(nodes) else ())

    open_calls = [_places(each_tensor(outputs))]
    while open_calls:
        place = next(open_calls[-1], None)
        if place is None:
            open_calls.pop()
        elif place not in seen:
            seen.add(place)
            open_calls.append(taken(*place))
            deepest = max(deepest, len(open_calls) - 1)
    return deepest


def _places(tensors: Iterable[list[Any]]) -> Iterator[tuple[str, int]]:
    return iter([(name, call) for name, call, _ in tensors])


def _calls() -> int:
    frame: Any = sys._getframe()
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


# The types that an array in a configuration may have; others may claim a size of their own.
DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool"),
)

Place = tuple[str, int]  # a call of a layer: the layer's name and the number of the call


class _StoppedError(Exception):
    """A layer cannot be run, for the reason given, as it follows on "which"."""


class Builder:
    """Makes the model of one file."""

    def __init__(self, path: str, *, trust: bool = False) -> None:
        self._path = path
        self._trust = trust
        self.ran: list[str] = []
        self._stopped: dict[int, Stop] = {}
        self.at = ""
        self._settings: Any = None

    def where(self) -> str:
        """The layer that is being built, with the largest number that it was given."""
        number = largest_number(self._settings)
        return f"{self.at} ({number})" if number else self.at

    def make_model(self, config: Config) -> keras.Model:
        """A model, sequential or functional, with everything inside it."""
        if config["class_name"] == "Sequential":
            return self._make_sequential(config)
        return self._make_graph(config)

    def _make_sequential(self, config: Config) -> keras.Model:
        inner = config["config"]
        layers: list[Tensor] = []
        stopped: Stop | None = None
        check_depth(len(inner.get("layers") or []), self._where(name_of(config)))
        for entry in inner.get("layers") or []:
            layer, own = self._make_layer(entry, stopped, 1)
            stopped = stopped or own
            layers.append(layer)
        model = keras.Sequential(layers, name=inner.get("name"), trainable=True)
        if model.built:
            for layer in model.layers:
                check_output(getattr(layer, "output", ()), self._where(layer.name))
        if stopped:
            self._stopped[id(model)] = stopped
        return model

    def _make_layer(
        self, entry: Config, stopped: Stop | None, outputs: int
    ) -> tuple[keras.Layer, Stop | None]:
        """A layer, and why neither it nor what follows can be run, if so."""
        name = name_of(entry)
        where = self.at = self._where(name)
        kind = str(entry.get("class_name"))
        if stopped:
            return self._refuse(entry, stopped, outputs), None
        if kind in ("Sequential", "Functional"):
            model = self.make_model(entry)
            return model, self._stopped.get(id(model))
        if self._trust and kind == "Lambda":
            self.ran.append(f"trust: the code of the Lambda layer '{name}' was run")
            return trusted_lambda(entry), None
        cls, reason = find_layer(entry, where)
        if cls is None:
            code = kind == "Lambda"
            stop = Stop(self._path, name, reason, code=code)
            return self._refuse(entry, stop, outputs), stop
        inner = self._settings = entry.get("config")
        settings = known_settings(cls, inner if isinstance(inner, dict) else {}, where)
        check_settings(settings, where)
        if kind in ON_TEXT:
            stop = Stop(
                self._path, name, f"is a {kind} layer, which takes text (layersight shows images)"
            )
            return self._refuse(entry, stop, outputs), stop
        try:
            settings = {**dict.fromkeys(unset_settings(cls), ""), **settings}
            if issubclass(cls, keras.layers.Wrapper):
                return _noted(self._wrap(cls, settings, where), entry), None
            cleaned = {key: self._setting(key, item, where) for key, item in settings.items()}
        except _StoppedError as reason_why:
            stop = Stop(self._path, name, str(reason_why))
            return self._refuse(entry, stop, outputs), stop
        layer = cls.from_config(cleaned)
        check_array(count_computed(layer), "an array")
        if isinstance(layer, keras.layers.InputLayer):
            check_output(layer.output, where)
        return _noted(layer, entry), None

    def _wrap(self, cls: type[keras.Layer], settings: Config, where: str) -> keras.Layer:
        made: Config = {}
        for key, item in settings.items():
            if key in ("layer", "backward_layer") and isinstance(item, dict):
                made[key], stop = self._make_layer(item, None, 1)
                if stop:
                    raise _StoppedError(f"holds a layer that {stop.reason}")
            else:
                made[key] = self._setting(key, item, where)
        return cls(**made)

    def _refuse(self, entry: Config, stop: Stop, outputs: int) -> Refused:
        """A stand-in for a layer, which takes no setting but its order of axes."""
        made = stand_in(str(entry.get("class_name")), stop, outputs, name_of(entry))
        order = settings_of(entry).get("data_format")
        if order in ("channels_first", "channels_last"):
            made.data_format = order
        return made

    def _where(self, name: str) -> str:
        return f"{self._path}: layer '{name}'"

    def _make_graph(self, config: Config) -> keras.Model:
        inner = config["config"]
        entries = {name_of(entry): entry for entry in inner.get("layers") or []}
        outputs: dict[str, int] = defaultdict(lambda: 1)
        for name, _, output in each_tensor([list(entries.values()), inner["output_layers"]]):
            if not 0 <= output < 1000:
                raise ModelFileError(f"{self._where(name)} has no output {output}")
            outputs[name] = max(outputs[name], output + 1)
        tensors: dict[Place, list[Tensor]] = {}
        made: dict[str, keras.Layer] = {}
        stopped: dict[int, Stop] = {}
        order = order_calls(entries, self._path)
        check_depth(depth_of(entries, inner["output_layers"]), self._where(name_of(config)))
        for name, call in order:
            entry = entries[name]
            node = entry["inbound_nodes"][call] if entry["inbound_nodes"] else None
            self.at = self._where(name)
            if node is None:
                made[name] = self._make_layer(entry, None, 1)[0]
                check_output(made[name].output, self.at)
                tensors[name, call] = keras.tree.flatten(made[name].output)
                continue
            args, kwargs = self._fill_in(node, tensors)
            if not _tensors_in((args, kwargs)):
                raise ModelFileError(
                    f"{self.at} is called on constants alone: expected a tensor that another "
                    "layer gives"
                )
            before = next(
                (stopped[id(t)] for t in _tensors_in((args, kwargs)) if id(t) in stopped), None
            )
            if name in made and before and not isinstance(made[name], Refused):
                tensors[name, call] = tensors[name, 0]
                continue
            stop = before
            if name not in made:
                made[name], own = self._make_layer(entry, before, outputs[name])
                stop = before or own
            elif isinstance(made[name], Refused):
                stop = made[name].stop
            self._settings = _numbers(entry, node)
            given = self._call(made[name], args, kwargs)
            tensors[name, call] = given
            if stop:
                stopped.update({id(tensor): stop for tensor in given})
        taken = self._resolve(inner["input_layers"], tensors)
        result = self._resolve(inner["output_layers"], tensors)
        self.at = self._where(str(inner.get("name")))
        model = keras.Model(taken, result, name=inner.get("name"))
        for tensor in keras.tree.flatten(result):
            if id(tensor) in stopped:
                self._stopped[id(model)] = stopped[id(tensor)]
        return model

    def _call(self, layer: keras.Layer, args: Arguments, kwargs: Settings) -> list[Tensor]:
        """The tensors that a layer gives for others, its weights made on the way."""
        if not getattr(layer, "_call_has_training_arg", False):
            kwargs = {key: value for key, value in kwargs.items() if key != "training"}
        if isinstance(layer, keras.Model):
            settings: Settings = {key: kwargs[key] for key in ("training", "mask") if key in kwargs}
            more = {key: value for key, value in kwargs.items() if key not in settings}
            tensors = _tensors_in((args, more))
            args, kwargs = (tensors if len(tensors) > 1 else tensors[0],), settings
        given = layer(*args, **kwargs)
        check_output(given, self.at)
        return list(keras.tree.flatten(given))

    def _fill_in(
        self, node: Config, tensors: dict[Place, list[Tensor]]
    ) -> tuple[Arguments, Settings]:
        """What a call takes, with tensors instead of references."""
        args = tuple(self._resolve(value, tensors) for value in node.get("args") or [])
        kwargs = {
            key: self._resolve(value, tensors)
            for key, value in (node.get("kwargs") or {}).items()
            if any(each_tensor(value))
            # What says what is done anyway is left out.
            or not (key == "mask" or (key == "training" and not isinstance(value, bool)))
        }
        return args, kwargs

    def _resolve(self, value: Any, tensors: dict[Place, list[Tensor]]) -> object:
        if is_tensor(value):
            name, call, output = value["config"]["keras_history"]
            found = tensors[name, call]
            if output >= len(found):
                raise ModelFileError(f"{self._where(name)} has no output {output}")
            return found[output]
        if isinstance(value, list):
            return [self._resolve(item, tensors) for item in value]
        if isinstance(value, dict) and "class_name" in value:
            return self._plain_value(value, tensors)
        if isinstance(value, dict):
            return {key: self._resolve(item, tensors) for key, item in value.items()}
        return value

    def _plain_value(self, value: Config, tensors: dict[Place, list[Tensor]]) -> Any:
        """A value that JSON has not: a tuple, a slice, an ellipsis, an array."""
        kind, inner = value["class_name"], value.get("config")
        if kind == "__tuple__":
            items = inner.get("items", []) if isinstance(inner, dict) else value.get("items", [])
            return tuple(self._resolve(item, tensors) for item in items)
        if kind == "__slice__" and isinstance(inner, dict):
            parts = [self._resolve(inner.get(key), tensors) for key in ("start", "stop", "step")]
            return slice(*parts)
        if kind == "__ellipsis__":
            return Ellipsis
        if kind in ("__numpy__", "__tensor__") and isinstance(inner, dict):
            dtype = inner.get("dtype", "float32")
            if dtype not in DTYPES:
                raise UnsafeModelError(
                    f"{self.at} is called with an array of the type '{dtype!s:.40}': expected one "
                    "of plain numbers"
                )
            return np.asarray(inner.get("value"), "float32" if dtype == "bfloat16" else dtype)
        if kind == "TensorShape" and isinstance(value.get("items"), list):
            return tuple(value["items"])
        raise UnsafeModelError(f"{self.at} is called with something of the class '{kind}'")

    def _setting(self, key: Any, item: Any, where: str) -> Any:
        if isinstance(key, str) and item is not None:
            if key.endswith("_initializer"):
                return dict(UNSET)
            if key.endswith("activation") and isinstance(item, str):
                return _activation(item)
        return self._sanitise(item, where)

    def _sanitise(self, value: Any, where: str) -> Any:
        """A copy of settings in which every class is one that Keras exports."""
        if isinstance(value, list):
            return [self._sanitise(item, where) for item in value]
        if not isinstance(value, dict):
            return value
        name = value.get("class_name")
        if name is None:
            return {key: self._setting(key, item, where) for key, item in value.items()}
        if not isinstance(name, str):
            raise ModelFileError(f"{where} holds something that names no class")
        inner = value.get("config")
        if name in ("__tuple__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__"):
            return self._plain_value(value, {})
        if name == "function":
            return _activation(inner)
        if name == "DTypePolicyMap":
            check_policies(inner, where)
        cls = getattr(keras.layers, name, None)
        if isinstance(inner, dict) and isinstance(cls, type):
            inner = known_settings(cls, inner, where)
            check_settings(inner, where)
            inner = {**dict.fromkeys(unset_settings(cls), ""), **inner}
        return {
            "module": _exporting_module(name),
            "class_name": name,
            "config": self._sanitise(inner, where),
            "registered_name": None,
        }


def order_calls(entries: dict[str, Config], path: str) -> list[Place]:
    """Every call of the layers of a graph, each after those that it takes from."""
    ranks = {name: rank for rank, name in enumerate(entries)}
    waiting: dict[Place, int] = {}
    followers: dict[Place, list[Place]] = defaultdict(list)
    ready: list[tuple[int, int, str]] = []
    for name, entry in entries.items():
        for call, node in enumerate(entry["inbound_nodes"] or [None]):
            needed = {(other, number) for other, number, _ in each_tensor(node)}
            waiting[name, call] = len(needed)
            for place in needed:
                followers[place].append((name, call))
            if not needed:
                heapq.heappush(ready, (ranks[name], call, name))
    order: list[Place] = []
    while ready:
        _, call, name = heapq.heappop(ready)
        order.append((name, call))
        for follower in followers[name, call]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, (ranks[follower[0]], follower[1], follower[0]))
    if len(order) < len(waiting):
        left = next(place for place, count in waiting.items() if count)
        raise ModelFileError(
            f"{path}: layer '{left[0]}' takes from a layer that takes from it: a loop"
        )
    return order


def _noted(layer: keras.Layer, entry: Config) -> keras.Layer:
    """A layer that knows the class under which its file keeps its weights."""
    saved = entry.get(SAVED_CLASS)
    # A class of Keras may be exported under another name than its own, by which it is saved.
    layer._saved_class = None if saved == entry.get("class_name") else saved
    return layer


def _activation(name: object) -> object:
    """An activation function by name, one of Keras or of layersight."""
    if name == OLD_HARD_SIGMOID:
        return hard_sigmoid_of_keras_2
    if isinstance(name, str) and name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if isinstance(name, str) and not name.startswith("_"):
        found = getattr(keras.activations, name, None)
        if callable(found) and name not in ("get", "serialize", "deserialize"):
            return name
    raise _StoppedError(f"has the activation '{name!s:.60}', which Keras does not have {NO_CODE}")


def _exporting_module(name: str) -> str:
    """The module of Keras that exports an initialiser, a policy or a layer of a name."""
    if name in REFUSED:
        raise _StoppedError(f"holds a {name} layer, which {REFUSED[name]} {NO_CODE}")
    module = exporting_module(name)
    if module is None:
        raise _StoppedError(f"holds something of the class '{name:.60}', which {not_of_keras()}")
    return module


def _numbers(entry: Config, node: Config) -> Config:
    """The settings of a layer and what a call of it takes beside tensors."""
    inner = entry.get("config")
    taken = {f"argument {place}": value for place, value in enumerate(node.get("args") or [])}
    given = {**taken, **(node.get("kwargs") or {})}
    plain = {key: value for key, value in given.items() if not any(each_tensor(value))}
    return {**(inner if isinstance(inner, dict) else {}), **plain}


def _tensors_in(value: object) -> list[Tensor]:
    return [t for t in keras.tree.flatten(value) if isinstance(t, keras.KerasTensor)]
