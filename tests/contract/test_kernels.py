"""Kernels of every kind of convolution, on every backend."""

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
    result = {entry.name: entry.values for entry in kernels(load_model(live))}
    assert list(result) == ["plain", "depth", "separable", "up"]
    assert np.array_equal(result["plain"], weights["plain"][0])
    assert result["depth"].shape == (3, 3, 1, 8)
    assert np.array_equal(result["depth"][:, :, 0, 5], weights["depth"][0][:, :, 2, 1])
    assert np.array_equal(result["separable"][:, :, 0], weights["separable"][0][..., 0])
    assert np.array_equal(result["up"][:, :, 1, 4], weights["up"][0][:, :, 4, 1])


def test_kernels_of_signals_volumes_and_frames():
    layers = keras.layers
    line = keras.Sequential(
        [
            keras.Input((40, 2)),
            layers.Conv1D(4, 5, name="plain"),
            layers.DepthwiseConv1D(3, depth_multiplier=2, name="depth"),
            layers.SeparableConv1D(5, 3, name="separable"),
            layers.Conv1DTranspose(6, 3, name="up"),
        ]
    )
    weights = {layer.name: layer.get_weights() for layer in line.layers}
    result = {entry.name: entry for entry in kernels(load_model(line))}
    assert np.array_equal(result["plain"].values, weights["plain"][0])
    assert np.array_equal(result["depth"].values[:, 0, 5], weights["depth"][0][:, 2, 1])
    assert np.array_equal(result["separable"].values[:, 0], weights["separable"][0][..., 0])
    assert np.array_equal(result["up"].values[:, 1, 4], weights["up"][0][:, 4, 1])
    assert result["plain"].factors.shape == (4, 2, 5)
    block = keras.Sequential(
        [
            keras.Input((6, 9, 9, 3)),
            layers.TimeDistributed(layers.Conv2D(2, 3), name="each"),
            layers.Conv3D(3, (2, 3, 3), name="deep"),
        ]
    )
    result = {entry.name: entry for entry in kernels(load_model(block))}
    assert np.array_equal(result["each"].values, block.layers[0].get_weights()[0])
    assert np.array_equal(result["deep"].values, block.layers[1].get_weights()[0])
    assert result["deep"].factors.shape == (3, 2, 2, 3, 3)
