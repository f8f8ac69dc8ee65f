"""``layersight activations``."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.cli.given import beside, image_groups
from layersight.cli.opening import Source, open_model
from layersight.cli.output import report
from layersight.cli.progress import Progress
from layersight.cli.sizes import parse_size
from layersight.cli.table import format_table
from layersight.errors import UsageError
from layersight.export import check_output, make_options, save
from layersight.export.files import json_of
from layersight.nouns.activations import compute as verb
from layersight.nouns.activations.noun import NOUN
from layersight.nouns.activations.result import Activations
from layersight.writers.printable import printable


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, as data."""

    source: Source
    images: tuple[str, ...]
    inputs: tuple[str, ...]
    layers: tuple[str, ...] | None
    channels: str | None
    output: str | None
    view: str | None
    picture: dict[str, Any]
    image_options: dict[str, Any]
    as_json: bool
    quiet: bool


def run(request: Request) -> None:
    """Computes, writes and says what came out."""
    view = request.view or _default_view(request.output)
    options = make_options(NOUN, view=view, **request.picture)
    image_options = {**request.image_options, "size": parse_size(request.image_options["size"])}
    to_stdout = request.output == "-" or (request.as_json and request.output is None)
    if request.output not in (None, "-"):
        check_output(str(request.output), NOUN)
    together = to_stdout or request.output is not None
    groups = image_groups(request.images, request.inputs, together=together)
    model = open_model(request.source)
    if groups == [None] and any(entry.accepts_image for entry in model.info.inputs):
        raise UsageError("give an image: layersight activations MODEL IMAGE")
    for group in groups:
        alone = request.quiet or not group or len(group) < 2
        with contextlib.nullcontext() if alone else Progress("images") as progress:
            result = verb.activations(
                model,
                group,
                layers=request.layers,
                channels=request.channels,
                predictions=_wants_predictions(request, view),
                progress=progress,
                **image_options,
            )
        target = None if to_stdout else _target(request, result, view, groups)
        if target is not None:
            save(result, target, options)
        report(
            functools.partial(json_of, result, options),
            functools.partial(describe, result),
            target,
            as_json=request.as_json,
            quiet=request.quiet,
        )


def describe(result: Activations) -> str:
    """What a result holds, in words and a table."""
    lines = [f"{result.model.name} ({result.model.source}), {result.model.framework}"]
    lines += [f"rewrite: {text}" for text in result.model.rewrites]
    for number, image in enumerate(result.images):
        lines.append(f"{image.name}: {'; '.join(image.steps)}")
        if number == 0:
            scale = image.preprocessing
            lines.append(f"preprocessing {scale.name}: {scale.describe()} ({scale.reason})")
        for prediction in result.predictions[number] if result.predictions else ():
            if prediction.describe():
                lines.append(f"{prediction.output}: {prediction.describe()}")
    lines += [f"note: {note}" for note in result.notes]
    lines = [printable(line) for line in lines]
    rows = [["layer", "type", "output", "dead", "zeros"]]
    rows += [_row(result, place) for place in range(len(result.layers))]
    lines += ["", format_table(rows, right=[3, 4]), ""]
    dead = sum(entry.dead() for entry in result.layers if entry.has_maps)
    which = "this image" if len(result.images) == 1 else f"the image {result.images[0].name}"
    lines.append(printable(f"{result.map_count} maps, {dead} of them dead for {which}"))
    return "\n".join(lines)


def _row(result: Activations, place: int) -> list[str]:
    entry = result.layers[place]
    return [
        entry.name,
        entry.layer.type,
        " x ".join(str(size) for size in entry.values.shape[1:]),
        f"{entry.dead()} of {len(entry.channels)}" if entry.has_maps else "",
        f"{entry.sparsity():.0%}",
    ]


def _default_view(output: str | None) -> str:
    suffix = Path(output or "").suffix.lower()
    return "grid" if suffix in (".png", ".svg") else "sheet"


def _wants_predictions(request: Request, view: str) -> bool:
    """Only what shows predictions asks for the rest of the pass."""
    suffix = Path(request.output or "").suffix.lower()
    if suffix in (".npz", ".zarr"):
        return request.as_json
    drawn = request.output is None or suffix in (".pdf", ".png", ".svg")
    return view == "sheet" or request.as_json or not drawn


def _target(request: Request, result: Activations, view: str, groups: list[Any]) -> Path:
    """Where to: as asked, else beside the image under a name that no other image has."""
    if request.output is not None:
        return Path(request.output)
    part, suffix = ("activations", ".pdf") if view == "sheet" else (view, ".png")
    return beside(result.images[0], groups, f"{part}{suffix}")
