"""convlens shows what a convolutional network sees.

One sentence says it all::

    result = verb(model, input, ...)        picture = draw(result)

The names below are loaded when they are first used: importing convlens imports no
framework and no plotting library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from convlens.version import __version__

if TYPE_CHECKING:
    from convlens.errors import ConvlensError
    from convlens.export import read_manifest, save
    from convlens.export.converting import convert
    from convlens.loading import load_model
    from convlens.loading.stored import load_weights
    from convlens.target import Target
    from convlens.verbs.activations import activations, load_image
    from convlens.verbs.evaluate import evaluate
    from convlens.verbs.heatmap import heatmap
    from convlens.verbs.kernels import kernels
    from convlens.verbs.patterns import patterns
    from convlens.verbs.summary import summary

_PLACES = {
    "ConvlensError": "convlens.errors",
    "Target": "convlens.target",
    "activations": "convlens.verbs.activations",
    "convert": "convlens.export.converting",
    "evaluate": "convlens.verbs.evaluate",
    "heatmap": "convlens.verbs.heatmap",
    "kernels": "convlens.verbs.kernels",
    "load_image": "convlens.verbs.activations",
    "load_model": "convlens.loading",
    "load_weights": "convlens.loading.stored",
    "patterns": "convlens.verbs.patterns",
    "read_manifest": "convlens.export",
    "save": "convlens.export",
    "summary": "convlens.verbs.summary",
}

__all__ = [
    "ConvlensError",
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
        raise AttributeError(f"module 'convlens' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
