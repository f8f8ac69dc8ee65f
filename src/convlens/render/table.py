"""The table of layers: what each is, how large, how much of it is zero or dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convlens.render.grid import layer_anchor
from convlens.render.sketch import ACCENT, BODY, FAINT, NOTE, QUIET, Sketch
from convlens.render.wording import count, output_size, percent, real_size
from convlens.results import Activations, LayerActivation, LayerInfo

ROW = 12.6
"""Height of a row, in points."""
METER = 24.0
METER_FILL = "#e9ecee"


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


@dataclass(slots=True)
class Table:
    """Draws rows.

    Attributes:
        rows: All of them, so that the columns are the same on every page.
        numbers: The page of each layer that is shown.
        image: Which image.
    """

    rows: Sequence[TableRow]
    numbers: Mapping[str, int]
    image: int

    def draw(self, sketch: Sketch, y: float, rows: Sequence[TableRow]) -> float:
        """Draws the head and some rows; returns where they end."""
        if not rows:
            return y
        left, right = sketch.left, sketch.right
        columns = {
            "name": left + 18,
            "type": left + 168,
            "size": left + 318,
            "parameters": left + 374,
            "dead": left + 414,
            "zeros": left + 458,
            "page": right,
        }
        baseline = y + 9
        for key, words, anchor in (
            ("name", "name", "start"),
            ("type", "type", "start"),
            ("size", "output", "end"),
            ("parameters", "parameters", "end"),
            ("dead", "dead", "end"),
            ("zeros", "zeros", "end"),
        ):
            sketch.label(columns[key], baseline, words, NOTE, anchor)
        if self.numbers:
            sketch.label(columns["page"], baseline, "page", NOTE, "end")
        y += ROW
        sketch.line((left, y), (right, y), colour=QUIET)
        for row in rows:
            self._row(sketch, y, row, columns)
            y += ROW
            sketch.line((left, y), (right, y), colour=FAINT, width=0.25)
        return y

    def _row(self, sketch: Sketch, y: float, row: TableRow, columns: Mapping[str, float]) -> None:
        baseline = y + 9
        page = self.numbers.get(row.name)
        name = BODY.but(colour=ACCENT) if page else BODY
        sketch.label(sketch.left + 12, baseline, str(row.place), NOTE, "end")
        sketch.text(columns["name"], baseline, row.name, name, room=144)
        sketch.text(columns["type"], baseline, row.type, BODY, room=88)
        sketch.label(columns["size"], baseline, row.size, BODY, "end")
        if row.parameters:
            sketch.label(columns["parameters"], baseline, count(row.parameters), BODY, "end")
        if row.dead is not None:
            style = BODY if row.dead[0] else BODY.but(colour=QUIET)
            words = f"{row.dead[0]} / {row.dead[1]}"
            sketch.label(columns["dead"], baseline, words, style, "end")
        if row.sparsity is not None:
            x = columns["zeros"]
            sketch.label(x, baseline, percent(row.sparsity), BODY, "end")
            sketch.box(x + 5, y + 4.2, METER, 4.2, METER_FILL)
            sketch.box(x + 5, y + 4.2, METER * row.sparsity, 4.2, ACCENT)
        if page:
            sketch.label(columns["page"], baseline, str(page), name, "end")
            sketch.link(
                sketch.left, y, sketch.right - sketch.left, ROW, layer_anchor(self.image, row.name)
            )
