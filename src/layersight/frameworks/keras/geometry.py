"""Orders of axes and receptive fields, followed through the steps of a program.

The arithmetic of receptive fields is that of Araujo, Norris and Sim, "Computing Receptive
Fields of Convolutional Neural Networks", Distill, 2019: along each axis a layer of kernel k,
dilation d and stride s turns field r and jump j into ``r + (k - 1) d j`` and ``j s``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from layersight.frameworks.keras.program import Program, Step

LAST, FIRST, NONE = "channels_last", "channels_first", "no_channels"

_ATTENTION = {"MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention"}

POINTWISE = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "ActivityRegularization"),
    *("BatchNormalization", "Dropout", "SpatialDropout1D", "SpatialDropout2D"),
    *("SpatialDropout3D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "Rescaling"),
    *("Normalization", "Dense", "EinsumDense", "Masking", "Identity"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
    *("Cropping1D", "Cropping2D", "Cropping3D"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
    *("Divide", "TrueDivide", "Negative", "Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid"),
    *("HardSilu", "Tanh", "Gelu", "Elu", "Clip", "Square", "Sqrt", "Exp", "Absolute", "Cast"),
}
"""Layers and operations whose every position depends on the same position of their inputs."""


@dataclass(frozen=True, slots=True)
class Field:
    """Receptive field and jump along each spatial axis, in pixels of the input."""

    size: tuple[float, ...]
    jump: tuple[float, ...]


def spatial(operation: Any, name: str) -> tuple[int, ...] | None:
    """A setting of convolution or pooling with one number for each spatial axis.

    Args:
        operation: A layer.
        name: ``"kernel"``, ``"strides"`` or ``"dilation"``.
    """
    names = {"kernel": ("kernel_size", "pool_size"), "strides": ("strides",)}
    if name != "kernel" and spatial(operation, "kernel") is None:
        return None
    for attribute in names.get(name, ("dilation_rate",)):
        value = getattr(operation, attribute, None)
        if isinstance(value, int):
            return (value,) * _axes(operation)
        if isinstance(value, tuple | list) and all(isinstance(part, int) for part in value):
            return tuple(value)
    return None


def _axes(operation: Any) -> int:
    """The spatial axes that a class name such as ``Conv2D`` speaks of."""
    return next((axes for axes in (1, 2, 3) if f"{axes}D" in type(operation).__name__), 2)


def follow_fields(program: Program) -> dict[int, Field | None]:
    """The receptive field of each value; ``None`` where it is the whole input."""
    fields: dict[int, Field | None] = {}
    for value in program.inputs:
        fields[value] = Field((), ())
    for step in program.steps:
        field = _field_after(step, [fields.get(value) for _, value in step.inputs])
        fields.update(dict.fromkeys(step.outputs, field))
    return fields


def _field_after(step: Step, before: list[Field | None]) -> Field | None:
    """The receptive field of a step's outputs from those of its inputs."""
    known = [field for field in before if field is not None]
    if not before or len(known) < len(before):
        return None
    operation, name = step.operation, type(step.operation).__name__
    merged = _widest(known)
    kernel = spatial(operation, "kernel")
    if kernel is not None:
        return _through_kernel(operation, kernel, merged)
    if name.startswith("UpSampling"):
        size = operation.size if isinstance(operation.size, tuple | list) else (operation.size,)
        return Field(
            _stretch(merged.size, len(size)),
            tuple(
                jump / part
                for jump, part in zip(_stretch(merged.jump, len(size)), size, strict=True)
            ),
        )
    return merged if name in POINTWISE else None


def _through_kernel(operation: Any, kernel: tuple[int, ...], before: Field) -> Field:
    axes = len(kernel)
    ones = (1,) * axes
    strides = spatial(operation, "strides") or ones
    dilation = spatial(operation, "dilation") or ones
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size, jump = _stretch(before.size, axes), _stretch(before.jump, axes)
    if type(operation).__name__.endswith("Transpose"):
        return Field(
            tuple(
                r + (math.ceil(n / s) - 1) * j
                for r, n, s, j in zip(size, reach, strides, jump, strict=True)
            ),
            tuple(j / s for j, s in zip(jump, strides, strict=True)),
        )
    return Field(
        tuple(r + (n - 1) * j for r, n, j in zip(size, reach, jump, strict=True)),
        tuple(j * s for j, s in zip(jump, strides, strict=True)),
    )


def _stretch(values: tuple[float, ...], axes: int) -> tuple[float, ...]:
    return values if len(values) == axes else (1.0,) * axes


def _widest(fields: list[Field]) -> Field:
    axes = max(len(field.size) for field in fields)
    sizes = [_stretch(field.size, axes) for field in fields]
    jumps = [_stretch(field.jump, axes) for field in fields]
    return Field(
        tuple(max(parts) for parts in zip(*sizes, strict=True)),
        tuple(max(parts) for parts in zip(*jumps, strict=True)),
    )


def follow_formats(program: Program) -> dict[int, str]:
    """Where each value holds its channels: ``"channels_last"``, ``"channels_first"``, or nowhere.

    A layer that has an order of its own settles it for what it takes and gives; the others
    pass it on, forwards and then backwards. What nothing settles is channels last.
    """
    formats: dict[int, str | None] = dict.fromkeys(range(program.values))
    for step in program.steps:
        taken, given = _own_formats(step)
        orders = (formats[value] for _, value in step.inputs)
        inherited = next((order for order in orders if order not in (None, NONE)), None)
        for _, value in step.inputs:
            formats[value] = formats[value] or taken
        for value in step.outputs:
            formats[value] = given or (inherited if _keeps_axes(step) else None)
        if axes_of(step.operation, 1) is not None and len(step.outputs) == len(step.shapes) == 2:
            formats[step.outputs[1]] = FIRST if len(step.shapes[1]) == 4 else NONE
    for step in reversed(program.steps):
        if _own_formats(step) == (None, None) and _keeps_axes(step):
            values = step.outputs[:1] if axes_of(step.operation, 1) else step.outputs
            settled = next((formats[v] for v in values if formats[v] not in (None, NONE)), None)
            for _, value in step.inputs:
                formats[value] = formats[value] or settled
    return {value: order or LAST for value, order in formats.items()}


def axes_of(operation: Any, output: int, rank: int = 4) -> tuple[str, ...] | None:
    """What the axes of an output are, channels last, where they are no positions.

    The second output of an attention holds its scores: for each head, if it has several, how
    much each query attends to each key.

    Args:
        operation: A layer.
        output: Which of its outputs.
        rank: How many axes that has, batch included.
    """
    if output != 1 or type(operation).__name__ not in _ATTENTION:
        return None
    return ("query", "key", "head") if rank in (3, 4) else None


def _keeps_axes(step: Step) -> bool:
    return type(step.operation).__name__ not in {"Reshape", "Flatten", "Permute", "RepeatVector"}


def _own_formats(step: Step) -> tuple[str | None, str | None]:
    """The order of axes that a layer itself wants to take and to give."""
    operation = step.operation
    rank = len(step.shapes[0]) if step.shapes else 0
    if isinstance(operation, keras.layers.Permute):
        dims = tuple(operation.dims)
        if dims == (2, 3, 1):
            return FIRST, LAST
        return (LAST, FIRST) if dims == (3, 1, 2) else (None, None)
    order = getattr(operation, "data_format", None)
    if order in (LAST, FIRST):
        return order, order if rank >= 3 else None
    if isinstance(operation, keras.layers.BatchNormalization) and rank >= 3:
        axis = operation.axis[0] if isinstance(operation.axis, list | tuple) else operation.axis
        if axis % rank == rank - 1:
            return LAST, LAST
        return (FIRST, FIRST) if axis % rank == 1 else (None, None)
    return None, None
