"""Patterns as JSON: every number that a picture shows, for programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from layersight.export.manifest import manifest_of
from layersight.export.numbers import number
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import ending

MARKS = ("median", "percentile_99", "greatest")
"""What the numbers of natural images are called."""


def patterns_to_json(result: Patterns, options: GalleryOptions) -> dict[str, Any]:
    """Every pattern with its numbers, the contract of ``patterns -o x.json``."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.preprocessing.to_json(),
        "options": result.options.to_json(),
        "natural_count": result.natural_count,
        "frame_steps": list(result.frame_steps),
        "dead": int(result.dead.sum()),
        "failed": int(result.failed.sum()),
        "patterns": [pattern_to_json(result, place) for place in range(len(result))],
        "manifest": manifest_of(result, options),
    }


def pattern_to_json(result: Patterns, place: int, *, history: bool = True) -> dict[str, Any]:
    """One pattern with its numbers; ``None`` for what is not known or no number."""
    objective = result.objectives[place]
    natural = None
    if result.natural is not None:
        values = (number(float(value)) for value in result.natural[place])
        natural = dict(zip(MARKS, values, strict=True))
    percentile = None if result.percentile is None else float(result.percentile[place])
    steps = int(result.steps[place])
    climbed = [number(float(value)) for value in np.asarray(result.history[place][:steps])]
    return {
        "layer": objective.layer,
        "channel": objective.channel,
        "facet": objective.facet,
        "objective": {"words": objective.describe(), **objective.to_json()},
        "activation": number(float(result.activation[place])),
        "start_activation": number(float(result.start_activation[place])),
        "robustness": number(float(result.robustness[place])),
        "dead": bool(result.dead[place]),
        "failed": bool(result.failed[place]),
        "converged": bool(result.converged[place]),
        "steps": steps,
        "ended": ending(result, place),
        "natural": natural,
        "percentile": number(percentile),
        **({"history": climbed} if history else {}),
    }
