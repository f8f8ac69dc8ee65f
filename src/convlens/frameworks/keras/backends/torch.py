"""PyTorch: everything runs eagerly; gradients are recorded for an ascent alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]],
    variables: Sequence[Any],
    *,
    often: bool,
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Runs ``compute`` on the device that Keras uses, ``often`` or not."""

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        with torch.no_grad():
            tensors = compute([keras.ops.convert_to_tensor(array) for array in inputs])
        return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}

    return run


def make_stepper(step: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Runs ``step`` as it is; its state stays on the device."""

    def differentiate(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in parameters.items()}
        with torch.enable_grad():
            total, more = function(leaves)
            if not total.requires_grad:
                return more.detach(), {n: torch.zeros_like(t) for n, t in leaves.items()}
            found = torch.autograd.grad(
                total, list(leaves.values()), allow_unused=True, materialize_grads=True
            )
        return more.detach(), dict(zip(leaves, found, strict=True))

    def run(state: Any, weights: Any, extra: Any) -> Any:
        given = [keras.ops.convert_to_tensor(array) for array in weights]
        more = {name: keras.ops.convert_to_tensor(array) for name, array in extra.items()}
        with torch.no_grad():
            after, found = step(state, given, more, differentiate)
        return after, {name: tensor.cpu().numpy() for name, tensor in found.items()}

    return run
