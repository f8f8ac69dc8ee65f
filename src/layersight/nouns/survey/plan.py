"""What a survey does to which images, and how these are cut into shards.

The rule of this module: everything that a number depends on is part of a plan's identity, and
nothing else is. Passes through the network always have the same number of images, in the order of
their names, and shards are made of full passes, because libraries may add up differently in passes
of other sizes: so no number depends on shards, workers or engine.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from layersight.batch.request import ImageOptions
from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import SelectionError, UsageError
from layersight.nouns.survey.correlation import Units
from layersight.nouns.survey.dataset import Dataset, Item
from layersight.select import select_layers

SCHEMA = 2
"""Raised whenever the meaning of a shard changes."""
PASS = 32
"""Images in one pass through the network."""
PASS_BYTES = 1 << 29
"""Bytes that the maps of one pass may take; with larger maps a pass has fewer images."""
CACHED_BYTES = 1 << 25
"""Bytes likewise where passes whose maps fit a processor's cache are quicker."""
CACHED_PASS = 4
"""Images in the smallest of such passes."""
SHARD_IMAGES = 256
"""Images in a shard where there are few; there are never many more than :data:`MOST_SHARDS`."""
MOST_SHARDS = 256


Pair = tuple[str, int, str]
"""Two layers that are correlated, and whether the second is of the same model, 0, or of another."""


MOST_PAIRS = 1 << 27
"""Pairs of channels of different layers that are correlated at most: 1 GB of their products."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What is done to each image.

    Attributes:
        digest: The digest of the model.
        framework: What runs it; another may round differently.
        entry: The input that the images are for.
        layers: The names of the layers.
        preprocessing: How pixels are brought to the network.
        options: The other options of bringing images to it.
        shape: The shape of what the network gets for an image.
        images: How many go through it at once.
        length: How many images a list of the strongest holds.
        correlated: Pairs of layers whose channels are correlated, among them a layer with itself.
        units: How the means of each of these layers are counted.
        fixed: What the other inputs get with every image: one example each.
        other: What is done for another model. Only the means of its layers are counted, and each of
            its pairs is a layer of the first model and one of its own.
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
    units: Mapping[str, Units] = field(default_factory=dict)
    fixed: Mapping[str, FloatArray] = field(default_factory=dict)
    other: Spec | None = None

    @property
    def models(self) -> tuple[Spec, ...]:
        """What is done to an image for each model."""
        return (self,) if self.other is None else (self, self.other)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of layers that are correlated."""
        other = () if self.other is None else self.other.correlated
        return (
            *((first, 0, second) for first, second in self.correlated),
            *((first, 1, second) for first, second in other),
        )

    def inputs(self, batch: FloatArray) -> dict[str, FloatArray]:
        """What the model gets in a pass with a batch of images."""
        fixed = {name: np.repeat(a[np.newaxis], len(batch), 0) for name, a in self.fixed.items()}
        return {self.entry.name: batch, **fixed}

    def to_json(self) -> dict[str, Any]:
        """Everything that a number depends on, but the images."""
        plain = dataclasses.replace(self, other=None, fixed={})
        settings = dataclasses.asdict(plain) | {
            "schema": SCHEMA,
            "scale": self.preprocessing.to_json(),
        }
        for name in ("preprocessing", "fixed", "other"):
            del settings[name]
        if self.fixed:
            settings["fixed"] = {name: array.tolist() for name, array in self.fixed.items()}
        if self.other is not None:
            settings["other"] = self.other.to_json()
        return settings


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


def cut(data: Dataset, spec: Spec, images: int | None = None) -> tuple[Shard, ...]:
    """Cuts the images into shards of full passes.

    Args:
        data: The images.
        spec: What is done to them.
        images: How many images a shard should hold; rounded up to full passes.
    """
    count = len(data)
    size = images or max(SHARD_IMAGES, math.ceil(count / MOST_SHARDS))
    size = math.ceil(size / spec.images) * spec.images
    identity = digest_of({**spec.to_json(), "classes": data.classes})
    shards = []
    for number, start in enumerate(range(0, count, size)):
        items = data.items[start : start + size]
        listed = [(item.name, item.label, item.stamp) for item in items]
        shards.append(Shard(number, start, items, digest_of([identity, listed])))
    return tuple(shards)


def images_in_pass(layers: Sequence[LayerInfo], *, cached: bool = False) -> int:
    """How many images go through the network at once: fewer where its maps are large.

    ``cached`` is :attr:`layersight.model.Forward.small_passes` of the model.
    """
    size = sum(4 * math.prod(side or 1 for side in layer.example_shape or ()) for layer in layers)
    count = PASS
    while count > 1 and count * size > PASS_BYTES:
        count //= 2
    while cached and count > CACHED_PASS and count * size > CACHED_BYTES:
        count //= 2
    return count


def digest_of(data: Any) -> str:
    """A digest of JSON-ready data."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def default_layers(info: ModelInfo) -> list[str]:
    """The convolution and dense layers, each after its activation function; without any all layers.

    Before it no activation is exactly 0, and no channel is silent: where the function is a layer
    of its own, that one stands for the layer.
    """
    names = dict.fromkeys(chain[-1] for chain in _activated(info))
    return list(names) or [layer.name for layer in info.layers if layer.blocked is None]


def counted_as(info: ModelInfo, chosen: Sequence[str]) -> dict[str, str]:
    """For layers that were not chosen the activation function behind them, where that was."""
    return {
        name: chain[-1]
        for chain in _activated(info)
        for name in chain[:-1]
        if chain[-1] in chosen and name not in chosen
    }


def read_pairs(
    text: str | None, info: ModelInfo, names: Sequence[str], other: ModelInfo | None
) -> list[tuple[str, str]]:
    """The pairs of layers that ``FIRST:SECOND,FIRST:SECOND`` names; of globs all combinations.

    Args:
        text: The value of the option.
        info: The model.
        names: The layers of the survey.
        other: The model of the second layers, if that is another.

    Raises:
        SelectionError: There is no such layer.
        UsageError: These are too many pairs.
    """
    own = [layer for layer in info.layers if layer.name in names]
    theirs, renamed = own, [counted_as(info, names)] * 2
    if other is not None:
        theirs = [layer for layer in other.layers if layer.blocked is None]
        renamed[1] = counted_as(other, default_layers(other))
    pairs: dict[tuple[str, str], int] = {}
    for pair in text.split(",") if text else ():
        first, _, second = pair.partition(":")
        if not (first and second):
            raise SelectionError(f"expected two layers as FIRST:SECOND, found '{pair}'")
        choices = theirs
        if other is not None and "*" in second:
            choices = [layer for layer in theirs if layer.name in default_layers(other)]
        for left in select_layers(own, renamed[0].get(first, first)):
            for right in select_layers(choices, renamed[1].get(second, second)):
                if other is not None or left.name != right.name:
                    pairs[left.name, right.name] = (left.channels or 0) * (right.channels or 0)
    if sum(pairs.values()) > MOST_PAIRS:
        raise UsageError(
            f"twins would be chosen from {sum(pairs.values()):,} pairs of channels, more than "
            f"{MOST_PAIRS:,}: name fewer layers with --twins FIRST:SECOND"
        )
    return list(pairs)


def partners(info: ModelInfo, names: Sequence[str], other: ModelInfo) -> list[tuple[str, str]]:
    """Pairs layers with those at the same position in another model, else of the same name.

    Positions count where both models have equally many convolution and dense layers.

    Raises:
        SelectionError: None of the layers has a partner.
    """
    own, theirs = default_layers(info), default_layers(other)
    partner = {layer.name: layer.name for layer in other.layers if layer.blocked is None}
    partner |= dict(zip(own, theirs, strict=True)) if len(own) == len(theirs) else {}
    pairs = [(name, partner[name]) for name in names if name in partner]
    if not pairs:
        raise SelectionError(
            f"no layer of '{other.name}' has the name or the position of one of the survey: name "
            "pairs with --twins FIRST:SECOND, or compare all layers, --twins '*:*'"
        )
    return pairs


def _activated(info: ModelInfo) -> Iterator[list[str]]:
    """Chains from each convolution and dense layer to the activation function that follows it.

    Nothing else may use what the layer gives; a normalisation may be in between. Without such a
    function a chain is the layer alone.
    """
    able = [layer for layer in info.layers if layer.blocked is None]
    consumers: dict[str, list[LayerInfo]] = {}
    for layer in able:
        for name in layer.inputs:
            consumers.setdefault(name, []).append(layer)
    for layer in able:
        if layer.role not in ("convolution", "dense"):
            continue
        names, last = [layer.name], layer
        while layer.activation in (None, "linear") and len(consumers.get(last.name, ())) == 1:
            (last,) = consumers[last.name]
            names.append(last.name)
            if last.role != "normalisation":
                break
        yield names if last.role == "activation" else names[:1]
