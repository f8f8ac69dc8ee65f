"""What a summary can become."""

from __future__ import annotations

from collections.abc import Iterator

from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.prediction import kinds_of
from layersight.document.blocks import Cell, Column, Document, Facts, Note, Part, Section, Table
from layersight.document.layers import model_document
from layersight.document.noun import Json, Noun, Plain
from layersight.document.words import count, size
from layersight.nouns.summary.compute import to_json


def describe(result: ModelInfo, options: Plain) -> Document:
    kinds = kinds_of(result)
    outputs = (f"{name} ({kinds[name]})" if name in kinds else name for name in result.outputs)
    facts = [
        *(("input", _input(entry)) for entry in result.inputs),
        ("outputs" if len(result.outputs) > 1 else "output", ", ".join(outputs)),
    ]
    if result.trainable is not None:
        facts.append(("parameters", _parameters(result.parameters, result.trainable)))
    if result.preprocessing is not None:
        how = result.preprocessing
        facts.append(("preprocessing", f"{how.name}: {how.describe()} ({how.reason})"))
    lines = (*(f"rewrite: {text}" for text in result.rewrites), *result.notes)
    notes = (Note(lines, "Notes"),) if lines else ()
    layers = Section("Layers", (_table(result),), anchor="layers")
    return model_document(
        result,
        "The layers of a model",
        [Part((layers,), (Facts(tuple(facts)), *notes), follow=True)],
        "layers",
        caption=f"{result.name}, {result.digest}. {result.framework}.",
    )


def _input(entry: InputInfo) -> str:
    key = "" if entry.key in (None, entry.name) else f" ({entry.key})"
    words = f"{entry.name}{key} {size(entry.shape[1:])}"
    if entry.picture is not None:
        words += f", a picture of {size(entry.picture)}"
    if entry.vocabulary is not None:
        words += f", whole numbers from 0 to {entry.vocabulary - 1}"
    return words


def _parameters(every: int, trainable: int) -> str:
    """How many parameters are trainable, and how many are not.

    >>> _parameters(1200, 200)
    '1,200 in all: 200 trainable, 1,000 not trainable'
    """
    return f"{every:,} in all: {trainable:,} trainable, {every - trainable:,} not trainable"


def _table(result: ModelInfo) -> Table:
    columns = (
        Column("", "right"),
        Column("layer", wide=2),
        Column("type", wide=1),
        Column("output", "right"),
        Column("parameters", "right"),
        Column("kernel", "right"),
        Column("stride", "right"),
        Column("field", "right"),
    )
    rows = tuple(_row(index, layer) for index, layer in enumerate(result.layers, 1))
    return Table(columns, rows, note="Field: receptive field, in pixels of the input.")


def _row(index: int, layer: LayerInfo) -> tuple[Cell, ...]:
    def sides(axes: tuple[int, ...] | None) -> Cell:
        return Cell("" if axes is None else size(axes))

    shape = layer.output_shape
    return (
        Cell(str(index), "quiet"),
        Cell(layer.name),
        Cell(layer.type),
        Cell("?" if shape is None else size(shape[1:])),
        Cell(count(layer.parameters)),
        sides(layer.kernel),
        sides(layer.strides),
        sides(layer.receptive_field if layer.kernel else None),
    )


def numbers(result: ModelInfo, options: Plain) -> Json:
    return to_json(result)


def rows(result: ModelInfo) -> Iterator[tuple[object, ...]]:
    """One line for each layer, with a head; sizes in words."""
    yield ("layer", "type", "role", "output", "parameters", "kernel", "stride", "receptive_field")
    for layer in result.layers:
        shape = layer.output_shape
        axes = (layer.kernel, layer.strides, layer.receptive_field)
        sides = [None if lengths is None else size(lengths) for lengths in axes]
        output = None if shape is None else size(shape[1:])
        yield (layer.name, layer.type, layer.role, output, layer.parameters, *sides)


NOUN: Noun[ModelInfo, Plain] = Noun(
    name="summary", options=Plain, describe=describe, manifest=numbers, numbers=numbers, rows=rows
)
