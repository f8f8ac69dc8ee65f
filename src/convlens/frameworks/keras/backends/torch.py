"""PyTorch: the pass runs eagerly, without recording gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]], variables: Sequence[Any]
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Runs ``compute`` on the device that Keras uses."""

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        with torch.no_grad():
            tensors = compute([keras.ops.convert_to_tensor(array) for array in inputs])
        return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}

    return run
