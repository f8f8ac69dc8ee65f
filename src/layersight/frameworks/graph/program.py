"""A network as a flat list of steps, however deeply it is nested.

A framework makes a step for each call of a layer, with numbered values as inputs and outputs. From
that list follow the names of the calls, what a layer depends on, where a pass may stop, receptive
fields and the order of axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

# The path of a call: name and number of the call of each enclosing model and of the layer.
Key = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Step:
    """One call of one layer."""

    key: Key  # its path
    operation: Any  # the layer, or an operation of ``keras.ops``
    node: Any  # the graph's node; ``None`` for a model that is not a graph
    # The identity of each tensor that the node takes, and the number of its value.
    inputs: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]  # the numbers of the values that it gives
    # The shapes of these; empty where they are unknown.
    shapes: list[tuple[int | None, ...]] = field(default_factory=list)
    training: bool = False  # whether the network's author calls it with ``training=True``


@dataclass(slots=True)
class Program:
    """The steps of a model."""

    inputs: tuple[int, ...] = ()  # the numbers of the values that the model takes, in its order
    steps: list[Step] = field(default_factory=list)  # in the order in which they run
    outputs: tuple[int, ...] = ()  # the numbers of the values that are the model's outputs
    output_names: tuple[str, ...] = ()  # the name of the operation behind each output
    values: int = 0  # how many values there are

    def new_value(self) -> int:
        """Adds a value and gives its number."""
        self.values += 1
        return self.values - 1

    def producers(self) -> dict[int, int]:
        """The index of the step that gives each value."""
        return {value: index for index, step in enumerate(self.steps) for value in step.outputs}

    def origins(self) -> dict[int, frozenset[int]]:
        """The indices of the model's inputs that each value depends on."""
        origins = {value: frozenset({index}) for index, value in enumerate(self.inputs)}
        for step in self.steps:
            before = [origins.get(value, frozenset()) for _, value in step.inputs]
            origins |= dict.fromkeys(step.outputs, frozenset().union(*before))
        return origins

    def used_inputs(self, indices: set[int]) -> list[int]:
        """The indices of the model's inputs that the steps at ``indices`` depend on."""
        steps = (self.steps[index] for index in self.needed(indices))
        used = {value for step in steps for _, value in step.inputs}
        return [index for index, value in enumerate(self.inputs) if value in used]

    def dependents(self, values: Iterable[int], indices: Iterable[int] | None = None) -> list[int]:
        """The indices of the steps that depend on one of some values.

        Only those at ``indices``, in the order in which they run; by default all.
        """
        reached, dependents = set(values), []
        for index in range(len(self.steps)) if indices is None else indices:
            step = self.steps[index]
            if any(value in reached for _, value in step.inputs):
                dependents.append(index)
                reached.update(step.outputs)
        return dependents

    def needed(
        self, indices: set[int], stops: Callable[[Step], bool] = lambda step: False
    ) -> set[int]:
        """The indices of all steps that those at ``indices`` depend on, themselves included.

        The search does not go beyond steps for which ``stops`` is true.
        """
        producers = self.producers()
        needed: set[int] = set()
        open_indices = list(indices)
        while open_indices:
            index = open_indices.pop()
            if index in needed:
                continue
            needed.add(index)
            if stops(self.steps[index]):
                continue
            for _, value in self.steps[index].inputs:
                if value in producers:
                    open_indices.append(producers[value])
        return needed


def names_of(keys: list[Key]) -> dict[Key, str]:
    """A name for each call: the path, with ``@number`` where a layer is called again.

    >>> names_of([(("conv", 0),), (("conv", 1),), (("body", 0), ("conv", 0))])[(("conv", 1),)]
    'conv@1'
    """
    most: dict[tuple[Key, str], int] = {}
    for key in keys:
        for depth, (name, call) in enumerate(key):
            known = most.get((key[:depth], name), 0)
            most[key[:depth], name] = max(known, call)
    return {
        key: "/".join(
            f"{name}@{call}" if most[(key[:depth], name)] else name
            for depth, (name, call) in enumerate(key)
        )
        for key in keys
    }
