"""The scale of the pictures for an input, by the strongest evidence that there is.

A model file does not say whether its images were 0..255, 0..1 or -1..1. The evidence, in this
order: the user; the network's own arithmetic on its input (:mod:`layersight.data.stem`); the
statistics of its batch normalisation; the name of a known architecture.

A layer of batch normalisation stores the mean and the variance of its input in training (Ioffe and
Szegedy, arXiv 1502.03167). The scale in which photographs give nearly the same is the one it was
trained on. The photographs are noise with the spectrum of natural images, so that the result does
not depend on the image that is shown. The distance between their mean m and variance v and the
stored M and V of the first such layer is the Kullback-Leibler divergence of the two normal
distributions, averaged over channels, for the contrast c of the photographs that minimises it::

    1/2 (log(V / c^2 v) + (c^2 v + (m - M)^2) / V - 1)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.preprocessing import SCALES, Preprocessing
from layersight.errors import LayersightError
from layersight.model import Forward, HasMovingStatistics, MovingStatistics

PLAIN = ("0..1", "-1..1", "none")  # the scales that most networks are trained on
RARE = ("caffe", "torch")  # the scales of a few architectures

# How many times nearer a rare scale, or BGR, must be than the others to be believed.
RARE_FACTOR = 4.0

# How many times as far away the second best scale must be for statistics to decide; for that if the
# best is not near, as for pictures that are not photographs; and to be better than a guess.
CLEAR, FAR_CLEAR, WEAK = 2.0, 10.0, 1.5

LEAST = 0.05  # the smallest distance that counts, as no photographs are those of the training
NEAR = 0.5  # the distance of photographs from the scale that was trained on
FAR = 4.0  # the distance beyond which no scale is right

# The contrast of the training's photographs, as a multiple of that of the photographs here.
CONTRASTS = (0.5, 0.7, 1.0, 1.4, 2.0)

PHOTOGRAPHS, MOST_PIXELS = 4, 2**17  # how many are tried; fewer if they are large
SIDE = 32  # pixels of a free size
FLOOR = 1e-6  # the variance of channels that do not vary

ASK = "name the right one with --scale"

# The scale if there is no evidence.
GUESS = SCALES["0..1"].because(f"not known: nothing in the model tells; {ASK}", "guess")


def settle_scale(
    model: Forward, info: ModelInfo, images: Mapping[str, Sequence[InputImage]]
) -> dict[str, list[InputImage]]:
    """The images, scaled by the evidence unless the user or the model settled the scale."""
    same = {name: list(entries) for name, entries in images.items()}
    shapes = {name: (1, *entries[0].values.shape) for name, entries in same.items()}
    for name, entries in same.items():
        if all(image.preprocessing.is_settled or not _is_picture(image) for image in entries):
            continue
        scale = settle_input(model, info, name, shapes)
        same[name] = [
            dataclasses.replace(image, values=scale.apply(image.pixels), preprocessing=scale)
            if image.preprocessing != scale
            else image
            for image in entries
        ]
    return same


def settle_input(
    model: Forward, info: ModelInfo, name: str, shapes: Mapping[str, tuple[int, ...]]
) -> Preprocessing:
    """The scale of the pictures for one input, by the strongest evidence except the user's.

    ``shapes`` has at least that of this input, channels last, batch first.
    """
    if not info.layers:
        info = model.describe(shapes)
    entry = next(entry for entry in info.inputs if entry.name == name)
    prior = entry.preprocessing or GUESS
    if prior.is_settled or not entry.is_image:
        return prior
    shapes = {
        another.name: shapes.get(another.name) or _free_shape(another) for another in info.inputs
    }
    statistics = _trained_statistics(model, name)
    distances = {} if statistics is None else measure(model, statistics, entry, shapes, prior)
    return weigh(prior, statistics.layer, distances) if statistics and distances else prior


def weigh(prior: Preprocessing, layer: str, distances: Mapping[str, float]) -> Preprocessing:
    """The scale by the stronger evidence: its name, or the distances of a layer's statistics.

    Example:
        >>> weigh(GUESS, "bn", {"0..1": 0.2, "-1..1": 1.9, "none": 900.0}).reason
        "the statistics kept by 'bn' fit; distances: 0..1 0.2, -1..1 1.9, none 900"
    """
    usual = (*PLAIN, prior.name)
    handicapped = {
        name: max(value, LEAST) * (1 if name in usual else RARE_FACTOR)
        for name, value in distances.items()
    }
    best, second, *_ = sorted(handicapped, key=handicapped.__getitem__)
    times = handicapped[second] / handicapped[best]
    listed = ", ".join(
        f"{name} {distances[name]:.3g}"
        for name in sorted(distances, key=distances.__getitem__)
        if name in (*usual, best)
    )
    statistics = f"the statistics kept by '{layer}'"
    near = distances[best] <= NEAR
    if (near and times >= CLEAR) or (distances[best] <= FAR and times >= FAR_CLEAR):
        reason = f"{statistics} fit; distances: {listed}"
        if prior.evidence == "name" and prior.name == best:
            reason = f"{prior.reason}, and {statistics} fit"
        elif prior.evidence == "name":
            reason = f"{statistics} fit, not {prior.name} {prior.reason}; distances: {listed}"
        return _named(best).because(reason, "statistics")
    if prior.evidence == "name":
        return prior
    if near and times >= WEAK:
        reason = f"weak evidence: nearest to {statistics}; distances: {listed}; {ASK}"
        return _named(best).because(reason, "statistics")
    return GUESS.because(
        f"not known: {statistics} decide nothing; distances: {listed}; {ASK}", "guess"
    )


def measure(
    model: Forward,
    statistics: MovingStatistics,
    entry: InputInfo,
    shapes: Mapping[str, tuple[int, ...]],
    prior: Preprocessing,
) -> dict[str, float]:
    """The distance of photographs in each scale, such as ``"0..1,bgr"``, from a layer's statistics.

    For a known architecture only its scale and the plain ones are tried. The result is empty if the
    layer cannot be run; ``shapes`` are those of all inputs, channels last, batch first.
    """
    names = [*PLAIN]
    if prior.evidence == "name":
        names += [prior.name] if prior.name not in names else []
    elif shapes[entry.name][-1] == 3:
        names += [*RARE, *(f"{name},bgr" for name in PLAIN)]
    pictures = photographs(shapes[entry.name][1:])
    tried = np.concatenate([_named(name).apply(pictures) for name in names])
    batch = {name: np.zeros((len(tried), *shape[1:]), np.float32) for name, shape in shapes.items()}
    batch[entry.name] = tried
    try:
        reached = (
            tried
            if statistics.giver is None
            else model.forward(batch, [statistics.giver]).layers[statistics.giver]
        )
    except LayersightError:
        return {}  # the layers with statistics cannot be run; those that are shown perhaps can
    parts = np.split(reached, len(names))
    distances = {
        name: _divergence(part, statistics) for name, part in zip(names, parts, strict=True)
    }
    return {name: value for name, value in distances.items() if np.isfinite(value)}


def photographs(shape: Sequence[int]) -> NDArray[np.uint8]:
    """Noise with the statistics of photographs, always the same: ``(photograph, *shape)``.

    Its amplitude falls with one over the frequency (Field, J. Opt. Soc. Am. A 4, 1987), and its
    colours are correlated. ``shape`` is ``(height, width, channel)``.
    """
    height, width, channels = shape
    draw = np.random.default_rng(0)
    across, down = np.fft.rfftfreq(width)[None], np.fft.fftfreq(height)[:, None]
    amplitude = 1 / np.maximum(np.hypot(across, down), 1 / max(height, width))
    amplitude[0, 0] = 0

    def noise() -> NDArray[np.float64]:
        white = np.fft.rfft2(draw.normal(size=(height, width)))
        grey = np.fft.irfft2(amplitude * white, s=(height, width))
        return grey / max(float(grey.std()), FLOOR)

    pictures = []
    for _ in range(max(1, min(PHOTOGRAPHS, MOST_PIXELS // (height * width)))):
        common, light, contrast = noise(), draw.uniform(0.3, 0.6), draw.uniform(0.15, 0.3)
        colours = [0.95 * common + 0.3 * noise() for _ in range(channels)]
        tints = draw.normal(0, 0.05, channels)
        pictures.append(light + tints + contrast * np.stack(colours, axis=-1))
    return np.clip(np.rint(255 * np.stack(pictures)), 0, 255).astype(np.uint8)


def _free_shape(entry: InputInfo) -> tuple[int, ...]:
    return (1, *(size or SIDE for size in entry.example_shape))


def _named(name: str) -> Preprocessing:
    scale, _, order = name.partition(",")
    chosen = SCALES[scale]
    return dataclasses.replace(chosen.swapped(), name=name) if order else chosen


def _trained_statistics(model: Forward, name: str) -> MovingStatistics | None:
    """The statistics of the first trained normalisation that depends on one input alone."""
    if not isinstance(model, HasMovingStatistics):
        return None
    return next(
        (
            statistics
            for statistics in model.moving_statistics()
            if statistics.inputs == (name,) and statistics.is_trained
        ),
        None,
    )


def _is_picture(image: InputImage) -> bool:
    """Whether an input takes exactly the pixels that are shown; RGBA is laid on white."""
    return image.pixels.shape == image.values.shape


def _divergence(values: FloatArray, statistics: MovingStatistics) -> float:
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    mean, spread = flat.mean(axis=0), flat.var(axis=0)
    wanted_mean, wanted = (
        statistics.mean.astype(np.float64),
        statistics.variance.astype(np.float64) + FLOOR,
    )
    least = np.inf
    for contrast in CONTRASTS:
        variance = contrast**2 * spread + FLOOR
        off = (variance + (mean - wanted_mean) ** 2) / wanted
        terms = 0.5 * (np.log(wanted / variance) + off - 1)
        least = min(least, float(np.mean(np.minimum(terms, 1e6))))
    return least
