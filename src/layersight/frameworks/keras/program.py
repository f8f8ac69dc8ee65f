"""A Keras model as a flat list of steps, whatever it is nested in.

Graph models (functional and sequential, in any depth) are laid out flat: a step for each
call of a layer, its inputs known by number. From that list follow the names of the calls,
what a layer needs, where a pass may stop, receptive fields and the order of axes. What is
not a graph (a subclassed model, a layer of the user's own with layers inside) is one step;
the calls inside it are seen by :mod:`layersight.frameworks.keras.inside`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras.src.models.functional import Functional  # not exported by name

from layersight.frameworks.keras.training import as_called

Key = tuple[tuple[str, int], ...]
"""Where a call stands: for each enclosing model and at last the layer, name and call."""


@dataclass(slots=True)
class Step:
    """One call of one layer.

    Attributes:
        key: Where it stands.
        operation: The layer, or an operation of ``keras.ops``.
        node: The graph's node, ``None`` for a whole model that is no graph.
        inputs: For each tensor that the node takes, its identity and the number of its value.
        outputs: The numbers of the values that it gives.
        shapes: Their shapes, ``None`` where not yet known.
        training: Whether the network's author calls it with ``training=True``.
    """

    key: Key
    operation: Any
    node: Any
    inputs: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]
    shapes: list[tuple[int | None, ...]] = field(default_factory=list)
    training: bool = False


@dataclass(slots=True)
class Program:
    """The steps of a model.

    Attributes:
        inputs: The numbers of the values that the model takes, in its order.
        steps: In the order in which they run.
        outputs: The numbers of the values that are the model's outputs.
        output_names: The name of the operation behind each output.
        values: How many values there are.
    """

    inputs: tuple[int, ...] = ()
    steps: list[Step] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    output_names: tuple[str, ...] = ()
    values: int = 0

    def new_value(self) -> int:
        """The number of one more value."""
        self.values += 1
        return self.values - 1

    def producers(self) -> dict[int, int]:
        """For each value the place of the step that gives it."""
        return {value: place for place, step in enumerate(self.steps) for value in step.outputs}

    def origins(self) -> dict[int, frozenset[int]]:
        """For each value the places of the model's inputs that it depends on."""
        found = {value: frozenset({place}) for place, value in enumerate(self.inputs)}
        for step in self.steps:
            taken = [found.get(value, frozenset()) for _, value in step.inputs]
            found |= dict.fromkeys(step.outputs, frozenset().union(*taken))
        return found

    def needed(
        self, places: set[int], stops: Callable[[Step], bool] = lambda step: False
    ) -> set[int]:
        """The places of all steps that those at ``places`` rest on, themselves included.

        Args:
            places: Where to begin.
            stops: Whether what a step rests on is not looked for.
        """
        producers = self.producers()
        found: set[int] = set()
        open_places = list(places)
        while open_places:
            place = open_places.pop()
            if place in found:
                continue
            found.add(place)
            if stops(self.steps[place]):
                continue
            for _, value in self.steps[place].inputs:
                if value in producers:
                    open_places.append(producers[value])
        return found


def graph_of(operation: Any) -> Any | None:
    """The functional graph of a model, or ``None`` if it has none.

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


def flatten(model: Any) -> Program:
    """Lays a model out as steps.

    Args:
        model: A built ``keras.Model``.
    """
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
    graph: Any,
    prefix: Key,
    arguments: tuple[int, ...],
    *,
    training: bool = False,
) -> tuple[int, ...]:
    """Adds the steps of a graph and gives the numbers of its outputs."""
    numbers = {id(tensor): value for tensor, value in zip(graph.inputs, arguments, strict=True)}
    calls: Counter[int] = Counter()
    for node in ordered_nodes(graph):
        if node.is_input or any(id(tensor) not in numbers for tensor in node.input_tensors):
            continue
        operation = node.operation
        key = (*prefix, (operation.name, calls[id(operation)]))
        calls[id(operation)] += 1
        inner = graph_of(operation)
        asked = node.arguments.kwargs.get("training")
        called = training if asked is None else asked is True
        taken = tuple(numbers[id(tensor)] for tensor in node.input_tensors)
        if inner is not None and len(taken) == len(inner.inputs):
            given = _lay_out(program, inner, key, taken, training=called)
        else:
            given = tuple(program.new_value() for _ in node.outputs)
            pairs = tuple(
                (id(tensor), value) for tensor, value in zip(node.input_tensors, taken, strict=True)
            )
            shapes = [tuple(tensor.shape) for tensor in node.outputs]
            operation = as_called(operation, training=called)
            program.steps.append(Step(key, operation, node, pairs, given, shapes, called))
        numbers.update(
            {id(tensor): value for tensor, value in zip(node.outputs, given, strict=True)}
        )
    return tuple(numbers[id(tensor)] for tensor in graph.outputs)


def ordered_nodes(graph: Any) -> list[Any]:
    """The nodes of a functional graph in the order in which Keras runs them."""
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def names_of(keys: list[Key]) -> dict[Key, str]:
    """A name for each call: the path, with ``@number`` where a layer is called again.

    >>> names_of([(("conv", 0),), (("conv", 1),), (("body", 0), ("conv", 0))])[(("conv", 1),)]
    'conv@1'
    """
    most: dict[tuple[Key, str], int] = {}
    for key in keys:
        for depth, (name, call) in enumerate(key):
            place = (key[:depth], name)
            most[place] = max(most.get(place, 0), call)
    return {
        key: "/".join(
            f"{name}@{call}" if most[(key[:depth], name)] else name
            for depth, (name, call) in enumerate(key)
        )
        for key in keys
    }
