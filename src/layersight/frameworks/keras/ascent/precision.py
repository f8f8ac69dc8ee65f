"""Mixed precision while a step of an optimisation runs, by Keras's own policies.

Layers compute in bfloat16, which has the range of float32, so that no gradient has to be scaled;
their weights, the canvas, the objective and the update stay in float32. What a pattern reached is
measured in float32 too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import keras

from layersight.frameworks.graph.patches import Slot, patched, unpatched

POLICY = "mixed_bfloat16"  # of Keras: computes in bfloat16, with variables in float32

# Where a layer of Keras keeps its policy; setting the public property may quantise it.
ATTRIBUTE = "_dtype_policy"


class PolicyByThread(keras.DTypePolicy):
    """A policy that is for each thread the one that its slot holds for it."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def __getattribute__(self, name: str) -> object:
        # Everything but the slot itself is looked up in the policy of this thread.
        slot = object.__getattribute__(self, "_slot")
        return slot if name == "_slot" else getattr(slot.current(), name)

    def __eq__(self, other: object) -> bool:
        return bool(self._slot.current() == other)

    def __hash__(self) -> int:
        return id(self)


@contextmanager
def mixed_precision(operations: Iterable[keras.Operation]) -> Iterator[None]:
    """Lends layers a policy of mixed precision, for this thread, while the block lasts.

    A layer that has another policy than plain float32 keeps its own.
    """
    layers = [operation for operation in operations if isinstance(operation, keras.Layer)]
    every = {id(inner): inner for layer in layers for inner in layer._flatten_layers()}
    plain = []
    for layer in every.values():
        policy = unpatched(layer, ATTRIBUTE)
        if type(policy) is keras.DTypePolicy and policy.name == "float32":
            plain.append(layer)
    mixed = keras.DTypePolicy(POLICY)
    with patched([(layer, ATTRIBUTE, lambda _: mixed) for layer in plain], PolicyByThread):
        yield
