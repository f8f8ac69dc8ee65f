"""What a page is told of a network: its layers, what can be asked for, and with which options.

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
from layersight.web.requests import OfModel
from layersight.web.wording import words_of

_SAID = ["title", "says", "misleads", "source"]
_METHOD = [*_SAID, "assumes", "warning", "costly", "layers", "signed"]
_METRIC = [*_SAID, "higher_is_better"]
_OPTION = ["name", "several", "low", "high", "unit"]


def model_of(explorer: Explorer, request: OfModel) -> Answer:
    photo = None if request.image is None else explorer.photos.find(request.image)
    info = explorer.model.info if photo is None else explorer.seen(photo).info
    notes = [*info.notes]
    if explorer.photos.left_out:
        notes.append(f"the first {len(explorer.photos.given)} images are shown")
    entry = info.image_input
    able = features(explorer)
    own = to_json(info)
    return Answer(
        {
            **own,
            "source": Path(info.source).name,
            "id": info.digest.rpartition(":")[2][:12],
            "labels": None if info.labels is None else list(info.labels),
            "notes": notes,
            "input": None if entry is None else entry.name,
            "layers": [
                _layer_words(layer, known, has_kernels=able["kernel"])
                for layer, known in zip(info.layers, own["layers"], strict=True)
            ],
            "features": able,
            "limits": {"bytes": photos.MOST_BYTES, "pixels": photos.MOST_PIXELS},
            "methods": _methods() if able["heatmap"] else [],
            "metrics": _metrics(),
            "patterns": _patterns() if able["pattern"] else {"methods": []},
            "colormaps": list(COLORMAPS),
            "words": words_of(explorer.settings.origin),
        }
    )


def features(explorer: Explorer) -> dict[str, bool]:
    """What a page can offer."""
    sends = explorer.takes_pictures and not explorer.settings.read_only
    return {
        "upload": sends,
        "edit": sends,
        "sample": sends,
        "pattern": explorer.takes_pictures and isinstance(explorer.model, Optimisable),
        "heatmap": explorer.takes_pictures,
        "kernel": isinstance(explorer.model, HasKernels),
        "survey": explorer.settings.survey is not None,
        "download": True,
        "position": explorer.takes_pictures,
    }


def _layer_words(layer: LayerInfo, known: Json, *, has_kernels: bool) -> Json:
    """A layer as the page lists it."""
    kind, shape, place = kind_of(layer), layer.example_shape, layer.placement
    field = None
    if kind == "maps" and place is not None and len(place.start) == 2 and layer.receptive_field:
        field = {
            "size": list(layer.receptive_field),
            "step": list(place.step),
            "start": list(place.start),
        }
    flat = layer.kernel is not None and len(layer.kernel) == 2
    return {
        **known,
        "shape": None if shape is None else list(shape),
        "kind": kind,
        "channels": layer.channels,
        "kernels": has_kernels and flat and layer.role == "convolution" and layer.parameters > 0,
        "field": field,
    }


def _told(of: Any, names: list[str], **more: Any) -> Json:
    return {name: getattr(of, name) for name in names} | more


def _option(declared: Option, default: Any, title: str = "") -> Json:
    """An option of a method, for a form."""
    return _told(
        declared,
        _OPTION,
        help=declared.help.removeprefix(f"{title}: "),
        default=list(default) if isinstance(default, tuple) else default,
        kind="str" if declared.kind is None else declared.kind.__name__,
        choices=list(declared.choices),
    )


def _methods() -> list[Json]:
    shared = options_of(HeatmapOptions).values()
    return [
        _told(
            method,
            _METHOD,
            name=name,
            options=[
                _option(one, one.default, method.title) for one in shared if method.reads(one.name)
            ],
        )
        for name, method in heatmap_methods.methods().items()
    ]


def _metrics() -> list[Json]:
    return [
        _told(metric, _METRIC, name=name, costly=metric.explains)
        for name, metric in metrics().items()
    ]


def _patterns() -> Json:
    asked = options_of(PatternRequest)["objective"]
    own = [one for name, one in options_of(PatternOptions).items() if name != "method"]

    def options(usual: PatternOptions) -> list[Json]:
        # The size of a model's input is not known before it is asked for a pattern.
        given = {one.name: getattr(usual, one.name) for one in own} | {"size": []}
        return [_option(asked, asked.default), *(_option(one, given[one.name]) for one in own)]

    return {
        "methods": [
            {"name": name, "says": method.says, "options": options(method.defaults)}
            for name, method in pattern_methods.methods().items()
        ]
    }
