"""Kernels of every kind of convolution, on every backend."""

import keras
import numpy as np
import pytest
from keras import layers

from layersight import kernels, load_model


@pytest.mark.parametrize("axes", [1, 2])
def test_kernels_are_the_weights_in_one_order(axes):
    def conv(kind, *arguments, name, **options):
        return getattr(layers, kind.replace("nD", f"{axes}D"))(*arguments, name=name, **options)

    stack = [
        conv("ConvnD", 4, (5,) if axes == 1 else (3, 2), name="plain"),
        conv("DepthwiseConvnD", 3, depth_multiplier=2, name="depth"),
        conv("SeparableConvnD", 5, 3, name="separable"),
        conv("ConvnDTranspose", 6, 3, name="up"),
        layers.Flatten(name="flat"),
    ]
    live = keras.Sequential([keras.Input((*(12, 12)[:axes], 3)), *stack])
    weights = {layer.name: layer.get_weights() for layer in live.layers}
    entries = {entry.name: entry for entry in kernels(load_model(live))}
    values = {name: entry.values for name, entry in entries.items()}
    assert list(values) == ["plain", "depth", "separable", "up"]
    assert np.array_equal(values["plain"], weights["plain"][0])
    assert values["depth"].shape == (*(3, 3)[:axes], 1, 8)
    assert np.array_equal(values["depth"][..., 0, 5], weights["depth"][0][..., 2, 1])
    assert np.array_equal(values["separable"][..., 0, :], weights["separable"][0][..., 0])
    assert np.array_equal(values["up"][..., 1, 4], weights["up"][0][..., 4, 1])
    if axes == 1:
        assert entries["plain"].factors.shape == (4, 3, 5)


def test_kernels_of_volumes_and_frames():
    each = layers.TimeDistributed(layers.Conv2D(2, 3), name="each")
    deep = layers.Conv3D(3, (2, 3, 3), name="deep")
    live = keras.Sequential([keras.Input((6, 9, 9, 3)), each, deep])
    entries = {entry.name: entry for entry in kernels(load_model(live))}
    assert np.array_equal(entries["each"].values, each.get_weights()[0])
    assert np.array_equal(entries["deep"].values, deep.get_weights()[0])
    assert entries["deep"].factors.shape == (3, 2, 2, 3, 3)
