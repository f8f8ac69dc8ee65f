"""``layersight heatmap``."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.cli.given import beside, image_groups
from layersight.cli.opening import Source, open_model
from layersight.cli.output import report, say
from layersight.cli.progress import Progress
from layersight.cli.sizes import parse_size
from layersight.cli.table import format_table
from layersight.document.words import number, plural
from layersight.errors import UsageError
from layersight.export import check_output, make_options, save
from layersight.export.files import json_of
from layersight.model import Model
from layersight.nouns.heatmaps import compute as verb
from layersight.nouns.heatmaps.groups import by_image
from layersight.nouns.heatmaps.measured import format_measure as told
from layersight.nouns.heatmaps.methods.method import methods
from layersight.nouns.heatmaps.metrics.metric import choose_metrics
from layersight.nouns.heatmaps.noun import NOUN
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import describe_peak
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.settings import choose_methods, settle
from layersight.nouns.heatmaps.wording import (
    before_head,
    better,
    layer_names,
    pad_words,
    remarks,
    target_name,
    warnings_of,
)
from layersight.writers.printable import printable


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, as data.

    Attributes:
        source: The model.
        images: Files, folders and globs.
        inputs: ``NAME=FILE`` for each input of a model with several.
        methods: The methods; empty for the default one.
        targets: What is explained; empty for the strongest classes.
        layers: Whose maps are used; empty for the last.
        metrics: What the maps are measured with.
        settings: Further keywords of :func:`layersight.heatmap`; ``None`` for those not given.
        size: Of the input, for a model that takes any.
        output: Where to, ``None`` if not said.
        picture: Fields of :class:`HeatOptions`.
        as_json: Whether JSON goes to standard output.
        quiet: Whether nothing is said.
    """

    source: Source
    images: tuple[str, ...]
    inputs: tuple[str, ...]
    methods: tuple[str, ...]
    targets: tuple[str, ...]
    layers: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: dict[str, Any]
    size: str | None
    output: str | None
    picture: dict[str, Any]
    as_json: bool
    quiet: bool


def run(request: Request) -> None:
    """Makes heatmaps, writes them and says what came out."""
    options: HeatOptions = make_options(NOUN, **request.picture)
    asked = _asked(request)
    to_stdout = request.output == "-" or (request.as_json and request.output is None)
    if request.output not in (None, "-"):
        check_output(str(request.output), NOUN)
    together = to_stdout or request.output is not None
    groups = image_groups(request.images, request.inputs, together=together)
    if groups == [None]:
        raise UsageError("give an image: layersight heatmap MODEL IMAGE")
    model = open_model(request.source)
    for group in groups:
        result = _make(request, model, group, asked)
        target = None if to_stdout else _target(request, result, groups)
        if target is not None:
            save(result, target, options)
        report(
            functools.partial(json_of, result, options),
            functools.partial(describe, result),
            target,
            as_json=request.as_json,
            quiet=request.quiet,
        )


def _asked(request: Request) -> dict[str, Any]:
    """The keywords of the verb; what is wrong with them is found before a model is opened."""
    given = {name: value for name, value in request.settings.items() if value is not None}
    size = parse_size(request.size)
    if size is not None:
        given["size"] = size
    own = {"top", "input_name", "batch_size"}
    names = request.methods or ("grad-cam",)
    settle(choose_methods(names), {name: given[name] for name in given if name not in own})
    if request.metrics:
        choose_metrics(request.metrics)
    return {
        **given,
        "method": names[0] if len(names) == 1 else list(names),
        "target": list(request.targets) or None,
        "layer": list(request.layers) or None,
        "score_with": list(request.metrics),
    }


def _make(request: Request, model: Model, group: Any, asked: dict[str, Any]) -> Heatmaps:
    """The heatmaps, with the progress told on the way."""
    with contextlib.nullcontext() if request.quiet else Progress() as progress:
        return verb.heatmap(model, group, progress=progress, **asked)


def describe(result: Heatmaps) -> str:
    """What a result holds, in words and tables."""
    lines = [f"{result.model.name} ({result.model.source}), {result.model.framework}"]
    lines += [f"rewrite: {text}" for text in result.model.rewrites]
    for place, group in enumerate(by_image(result)):
        lines.append(f"{group.name}: {'; '.join(group.shown.steps)}")
        if place == 0:
            scale = group.shown.preprocessing
            lines.append(f"preprocessing {scale.name}: {scale.describe()} ({scale.reason})")
        for prediction in group.predictions:
            if prediction.describe():
                lines.append(f"{prediction.output}: {prediction.describe()}")
        if pad_words(group):
            lines.append(f"note: {pad_words(group)}")
    lines += [f"note: {note}" for note in result.notes]
    notes = [note for group in by_image(result) for note in remarks(group)]
    lines += [f"note: {note}" for note in dict.fromkeys(notes)]
    lines += [f"warning: {words}" for words in warnings_of(result, result.maps)]
    lines = [printable(line) for line in lines]
    lines += ["", format_table(_rows(result), right=[3, 4])]
    if any(entry.measures for entry in result):
        lines += ["", format_table(_measure_rows(result), right=[3, 4, 5])]
    empty = sum(entry.empty for entry in result)
    return "\n".join([*lines, "", f"{plural(len(result), 'heatmap')}, {empty} empty"])


def _rows(result: Heatmaps) -> list[list[str]]:
    """A table of the maps."""
    head = before_head(result)
    rows = [["image", "method", "explained", "score", head, "layer", "hottest"]]
    for place, entry in enumerate(result):
        logit = "" if entry.explained == entry.score else number(entry.explained)
        rows.append(
            [
                result.images[entry.image].name,
                entry.method,
                target_name(result, entry),
                number(entry.score),
                logit,
                layer_names(entry),
                "no evidence: all 0" if entry.empty else describe_peak(result, place),
            ]
        )
    return [[cell.replace("\N{EN DASH}", "-") for cell in row] for row in rows]


def _measure_rows(result: Heatmaps) -> list[list[str]]:
    """A table of what metrics say of the maps."""
    rows = [["metric", "method", "explained", "map", "random", "centre", "than random"]]
    for entry in result:
        for one in entry.measures:
            numbers = [told(value) for value in (one.value, one.random, one.centre)]
            name = target_name(result, entry)
            rows.append([one.metric, entry.method, name, *numbers, better(one)])
    return [[cell.replace("\N{EN DASH}", "-") for cell in row] for row in rows]


def _target(request: Request, result: Heatmaps, groups: list[Any]) -> Path:
    """Where to: as asked, else beside the image."""
    if request.output is not None:
        return Path(request.output)
    return beside(result.images[0], groups, "heatmap.png")


def list_methods() -> None:
    """Prints what each method does, assumes, when it misleads, and where it is from."""
    parts = []
    for name, method in methods().items():
        parts.append(
            f"{name}: {method.says}\n"
            f"  assumes   {method.assumes}\n"
            f"  misleads  {method.misleads}\n"
            f"  source    {method.source}"
        )
    say("\n\n".join(parts))
