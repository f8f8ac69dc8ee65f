"""Mixed precision while a step of an ascent runs, by Keras's own policies.

Layers compute in bfloat16, which has the range of float32, so that no gradient has to be scaled;
their weights, the canvas, what is climbed and how stay in float32. What a pattern reached is
measured in float32 too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from convlens.frameworks.keras.borrowing import Borrowed

POLICY = "mixed_bfloat16"
"""Of Keras: computes in bfloat16, with variables in float32."""


def lent_to(operations: Iterable[Any]) -> Borrowed:
    """A policy of mixed precision for layers, while anybody is inside a ``with`` block.

    Args:
        operations: Whose layers get it, those inside them too; a layer that has another policy
            than plain float32 keeps its own.
    """
    layers = [operation for operation in operations if isinstance(operation, keras.Layer)]
    every = {id(inner): inner for layer in layers for inner in layer._flatten_layers()}
    plain = [layer for layer in every.values() if _is_plain(layer.dtype_policy)]
    return Borrowed([(layer, "dtype_policy", _mixed) for layer in plain])


def _mixed(_: Any) -> Any:
    return keras.DTypePolicy(POLICY)


def _is_plain(policy: Any) -> bool:
    return type(policy) is keras.DTypePolicy and policy.name == "float32"
