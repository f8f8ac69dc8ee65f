"""Patterns in words, the same in every picture.

The rule of this module: what a pattern reached stands with what it is measured by.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo
from layersight.document.words import (
    DOT,
    count,
    model_line,
    number,
    output_size,
    percent,
    plural,
    sentence,
    size,
)
from layersight.nouns.patterns.result import LayerPatterns, Objective, Patterns, Term, gained

DEAD = "no start could wake this channel"
FAILED = (
    "the final image activates the channel no more than the start did, or only a small part of it "
    "does anything for it and the rest is noise"
)
"""What dead and failed mean of a pattern."""


class Pattern:
    """One pattern of a result, with its numbers and its words."""

    def __init__(self, result: Patterns, index: int) -> None:
        self.result, self.index, self.objective = result, index, result.objectives[index]
        self.pixels, self.steps = result.images[index], int(result.steps[index])
        self.dead, self.empty = bool(result.dead[index]), bool(result.empty[index])
        self.converged = bool(result.converged[index])
        most = None if result.natural is None else result.natural[:, 2]
        self.activation, self.start, self.kept, self.coverage, self.percentile, self.strongest = (
            math.nan if values is None else float(values[index])
            for values in (
                *(result.activation, result.start_activation, result.kept),
                *(result.coverage, result.percentile, most),
            )
        )

    @property
    def natural(self) -> list[float]:
        """Median, 99th percentile and greatest of natural images; empty where they are unknown."""
        natural = self.result.natural
        marks = [] if natural is None else natural[self.index].tolist()
        return marks if all(map(math.isfinite, marks)) else []

    @property
    def outdone(self) -> bool:
        """Whether a natural image reaches more than the pattern."""
        return self.strongest > self.activation

    @property
    def label(self) -> str:
        """The name of the class that it is of; empty where it is of none that is known."""
        objective, model = self.objective, self.result.model
        labels = model.labels or ()
        layer = next((layer for layer in model.layers if layer.name == objective.layer), None)
        fits = layer is None or layer.channels == len(labels)
        known = fits and len(objective.terms) == 1 and objective.layer in model.outputs
        return labels[objective.channel] if known and 0 <= objective.channel < len(labels) else ""

    @property
    def name(self) -> str:
        """Its name in its layer: the channel's number, and a class's name."""
        terms = self.objective.terms
        if len(terms) > 1:
            return f"sum of {len(terms)}"
        if terms[0].channel is None:
            return "direction"
        return f"{self.objective.channel} {self.label}".rstrip()

    @property
    def full_name(self) -> str:
        """Its name with its layer and what kind of number it is."""
        objective, name = self.objective, self.name
        if len(objective.terms) == 1 and objective.channel >= 0:
            name = f"{'unit' if objective.terms[0].before else 'channel'} {name}"
        facet = f", facet {objective.facet}" if objective.facet else ""
        return f"{objective.layer}, {name}{facet}"

    @property
    def mark(self) -> str:
        """The word on its tile in place of a picture; empty where there is one."""
        return "dead" if self.dead else "failed" if self.empty else ""

    @property
    def taken(self) -> str:
        """How many steps it took, and that it took more than the options allow, and why."""
        more = self.steps > self.result.options.steps and not self.dead
        return plural(self.steps, "step") + (", silent at first" if more else "")

    @property
    def ending(self) -> str:
        if self.dead:
            return f"dead: {DEAD} in {self.taken}"
        if self.empty:
            return f"failed after {self.taken}: {self.failure}"
        if self.converged:
            return f"converged after {self.taken}"
        return f"not converged after {self.taken}: the last still gained"

    @property
    def failure(self) -> str:
        """Why its optimisation failed."""
        if gained(self.result.start_activation, self.result.activation)[self.index]:
            coverage = percent(self.coverage)
            return f"the channel answers to {coverage} of the picture, the rest is noise"
        return "the final image activates the channel no more than the start did"


def aim(objective: Objective) -> str:
    """What a pattern maximises.

    >>> aim(Objective((Term("conv", 3),))), aim(Objective((Term("conv", 3, where="centre"),)))
    ('its mean over all positions', 'conv channel 3, the neuron in the middle')
    """
    term = objective.terms[0]
    if len(objective.terms) == 1 and term == Term(term.layer, term.channel):
        return "its mean over all positions"
    return objective.describe()


def marks_of(result: Patterns) -> tuple[tuple[NDArray[np.bool_], str], ...]:
    """Which patterns have no picture, and why in a word."""
    return (result.dead, "dead"), (result.failed, "failed")


def rising(result: Patterns) -> bool:
    """Whether any pattern with a picture still gained in its last steps."""
    return bool(np.any(~result.empty & ~result.converged))


def amount(value: float) -> str:
    """An activation in three digits, a large one as a whole number.

    >>> amount(1084.4), amount(0.5222), amount(23456789.0)
    ('1,084', '0.522', '2.35e+07')
    """
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else number(value)


def kind_of(layer: LayerInfo | None) -> str:
    """The type of a layer and the size of its output, as far as they are known."""
    if layer is None:
        return ""
    sides = (layer.output_shape or ())[1:]
    channels = layer.channels
    if channels is not None and sides.count(None) == len(sides) - 1:
        return f"{layer.type}   {plural(channels, 'channel')}"
    return f"{layer.type}   {output_size(layer)}"


def layer_facts(group: LayerPatterns) -> str:
    """The line under a layer's name."""
    result, indices = group.result, list(group.indices)
    total = group.layer.channels if group.layer is not None else None
    shown = len({result.objectives[index].terms for index in indices})
    facts = [f"{count(shown)} of {plural(total, 'channel')}" if total else count(shown)]
    if shown < len(indices):
        facts.append(f"{len(indices) // shown} facets of each")
    counts = [(group.count(marks), name) for marks, name in marks_of(result)]
    facts += [f"{count(marked)} {name}" for marked, name in counts if marked] or ["none dead"]
    alive = list(group.alive)
    if alive:
        facts.append(f"{count(group.count(result.converged))} of {count(len(alive))} converged")
        facts.append(f"reached {value_range(result.activation[alive])}")
    if (median := group.median_kept) is not None:
        facts.append(f"half keep {percent(median)} or more")
    if group.layer is not None and group.layer.receptive_field:
        facts.append(f"receptive field {size(group.layer.receptive_field)}")
    return DOT.join(facts)


def value_range(values: FloatArray) -> str:
    """Activations from the least to the greatest.

    >>> value_range(np.array([1.5, 20.0], np.float32))
    '1.5 to 20'
    """
    low, high = amount(float(values.min())), amount(float(values.max()))
    return low if low == high else f"{low} to {high}"


def how_made(result: Patterns) -> str:
    """The method and its settings, as a sentence."""
    options = result.options
    height, width = options.size
    # Channels that were silent at first took more steps than the options allow.
    late = bool((result.steps > options.steps).any())
    parts = [
        f"method {options.method}",
        f"at most {plural(options.steps, 'step')} of {options.rate:g}"
        + (" from where a channel wakes" if late else ""),
        plural(width, "position") if height == 1 else f"{size(options.size)} pixels",
    ]
    for words, value in (
        ("shifts of {:g} pixels", options.jitter),
        ("rescalings of {:g}", options.zoom),
        ("turns of {:g} degrees", options.turn),
        ("total variation {:g}", options.total_variation),
        ("norm {:g}", options.norm),
        ("diversity {:g}", options.diversity),
    ):
        if value:
            parts.append(words.format(value))
    if options.facets > 1:
        parts.append(f"{options.facets} facets")
    if options.precision != "float32":
        parts.append(f"{options.precision} precision")
    return sentence(", ".join([*parts, f"seed {options.seed}"]))


def appearance(result: Patterns) -> str:
    """How the picture of a pattern comes from what the network saw of it."""
    alive = np.flatnonzero(~result.empty)
    channels = result.values.shape[-1]
    if result.images.shape[1:3] != result.values.shape[1:3]:
        if result.values.shape[1] == 1:
            return "drawn as a curve for each channel, as high as its greatest value"
        return "all frames or slices as one picture, row by row, with a contrast of its own"
    if not alive.size or channels > 3:
        return "the first three channels of the canvas" if channels > 3 else ""
    shown, values = result.images[alive[0], ..., :channels], result.values[alive[0]]
    apply = result.preprocessing.apply
    step = apply(np.ones_like(shown)) - apply(np.zeros_like(shown))
    if np.all(np.abs(apply(shown) - values) <= 1.01 * np.abs(step)):
        return "drawn with the pixels that the network saw"
    return "each drawn with a contrast of its own, not with the pixels that the network saw"


def scale_words(result: Patterns) -> str:
    """What the network saw of a canvas and why, and how that is drawn."""
    how = result.preprocessing
    signal = result.values.shape[1] == 1 and result.images.shape[1] != 1
    words = f"{'values as they are' if signal else how.describe()} ({how.reason})"
    drawn = appearance(result)
    return f"{words}; {drawn}" if drawn else words


def tile_key(result: Patterns) -> str:
    """What stands under each pattern."""
    words = "Under each pattern: channel, activation reached"
    if rising(result):
        words += " (arrow: not converged)"
    if result.natural is not None:
        images = plural(result.natural_count, "natural image")
        words += f", the strongest of {images} (brown: more)"
        if result.strongest is not None:
            words = f"{words.rpartition(', ')[0]}; beside it what excites it most in {images}"
    words += ", share kept if shifted." if np.isfinite(result.robustness).any() else "."
    names = [name for marks, name in marks_of(result) if marks.any()]
    return words + (f" Grey: {' or '.join(names)}." if names else "")


def captions(result: Patterns) -> tuple[str, ...]:
    """The lines at the foot of every page: the tiles, the method, the scale, the model."""
    scale, model = f"Scale {scale_words(result)}.", f"Model {model_line(result.model)}."
    return tile_key(result), how_made(result), scale, model
