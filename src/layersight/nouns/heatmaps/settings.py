"""The methods and options of a request.

The rule of this module: an option that no chosen method reads is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from layersight.batch.request import ImageOptions
from layersight.data.fields import split_options, split_words
from layersight.errors import UsageError
from layersight.nouns.heatmaps.methods.method import Method, find_method, methods
from layersight.nouns.heatmaps.metrics.metric import ALL, COSTLY, DEFAULT, Metric, choose_metrics
from layersight.nouns.heatmaps.request import HeatmapOptions

Kind = TypeVar("Kind", Method, Metric)


def choose_methods(requested: str | Sequence[str]) -> tuple[Method, ...]:
    """The requested methods, each once.

    ``"all"`` or ``"default"`` are all that can be compared except the costly ones, which show each
    image to the network hundreds of times; ``"costly"`` those.
    """
    names = split_words(requested)
    if not names:
        raise UsageError("expected at least one method, found none")
    chosen: list[str] = []
    for name in sorted(names, key=lambda name: name not in (ALL, DEFAULT)):
        if name in (ALL, DEFAULT, COSTLY):
            comparable = [method for method in methods().values() if method.comparable]
            chosen += [each.name for each in comparable if each.costly == (name == COSTLY)]
        else:
            chosen.append(name)
    return tuple(find_method(name) for name in dict.fromkeys(chosen))


def omitted_as_costly(
    method_names: str | Sequence[str], metric_names: str | Sequence[str]
) -> list[str]:
    """Notes on costly methods and metrics that ``"all"`` omits, and how to include them."""
    notes = []
    for flag, names, costly in (
        ("--method", split_words(method_names), choose_methods(COSTLY)),
        ("--score", split_words(metric_names), choose_metrics(COSTLY)),
    ):
        missing = [each.name for each in costly if each.name not in names]
        if {ALL, DEFAULT} & {*names} and COSTLY not in names and missing:
            notes.append(
                f"left out, as they cost many times as much: {', '.join(missing)}; name them, or "
                f"say {flag} all,{COSTLY}"
            )
    return notes


def make_heatmap_options(
    chosen: Sequence[Method], settings: Mapping[str, Any]
) -> tuple[HeatmapOptions, ImageOptions]:
    """The options of heatmaps and of images; one that no chosen method reads is refused."""
    heatmap_options, image_options = split_options(settings, HeatmapOptions, ImageOptions)
    options = HeatmapOptions(**heatmap_options)
    names = set(heatmap_options) - {"score", "seed"}
    check_options_used("method", chosen, methods().values(), names)
    return options, ImageOptions(**image_options)


def check_options_used(
    what: str, chosen: Sequence[Kind], known: Iterable[Kind], options: Iterable[str]
) -> None:
    """Refuses options that none of the chosen methods or metrics reads."""
    for name in options:
        if not any(each.reads(name) for each in chosen):
            readers = [each.name for each in known if each.reads(name)]
            requested = ", ".join(each.name for each in chosen)
            raise UsageError(
                f"no {what} asked for ({requested}) reads '{name}'"
                + (f": it belongs to {', '.join(readers)}" if readers else ": none of all does")
            )
