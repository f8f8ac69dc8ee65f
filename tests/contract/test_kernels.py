"""Kernels of every kind of convolution, on every backend."""

from __future__ import annotations

import keras
import numpy as np

from layersight import kernels, load_model


def test_kernels_are_the_weights_in_one_order():
    layers = keras.layers
    live = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, (3, 2), name="plain"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="depth"),
            layers.SeparableConv2D(5, 3, name="separable"),
            layers.Conv2DTranspose(6, 3, name="up"),
            layers.Flatten(name="flat"),
        ]
    )
    weights = {layer.name: layer.get_weights() for layer in live.layers}
    found = {entry.name: entry.values for entry in kernels(load_model(live))}
    assert list(found) == ["plain", "depth", "separable", "up"]
    assert np.array_equal(found["plain"], weights["plain"][0])
    assert found["depth"].shape == (3, 3, 1, 8)
    assert np.array_equal(found["depth"][:, :, 0, 5], weights["depth"][0][:, :, 2, 1])
    assert np.array_equal(found["separable"][:, :, 0], weights["separable"][0][..., 0])
    assert np.array_equal(found["up"][:, :, 1, 4], weights["up"][0][:, :, 4, 1])
