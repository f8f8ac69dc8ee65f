"""One image and what is explained of it, for any number of heatmaps.

The rule of this module: what does not depend on a heatmap is done once: the score of the image
itself, what fills in for its pixels, and what every metric says of random maps and of the centre.

A random map is white noise, uniform in 0..1, in as many cells as the heatmap itself was made of
(its grain), enlarged in the same way. Where a heatmap has 7 x 7 cells, noise of single pixels would
be no rival: it shreds an image whatever it hides. Everything random is drawn from the seed and the
image, so that an image gives the same numbers wherever it stands.
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
from layersight.nouns.heatmaps.baselines import baseline, blur
from layersight.nouns.heatmaps.methods.method import Images, Progress
from layersight.nouns.heatmaps.metrics.metric import DEFAULT, Grain, Marks, Metric, choose_metrics
from layersight.nouns.heatmaps.request import MeasureOptions
from layersight.nouns.heatmaps.result import Measure

Explain = Callable[[FloatArray], FloatArray]
"""Makes the map anew: from ``(image, *positions, channel)`` to ``(image, *positions)``."""

TIES, NOISE, MAP = 1, 2, 3  # what random numbers are drawn for

SPREAD = 0.25  # the standard deviation of the centre map, as a share of each side

NEARLY = 1e-4  # how far beyond 0..1 a probability may be rounded


@dataclass(frozen=True, eq=False)
class Bench:
    """One image and what is explained of it, for any number of heatmaps."""

    model: Differentiable
    images: Images  # the image, the only one of its batch
    goal: Goal  # the score that is reported, such as a probability
    offset: float = 0.0  # what is added to what the goal reads: 1 for the other side of a unit
    options: MeasureOptions = field(default_factory=MeasureOptions)
    batch_size: int = 16  # how many changed images are shown at once
    probability: bool | None = None  # whether the score is one; None: as the score itself looks
    weighted: tuple[str, ...] = ()  # the layers with weights, in the order in which they run
    _marks: dict[str, dict[Grain, Marks]] = field(default_factory=dict, repr=False)
    _trials: dict[Grain, tuple[Trial, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.images) != 1:
            raise UsageError(
                "expected one image, (1, height, width, channel), to measure heatmaps of, found "
                f"an array of shape {self.images.pixels.shape}"
            )

    @property
    def pixels(self) -> FloatArray:
        """What the network sees: ``(*positions, channel)``."""
        one: FloatArray = self.images.pixels[0]
        return one

    @property
    def size(self) -> Grain:
        return self.images.size

    @property
    def range(self) -> float:
        """From a black pixel to a white one, in the numbers that the network sees."""
        return float(np.abs(self.images.white - self.images.black).max())

    @functools.cached_property
    def score(self) -> float:
        """Of the image itself."""
        return float(self.read([self.pixels])[0])

    @functools.cached_property
    def filling(self) -> FloatArray:
        """What stands for pixels that are deleted, of the size of the image."""
        whole: FloatArray = baseline(self.images, self.options.filling)[0]
        return whole

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
        return blur(self.pixels)

    @functools.cached_property
    def noise(self) -> FloatArray:
        """What is added to pixels that are imputed, the same for every map."""
        drawn = self.random(NOISE).standard_normal(self.pixels.shape, dtype=np.float32)
        return drawn * np.float32(self.options.blemish * self.range)

    @functools.cached_property
    def ties(self) -> NDArray[np.int64]:
        """A random order of all pixels, by which those of equal heat are told apart."""
        return self.random(TIES).permutation(math.prod(self.size))

    @functools.cached_property
    def _digest(self) -> int:
        return zlib.crc32(np.ascontiguousarray(self.pixels, np.float32).tobytes())

    def random(self, *purpose: int) -> np.random.Generator:
        """What draws the numbers for a purpose, from the seed and the image."""
        return np.random.default_rng([self.options.seed, self._digest, *purpose])

    def read(self, pictures: Iterable[FloatArray]) -> NDArray[np.float64]:
        """The score of changed images, ``(picture,)``; they are made when they are needed.

        Raises:
            ModelInputError: A score is no finite number.
        """
        found, waiting = [], iter(pictures)
        while batch := list(itertools.islice(waiting, self.batch_size)):
            inputs = self.images.showing(np.stack(batch))
            found.append(np.asarray(self.model.read(inputs, self.goal), np.float64))
        scores = np.concatenate(found) + self.offset
        if not np.isfinite(scores).all():
            raise ModelInputError(
                f"expected finite scores for the changed images, found {scores.tolist()[:4]}: "
                "the network overflows, and no heatmap of it can be measured"
            )
        return scores

    def seconds(self) -> float:
        """How long a pass of one image takes in a batch, once it is compiled."""
        pictures = [self.pixels] * self.batch_size
        self.read(pictures)
        begun = time.perf_counter()
        self.read(pictures)
        return (time.perf_counter() - begun) / len(pictures)

    def random_map(self, grain: Grain, number: int) -> FloatArray:
        """A random map of some grain, ``(*positions,)`` in 0..1."""
        cells = self.random(MAP, *grain, number).random(grain, dtype=np.float32)
        return enlarge(cells, self.size)

    def centre_map(self) -> FloatArray:
        """A map that is brightest in the middle."""
        sides = [np.linspace(-1, 1, side) if side > 1 else np.zeros(1) for side in self.size]
        along = (np.exp(-(places**2) / (2 * (2 * SPREAD) ** 2)) for places in sides)
        made: FloatArray = functools.reduce(np.multiply.outer, along).astype(np.float32)
        return made

    def rivals(self, grain: Grain) -> tuple[Trial, ...]:
        if grain not in self._trials:
            numbers = range(self.options.randoms)
            maps = (self.random_map(grain, number) for number in numbers)
            self._trials[grain] = tuple(Trial(self, values) for values in maps)
        return self._trials[grain]

    @functools.cached_property
    def middle(self) -> Trial:
        return Trial(self, self.centre_map())

    def marks(self, metric: Metric, grain: Grain) -> Marks:
        """What a metric says of random maps of some grain, and of the centre."""
        known = self._marks.setdefault(metric.name, {})
        if grain not in known:
            if metric.refer is not None:
                known[grain] = metric.refer(self, grain)
            else:
                first = next(iter(known.values()), None)
                centre = first.centre if first else metric.compute(self.middle).value
                found = [metric.compute(rival).value for rival in self.rivals(grain)]
                known[grain] = Marks(float(np.mean(found)), centre)
        return known[grain]

    def measure(
        self,
        values: FloatArray,
        metrics: Sequence[Metric],
        *,
        grain: Grain | None = None,
        explain: Explain | None = None,
        progress: Progress | None = None,
    ) -> tuple[Measure, ...]:
        """What metrics say of a heatmap, as :func:`measure` takes it.

        Raises:
            UsageError: The map is of another size or holds what is no number, or a metric
                cannot be had.
        """
        finite = np.isfinite(values).all()
        if values.shape != self.size or not finite:
            raise UsageError(
                f"expected a heatmap of {' x '.join(map(str, self.size))} finite numbers, found "
                f"an array of shape {values.shape}{'' if finite else ' with values that are none'}"
            )
        trial = Trial(self, np.asarray(values, np.float32), explain)
        found = []
        for place, metric in enumerate(metrics, 1):
            self._check(metric, explain)
            outcome = metric.compute(trial)
            marks = self.marks(metric, grain or self.size)
            numbers = outcome.value, marks.random, marks.centre, metric.higher_is_better
            found.append(Measure(metric.name, *numbers, outcome.curve, marks.bar))
            if progress is not None:
                progress(place, len(metrics))
        return tuple(found)

    def _check(self, metric: Metric, explain: Explain | None) -> None:
        if metric.explains and explain is None:
            raise UsageError(f"{metric.name} makes the heatmap anew: give what makes it (explain)")
        known = self.probability
        if known is None and metric.probability:
            known = -NEARLY <= self.score <= 1 + NEARLY
        if metric.probability and not known:
            raise UsageError(
                f"{metric.name} compares probabilities, and the score of the image, "
                f"{self.score:.4g}, is none: explain a class of a softmax or sigmoid, or leave "
                f"{metric.name} out"
            )


@dataclass(frozen=True, eq=False)
class Trial:
    """A heatmap upon its image."""

    bench: Bench
    values: FloatArray  # (*positions,) float32
    explain: Explain | None = None  # makes the map anew, if that is known

    @functools.cached_property
    def order(self) -> NDArray[np.int64]:
        """The numbers of all pixels, the hottest first; equal ones in a random order.

        Rows from above would make the upper edge hotter than the lower one wherever a map is flat.
        """
        return np.lexsort((self.bench.ties, -self.values.ravel()))

    @functools.cached_property
    def masked(self) -> float:
        """The score of the image seen through the map: black where it is cold.

        Values below 0 count as 0; then the least is 0 and the greatest 1.
        """
        heat = np.maximum(self.values, 0)
        low, high = float(heat.min()), float(heat.max())
        heat = (heat - low) / (high - low) if high > low else np.full_like(heat, high > 0)
        black = self.bench.images.black.astype(np.float32)
        seen = black + (self.bench.pixels - black) * heat[..., np.newaxis]
        return float(self.bench.read([seen])[0])


def measure(
    model: Differentiable,
    images: Images,
    values: FloatArray,
    *,
    goal: Goal,
    offset: float = 0.0,
    metrics: str | Iterable[str] = DEFAULT,
    options: MeasureOptions | None = None,
    grain: Grain | None = None,
    explain: Explain | None = None,
    bench: Bench | None = None,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> tuple[Measure, ...]:
    """How far a heatmap can be believed.

    To measure several heatmaps of one image and target, make one :class:`Bench` and call its
    ``measure``: what random maps and the centre give is then found once.

    Args:
        model: The network.
        images: The image, the only one of its batch.
        values: The heatmap, ``(*positions,)`` in the size of the image.
        goal: The score that is reported, such as a probability.
        offset: What is added to what the goal reads.
        metrics: Names, ``"default"`` or ``"all"``.
        options: How it is measured.
        grain: Of how many cells the heatmap was made; ``None``: every pixel is one.
        explain: Makes the heatmap anew of ``(image, *positions, channel)``; wanted by the
            metrics that are not among the default ones.
        bench: What other heatmaps of the same image were measured on.
        batch_size: How many changed images are shown at once.
        progress: Told after each metric how many are done and how many there are.

    Returns:
        For each metric what it says, with random maps and the centre beside it.

    Raises:
        UsageError: A metric is unknown or cannot be had.
        ModelInputError: The score of a changed image is no number.
    """
    chosen = choose_metrics(metrics)
    settled = options or MeasureOptions()
    if bench is None:
        shapes = {name: (1, *array.shape[1:]) for name, array in images.values.items()}
        layers = weighted_layers(model.describe(shapes))
        bench = Bench(model, images, goal, offset, settled, batch_size, weighted=layers)
    return bench.measure(values, chosen, grain=grain, explain=explain, progress=progress)


def weighted_layers(info: ModelInfo) -> tuple[str, ...]:
    """The names of the layers with weights, in the order in which they run."""
    return tuple(layer.name for layer in info.layers if layer.parameters)
