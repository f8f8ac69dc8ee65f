"""What scale a network was trained on, told by the statistics that it keeps.

A model file does not say whether its images were 0..255, 0..1 or -1..1. A network with batch
normalisation tells: each such layer keeps the mean and the variance that its input had in
training (Ioffe and Szegedy, arXiv 1502.03167). The scale for which an image gives nearly
those is the one it was trained on.

The distance of what an image gives, mean m and variance v, from what a layer keeps, M and V,
is the Kullback-Leibler divergence of the two normal distributions, in the mean over channels::

    1/2 (log(V / v) + (v + (m - M)^2) / V - 1)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from convlens.errors import ModelInputError
from convlens.model import Model, MovingStatistics
from convlens.preprocessing import SCALES, Preprocessing
from convlens.results import FloatArray, InputImage, InputInfo, ModelInfo

PLAIN = ("0..1", "-1..1", "none")
"""The scales that most networks are trained on."""

RARE = ("caffe", "torch")
"""The scales of a few architectures, which must fit much better to be believed."""

RARE_FACTOR = 4.0
"""How many times nearer a rare scale, or BGR, must be than the best of the others."""

LAYERS = 3
"""How many layers are asked, from the input on."""

MOST_IMAGES = 8
"""How many images are tried."""

DECIDED = 2.0
"""The next best must be this many times as far away for a choice to count as evidence."""

FLOOR = 1e-6
"""Stands for the variance of channels that do not vary."""


GUESS = SCALES["0..1"].because("a guess: nothing in the model tells")
"""What is used where neither the user nor the model says anything."""


def settle_scale(
    model: Model, info: ModelInfo, images: Mapping[str, Sequence[InputImage]]
) -> dict[str, list[InputImage]]:
    """The same images, with a scale that the model's statistics speak for instead of a guess.

    Images whose scale is more than a guess are left as they are.
    """
    same = {name: list(entries) for name, entries in images.items()}
    if any(image.preprocessing != GUESS for entries in same.values() for image in entries):
        return same
    info = model.describe({name: (1, *entries[0].values.shape) for name, entries in same.items()})
    few = {name: entries[:MOST_IMAGES] for name, entries in same.items()}
    try:
        scale = infer_scale(model, info, few)
    except ModelInputError:
        scale = None  # the layers with statistics cannot be run; those asked for perhaps can
    if scale is None:
        return same
    return {
        name: [
            dataclasses.replace(image, values=scale.apply(image.pixels), preprocessing=scale)
            for image in entries
        ]
        for name, entries in same.items()
    }


def infer_scale(
    model: Model, info: ModelInfo, images: Mapping[str, Sequence[InputImage]]
) -> Preprocessing | None:
    """The preprocessing that the model's own statistics speak for.

    Args:
        model: The model.
        info: What is known of it for the shapes of these images.
        images: For each input some images; their pixels are tried in every scale.

    Returns:
        The preprocessing with the evidence as its reason, or ``None`` where the model keeps
        no statistics, takes no pictures, or they decide nothing.
    """
    kept = model.moving_statistics()[:LAYERS]
    if not kept or not all(_is_picture(entry, images) for entry in info.inputs):
        return None
    givers = _givers(info, kept)
    if givers is None:
        return None
    colour = all(entry.channels == 3 for entry in info.inputs)
    candidates = [SCALES[name] for name in (*PLAIN, *(RARE if colour else ()))]
    distances = {
        scale.name: _distance(model, kept, givers, _scaled(images, scale)) for scale in candidates
    }
    plain = sorted(PLAIN, key=lambda name: distances[name])
    best = plain[0]
    rare = min(
        (name for name in RARE if name in distances), key=distances.__getitem__, default=None
    )
    if rare is not None and RARE_FACTOR * distances[rare] < distances[best]:
        best = rare
    elif _close(distances[best], distances[plain[1]]) and "0..1" in plain[:2]:
        return None
    if not np.isfinite(distances[best]):
        return None
    told = ", ".join(
        f"{name} {distances[name]:.3g}" for name in sorted(distances, key=distances.__getitem__)
    )
    chosen = SCALES[best]
    if colour and chosen.order == "RGB":
        swapped = dataclasses.replace(
            chosen, order="BGR", mean=chosen.mean[::-1], std=chosen.std[::-1]
        )
        distance = _distance(model, kept, givers, _scaled(images, swapped))
        if RARE_FACTOR * distance < distances[best]:
            chosen, told = swapped, f"{told}, {best} in BGR {distance:.3g}"
    return chosen.because(f"nearest to the statistics kept by {kept[0].layer}; distances: {told}")


def _close(best: float, second: float) -> bool:
    """Whether two distances are too much alike to decide."""
    return second < DECIDED * max(best, 0.05)


def _is_picture(entry: InputInfo, images: Mapping[str, Sequence[InputImage]]) -> bool:
    """Whether an input takes the very pixels that are shown; those of RGBA are laid on white."""
    given = images.get(entry.name, ())
    return entry.is_image and all(image.pixels.shape == image.values.shape for image in given)


def _givers(info: ModelInfo, kept: Sequence[MovingStatistics]) -> list[str] | None:
    """For each layer with statistics the layer that feeds it; ``"input"`` for the image."""
    by_name = {layer.name: layer for layer in info.layers}
    givers = []
    for entry in kept:
        layer = by_name.get(entry.layer)
        if layer is None or len(layer.inputs) != 1:
            return None
        givers.append(layer.inputs[0])
    return givers


def _scaled(
    images: Mapping[str, Sequence[InputImage]], scale: Preprocessing
) -> dict[str, FloatArray]:
    return {
        name: np.stack([scale.apply(image.pixels) for image in entries])
        for name, entries in images.items()
    }


def _distance(
    model: Model,
    kept: Sequence[MovingStatistics],
    givers: Sequence[str],
    batch: Mapping[str, FloatArray],
) -> float:
    """The mean distance over the layers asked."""
    asked = [name for name in dict.fromkeys(givers) if name != "input"]
    maps = dict(model.forward(batch, asked).layers)
    maps["input"] = next(iter(batch.values()))
    return float(
        np.mean(
            [_divergence(maps[giver], entry) for giver, entry in zip(givers, kept, strict=True)]
        )
    )


def _divergence(values: FloatArray, kept: MovingStatistics) -> float:
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    mean, variance = flat.mean(axis=0), flat.var(axis=0) + FLOOR
    wanted_mean, wanted = kept.mean.astype(np.float64), kept.variance.astype(np.float64) + FLOOR
    each = 0.5 * (np.log(wanted / variance) + (variance + (mean - wanted_mean) ** 2) / wanted - 1)
    return float(np.mean(np.minimum(each, 1e6)))
