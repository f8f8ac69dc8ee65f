"""How layers of Keras move positions and change the order of axes."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import Shape
from layersight.frameworks.graph import geometry
from layersight.frameworks.graph.geometry import FIRST, LAST, NONE, Field, Orders, Window
from layersight.frameworks.graph.program import Program, Step
from layersight.frameworks.keras.backends import as_float32
from layersight.frameworks.keras.types import Tensor

_ATTENTION = {"MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention"}

# Layers and operations of which each position depends only on the same position of the inputs.
POINTWISE = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "ActivityRegularization"),
    *("BatchNormalization", "Dropout", "SpatialDropout1D", "SpatialDropout2D"),
    *("SpatialDropout3D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "Rescaling"),
    *("Normalization", "Dense", "EinsumDense", "Masking", "Identity"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
    *("Divide", "TrueDivide", "Negative", "Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid"),
    *("HardSilu", "Tanh", "Gelu", "Elu", "Clip", "Square", "Sqrt", "Exp", "Absolute", "Cast"),
}


def spatial(operation: keras.Operation, name: str) -> tuple[int, ...] | None:
    """A setting of a convolution or pooling with a number for each spatial axis.

    ``name`` is ``"kernel"``, ``"strides"`` or ``"dilation"``.
    """
    names = {"kernel": ("kernel_size", "pool_size"), "strides": ("strides",)}
    if name != "kernel" and spatial(operation, "kernel") is None:
        return None
    for attribute in names.get(name, ("dilation_rate",)):
        value = getattr(operation, attribute, None)
        if isinstance(value, int):
            kind = type(operation).__name__  # such as Conv2D
            return (value,) * next((axes for axes in (1, 2, 3) if f"{axes}D" in kind), 2)
        if isinstance(value, tuple | list) and all(isinstance(part, int) for part in value):
            return tuple(value)
    return None


def follow_fields(program: Program, inputs: Mapping[int, Shape]) -> dict[int, Field | None]:
    """The receptive field of each value; ``None`` where it is the whole input.

    ``inputs`` has the shapes of the inputs.
    """
    shapes = dict(inputs)
    for step in program.steps:
        shapes.update(zip(step.outputs, step.shapes, strict=False))

    def window_of(step: Step) -> Window | None:
        return _window(step, shapes.get(step.inputs[0][1]) if step.inputs else None)

    return geometry.follow_fields(program, window_of)


def follow_formats(program: Program) -> dict[int, str]:
    return geometry.follow_formats(program, _orders)


def _window(step: Step, shape: Shape | None) -> Window | None:
    operation, name = step.operation, type(step.operation).__name__
    kernel = spatial(operation, "kernel")
    if kernel is not None:
        ones = (1,) * len(kernel)
        strides = spatial(operation, "strides") or ones
        dilation = spatial(operation, "dilation") or ones
        transposed = name.endswith("Transpose")
        lengths = (None,) * len(kernel) if transposed else _lengths(operation, shape, len(kernel))
        padding = str(getattr(operation, "padding", "valid"))
        before = tuple(
            geometry.padding_before(padding, (k - 1) * d + 1, s, length)
            for k, d, s, length in zip(kernel, dilation, strides, lengths, strict=True)
        )
        return Window(kernel, strides, dilation, transposed, before)
    if name.startswith("UpSampling"):
        size = operation.size if isinstance(operation.size, tuple | list) else (operation.size,)
        return Window(tuple(size), tuple(size), (1,) * len(size), transposed=True)
    if name.startswith(("ZeroPadding", "Cropping")):
        # Positions move, and none depends on another.
        sign, amounts = (1, operation.padding) if name[0] == "Z" else (-1, operation.cropping)
        sides = [amounts] if isinstance(amounts[0], int) else amounts
        ones = (1,) * len(sides)
        return Window(ones, ones, ones, before=tuple(sign * int(side[0]) for side in sides))
    return Window() if name in POINTWISE else None


def _lengths(operation: keras.Operation, shape: Shape | None, axes: int) -> Shape:
    """The lengths of the spatial axes of an input of a layer; ``None`` where unknown."""
    if shape is None or len(shape) != axes + 2:
        return (None,) * axes
    first = getattr(operation, "data_format", LAST) == FIRST
    return shape[2:] if first else shape[1:-1]


def axes_of(operation: keras.Operation, output: int, rank: int = 4) -> tuple[str, ...] | None:
    """The names of the axes of an output, channels last, where these are not positions.

    The second output of an attention holds its scores: for each head, if there are several, how
    much each query attends to each key.
    """
    if output != 1 or type(operation).__name__ not in _ATTENTION:
        return None
    return ("query", "key", "head") if rank in (3, 4) else None


def _orders(step: Step) -> Orders:
    """The orders of axes that a layer itself fixes."""
    keeps = type(step.operation).__name__ not in {"Reshape", "Flatten", "Permute", "RepeatVector"}
    before, after = _fixed_formats(step)
    if axes_of(step.operation, 1) is not None and len(step.outputs) == len(step.shapes) == 2:
        return Orders(before, (after, FIRST if len(step.shapes[1]) == 4 else NONE), keeps)
    return Orders(before, (after,), keeps)


def _fixed_formats(step: Step) -> tuple[str | None, str | None]:
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


def tensor_channels_last(tensor: Tensor, data_format: str) -> Tensor:
    if data_format == NONE:
        return ops.expand_dims(tensor, -1)
    if data_format == FIRST and len(tensor.shape) >= 3:
        return ops.moveaxis(tensor, 1, -1)
    return tensor


def channels_last(array: NDArray[np.generic], data_format: str) -> FloatArray:
    """An array with its channels last, as float32."""
    if data_format == NONE:
        array = array[..., np.newaxis]
    elif data_format == FIRST and array.ndim >= 3:
        array = np.ascontiguousarray(np.moveaxis(array, 1, -1))
    return as_float32(array)
