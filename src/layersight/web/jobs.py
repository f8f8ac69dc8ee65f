"""What takes long: patterns, heatmaps, and files of any view.

The rule of this module: a file is the one that the command line writes for the same request.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

from layersight.data.command import Command
from layersight.data.fields import options_of
from layersight.document.noun import noun_of
from layersight.errors import UsageError, near
from layersight.export.files import make_options, suffixes_of, to_bytes
from layersight.nouns.activations.compute import activations
from layersight.nouns.heatmaps.compute import heatmap
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.kernels.compute import kernels
from layersight.nouns.patterns.compute import patterns
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.result import Patterns
from layersight.web.explorer import Answer, Explorer
from layersight.web.requests import Download, Heatmap, Pattern
from layersight.web.work import Report

MAX_PATTERN = 512
"""Pixels of a pattern's side that a page may ask for."""
MAX_COUNT = 4096
"""Steps, samples, masks and the like that a page may ask for."""

_MIMES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "npz": "application/zip",
    "json": "application/json",
    "html": "text/html",
}

_NOUNS = {"heatmap": "heatmaps", "pattern": "patterns", "kernel": "kernels"}
"""The kind of result that a view shows, where that is not activations."""


def run_patterns(explorer: Explorer, request: Pattern | Download, report: Report) -> Patterns:
    options = _check(request.options, {*options_of(PatternOptions), "objective"})
    size = options.get("size")
    sides = size if isinstance(size, tuple) else (size,)
    if any(isinstance(side, int) and side > MAX_PATTERN for side in sides):
        raise UsageError(f"expected a size of at most {MAX_PATTERN} pixels, found {size}")
    explorer.check_layer(request.layer or "")
    return patterns(
        explorer.model,  # whether it can be optimised is checked by the verb
        [request.layer or ""],
        str(request.channel or 0),
        method=request.method or "robust",
        scale=explorer.options.get("scale"),
        progress=report,
        **options,
    )


def run_heatmap(
    explorer: Explorer,
    request: Heatmap | Download,
    report: Report,
    scores: tuple[str, ...] = (),
) -> Heatmaps:
    photo = explorer.photos.find(request.image or "")
    return heatmap(
        explorer.interruptible,
        photo.source,
        method=request.method or "grad-cam",
        target=request.target or None,
        layer=request.layer or None,
        score_with=scores,
        batch_size=explorer.batch_size(photo),
        progress=report,
        **{**explorer.options, **_check(request.options, options_of(HeatmapOptions))},
    )


def _check(options: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Options from a page, which must be those of methods and not ask for too much."""
    for name, value in options.items():
        if name not in names:
            raise UsageError(f"unknown option '{name:.40}'.{near(name[:40], names)}")
        is_count = name in ("steps", "samples", "masks", "cells", "facets")
        if is_count and isinstance(value, int | float) and value > MAX_COUNT:
            raise UsageError(f"expected {name} of at most {MAX_COUNT}, found {value:g}")
    return options


def download(explorer: Explorer, request: Download, report: Report) -> Answer:
    """A view as the file that the command line writes."""
    view, noun_name = request.view, _NOUNS.get(request.view, "activations")
    command: Command = importlib.import_module(f"layersight.nouns.{noun_name}.command").COMMAND
    result = _result(explorer, request, report)
    noun = noun_of(result)
    suffix = f".{request.format}"
    if suffix not in suffixes_of(noun):
        raise UsageError(f"there is no {request.format} of that: choose another format")
    options: dict[str, Any] = {
        "view": "channel" if view == "channel" else command.view({"output": f"x{suffix}"})
    }
    if noun_name == "activations":
        options |= {name: getattr(request, name) for name in ("normalise", "contrast", "colormap")}
    parts = (view, request.layer, request.channel, request.method)
    stem = "-".join(str(part) for part in parts if part is not None).replace("/", "-")
    picture = make_options(noun, **{name: value for name, value in options.items() if value})
    return Answer(
        {"name": f"{stem}{suffix}", "mime": _MIMES[request.format]},
        (to_bytes(result, suffix, picture),),
    )


def _result(explorer: Explorer, request: Download, report: Report) -> Any:
    """The result that a view shows."""
    layers = None if request.layer is None else [request.layer]
    channels = None if request.channel is None else str(request.channel)
    if request.view in ("layer", "channel", "kernel", "pattern"):
        if layers is None or (channels is None and request.view in ("channel", "pattern")):
            raise UsageError("expected the layer and the channel that the file shows")
        explorer.check_layer(layers[0])
    if request.view == "heatmap":
        return run_heatmap(explorer, request, report)
    if request.view == "pattern":
        return run_patterns(explorer, request, report)
    if request.view == "kernel":
        return kernels(explorer.model, layers, channels)
    return activations(
        explorer.model,
        explorer.photos.find(request.image or "").source,
        layers=layers,
        channels=channels if request.view == "channel" else None,
        predictions=request.view == "all" or request.format == "json",
        progress=report,
        **explorer.options,
    )
