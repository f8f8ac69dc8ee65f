"""What a heatmap is asked for: methods and their options.

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


def choose_methods(asked: str | Sequence[str]) -> tuple[Method, ...]:
    """The methods that were asked for, each once.

    ``"all"`` or ``"default"`` are all that can be compared but the costly ones, which show each
    image to the network hundreds of times; ``"costly"`` those.
    """
    names = split_words(asked)
    if not names:
        raise UsageError("expected at least one method, found none")
    found: list[str] = []
    for name in sorted(names, key=lambda name: name not in (ALL, DEFAULT)):
        if name in (ALL, DEFAULT, COSTLY):
            known = methods().items()
            costly = name == COSTLY
            found += [each for each, one in known if one.comparable and one.costly == costly]
        else:
            found.append(name)
    return tuple(find_method(name) for name in dict.fromkeys(found))


def omitted_as_costly(
    methods_asked: str | Sequence[str], metrics_asked: str | Sequence[str]
) -> list[str]:
    """What was left out of ``"all"`` as costly, and how to ask for it."""
    notes = []
    for flag, asked, costly in (
        ("--method", split_words(methods_asked), choose_methods(COSTLY)),
        ("--score", split_words(metrics_asked), choose_metrics(COSTLY)),
    ):
        missing = [one.name for one in costly if one.name not in asked]
        if {ALL, DEFAULT} & {*asked} and COSTLY not in asked and missing:
            notes.append(
                f"left out, as they cost many times as much: {', '.join(missing)}; name them, or "
                f"say {flag} all,{COSTLY}"
            )
    return notes


def make_heatmap_options(
    chosen: Sequence[Method], settings: Mapping[str, Any]
) -> tuple[HeatmapOptions, ImageOptions]:
    """The options of heatmaps and of images; refused is one that none of the methods reads."""
    own, of_images = split_options(settings, HeatmapOptions, ImageOptions)
    options = HeatmapOptions(**own)
    check_options_used("method", chosen, methods().values(), set(own) - {"score", "seed"})
    return options, ImageOptions(**of_images)


def check_options_used(
    what: str, chosen: Sequence[Kind], known: Iterable[Kind], given: Iterable[str]
) -> None:
    """Refuses options that none of the methods or metrics asked for reads."""
    for name in given:
        if not any(each.reads(name) for each in chosen):
            readers = [each.name for each in known if each.reads(name)]
            asked = ", ".join(each.name for each in chosen)
            raise UsageError(
                f"no {what} asked for ({asked}) reads '{name}'"
                + (f": it belongs to {', '.join(readers)}" if readers else ": none of all does")
            )
