"""From finished patterns to a result: of one call, of several, and with a survey."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
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

BESIDE = 4  # the strongest images of a survey beside a pattern, in a square
DEAD_GREY = 128
"""What a dead channel or a failed optimisation is shown as; a picture of it would be noise."""


def assemble(
    info: ModelInfo,
    method: Method,
    options: PatternOptions,
    preprocessing: Preprocessing,
    finished: Sequence[RatedPattern],
    *,
    natural_count: int = 0,
    frame_steps: Sequence[int] = (),
    notes: Iterable[str] = (),
    depth: int = 1,
) -> Patterns:
    optimised = [rated.optimised for rated in finished]
    dead = np.array([rated.dead for rated in finished])
    activation, start_activation, robustness, coverage = (
        np.array([getattr(rated, name) for rated in finished], np.float32)
        for name in ("activation", "start_activation", "robustness", "coverage")
    )
    succeeded = gained(start_activation, activation) & ~scattered(coverage)
    empty = dead | ~succeeded
    images = _in_colour(method.show(np.stack([entry.canvas for entry in optimised])), depth)
    images[empty] = DEAD_GREY
    steps = np.array([len(entry.history) for entry in optimised])
    history = np.full((len(finished), steps.max()), np.nan, np.float32)
    for row, entry in zip(history, optimised, strict=True):
        row[: len(entry.history)] = entry.history
    natural = _stacked([rated.natural for rated in finished])
    frames = None
    if frame_steps:
        frames = np.stack([_in_colour(np.stack(entry.frames), depth) for entry in optimised], 1)
        frames[:, empty] = DEAD_GREY
    return Patterns(
        model=info,
        options=options,
        preprocessing=preprocessing,
        objectives=tuple(rated.objective for rated in finished),
        images=images,
        values=np.stack([rated.value for rated in finished]),
        activation=activation,
        start_activation=start_activation,
        robustness=robustness,
        coverage=coverage,
        dead=dead,
        converged=np.array([entry.converged for entry in optimised]) & succeeded,
        steps=steps,
        history=history,
        natural=None if natural is None else natural[:, :3],
        percentile=None if natural is None else natural[:, 3],
        transparency=_stacked([rated.transparency for rated in finished]),
        natural_count=natural_count,
        frames=frames,
        frame_steps=tuple(frame_steps),
        notes=(*notes, *_waking_notes(finished)),
    )


def _stacked(arrays: Iterable[FloatArray | None]) -> FloatArray | None:
    """One array of what all patterns have or none of them."""
    known = [array for array in arrays if array is not None]
    return np.stack(known) if known else None


def _waking_notes(finished: Sequence[RatedPattern]) -> Iterator[str]:
    """Which channels their first start alone did not wake."""
    leaked = [rated.objective for rated in finished if rated.optimised.leaked]
    restarted = [
        rated.objective for rated in finished if rated.optimised.awake and rated.optimised.attempt
    ]
    for words, objectives in (
        ("silent at their start, woken by a leaking gradient", leaked),
        ("silent at the first start, woken from another one", restarted),
    ):
        if names := dict.fromkeys(f"{one.layer} {one.channel}" for one in objectives):
            yield f"{words}: {few([*names], 6)}"


def check_same(done: Patterns, info: ModelInfo, options: PatternOptions, scale: str) -> None:
    """Refuses to go on with patterns of another model, or of other options."""
    if done.model.digest != info.digest:
        raise UsageError("the patterns that are done are of another model: start anew")
    if done.options != options or done.preprocessing.name != scale:
        raise UsageError("the patterns that are done were made with other options: start anew")


def merge(objectives: Sequence[Objective], parts: Sequence[Patterns]) -> Patterns:
    """One result of several parts, in the order of ``objectives``, each of which is in a part."""
    if len(parts) == 1:
        return parts[0]
    together = [objective for part in parts for objective in part.objectives]
    longest = max(part.history.shape[1] for part in parts)

    def join(name: str) -> Any:
        arrays = [getattr(part, name) for part in parts]
        if any(array is None for array in arrays):
            return None
        if name == "history":
            arrays = [
                np.pad(array, ((0, 0), (0, longest - array.shape[1])), constant_values=np.nan)
                for array in arrays
            ]
        return np.concatenate(arrays, AXES[name].index("pattern"))

    joined = dataclasses.replace(
        parts[-1],
        objectives=tuple(together),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        **{name: join(name) for name in AXES},
    )
    # Where two parts have the same pattern, the later one counts.
    indices = {objective: index for index, objective in enumerate(together)}
    return joined.take([indices[objective] for objective in objectives])


def with_survey(result: Patterns, survey: Survey) -> Patterns:
    """Patterns with what the images of a survey reach, and crops of the strongest.

    Only like numbers are compared: a pattern of a channel maximises the mean of its map, and the
    survey has that mean for each image. The median, the 99th percentile and the greatest are right
    to the survey's relative error.
    """
    natural = np.full((len(result), 3), np.nan, np.float32)
    percentile = np.full(len(result), np.nan, np.float32)
    dead = np.zeros(len(result), np.bool_)
    side = min(result.images.shape[1:3])
    top, left = ((edge - side) // 2 for edge in result.images.shape[1:3])
    strongest: Bytes = np.full(result.images.shape, BLANK, np.uint8)
    uncounted: list[str] = []
    for index, objective in enumerate(result):
        channel, term, entry = objective.channel, objective.terms[0], None
        if len(objective.terms) == 1 and term.weight > 0 and channel >= 0:
            entry = survey.standing_for(objective.layer)
        if entry is not None:
            (crops,) = montages(survey, entry, [channel], max(8, side // 2 - 1), BESIDE)
            strongest[index, top : top + side, left : left + side] = resized(crops, (side, side))
        if entry is None or entry.name != objective.layer:
            uncounted.append(objective.describe())
            continue
        dead[index] = entry.dead[channel]
        if term.where != "mean" or term.before or term.weight != 1:
            uncounted.append(objective.describe())
            continue
        means = entry.means
        marks = [means.percentiles[channel, PERCENTILES.index(mark)] for mark in (50, 99)]
        natural[index] = *marks, _greatest(entry, channel)
        percentile[index] = 100 * means.share_below(channel, float(result.activation[index]))
    notes = list(result.notes)
    if uncounted:
        notes.append(f"not among what the survey counted: {few(uncounted, 4)}")
    layers = [name for name in result.layers if name in survey.counted_as]
    if layers:
        notes.append(f"{survey.uncounted(layers)}, whose strongest images stand beside")
    if len(uncounted) == len(result) and (strongest == BLANK).all():
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
    """The greatest mean of an image, which for a unit of a vector is its greatest activation."""
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
