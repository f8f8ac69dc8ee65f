"""A Keras model as a list of steps.

Graph models (functional and sequential, nested to any depth) are flattened. Whatever is not a graph
(a subclassed model, a layer of the user's own with layers inside) is a single step; the calls
inside it are seen by :mod:`layersight.frameworks.keras.inside`.
"""

from __future__ import annotations

from collections import Counter

import keras
from keras.src.models.functional import Functional  # not exported by name

from layersight.frameworks.graph.program import Key, Program, Step
from layersight.frameworks.keras.training import as_called
from layersight.frameworks.keras.types import Node


def graph_of(operation: keras.Operation) -> keras.Model | None:
    """The functional graph of a model; ``None`` if it has none.

    A subclass of ``keras.Model`` that was made from inputs and outputs has a graph too, but
    counts as one only if it does not replace ``call``.
    """
    if isinstance(operation, keras.Sequential):
        if type(operation).call is not keras.Sequential.call:
            return None
        return getattr(operation, "_functional", None)
    if isinstance(operation, Functional) and type(operation).call is Functional.call:
        return operation
    return None


def flatten(model: keras.Model) -> Program:
    """Makes the list of steps of a model."""
    program = Program()
    graph = graph_of(model)
    if graph is None:
        count = len(getattr(model, "inputs", None) or [None])
        program.inputs = tuple(program.new_value() for _ in range(count))
        step = Step((), model, None, tuple((value, value) for value in program.inputs), ())
        program.steps.append(step)
        return program
    program.inputs = tuple(program.new_value() for _ in graph.inputs)
    program.outputs = _lay_out(program, graph, (), program.inputs)
    program.output_names = tuple(tensor._keras_history.operation.name for tensor in graph.outputs)
    return program


def _lay_out(
    program: Program,
    graph: keras.Model,
    prefix: Key,
    inputs: tuple[int, ...],
    *,
    training: bool = False,
) -> tuple[int, ...]:
    """Adds the steps of a graph and gives the numbers of its outputs."""
    numbers = {id(tensor): value for tensor, value in zip(graph.inputs, inputs, strict=True)}
    calls: Counter[int] = Counter()
    for node in ordered_nodes(graph):
        if node.is_input or any(id(tensor) not in numbers for tensor in node.input_tensors):
            continue
        operation = node.operation
        key = (*prefix, (operation.name, calls[id(operation)]))
        calls[id(operation)] += 1
        inner = graph_of(operation)
        argument = node.arguments.kwargs.get("training")
        trains = training if argument is None else argument is True
        pairs = tuple((id(tensor), numbers[id(tensor)]) for tensor in node.input_tensors)
        if inner is not None and len(pairs) == len(inner.inputs):
            values = tuple(value for _, value in pairs)
            outputs = _lay_out(program, inner, key, values, training=trains)
        else:
            outputs = tuple(program.new_value() for _ in node.outputs)
            shapes = [tuple(tensor.shape) for tensor in node.outputs]
            operation = as_called(operation, training=trains)
            program.steps.append(Step(key, operation, node, pairs, outputs, shapes, trains))
        numbers.update(zip(map(id, node.outputs), outputs, strict=True))
    return tuple(numbers[id(tensor)] for tensor in graph.outputs)


def ordered_nodes(graph: keras.Model) -> list[Node]:
    """The nodes of a functional graph in the order in which Keras runs them."""
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
