"""JAX: the pass is compiled once for each set of layers and shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]], variables: Sequence[Any]
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Compiles ``compute``; the variables are arguments, so that they are not baked in."""

    def pure(state: list[Any], inputs: list[Any]) -> dict[str, Any]:
        with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))):
            return compute(inputs)

    compiled = jax.jit(pure)

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        state = [variable.value for variable in variables]
        return dict(jax.device_get(compiled(state, list(inputs))))

    return run
