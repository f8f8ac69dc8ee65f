"""Trains the small cats-and-dogs network that ``layersight demo`` shows.

The network is the one that introductory lessons use: four pairs of convolution and
pooling with 32, 64, 128 and 128 channels on 150x150 colour images scaled to 0..1. Its
head is one sigmoid unit on the flattened maps, without the wide dense layer that usually
stands between, so the file is about 1 MB. Class 0 is cat, class 1 is dog.

Usage::

    KERAS_BACKEND=jax python examples/train_cats_dogs.py FOLDER --output cats_dogs.keras

``FOLDER`` holds ``cats/`` and ``dogs/`` with JPEG files. Every fifth file of each, in the
order of their names, is held out; accuracy and dead channels are reported over those
alone and written beside the model as JSON, from which the model card takes its numbers.
It runs on every backend of Keras; about an hour on two processor cores.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import keras
import numpy as np
from PIL import Image

SIZE = 150
CLASSES = ("cat", "dog")


def build_network() -> keras.Sequential:
    """The network: input ``(150, 150, 3)`` in 0..1, output the probability of a dog."""
    layers: list[keras.Layer] = [keras.Input((SIZE, SIZE, 3))]
    for index, channels in enumerate((32, 64, 128, 128)):
        suffix = f"_{index}" if index else ""
        layers.append(
            keras.layers.Conv2D(
                channels,
                3,
                activation="relu",
                kernel_initializer="he_normal",
                name=f"conv2d{suffix}",
            )
        )
        layers.append(keras.layers.MaxPooling2D(name=f"max_pooling2d{suffix}"))
    layers += [
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dropout(0.5, name="dropout"),
        keras.layers.Dense(1, activation="sigmoid", name="dense"),
    ]
    return keras.Sequential(layers, name="cats_dogs")


def list_files(folder: Path) -> tuple[list[tuple[Path, int]], list[tuple[Path, int]]]:
    """Splits the files into those to learn from and those held out (every fifth)."""
    training: list[tuple[Path, int]] = []
    held_out: list[tuple[Path, int]] = []
    for label, name in enumerate(CLASSES):
        files = sorted((folder / f"{name}s").glob("*.jpg"))
        if not files:
            raise SystemExit(f"no JPEG files in {folder / f'{name}s'}")
        for index, file in enumerate(files):
            (held_out if index % 5 == 4 else training).append((file, label))
    return training, held_out


def read_exactly(files: list[tuple[Path, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Images as layersight shows them to the network: stretched, nearest, 0..1."""
    images = np.empty((len(files), SIZE, SIZE, 3), "uint8")
    for index, (file, _) in enumerate(files):
        with Image.open(file) as image:
            images[index] = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.NEAREST)
    return images.astype("float32") / 255, np.array([label for _, label in files], "float32")


class Augmented(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of randomly cropped, stretched, mirrored and brightened images."""

    def __init__(self, files: list[tuple[Path, int]], batch: int, seed: int) -> None:
        super().__init__(workers=1)
        self.images = [Image.open(file).convert("RGB") for file, _ in files]
        self.labels = np.array([label for _, label in files], "float32")
        self.batch, self.random = batch, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.images) / self.batch)

    def on_epoch_end(self) -> None:
        """Puts the images into another order."""
        self.order = self.random.permutation(len(self.images))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch : (index + 1) * self.batch]
        return np.stack([self.vary(self.images[i]) for i in chosen]), self.labels[chosen]

    def vary(self, image: Image.Image) -> np.ndarray:
        """One image, varied. ``(150, 150, 3)`` float32 in 0..1."""
        draw = self.random
        image = image.rotate(draw.uniform(-12, 12), Image.Resampling.BILINEAR, fillcolor=(128,) * 3)
        width, height = image.size
        share_x, share_y = draw.uniform(0.75, 1.0, 2)
        left, top = draw.uniform(0, 1 - share_x) * width, draw.uniform(0, 1 - share_y) * height
        box = (left, top, left + share_x * width, top + share_y * height)
        method = Image.Resampling.NEAREST if draw.random() < 0.5 else Image.Resampling.BILINEAR
        pixels = np.asarray(image.resize((SIZE, SIZE), method, box=box), "float32") / 255
        if draw.random() < 0.5:
            pixels = pixels[:, ::-1]
        return np.clip(pixels * draw.uniform(0.85, 1.15), 0, 1).astype("float32")


def never_active(model: keras.Model, images: np.ndarray) -> dict[str, int]:
    """For each convolution, the number of channels that are constant over all images."""
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    probe = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    low = [np.inf] * len(names)
    high = [-np.inf] * len(names)
    for start in range(0, len(images), 50):
        for i, maps in enumerate(probe.predict(images[start : start + 50], verbose=0)):
            low[i] = np.minimum(low[i], maps.min((0, 1, 2)))
            high[i] = np.maximum(high[i], maps.max((0, 1, 2)))
    return {name: int(np.sum(low[i] == high[i])) for i, name in enumerate(names)}


def main() -> None:
    """Trains, reports, saves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("cats_dogs.keras"))
    parser.add_argument("--epochs", type=int, default=48)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    training, held_out = list_files(options.folder)
    batches = Augmented(training, batch=32, seed=options.seed)
    images, labels = read_exactly(held_out)
    model = build_network()
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5,
        decay_steps=len(batches) * max(options.epochs - 1, 1),
        alpha=0.0,
        warmup_target=1.5e-3,
        warmup_steps=len(batches),
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
    )
    model.fit(batches, epochs=options.epochs, validation_data=(images, labels), verbose=2)
    accuracy = float(model.evaluate(images, labels, verbose=0)[1])
    report = {
        "training_images": len(training),
        "held_out_images": len(held_out),
        "held_out_accuracy": round(accuracy, 4),
        "channels_dead_over_held_out_images": never_active(model, images),
        "epochs": options.epochs,
        "seed": options.seed,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    bare = build_network()  # without the optimiser's state, which is twice the weights
    bare.set_weights(model.get_weights())
    bare.save(options.output)
    options.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
