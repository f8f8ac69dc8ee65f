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

LARGEST_PATTERN = 512
"""Pixels of a pattern's side that a page may ask for."""
MOST_WORK = 4096
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


def run_patterns(explorer: Explorer, request: Pattern | Download, tell: Report) -> Patterns:
    """What a channel looks for."""
    options = _checked(request.options, {*options_of(PatternOptions), "objective"})
    side = options.get("size")
    sides = side if isinstance(side, tuple) else (side,)
    if any(isinstance(one, int) and one > LARGEST_PATTERN for one in sides):
        raise UsageError(f"expected a size of at most {LARGEST_PATTERN} pixels, found {side}")
    explorer.check_layer(request.layer or "")
    scale = explorer.options.get("scale")
    return patterns(
        explorer.model,  # what it can do is checked by the verb
        [request.layer or ""],
        str(request.channel or 0),
        method=request.method or "robust",
        scale=scale,
        progress=tell,
        **options,
    )


def run_heatmap(
    explorer: Explorer,
    request: Heatmap | Download,
    tell: Report,
    scores: tuple[str, ...] = (),
) -> Heatmaps:
    """Which pixels of an image decided."""
    photo = explorer.photos.find(request.image or "")
    layer = getattr(request, "layer", None)
    return heatmap(
        explorer.interruptible,
        photo.source,
        method=request.method or "grad-cam",
        target=request.target or None,
        layer=layer or None,
        score_with=scores,
        batch_size=explorer.batch_size(photo),
        progress=tell,
        **{**explorer.options, **_checked(request.options, options_of(HeatmapOptions))},
    )


def _checked(options: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Options from a page, which may be no other than those of methods, nor ask for too much."""
    for name, value in options.items():
        if name not in known:
            raise UsageError(f"unknown option '{name:.40}'.{near(name[:40], known)}")
        counts = name in ("steps", "samples", "masks", "cells", "facets")
        if counts and isinstance(value, int | float) and value > MOST_WORK:
            raise UsageError(f"expected {name} of at most {MOST_WORK}, found {value:g}")
    return options


def download(explorer: Explorer, request: Download, tell: Report) -> Answer:
    """A view as the file that the command line writes."""
    view, name = request.view, _NOUNS.get(request.view, "activations")
    command: Command = importlib.import_module(f"layersight.nouns.{name}.command").COMMAND
    result = _result(explorer, request, tell)
    noun = noun_of(result)
    suffix = f".{request.format}"
    if suffix not in suffixes_of(noun):
        raise UsageError(f"there is no {request.format} of that: choose another format")
    given = {"output": f"x{suffix}"} | ({"view": "channel"} if view == "channel" else {})
    looks: dict[str, Any] = {"view": given.get("view") or command.view(given)}
    if name == "activations":
        looks |= {name: getattr(request, name) for name in ("normalise", "contrast", "colormap")}
    options = make_options(noun, **{key: value for key, value in looks.items() if value})
    stem = "-".join(
        str(part)
        for part in (view, request.layer, request.channel, request.method)
        if part is not None
    )
    return Answer(
        {"name": f"{stem.replace('/', '-')}{suffix}", "mime": _MIMES[request.format]},
        (to_bytes(result, suffix, options),),
    )


def _result(explorer: Explorer, request: Download, tell: Report) -> Any:
    """What a view shows."""
    layers = None if request.layer is None else [request.layer]
    channels = None if request.channel is None else str(request.channel)
    if request.view in ("layer", "channel", "kernel", "pattern"):
        if layers is None or (channels is None and request.view in ("channel", "pattern")):
            raise UsageError("expected the layer and the channel that the file shows")
        explorer.check_layer(layers[0])
    if request.view == "heatmap":
        return run_heatmap(explorer, request, tell)
    if request.view == "pattern":
        return run_patterns(explorer, request, tell)
    if request.view == "kernel":
        return kernels(explorer.model, layers, channels)
    return activations(
        explorer.model,
        explorer.photos.find(request.image or "").source,
        layers=layers,
        channels=channels if request.view == "channel" else None,
        predictions=request.view == "all" or request.format == "json",
        progress=tell,
        **explorer.options,
    )
