"""Building a model of layers from its configuration.

The configuration has the form in which :mod:`layersight.loading.rewrites` leaves it: calls are
counted from 0, and arguments of a call refer to tensors by layer, call and output. A layer that
cannot be run, and every layer after it, becomes a stand-in.

Keras walks through a graph by recursion. Where this exceeds Python's limit, it fails only after all
layers were made, which takes long: so the depth of a network is computed before any layer is made.
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
    REFUSED,
    TEXT_LAYERS,
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
from layersight.frameworks.keras.types import Arguments, Settings, Tensor, tensors_in
from layersight.loading.rewrites.classes import SAVED_CLASS
from layersight.loading.rewrites.settings import OLD_HARD_SIGMOID
from layersight.loading.rewrites.walking import each_tensor, is_tensor, name_of, settings_of

Call = tuple[str, int]  # the name of a layer and the number of the call

EXTRA_FRAMES = 25  # how many frames Keras needs in addition to those for the layers


def check_depth(count: int, where: str) -> None:
    """Refuses a graph that is deeper than Keras can build here."""
    if count + EXTRA_FRAMES < (most := sys.getrecursionlimit()) - _stack_depth():
        return
    raise ModelFileError(
        f"{where} has {count} layers one behind the other, more than Keras can put together at "
        f"Python's recursion limit of {most}: where they are honest, open it from Python after "
        f"sys.setrecursionlimit({most + count})"
    )


def depth_of(entries: Mapping[str, Config], outputs: Any) -> int:
    """The depth of the recursion in which Keras finds all calls that outputs depend on.

    It is a depth-first search that visits each call once, so that a shortcut past many layers
    which is followed first reduces the depth.
    """
    seen: set[Call] = set()
    deepest = 0

    def inputs(name: str, call: int) -> Iterator[Call]:
        nodes = entries[name]["inbound_nodes"] or [None] if name in entries else []
        return _calls_of(each_tensor(nodes[call]) if 0 <= call < len(nodes) else ())

    stack = [_calls_of(each_tensor(outputs))]
    while stack:
        call = next(stack[-1], None)
        if call is None:
            stack.pop()
        elif call not in seen:
            seen.add(call)
            stack.append(inputs(*call))
            deepest = max(deepest, len(stack) - 1)
    return deepest


def _calls_of(tensors: Iterable[list[Any]]) -> Iterator[Call]:
    return iter([(name, call) for name, call, _ in tensors])


def _stack_depth() -> int:
    frame: Any = sys._getframe()
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


# The types that an array in a configuration may have; the names of others may contain sizes.
DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool"),
)


class _StoppedError(Exception):
    """A layer cannot be run; the message is a clause that follows "which"."""


class Builder:
    """Makes the model of a file."""

    def __init__(self, path: str, *, trust: bool = False) -> None:
        self._path = path
        self._trust = trust
        self.ran: list[str] = []
        self._stopped: dict[int, Stop] = {}
        self.at = ""
        self._settings: Any = None

    def where(self) -> str:
        """The layer that is being built, with the largest number in its settings."""
        number = largest_number(self._settings)
        return f"{self.at} ({number})" if number else self.at

    def make_model(self, config: Config) -> keras.Model:
        if config["class_name"] == "Sequential":
            return self._make_sequential(config)
        return self._make_graph(config)

    def _make_sequential(self, config: Config) -> keras.Model:
        inner = config["config"]
        layers: list[Tensor] = []
        stopped: Stop | None = None
        check_depth(len(inner.get("layers") or []), self._where(name_of(config)))
        for entry in inner.get("layers") or []:
            layer, stop = self._make_layer(entry, stopped, 1)
            stopped = stopped or stop
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
        """Makes a layer; gives also the reason if it cannot be run."""
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
        if kind in TEXT_LAYERS:
            stop = Stop(
                self._path, name, f"is a {kind} layer, which takes text (layersight shows images)"
            )
            return self._refuse(entry, stop, outputs), stop
        try:
            settings = {**dict.fromkeys(unset_settings(cls), ""), **settings}
            if issubclass(cls, keras.layers.Wrapper):
                return _with_saved_class(self._wrap(cls, settings, where), entry), None
            cleaned = {key: self._setting(key, item, where) for key, item in settings.items()}
        except _StoppedError as error:
            stop = Stop(self._path, name, str(error))
            return self._refuse(entry, stop, outputs), stop
        layer = cls.from_config(cleaned)
        check_array(count_computed(layer), "an array")
        if isinstance(layer, keras.layers.InputLayer):
            check_output(layer.output, where)
        return _with_saved_class(layer, entry), None

    def _wrap(self, cls: type[keras.Layer], settings: Config, where: str) -> keras.Layer:
        cleaned: Config = {}
        for key, item in settings.items():
            if key in ("layer", "backward_layer") and isinstance(item, dict):
                cleaned[key], stop = self._make_layer(item, None, 1)
                if stop:
                    raise _StoppedError(f"holds a layer that {stop.reason}")
            else:
                cleaned[key] = self._setting(key, item, where)
        return cls(**cleaned)

    def _refuse(self, entry: Config, stop: Stop, outputs: int) -> Refused:
        """Makes a stand-in for a layer, with its order of axes as its only setting."""
        layer = stand_in(str(entry.get("class_name")), stop, outputs, name_of(entry))
        order = settings_of(entry).get("data_format")
        if order in ("channels_first", "channels_last"):
            layer.data_format = order
        return layer

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
        tensors: dict[Call, list[Tensor]] = {}
        layers: dict[str, keras.Layer] = {}
        stopped: dict[int, Stop] = {}
        order = order_calls(entries, self._path)
        check_depth(depth_of(entries, inner["output_layers"]), self._where(name_of(config)))
        for name, call in order:
            entry = entries[name]
            node = entry["inbound_nodes"][call] if entry["inbound_nodes"] else None
            self.at = self._where(name)
            if node is None:
                layers[name] = self._make_layer(entry, None, 1)[0]
                check_output(layers[name].output, self.at)
                tensors[name, call] = keras.tree.flatten(layers[name].output)
                continue
            args, kwargs = self._fill_in(node, tensors)
            inputs = tensors_in((args, kwargs))
            if not inputs:
                raise ModelFileError(
                    f"{self.at} is called on constants alone: expected a tensor that another "
                    "layer gives"
                )
            before = next((stopped[id(t)] for t in inputs if id(t) in stopped), None)
            if name in layers and before and not isinstance(layers[name], Refused):
                tensors[name, call] = tensors[name, 0]
                continue
            stop = before
            if name not in layers:
                layers[name], reason = self._make_layer(entry, before, outputs[name])
                stop = before or reason
            elif isinstance(layers[name], Refused):
                stop = layers[name].stop
            self._settings = _numbers(entry, node)
            results = tensors[name, call] = self._call(layers[name], args, kwargs)
            if stop:
                stopped.update({id(tensor): stop for tensor in results})
        model_inputs = self._resolve(inner["input_layers"], tensors)
        model_outputs = self._resolve(inner["output_layers"], tensors)
        self.at = self._where(str(inner.get("name")))
        model = keras.Model(model_inputs, model_outputs, name=inner.get("name"))
        for tensor in keras.tree.flatten(model_outputs):
            if id(tensor) in stopped:
                self._stopped[id(model)] = stopped[id(tensor)]
        return model

    def _call(self, layer: keras.Layer, args: Arguments, kwargs: Settings) -> list[Tensor]:
        """Calls a layer, which makes its weights; gives its outputs."""
        if not getattr(layer, "_call_has_training_arg", False):
            kwargs = {key: value for key, value in kwargs.items() if key != "training"}
        if isinstance(layer, keras.Model):
            settings: Settings = {key: kwargs[key] for key in ("training", "mask") if key in kwargs}
            more = {key: value for key, value in kwargs.items() if key not in settings}
            tensors = tensors_in((args, more))
            args, kwargs = (tensors if len(tensors) > 1 else tensors[0],), settings
        outputs = layer(*args, **kwargs)
        check_output(outputs, self.at)
        return list(keras.tree.flatten(outputs))

    def _fill_in(
        self, node: Config, tensors: dict[Call, list[Tensor]]
    ) -> tuple[Arguments, Settings]:
        """The arguments of a call, with tensors in place of references."""
        args = tuple(self._resolve(value, tensors) for value in node.get("args") or [])
        kwargs = {
            key: self._resolve(value, tensors)
            for key, value in (node.get("kwargs") or {}).items()
            if any(each_tensor(value))
            # These are left out where they are the default.
            or not (key == "mask" or (key == "training" and not isinstance(value, bool)))
        }
        return args, kwargs

    def _resolve(self, value: Any, tensors: dict[Call, list[Tensor]]) -> object:
        if is_tensor(value):
            name, call, output = value["config"]["keras_history"]
            outputs = tensors[name, call]
            if output >= len(outputs):
                raise ModelFileError(f"{self._where(name)} has no output {output}")
            return outputs[output]
        if isinstance(value, list):
            return [self._resolve(item, tensors) for item in value]
        if isinstance(value, dict) and "class_name" in value:
            return self._plain_value(value, tensors)
        if isinstance(value, dict):
            return {key: self._resolve(item, tensors) for key, item in value.items()}
        return value

    def _plain_value(self, value: Config, tensors: dict[Call, list[Tensor]]) -> Any:
        """A value that JSON lacks: a tuple, a slice, an ellipsis, an array."""
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
        """A copy of settings with only such classes as Keras exports."""
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


def order_calls(entries: dict[str, Config], path: str) -> list[Call]:
    """All calls of the layers of a graph, each after those that it depends on."""
    ranks = {name: rank for rank, name in enumerate(entries)}
    waiting: dict[Call, int] = {}  # the number of calls that each one waits for
    followers: dict[Call, list[Call]] = defaultdict(list)
    ready: list[tuple[int, int, str]] = []
    for name, entry in entries.items():
        for call, node in enumerate(entry["inbound_nodes"] or [None]):
            needed = set(_calls_of(each_tensor(node)))
            waiting[name, call] = len(needed)
            for other in needed:
                followers[other].append((name, call))
            if not needed:
                heapq.heappush(ready, (ranks[name], call, name))
    order: list[Call] = []
    while ready:
        _, call, name = heapq.heappop(ready)
        order.append((name, call))
        for follower in followers[name, call]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, (ranks[follower[0]], follower[1], follower[0]))
    if len(order) < len(waiting):
        name = next(name for (name, _), count in waiting.items() if count)
        raise ModelFileError(
            f"{path}: layer '{name}' takes from a layer that takes from it: a loop"
        )
    return order


def _with_saved_class(layer: keras.Layer, entry: Config) -> keras.Layer:
    """Notes on a layer the class under which its file stores its weights."""
    saved = entry.get(SAVED_CLASS)
    # Keras may export a class under another name than its own, by which it is saved.
    layer._saved_class = None if saved == entry.get("class_name") else saved
    return layer


def _activation(name: object) -> object:
    """An activation function of Keras or of layersight."""
    if name == OLD_HARD_SIGMOID:
        return hard_sigmoid_of_keras_2
    if isinstance(name, str) and name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if isinstance(name, str) and not name.startswith("_"):
        function = getattr(keras.activations, name, None)
        if callable(function) and name not in ("get", "serialize", "deserialize"):
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
    """The settings of a layer and the arguments of a call of it other than tensors."""
    inner = entry.get("config")
    args = {f"argument {index}": value for index, value in enumerate(node.get("args") or [])}
    both = {**args, **(node.get("kwargs") or {})}
    plain = {key: value for key, value in both.items() if not any(each_tensor(value))}
    return {**(inner if isinstance(inner, dict) else {}), **plain}
