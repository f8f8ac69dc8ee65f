"""The inputs of a model: of its graph, or as it was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras

from layersight.data.model import LEAST_SIDE, InputInfo, Shape
from layersight.frameworks.graph.geometry import FIRST, LAST
from layersight.frameworks.graph.program import Program, Step
from layersight.frameworks.keras.formula import Formula
from layersight.frameworks.keras.geometry import POINTWISE, follow_formats
from layersight.frameworks.keras.ops import TensorFlowCall
from layersight.frameworks.keras.program import flatten, graph_of


def build_shapes(model: keras.Model) -> Any:
    """What a model without a graph was built with: a shape, or a structure of shapes."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if len(shapes) == 1:
        return next(iter(shapes.values()))
    return shapes or None


def inputs_of(model: keras.Model) -> tuple[InputInfo, ...]:
    """The inputs of a model: of its graph, or as it was built."""
    graph = graph_of(model)
    if graph is None:
        return _inputs_without_graph(model)
    program = flatten(model)
    formats = follow_formats(program)
    # What a model that takes a dictionary calls each of its input tensors.
    structure = getattr(graph, "_inputs_struct", None)
    pairs = structure.items() if isinstance(structure, Mapping) else ()
    keys = {id(tensor): key for key, tensor in pairs if isinstance(key, str)}
    found = []
    for tensor, value in zip(graph.inputs, program.inputs, strict=True):
        name, shape = tensor._keras_history.operation.name, tuple(tensor.shape)
        entry = InputInfo(name, shape, formats[value], str(tensor.dtype), key=keys.get(id(tensor)))
        vocabulary = vocabulary_of(program, value) if len(shape) < 4 else None
        picture = None if vocabulary else picture_of(program, formats, value, shape)
        if picture is not None:
            entry = replace(entry, picture=picture[0], data_format=picture[1])
        found.append(replace(entry, vocabulary=vocabulary))
    return tuple(found)


def _inputs_without_graph(model: keras.Model) -> tuple[InputInfo, ...]:
    """The inputs of a subclassed or unbuilt model: as it was built, else one image."""
    layers = model._flatten_layers(include_self=False)
    orders = (getattr(layer, "data_format", None) for layer in layers)
    order = next((order for order in orders if isinstance(order, str)), LAST)
    structure = build_shapes(model) if model.built else None
    if structure is None:
        kernels = (getattr(layer, "kernel_size", None) for layer in layers)
        structure = (None,) * (next((len(kernel) for kernel in kernels if kernel), 2) + 2)
    if not isinstance(structure, dict):
        several = bool(structure) and isinstance(structure[0], tuple | list)
        shapes = structure if several else [structure]
        alone = len(shapes) == 1
        structure = {"input" if alone else f"input_{n}": shape for n, shape in enumerate(shapes)}
    return tuple(InputInfo(name, (None, *shape[1:]), order) for name, shape in structure.items())


Picture = tuple[int, int, int]

_SHAPING = {"reshape", "expanddims", "flatten"}
_KEEPING = {"cast", "identity", "getitem", "squeeze", "permute", "masking", "dropout", "split"}
_MIXING = {"Dense", "EinsumDense"}


def picture_of(
    program: Program, formats: Mapping[int, str], value: int, shape: Shape
) -> tuple[Picture, str] | None:
    """The picture that the network itself makes of an input with fewer axes.

    From the input on, steps that treat each value by itself are passed; a step that brings the
    values into the shape of a picture decides. A square without a channel axis that is flattened is
    one too. Gives ``(height, width, channel)`` and the order of axes in which its values lie.
    """
    if len(shape) not in (2, 3) or None in shape[1:]:
        return None
    consumers = _consumers(program)
    waiting, seen = [(value, shape)], {value}
    while waiting:
        number, before = waiting.pop(0)
        for step in consumers.get(number, ()):
            if len(step.outputs) != 1 or len(step.shapes) != 1:
                continue
            (given,), (after,) = step.outputs, step.shapes
            passes = _name(step) in _SHAPING or (_treats_each(step) and after == before)
            if not passes or given in seen:
                continue
            found = _as_picture(before, after, formats[given])
            if found is not None:
                return found
            seen.add(given)
            waiting.append((given, after))
    return None


def vocabulary_of(program: Program, value: int) -> int | None:
    """How many whole numbers the embedding knows that an input feeds; the least of several."""
    consumers = _consumers(program)
    waiting, seen, sizes = [value], {value}, []
    while waiting:
        for step in consumers.get(waiting.pop(0), ()):
            if isinstance(step.operation, keras.layers.Embedding):
                sizes.append(int(step.operation.input_dim))
            elif _name(step) in _SHAPING | _KEEPING:
                waiting += [given for given in step.outputs if given not in seen]
                seen.update(step.outputs)
    return min(sizes, default=None)


def _consumers(program: Program) -> dict[int, list[Step]]:
    found: dict[int, list[Step]] = {}
    for step in program.steps:
        for _, value in step.inputs:
            found.setdefault(value, []).append(step)
    return found


def _treats_each(step: Step) -> bool:
    """Whether a step gives a value for each value that it takes."""
    if isinstance(step.operation, TensorFlowCall | Formula):
        return True
    return type(step.operation).__name__ in POINTWISE - _MIXING


def _name(step: Step) -> str:
    """What a step does, by the name of its class or operation, in small letters."""
    operation = step.operation
    name = type(operation).__name__
    if isinstance(operation, TensorFlowCall):
        name = operation.function.rpartition(".")[2]
    elif isinstance(operation, Formula) and operation.expression["result"][0] == "step":
        last, inner, _ = operation.expression["steps"][operation.expression["result"][1]]
        name = last if inner[:1] == [["input"]] else name
    return name.replace("_", "").lower()


def _as_picture(before: Shape, after: Shape, order: str) -> tuple[Picture, str] | None:
    """The picture that a step makes of values, if it makes one."""
    sizes = [int(size or 0) for size in after[1:]]
    if len(sizes) == 3 and all(sizes):
        height, width, channels = (*sizes[1:], sizes[0]) if order == FIRST else sizes
        if channels in (1, 3) and min(height, width) >= LEAST_SIDE:
            return (height, width, channels), order
    square = len(before) == 3 and before[1] == before[2] and (before[1] or 0) >= LEAST_SIDE
    if len(sizes) == 1 and square:
        return (int(before[1] or 0), int(before[2] or 0), 1), LAST
    return None
