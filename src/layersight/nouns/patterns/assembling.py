"""From patterns that are done to a result: a part of one, the whole, and what a survey adds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import UsageError, few
from layersight.nouns.patterns.canvas import pictures_of
from layersight.nouns.patterns.methods.method import Method
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.result import AXES, Objective, Patterns, gained, scattered
from layersight.nouns.patterns.running import RatedPattern
from layersight.nouns.survey.montage import BLANK, montages, resized
from layersight.nouns.survey.result import PERCENTILES, LayerSurvey, Survey

BESIDE = 4
"""So many of the strongest images of a survey stand beside a pattern, in a square."""

DEAD_GREY = 128
"""What a dead channel or a failed optimisation is shown as; a picture of it would be noise."""


def assemble(
    info: ModelInfo,
    method: Method,
    options: PatternOptions,
    preprocessing: Preprocessing,
    done: Sequence[RatedPattern],
    *,
    natural_count: int = 0,
    frame_steps: Sequence[int] = (),
    notes: Iterable[str] = (),
    depth: int = 1,
) -> Patterns:
    """The result of patterns that are done, in their order."""
    optimised = [rated.optimised for rated in done]
    dead = np.array([rated.dead for rated in done])
    activation, start_activation, robustness, coverage = (
        np.array([getattr(rated, name) for rated in done], np.float32)
        for name in ("activation", "start_activation", "robustness", "coverage")
    )
    rose = gained(start_activation, activation) & ~scattered(coverage)
    empty = dead | ~rose
    images = _in_colour(method.show(np.stack([entry.canvas for entry in optimised])), depth)
    images[empty] = DEAD_GREY
    steps = np.array([len(entry.history) for entry in optimised])
    history = np.full((len(done), steps.max()), np.nan, np.float32)
    for row, entry in zip(history, optimised, strict=True):
        row[: len(entry.history)] = entry.history
    natural = _stacked([rated.natural for rated in done])
    frames = None
    if frame_steps:
        ways = [_in_colour(np.stack(entry.frames), depth) for entry in optimised]
        frames = np.stack(ways, 1)
        frames[:, empty] = DEAD_GREY
    return Patterns(
        model=info,
        options=options,
        preprocessing=preprocessing,
        objectives=tuple(rated.objective for rated in done),
        images=images,
        values=np.stack([rated.value for rated in done]),
        activation=activation,
        start_activation=start_activation,
        robustness=robustness,
        coverage=coverage,
        dead=dead,
        converged=np.array([entry.converged for entry in optimised]) & rose,
        steps=steps,
        history=history,
        natural=None if natural is None else natural[:, :3],
        percentile=None if natural is None else natural[:, 3],
        transparency=_stacked([rated.transparency for rated in done]),
        natural_count=natural_count,
        frames=frames,
        frame_steps=tuple(frame_steps),
        notes=(*notes, *_woken(done)),
    )


def _stacked(arrays: Iterable[FloatArray | None]) -> FloatArray | None:
    """What all patterns have or none of them."""
    known = [array for array in arrays if array is not None]
    return np.stack(known) if known else None


def _woken(done: Sequence[RatedPattern]) -> list[str]:
    """Which channels the start that was meant for them did not wake."""
    pairs = [(rated.objective, rated.optimised) for rated in done]
    leaked = [of for of, entry in pairs if entry.leaked]
    other = [of for of, entry in pairs if entry.awake and entry.attempt]
    return [
        f"{what}: {few([*dict.fromkeys(f'{of.layer} {of.channel}' for of in found)], 6)}"
        for what, found in (
            ("silent at their start, woken by a leaking gradient", leaked),
            ("silent at the first start, woken from another one", other),
        )
        if found
    ]


def check_same(done: Patterns, info: ModelInfo, options: PatternOptions, scale: str) -> None:
    """Refuses to go on with patterns of another model, or of other options."""
    if done.model.digest != info.digest:
        raise UsageError("the patterns that are done are of another model: start anew")
    if done.options != options or done.preprocessing.name != scale:
        raise UsageError("the patterns that are done were made with other options: start anew")


def merge(objectives: Sequence[Objective], parts: Sequence[Patterns]) -> Patterns:
    """One result of several, in the order of ``objectives``, each of which is in a part."""
    if len(parts) == 1:
        return parts[0]
    together = [objective for part in parts for objective in part.objectives]
    longest = max(part.history.shape[1] for part in parts)

    def joined(name: str) -> Any:
        arrays = [getattr(part, name) for part in parts]
        if any(array is None for array in arrays):
            return None
        if name == "history":
            arrays = [
                np.pad(array, ((0, 0), (0, longest - array.shape[1])), constant_values=np.nan)
                for array in arrays
            ]
        return np.concatenate(arrays, AXES[name].index("pattern"))

    whole = dataclasses.replace(
        parts[-1],
        objectives=tuple(together),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        **{name: joined(name) for name in AXES},
    )
    # Where two parts have the same pattern, the later one counts.
    indices = {objective: index for index, objective in enumerate(together)}
    return whole.take([indices[objective] for objective in objectives])


def with_survey(result: Patterns, survey: Survey) -> Patterns:
    """Patterns with what the images of a survey reach, and crops of the strongest.

    Only what is the same number is compared: the mean of each image's map, which is what a pattern
    of a channel maximises. The median and the 99th percentile are right to the survey's relative
    error, as is the greatest.
    """
    natural = np.full((len(result), 3), np.nan, np.float32)
    percentile = np.full(len(result), np.nan, np.float32)
    dead = np.zeros(len(result), np.bool_)
    side = min(result.images.shape[1:3])
    top, left = ((edge - side) // 2 for edge in result.images.shape[1:3])
    strongest: Bytes = np.full(result.images.shape, BLANK, np.uint8)
    other: list[str] = []
    for index, objective in enumerate(result):
        channel, term, entry = objective.channel, objective.terms[0], None
        if len(objective.terms) == 1 and term.weight > 0 and channel >= 0:
            entry = survey.standing_for(objective.layer)
        if entry is not None:
            (crops,) = montages(survey, entry, [channel], max(8, side // 2 - 1), BESIDE)
            strongest[index, top : top + side, left : left + side] = resized(crops, (side, side))
        if entry is None or entry.name != objective.layer:
            other.append(objective.describe())
            continue
        dead[index] = entry.dead[channel]
        if term.where != "mean" or term.before or term.weight != 1:
            other.append(objective.describe())
            continue
        found = entry.means
        marks = [found.percentiles[channel, PERCENTILES.index(mark)] for mark in (50, 99)]
        natural[index] = *marks, _greatest(entry, channel)
        percentile[index] = 100 * found.share_below(channel, float(result.activation[index]))
    notes = list(result.notes)
    if other:
        notes.append(f"not among what the survey counted: {few(other, 4)}")
    layers = [name for name in result.layers if name in survey.counted_as]
    if layers:
        notes.append(f"{survey.uncounted(layers)}, whose strongest images stand beside")
    if len(other) == len(result) and (strongest == BLANK).all():
        return dataclasses.replace(result, notes=tuple(notes))
    return dataclasses.replace(
        result,
        natural=natural,
        percentile=percentile,
        natural_count=survey.images,
        strongest=strongest,
        dead_over_data=dead,
        notes=tuple(notes),
    )


def _greatest(entry: LayerSurvey, channel: int) -> float:
    """The greatest mean of an image: of a vector's unit the greatest activation itself."""
    if not entry.strongest.positions.shape[-1]:
        return float(entry.max[channel])
    filled = np.flatnonzero(entry.means.counts[channel])
    return float(entry.means.edges[filled[-1]].mean()) if len(filled) else float("nan")


def _in_colour(shown: Bytes, depth: int) -> Bytes:
    """Pictures in three colours: grey ones repeated, of more bands the first three."""
    if depth != 1:
        return pictures_of(shown, depth)
    channels = shown.shape[-1]
    if channels == 1:
        shown = np.repeat(shown, 3, -1)
    elif channels == 2:
        shown = np.concatenate([shown, np.zeros_like(shown[..., :1])], -1)
    return np.ascontiguousarray(shown[..., :3])
