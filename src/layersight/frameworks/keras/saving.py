"""Saving a model so that Keras 3 opens it without layersight.

The layers of layersight (formulas read from Lambda layers and operations of TensorFlow) become
layers or operations of Keras in a new graph; all others are copied with their weights.

The rule of this module: the saved configuration has only classes of Keras, and nothing that runs
code when it is opened.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

from layersight.data.saved import Config
from layersight.errors import LayersightError, ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.formula import Expression, Form, Formula
from layersight.frameworks.keras.gone import RestoredLayer
from layersight.frameworks.keras.lookup import REFUSED
from layersight.frameworks.keras.ops import TensorFlowCall
from layersight.frameworks.keras.program import flatten, graph_of, ordered_nodes
from layersight.frameworks.keras.refused import Refused
from layersight.frameworks.keras.sizes import UNSET
from layersight.frameworks.keras.training import differs_in_training, listed
from layersight.frameworks.keras.types import Arguments, Settings, Structure, tensors_in
from layersight.loading.rewrites.settings import OLD_HARD_SIGMOID
from layersight.model import KEPT

# Operations that are activations of Keras.
ACTIVATIONS = {
    **{
        f"nn.{name}": name
        for name in ("relu", "relu6", "elu", "selu", "silu", "softmax", "sigmoid", "tanh")
    },
    **{f"math.{name}": name for name in ("sigmoid", "tanh", "softplus")},
    "nn.swish": "silu",
}

OURS = (Formula, TensorFlowCall)  # the layers of layersight
Line = tuple[float, float]  # slope and offset


def make_plain(model: keras.Model) -> tuple[keras.Model, tuple[str, ...]]:
    """A model without layers of layersight, and what was replaced, in words.

    The model itself if it has no such layers.
    """
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, Refused):
            raise ModelFileError(
                f"{layer.stop.source}: {layer.stop.describe(layer.stop.layer)}. To convert it, "
                "replace that layer by layers of Keras where the model was made"
            )
    if not _has_ours(model):
        return model, ()
    copier = _Copier()
    return copier.copy(model), tuple(copier.notes)


def _has_ours(model: keras.Model) -> bool:
    return any(isinstance(layer, OURS) for layer in model._flatten_layers())


class _Copier:
    def __init__(self) -> None:
        self._copies: dict[int, keras.Operation | None] = {}
        self.notes: list[str] = []

    def copy(self, model: keras.Model) -> keras.Model:
        """Copies a model with a graph, and all layers in it."""
        graph = graph_of(model)
        if graph is None:
            raise ModelFileError(
                f"model '{model.name}' has no graph of layers, so its formulas cannot be replaced"
            )
        tensors: dict[int, keras.KerasTensor] = {}
        for tensor in graph.inputs:
            name = tensor._keras_history.operation.name
            tensors[id(tensor)] = keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=name
            )
        nodes = ordered_nodes(graph)
        names = {node.operation.name for node in nodes if not isinstance(node.operation, OURS)}
        for node in nodes:
            if node.is_input or any(id(tensor) not in tensors for tensor in node.input_tensors):
                continue
            args, kwargs = node.arguments.fill_in(tensors)
            outputs = keras.tree.flatten(self._call(node.operation, args, kwargs, names))
            tensors.update(zip(map(id, node.outputs), outputs, strict=True))
        both = graph._inputs_struct, graph._outputs_struct
        inputs, outputs = keras.tree.map_structure(lambda tensor: tensors[id(tensor)], both)
        return keras.Model(inputs, outputs, name=model.name)

    def _call(
        self, operation: keras.Operation, args: Arguments, kwargs: Settings, names: set[str]
    ) -> Structure:
        if isinstance(operation, OURS):
            return self._replace(operation, args, kwargs, names)
        key = id(operation)
        is_model = isinstance(operation, keras.Model)
        if key not in self._copies:
            if is_model and _has_ours(operation):
                self._copies[key] = self.copy(operation)
            else:
                self._copies[key] = type(operation).from_config(operation.get_config())
                if is_model:
                    _copy_weights(operation, self._copies[key])
        copy: keras.Operation = self._copies[key]
        outputs = copy(*args, **kwargs)
        if isinstance(operation, keras.Layer) and not is_model:
            _copy_weights(operation, copy)  # it is built now
        return outputs

    def _replace(
        self, layer: Formula | TensorFlowCall, args: Arguments, kwargs: Settings, names: set[str]
    ) -> Structure:
        """Calls a layer or operations of Keras in place of a layer of layersight."""
        key = id(layer)
        if key not in self._copies:
            copy = self._copies[key] = _as_layer(layer, args, kwargs)
            what = type(copy).__name__ if copy else "operations of keras.ops"
            self.notes.append(f"layer '{layer.name}' became {what}")
        if (copy := self._copies[key]) is not None:
            return copy(*args)
        inputs = {id(tensor) for tensor in tensors_in((args, kwargs))}
        if isinstance(layer, Formula):
            args, kwargs = keras.tree.map_structure(
                lambda tensor: _cast(tensor, layer.compute_dtype), (args, kwargs)
            )
        compute: Callable[..., Structure] = layer.call
        try:
            outputs = compute(*args, **kwargs)
        except LayersightError:
            raise
        except Exception as error:
            raise ModelFileError(
                f"layer '{layer.name}' computes what Keras cannot save ({reason_of(error, 120)}): "
                "replace it where the model was made"
            ) from error
        _name_operations(layer.name, outputs, inputs, names)
        return outputs


def _copy_weights(old: keras.Layer, new: keras.Layer) -> None:
    if len(old.weights) != len(new.weights):
        raise ModelFileError(f"layer '{old.name}' could not be copied with its weights")
    for source, target in zip(old.weights, new.weights, strict=True):
        target.assign(source)


def _cast(value: object, dtype: str) -> object:
    """A floating-point tensor in another precision; anything else as it is."""
    if not isinstance(value, keras.KerasTensor) or value.dtype == dtype:
        return value
    floating = str(value.dtype).startswith(("float", "bfloat"))
    return keras.ops.cast(value, dtype) if floating else value


def _name_operations(name: str, outputs: Structure, inputs: set[int], names: set[str]) -> None:
    """Names the operations between inputs and outputs after the layer that they replace."""
    tensors = [tensor for tensor in tensors_in(outputs) if id(tensor) not in inputs]
    last = {id(tensor._keras_history.operation) for tensor in tensors}
    for operation in _operations_before(tensors, inputs):
        alone = len(last) == 1 and id(operation) in last
        base = unique = name if alone else f"{name}_{operation.name}"
        number = 0
        while unique in names:
            number += 1
            unique = f"{base}_{number}"
        names.add(unique)
        operation.name = unique


def _operations_before(
    outputs: list[keras.KerasTensor], inputs: set[int]
) -> Iterator[keras.Operation]:
    seen: set[int] = set()
    stack = list(outputs)
    while stack:
        operation, node_index, _ = stack.pop()._keras_history
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        yield operation
        node = operation._inbound_nodes[node_index]
        stack += [tensor for tensor in node.input_tensors if id(tensor) not in inputs]


def _as_layer(
    layer: Formula | TensorFlowCall, args: Arguments, kwargs: Settings
) -> keras.Layer | None:
    """A single layer of Keras that computes the same; ``None`` if there is none."""
    tensors = tensors_in((args, kwargs))
    if len(tensors) != 1 or len(args) != 1 or kwargs or id(args[0]) != id(tensors[0]):
        return None
    if not str(tensors[0].dtype).startswith("float"):
        return None
    formula = _as_formula(layer)
    common = {"name": layer.name, "dtype": layer.dtype_policy}
    if len(formula["steps"]) == 1 and formula["result"] == ["step", 0]:
        name, inputs, settings = formula["steps"][0]
        if inputs == [["input"]] and not settings and name in ACTIVATIONS:
            return keras.layers.Activation(ACTIVATIONS[name], **common)
    line = find_line(formula)
    if line is not None and line != (1.0, 0.0):
        return keras.layers.Rescaling(line[0], line[1], **common)
    return None


def _as_formula(layer: Formula | TensorFlowCall) -> Expression:
    if isinstance(layer, Formula):
        return layer.expression
    arguments = dict(layer.arguments)
    inputs: list[Form] = [["input"]]
    for index, value in layer.constants:
        inputs.insert(index, ["value", value])
    if "y" in arguments:
        inputs.append(["value", arguments.pop("y")])
    named: dict[str, Form] = {key: ["value", value] for key, value in arguments.items()}
    return {"steps": [(layer.function, inputs, named)], "result": ["step", 0]}


def find_line(formula: Expression) -> Line | None:
    """Slope and offset of a formula that is a linear function of its input; else ``None``.

    >>> step = ["math.subtract", [["input"], ["value", 0.5]], {}]
    >>> find_line({"steps": [step], "result": ["step", 0]})
    (1.0, -0.5)
    """
    lines: list[Line | None] = []
    for name, arguments, settings in formula["steps"]:
        values = [_line_of(argument, lines) for argument in arguments]
        known = [value for value in values if value is not None]
        unknown = settings or len(known) < len(values)
        lines.append(None if unknown else _combined(name.rpartition(".")[2], known))
    line = _line_of(formula["result"], lines)
    # A constant is a single number, while the output of a layer has the shape of its input.
    return line if line is not None and line[0] else None


def _line_of(value: Form, lines: list[Line | None]) -> Line | None:
    """An argument as a line; a number has slope 0."""
    kind, *rest = value
    if kind == "value" and isinstance(rest[0], int | float) and not isinstance(rest[0], bool):
        return 0.0, float(rest[0])
    if kind == "step":
        return lines[rest[0]]
    return (1.0, 0.0) if value == ["input"] else None


def _combined(name: str, lines: list[Line]) -> Line | None:
    """The result of an operation on one or two lines, as a line."""
    if name == "negative" and len(lines) == 1:
        return -lines[0][0], -lines[0][1]
    if len(lines) != 2 or (lines[0][0] and lines[1][0]):
        return None
    (slope, offset), (other_slope, other) = lines
    if name == "add":
        return slope + other_slope, offset + other
    if name == "subtract":
        return slope - other_slope, offset - other
    if name == "multiply":
        return slope * other + other_slope * offset, offset * other
    if name in ("truediv", "divide") and not other_slope and other:
        return slope / other, offset / other
    return None


CONFIG = "config.json"


def save(model: keras.Model, path: Path) -> tuple[str, ...]:
    """Writes a model as a ``.keras`` file and gives what was replaced, in words."""
    _check_class(model, model.name)
    if not model.built or not model.inputs:
        raise ModelFileError(
            f"model '{model.name}' has no input shape yet: call it on one image, then convert it"
        )
    for layer in model._flatten_layers(include_self=False):
        _check_class(layer, layer.name)
    plain, notes = make_plain(model)
    with tempfile.TemporaryDirectory(prefix=".layersight-", dir=path.parent) as folder:
        raw = Path(folder) / "raw.keras"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _write(plain, raw)
        with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w") as new:
            for member in old.infolist():
                if member.filename != CONFIG:
                    with old.open(member) as source, new.open(member, "w") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
            cleaned: list[str] = []
            config = _clean(json.loads(old.read(CONFIG)), model.name, cleaned)
            new.writestr(CONFIG, json.dumps(config))
    return (*notes, *cleaned, *_called_in_training(plain))


def _called_in_training(model: keras.Model) -> tuple[str, ...]:
    """A note on layers that are called with ``training=True``, and how to call the model."""
    steps = [step for step in flatten(model).steps if step.training]
    names = [step.operation.name for step in steps if differs_in_training(step.operation)]
    if not names:
        return ()
    return (
        f"{KEPT}{listed(names)}: called with training=True in the file as before, so that it gives "
        "the author's numbers as model(image), one image at a time; model.predict does not",
    )


def _write(model: keras.Model, path: Path) -> None:
    try:
        keras.saving.save_model(model, path)
    except OSError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"Keras cannot save model '{model.name}': {reason_of(error)}"
        ) from error


def _check_class(layer: keras.Layer, name: str) -> None:
    """Refuses a layer that Keras does not have, or that runs code."""
    package, kind = type(layer).__module__.partition(".")[0], type(layer).__name__
    if package not in ("keras", "layersight") or isinstance(layer, RestoredLayer):
        raise _foreign(name, kind)
    if package == "keras" and kind in REFUSED:
        raise ModelFileError(
            f"layer '{name}' is a {kind} layer, which {REFUSED[kind]}: plain Keras would not open "
            "the file. Replace it by layers of Keras, then convert"
        )


def _foreign(layer: str, name: str) -> LayersightError:
    return ModelFileError(
        f"layer '{layer}' needs '{name}', which Keras does not have: plain Keras could not open "
        "the file. Replace it by layers of Keras, then convert"
    )


def _clean(value: object, layer: str, notes: list[str]) -> object:
    """A copy of a configuration with classes of Keras only; ``notes`` gets what was replaced."""
    if isinstance(value, list):
        return [_clean(item, layer, notes) for item in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    if value.get("class_name") == "function" and inner == f"layersight>{OLD_HARD_SIGMOID}":
        notes.append(f"layer '{layer}': hard_sigmoid of Keras 2 became a Pipeline")
        return _old_hard_sigmoid(f"{layer}_hard_sigmoid_{len(notes)}")
    if "class_name" in value and "module" in value:
        _check_module(value, layer)
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            is_layer = isinstance(getattr(keras.layers, str(value["class_name"]), None), type)
            layer = inner["name"] if is_layer else layer
    cleaned = {
        key: _clean(item, layer, notes) for key, item in value.items() if key != "compile_config"
    }
    settings = cleaned.get("config")
    if "class_name" in value and isinstance(settings, dict):
        for key, inner in settings.items():  # default initialisers where a placeholder stands
            if isinstance(inner, dict) and inner.get("registered_name") == UNSET["registered_name"]:
                default = _default(getattr(keras.layers, str(value["class_name"]), None), key)
                settings[key] = keras.initializers.serialize(keras.initializers.get(default))
    return cleaned


def _check_module(value: Config, layer: str) -> None:
    """Refuses classes outside of Keras, but for the placeholder of initialisers."""
    if value.get("registered_name") == UNSET["registered_name"]:
        return
    module = value["module"]
    ours = isinstance(module, str) and module.partition(".")[0] == "keras"
    if not ours and not (module == "builtins" and value["class_name"] in ("slice", "range")):
        name = value["config"] if value["class_name"] == "function" else value["class_name"]
        raise _foreign(layer, str(name))


def _default(cls: Any, key: str) -> str:
    """The default of an initialiser of a class."""
    if cls is not None:
        parameter = inspect.signature(cls.__init__).parameters.get(key)
        if parameter is not None and isinstance(parameter.default, str):
            return parameter.default
    return "glorot_uniform" if "kernel" in key else "zeros"


def _old_hard_sigmoid(name: str) -> Config:
    """``clip(0.2 x + 0.5, 0, 1)`` by layers of Keras, as a configuration."""
    steps = [
        keras.layers.Rescaling(0.2, 0.5, name=f"{name}_line"),
        keras.layers.ReLU(max_value=1.0, name=f"{name}_clip"),
    ]
    return keras.saving.serialize_keras_object(keras.layers.Pipeline(steps, name=name))
