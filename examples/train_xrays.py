"""Trains the small chest-X-ray network of the examples, on X-rays that are drawn.

The network is the lab's with 32 channels in every layer and without its wide dense layer, so the
file is small: four pairs of convolution and pooling on 150x150 colour images scaled to 0..1, one
sigmoid. 0 is clear, 1 has clouds. It knows drawn X-rays alone and says nothing of a patient.

Usage::

    KERAS_BACKEND=jax python examples/train_xrays.py --output examples/xrays.keras

It takes a few minutes on two processor cores and reports its accuracy over X-rays that it was not
trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import pictures

SIZE = 150


def build_network() -> keras.Sequential:
    """The network: input ``(150, 150, 3)`` in 0..1, output the probability of clouds."""
    layers: list[keras.Layer] = [keras.Input((SIZE, SIZE, 3))]
    for number in range(1, 5):
        layers.append(keras.layers.Conv2D(32, 3, activation="relu", name=f"conv2d_{number}"))
        layers.append(keras.layers.MaxPooling2D(name=f"max_pooling2d_{number}"))
    layers += [
        keras.layers.Flatten(name="flatten_1"),
        keras.layers.Dense(1, activation="sigmoid", name="dense_1"),
    ]
    return keras.Sequential(layers, name="xrays")


def draw_set(numbers: range) -> tuple[np.ndarray, np.ndarray]:
    """X-rays as the network sees them; every second one has clouds."""
    images = np.empty((len(numbers), SIZE, SIZE, 3), np.float32)
    for place, number in enumerate(numbers):
        picture = Image.fromarray(pictures.xray(number, opacity=number % 2 == 1))
        small = picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.NEAREST)
        images[place] = np.asarray(small, np.float32) / 255
    return images, np.array([number % 2 for number in numbers], np.float32)


def main() -> None:
    """Draws, trains, reports, saves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("xrays.keras"))
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    keras.utils.set_random_seed(5)
    model = build_network()
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    training, held_out = draw_set(range(1000, 1400)), draw_set(range(2000, 2200))
    model.fit(*training, batch_size=32, epochs=options.epochs, verbose=2)
    print("on X-rays that it does not know:", model.evaluate(*held_out, verbose=0)[1])
    bare = build_network()  # without the optimiser's state, which is twice the weights
    bare.set_weights(model.get_weights())
    bare.save(options.output)


if __name__ == "__main__":
    main()
