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
    from layersight.errors import LayersightError
    from layersight.export import read_manifest, save
    from layersight.export.converting import convert
    from layersight.loading import load_model
    from layersight.loading.stored import load_weights
    from layersight.target import Target
    from layersight.verbs.activations import activations, load_image
    from layersight.verbs.evaluate import evaluate
    from layersight.verbs.heatmap import heatmap
    from layersight.verbs.kernels import kernels
    from layersight.verbs.patterns import patterns
    from layersight.verbs.summary import summary

_PLACES = {
    "LayersightError": "layersight.errors",
    "Target": "layersight.target",
    "activations": "layersight.verbs.activations",
    "convert": "layersight.export.converting",
    "evaluate": "layersight.verbs.evaluate",
    "heatmap": "layersight.verbs.heatmap",
    "kernels": "layersight.verbs.kernels",
    "load_image": "layersight.verbs.activations",
    "load_model": "layersight.loading",
    "load_weights": "layersight.loading.stored",
    "patterns": "layersight.verbs.patterns",
    "read_manifest": "layersight.export",
    "save": "layersight.export",
    "summary": "layersight.verbs.summary",
}

__all__ = [
    "LayersightError",
    "Target",
    "__version__",
    "activations",
    "convert",
    "evaluate",
    "heatmap",
    "kernels",
    "load_image",
    "load_model",
    "load_weights",
    "patterns",
    "read_manifest",
    "save",
    "summary",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'layersight' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
