"""What a page can ask for, as dataclasses whose fields are options.

The rule of this module: whatever comes from a page is checked here, by kind, length and range,
before anything looks at it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

from layersight.data.colormaps import COLORMAPS
from layersight.data.fields import Options, british_spelling, option, options_of
from layersight.errors import UsageError, near
from layersight.nouns.activations.options import NORMALISATIONS
from layersight.nouns.heatmaps.request import METRICS

MAX_LENGTH = 4096
"""Characters of a word."""
MAX_OPTIONS = 40
"""Options of a method in one request, and values of one option."""
MAX_PHOTOGRAPH = 1024
"""Pixels of the longest side of a photograph as the page gets it."""

MethodOptions = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request(Options):
    """The base of all requests; a word whose default is empty is required."""


@dataclass(frozen=True, slots=True)
class ModelRequest(Request):
    """The network; with an image its layers have the shapes that they have for it."""

    image: str | None = option(None, help="The id of an image.")


@dataclass(frozen=True, slots=True)
class EmptyRequest(Request):
    """A request without parameters."""


@dataclass(frozen=True, slots=True)
class Upload(Request):
    name: str = option("", help="The name of the file.")


@dataclass(frozen=True, slots=True)
class ImageRequest(Request):
    """A request about one image."""

    image: str = option("", help="The id of an image.")


@dataclass(frozen=True, slots=True)
class Photograph(ImageRequest):
    longest: int = option(
        MAX_PHOTOGRAPH, help="Pixels of its longest side.", low=16, high=MAX_PHOTOGRAPH
    )
    seen: bool = option(False, help="As the network sees it.")
    frame: int | None = option(None, help="Which frame of a film or volume.", low=0)


@dataclass(frozen=True, slots=True)
class Layer(ImageRequest):
    layer: str = option("", help="The name of a layer.")
    slice: int | None = option(None, help="Which slice of a volume.", low=0)


@dataclass(frozen=True, slots=True)
class Predictions(ImageRequest):
    top: int = option(5, help="Classes of each output.", low=1, high=10)


@dataclass(frozen=True, slots=True)
class Exact(Layer):
    channel: int | None = option(None, help="A channel.", low=0)
    whole: bool = option(False, help="All slices of a volume.")


@dataclass(frozen=True, slots=True)
class Position(ImageRequest):
    """The values of each layer at a point of the image, in pixels of the network's input."""

    y: float = option(0.0, help="Distance from the top.", low=0, high=1e6)
    x: float = option(0.0, help="Distance from the left.", low=0, high=1e6)


@dataclass(frozen=True, slots=True)
class Channel(Request):
    """A channel of a layer, independent of the image."""

    layer: str = option("", help="The name of a layer.")
    channel: int = option(0, help="A channel.", low=0)


@dataclass(frozen=True, slots=True)
class Pattern(Channel):
    method: str = option("robust", help="How it is found.")
    options: MethodOptions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heatmap(ImageRequest):
    method: str = option("grad-cam", help="How it is made.")
    target: str | None = option(None, help="What is explained.")
    layer: str | None = option(None, help="Whose maps are used.")
    scores: tuple[str, ...] = field(default=())
    options: MethodOptions = field(default_factory=dict)


VIEWS = ("all", "layer", "channel", "heatmap", "pattern", "kernel")
FORMATS = ("png", "svg", "pdf", "npz", "json", "html")


@dataclass(frozen=True, slots=True)
class Download(Request):
    view: str = option("layer", help="What it shows.", choices=VIEWS)
    format: str = option("png", help="Which kind of file.", choices=FORMATS)
    image: str | None = option(None, help="The id of an image.")
    layer: str | None = option(None, help="The name of a layer.")
    channel: int | None = option(None, help="A channel.", low=0)
    method: str | None = option(None, help="A method.")
    target: str | None = option(None, help="What is explained.")
    normalise: str | None = option(None, help="How values become colours.", choices=NORMALISATIONS)
    colormap: str | None = option(None, help="The colours.", choices=COLORMAPS)
    contrast: float | None = option(None, help="For standardise.", low=0, high=1e6, exclusive=True)
    options: MethodOptions = field(default_factory=dict)


Kind = TypeVar("Kind", bound=Request)


def parse(request: type[Kind], params: Any) -> Kind:
    """A request from what a page sent.

    Raises:
        UsageError: A parameter is unknown, missing, or cannot have such a value.
    """
    if not isinstance(params, dict):
        raise UsageError("expected the parameters of a request as an object")
    fields = {entry.name: entry for entry in dataclasses.fields(request)}
    params = {british_spelling(name, fields): value for name, value in params.items()}
    for name, value in params.items():
        if name not in fields:
            expected = ", ".join(fields) or "none"
            raise UsageError(
                f"unknown parameter '{name:.40}': expected {expected}.{near(name[:40], fields)}"
            )
        _check_length(name, value)
    values = {name: value for name, value in params.items() if value is not None}
    for name, declared in options_of(request).items():
        if declared.default == "" and not values.get(name):
            raise UsageError(f"expected {name}: {declared.help}")
    for name, check in (("options", _check_options), ("scores", _check_scores)):
        if name in values:
            values[name] = check(values[name])
    return request(**values)


def _check_length(name: str, value: Any) -> None:
    if isinstance(value, str) and (len(value) > MAX_LENGTH or not value.isprintable()):
        raise UsageError(f"expected {name} as a word of at most {MAX_LENGTH} printable characters")


def _check_options(options: Any) -> MethodOptions:
    """Options of a method by name: numbers, words, or lists of these."""
    if not isinstance(options, dict) or len(options) > MAX_OPTIONS:
        raise UsageError(f"expected options as an object of at most {MAX_OPTIONS}")
    checked: MethodOptions = {}
    for name, value in options.items():
        parts = value if isinstance(value, list) else [value]
        plain = all(isinstance(part, str | int | float | bool) for part in parts)
        if not name.isidentifier() or len(parts) > MAX_OPTIONS or not plain:
            raise UsageError(f"expected the option {name[:40]!r} as a number or a word")
        for part in parts:
            _check_length(name, part)
        checked[name] = tuple(parts) if isinstance(value, list) else value
    return checked


def _check_scores(scores: Any) -> tuple[str, ...]:
    if not isinstance(scores, list) or not all(name in METRICS for name in map(str, scores)):
        raise UsageError(f"expected scores as some of {', '.join(METRICS)}")
    return tuple(dict.fromkeys(map(str, scores)))
