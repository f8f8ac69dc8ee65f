"""Activations without a framework: smooth synthetic maps, and the numbers that go with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from layersight.data.image import InputImage
from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.prediction import ClassScore, Prediction
from layersight.data.preprocessing import SCALES
from layersight.nouns.activations.result import Activations, ChannelStatistics, LayerActivation
from layersight.nouns.activations.statistics import measure_range

DIGEST = "sha256:" + "0123456789abcdef" * 4


def statistics(values: np.ndarray) -> ChannelStatistics:
    """The numbers of every channel of ``(image, *spatial, channel)``."""
    rows = np.ascontiguousarray(np.moveaxis(values, -1, 1)).reshape(
        values.shape[0], values.shape[-1], -1
    )
    finite = np.isfinite(rows).all(axis=2)
    known = np.where(finite[:, :, None], rows, np.float32(0))
    low, high = known.min(axis=2), known.max(axis=2)
    return ChannelStatistics(
        mean=np.mean(known, axis=2, dtype=np.float32),
        std=np.std(known, axis=2, dtype=np.float32),
        min=low,
        max=high,
        sparsity=(known == 0).mean(axis=2).astype(np.float32),
        dead=(low == high) & finite & (rows.shape[2] > 1),
        finite=finite,
    )


def lesson(values: np.ndarray, contrast: float = 64, centre: float = 128) -> np.ndarray:
    """The lessons' loop, which takes the deviation of the map after centring it."""
    channel_image = values.copy()
    channel_image -= channel_image.mean()
    channel_image /= channel_image.std()
    channel_image *= contrast
    channel_image += centre
    result: np.ndarray = np.clip(channel_image, 0, 255).astype("uint8")
    return result


def smooth(shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """Rectified waves, ``(*spatial, channel)`` float32; no two channels are alike."""
    *spatial, channels = shape
    rng = np.random.default_rng(seed)
    total = np.zeros(shape, np.float32)
    for _ in range(2):
        phase = rng.uniform(0, 6.3, channels)
        for axis, length in enumerate(spatial):
            position = np.arange(length, dtype=np.float64) / max(2, length)
            waves = np.sin(position[:, None] * rng.uniform(2, 14, channels) + phase)
            total += waves.reshape(
                [length if other == axis else 1 for other in range(len(spatial))] + [channels]
            ).astype(np.float32)
    return np.maximum(total, np.float32(-0.2)) + np.float32(0.2)


def entry(
    name: str,
    values: np.ndarray,
    *,
    kind: str = "Conv2D",
    channels: Sequence[int] | None = None,
    **known: object,
) -> LayerActivation:
    """A layer with ``(image, *spatial, channel)`` values."""
    numbers = tuple(range(values.shape[-1])) if channels is None else tuple(channels)
    shape = (None, *values.shape[1:-1], max([values.shape[-1], *(numbers[-1:] or [0])]))
    if channels is not None:
        shape = (*shape[:-1], max(numbers) + 1)
    info = LayerInfo(name, kind, shape, **known)  # type: ignore[arg-type]
    return LayerActivation(info, values, numbers, statistics(values), *measure_range(values))


def photo(name: str = "dog.1100.jpg", size: int = 32, channels: int = 3) -> InputImage:
    """An image with a gradient and a disc."""
    y, x = np.mgrid[:size, :size]
    disc = ((y - size / 2) ** 2 + (x - size / 2) ** 2 < (size / 3) ** 2) * 90
    planes = [x * 160 // size + disc, y * 160 // size + disc, 200 - disc]
    pixels = np.stack(planes[:channels], axis=-1).astype(np.uint8)
    how = SCALES["0..1"].because("the default")
    steps = ("stretched to 32 x 32 pixels, nearest neighbour",)
    return InputImage(
        name, Path("images") / name, (499, 381), pixels, how.apply(pixels), how, steps
    )


def result(
    layers: Mapping[str, np.ndarray] | Sequence[LayerActivation],
    *,
    image: InputImage | None = None,
    model: str = "sequential",
    source: str = "cats_dogs_150.h5",
    rewrites: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    predictions: tuple[tuple[Prediction, ...], ...] = (),
) -> Activations:
    """Activations of these layers for one image."""
    if isinstance(layers, Mapping):
        layers = [entry(name, values[None]) for name, values in layers.items()]
    infos = tuple(one.layer for one in layers)
    info = ModelInfo(
        model,
        source,
        DIGEST,
        "keras 3.15.1 on jax",
        (InputInfo("input", (None, 32, 32, 3)),),
        (infos[-1].name,) if infos else (),
        infos,
        3_453_121,
        rewrites=rewrites,
    )
    return Activations(info, (image or photo(),), tuple(layers), predictions, notes)


def with_dead(values: np.ndarray, constants: Mapping[int, float]) -> np.ndarray:
    """The values with some channels constant (or not a number)."""
    values = values.copy()
    for channel, constant in constants.items():
        values[..., channel] = constant
    return values


def small_network() -> Activations:
    """Five layers with all that can happen: dead, constant, broken, 1-D, dense."""
    first = with_dead(smooth((14, 14, 33), 1), {3: 0.0, 9: 0.25, 20: np.nan})
    second = smooth((7, 7, 12), 2)
    last = np.linspace(0, 1, 10, dtype=np.float32)
    layers = [
        entry("conv", first[None], parameters=896, receptive_field=(3, 3)),
        entry("pool", second[None], kind="MaxPooling2D", receptive_field=(4, 4)),
        entry("signal", with_dead(smooth((40, 12), 3), {4: 0.0, 5: 0.0})[None], kind="Conv1D"),
        entry("flatten", smooth((130,), 4)[None], kind="Flatten"),
        entry("dense", last[None], kind="Dense", parameters=1290),
    ]
    scores = tuple(ClassScore(9 - rank, float(last[9 - rank])) for rank in range(3))
    prediction = (
        Prediction("dense", 10, (dataclasses.replace(scores[0], label="dog"), *scores[1:])),
    )
    return result(
        layers,
        predictions=(prediction,),
        rewrites=("conv: 'batch_input_shape' read as 'batch_shape'",),
        notes=("the model takes images of any size; 32 x 32 was chosen",),
    )
