"""What a page can ask for, as dataclasses whose fields are options.

The rule of this module: whatever comes from a page is checked here, by kind, length and range,
before anything looks at it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

from layersight.data.colormaps import COLORMAPS
from layersight.data.fields import Options, option, options_of, spelled
from layersight.errors import UsageError, near
from layersight.nouns.activations.options import NORMALISATIONS
from layersight.nouns.heatmaps.request import METRICS

LONGEST = 4096
"""Characters of a word."""
MOST_OPTIONS = 40
"""Options of a method that can be given at once."""
LARGEST_PHOTOGRAPH = 1024
"""Pixels of the longest side of a photograph as the page gets it."""

Given = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request(Options):
    """The base of all: a word without a value must be given."""


@dataclass(frozen=True, slots=True)
class OfModel(Request):
    """The network; with an image its layers have the shapes that they have for it."""

    image: str | None = option(None, help="An image, by its number.")


@dataclass(frozen=True, slots=True)
class Nothing(Request):
    """A request without parameters."""


@dataclass(frozen=True, slots=True)
class Upload(Request):
    """An image from the page; its bytes follow."""

    name: str = option("", help="What to call it.")


@dataclass(frozen=True, slots=True)
class OfImage(Request):
    """Something of an image."""

    image: str = option("", help="An image, by its number.")


@dataclass(frozen=True, slots=True)
class Photograph(OfImage):
    """A picture of an image."""

    longest: int = option(LARGEST_PHOTOGRAPH, help="Its side.", low=16, high=LARGEST_PHOTOGRAPH)
    seen: bool = option(False, help="As the network sees it.")
    frame: int | None = option(None, help="Of a film or volume.", low=0)


@dataclass(frozen=True, slots=True)
class Layer(OfImage):
    """The maps of a layer."""

    layer: str = option("", help="A layer.")
    slice: int | None = option(None, help="Of a volume.", low=0)


@dataclass(frozen=True, slots=True)
class Predictions(OfImage):
    """What the network says of an image."""

    top: int = option(5, help="Classes of each output.", low=1, high=10)


@dataclass(frozen=True, slots=True)
class Exact(Layer):
    """The exact values of a map."""

    channel: int | None = option(None, help="A channel.", low=0)
    whole: bool = option(False, help="All slices of a volume.")


@dataclass(frozen=True, slots=True)
class Position(OfImage):
    """What each layer has at a point of the image, in pixels of the network's input."""

    y: float = option(0.0, help="From above.", low=0, high=1e6)
    x: float = option(0.0, help="From the left.", low=0, high=1e6)


@dataclass(frozen=True, slots=True)
class Channel(Request):
    """A channel of a layer, whatever the image."""

    layer: str = option("", help="A layer.")
    channel: int = option(0, help="A channel.", low=0)


@dataclass(frozen=True, slots=True)
class Pattern(Channel):
    """What a channel looks for."""

    method: str = option("robust", help="How it is found.")
    options: Given = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heatmap(OfImage):
    """Which pixels decided."""

    method: str = option("grad-cam", help="How they are found.")
    target: str | None = option(None, help="What is explained.")
    layer: str | None = option(None, help="Whose maps are used.")
    scores: tuple[str, ...] = field(default=())
    options: Given = field(default_factory=dict)


VIEWS = ("all", "layer", "channel", "heatmap", "pattern", "kernel")
FORMATS = ("png", "svg", "pdf", "npz", "json", "html")


@dataclass(frozen=True, slots=True)
class Download(Request):
    """A file, as the command line writes it."""

    view: str = option("layer", help="What it shows.", choices=VIEWS)
    format: str = option("png", help="Which kind of file.", choices=FORMATS)
    image: str | None = option(None, help="An image.")
    layer: str | None = option(None, help="A layer.")
    channel: int | None = option(None, help="A channel.", low=0)
    method: str | None = option(None, help="A method.")
    target: str | None = option(None, help="What is explained.")
    normalise: str | None = option(None, help="How values become colours.", choices=NORMALISATIONS)
    colormap: str | None = option(None, help="The colours.", choices=COLORMAPS)
    contrast: float | None = option(None, help="For standardise.", low=0, high=1e6, exclusive=True)
    options: Given = field(default_factory=dict)


Kind = TypeVar("Kind", bound=Request)


def parse(request: type[Kind], given: Any) -> Kind:
    """A request from what a page sent.

    Raises:
        UsageError: A parameter is unknown, missing, or cannot have such a value.
    """
    if not isinstance(given, dict):
        raise UsageError("expected the parameters of a request as an object")
    fields = {each.name: each for each in dataclasses.fields(request)}
    given = {spelled(name, fields): value for name, value in given.items()}
    for name, value in given.items():
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise UsageError(
                f"unknown parameter '{name:.40}': expected {known}.{near(name[:40], fields)}"
            )
        _check_length(name, value)
    values = {name: value for name, value in given.items() if value is not None}
    for name, declared in options_of(request).items():
        if declared.default == "" and not values.get(name):
            raise UsageError(f"expected {name}: {declared.help}")
    for name in {"options", "scores"} & values.keys():
        check = _check_options if name == "options" else _check_scores
        values[name] = check(values[name])
    return request(**values)


def _check_length(name: str, value: Any) -> None:
    if isinstance(value, str) and (len(value) > LONGEST or not value.isprintable()):
        raise UsageError(f"expected {name} as a word of at most {LONGEST} characters to be read")


def _check_options(value: Any) -> Given:
    """Options of a method by name: numbers, words, or some of them."""
    if not isinstance(value, dict) or len(value) > MOST_OPTIONS:
        raise UsageError(f"expected options as an object of at most {MOST_OPTIONS}")
    found: Given = {}
    for name, one in value.items():
        parts = one if isinstance(one, list) else [one]
        plain = all(isinstance(part, str | int | float | bool) for part in parts)
        if not name.isidentifier() or len(parts) > MOST_OPTIONS or not plain:
            raise UsageError(f"expected the option {name[:40]!r} as a number or a word")
        for part in parts:
            _check_length(name, part)
        found[name] = tuple(parts) if isinstance(one, list) else one
    return found


def _check_scores(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(name in METRICS for name in map(str, value)):
        raise UsageError(f"expected scores as some of {', '.join(METRICS)}")
    return tuple(dict.fromkeys(map(str, value)))
