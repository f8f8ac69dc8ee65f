"""What a heatmap can be asked for: methods, options and their limits.

The rule of this module: an option that no chosen method reads is refused, not ignored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from layersight.batch.gather import ImageOptions
from layersight.errors import UsageError, near
from layersight.nouns.heatmaps.baselines import BASELINES
from layersight.nouns.heatmaps.methods.method import Method, find_method, methods
from layersight.nouns.heatmaps.result import HeatmapOptions

ALL = "all"
"""Every method that is comparable and applies."""

SCORES = ("logit", "output")

LIMITS: Mapping[str, tuple[float, float]] = {
    "steps": (1, 10_000),
    "samples": (1, 10_000),
    "noise": (0, 10),
    "masks": (0, 1_000_000),
    "cells": (1, 256),
    "keep": (0.01, 0.99),
    "window": (0, 4096),
    "stride": (0, 4096),
    "seed": (0, 2**63 - 1),
}
"""What the options may be."""

CHOICES: Mapping[str, Sequence[str]] = {"score": SCORES, "baseline": tuple(BASELINES)}

_SHARED = ("score", "seed")
"""Options that are of no method alone."""


def choose_methods(asked: str | Sequence[str]) -> tuple[Method, ...]:
    """The methods that were asked for, each once.

    Raises:
        UsageError: There is none of that name, or none was asked for.
    """
    names = [asked] if isinstance(asked, str) else list(asked)
    if not names:
        raise UsageError("expected at least one method, found none")
    if ALL in names:
        names = [
            *(name for name, entry in methods().items() if entry.comparable),
            *(name for name in names if name != ALL),
        ]
    return tuple(find_method(str(name)) for name in dict.fromkeys(names))


def settle(
    chosen: Sequence[Method], settings: Mapping[str, Any]
) -> tuple[HeatmapOptions, ImageOptions]:
    """The options of heatmaps and of images.

    Args:
        chosen: The methods.
        settings: Fields of both; ``None`` leaves one as it is.

    Raises:
        UsageError: One is unknown, out of its range, or read by none of the methods.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    of_heatmaps = {field.name: field for field in dataclasses.fields(HeatmapOptions)}
    of_images = {field.name for field in dataclasses.fields(ImageOptions)}
    for name, value in given.items():
        if name not in of_heatmaps and name not in of_images:
            known = sorted(set(of_heatmaps) | of_images)
            raise UsageError(
                f"unknown option '{name}': expected one of {', '.join(known)}.{near(name, known)}"
            )
        if name in of_heatmaps:
            check_option(name, value, type(of_heatmaps[name].default))
            _check_used(name, chosen)
    return (
        HeatmapOptions(**{name: given[name] for name in given if name in of_heatmaps}),
        ImageOptions(**{name: given[name] for name in given if name in of_images}),
    )


def check_option(name: str, value: Any, kind: type) -> None:
    """Refuses a value that an option cannot have.

    Raises:
        UsageError: It cannot have it.
    """
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise UsageError(
                f"unknown {name} '{value}': expected one of {', '.join(CHOICES[name])}."
                f"{near(str(value), CHOICES[name])}"
            )
        return
    low, high = LIMITS[name]
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    number = whole or (kind is float and isinstance(value, float | np.floating))
    if not (number and low <= value <= high):
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"expected {name} as {what} from {low:g} to {high:g}, found {value!r:.60}")


def _check_used(name: str, chosen: Sequence[Method]) -> None:
    if name in _SHARED or any(name in method.uses for method in chosen):
        return
    readers = [known.name for known in methods().values() if name in known.uses]
    asked = ", ".join(method.name for method in chosen)
    raise UsageError(
        f"no method asked for ({asked}) reads '{name}'"
        + (f": it belongs to {', '.join(readers)}" if readers else ": none of all does")
    )
