"""Saving a model so that plain Keras 3 opens it, without layersight.

The layers of layersight that stand for what old files hold, formulas read from Lambda layers and
operations of TensorFlow, become layers or operations of Keras in a graph built anew; all else
is copied with its weights.

The rule of this module: the configuration that is written names classes of Keras alone, and
nothing that runs code when it is opened.
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
from layersight.frameworks.keras.types import Arguments, Settings, Structure
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

OWN = (Formula, TensorFlowCall)  # the layers of layersight
Line = tuple[float, float]  # slope and offset


def make_plain(model: keras.Model) -> tuple[keras.Model, tuple[str, ...]]:
    """A model without layers of layersight.

    The model itself if it has none; and what was replaced, in words.
    """
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, Refused):
            raise ModelFileError(
                f"{layer.stop.source}: {layer.stop.describe(layer.stop.layer)}. To convert it, "
                "replace that layer by layers of Keras where the model was made"
            )
    if not _holds_own(model):
        return model, ()
    maker = _Maker()
    return maker.make(model), tuple(maker.notes)


def _holds_own(model: keras.Model) -> bool:
    return any(isinstance(layer, OWN) for layer in model._flatten_layers())


class _Maker:
    """Builds models anew."""

    def __init__(self) -> None:
        self._made: dict[int, keras.Operation | None] = {}
        self.notes: list[str] = []

    def make(self, model: keras.Model) -> keras.Model:
        """A model with a graph, every layer in it made anew."""
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
        operations = [node.operation for node in ordered_nodes(graph)]
        taken = {entry.name for entry in operations if not isinstance(entry, OWN)}
        for node in ordered_nodes(graph):
            if node.is_input or any(id(tensor) not in tensors for tensor in node.input_tensors):
                continue
            args, kwargs = node.arguments.fill_in(tensors)
            given = self._call(node.operation, args, kwargs, taken)
            tensors.update(zip(map(id, node.outputs), keras.tree.flatten(given), strict=True))
        both = graph._inputs_struct, graph._outputs_struct
        inputs, outputs = keras.tree.map_structure(lambda tensor: tensors[id(tensor)], both)
        return keras.Model(inputs, outputs, name=model.name)

    def _call(
        self, operation: keras.Operation, args: Arguments, kwargs: Settings, taken: set[str]
    ) -> Structure:
        if isinstance(operation, OWN):
            return self._replace(operation, args, kwargs, taken)
        key = id(operation)
        if key not in self._made:
            inner = isinstance(operation, keras.Model) and _holds_own(operation)
            config = {} if inner else operation.get_config()
            copy = self.make(operation) if inner else type(operation).from_config(config)
            if isinstance(operation, keras.Model) and not inner:
                _give_weights(operation, copy)
            self._made[key] = copy
        made: keras.Operation = self._made[key]
        given = made(*args, **kwargs)
        if isinstance(operation, keras.Layer) and not isinstance(operation, keras.Model):
            _give_weights(operation, made)  # it is built now
        return given

    def _replace(
        self, layer: Formula | TensorFlowCall, args: Arguments, kwargs: Settings, taken: set[str]
    ) -> Structure:
        """What a layer of layersight computes, by a layer or operations of Keras."""
        key = id(layer)
        if key not in self._made:
            self._made[key] = _as_layer(layer, args, kwargs)
            what = type(self._made[key]).__name__ if self._made[key] else "operations of keras.ops"
            self.notes.append(f"layer '{layer.name}' became {what}")
        if (made := self._made[key]) is not None:
            return made(*args)
        inputs = {id(tensor) for tensor in _tensors(args, kwargs)}
        if isinstance(layer, Formula):
            args, kwargs = keras.tree.map_structure(
                lambda tensor: _cast(tensor, layer.compute_dtype), (args, kwargs)
            )
        compute: Callable[..., Structure] = layer.call
        try:
            given = compute(*args, **kwargs)
        except LayersightError:
            raise
        except Exception as error:
            raise ModelFileError(
                f"layer '{layer.name}' computes what Keras cannot save ({reason_of(error, 120)}): "
                "replace it where the model was made"
            ) from error
        _name_operations(layer.name, given, inputs, taken)
        return given


def _give_weights(old: keras.Layer, new: keras.Layer) -> None:
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


def _tensors(*values: Structure) -> list[keras.KerasTensor]:
    return [t for t in keras.tree.flatten(values) if isinstance(t, keras.KerasTensor)]


def _name_operations(name: str, given: Structure, inputs: set[int], taken: set[str]) -> None:
    """Names the operations between inputs and outputs after the layer that they replace."""
    outputs = [tensor for tensor in _tensors(given) if id(tensor) not in inputs]
    last = {id(tensor._keras_history.operation) for tensor in outputs}
    for operation in _operations_behind(outputs, inputs):
        alone = len(last) == 1 and id(operation) in last
        base = wanted = name if alone else f"{name}_{operation.name}"
        number = 0
        while wanted in taken:
            number += 1
            wanted = f"{base}_{number}"
        taken.add(wanted)
        operation.name = wanted


def _operations_behind(
    outputs: list[keras.KerasTensor], inputs: set[int]
) -> Iterator[keras.Operation]:
    seen: set[int] = set()
    waiting = list(outputs)
    while waiting:
        operation, node_index, _ = waiting.pop()._keras_history
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        yield operation
        node = operation._inbound_nodes[node_index]
        waiting += [tensor for tensor in node.input_tensors if id(tensor) not in inputs]


def _as_layer(
    layer: Formula | TensorFlowCall, args: Arguments, kwargs: Settings
) -> keras.Layer | None:
    """One layer of Keras that computes the same, ``None`` if there is none."""
    tensors = _tensors(args, kwargs)
    if len(tensors) != 1 or len(args) != 1 or kwargs or id(args[0]) != id(tensors[0]):
        return None
    if not str(tensors[0].dtype).startswith("float"):
        return None
    formula = _as_formula(layer)
    known = {"name": layer.name, "dtype": layer.dtype_policy}
    if len(formula["steps"]) == 1 and formula["result"] == ["step", 0]:
        name, inputs, settings = formula["steps"][0]
        if inputs == [["input"]] and not settings and name in ACTIVATIONS:
            return keras.layers.Activation(ACTIVATIONS[name], **known)
    line = find_line(formula)
    if line is not None and line != (1.0, 0.0):
        return keras.layers.Rescaling(line[0], line[1], **known)
    return None


def _as_formula(layer: Formula | TensorFlowCall) -> Expression:
    """What a layer of layersight computes, as a formula."""
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
    """Slope and offset of a formula that is a line over its input, else ``None``.

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
    # A constant is a number, where a line has the shape of its input.
    return line if line is not None and line[0] else None


def _line_of(value: Form, lines: list[Line | None]) -> Line | None:
    """The line that an argument is; a number is one without slope."""
    kind, *rest = value
    if kind == "value" and isinstance(rest[0], int | float) and not isinstance(rest[0], bool):
        return 0.0, float(rest[0])
    if kind == "step":
        return lines[rest[0]]
    return (1.0, 0.0) if value == ["input"] else None


def _combined(name: str, lines: list[Line]) -> Line | None:
    """The line that an operation makes of one or two others."""
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
    """Writes a ``.keras`` file of a model.

    Gives what was replaced by layers of Keras, in words.
    """
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
    """What stays of layers that are called with ``training=True``, and how to call the model."""
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
    """Refuses a layer of the author's own."""
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
    """A copy of a configuration with classes of Keras alone; ``notes`` gets what was replaced."""
    if isinstance(value, list):
        return [_clean(item, layer, notes) for item in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    if value.get("class_name") == "function" and inner == f"layersight>{OLD_HARD_SIGMOID}":
        notes.append(f"layer '{layer}': hard_sigmoid of Keras 2 became a Pipeline")
        return _old_hard_sigmoid(f"{layer}_hard_sigmoid_{len(notes)}")
    if "class_name" in value and "module" in value:
        _check_place(value, layer)
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


def _check_place(value: Config, layer: str) -> None:
    """Refuses what is of no module of Keras; the placeholder of initialisers is let through."""
    if value.get("registered_name") == UNSET["registered_name"]:
        return
    module = value["module"]
    ours = isinstance(module, str) and module.partition(".")[0] == "keras"
    if not ours and not (module == "builtins" and value["class_name"] in ("slice", "range")):
        name = value["config"] if value["class_name"] == "function" else value["class_name"]
        raise _foreign(layer, str(name))


def _default(cls: Any, key: str) -> str:
    """The initialiser that a class takes without one given."""
    if cls is not None:
        parameter = inspect.signature(cls.__init__).parameters.get(key)
        if parameter is not None and isinstance(parameter.default, str):
            return parameter.default
    return "glorot_uniform" if "kernel" in key else "zeros"


def _old_hard_sigmoid(name: str) -> Config:
    """``clip(0.2 x + 0.5, 0, 1)`` of layers of Keras, as a configuration."""
    steps = [
        keras.layers.Rescaling(0.2, 0.5, name=f"{name}_line"),
        keras.layers.ReLU(max_value=1.0, name=f"{name}_clip"),
    ]
    return keras.saving.serialize_keras_object(keras.layers.Pipeline(steps, name=name))
