"""What kind of work a layer does, told from its class, whoever wrote that."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from layersight.frameworks.keras.roles import role_of


class OwnConvolution(layers.Conv2D):
    pass


class PowerPooling(layers.Layer):
    pass


class Odd(layers.Layer):
    pass


@pytest.mark.parametrize(
    ("layer", "role"),
    [
        (layers.Conv2D(1, 1), "convolution"),
        (layers.Conv2DTranspose(1, 1), "convolution"),
        (layers.SeparableConv1D(1, 1), "convolution"),
        (layers.ConvLSTM2D(1, 1), "recurrent"),
        (layers.Bidirectional(layers.GRU(1)), "recurrent"),
        (layers.MaxPooling3D(), "pooling"),
        (layers.GlobalAveragePooling2D(), "pooling"),
        (layers.BatchNormalization(), "normalisation"),
        (layers.Normalization(), "preprocessing"),
        (layers.RandomFlip(), "preprocessing"),
        (layers.ReLU(), "activation"),
        (layers.Activation("tanh"), "activation"),
        (layers.Activation("linear"), "identity"),
        (layers.SpatialDropout1D(0.1), "identity"),
        (layers.ZeroPadding2D(), "resize"),
        (layers.Permute((1,)), "reshape"),
        (layers.Concatenate(), "merge"),
        (layers.GroupQueryAttention(1, 2, 1), "attention"),
        (layers.TimeDistributed(layers.Dense(1)), "dense"),
        (layers.SpectralNormalization(layers.Conv2D(1, 1)), "convolution"),
        (OwnConvolution(1, 1), "convolution"),
        (PowerPooling(), "pooling"),
        (Odd(), "other"),
    ],
)
def test_the_role_of_a_layer(layer: keras.Layer, role: str) -> None:
    assert role_of(layer) == role
