"""What patterns maximise, and what comes back, as frozen data.

The rule of this module: a request is plain values that can be written down and read again; a
result is arrays, names and numbers.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.display import RichDisplay
from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.document.words import plural
from layersight.nouns.patterns.request import PatternOptions

AXES = {
    "images": ("pattern", "y", "x", "colour"),
    "activation": ("pattern",),
    "start_activation": ("pattern",),
    "robustness": ("pattern",),
    "coverage": ("pattern",),
    "dead": ("pattern",),
    "converged": ("pattern",),
    "steps": ("pattern",),
    "values": ("pattern", "y", "x", "band"),
    "history": ("pattern", "step"),
    "natural": ("pattern", "mark"),
    "percentile": ("pattern",),
    "transparency": ("pattern", "y", "x"),
    "strongest": ("pattern", "y", "x", "colour"),
    "dead_over_data": ("pattern",),
    "frames": ("frame", "pattern", "y", "x", "colour"),
}
"""The arrays of a result and the names of their axes; those that may be ``None`` are not in every
file."""

SAME = 1e-4
"""Two activations that differ by less than this share of the greater are the same but for
rounding."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of what a pattern maximises.

    Attributes:
        layer: The name of the layer.
        channel: Which channel or unit; ``None`` with ``direction``.
        direction: A weight for each channel of the layer instead of one channel.
        where: ``"mean"`` over all positions, or ``"centre"``: the neuron in the middle.
        before: Whether it is the value before the layer's own activation function, such as
            the logit below a softmax.
        weight: What it is multiplied by in a sum.
    """

    layer: str
    channel: int | None = None
    direction: tuple[float, ...] | None = None
    where: str = "mean"
    before: bool = False
    weight: float = 1.0

    def describe(self) -> str:
        """The term in words.

        >>> Term("conv", 3).describe(), Term("dense", 0, before=True, weight=-1.0).describe()
        ('conv channel 3', '-1 x dense unit 0 before its activation')
        """
        text = f"{self.layer} "
        if self.direction is not None:
            text += "along a direction"
        elif self.before:
            text += f"unit {self.channel} before its activation"
        elif self.where == "centre":
            text += f"channel {self.channel}, the neuron in the middle"
        else:
            text += f"channel {self.channel}"
        return text if self.weight == 1 else f"{self.weight:g} x {text}"


@dataclass(frozen=True, slots=True)
class Objective:
    """What one pattern maximises: a weighted sum of terms.

    Attributes:
        terms: The terms; the first names the pattern.
        facet: Which of several patterns of the same terms it is.
    """

    terms: tuple[Term, ...]
    facet: int = 0

    @property
    def layer(self) -> str:
        """The layer that the pattern stands under."""
        return self.terms[0].layer

    @property
    def channel(self) -> int:
        """The channel that the pattern stands under; -1 for a direction."""
        channel = self.terms[0].channel
        return -1 if channel is None else channel

    def describe(self) -> str:
        """The objective in words."""
        text = " + ".join(term.describe() for term in self.terms)
        return f"{text}, facet {self.facet}" if self.facet else text

    def to_json(self) -> dict[str, Any]:
        """The objective as JSON-ready data."""
        return {"terms": [dataclasses.asdict(term) for term in self.terms], "facet": self.facet}


def gained(start: FloatArray, reached: FloatArray) -> NDArray[np.bool_]:
    """Whether final images activate their channels more than the starts did, beyond rounding.

    >>> gained(np.array([0, 2, -3], np.float32), np.array([0, 2.00001, -1], np.float32)).tolist()
    [False, False, True]
    """
    first, last = np.asarray(start, np.float64), np.asarray(reached, np.float64)
    least = SAME * np.maximum(np.abs(first), np.abs(last))
    return np.asarray(last - first > least, np.bool_)


LEAST = 0.15
"""A pattern whose channel answers to less of the picture is mostly the noise it began with."""


def scattered(coverage: FloatArray) -> NDArray[np.bool_]:
    """Whether channels answer to so little of their pictures that these are mostly noise.

    >>> scattered(np.array([0.13, 0.9, np.nan], np.float32)).tolist()
    [True, False, False]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(coverage < LEAST, np.bool_)


@dataclass(frozen=True, eq=False)
class Patterns(RichDisplay):
    """The images that some channels respond to most.

    Attributes:
        model: The model that they are of.
        options: How they were made.
        preprocessing: From the canvas, as pixels in 0..255, to what the network saw.
        objectives: What each pattern maximises.
        images: ``(pattern, height, width, 3)`` uint8, as they are shown.
        values: ``(pattern, height, width, channel)`` float32, what the network sees.
        activation: The objective that each reached, of the image without shifts, float32.
        start_activation: That of its start.
        robustness: The share of ``activation`` that is left on average under shifts and
            rescalings that were not used to make it; NaN for a dead channel.
        dead: Whether no start and no leak could wake the channel.
        converged: Whether the last steps gained nothing more and the optimisation did not fail.
        steps: How many steps each took, int.
        history: ``(pattern, step)`` float32, the objective before each step as the network saw
            it then; NaN after its end.
        natural: ``(pattern, 3)`` float32: the median, 99th percentile and greatest of the
            objective over natural images; ``None`` without any.
        percentile: Where the reached activation lies among those, in percent; ``None`` likewise.
        transparency: ``(pattern, height, width)`` float32 in 0..1: how much the objective depended
            on each pixel, by the gradients of all steps; ``None`` for methods without.
        strongest: ``(pattern, height, width, 3)`` uint8: what the strongest images of a survey show
            where the channel is; ``None`` without a survey.
        dead_over_data: Whether the channel is dead over all images of it; ``None`` likewise.
        natural_count: How many natural images there were.
        frames: ``(frame, pattern, height, width, 3)`` uint8: the patterns as they are optimised,
            the start first and the end last; ``None`` if not requested.
        frame_steps: After how many steps each frame was taken.
        notes: What a reader should know beside.
        coverage: ``(pattern,)`` float32 in 0..1: about how much of the picture the channel answers
            to; NaN where that is not known; ``None`` in older files.
    """

    noun: ClassVar[str] = "patterns"

    model: ModelInfo
    options: PatternOptions
    preprocessing: Preprocessing
    objectives: tuple[Objective, ...]
    images: Bytes
    values: FloatArray
    activation: FloatArray
    start_activation: FloatArray
    robustness: FloatArray
    dead: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    steps: NDArray[np.int64]
    history: FloatArray
    natural: FloatArray | None = None
    percentile: FloatArray | None = None
    transparency: FloatArray | None = None
    strongest: Bytes | None = None
    dead_over_data: NDArray[np.bool_] | None = None
    natural_count: int = 0
    frames: Bytes | None = None
    frame_steps: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: FloatArray | None = None

    @functools.cached_property
    def failed(self) -> NDArray[np.bool_]:
        """Whether the optimisation failed, though the channel is not dead.

        The final image activates the channel no more than the start did, even if a step between
        them did; or the channel answers to less than :data:`LEAST` of it.
        """
        wrong = ~gained(self.start_activation, self.activation)
        if self.coverage is not None:
            wrong |= scattered(self.coverage)
        return ~self.dead & wrong

    @functools.cached_property
    def empty(self) -> NDArray[np.bool_]:
        """Whether there is no picture to show: the channel is dead, or the optimisation failed."""
        return self.dead | self.failed

    @functools.cached_property
    def kept(self) -> FloatArray:
        """``(pattern,)``: the share of the activation left when moved, at most all of it."""
        return np.minimum(self.robustness, np.float32(1))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer of each pattern."""
        return tuple(objective.layer for objective in self.objectives)

    @property
    def channels(self) -> tuple[int, ...]:
        """The channel of each pattern."""
        return tuple(objective.channel for objective in self.objectives)

    def __len__(self) -> int:
        return len(self.objectives)

    def __iter__(self) -> Iterator[Objective]:
        return iter(self.objectives)

    def __repr__(self) -> str:
        layers = len(dict.fromkeys(self.layers))
        return (
            f"<Patterns of {self.model.name!r}: {plural(len(self), 'pattern')} of "
            f"{plural(layers, 'layer')}, {int(self.dead.sum())} dead, by {self.options.method}>"
        )

    def take(self, indices: Sequence[int]) -> Patterns:
        """The result with some of its patterns."""
        chosen = np.array(indices, np.intp)
        return dataclasses.replace(
            self,
            objectives=tuple(self.objectives[index] for index in indices),
            **{
                name: values.take(chosen, axes.index("pattern"))
                for name, axes in AXES.items()
                if (values := getattr(self, name)) is not None
            },
        )

    @property
    def default_view(self) -> str:
        """The view that fits where none is chosen."""
        if len(self) == 1:
            return "pattern"
        return "grid" if len(set(self.layers)) == 1 else "sheet"

    def by_layer(self) -> list[LayerPatterns]:
        """The layers of the patterns, in the order of these."""
        layers = {layer.name: layer for layer in self.model.layers}
        indices: dict[str, list[int]] = {}
        for index, name in enumerate(self.layers):
            indices.setdefault(name, []).append(index)
        return [LayerPatterns(self, name, layers.get(name), (*indices[name],)) for name in indices]


@dataclass(frozen=True, eq=False, slots=True)
class LayerPatterns:
    """The patterns of one layer."""

    result: Patterns  # all patterns
    name: str  # the layer's name
    layer: LayerInfo | None  # what is known of it, if it is a layer of the model
    indices: tuple[int, ...]  # of its patterns in result

    def count(self, marks: NDArray[np.bool_]) -> int:
        """How many of its patterns are marked."""
        return int(marks[list(self.indices)].sum())

    @property
    def alive(self) -> tuple[int, ...]:
        """The indices of those with a picture."""
        empty = self.result.empty
        return tuple(index for index in self.indices if not empty[index])

    @property
    def median_kept(self) -> float | None:
        """The median share that those with a picture keep when moved; ``None`` if unknown."""
        shares = self.result.kept[list(self.alive)]
        shares = shares[np.isfinite(shares)]
        return float(np.median(shares)) if shares.size else None
