"""``layersight summary``."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from layersight.cli.opening import Source, open_model
from layersight.cli.output import say
from layersight.cli.table import format_shape, format_table
from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.outputs import kinds_of
from layersight.nouns.summary.compute import summary, to_json
from layersight.writers.printable import printable


def run(source: Source, *, as_json: bool) -> None:
    """Prints a model's layers."""
    info = summary(open_model(source))
    say(json.dumps(to_json(info), ensure_ascii=False, indent=1) if as_json else describe(info))


def describe(info: ModelInfo) -> str:
    """A model in words and a table."""
    lines = [
        f"{info.name}: {len(info.layers)} layers, {info.parameters:,} parameters",
        f"from     {info.source}",
        *(f"input    {_input(entry)}" for entry in info.inputs),
        f"outputs  {', '.join(map(functools.partial(_output, kinds_of(info)), info.outputs))}",
        f"runs on  {info.framework}",
    ]
    several = len(info.inputs) > 1
    for entry in info.inputs:
        if entry.preprocessing is not None:
            named = f"{entry.name}: " if several else ""
            how = f"{entry.preprocessing.describe()}, {entry.preprocessing.reason}"
            lines.append(f"images   {named}{how}")
    lines += [f"rewrite  {text}" for text in info.rewrites]
    lines += [f"note     {text}" for text in info.notes]
    rows = [["layer", "type", "output", "parameters", "kernel", "stride", "field"]]
    rows += [_row(layer) for layer in info.layers]
    table = format_table(rows, right=[3])
    if not info.layers:
        table = "Its layers are known once it has seen an image."
    return "\n".join([*map(printable, lines), "", table])


def _output(kinds: Mapping[str, str], name: str) -> str:
    """An output with what its numbers mean, where that is known."""
    return f"{name} ({kinds[name]})" if name in kinds else name


def _input(entry: InputInfo) -> str:
    """An input in words."""
    key = "" if entry.key in (None, entry.name) else f" ({entry.key})"
    words = f"{entry.name}{key} {format_shape(entry.shape)}"
    if entry.picture is not None:
        words += f", a picture of {format_shape((None, *entry.picture))}"
    if entry.vocabulary is not None:
        words += f", whole numbers from 0 to {entry.vocabulary - 1}"
    return words


def _row(layer: LayerInfo) -> list[str]:
    return [
        layer.name,
        layer.type,
        format_shape(layer.output_shape),
        f"{layer.parameters:,}",
        _by(layer.kernel),
        _by(layer.strides),
        _by(layer.receptive_field) if layer.kernel else "",
    ]


def _by(sizes: tuple[int, ...] | None) -> str:
    return "" if sizes is None else "x".join(str(size) for size in sizes)
