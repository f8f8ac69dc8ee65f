"""The network as a page lists it: its layers, what can be requested, and with which options.

The rule of this module: words come from where the command line has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layersight.data.colormaps import COLORMAPS
from layersight.data.fields import Option, options_of
from layersight.data.model import LayerInfo
from layersight.model import HasKernels, Optimisable
from layersight.nouns.heatmaps.methods import method as heatmap_methods
from layersight.nouns.heatmaps.metrics.metric import metrics
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.nouns.patterns.command import PatternRequest
from layersight.nouns.patterns.methods import method as pattern_methods
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.summary.compute import to_json
from layersight.web import photos
from layersight.web.explorer import Answer, Explorer
from layersight.web.frames import Json
from layersight.web.maps import kind_of
from layersight.web.requests import ModelRequest
from layersight.web.snippets import snippets

_TEXTS = ["title", "says", "misleads", "source"]
_METHOD = [*_TEXTS, "assumes", "warning", "costly", "layers", "signed"]
_METRIC = [*_TEXTS, "higher_is_better"]
_OPTION = ["name", "flag", "several", "low", "high", "unit"]


def answer_model(explorer: Explorer, request: ModelRequest) -> Answer:
    photo = None if request.image is None else explorer.photos.find(request.image)
    info = explorer.model.info if photo is None else explorer.result(photo).info
    notes = [*info.notes]
    if explorer.photos.left_out:
        notes.append(f"the first {len(explorer.photos.opened)} images are shown")
    image_input = info.image_input
    available = features(explorer)
    summary = to_json(info)
    return Answer(
        {
            **summary,
            "source": Path(info.source).name,
            "id": info.digest.rpartition(":")[2][:12],
            "labels": None if info.labels is None else list(info.labels),
            "notes": notes,
            "input": None if image_input is None else image_input.name,
            "layers": [
                entry | _layer_fields(layer, has_kernels=available["kernel"])
                for layer, entry in zip(info.layers, summary["layers"], strict=True)
            ],
            "features": available,
            "limits": {"bytes": photos.MAX_UPLOAD_BYTES, "pixels": photos.MAX_UPLOAD_PIXELS},
            "methods": _heatmap_methods() if available["heatmap"] else [],
            "metrics": [
                _fields(metric, _METRIC, name=name, costly=metric.explains)
                for name, metric in metrics().items()
            ],
            "patterns": {"methods": _pattern_methods() if available["pattern"] else []},
            "colormaps": list(COLORMAPS),
            "words": snippets(explorer.settings.origin),
        }
    )


def features(explorer: Explorer) -> dict[str, bool]:
    """What a page can offer."""
    images = explorer.takes_images
    uploads = images and not explorer.settings.read_only
    return {
        "upload": uploads,
        "edit": uploads,
        "sample": uploads,
        "pattern": images and isinstance(explorer.model, Optimisable),
        "heatmap": images,
        "kernel": isinstance(explorer.model, HasKernels),
        "survey": explorer.settings.survey is not None,
        "download": True,
        "position": images,
    }


def _layer_fields(layer: LayerInfo, *, has_kernels: bool) -> Json:
    """What a page needs of a layer beside its summary."""
    kind, shape, placement = kind_of(layer), layer.example_shape, layer.placement
    size, field = layer.receptive_field, None
    if kind == "maps" and placement is not None and len(placement.start) == 2 and size:
        field = {"size": list(size), "step": list(placement.step), "start": list(placement.start)}
    flat = layer.kernel is not None and len(layer.kernel) == 2
    return {
        "shape": None if shape is None else list(shape),
        "kind": kind,
        "channels": layer.channels,
        "kernels": has_kernels and flat and layer.role == "convolution" and layer.parameters > 0,
        "field": field,
    }


def _fields(source: Any, names: list[str], **more: Any) -> Json:
    return {name: getattr(source, name) for name in names} | more


def _option(option: Option, default: Any, title: str = "") -> Json:
    """An option of a method, for a form."""
    return _fields(
        option,
        _OPTION,
        help=option.help.removeprefix(f"{title}: "),
        default=list(default) if isinstance(default, tuple) else default,
        kind="str" if option.kind is None else option.kind.__name__,
        choices=list(option.choices),
    )


def _heatmap_methods() -> list[Json]:
    shared = options_of(HeatmapOptions).values()
    return [
        _fields(
            method,
            _METHOD,
            name=name,
            options=[
                _option(option, option.default, method.title)
                for option in shared
                if method.reads(option.name) or (option.name == "score" and method.scored)
            ],
        )
        for name, method in heatmap_methods.methods().items()
    ]


def _pattern_methods() -> list[Json]:
    objective = options_of(PatternRequest)["objective"]
    shared = [option for name, option in options_of(PatternOptions).items() if name != "method"]

    def options(defaults: PatternOptions) -> list[Json]:
        # The size of a model's input is not known before a pattern is requested.
        values = {option.name: getattr(defaults, option.name) for option in shared} | {"size": []}
        return [
            _option(objective, objective.default),
            *(_option(option, values[option.name]) for option in shared),
        ]

    return [
        {"name": name, "says": method.says, "options": options(method.defaults)}
        for name, method in pattern_methods.methods().items()
    ]
