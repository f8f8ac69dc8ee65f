"""The role of a layer, from its class, and whether it is random in training."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from layersight.frameworks.keras.roles import role_of
from layersight.frameworks.keras.training import differs_in_training


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
def test_the_role_of_a_layer(layer, role):
    assert role_of(layer) == role


@pytest.mark.parametrize(
    ("layer", "differs"),
    [
        (layers.Dropout(0.5), True),
        (layers.Dropout(0.0), False),
        (layers.GaussianNoise(0.0), False),
        (layers.RandomFlip(), True),
        (layers.LSTM(1, dropout=0.2), True),
        (keras.Sequential([layers.Dropout(0.0), layers.GaussianNoise(0.1)]), True),
        (layers.Dense(1), False),
    ],
)
def test_a_layer_differs_in_training_if_it_is_random_or_normalises(layer, differs):
    assert differs_in_training(layer) is differs
