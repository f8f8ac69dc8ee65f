"""layersight shows what a convolutional network sees.

One sentence says it all::

    result = verb(model, input, ...)        picture = draw(result)

The names below are loaded when they are first used: importing layersight imports no
framework and no plotting library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from layersight.version import __version__

if TYPE_CHECKING:
    from layersight.data.target import Target
    from layersight.errors import Interrupted, LayersightError
    from layersight.export import read_manifest, save
    from layersight.export.converting import convert
    from layersight.loading import load_model
    from layersight.loading.stored import load_weights
    from layersight.nouns.activations.compute import activations, load_image
    from layersight.nouns.channel.compute import channel
    from layersight.nouns.evaluation.compute import evaluate
    from layersight.nouns.heatmaps.compute import heatmap
    from layersight.nouns.heatmaps.metrics.bench import measure
    from layersight.nouns.heatmaps.metrics.cascade import cascade
    from layersight.nouns.kernels.compute import kernels
    from layersight.nouns.patterns.compute import patterns
    from layersight.nouns.patterns.result import Objective, Term
    from layersight.nouns.summary.compute import summary
    from layersight.nouns.survey.compute import survey
    from layersight.nouns.survey.reading import read_survey
    from layersight.web.notebook import explore

_PLACES = {
    "Interrupted": "layersight.errors",
    "LayersightError": "layersight.errors",
    "Objective": "layersight.nouns.patterns.result",
    "Target": "layersight.data.target",
    "Term": "layersight.nouns.patterns.result",
    "activations": "layersight.nouns.activations.compute",
    "cascade": "layersight.nouns.heatmaps.metrics.cascade",
    "channel": "layersight.nouns.channel.compute",
    "convert": "layersight.export.converting",
    "evaluate": "layersight.nouns.evaluation.compute",
    "explore": "layersight.web.notebook",
    "heatmap": "layersight.nouns.heatmaps.compute",
    "kernels": "layersight.nouns.kernels.compute",
    "load_image": "layersight.nouns.activations.compute",
    "load_model": "layersight.loading",
    "load_weights": "layersight.loading.stored",
    "measure": "layersight.nouns.heatmaps.metrics.bench",
    "patterns": "layersight.nouns.patterns.compute",
    "read_manifest": "layersight.export",
    "read_survey": "layersight.nouns.survey.reading",
    "save": "layersight.export",
    "summary": "layersight.nouns.summary.compute",
    "survey": "layersight.nouns.survey.compute",
}

__all__ = [
    "Interrupted",
    "LayersightError",
    "Objective",
    "Target",
    "Term",
    "__version__",
    "activations",
    "cascade",
    "channel",
    "convert",
    "evaluate",
    "explore",
    "heatmap",
    "kernels",
    "load_image",
    "load_model",
    "load_weights",
    "measure",
    "patterns",
    "read_manifest",
    "read_survey",
    "save",
    "summary",
    "survey",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'layersight' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
