"""The inputs of a model: of its graph, or as it was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras

from layersight.data.model import InputInfo
from layersight.frameworks.keras.feeding import picture_of, vocabulary_of
from layersight.frameworks.keras.geometry import follow_formats
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
    keys = _keys(graph)
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


def _keys(graph: keras.Model) -> dict[int, str]:
    """What a model that takes a dictionary calls each of its input tensors."""
    structure = getattr(graph, "_inputs_struct", None)
    if not isinstance(structure, Mapping):
        return {}
    return {id(tensor): key for key, tensor in structure.items() if isinstance(key, str)}


def _inputs_without_graph(model: keras.Model) -> tuple[InputInfo, ...]:
    """The inputs of a subclassed or unbuilt model: as it was built, else one image."""
    structure = build_shapes(model) if model.built else None
    if structure is None:
        axes = next((len(kernel) for kernel in _kernels(model)), 2)
        return (InputInfo("input", (None,) * (axes + 2), _first_format(model)),)
    if isinstance(structure, dict):
        return tuple(
            InputInfo(name, (None, *shape[1:]), _first_format(model))
            for name, shape in structure.items()
        )
    several = bool(structure) and isinstance(structure[0], tuple | list)
    shapes = structure if several else [structure]
    return tuple(
        InputInfo(
            "input" if len(shapes) == 1 else f"input_{number}",
            (None, *shape[1:]),
            _first_format(model),
        )
        for number, shape in enumerate(shapes)
    )


def _kernels(model: keras.Model) -> list[tuple[int, ...]]:
    layers = model._flatten_layers(include_self=False)
    return [layer.kernel_size for layer in layers if hasattr(layer, "kernel_size")]


def _first_format(model: keras.Model) -> str:
    """The order of axes of the first layer inside that has one."""
    for layer in model._flatten_layers(include_self=False):
        order = getattr(layer, "data_format", None)
        if isinstance(order, str):
            return order
    return "channels_last"
