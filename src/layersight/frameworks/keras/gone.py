"""Layers that Keras 3 dropped, for all backends.

The rule of this module: weights have the shapes that they have in files, and a layer computes the
same as in the last version of Keras that had it, at inference.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from layersight.data.model import Shape
from layersight.frameworks.graph.sizes import check_array
from layersight.frameworks.keras.sizes import Unset
from layersight.frameworks.keras.types import Tensor

Indices = NDArray[np.int32]

# An activation function or its name; ``None`` for the identity.
Activation = str | Callable[[Tensor], Tensor] | None


class RestoredLayer(keras.layers.Layer):
    """A layer that Keras 3 lacks; by default its output has the shape of its input.

    It takes no initialisers: files always have its weights.
    """

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def _weight(self, name: str, shape: Sequence[int | None]) -> keras.Variable:
        return self.add_weight(shape=tuple(shape), initializer=Unset(), name=name)


class LocallyConnected(RestoredLayer):
    """A convolution with a different kernel at every position.

    ``y[p, f] = sum_k x[index(p, k)] kernel[p, k, f] + bias[p, f]``, where ``p`` runs over the
    positions of the output and ``k`` over the values under the kernel. In files the kernel has one
    of three forms: (1) as in the formula; (2) a matrix from all values of the input to all values
    of the output, of which only those under the kernel matter; (3) the entries of that matrix that
    matter, in its order. The settings are those of Keras 2; ``implementation`` is the form of the
    kernel.
    """

    axes = 0

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Activation = None,
        use_bias: bool = True,
        implementation: int = 1,
        **settings: object,
    ) -> None:
        super().__init__(**settings)
        self.filters = filters
        self.kernel_size = self._along_axes(kernel_size, "kernel_size")
        self.strides = self._along_axes(strides, "strides")
        self.padding = padding
        self.data_format = data_format or "channels_last"
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.implementation = implementation
        if padding not in ("valid", "same") or implementation not in (1, 2, 3):
            raise ValueError(
                f"expected padding valid or same and implementation 1, 2 or 3, found {padding!r} "
                f"and {implementation!r}"
            )

    def build(self, input_shape: Shape) -> None:
        self._built_for = tuple(input_shape)
        sizes, channels = self._split(input_shape)
        outputs = self._output_sizes(sizes)
        positions = math.prod(outputs)
        patch = math.prod(self.kernel_size) * channels
        shapes = {
            1: (positions, patch, self.filters),
            2: (*self._join(sizes, channels), *self._join(outputs, self.filters)),
            3: (self._covered(sizes, outputs) * channels * self.filters,),
        }
        self.kernel = self._weight("kernel", shapes[self.implementation])
        if self.use_bias:
            self.bias = self._weight("bias", (*outputs, self.filters))
        indices = 1 if self.implementation == 1 else self.filters  # for each value of a patch
        check_array(positions * (patch * (2 * indices + 4) + 64), "the indices of a kernel")
        self._indices = self._find_indices(sizes, channels, outputs)
        self._entries = None
        if self.implementation > 1:
            self._entries = self._find_entries(positions, math.prod(sizes) * channels)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        inside = self._indices >= 0
        sizes, channels = self._split(self._built_for)
        flat = ops.reshape(inputs, (-1, math.prod(sizes) * channels))
        patches = ops.take(flat, np.maximum(self._indices, 0), axis=1)
        kernel = self.kernel
        if self._entries is not None:
            kernel = ops.take(ops.reshape(kernel, (-1,)), self._entries, axis=0)
        mask = ops.cast(ops.convert_to_tensor(inside), patches.dtype)
        outputs = ops.einsum("bpk,pkf->bpf", patches * mask, ops.cast(kernel, patches.dtype))
        positions = self._output_sizes(sizes)
        outputs = ops.reshape(outputs, (-1, *positions, self.filters))
        if self.data_format == "channels_first":
            outputs = ops.moveaxis(outputs, -1, 1)
        if self.use_bias:
            # Keras reshaped the bias for channels first; it did not transpose it.
            outputs = outputs + ops.reshape(self.bias, (1, *self._join(positions, self.filters)))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output, for the input shape with which the layer was built."""
        if self.built and tuple(input_shape[1:]) != self._built_for[1:]:
            raise ValueError(f"expected an input of shape {self._built_for}, found {input_shape}")
        sizes, _ = self._split(input_shape)
        return (input_shape[0], *self._join(self._output_sizes(sizes), self.filters))

    def _along_axes(self, value: int | Sequence[int], name: str) -> tuple[int, ...]:
        numbers = (value,) * self.axes if isinstance(value, int) else tuple(value)
        if len(numbers) != self.axes:
            raise ValueError(f"expected {self.axes} numbers as {name}, found {value!r}")
        return numbers

    def _split(self, shape: Shape) -> tuple[tuple[int, ...], int]:
        """The sizes and the channels of an input."""
        if len(shape) != self.axes + 2 or None in shape[1:]:
            raise ValueError(f"expected {self.axes + 1} known sizes, found {tuple(shape)}")
        sizes = tuple(int(size or 0) for size in shape[1:])
        if self.data_format == "channels_first":
            return sizes[1:], sizes[0]
        return sizes[:-1], sizes[-1]

    def _join(self, sizes: tuple[int, ...], channels: int) -> tuple[int, ...]:
        first = self.data_format == "channels_first"
        return (channels, *sizes) if first else (*sizes, channels)

    def _output_sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        outputs = tuple(
            -(-(size if self.padding == "same" else size - kernel + 1) // stride)
            for size, kernel, stride in zip(sizes, self.kernel_size, self.strides, strict=True)
        )
        if min(outputs) < 1 or any(map(int.__gt__, self.kernel_size, sizes)):
            raise ValueError(f"the kernel {self.kernel_size} is larger than the input {sizes}")
        return outputs

    def _starts(self, outputs: tuple[int, ...]) -> list[list[int]]:
        """The first pixel under the kernel along each axis, for each position."""
        return [
            [index * stride - (kernel // 2 if self.padding == "same" else 0) for index in range(n)]
            for n, kernel, stride in zip(outputs, self.kernel_size, self.strides, strict=True)
        ]

    def _covered(self, sizes: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """The number of pixels under the kernel at all positions together."""
        return math.prod(
            sum(min(size, start + kernel) - max(0, start) for start in starts)
            for size, kernel, starts in zip(
                sizes, self.kernel_size, self._starts(outputs), strict=True
            )
        )

    def _find_indices(
        self, sizes: tuple[int, ...], channels: int, outputs: tuple[int, ...]
    ) -> Indices:
        """The index in the input for each position and value under the kernel, -1 outside."""
        starts = np.array(list(itertools.product(*self._starts(outputs))))
        offsets = np.array(list(itertools.product(*map(range, self.kernel_size))))
        pixels = starts[:, None] + offsets
        inside = ((pixels >= 0) & (pixels < sizes)).all(axis=-1)
        flat = np.ravel_multi_index(
            tuple(np.moveaxis(np.clip(pixels, 0, np.array(sizes) - 1), -1, 0)), sizes
        )
        if self.data_format == "channels_first":
            indices = np.arange(channels)[:, None] * math.prod(sizes) + flat[:, None]
            inside = np.broadcast_to(inside[:, None], indices.shape)
        else:
            indices = flat[..., None] * channels + np.arange(channels)
            inside = np.broadcast_to(inside[..., None], indices.shape)
        kept: Indices = np.where(inside, indices, -1).reshape(len(starts), -1).astype(np.int32)
        return kept

    def _find_entries(self, positions: int, values: int) -> Indices:
        """The index in the kernel of the file for each position, value under it and filter."""
        channel, position = np.arange(self.filters), np.arange(positions)[:, None]
        first = self.data_format == "channels_first"
        outputs = channel * positions + position if first else position * self.filters + channel
        pairs = np.broadcast_arrays(outputs[:, None], self._indices[..., None])
        if self.implementation == 2:
            inputs = np.maximum(pairs[1], 0).astype(np.int64)
            entries = inputs * (positions * self.filters) + pairs[0]
        else:
            number = pairs[0].astype(np.int64) * values + pairs[1]
            entries = np.searchsorted(np.sort(number[pairs[1] >= 0]), number)
            entries = np.where(pairs[1] >= 0, entries, 0)
        return np.asarray(entries, np.int32)


class LocallyConnected1D(LocallyConnected):
    """The layer for signals, ``(sample, position, channel)``."""

    axes = 1


class LocallyConnected2D(LocallyConnected):
    """The layer for images, ``(image, row, column, channel)``."""

    axes = 2


class MaxoutDense(RestoredLayer):
    """The greatest of several dense layers: ``y[u] = max_n (x kernel[n] + bias[n])[u]``.

    Goodfellow et al., "Maxout Networks", ICML 2013; a layer of Keras 1.
    """

    def __init__(
        self, units: int, nb_feature: int = 4, use_bias: bool = True, **settings: object
    ) -> None:
        super().__init__(**settings)
        self.units = units
        self.nb_feature = nb_feature
        self.use_bias = use_bias

    def build(self, input_shape: Shape) -> None:
        shape = (self.nb_feature, _vector(input_shape), self.units)
        self.kernel = self._weight("kernel", shape)
        if self.use_bias:
            self.bias = self._weight("bias", (self.nb_feature, self.units))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        outputs = ops.einsum("bi,nio->bno", inputs, self.kernel)
        if self.use_bias:
            outputs = outputs + self.bias
        return ops.max(outputs, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)


class Highway(RestoredLayer):
    """A dense layer that lets a learned part of its input through.

    ``t = sigmoid(x carry_kernel + carry_bias)``, ``y = t f(x kernel + bias) + (1 - t) x``.
    Srivastava, Greff and Schmidhuber, "Highway Networks", 2015; a layer of Keras 1.
    """

    def __init__(
        self, activation: Activation = "linear", use_bias: bool = True, **settings: object
    ) -> None:
        super().__init__(**settings)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape: Shape) -> None:
        size = _vector(input_shape)
        # In the order of the later files of Keras 1.
        self.kernel = self._weight("kernel", (size, size))
        self.carry_kernel = self._weight("carry_kernel", (size, size))
        if self.use_bias:
            self.bias = self._weight("bias", (size,))
            self.carry_bias = self._weight("carry_bias", (size,))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        carry = ops.matmul(inputs, self.carry_kernel)
        outputs = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            carry, outputs = carry + self.carry_bias, outputs + self.bias
        share = ops.sigmoid(carry)
        return share * self.activation(outputs) + (1 - share) * inputs


def _vector(shape: Shape) -> int:
    """The number of channels of an input without other axes."""
    if len(shape) != 2 or not isinstance(shape[1], int):
        raise ValueError(f"expected an input (batch, channels), found {tuple(shape)}")
    return shape[1]


# These layers by their names in files.
GONE: dict[str, type[RestoredLayer]] = {
    cls.__name__: cls for cls in (LocallyConnected1D, LocallyConnected2D, MaxoutDense, Highway)
}
