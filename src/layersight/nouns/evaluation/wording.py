"""Evaluations in words, the same in every picture.

The rule of this module: no mean without its error and the number of images, no number without
which way is good.
"""

from __future__ import annotations

import math

from layersight.document.words import DASH, DOT, PLUS_MINUS, brief, model_line, number, plural, size
from layersight.nouns.evaluation.result import MIN_STANDARD_ERRORS, Evaluation, Row

CENTRE = "Centre of the image"


def amount(value: float) -> str:
    """A number of a table; a dash where there is none.

    >>> amount(0.12345), amount(-0.0001), amount(123.4), amount(float("nan"))
    ('0.123', '0.000', '123', '–')
    """
    if math.isnan(value):
        return DASH
    if abs(value) >= 10 or math.isinf(value):
        return number(value)
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def spread(value: float) -> str:
    """A standard error; nothing where there is none."""
    return "" if math.isnan(value) else f"{PLUS_MINUS}{amount(value)}"


def grain(cells: tuple[int, ...]) -> str:
    """How coarse maps are."""
    return size(cells)


def random_name(cells: tuple[int, ...]) -> str:
    """What the random maps of a grain are called."""
    return f"Random maps of {grain(cells)}"


def made_of(row: Row) -> str:
    """What the maps of a method are made of: its layers and their grain."""
    if not row.layers:
        return grain(row.grain)
    names = brief(row.layers[-1], 24) if len(row.layers) == 1 else f"{len(row.layers)} layers"
    return f"{names}, {grain(row.grain)}"


def facts(result: Evaluation) -> str:
    """What was measured, in a line."""
    done = plural(len(result.images), "image")
    if result.count > len(result.images):
        done = f"{len(result.images):,} of {plural(result.count, 'image')}, interrupted"
    return f"{done}{DOT}explained: {result.explained}"


def key(result: Evaluation) -> str:
    """How to read the table."""
    several = len(result.images) > 1
    told = f"Mean over {plural(len(result.images), 'image')}" if several else "One image"
    if several:
        told += f" {PLUS_MINUS} its standard error"
    randoms = result.measured.randoms
    told += (
        ". Bold: the best method that is better in the mean than random maps and than the centre "
        "of the image, or one that is not told apart from it (image by image their difference is "
        f"in the mean within {MIN_STANDARD_ERRORS:g} standard errors). Brown: no better than "
        "random maps. Bars: the share of images where the method is better than random maps as "
        f"coarse as its own (the mean of {randoms})"
    )
    if "randomisation" in result.metrics:
        told += "; for randomised weights, below 0.5, or else the check fails"
    return told + "."


def captions(result: Evaluation) -> tuple[str, ...]:
    """The lines at the foot of every page."""
    scale = result.preprocessing
    return (
        f"{facts(result)}; {scale.describe()} ({scale.reason}).",
        f"Model {model_line(result.model)}.",
    )
