"""TensorFlow: the pass runs eagerly, which for one image costs less than tracing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]], variables: Sequence[Any]
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Runs ``compute`` as it is."""

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        tensors = compute([tf.convert_to_tensor(array) for array in inputs])
        return {name: tensor.numpy() for name, tensor in tensors.items()}

    return run
