"""Makes the pictures of ``docs/signals.md`` from small networks that are trained here."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray
from writing import save_picture

import layersight

LENGTH = 187

Floats = NDArray[np.float32]


def beats(count: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Heartbeats, drawn: of class 1 the last wave is turned over."""
    draw = np.random.default_rng(seed)
    positions = np.arange(LENGTH)
    labels = draw.integers(0, 2, count)
    values = np.zeros((count, LENGTH, 1), np.float32)
    for beat, label in zip(values, labels, strict=True):
        shift = draw.integers(-8, 9)
        last = -0.3 if label else 0.3
        for at, wide, high in ((40, 8, 0.15), (70, 3, 1.1), (78, 4, -0.25), (120, 13, last)):
            beat[:, 0] += high * np.exp(-(((positions - at - shift) / wide) ** 2))
        beat[:, 0] += draw.normal(0, 0.02, LENGTH)
    return values, labels


def clips(count: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Eight frames of a ball over a striped ground: of class 1 it bounces back in the middle."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:24, 0:24]
    labels = draw.integers(0, 2, count)
    values = np.zeros((count, 8, 24, 24, 3), np.float32)
    for clip, label in zip(values, labels, strict=True):
        height = draw.uniform(6, 18)
        for number, frame in enumerate(clip):
            at = 3 + 2.6 * (8 - number if label and number > 4 else number)
            ball = np.exp(-(((rows - height) / 2.5) ** 2) - ((columns - at) / 2.5) ** 2)
            frame[..., 2] = 0.25 + 0.1 * (rows // 3 % 2)
            frame[..., 0] = ball
            frame[..., 1] = 0.6 * ball
    return values, labels


def train(model: keras.Model, data: tuple[Floats, NDArray[np.int64]], rounds: int) -> None:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data, epochs=rounds, batch_size=32, verbose=2)


def main() -> None:
    """Writes all of them."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    beat = keras.Sequential(
        [
            keras.Input((LENGTH, 1), name="beat"),
            layers.Conv1D(8, 9, activation="relu", name="conv_1"),
            layers.MaxPooling1D(2, name="pool_1"),
            layers.Conv1D(16, 9, activation="relu", name="conv_2"),
            layers.GlobalAveragePooling1D(name="mean"),
            layers.Dense(2, "softmax", name="class"),
        ],
        name="beats",
    )
    train(beat, beats(512, 1), 30)
    clip = keras.Sequential(
        [
            keras.Input((8, 24, 24, 3), name="clip"),
            layers.Conv3D(8, 3, activation="relu", name="conv_1"),
            layers.MaxPooling3D((1, 2, 2), name="pool_1"),
            layers.Conv3D(12, 3, activation="relu", name="conv_2"),
            layers.GlobalAveragePooling3D(name="mean"),
            layers.Dense(2, "softmax", name="class"),
        ],
        name="clips",
    )
    train(clip, clips(256, 2), 25)
    signal, label = beats(32, 3)
    video, turns = clips(32, 4)
    one = signal[int(np.argmax(label))][None]
    two = video[int(np.argmax(turns))][None]
    model = layersight.load_model(beat, labels=["upright", "turned over"])
    methods = ["grad-cam", "occlusion", "integrated-gradients"]
    save_picture(layersight.heatmap(model, one, method=methods), "signals-curve")
    model = layersight.load_model(clip, labels=["goes through", "bounces back"])
    save_picture(layersight.heatmap(model, two), "signals-frames")


if __name__ == "__main__":
    main()
