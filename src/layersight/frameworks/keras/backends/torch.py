"""PyTorch: everything runs eagerly; gradients are recorded where they are asked for.

Before each convolution and pooling Keras 3.15 on PyTorch copies what is channels last to channels
first, and pools there, which on a processor takes several times as long; before a convolution it
copies back. While a pass runs, the axes are turned alone, and every number stays where it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch
from keras.src.backend.torch import nn  # where it copies
from keras.src.backend.torch.core import device_scope, to_torch_dtype
from torch.utils._python_dispatch import TorchDispatchMode

from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.keras.backends import Measured

COPYING = "_transpose_spatial_inputs"
"""The function of Keras that copies; a version without it has nothing to mend."""

_turning: list[Patch] = (
    [(nn, COPYING, lambda _: lambda inputs: torch.movedim(inputs, -1, 1))]
    if hasattr(nn, COPYING)
    else []
)


def make_runner(
    compute: Callable[[Sequence[Any]], dict[str, Any]],
    variables: Sequence[Any],
    *,
    often: bool,
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Runs ``compute`` on the device that Keras uses, ``often`` or not."""

    def run(inputs: Sequence[Any]) -> dict[str, Any]:
        with patched(_turning), torch.no_grad():
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
        with patched(_turning), torch.no_grad():
            after, found = step(state, given, more, differentiate)
        return after, {name: tensor.cpu().numpy() for name, tensor in found.items()}

    return run


def make_differ(
    score: Callable[..., Any],
    variables: Sequence[Any],
    layers: Sequence[str],
    places: Sequence[int],
) -> Callable[..., Any]:
    """Runs as it is; gradients are recorded from the first tensor on that is asked for."""

    def run(inputs: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        tensors = [keras.ops.convert_to_tensor(array) for array in inputs]
        given = [keras.ops.convert_to_tensor(array) for array in weights]
        found: dict[str, Any] = {}

        def touch(sight: Any, tensor: Any) -> Any:
            name = sight.info.name
            if name in layers:
                torch.set_grad_enabled(True)
                found[name] = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
                return found[name]
            return tensor

        with patched(_turning), torch.set_grad_enabled(bool(places)):
            for place in places:
                tensors[place] = tensors[place].detach().requires_grad_()
            scores, more = score(tensors, given, touch)
            by = {f"slope:{name}": tensor for name, tensor in found.items()}
            by |= {f"input:{place}": tensors[place] for place in places}
            slopes = {name: torch.zeros_like(tensor) for name, tensor in by.items()}
            if scores.requires_grad:
                gradients = torch.autograd.grad(
                    scores.sum(), list(by.values()), allow_unused=True, materialize_grads=True
                )
                slopes = dict(zip(by, gradients, strict=True))
        values = {f"value:{name}": tensor for name, tensor in found.items()}
        every = {"scores": scores, **more, **values, **slopes}
        return {name: tensor.detach().cpu().numpy() for name, tensor in every.items()}

    return run


class _Positive(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, tensor: Any) -> Any:
        return tensor.clone()

    @staticmethod
    def backward(context: Any, slope: Any) -> Any:
        return slope.clamp(min=0)


def positive(tensor: Any) -> Any:
    """The identity, whose gradient is cut at 0 from below."""
    return _Positive.apply(tensor)


def on_processor() -> bool:
    """Whether Keras puts tensors of PyTorch on the processor."""
    return str(keras.ops.convert_to_tensor(0.0).device.type) == "cpu"


def inverse(real: Any, imaginary: Any, size: tuple[int, int]) -> Any:
    """The inverse of a real Fourier transform in two dimensions."""
    return torch.fft.irfft2(torch.complex(real, imaginary), size)


def place(placements: Any, size: tuple[int, int], *, near: bool) -> Any:
    """Where each view looks, ``(views, height, width, 2)`` in -1..1, across first."""
    rows, columns = size
    kind = {"dtype": placements.dtype, "device": placements.device}
    down, right = torch.meshgrid(
        torch.arange(rows, **kind), torch.arange(columns, **kind), indexing="ij"
    )
    points = torch.stack([down, right, torch.ones_like(down)]).reshape(3, -1)
    places = (placements @ points).reshape(len(placements), 2, rows, columns)
    half = ((torch.tensor([rows, columns], **kind) - 1) / 2)[:, None, None]
    return ((places - half) / half.clamp(min=0.5)).permute(0, 2, 3, 1).flip(-1)


def sample(planes: Any, placed: Any) -> Any:
    """What is seen of planes through placements; ``placed`` says where each view looks."""
    batch, channels, rows, columns = planes.shape
    views = len(placed)
    if views == 1:
        given, grid = planes, placed.expand(batch, -1, -1, -1)
    else:
        given = planes.reshape(1, batch * channels, rows, columns).expand(views, -1, -1, -1)
        grid = placed
    seen = torch.nn.functional.grid_sample(
        given, grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    if views > 1:
        seen = seen.reshape(views, batch, channels, rows, columns).transpose(0, 1)
        seen = seen.reshape(batch * views, channels, rows, columns)
    return seen.permute(0, 2, 3, 1).contiguous()  # all that follows lies as this does


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: everything runs eagerly."""
    return function


class _Largest(TorchDispatchMode):
    """Notes the largest tensor that operations give."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for tensor in keras.tree.flatten(given):
            if isinstance(tensor, torch.Tensor):
                self.found = max(self.found, tensor.numel() * tensor.element_size())
        return given


def measure(compute: Callable[..., Any], shapes: Sequence[tuple[Any, str]]) -> Measured:
    """The largest tensor of a computation, which runs on tensors that have no values."""
    with device_scope("meta"), torch.no_grad(), _Largest() as largest:
        given = compute(
            *(torch.empty(tuple(s), dtype=to_torch_dtype(d), device="meta") for s, d in shapes)
        )
    tensors = [t for t in keras.tree.flatten(given) if isinstance(t, torch.Tensor)]
    return Measured(
        largest.found,
        tuple((tuple(t.shape), keras.backend.standardize_dtype(t.dtype)) for t in tensors),
    )
