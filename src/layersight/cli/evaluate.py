"""``layersight evaluate``."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from layersight.cli.given import image_groups
from layersight.cli.opening import Source, open_model
from layersight.cli.output import report
from layersight.cli.progress import Progress
from layersight.cli.sizes import parse_size
from layersight.cli.table import format_table
from layersight.data.model import ModelInfo
from layersight.document.words import file_name, percent
from layersight.errors import UsageError
from layersight.export import check_output, save
from layersight.export.files import json_of, load
from layersight.model import Model
from layersight.nouns.evaluation import compute as verb
from layersight.nouns.evaluation.noun import NOUN
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Evaluation, mean
from layersight.nouns.evaluation.wording import (
    CENTRE,
    amount,
    facts,
    made_of,
    random_name,
    spread,
    way,
)
from layersight.writers.printable import printable

MARK = "*"
"""The best of a column, and those that are not told apart from it."""


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, as data.

    Attributes:
        source: The model.
        images: Folders, globs and files.
        inputs: ``NAME=FILE`` for each input of a model with several.
        methods: The methods; empty for the default ones.
        metrics: The metrics; empty for the default ones.
        settings: Keywords of :func:`layersight.evaluate`; ``None`` for those not given.
        shares: The shares of pixels of ROAD, with commas between.
        size: Of the input, for a model that takes any.
        output: Where to, ``None`` if not said.
        resume: Whether to go on after an interruption.
        as_json: Whether JSON goes to standard output.
        quiet: Whether nothing is said.
    """

    source: Source
    images: tuple[str, ...]
    inputs: tuple[str, ...]
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: dict[str, Any]
    shares: str | None
    size: str | None
    output: str | None
    resume: bool
    as_json: bool
    quiet: bool


def run(request: Request) -> None:
    """Measures, writes what came out and says it."""
    if request.output not in (None, "-"):
        check_output(str(request.output), NOUN)
    asked = _asked(request)
    (images,) = image_groups(request.images, request.inputs, together=True)
    if images is None:
        raise UsageError("give images: layersight evaluate MODEL FOLDER")
    verb.check(**asked)
    model = open_model(request.source)
    if request.resume:
        asked["done"] = _read_kept(request, model)
    result = _make(request, model, images, asked)
    to_stdout = request.output == "-" or (request.as_json and request.output is None)
    target = None if to_stdout else _target(request, model.info)
    if target is not None:
        save(result, target)
    _kept_beside(request, model.info).unlink(missing_ok=True)
    report(
        functools.partial(json_of, result, TableOptions()),
        functools.partial(describe, result),
        target,
        as_json=request.as_json,
        quiet=request.quiet,
    )


def _asked(request: Request) -> dict[str, Any]:
    """The keywords of the verb."""
    given = {name: value for name, value in request.settings.items() if value is not None}
    size = parse_size(request.size)
    if size is not None:
        given["size"] = size
    if request.shares is not None:
        given["shares"] = _numbers(request.shares)
    for name, words in (("methods", request.methods), ("metrics", request.metrics)):
        parts = [part.strip() for word in words for part in word.split(",") if part.strip()]
        if parts:
            given[name] = parts
    return given


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--shares expects numbers such as 0.2,0.5, found '{text}'") from None


def _make(request: Request, model: Model, images: Any, asked: dict[str, Any]) -> Evaluation:
    """The evaluation, with the progress told on the way."""
    try:
        with contextlib.nullcontext() if request.quiet else Progress() as progress:
            return verb.evaluate(model, images, progress=progress, **asked)
    except verb.EvaluationInterrupted as stop:
        if stop.done is None:
            raise
        kept = _kept_beside(request, model.info)
        save(stop.done, kept)
        raise KeyboardInterrupt(
            f"interrupted; {len(stop.done.images)} of {stop.count} images are kept in "
            f"{printable(str(kept))}: the same command with --resume goes on"
        ) from None


def _kept_beside(request: Request, info: ModelInfo) -> Path:
    """Where what is done is kept after an interruption."""
    if request.output not in (None, "-"):
        target = Path(str(request.output))
        return target.with_name(f"{target.name}.partial.npz")
    return Path(f"{_stem(info)}-evaluation.partial.npz")


def _read_kept(request: Request, model: Model) -> Evaluation:
    kept = _kept_beside(request, model.info)
    if not kept.is_file():
        raise UsageError(f"--resume: there is no {kept} to go on from: leave --resume out")
    done: Evaluation = load(kept, NOUN, model.info)
    return done


def _stem(info: ModelInfo) -> str:
    return file_name(Path(info.source).stem or info.name)


def _target(request: Request, info: ModelInfo) -> Path:
    """Where to: as asked, else a name made of the model's in this folder."""
    if request.output is not None:
        return Path(request.output)
    return Path(f"{_stem(info)}-evaluation.pdf")


def describe(result: Evaluation) -> str:
    """What a result holds, in words and tables."""
    lines = [f"{result.model.name} ({result.model.source}), {result.model.framework}"]
    lines += [f"rewrite: {text}" for text in result.model.rewrites]
    scale = result.preprocessing
    lines.append(f"preprocessing {scale.name}: {scale.describe()} ({scale.reason})")
    lines.append(facts(result).replace("\N{MIDDLE DOT}", "-"))
    lines += [f"note: {note}" for note in result.notes]
    lines += [f"warning: {row.warning}" for row in result.rows if row.warning]
    lines = [printable(line) for line in lines]
    right = range(1, len(result.columns) + 1)
    lines += ["", format_table(_means(result), right=right), ""]
    if len(result.rows) > 1:
        lines.append(f"{MARK} the best, or not told apart from it (2 standard errors)")
    lines += ["", "share of images better than random maps of the same coarseness"]
    if "randomisation" in result.metrics:
        lines[-1] += " (randomisation: below 0.5)"
    lines += [format_table(_better(result), right=range(2, len(result.columns) + 2)), ""]
    lines.append(f"{len(result.images)} images, {len(result.rows)} methods")
    return "\n".join(lines)


def _means(result: Evaluation) -> list[list[str]]:
    """Means with their errors, the methods before the maps that know nothing."""
    means, errors, leading = result.means, result.errors, result.leading
    rows = [["method", *(f"{column.name} ({_good(way(column))})" for column in result.columns)]]
    for place, row in enumerate(result.rows):
        cells = []
        for metric in range(len(result.columns)):
            mark = MARK if leading[place, metric] and len(result.rows) > 1 else " "
            words = amount(float(means[place, metric])).replace("\N{EN DASH}", "-")
            width = spread(float(errors[place, metric])).replace("\u00b1", " +-")
            cells.append(f"{words}{width}{mark}")
        rows.append([row.name, *cells])
    rivals = [(random_name(grain), result.random_of(grain)) for grain in result.grains]
    for name, values in [*rivals, (CENTRE, result.centre)]:
        rows.append([plain(name.lower()), *(f"{amount(float(v))} " for v in mean(values))])
    return rows


def _good(words: str) -> str:
    return "low" if words.startswith("low") else "high"


def _better(result: Evaluation) -> list[list[str]]:
    rows = [["method", "maps of", *result.metrics]]
    for row, shares in zip(result.rows, result.better, strict=True):
        cells = [percent(float(share)) if np.isfinite(share) else "-" for share in shares]
        rows.append([row.name, plain(made_of(row)), *cells])
    return rows


def plain(text: str) -> str:
    """Sizes as a terminal has them."""
    return text.replace("\u00d7", "x")
