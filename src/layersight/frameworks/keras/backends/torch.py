"""PyTorch: everything runs eagerly; gradients are recorded where they are requested.

Keras 3.15 on PyTorch copies channels-last tensors to channels first before each convolution and
pooling (and back before a convolution). On a processor pooling is then several times slower. During
a pass only the axes are permuted, and all numbers stay in place in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import torch
from keras.src.backend.torch import nn  # which copies
from keras.src.backend.torch.core import device_scope, to_torch_dtype
from torch.utils._python_dispatch import TorchDispatchMode

from layersight.data.arrays import Array
from layersight.frameworks.graph.patches import Patch, patched
from layersight.frameworks.graph.view import LayerHandle
from layersight.frameworks.keras import types
from layersight.frameworks.keras.types import Function, Structure, Tensor

# The function of Keras that copies; a version without it needs no patch.
COPYING = "_transpose_spatial_inputs"

_no_copies: list[Patch] = (
    [(nn, COPYING, lambda _: lambda inputs: torch.movedim(inputs, -1, 1))]
    if hasattr(nn, COPYING)
    else []
)


def make_runner(
    compute: types.Compute, variables: Sequence[keras.Variable], *, often: bool
) -> types.Runner:
    """Runs ``compute`` on the device that Keras uses, ``often`` or not."""

    def run(inputs: Sequence[Array]) -> Callable[[], types.Arrays]:
        with patched(_no_copies), torch.no_grad():
            tensors = compute([keras.ops.convert_to_tensor(array) for array in inputs])
        return lambda: _arrays(tensors)

    return run


def small_passes() -> bool:
    """Never: Python runs each layer of each pass."""
    return False


def make_stepper(step: types.StepFunction, variables: Sequence[keras.Variable]) -> types.Stepper:
    """Runs ``step`` as it is; its state stays on the device."""

    def differentiate(
        function: Callable[..., tuple[torch.Tensor, torch.Tensor]],
        parameters: Mapping[str, torch.Tensor],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in parameters.items()}
        with torch.enable_grad():
            total, more = function(leaves)
            if not total.requires_grad:
                return more.detach(), {n: torch.zeros_like(t) for n, t in leaves.items()}
            gradients = torch.autograd.grad(
                total, list(leaves.values()), allow_unused=True, materialize_grads=True
            )
        return more.detach(), dict(zip(leaves, gradients, strict=True))

    def run(
        state: types.Tensors, weights: Sequence[Array], extra: types.Arrays
    ) -> tuple[types.Tensors, types.Arrays]:
        tensors = [keras.ops.convert_to_tensor(array) for array in weights]
        more = {name: keras.ops.convert_to_tensor(array) for name, array in extra.items()}
        with patched(_no_copies), torch.no_grad():
            after, results = step(state, tensors, more, differentiate)
        return after, _arrays(results)

    return run


def make_differ(
    score: Callable[..., tuple[torch.Tensor, dict[str, torch.Tensor]]],
    variables: Sequence[keras.Variable],
    layers: Sequence[str],
    indices: Sequence[int],
) -> types.Differ:
    """Runs ``score`` as it is, recording gradients from the first requested tensor on."""

    def run(inputs: Sequence[Array], weights: Sequence[Array]) -> types.Arrays:
        tensors = [keras.ops.convert_to_tensor(array) for array in inputs]
        constants = [keras.ops.convert_to_tensor(array) for array in weights]
        watched: dict[str, torch.Tensor] = {}

        def hook(handle: LayerHandle, tensor: torch.Tensor) -> torch.Tensor:
            name = handle.info.name
            if name in layers:
                torch.set_grad_enabled(True)
                watched[name] = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
                return watched[name]
            return tensor

        with patched(_no_copies), torch.set_grad_enabled(bool(indices)):
            for index in indices:
                tensors[index] = tensors[index].detach().requires_grad_()
            scores, more = score(tensors, constants, hook)
            by = {f"gradient:{name}": tensor for name, tensor in watched.items()}
            by |= {f"input:{index}": tensors[index] for index in indices}
            gradients = {name: torch.zeros_like(tensor) for name, tensor in by.items()}
            if scores.requires_grad:
                computed = torch.autograd.grad(
                    scores.sum(), list(by.values()), allow_unused=True, materialize_grads=True
                )
                gradients = dict(zip(by, computed, strict=True))
        values = {f"value:{name}": tensor for name, tensor in watched.items()}
        return _arrays({"scores": scores, **more, **values, **gradients})

    return run


def _arrays(tensors: Mapping[str, torch.Tensor]) -> types.Arrays:
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


class _Positive(torch.autograd.Function):
    @staticmethod
    def forward(context: object, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.clone()

    @staticmethod
    def backward(context: object, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.clamp(min=0)


def positive(tensor: Tensor) -> Tensor:
    return _Positive.apply(tensor)


def inverse(real: Tensor, imaginary: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.fft.irfft2(torch.complex(real, imaginary), size)


def make_sampling(placements: torch.Tensor, size: tuple[int, int], *, near: bool) -> torch.Tensor:
    """The grid of positions of each view, ``(views, height, width, 2)`` in -1..1, x first."""
    rows, columns = size
    options = {"dtype": placements.dtype, "device": placements.device}
    down, right = torch.meshgrid(
        torch.arange(rows, **options), torch.arange(columns, **options), indexing="ij"
    )
    points = torch.stack([down, right, torch.ones_like(down)]).reshape(3, -1)
    positions = (placements @ points).reshape(len(placements), 2, rows, columns)
    half = ((torch.tensor([rows, columns], **options) - 1) / 2)[:, None, None]
    return ((positions - half) / half.clamp(min=0.5)).permute(0, 2, 3, 1).flip(-1)


def sample(planes: torch.Tensor, sampling: torch.Tensor) -> torch.Tensor:
    batch, channels, rows, columns = planes.shape
    views = len(sampling)
    if views == 1:
        images, grid = planes, sampling.expand(batch, -1, -1, -1)
    else:
        images = planes.reshape(1, batch * channels, rows, columns).expand(views, -1, -1, -1)
        grid = sampling
    seen = torch.nn.functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    if views > 1:
        seen = seen.reshape(views, batch, channels, rows, columns).transpose(0, 1)
        seen = seen.reshape(batch * views, channels, rows, columns)
    return seen.permute(0, 2, 3, 1).contiguous()  # all later maps take over this memory layout


def fused(function: Function) -> Function:
    """The function itself: everything runs eagerly."""
    return function


class _Largest(TorchDispatchMode):
    """Records the size of the largest output of all operations."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Structure],
        types: object,
        args: types.Arguments = (),
        kwargs: types.Settings | None = None,
    ) -> Structure:
        outputs = func(*args, **(kwargs or {}))
        for tensor in keras.tree.flatten(outputs):
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return outputs


def measure(
    compute: Callable[..., Structure], shapes: Sequence[types.ShapeAndType]
) -> types.Measured:
    """The largest tensor of a computation, run on tensors without values."""
    with device_scope("meta"), torch.no_grad(), _Largest() as largest:
        outputs = compute(
            *(torch.empty(tuple(s), dtype=to_torch_dtype(d), device="meta") for s, d in shapes)
        )
    tensors = [t for t in keras.tree.flatten(outputs) if isinstance(t, torch.Tensor)]
    return types.Measured(
        largest.bytes,
        tuple((tuple(t.shape), keras.backend.standardize_dtype(t.dtype)) for t in tensors),
    )
