"""Patterns in words, the same in every picture.

The rule of this module: what a pattern reached is told with what it is measured by.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.model import LayerInfo
from layersight.document.words import (
    DASH,
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
"""What dead means of a pattern."""

FAILED = (
    "the final image activates the channel no more than the start did, or only a small part of it "
    "does anything for it and the rest is noise"
)
"""What failed means of a pattern."""


def label_of(result: Patterns, index: int) -> str:
    """The name of the class that a pattern is of; empty where it is of none that is known."""
    objective, labels = result.objectives[index], result.model.labels or ()
    layer = next((one for one in result.model.layers if one.name == objective.layer), None)
    fits = layer is None or layer.channels == len(labels)
    known = fits and len(objective.terms) == 1 and objective.layer in result.model.outputs
    return labels[objective.channel] if known and 0 <= objective.channel < len(labels) else ""


def short_name(result: Patterns, index: int) -> str:
    """The name of a pattern in its layer: the channel's number, and a class's name."""
    objective = result.objectives[index]
    if len(objective.terms) > 1:
        return f"sum of {len(objective.terms)}"
    if objective.terms[0].channel is None:
        return "direction"
    return f"{objective.channel} {label_of(result, index)}".rstrip()


def full_name(result: Patterns, index: int) -> str:
    """The name of a pattern with its layer and what kind of number it is."""
    objective = result.objectives[index]
    name = short_name(result, index)
    if len(objective.terms) == 1 and objective.channel >= 0:
        name = f"{'unit' if objective.terms[0].before else 'channel'} {name}"
    facet = f", facet {objective.facet}" if objective.facet else ""
    return f"{objective.layer}, {name}{facet}"


def aim(objective: Objective) -> str:
    """What a pattern maximises.

    >>> aim(Objective((Term("conv", 3),))), aim(Objective((Term("conv", 3, where="centre"),)))
    ('its mean over all positions', 'conv channel 3, the neuron in the middle')
    """
    term = objective.terms[0]
    if len(objective.terms) == 1 and term == Term(term.layer, term.channel):
        return "its mean over all positions"
    return objective.describe()


def reached(result: Patterns, index: int) -> str:
    """The activation of a pattern."""
    return amount(float(result.activation[index]))


def kept(result: Patterns, index: int) -> str:
    """The share of its activation that a pattern keeps under unseen shifts and rescalings."""
    share = float(result.kept[index])
    return percent(share) if math.isfinite(share) else DASH


def taken(result: Patterns, index: int) -> str:
    """How many steps a pattern took, and that it took more than were asked for, and why."""
    steps = plural(int(result.steps[index]), "step")
    more = result.steps[index] > result.options.steps and not result.dead[index]
    return f"{steps}, silent at first" if more else steps


def ending(result: Patterns, index: int) -> str:
    """How a pattern came to its end."""
    steps = taken(result, index)
    if result.dead[index]:
        return f"dead: {DEAD} in {steps}"
    if result.failed[index]:
        return f"failed after {steps}: {failure(result, index)}"
    if result.converged[index]:
        return f"converged after {steps}"
    return f"not converged after {steps}: the last still gained"


def failure(result: Patterns, index: int) -> str:
    """Why an optimisation failed."""
    coverage = math.nan if result.coverage is None else float(result.coverage[index])
    if gained(result.start_activation, result.activation)[index]:
        return f"the channel answers to {percent(coverage)} of the picture, the rest is noise"
    return "the final image activates the channel no more than the start did"


def marks_of(result: Patterns) -> tuple[tuple[NDArray[np.bool_], str], ...]:
    """Why patterns have no picture, in a word each."""
    return (result.dead, "dead"), (result.failed, "failed")


def empty_mark(result: Patterns, index: int) -> str:
    """What stands on the tile of a pattern without a picture; empty where there is one."""
    return next((name for marks, name in marks_of(result) if marks[index]), "")


def rising(result: Patterns) -> bool:
    """Whether any pattern that has a picture still gained in its last steps."""
    return bool(np.any(~result.empty & ~result.converged))


def amount(value: float) -> str:
    """An activation in three digits or all that are whole.

    >>> amount(1084.4), amount(0.5222), amount(23456789.0)
    ('1,084', '0.522', '2.35e+07')
    """
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else number(value)


def kind_of(layer: LayerInfo | None) -> str:
    """The type of a layer and the size of its output, as far as it is known."""
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
    facts += [f"{count(found)} {name}" for found, name in counts if found] or ["none dead"]
    alive = list(group.alive)
    if alive:
        facts.append(f"{count(group.count(result.converged))} of {count(len(alive))} converged")
        facts.append(f"reached {between(result.activation[alive])}")
    if (middle := group.median_kept) is not None:
        facts.append(f"half keep {percent(middle)} or more")
    if group.layer is not None and group.layer.receptive_field:
        facts.append(f"receptive field {size(group.layer.receptive_field)}")
    return DOT.join(facts)


def between(values: FloatArray) -> str:
    """From the least to the greatest.

    >>> between(np.array([1.5, 20.0], np.float32))
    '1.5 to 20'
    """
    low, high = amount(float(values.min())), amount(float(values.max()))
    return low if low == high else f"{low} to {high}"


def how_made(result: Patterns) -> str:
    """The method and its settings, as a sentence."""
    options = result.options
    high, wide = options.size
    # Channels that began silent took more steps than were asked for.
    late = bool((result.steps > options.steps).any())
    parts = [
        f"method {options.method}",
        f"at most {plural(options.steps, 'step')} of {options.rate:g}"
        + (" from where a channel wakes" if late else ""),
        plural(wide, "position") if high == 1 else f"{size(options.size)} pixels",
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
    how = result.preprocessing
    step = how.apply(np.ones_like(shown)) - how.apply(np.zeros_like(shown))
    if np.all(np.abs(how.apply(shown) - values) <= 1.01 * np.abs(step)):
        return "drawn with the pixels that the network saw"
    return "each drawn with a contrast of its own, not with the pixels that the network saw"


def scale_words(result: Patterns) -> str:
    """What the network saw of a canvas and why, and how that is drawn."""
    how = result.preprocessing
    line = result.values.shape[1] == 1 and result.images.shape[1] != 1
    words = f"{'values as they are' if line else how.describe()} ({how.reason})"
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


def compared(result: Patterns, index: int) -> bool:
    """Whether it is known what natural images reach."""
    return result.natural is not None and bool(np.isfinite(result.natural[index]).all())


def outdone(result: Patterns, index: int) -> bool:
    """Whether a natural image reaches more than the pattern."""
    if result.natural is None:
        return False
    return bool(result.natural[index, 2] > result.activation[index])


def captions(result: Patterns) -> tuple[str, ...]:
    """The lines at the foot of every page: the tiles, the method, the scale, the model."""
    scale, model = f"Scale {scale_words(result)}.", f"Model {model_line(result.model)}."
    return tile_key(result), how_made(result), scale, model
