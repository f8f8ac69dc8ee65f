"""Blocks on pages: one after the other, broken only between their rows.

The rule of this module: it knows the height of what it places and nothing of what is drawn; on
paper blocks follow each other like paragraphs, on the screen each is a page of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from layersight.render.bodies import Body
from layersight.writers.page import Page
from layersight.writers.sketch import ACCENT, BODY, HEADING, LEAD, NOTE, QUIET, Medium, Sketch

HEAD = 32.0
"""Height of a block's heading, in points."""
BETWEEN = 20.0
"""Between two blocks, in points."""
LINES = 3
"""Lines of a caption that begin at their usual place; more begin higher."""


class Block(Protocol):
    """Something with a heading and rows under it, ready to be placed."""

    @property
    def name(self) -> str: ...
    @property
    def body(self) -> Body: ...

    def draw_head(self, sketch: Sketch, y: float, first: int, last: int) -> None:
        """Draws the heading over the rows from ``first`` up to before ``last``."""


@dataclass(slots=True)
class Flow:
    """Fills pages from top to bottom.

    Attributes:
        medium: Where the pages will be seen.
        feet: The caption's lines at the foot of every page.
        apart: Whether on the screen each block is a page of its own; else all are one.
        whole: Whether a block that one page can hold is rather moved to the next than broken.
    """

    medium: Medium
    feet: tuple[str, ...]
    apart: bool = True
    whole: bool = True

    def pages(self, blocks: list[Block]) -> list[Page]:
        """The pages of all blocks."""
        widest = max((block.body.width for block in blocks), default=0.0)
        finished: list[Page] = []
        sketch: Sketch | None = None
        names: list[str] = []
        y = 0.0

        def close() -> None:
            nonlocal sketch
            if sketch is not None:
                finished.append(self._finish(sketch, y, names))
            sketch = None

        for block in blocks:
            first = 0
            while first < block.body.rows:
                fits = self._fitting(block, first, y if sketch else self.medium.margin)
                fresh = self._fitting(block, first, self.medium.margin)
                rows = block.body.rows - first
                moved = (self.whole and fresh >= rows) or fits * 3 < fresh
                better = fresh > fits and fits < rows and moved
                if sketch is None or better or fits == 0 or self._alone:
                    close()
                    wide = block.body.width if self.apart else widest
                    sketch, names, y = self._begin(wide), [], self.medium.margin
                    fits = max(1, fresh)
                last = min(first + fits, block.body.rows)
                y = self._place(sketch, block, y, first, last)
                names.append(block.name)
                first = last
        close()
        return finished

    def _fitting(self, block: Block, first: int, y: float) -> int:
        """How many rows fit between ``y`` and the end of the page."""
        if self.medium.height is None:
            return block.body.rows - first
        room = self.medium.bottom - y - HEAD - block.body.extra
        # The gap under the last row may reach into the foot.
        return max(0, min(int((room + 2) / block.body.row_height), block.body.rows - first))

    @property
    def _alone(self) -> bool:
        """Whether each block begins a page."""
        return self.medium.height is None and self.apart

    def _begin(self, width: float) -> Sketch:
        return Sketch(self.medium, max(self.medium.width, width + 2 * self.medium.margin))

    def _place(self, sketch: Sketch, block: Block, y: float, first: int, last: int) -> float:
        """Draws some rows of a block under their heading; returns where the next may begin."""
        block.draw_head(sketch, y, first, last)
        block.body.draw(sketch, sketch.left, y + HEAD, first, last)
        rows = (last - first) * block.body.row_height
        return y + HEAD + rows + block.body.extra + BETWEEN

    def _finish(self, sketch: Sketch, y: float, names: list[str]) -> Page:
        title = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        if self.medium.height is not None:
            return sketch.page(title, 0)
        return end_screen(sketch, title, y, self.feet)


def draw_heading(sketch: Sketch, y: float, name: str, kind: str, facts: str, room: float) -> None:
    """Draws the heading of a block under a rule: its name, what kind it is, and its facts."""
    sketch.line((sketch.left, y - 2), (sketch.right, y - 2))
    aside = sketch.measure(kind, LEAD) + 9
    x = sketch.left
    x += sketch.text(x, y + 12, name, HEADING, room=max(60, room - aside)) + 9
    sketch.text(x, y + 12, kind, LEAD.but(colour=QUIET), room=max(0.0, sketch.left + room - x))
    sketch.text(sketch.left, y + 23, facts, BODY.but(colour=QUIET), room=room)


def end_screen(sketch: Sketch, title: str, y: float, feet: tuple[str, ...]) -> Page:
    """The finished page for the screen, with its caption under the content."""
    top = y
    for line in feet:
        y = sketch.paragraph(sketch.left, y + 1, line, NOTE, sketch.right - sketch.left)
    return sketch.page(title, y + 16, foot=y + 16 - top + 8)


def add_foot(
    page: Page,
    medium: Medium,
    feet: tuple[str, ...],
    *,
    number: int = 1,
    total: int = 1,
    back: str = "",
) -> Page:
    """The page with its caption, its number and the way back to the anchor ``back``."""
    if medium.height is None:
        return page
    sketch = Sketch(medium, page.width, list(page.items))
    room = sketch.right - sketch.left - 70
    top = y = medium.height - medium.foot + (22 if len(feet) <= LINES else 14)
    for line in feet:
        y = sketch.paragraph(sketch.left, y, line, NOTE, room, lines=1)
    y = top
    if total > 1:
        sketch.label(sketch.right, y, f"{number} / {total}", NOTE, "end")
    if back:
        words = "back to cover"
        wide = sketch.measure(words, NOTE)
        sketch.label(sketch.right, y + 9, words, NOTE.but(colour=ACCENT), "end")
        sketch.link(sketch.right - wide - 2, y + 2, wide + 4, 10, back)
    return sketch.page(page.title, page.height)
