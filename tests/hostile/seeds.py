"""Good files to mutate: small models in every format that is read, and pictures.

As a script, ``python tests/hostile/seeds.py FOLDER`` saves those that Keras makes.
"""

from __future__ import annotations

import functools
import io
import json
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile.files import conv, layer, sequential, write_h5
from hostile.folders import (
    Parts,
    checkpoint_parts,
    document,
    manifest,
    metadata,
    saved_model_parts,
    tfjs_parts,
)
from hostile.image_attacks import good_png
from hostile.mutation import all_spots, mutate_bytes, mutate_config

LARGEST = 1_000_000
"""Seeds from a folder are at most so long, in bytes."""


@dataclass(frozen=True)
class Seed:
    """A good file or folder.

    Attributes:
        name: Its name, whose suffix the mutant keeps.
        content: The bytes of a file.
        config: Its configuration, ``None`` for what is no model.
        parts: The files of a folder, ``None`` for a file.
    """

    name: str
    content: bytes = b""
    config: Any = None
    parts: Mapping[str, bytes] | None = None


def make_models(folder: Path) -> None:
    """Saves small models by Keras; call it in its own process."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)

    def plain() -> Any:
        return keras.Sequential(
            [
                layers.Input((8, 8, 3), name="entry"),
                layers.Conv2D(4, 3, activation="relu", padding="same", name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.MaxPooling2D(name="pool"),
                layers.DepthwiseConv2D(3, padding="same", name="deep"),
                layers.Flatten(name="flat"),
                layers.Dense(3, activation="softmax", name="dense"),
            ],
            name="plain",
        )

    def graph() -> Any:
        entry = layers.Input((8, 8, 3), name="entry")
        first = layers.Conv2D(4, 3, padding="same", name="conv")(entry)
        second = layers.SeparableConv2D(4, 3, padding="same", name="separable")(entry)
        x = layers.Add(name="add")([first, layers.LeakyReLU(name="leaky")(second)])
        x = layers.Concatenate(name="concatenate")([x, first])
        x = layers.UpSampling2D(name="up")(x)
        x = layers.Conv2DTranspose(2, 2, strides=2, name="transpose")(x)
        x = layers.GlobalAveragePooling2D(name="average")(x)
        return keras.Model(entry, [layers.Dense(2, name="dense")(x), x], name="graph")

    def nested() -> Any:
        inner_entry = layers.Input((8, 8, 3), name="inner_entry")
        inner = keras.Model(
            inner_entry, layers.Conv2D(3, 1, name="inner_conv")(inner_entry), name="inner"
        )
        entry = layers.Input((8, 8, 3), name="entry")
        x = inner(inner(entry))
        x = layers.TimeDistributed(layers.Dense(2, name="each"), name="time")(x)
        x = layers.Reshape((8, 16), name="rows")(x)
        x = layers.Bidirectional(layers.LSTM(2, name="lstm"), name="both")(x)
        return keras.Model(entry, x, name="nested")

    for make in (plain, graph, nested):
        for suffix in (".keras", ".h5"):
            model = make()
            model.save(folder / f"{model.name}{suffix}")
            keras.backend.clear_session()


@functools.cache
def model_seeds() -> list[Seed]:
    """The small models, always the same bytes; Keras saves its own in another process."""
    from hostile.guard import environment

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-W", "ignore", __file__, folder],
            check=True,
            env=environment() | {"KERAS_BACKEND": "torch", "PYTHONDONTWRITEBYTECODE": ""},
            stderr=subprocess.DEVNULL,
        )
        seeds = [read_seed(path) for path in sorted(Path(folder).iterdir())]
    for seed in seeds:
        for container, key in all_spots(seed.config):
            if key == "shared_object_id":  # where the object was in memory
                container[key] = 1
    models = [Seed(seed.name, with_config(seed, seed.config), seed.config) for seed in seeds]
    return [*models, *old_seeds()]


def old_seeds() -> list[Seed]:
    """A model of Keras 2 in the three formats that it has, written by hand."""
    config = sequential(
        conv(),
        layer("BatchNormalization", "norm", axis=[3], epsilon=1e-3),
        layer("ReLU", "relu", max_value=6.0),
        layer("DepthwiseConv2D", "deep", kernel_size=[3, 3], use_bias=False, padding="same"),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], padding="valid"),
        layer("Flatten", "flat", data_format="channels_last"),
        layer("Dense", "dense", units=3, activation="softmax"),
    )
    shapes = {
        "conv/kernel": (3, 3, 3, 2),
        "conv/bias": (2,),
        **{f"norm/{n}": (2,) for n in ("gamma", "beta", "moving_mean", "moving_variance")},
        "deep/depthwise_kernel": (3, 3, 2, 1),
        "dense/kernel": (32, 3),
        "dense/bias": (3,),
    }
    draw = np.random.default_rng(0)
    weights = {n: draw.random(size).astype("float32") for n, size in shapes.items()}
    layers: dict[str, dict[str, Any]] = {}
    for name, array in weights.items():
        layers.setdefault(name.partition("/")[0], {})[f"{name}:0"] = array
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "old.h5")
        write_h5(path, config, weights=layers)
        content = path.read_bytes()
    saved = saved_model_parts(config, checkpoint_parts(weights))
    listed = manifest(weights)
    return [
        Seed("old.h5", content, config),
        Seed("tfjs", config=config, parts=tfjs_parts(document(config, listed), weights)),
        Seed("saved", config=config, parts=saved),
    ]


def read_seed(path: Path) -> Seed:
    """A good model with its configuration, as far as it is found."""
    content = path.read_bytes()
    config = None
    try:
        if content.startswith(b"PK"):
            content = _without_dates(content)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                config = json.loads(archive.read("config.json"))
        else:
            with h5py.File(io.BytesIO(content), "r") as file:
                config = json.loads(file.attrs["model_config"])
    except (KeyError, ValueError, OSError):
        config = None
    return Seed(path.name, content, config)


def _without_dates(content: bytes) -> bytes:
    """An archive whose members have no dates, so that it is the same each time."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "metadata.json":
                data = json.dumps(json.loads(data) | {"date_saved": ""}).encode()
            new.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


def image_seeds() -> list[Seed]:
    """A small picture in every format that is read, and an array."""
    picture = Image.open(io.BytesIO(good_png((16, 12))))
    seeds = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        target = io.BytesIO()
        picture.save(target, kind)
        seeds.append(Seed(f"image.{kind.lower()}", target.getvalue()))
    target = io.BytesIO()
    picture.save(target, "TIFF", compression="tiff_adobe_deflate")
    seeds.append(Seed("deflated.tiff", target.getvalue()))
    target = io.BytesIO()
    np.save(target, np.zeros((8, 8, 3), "float32"))
    return [*seeds, Seed("array.npy", target.getvalue())]


def folder_seeds(folder: Path) -> list[Seed]:
    """The models in a folder that are short enough."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".h5", ".hdf5", ".keras")
        and path.is_file()
        and 0 < path.stat().st_size <= LARGEST
    ]
    return [read_seed(path) for path in found]


def with_config(seed: Seed, config: Any) -> bytes:
    """The file of a seed with another configuration."""
    text = json.dumps(config)
    target = io.BytesIO(seed.content)
    if seed.content.startswith(b"PK"):
        content = io.BytesIO()
        with zipfile.ZipFile(target) as old, zipfile.ZipFile(content, "w") as new:
            for name in old.namelist():
                data = text.encode() if name == "config.json" else old.read(name)
                new.writestr(zipfile.ZipInfo(name), data)
        return content.getvalue()
    with h5py.File(target, "r+") as file:
        del file.attrs["model_config"]
        file.attrs.create("model_config", text, dtype=h5py.string_dtype())
    return target.getvalue()


def with_config_in_folder(seed: Seed, config: Any) -> Parts:
    """The folder of a seed with another configuration."""
    parts = dict(seed.parts or {})
    if "model.json" in parts:
        whole = json.loads(parts["model.json"])
        whole["modelTopology"]["model_config"] = config
        return parts | {"model.json": json.dumps(whole).encode()}
    return parts | {"keras_metadata.pb": metadata(config)}


def with_damaged_store(seed: Seed, other: bytes, chance: random.Random) -> bytes:
    """A ``.keras`` archive that is whole, but one of its members is mutated."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed.content)) as old, zipfile.ZipFile(content, "w") as new:
        names = old.namelist()
        chosen = chance.choice(names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                data = mutate_bytes(data, other, chance)
            new.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def with_damaged_part(seed: Seed, other: bytes, chance: random.Random) -> Parts:
    """The folder of a seed with one of its files mutated, or the list of a model's weights."""
    parts = dict(seed.parts or {})
    if "model.json" in parts and chance.random() < 0.5:
        whole = json.loads(parts["model.json"])
        listed = whole["weightsManifest"]
        whole["weightsManifest"] = mutate_config(listed, seed.config, chance)
        return parts | {"model.json": json.dumps(whole).encode()}
    chosen = chance.choice(sorted(parts))
    return parts | {chosen: mutate_bytes(parts[chosen], other, chance)}


if __name__ == "__main__":
    make_models(Path(sys.argv[1]))
