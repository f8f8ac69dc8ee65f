"""The inputs of a model, from its graph or from what it was built with."""

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
    """The shapes that a model without a graph was built with: one, or a structure of them."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if len(shapes) == 1:
        return next(iter(shapes.values()))
    return shapes or None


def inputs_of(model: keras.Model) -> tuple[InputInfo, ...]:
    """The inputs of a model, from its graph or from what it was built with."""
    graph = graph_of(model)
    if graph is None:
        return _inputs_without_graph(model)
    program = flatten(model)
    formats = follow_formats(program)
    # The keys of a model that takes a dictionary.
    structure = getattr(graph, "_inputs_struct", None)
    pairs = structure.items() if isinstance(structure, Mapping) else ()
    keys = {id(tensor): key for key, tensor in pairs if isinstance(key, str)}
    entries = []
    for tensor, value in zip(graph.inputs, program.inputs, strict=True):
        name, shape = tensor._keras_history.operation.name, tuple(tensor.shape)
        entry = InputInfo(name, shape, formats[value], str(tensor.dtype), key=keys.get(id(tensor)))
        vocabulary = vocabulary_of(program, value) if len(shape) < 4 else None
        picture = None if vocabulary else picture_of(program, formats, value, shape)
        if picture is not None:
            entry = replace(entry, picture=picture[0], data_format=picture[1])
        entries.append(replace(entry, vocabulary=vocabulary))
    return tuple(entries)


def _inputs_without_graph(model: keras.Model) -> tuple[InputInfo, ...]:
    """The inputs with which a subclassed model was built; an image for an unbuilt model."""
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
    """The picture into which the network itself reshapes an input with fewer axes.

    The search follows steps that treat each value by itself up to one that reshapes the values to a
    picture. A square without a channel axis that is flattened counts as one too. Gives
    ``(height, width, channel)`` and the order of axes of its values.
    """
    if len(shape) not in (2, 3) or None in shape[1:]:
        return None
    consumers = _consumers(program)
    queue, seen = [(value, shape)], {value}
    while queue:
        number, before = queue.pop(0)
        for step in consumers.get(number, ()):
            if len(step.outputs) != 1 or len(step.shapes) != 1:
                continue
            (output,), (after,) = step.outputs, step.shapes
            passes = _name(step) in _SHAPING or (_is_elementwise(step) and after == before)
            if not passes or output in seen:
                continue
            picture = _as_picture(before, after, formats[output])
            if picture is not None:
                return picture
            seen.add(output)
            queue.append((output, after))
    return None


def vocabulary_of(program: Program, value: int) -> int | None:
    """The size of the vocabulary of the embedding that an input feeds; the least of several."""
    consumers = _consumers(program)
    queue, seen, sizes = [value], {value}, []
    while queue:
        for step in consumers.get(queue.pop(0), ()):
            if isinstance(step.operation, keras.layers.Embedding):
                sizes.append(int(step.operation.input_dim))
            elif _name(step) in _SHAPING | _KEEPING:
                queue += [output for output in step.outputs if output not in seen]
                seen.update(step.outputs)
    return min(sizes, default=None)


def _consumers(program: Program) -> dict[int, list[Step]]:
    consumers: dict[int, list[Step]] = {}
    for step in program.steps:
        for _, value in step.inputs:
            consumers.setdefault(value, []).append(step)
    return consumers


def _is_elementwise(step: Step) -> bool:
    if isinstance(step.operation, TensorFlowCall | Formula):
        return True
    return type(step.operation).__name__ in POINTWISE - _MIXING


def _name(step: Step) -> str:
    """The name of the class or operation of a step, in lower case without ``_``."""
    operation = step.operation
    name = type(operation).__name__
    if isinstance(operation, TensorFlowCall):
        name = operation.function.rpartition(".")[2]
    elif isinstance(operation, Formula) and operation.expression["result"][0] == "step":
        last, inner, _ = operation.expression["steps"][operation.expression["result"][1]]
        name = last if inner[:1] == [["input"]] else name
    return name.replace("_", "").lower()


def _as_picture(before: Shape, after: Shape, order: str) -> tuple[Picture, str] | None:
    """The picture that a step makes of its input; ``None`` if it makes none."""
    sizes = [int(size or 0) for size in after[1:]]
    if len(sizes) == 3 and all(sizes):
        height, width, channels = (*sizes[1:], sizes[0]) if order == FIRST else sizes
        if channels in (1, 3) and min(height, width) >= LEAST_SIDE:
            return (height, width, channels), order
    square = len(before) == 3 and before[1] == before[2] and (before[1] or 0) >= LEAST_SIDE
    if len(sizes) == 1 and square:
        return (int(before[1] or 0), int(before[2] or 0), 1), LAST
    return None
