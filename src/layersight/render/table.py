"""The table of layers: what each is, how large, how much of it is zero or dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layersight.data.model import LayerInfo
from layersight.document.words import count, output_size, percent
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.render.grid import layer_anchor
from layersight.render.ruled import Cell, Column, Row
from layersight.render.wording import real_size
from layersight.writers.sketch import ACCENT, BODY, NOTE, QUIET


@dataclass(frozen=True, slots=True)
class TableRow:
    """One layer.

    Attributes:
        place: Its number in the network, from 1.
        name: Its name.
        type: Its class.
        size: Of its output.
        parameters: The number of its weights.
        dead: Dead and shown channels, ``None`` where it has no maps or is not shown.
        sparsity: Share of zeros, ``None`` where it is not shown.
    """

    place: int
    name: str
    type: str
    size: str
    parameters: int
    dead: tuple[int, int] | None = None
    sparsity: float | None = None

    @property
    def dead_share(self) -> float | None:
        """Share of dead channels."""
        return None if self.dead is None else self.dead[0] / max(1, self.dead[1])


def table_rows(result: Activations, image: int) -> list[TableRow]:
    """All layers of the model, with numbers where their activations are at hand."""
    shown = {entry.name: entry for entry in result.layers}
    infos = {info.name: info for info in result.model.layers}
    infos.update({name: entry.layer for name, entry in shown.items() if name not in infos})
    return [
        _row(place, info, shown.get(info.name), image)
        for place, info in enumerate(infos.values(), 1)
    ]


def _row(place: int, info: LayerInfo, entry: LayerActivation | None, image: int) -> TableRow:
    if entry is None:
        return TableRow(place, info.name, info.type, output_size(info), info.parameters)
    dead = None
    if entry.values.size > entry.values.shape[0] * entry.values.shape[-1]:
        dead = (entry.dead(image), len(entry.channels))
    size = real_size(entry)
    sparsity = entry.sparsity(image)
    return TableRow(place, info.name, info.type, size, info.parameters, dead, sparsity)


COLUMNS = (
    Column("", 12),
    Column("name", 18, "start", room=144),
    Column("type", 168, "start", room=88),
    Column("output", 318),
    Column("parameters", 374),
    Column("dead", 414),
    Column("zeros", 458),
)


def ruled(rows: Sequence[TableRow], numbers: Mapping[str, int], image: int) -> list[Row]:
    """The rows as they are drawn.

    Args:
        rows: All layers.
        numbers: The page of each layer that is shown.
        image: Which image.
    """
    return [_ruled(row, numbers.get(row.name), image) for row in rows]


def _ruled(row: TableRow, page: int | None, image: int) -> Row:
    dead = zeros = None
    if row.dead is not None:
        style = BODY if row.dead[0] else BODY.but(colour=QUIET)
        dead = Cell(f"{row.dead[0]} / {row.dead[1]}", style)
    if row.sparsity is not None:
        zeros = Cell(percent(row.sparsity), share=row.sparsity)
    cells = (
        Cell(str(row.place), NOTE),
        Cell(row.name, BODY.but(colour=ACCENT) if page else BODY),
        Cell(row.type),
        Cell(row.size),
        Cell(count(row.parameters)) if row.parameters else None,
        dead,
        zeros,
    )
    return Row(cells, layer_anchor(image, row.name), page)
