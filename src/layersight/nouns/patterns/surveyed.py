"""What a survey says of patterns: how far natural images get, and the strongest of them.

The rule of this module: only what is the same number is compared. A survey knows the mean of each
image's map, which is what a pattern of a channel maximises.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from layersight.document.blocks import Bytes
from layersight.errors import few
from layersight.nouns.patterns.result import Objective, Patterns
from layersight.nouns.survey.montage import montages, resized
from layersight.nouns.survey.result import PERCENTILES, LayerSurvey, Survey

BESIDE = 4
"""So many of the strongest images stand beside a pattern, in a square."""


def with_survey(result: Patterns, survey: Survey) -> Patterns:
    """Patterns with what the images of a survey reach, and crops of the strongest.

    The median and the 99th percentile are right to the survey's relative error, as is the greatest.
    """
    natural = np.full((len(result), 3), np.nan, np.float32)
    percentile = np.full(len(result), np.nan, np.float32)
    side = min(result.images.shape[1:3])
    top, left = ((edge - side) // 2 for edge in result.images.shape[1:3])
    strongest: Bytes = np.full(result.images.shape, 255, np.uint8)
    other: list[str] = []
    for index, objective in enumerate(result):
        entry = _entry(survey, objective)
        if entry is None:
            other.append(objective.describe())
            continue
        channel = objective.channel
        (crops,) = montages(survey, entry, [channel], max(8, side // 2 - 1), BESIDE)
        strongest[index, top : top + side, left : left + side] = resized(crops, (side, side))
        if entry.name != objective.layer or not _is_mean(objective):
            other.append(objective.describe())
            continue
        found = entry.means
        marks = [found.percentiles[channel, PERCENTILES.index(mark)] for mark in (50, 99)]
        natural[index] = *marks, _greatest(entry, channel)
        below = found.share_below(channel, float(result.activation[index]))
        percentile[index] = 100 * below
    notes = list(result.notes)
    if other:
        notes.append(f"not among what the survey counted: {few(other, 4)}")
    layers = [one.layer for one in result if one.layer in survey.counted_as]
    if layers:
        notes.append(f"{survey.uncounted(layers)}, whose strongest images stand beside")
    if len(other) == len(result) and (strongest == 255).all():
        return dataclasses.replace(result, notes=tuple(notes))
    return dataclasses.replace(
        result,
        natural=natural,
        percentile=percentile,
        natural_count=survey.images,
        strongest=strongest,
        dead_over_data=np.array([_silent(survey, objective) for objective in result]),
        notes=tuple(notes),
    )


def _entry(survey: Survey, objective: Objective) -> LayerSurvey | None:
    """What the survey knows of the layer, or of it after its activation function.

    ``None`` for sums, directions and other layers.
    """
    alone = len(objective.terms) == 1 and objective.terms[0].weight > 0
    return survey.standing_for(objective.layer) if alone and objective.channel >= 0 else None


def _is_mean(objective: Objective) -> bool:
    (term,) = objective.terms
    return term.where == "mean" and not term.before and term.weight == 1


def _greatest(entry: LayerSurvey, channel: int) -> float:
    """The greatest mean of an image: of a vector's unit the greatest activation itself."""
    if not entry.strongest.positions.shape[-1]:
        return float(entry.max[channel])
    filled = np.flatnonzero(entry.means.counts[channel])
    return float(entry.means.edges[filled[-1]].mean()) if len(filled) else float("nan")


def _silent(survey: Survey, objective: Objective) -> bool:
    """Whether the channel is dead over the data set."""
    entry = _entry(survey, objective)
    if entry is None or entry.name != objective.layer:
        return False
    return bool(entry.dead[objective.channel])
