"""Activations as JSON: every number that a picture shows, for programs."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from layersight.data.prediction import Prediction
from layersight.export.manifest import manifest_of
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation


def dump_json(document: dict[str, Any]) -> bytes:
    """A JSON document as UTF-8."""
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    # What UTF-8 cannot hold (a file's name in another encoding) becomes an escape of JSON.
    return (text + "\n").encode("utf-8", "backslashreplace")


def activations_to_json(result: Activations, options: PictureOptions) -> dict[str, Any]:
    """The statistics of every channel, the contract of ``activations -o x.json``.

    For one image ``layers`` and ``predictions`` stand at the top; for several there is a
    list ``images``, each entry with its own.
    """
    documents = [_one_image(result, image) for image in range(len(result.images))]
    body = documents[0] if len(documents) == 1 else {"images": documents}
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "preprocessing": result.images[0].preprocessing.to_json(),
        **body,
        "manifest": manifest_of(result, options),
    }


def _one_image(result: Activations, image: int) -> dict[str, Any]:
    predictions = result.predictions[image] if result.predictions else ()
    return {
        "image": result.images[image].to_json(),
        "predictions": [prediction_to_json(entry) for entry in predictions],
        "layers": [_layer(entry, image) for entry in result.layers],
    }


def prediction_to_json(entry: Prediction) -> dict[str, Any]:
    """What the model says of an image at one of its outputs."""
    return {
        "output": entry.output,
        "size": entry.size,
        "kind": entry.kind,
        "shape": list(entry.shape),
        "min": entry.low,
        "max": entry.high,
        "top": [
            {"index": top.index, "label": top.label, "score": number(top.score)}
            for top in entry.top
        ],
    }


def _layer(entry: LayerActivation, image: int) -> dict[str, Any]:
    stats = entry.statistics
    columns = {
        name: getattr(stats, name)[image].tolist()
        for name in ("mean", "std", "min", "max", "sparsity", "dead")
    }
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(stats.mean[image].mean())
    return {
        "name": entry.name,
        "type": entry.layer.type,
        "shape": list(entry.values.shape[1:]),
        **({} if entry.layer.axes is None else {"axes": list(entry.layer.axes)}),
        "mean": number(mean),
        "min": number(float(stats.min[image].min())),
        "max": number(float(stats.max[image].max())),
        "sparsity": number(entry.sparsity(image)),
        "dead": entry.dead(image),
        "channels": [
            {
                "index": index,
                **{name: number(values[place]) for name, values in columns.items()},
            }
            for place, index in enumerate(entry.channels)
        ],
    }


def number(value: Any) -> Any:
    """A number as JSON has it: ``None`` for what is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
