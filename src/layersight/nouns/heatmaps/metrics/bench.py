"""Measures any number of heatmaps of one image and target.

The rule of this module: what does not depend on a heatmap is computed once: the score of the image
itself, what replaces its pixels, and the values of every metric for random maps and the centre.

A random map is white noise, uniform in 0..1, with as many cells as the heatmap itself has (its
resolution), enlarged in the same way. If a heatmap has 7 x 7 cells, noise of single pixels is no
fair comparison: it shreds an image whatever it hides. Everything random is drawn from the seed and
the image, so that an image gets the same numbers in any list of images.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import ModelInfo
from layersight.data.placing import enlarge
from layersight.data.readout import Goal
from layersight.errors import ModelInputError, UsageError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.baselines import baseline, rise_blur
from layersight.nouns.heatmaps.methods.method import Images, Progress, Size
from layersight.nouns.heatmaps.metrics.metric import (
    DEFAULT,
    Metric,
    ReferenceValues,
    choose_metrics,
)
from layersight.nouns.heatmaps.request import MeasureOptions
from layersight.nouns.heatmaps.result import Measure

Explain = Callable[[FloatArray], FloatArray]
"""Makes the map again: from ``(image, *positions, channel)`` to ``(image, *positions)``."""

TIES, NOISE, MAP = 1, 2, 3  # purposes of random numbers

SPREAD = 0.25  # the standard deviation of the centre map, as a share of each side

NEARLY = 1e-4  # how far rounding may move a probability out of 0..1


@dataclass(frozen=True, eq=False)
class Bench:
    """One image and target, and what all measurements of its heatmaps share."""

    model: Differentiable
    images: Images  # the image, the only one of its batch
    goal: Goal  # the score that is reported, such as a probability
    offset: float = 0.0  # added to the number that the goal reads: 1 for the other side of a unit
    options: MeasureOptions = field(default_factory=MeasureOptions)
    batch_size: int = 16  # how many changed images are shown at once
    probability: bool | None = None  # whether the score is one; None: if it lies in 0..1
    weighted: tuple[str, ...] = ()  # the layers with weights, in the order in which they run
    _references: dict[str, dict[Size, ReferenceValues]] = field(default_factory=dict, repr=False)
    _trials: dict[Size, tuple[Trial, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.images) != 1:
            raise UsageError(
                "expected one image, (1, height, width, channel), to measure heatmaps of, found "
                f"an array of shape {self.images.pixels.shape}"
            )

    @property
    def pixels(self) -> FloatArray:
        """What the network sees: ``(*positions, channel)``."""
        pixels: FloatArray = self.images.pixels[0]
        return pixels

    @property
    def size(self) -> Size:
        return self.images.size

    @property
    def range(self) -> float:
        """The difference of a white and a black pixel, in the numbers that the network sees."""
        return float(np.abs(self.images.white - self.images.black).max())

    @functools.cached_property
    def score(self) -> float:
        """The score of the image itself."""
        return float(self.read([self.pixels])[0])

    @functools.cached_property
    def fill(self) -> FloatArray:
        """What replaces deleted pixels, in the size of the image."""
        pixels: FloatArray = baseline(self.images, self.options.fill, "fill")[0]
        return pixels

    @functools.cached_property
    def blurred(self) -> FloatArray:
        """The image, blurred.

        Raises:
            UsageError: It is a vector.
        """
        if self.images.is_vector:
            raise UsageError(
                "insertion begins with a blurred input: a vector has none, leave it out"
            )
        return rise_blur(self.pixels)

    @functools.cached_property
    def noise(self) -> FloatArray:
        """The noise that is added to imputed pixels, the same for every map."""
        drawn = self.random(NOISE).standard_normal(self.pixels.shape, dtype=np.float32)
        return drawn * np.float32(self.options.fill_noise * self.range)

    @functools.cached_property
    def ties(self) -> NDArray[np.int64]:
        """A random order of all pixels, which breaks ties of equal heat."""
        return self.random(TIES).permutation(math.prod(self.size))

    @functools.cached_property
    def _digest(self) -> int:
        return zlib.crc32(np.ascontiguousarray(self.pixels, np.float32).tobytes())

    def random(self, *purpose: int) -> np.random.Generator:
        """The random numbers for a purpose, which depend on the seed and the image."""
        return np.random.default_rng([self.options.seed, self._digest, *purpose])

    def read(self, pictures: Iterable[FloatArray]) -> NDArray[np.float64]:
        """The scores of changed images, ``(picture,)``; they are made when they are needed.

        Raises:
            ModelInputError: A score is not finite.
        """
        parts, remaining = [], iter(pictures)
        while batch := list(itertools.islice(remaining, self.batch_size)):
            inputs = self.images.with_pixels(np.stack(batch))
            parts.append(np.asarray(self.model.read(inputs, self.goal), np.float64))
        scores = np.concatenate(parts) + self.offset
        if not np.isfinite(scores).all():
            raise ModelInputError(
                f"expected finite scores for the changed images, found {scores.tolist()[:4]}: "
                "the network overflows, and no heatmap of it can be measured"
            )
        return scores

    def seconds(self) -> float:
        """The time for one image of a full batch, in seconds, without compiling."""
        pictures = [self.pixels] * self.batch_size
        self.read(pictures)
        start = time.perf_counter()
        self.read(pictures)
        return (time.perf_counter() - start) / len(pictures)

    def random_map(self, resolution: Size, number: int) -> FloatArray:
        """A random map with the cells of a resolution, ``(*positions,)`` in 0..1."""
        cells = self.random(MAP, *resolution, number).random(resolution, dtype=np.float32)
        return enlarge(cells, self.size)

    def centre_map(self) -> FloatArray:
        """A map that is brightest in the middle."""
        sides = [np.linspace(-1, 1, side) if side > 1 else np.zeros(1) for side in self.size]
        bells = (np.exp(-(offsets**2) / (2 * (2 * SPREAD) ** 2)) for offsets in sides)
        values: FloatArray = functools.reduce(np.multiply.outer, bells).astype(np.float32)
        return values

    def random_trials(self, resolution: Size) -> tuple[Trial, ...]:
        if resolution not in self._trials:
            numbers = range(self.options.randoms)
            maps = (self.random_map(resolution, number) for number in numbers)
            self._trials[resolution] = tuple(Trial(self, values) for values in maps)
        return self._trials[resolution]

    @functools.cached_property
    def centre_trial(self) -> Trial:
        return Trial(self, self.centre_map())

    def reference_values(self, metric: Metric, resolution: Size) -> ReferenceValues:
        """The values of a metric for random maps of a resolution, and for the centre."""
        cache = self._references.setdefault(metric.name, {})
        if resolution not in cache:
            if metric.reference is not None:
                cache[resolution] = metric.reference(self, resolution)
            else:
                first = next(iter(cache.values()), None)
                centre = first.centre if first else metric.compute(self.centre_trial).value
                values = [metric.compute(trial).value for trial in self.random_trials(resolution)]
                cache[resolution] = ReferenceValues(float(np.mean(values)), centre)
        return cache[resolution]

    def measure(
        self,
        values: FloatArray,
        metrics: Sequence[Metric],
        *,
        resolution: Size | None = None,
        explain: Explain | None = None,
        progress: Progress | None = None,
    ) -> tuple[Measure, ...]:
        """The values of metrics for a heatmap; arguments as in :func:`measure`.

        Raises:
            UsageError: The map has another size or values that are not finite, or a metric does
                not apply.
        """
        finite = np.isfinite(values).all()
        if values.shape != self.size or not finite:
            raise UsageError(
                f"expected a heatmap of {' x '.join(map(str, self.size))} finite numbers, found "
                f"an array of shape {values.shape}{'' if finite else ' with values that are none'}"
            )
        trial = Trial(self, np.asarray(values, np.float32), explain)
        measures = []
        for done, metric in enumerate(metrics, 1):
            self._check(metric, explain)
            outcome = metric.compute(trial)
            others = self.reference_values(metric, resolution or self.size)
            numbers = outcome.value, others.random, others.centre, metric.higher_is_better
            measures.append(Measure(metric.name, *numbers, outcome.curve, others.bar))
            if progress is not None:
                progress(done, len(metrics))
        return tuple(measures)

    def _check(self, metric: Metric, explain: Explain | None) -> None:
        if metric.explains and explain is None:
            raise UsageError(f"{metric.name} makes the heatmap anew: give what makes it (explain)")
        if not metric.probability:
            return
        suitable = self.probability
        if suitable is None:
            suitable = -NEARLY <= self.score <= 1 + NEARLY
        if not suitable:
            raise UsageError(
                f"{metric.name} compares probabilities, and the score of the image, "
                f"{self.score:.4g}, is none: explain a class of a softmax or sigmoid, or leave "
                f"{metric.name} out"
            )


@dataclass(frozen=True, eq=False)
class Trial:
    """A heatmap and its image."""

    bench: Bench
    values: FloatArray  # (*positions,) float32
    explain: Explain | None = None  # makes the map again, if that is possible

    @functools.cached_property
    def order(self) -> NDArray[np.int64]:
        """The indices of all pixels, the hottest first; equal ones in a random order.

        The order of rows would make the upper edge hotter than the lower one where a map is flat.
        """
        return np.lexsort((self.bench.ties, -self.values.ravel()))

    @functools.cached_property
    def masked(self) -> float:
        """The score of the image multiplied by the map: black where it is cold.

        Values below 0 count as 0; then the map is scaled from 0 to 1.
        """
        heat = np.maximum(self.values, 0)
        low, high = float(heat.min()), float(heat.max())
        heat = (heat - low) / (high - low) if high > low else np.full_like(heat, high > 0)
        black = self.bench.images.black.astype(np.float32)
        masked = black + (self.bench.pixels - black) * heat[..., np.newaxis]
        return float(self.bench.read([masked])[0])


def measure(
    model: Differentiable,
    images: Images,
    values: FloatArray,
    *,
    goal: Goal,
    offset: float = 0.0,
    metrics: str | Iterable[str] = DEFAULT,
    options: MeasureOptions | None = None,
    resolution: Size | None = None,
    explain: Explain | None = None,
    bench: Bench | None = None,
    batch_size: int = 16,
    progress: Progress | None = None,
    grain: Size | None = None,
) -> tuple[Measure, ...]:
    """Measures how far a heatmap can be believed.

    To measure several heatmaps of one image and target, make one :class:`Bench` and call its
    ``measure``: random maps and the centre are then measured once.

    Args:
        model: The network.
        images: The image, the only one of its batch.
        values: The heatmap, ``(*positions,)`` in the size of the image.
        goal: The score that is reported, such as a probability.
        offset: A number that is added to the one that the goal reads.
        metrics: Names, ``"default"`` or ``"all"``.
        options: How it is measured.
        resolution: How many cells the heatmap has along each axis; ``None``: one for each pixel.
        explain: Makes the heatmap again from ``(image, *positions, channel)``; needed by the
            metrics that are not among the default ones.
        bench: The one that other heatmaps of the same image were measured with.
        batch_size: How many changed images are shown at once.
        progress: Called after each metric with how many are done and how many there are.
        grain: The former name of ``resolution``.

    Returns:
        For each metric its value, and those of random maps and of the centre.

    Raises:
        UsageError: A metric is unknown or does not apply.
        ModelInputError: The score of a changed image is not finite.
    """
    chosen = choose_metrics(metrics)
    settled = options or MeasureOptions()
    if bench is None:
        shapes = {name: (1, *array.shape[1:]) for name, array in images.values.items()}
        layers = weighted_layers(model.describe(shapes))
        bench = Bench(model, images, goal, offset, settled, batch_size, weighted=layers)
    return bench.measure(
        values, chosen, resolution=resolution or grain, explain=explain, progress=progress
    )


def weighted_layers(info: ModelInfo) -> tuple[str, ...]:
    """The names of the layers with weights, in the order in which they run."""
    return tuple(layer.name for layer in info.layers if layer.parameters)
