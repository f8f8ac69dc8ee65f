"""A network as a flat list of steps, whatever it is nested in.

A framework lays its networks out: a step for each call of a layer, its inputs known by number. From
that list follow the names of the calls, what a layer needs, where a pass may stop, receptive fields
and the order of axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

# Where a call stands: for each enclosing model and at last the layer, name and call.
Key = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Step:
    """One call of one layer."""

    key: Key  # where it stands
    operation: Any  # the layer, or an operation of ``keras.ops``
    node: Any  # the graph's node, ``None`` for a whole model that is no graph
    # For each tensor that the node takes, its identity and the number of its value.
    inputs: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]  # the numbers of the values that it gives
    # Their shapes, ``None`` where not yet known.
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
        """The number of one more value."""
        self.values += 1
        return self.values - 1

    def producers(self) -> dict[int, int]:
        """For each value the index of the step that gives it."""
        return {value: index for index, step in enumerate(self.steps) for value in step.outputs}

    def origins(self) -> dict[int, frozenset[int]]:
        """For each value the indices of the model's inputs that it depends on."""
        found = {value: frozenset({index}) for index, value in enumerate(self.inputs)}
        for step in self.steps:
            taken = [found.get(value, frozenset()) for _, value in step.inputs]
            found |= dict.fromkeys(step.outputs, frozenset().union(*taken))
        return found

    def dependents(self, values: Iterable[int], indices: Iterable[int] | None = None) -> list[int]:
        """The indices of the steps that take one of some values, or what was made of one.

        Of those at ``indices``, in the order in which they run; else of all.
        """
        reached, found = set(values), []
        for index in range(len(self.steps)) if indices is None else indices:
            step = self.steps[index]
            if any(value in reached for _, value in step.inputs):
                found.append(index)
                reached.update(step.outputs)
        return found

    def needed(
        self, indices: set[int], stops: Callable[[Step], bool] = lambda step: False
    ) -> set[int]:
        """The indices of all steps that those at ``indices`` depend on, themselves included.

        Where ``stops`` holds of a step, what that depends on is not looked for.
        """
        producers = self.producers()
        found: set[int] = set()
        open_indices = list(indices)
        while open_indices:
            index = open_indices.pop()
            if index in found:
                continue
            found.add(index)
            if stops(self.steps[index]):
                continue
            for _, value in self.steps[index].inputs:
                if value in producers:
                    open_indices.append(producers[value])
        return found


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
