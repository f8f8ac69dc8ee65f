"""What every view of heatmaps has: a heading over its pictures, words under them.

The rule of this module: a block knows its height before it is drawn, words included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layersight.document.words import span
from layersight.nouns.heatmaps.groups import ImageMaps
from layersight.nouns.heatmaps.result import Heatmap
from layersight.nouns.heatmaps.wording import warnings_of
from layersight.render.bodies import Body
from layersight.render.flow import draw_heading
from layersight.render.prose import Prose, set_prose
from layersight.writers.sketch import BODY, BROKEN_INK, NOTE, Medium, Sketch

MOST_NOTES = 6
"""So many notes stand under a picture; a document and the numbers hold all."""


@dataclass(frozen=True, eq=False, slots=True)
class HeatBlock:
    """Pictures under a heading, ready to be placed.

    Attributes:
        name: What they are of.
        kind: How they were made.
        facts: Their numbers.
        anchor: By which links lead here.
        body: The pictures.
        titled: Whether the block stands in the outline.
    """

    name: str
    kind: str
    facts: str
    anchor: str
    body: Body
    titled: bool = True

    def draw_head(self, sketch: Sketch, y: float, first: int, last: int) -> None:
        """Draws the heading."""
        if first == 0:
            sketch.anchor(self.anchor, self.name if self.titled else "", y - 8)
        kind = self.kind
        if (first, last) != (0, self.body.rows):
            kind += f"   {self.body.part(first, last)}"
        draw_heading(sketch, y, self.name, kind, self.facts, sketch.right - sketch.left)


def below(
    group: ImageMaps,
    entries: tuple[Heatmap, ...],
    lines: Sequence[str],
    medium: Medium,
    room: float,
) -> Prose:
    """The words under pictures: the warnings of their methods, then other lines."""
    lines = [line for line in lines if line]
    warned = [(line, BODY.but(colour=BROKEN_INK)) for line in warnings_of(group.result, entries)]
    plain = [(line, BODY) for line in lines[:MOST_NOTES]]
    if len(lines) > MOST_NOTES:
        plain.append((f"and {len(lines) - MOST_NOTES} more notes", NOTE))
    return set_prose(medium, [*warned, *plain], room)


def words_room(medium: Medium, wide: float) -> float:
    """How wide the words under pictures of that width may be, in points."""
    return max(medium.room, wide)


def rows_part(first: int, last: int, rows: int) -> str:
    """Some of so many rows, in words.

    >>> rows_part(0, 2, 5), rows_part(4, 5, 5)
    ('rows 1–2 of 5', 'row 5 of 5')
    """
    words = f"rows {span(first + 1, last)}" if last > first + 1 else f"row {last}"
    return f"{words} of {rows}"
