"""What a survey does to which images, and how these are cut into shards.

The rule of this module: whatever decides about a number is in a plan's identity, and nothing else
is. Passes through the network always have the same number of images, in the order of their names,
and shards are made of whole passes, because libraries may add up differently in passes of other
sizes: so no number depends on shards, workers or engine.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layersight.batch.request import ImageOptions
from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.nouns.survey.dataset import Dataset, Item

SCHEMA = 1
"""Raised whenever shards of before mean something else."""
PASS = 32
"""Images in one pass through the network."""
PASS_BYTES = 1 << 29
"""What the maps of one pass may take; for larger maps it is halved until they fit."""
SHARD_IMAGES = 256
"""Images in a shard where there are few; there are never many more than :data:`MOST_SHARDS`."""
MOST_SHARDS = 256


@dataclass(frozen=True, slots=True)
class Spec:
    """What is done to each image.

    Attributes:
        digest: Of the model.
        framework: What runs it; another may round otherwise.
        entry: The input that the images are for.
        layers: The names of the layers.
        preprocessing: How pixels are brought to the network.
        options: How images are brought to it otherwise.
        shape: Of what the network gets for an image.
        images: How many go through it at once.
        length: How many images a list of the strongest holds.
        correlated: Pairs of layers whose channels are correlated; a layer with itself too.
        units: For each of these layers the units that its means are counted in.
    """

    digest: str
    framework: str
    entry: InputInfo
    layers: tuple[str, ...]
    preprocessing: Preprocessing
    options: ImageOptions
    shape: tuple[int, ...]
    images: int
    length: int
    correlated: tuple[tuple[str, str], ...] = ()
    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything that a number depends on, but the images."""
        found = dataclasses.asdict(self) | {"schema": SCHEMA, "scale": self.preprocessing.to_json()}
        del found["preprocessing"]
        return found


@dataclass(frozen=True, slots=True)
class Shard:
    """Some images that are surveyed together.

    Attributes:
        number: Of the shard.
        start: The number of its first image.
        items: The images.
        key: A digest of everything that its result depends on.
    """

    number: int
    start: int
    items: tuple[Item, ...]
    key: str


def cut(data: Dataset, spec: Spec, wanted: int | None = None) -> tuple[Shard, ...]:
    """The images as shards of whole passes.

    Args:
        data: The images.
        spec: What is done to them.
        wanted: How many images a shard should hold; rounded up to whole passes.
    """
    count = len(data)
    size = wanted or max(SHARD_IMAGES, math.ceil(count / MOST_SHARDS))
    size = math.ceil(size / spec.images) * spec.images
    identity = digest_of({**spec.to_json(), "classes": data.classes})
    shards = []
    for number, start in enumerate(range(0, count, size)):
        items = data.items[start : start + size]
        listed = [(item.name, item.label, item.stamp) for item in items]
        shards.append(Shard(number, start, items, digest_of([identity, listed])))
    return tuple(shards)


def images_in_pass(layers: Sequence[LayerInfo]) -> int:
    """How many images go through the network at once: fewer where its maps are large."""
    each = sum(4 * math.prod(size or 1 for size in layer.example_shape or ()) for layer in layers)
    count = PASS
    while count > 1 and count * each > PASS_BYTES:
        count //= 2
    return count


def digest_of(data: Any) -> str:
    """A digest of JSON-ready data."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def default_layers(info: ModelInfo) -> list[str]:
    """The convolution and dense layers, each after its activation function; without any all layers.

    Before it nothing is exactly 0, and no channel is silent: where the function is a layer by
    itself, that one stands for the layer.
    """
    chosen = dict.fromkeys(names[-1] for names in _activated(info))
    return list(chosen) or [layer.name for layer in info.layers if layer.blocked is None]


def counted_as(info: ModelInfo, chosen: Sequence[str]) -> dict[str, str]:
    """For layers that were not chosen their activation function, where that was."""
    return {
        name: names[-1]
        for names in _activated(info)
        for name in names[:-1]
        if names[-1] in chosen and name not in chosen
    }


def _activated(info: ModelInfo) -> Iterator[list[str]]:
    """Each convolution and dense layer, up to the activation function that alone follows it.

    Between them may be a normalisation; without such a function the layer alone.
    """
    able = [layer for layer in info.layers if layer.blocked is None]
    takers: dict[str, list[LayerInfo]] = {}
    for layer in able:
        for name in layer.inputs:
            takers.setdefault(name, []).append(layer)
    for layer in able:
        if layer.role not in ("convolution", "dense"):
            continue
        names, last = [layer.name], layer
        while layer.activation in (None, "linear") and len(takers.get(last.name, ())) == 1:
            (last,) = takers[last.name]
            names.append(last.name)
            if last.role != "normalisation":
                break
        yield names if last.role == "activation" else names[:1]
