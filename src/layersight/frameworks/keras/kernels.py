"""Kernels in the order of axes of Keras 3: those of layers, and those in old files.

Theano convolves where all other backends correlate: elsewhere its kernels must be rotated by 180
degrees. Keras 1 also stored some kernels in another order of axes, and the gates of recurrent
layers separately.
"""

from __future__ import annotations

import keras
import numpy as np

from layersight.data.arrays import Array, FloatArray
from layersight.data.saved import SavedNetwork
from layersight.frameworks.keras.backends import as_float32, to_numpy
from layersight.frameworks.keras.refused import Refused

# Layers that show kernels, and their number of spatial axes: the kernel is the first array with two
# axes more, in the order of Keras 3.
AXES = {
    "Conv1D": 1,
    "Conv1DTranspose": 1,
    "DepthwiseConv1D": 1,
    "SeparableConv1D": 1,
    "Conv2D": 2,
    "Conv2DTranspose": 2,
    "DepthwiseConv2D": 2,
    "SeparableConv2D": 2,
    "Conv3D": 3,
    "Conv3DTranspose": 3,
}


def kernel_of(layer: keras.Operation) -> FloatArray | None:
    """The kernels of a layer, ``(*positions, input, filter)``; ``None`` without any.

    A depthwise convolution has one input for each filter, a separable one shows its depthwise
    part, and for a transposed one the last two axes are exchanged. For a layer that cannot be
    computed only the kernels of a class of Keras are known: the meaning of other arrays is in the
    author's code.
    """
    kernel: Array | None = None
    if isinstance(layer, keras.layers.TimeDistributed):
        return kernel_of(layer.layer)
    if isinstance(layer, Refused):
        kind = type(layer).__name__
        rank = AXES.get(kind, 0) + 2
        kernel = next((array for array in layer.arrays.values() if array.ndim == rank), None)
    else:
        kind = next((name for name in AXES if isinstance(layer, getattr(keras.layers, name))), "")
        if kind and layer.built:
            variable = layer.depthwise_kernel if kind.startswith("Sep") else layer.kernel
            kernel = to_numpy(variable.value)
    if kind not in AXES or kernel is None or kernel.ndim != AXES[kind] + 2:
        return None
    if kind.startswith(("Depthwise", "Separable")):
        positions = kernel.shape[:-2]
        return as_float32(kernel.reshape(*positions, 1, -1))  # grouped by channel
    return as_float32(np.swapaxes(kernel, -2, -1) if kind.endswith("Transpose") else kernel)


# Layers that convolve, and how many spatial axes their kernels have.
KERNELS = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3, "Conv2DTranspose": 2, "Conv3DTranspose": 3}

DEPTHWISE = {"DepthwiseConv2D": 2, "SeparableConv2D": 2, "SeparableConv1D": 1, "ConvLSTM2D": 2}

ROTATED = "theano-kernels: the kernels were rotated by 180 degrees, since Theano convolves"

UNKNOWN = (
    "unknown-backend: the file does not say what trained it; its kernels were taken as those of "
    "TensorFlow (those of Theano would have to be rotated by 180 degrees)"
)


def is_keras_1(network: SavedNetwork) -> bool:
    """Whether a file is one of Keras 1, or of before files recorded the version."""
    return network.weights is not None and (network.keras_version or "1").startswith(("0", "1"))


def needs_rotation(network: SavedNetwork, layers: list[keras.Layer]) -> bool:
    """Whether kernels must be rotated by 180 degrees.

    They must be if the file names Theano, or is of Keras 1, names no backend and has convolutions
    in Theano's order of axes.
    """
    if network.backend is not None:
        return network.backend == "theano" and _convolves(layers)
    return is_keras_1(network) and any(
        getattr(layer, "data_format", None) == "channels_first"
        for layer in layers
        if _kind(layer) in KERNELS
    )


def may_want_rotation(network: SavedNetwork, layers: list[keras.Layer]) -> bool:
    """Whether a file does not say whether its kernels must be rotated.

    Keras 1 recorded no backend, and could use TensorFlow's order of axes with Theano.
    """
    return network.backend is None and is_keras_1(network) and _convolves(layers)


def convert(
    layer: keras.Layer, arrays: tuple[Array, ...], network: SavedNetwork, *, rotate: bool
) -> list[Array]:
    """The arrays of one layer in the order of Keras 3."""
    kind = _kind(layer)
    if kind == "Bidirectional" and len(arrays) % 2 == 0:
        half = len(arrays) // 2
        return [
            *convert(layer.forward_layer, arrays[:half], network, rotate=rotate),
            *convert(layer.backward_layer, arrays[half:], network, rotate=rotate),
        ]
    if kind == "TimeDistributed":
        return convert(layer.layer, arrays, network, rotate=rotate)
    converted = list(arrays)
    if is_keras_1(network) and converted:
        converted = _from_keras_1(layer, kind, converted)
    if kind in ("LSTM", "GRU"):
        converted = _from_cudnn(layer, kind, converted)
    axes = KERNELS.get(kind) or DEPTHWISE.get(kind)
    if rotate and axes:
        for index in range(min(len(converted), 2 if kind == "ConvLSTM2D" else 1)):
            if converted[index].ndim == axes + 2:
                converted[index] = np.flip(converted[index], axis=tuple(range(axes)))
    return converted


def _convolves(layers: list[keras.Layer]) -> bool:
    return any(_kind(layer) in KERNELS or _kind(layer) in DEPTHWISE for layer in layers)


def _kind(layer: keras.Layer) -> str:
    return type(layer).__name__


def _from_keras_1(layer: keras.Layer, kind: str, arrays: list[Array]) -> list[Array]:
    """The axes of kernels and the gates of recurrent layers as Keras 1 stored them."""
    kernel = arrays[0]
    first = getattr(layer, "data_format", None) == "channels_first"
    if kind == "Conv1D" and kernel.ndim == 4:
        if kernel.shape[:2] != (layer.kernel_size[0], 1) or kernel.shape[3] != layer.filters:
            kernel = np.transpose(kernel, (2, 3, 1, 0))
        arrays[0] = kernel[:, 0]
    elif kind == "Conv2D" and first and kernel.ndim == 4:
        arrays[0] = np.transpose(kernel, (2, 3, 1, 0))
    elif kind == "Conv3D" and first and kernel.ndim == 5:
        arrays[0] = np.transpose(kernel, (2, 3, 4, 1, 0))
    elif kind == "Conv2DTranspose" and kernel.ndim == 4:
        arrays[0] = np.transpose(kernel, (2, 3, 0, 1) if first else (0, 1, 3, 2))
    elif kind == "LSTM" and len(arrays) == 12:
        return [_join(arrays, order) for order in ((0, 6, 3, 9), (1, 7, 4, 10), (2, 8, 5, 11))]
    elif kind == "GRU" and len(arrays) == 9:
        return [_join(arrays, order) for order in ((0, 3, 6), (1, 4, 7), (2, 5, 8))]
    return arrays


def _join(arrays: list[Array], order: tuple[int, ...]) -> Array:
    joined: Array = np.concatenate([arrays[index] for index in order], axis=-1)
    return joined


def _from_cudnn(layer: keras.Layer, kind: str, arrays: list[Array]) -> list[Array]:
    """Weights as CuDNN stores them: two biases, and for a GRU the kernels transposed."""
    units = layer.units
    biases = {"LSTM": 8, "GRU": 6}[kind] * units
    if len(arrays) != 3 or arrays[2].shape != (biases,):
        return arrays
    gates = biases // units // 2
    kernel = [part.T.reshape(part.shape, order="F") for part in np.split(arrays[0], gates, axis=1)]
    recurrent = [part.T for part in np.split(arrays[1], gates, axis=1)]
    bias = arrays[2].reshape(2, -1)
    return [
        np.concatenate(kernel, axis=1),
        np.concatenate(recurrent, axis=1),
        np.sum(bias, axis=0) if kind == "LSTM" else bias,
    ]
