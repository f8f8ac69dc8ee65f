"""A convolution's bias added along the right axis, on TensorFlow.

Keras 3.15 on TensorFlow guesses the axis of a bias from the sizes: where a channels-first
image is as wide as it has channels, it adds the bias along the width. A subtraction of the
negative bias is the same arithmetic without that guess.
"""

from __future__ import annotations

from typing import Any

import keras

AXES = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3}


def settle_bias(layer: Any) -> None:
    """Makes a channels-first convolution add its bias to the channels, on TensorFlow."""
    axes = AXES.get(type(layer).__name__)
    if keras.backend.backend() != "tensorflow" or axes is None or not layer.use_bias:
        return
    if layer.data_format != "channels_first":
        return

    def call(inputs: Any) -> Any:
        outputs = layer.convolution_op(inputs, layer.kernel)
        bias = keras.ops.reshape(layer.bias, (1, layer.filters, *(1,) * axes))
        outputs = keras.ops.subtract(outputs, keras.ops.negative(bias))
        return outputs if layer.activation is None else layer.activation(outputs)

    layer.__dict__["call"] = call
