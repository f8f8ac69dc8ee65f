"""Watching the calls inside a layer that is not a graph.

The ``call`` of the layers is patched on the instances for the duration of a block
(:mod:`layersight.frameworks.graph.patches`).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.graph.program import Key
from layersight.frameworks.keras.program import graph_of
from layersight.frameworks.keras.types import Structure

Call = Callable[..., Structure]

# Called after each call with its path, the layer and its outputs; a result other than ``None``
# replaces the outputs.
Report = Callable[[Key, keras.Layer, Structure], Structure]


def children(operation: keras.Operation) -> list[keras.Layer]:
    """The layers inside an operation that are shown.

    The layers of Keras itself (a bidirectional wrapper, an attention) have none.
    """
    graph = graph_of(operation)
    if graph is not None:
        operations = graph.operations
        return [one for one in operations if not isinstance(one, keras.layers.InputLayer)]
    of_keras = type(operation).__module__.partition(".")[0] == "keras"
    if of_keras or not isinstance(operation, keras.Layer):
        return []
    return list({id(layer): layer for layer in operation._layers}.values())


def has_inside(operation: keras.Operation) -> bool:
    """Whether there are calls inside an operation that can only be seen by watching it."""
    return graph_of(operation) is None and bool(children(operation))


@contextmanager
def watch(
    operation: keras.Operation,
    prefix: Key,
    report: Report,
    restart: Callable[[], None] = lambda: None,
    finish: Callable[[Structure], None] = lambda outputs: None,
) -> Iterator[None]:
    """Reports each call of the layers inside ``operation`` once it has returned.

    ``restart`` is called whenever the operation itself begins, since a backend that traces shapes
    may run it more than once, and ``finish`` with its outputs.
    """
    stack: list[tuple[Key, Counter[int]]] = [(prefix, Counter())]
    seen: set[int] = set()

    def follow_root(original: Call) -> Call:
        @functools.wraps(original)
        def call(*args: object, **kwargs: object) -> Structure:
            stack[:] = [(prefix, Counter())]
            restart()
            outputs = original(*args, **kwargs)
            finish(outputs)
            return outputs

        return call

    def follow(layer: keras.Layer, label: str, original: Call) -> Call:
        @functools.wraps(original)
        def call(*args: object, **kwargs: object) -> Structure:
            parent, calls = stack[-1]
            key = (*parent, (label, calls[id(layer)]))
            calls[id(layer)] += 1
            stack.append((key, Counter()))
            try:
                outputs = original(*args, **kwargs)
            finally:
                stack.pop()
            changed = report(key, layer, outputs)
            return outputs if changed is None else changed

        return call

    def visit(parent: keras.Layer) -> Iterator[Patch]:
        used: Counter[str] = Counter()
        for layer in children(parent):
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            used[layer.name] += 1
            number = used[layer.name]
            label = layer.name if number == 1 else f"{layer.name}#{number}"
            yield layer, "call", functools.partial(follow, layer, label)
            yield from visit(layer)

    with patched([(operation, "call", follow_root), *visit(operation)]):
        yield
