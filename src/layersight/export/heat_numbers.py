"""Heatmaps as JSON: every number but the pixels, for programs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layersight.export.manifest import manifest_of
from layersight.export.numbers import number, prediction_to_json
from layersight.nouns.heatmaps.colours import scale_of
from layersight.nouns.heatmaps.groups import ImageMaps, by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import in_padding, places_of
from layersight.nouns.heatmaps.result import Heatmaps, Measure
from layersight.nouns.heatmaps.wording import method_title, target_name


def heatmaps_to_json(result: Heatmaps, options: HeatOptions) -> dict[str, Any]:
    """Every map with its numbers, the contract of ``heatmap -o x.json``."""
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.images[0].preprocessing.to_json(),
        "options": result.options.to_json(),
        "images": [_image(group) for group in by_image(result)],
        "heatmaps": [heatmap_to_json(result, place, options) for place in range(len(result))],
        "warnings": dict(result.warnings),
        "manifest": manifest_of(result, options),
    }


def _image(group: ImageMaps) -> dict[str, Any]:
    """An image, what of it the network saw, and what the model says of it."""
    photograph = group.photograph
    height, width = photograph.pixels.shape[:2]
    top, left, bottom, right = photograph.region
    return {
        **group.shown.to_json(),
        "number": group.image,
        "photograph": {"width": width, "height": height, "reduced": photograph.reduced},
        "region": {"top": top, "left": left, "bottom": bottom, "right": right},
        "predictions": [prediction_to_json(entry) for entry in group.predictions],
    }


def heatmap_to_json(result: Heatmaps, place: int, options: HeatOptions) -> dict[str, Any]:
    """One map with its numbers; ``None`` for what is not known or no number."""
    entry = result.maps[place]
    values = entry.values[np.isfinite(entry.values)].astype(np.float64)
    scale = scale_of(result, place, options)
    where = places_of(result, place)
    return {
        "image": entry.image,
        "image_name": result.images[entry.image].name,
        "method": entry.method,
        "title": method_title(result, entry),
        "target": entry.target.to_json(),
        "target_name": target_name(result, entry),
        "score": number(entry.score),
        "explained": number(entry.explained),
        "layers": list(entry.layers),
        "size": {"height": entry.coarse.shape[0], "width": entry.coarse.shape[1]},
        "signed": entry.signed,
        "empty": entry.empty,
        "min": float(values.min()) if values.size else None,
        "max": float(values.max()) if values.size else None,
        "mean": float(values.mean()) if values.size else None,
        "scale": {"low": scale.low, "high": scale.high, "ground": entry.ground},
        "hottest": None if where.hottest is None else dict(zip("xy", where.hottest, strict=True)),
        "centre": None if where.centre is None else dict(zip("xy", where.centre, strict=True)),
        "box": None
        if where.box is None
        else dict(zip(("x0", "y0", "x1", "y1"), where.box, strict=True)),
        "in_padding": in_padding(entry, result.photographs[entry.image]),
        "measures": [measure_to_json(measure) for measure in entry.measures],
        "notes": list(entry.notes),
    }


def measure_to_json(measure: Measure) -> dict[str, Any]:
    """What a metric says; ``None`` for what is no number."""
    finite = math.isfinite(measure.value) and math.isfinite(measure.random)
    curve = None
    if measure.curve is not None:
        curve = {
            "shares": [number(share) for share in measure.curve.shares],
            "scores": [number(score) for score in measure.curve.scores],
        }
    return {
        "metric": measure.metric,
        "value": number(measure.value),
        "random": number(measure.random),
        "centre": number(measure.centre),
        "higher_is_better": measure.higher_is_better,
        "better_than_random": measure.better_than_random if finite else None,
        "bar": measure.bar,
        "passes": measure.passes if finite else None,
        "curve": curve,
    }
