"""``layersight kernels``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from layersight.cli.opening import Source, open_model
from layersight.cli.output import report
from layersight.cli.table import format_table
from layersight.document.words import file_name, number
from layersight.errors import UsageError
from layersight.export import check_output, make_options, save
from layersight.export.files import json_of
from layersight.loading.stored import load_weights
from layersight.model import HasKernels
from layersight.nouns.kernels import compute as verb
from layersight.nouns.kernels.noun import NOUN
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import broken, limit
from layersight.nouns.kernels.result import Kernels, LayerKernels
from layersight.writers.printable import printable


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, as data.

    Attributes:
        source: The model.
        stored: Whether it is a file of weights, shown without a network.
        layers: Of which layers, ``None`` if none was named.
        channels: Which filters.
        columns: Tiles in a row.
        output: Where to, ``None`` if not said.
        as_json: Whether JSON goes to standard output.
        quiet: Whether nothing is said.
    """

    source: Source
    stored: bool
    layers: tuple[str, ...] | None
    channels: str | None
    columns: int
    output: str | None
    as_json: bool
    quiet: bool


def run(request: Request) -> None:
    """Takes kernels, writes them and says what they are."""
    options: KernelOptions = make_options(NOUN, columns=request.columns)
    if request.output not in (None, "-"):
        check_output(str(request.output), NOUN)
    source = request.source
    if request.stored and (source.weights or source.architecture):
        raise UsageError(
            "--stored shows a file of weights without a network: leave out --weights and "
            "--architecture, or leave out --stored"
        )
    model: HasKernels = load_weights(source.model) if request.stored else open_model(source)
    result = verb.kernels(model, request.layers, request.channels)
    to_stdout = request.output == "-" or (request.as_json and request.output is None)
    target = None if to_stdout else _target(request, result)
    if target is not None:
        save(result, target, options)
    report(
        functools.partial(json_of, result, options),
        functools.partial(describe, result),
        target,
        as_json=request.as_json,
        quiet=request.quiet,
    )


def describe(result: Kernels) -> str:
    """What a result holds, in words and a table."""
    lines = [f"{result.model.name} ({result.model.source}), {result.model.framework}"]
    lines += [f"rewrite: {text}" for text in result.model.rewrites]
    lines += [f"note: {note}" for note in result.notes]
    lines = [printable(line) for line in lines]
    heads = ["layer", "type", "kernel", "filters", "largest |weight|", "zero"]
    wrong = any(broken(entry).any() for entry in result.layers)
    if wrong:
        heads.append("not numbers")
    rows = [heads, *(_row(entry, wrong=wrong) for entry in result.layers)]
    lines += ["", format_table(rows, right=range(3, len(heads))), ""]
    count = sum(len(entry.filters) for entry in result.layers)
    zero = sum(int(entry.zero.sum()) for entry in result.layers)
    lines.append(f"{count} filters, {zero} of them zero")
    return "\n".join(lines)


def _row(entry: LayerKernels, *, wrong: bool) -> list[str]:
    height, width, inputs, filters = entry.values.shape
    return [
        entry.name,
        entry.layer.type,
        f"{height} x {width} x {inputs}",
        str(filters),
        number(limit(entry)),
        str(int(entry.zero.sum())),
        *([str(int(broken(entry).sum()))] if wrong else []),
    ]


def _target(request: Request, result: Kernels) -> Path:
    """Where to: as asked, else a name made of the model's in this folder."""
    if request.output is not None:
        return Path(request.output)
    stem = file_name(Path(result.model.source).stem or result.model.name)
    return Path(f"{stem}-kernels.pdf")
