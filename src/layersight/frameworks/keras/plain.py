"""A model of Keras's own layers alone, computing the same.

The layers of layersight are put in the place of what old files hold: formulas read from Lambda
layers, operations of TensorFlow. Here each becomes a layer or operations of Keras, in a
graph built anew; everything else is copied with its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from layersight.errors import LayersightError, ModelFileError
from layersight.frameworks.keras.explaining import reason_of
from layersight.frameworks.keras.formula import Formula
from layersight.frameworks.keras.ops import TensorFlowCall
from layersight.frameworks.keras.program import graph_of, ordered_nodes
from layersight.frameworks.keras.refused import Refused

ACTIVATIONS = {
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.elu": "elu",
    "nn.selu": "selu",
    "nn.silu": "silu",
    "nn.swish": "silu",
    "nn.softmax": "softmax",
    "nn.sigmoid": "sigmoid",
    "nn.tanh": "tanh",
    "math.sigmoid": "sigmoid",
    "math.tanh": "tanh",
    "math.softplus": "softplus",
}
"""Operations that are activations of Keras."""

OWN = (Formula, TensorFlowCall)
"""The layers of layersight."""


def make_plain(model: Any) -> tuple[Any, tuple[str, ...]]:
    """A model without layers of layersight.

    Args:
        model: A built ``keras.Model``; it is left as it is.

    Returns:
        The model itself if it has none, else a new one; and what was replaced, in words.

    Raises:
        LayersightError: A layer cannot be had in Keras alone.
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


def _holds_own(model: Any) -> bool:
    layers = model._flatten_layers(include_self=True)
    return any(isinstance(layer, OWN) for layer in layers)


class _Maker:
    """Builds models anew.

    Attributes:
        notes: What was replaced, in words.
    """

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self.notes: list[str] = []

    def make(self, model: Any) -> Any:
        """A model with a graph, every layer in it made anew."""
        graph = graph_of(model)
        if graph is None:
            raise ModelFileError(
                f"model '{model.name}' has no graph of layers, so its formulas cannot be replaced"
            )
        tensors: dict[int, Any] = {}
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
            tensors.update(
                {
                    id(old): new
                    for old, new in zip(node.outputs, keras.tree.flatten(given), strict=True)
                }
            )

        def swap(structure: Any) -> Any:
            return keras.tree.map_structure(lambda tensor: tensors[id(tensor)], structure)

        return keras.Model(swap(graph._inputs_struct), swap(graph._outputs_struct), name=model.name)

    def _call(self, operation: Any, args: Any, kwargs: Any, taken: set[str]) -> Any:
        if isinstance(operation, OWN):
            return self._replace(operation, args, kwargs, taken)
        key = id(operation)
        if key not in self._made:
            inner = isinstance(operation, keras.Model) and _holds_own(operation)
            self._made[key] = self.make(operation) if inner else _copy(operation)
        made = self._made[key]
        given = made(*args, **kwargs)
        if isinstance(operation, keras.Layer) and not isinstance(operation, keras.Model):
            _give_weights(operation, made)
        return given

    def _replace(self, layer: Any, args: Any, kwargs: Any, taken: set[str]) -> Any:
        """What a layer of layersight computes, by a layer or operations of Keras."""
        key = id(layer)
        if key not in self._made:
            self._made[key] = _as_layer(layer, args, kwargs)
            what = type(self._made[key]).__name__ if self._made[key] else "operations of keras.ops"
            self.notes.append(f"layer '{layer.name}' became {what}")
        if self._made[key] is not None:
            return self._made[key](*args)
        inputs = {id(tensor) for tensor in _tensors(args, kwargs)}
        if isinstance(layer, Formula):
            args, kwargs = keras.tree.map_structure(_cast_to(layer.compute_dtype), (args, kwargs))
        try:
            given = layer.call(*args, **kwargs)
        except LayersightError:
            raise
        except Exception as error:
            raise ModelFileError(
                f"layer '{layer.name}' computes what Keras cannot save ({reason_of(error, 120)}): "
                "replace it where the model was made"
            ) from error
        _name_operations(layer.name, given, inputs, taken)
        return given


def _copy(operation: Any) -> Any:
    """A layer or operation like another one; the weights of a built one come along."""
    made = type(operation).from_config(operation.get_config())
    if isinstance(operation, keras.Model):
        _give_weights(operation, made)
    return made


def _give_weights(old: Any, new: Any) -> None:
    if len(old.weights) != len(new.weights):
        raise ModelFileError(f"layer '{old.name}' could not be copied with its weights")
    for source, target in zip(old.weights, new.weights, strict=True):
        target.assign(source)


def _cast_to(dtype: str) -> Any:
    def cast(tensor: Any) -> Any:
        if not isinstance(tensor, keras.KerasTensor) or tensor.dtype == dtype:
            return tensor
        floating = str(tensor.dtype).startswith(("float", "bfloat"))
        return keras.ops.cast(tensor, dtype) if floating else tensor

    return cast


def _tensors(*values: Any) -> list[Any]:
    return [t for t in keras.tree.flatten(values) if isinstance(t, keras.KerasTensor)]


def _name_operations(name: str, given: Any, inputs: set[int], taken: set[str]) -> None:
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


def _operations_behind(outputs: list[Any], inputs: set[int]) -> Iterator[Any]:
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


def _as_layer(layer: Any, args: Any, kwargs: Any) -> Any:
    """One layer of Keras that computes the same, ``None`` if there is none."""
    tensors = _tensors(args, kwargs)
    if len(tensors) != 1 or len(args) != 1 or kwargs or args[0] is not tensors[0]:
        return None
    if not str(tensors[0].dtype).startswith("float"):
        return None
    formula = _as_formula(layer)
    known = {"name": layer.name, "dtype": layer.dtype_policy}
    steps = formula["steps"]
    if len(steps) == 1 and steps[0][1:] == [[["input"]], {}] and formula["result"] == ["step", 0]:
        function = ACTIVATIONS.get(steps[0][0])
        if function is not None:
            return keras.layers.Activation(function, **known)
    line = find_line(formula)
    if line is not None and line != (1.0, 0.0):
        return keras.layers.Rescaling(line[0], line[1], **known)
    return None


def _as_formula(layer: Any) -> Any:
    """What a layer of layersight computes, as a formula."""
    if isinstance(layer, Formula):
        return layer.expression
    settings = layer.get_config()
    arguments, constants = dict(settings["arguments"]), settings["constants"]
    inputs: list[Any] = [["input"]]
    for place, value in constants:
        inputs.insert(place, ["value", value])
    if "y" in arguments:
        inputs.append(["value", arguments.pop("y")])
    return {"steps": [[layer.function, inputs, arguments]], "result": ["step", 0]}


def find_line(formula: Any) -> tuple[float, float] | None:
    """Slope and offset of a formula that is a line over its input, else ``None``.

    >>> step = ["math.subtract", [["input"], ["value", 0.5]], {}]
    >>> find_line({"steps": [step], "result": ["step", 0]})
    (1.0, -0.5)
    """
    lines: list[tuple[float, float] | None] = []
    for name, arguments, settings in formula["steps"]:
        lines.append(None if settings else _line_of_step(name, arguments, lines))
    return _line_of(formula["result"], lines)


Line = tuple[float, float] | None


def _line_of(value: Any, lines: list[Line]) -> Line:
    if value == ["input"]:
        return 1.0, 0.0
    return lines[value[1]] if value[0] == "step" else None


def _line_of_step(step: str, arguments: list[Any], lines: list[Line]) -> Line:
    """The line that a step gives, from those of the steps before it."""
    name = str(step).rpartition(".")[2]
    if name == "negative" and len(arguments) == 1:
        inner = _line_of(arguments[0], lines)
        return None if inner is None else (-inner[0], -inner[1])
    if len(arguments) != 2 or name not in ("add", "subtract", "multiply", "truediv", "divide"):
        return None
    left, right = arguments
    first, second = _number(left), _number(right)
    if second is not None:
        return _after(name, _line_of(left, lines), second)
    if first is not None and name in ("add", "multiply"):
        return _after(name, _line_of(right, lines), first)
    if first is not None and name == "subtract":
        inner = _line_of(right, lines)
        return None if inner is None else (-inner[0], first - inner[1])
    return None


def _number(value: Any) -> float | None:
    if value[0] != "value" or isinstance(value[1], bool):
        return None
    return float(value[1]) if isinstance(value[1], int | float) else None


def _after(name: str, line: Line, number: float) -> Line:
    if line is None or (name in ("truediv", "divide") and not number):
        return None
    slope, offset = line
    if name == "add":
        return slope, offset + number
    if name == "subtract":
        return slope, offset - number
    if name == "multiply":
        return slope * number, offset * number
    return slope / number, offset / number
