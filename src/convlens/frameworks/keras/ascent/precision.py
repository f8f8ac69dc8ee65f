"""Mixed precision while a step of an ascent runs, by Keras's own policies.

Layers compute in bfloat16, which has the range of float32, so that no gradient has to be scaled;
their weights, the canvas, what is climbed and how stay in float32. What a pattern reached is
measured in float32 too.

The rule of this module: what is borrowed is given back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import keras

POLICY = "mixed_bfloat16"
"""Of Keras: computes in bfloat16, with variables in float32."""


class Lent:
    """A policy of mixed precision for layers, while anybody is inside a ``with`` block.

    Lanes that run at the same time share it: the last one gives it back.

    Args:
        operations: Whose layers get it, those inside them too; a layer that has another policy
            than plain float32 keeps its own.
    """

    def __init__(self, operations: Iterable[Any]) -> None:
        layers = [operation for operation in operations if isinstance(operation, keras.Layer)]
        every = {id(inner): inner for layer in layers for inner in layer._flatten_layers()}
        self._layers = [layer for layer in every.values() if _is_plain(layer.dtype_policy)]
        self._lock = threading.Lock()
        self._inside = 0
        self._before: list[Any] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = [layer.dtype_policy for layer in self._layers]
                for layer in self._layers:
                    layer.dtype_policy = keras.DTypePolicy(POLICY)
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for layer, policy in zip(self._layers, self._before, strict=True):
                    layer.dtype_policy = policy


def _is_plain(policy: Any) -> bool:
    return type(policy) is keras.DTypePolicy and policy.name == "float32"
