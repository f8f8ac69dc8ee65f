"""What documents about the layers of a model share: their head, and the table of layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from layersight.data.model import LayerInfo, ModelInfo
from layersight.document.blocks import Cell, Column, Document, Part, Table
from layersight.document.words import model_facts, size

FEWER = "choose one layer with --layers or one channel with --channels"


def model_document(
    model: ModelInfo, kicker: str, parts: Iterable[Part], what: str, **more: Any
) -> Document:
    """A document headed by the name and the facts of a model.

    ``what`` follows the model's name in a file's metadata; ``more`` are further fields of
    :class:`Document`, which may also replace those set here.
    """
    head: dict[str, Any] = {"facts": model_facts(model), "name": f"{model.name}: {what}"}
    return Document(title=model.name, kicker=kicker, parts=tuple(parts), **{**head, **more})


def layer_table(
    names: Sequence[str],
    extra: Sequence[str],
    rows: Iterable[tuple[str, LayerInfo | None, str, Iterable[Cell]]],
    note: str = "",
) -> Table:
    """A table with a row for each layer: its number, name and type, further columns, and its page.

    Args:
        names: All layers of the model, which are numbered from 1.
        extra: The heads of the further columns.
        rows: For each layer its name, its description, the anchor of its section, and the cells of
            the further columns.
        note: Under the table.
    """
    first = Column("", "right"), Column("name", wide=2), Column("type", wide=1)
    heads = (Column(name, "right") for name in extra)
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    cells = tuple(
        (
            Cell(numbers.get(name, ""), "quiet"),
            Cell(name, target=target),
            Cell(layer.type if layer else ""),
            *cells,
            Cell(target=target),
        )
        for name, layer, target, cells in rows
    )
    return Table((*first, *heads, Column("page", "right", pages=True)), cells, "Layers", note)


def receptive_field_cell(layer: LayerInfo | None) -> Cell:
    """The size of a layer's receptive field, where it is known."""
    return Cell(size(layer.receptive_field) if layer and layer.receptive_field else "")
