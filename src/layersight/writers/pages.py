"""A document on pages.

The rule of this module: a section is kept together if a page can hold it, and its heading is
repeated where it continues; nothing here depends on what is drawn.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from layersight.document.blocks import Document, Grid, Part, Section
from layersight.writers.fonts import lacking
from layersight.writers.layout import (  # noqa: F401, each registers its layout
    beside,
    curve,
    grid,
    picture,
    table,
    text,
)
from layersight.writers.layout.body import BETWEEN, Body, lay
from layersight.writers.sketch import (
    ACCENT,
    BAR_WIDTH,
    BODY,
    HEADING,
    LEAD,
    MUTED,
    NOTE,
    QUIET,
    SECTION,
    TITLE,
    Anchor,
    Medium,
    Page,
    Sketch,
    Text,
)

HEAD = 32.0  # height of a heading with a line of facts, in points
LINE = 21.0  # height of a heading without
APART = 20.0  # between two sections
LINES = 3  # a caption of more lines begins higher
FEW = 60.0  # the least points of a block that are begun before the end of a page


def paginate(document: Document, medium: Medium) -> list[Page]:
    """A document laid out on paper, or as one page of a screen, as wide and tall as needed."""
    medium = _fine(document, medium)
    press = _Press(medium, several=len(document.parts) > 1)
    for part in document.parts:
        press.part(document, part)
    return press.finish(document.captions)


@dataclass(slots=True)
class _Press:
    """Fills pages from top to bottom."""

    medium: Medium
    several: bool  # whether the document has several parts, so that sections are a level deeper
    sketches: list[Sketch] = field(default_factory=list)  # the pages; the last is being filled
    y: float = 0.0  # how far it is filled
    back: str = ""  # the anchor of the part's cover, once that is drawn

    def part(self, document: Document, part: Part) -> None:
        self.back = ""
        fresh = True
        if part.front:
            self._begin()
            self._cover(document, part)
            self.back = part.anchor
            fresh = not part.follow
            self.y += 0 if fresh else APART
        elif self.several and part.title:
            self._begin()
            sketch = self._sketch
            sketch.anchor(part.anchor, part.title, max(0.0, self.y - 8))
            sketch.text(sketch.left, self.y + 6, part.title, SECTION, room=self.medium.room)
            self.y += APART
            fresh = False
        for section in part.sections:
            self.section(section, fresh=fresh or section.alone or section.fresh)
            fresh = section.alone

    def _begin(self, *, after: float = APART) -> None:
        """Begins a new page on paper; on a screen everything is on one."""
        if self.medium.height is None and self.sketches:
            self.y += after
            return
        self.sketches.append(Sketch(self.medium, self.medium.width, self.back))
        self.y = self.medium.margin

    @property
    def _sketch(self) -> Sketch:
        return self.sketches[-1]

    @property
    def _rest(self) -> float:
        return self.medium.bottom - self.y

    def _cover(self, document: Document, part: Part) -> None:
        sketch, y = self._sketch, self.y + 8
        room = self.medium.room
        title = part.title or "Overview"
        sketch.anchor(part.anchor, title, 0 if self.y <= self.medium.margin else y)
        sketch.text(sketch.left, y, document.kicker, SECTION, room=room)
        sketch.text(sketch.left, y + 26, document.title, TITLE, room=room)
        y += 41
        for line in document.facts:
            sketch.text(sketch.left, y, line, MUTED, room=room)
            y += 11.5
        self.y = y + 10
        self._blocks(
            Section("", part.front), [lay(block, self.medium, room) for block in part.front]
        )

    def section(self, section: Section, *, fresh: bool) -> None:
        bodies = [lay(block, self.medium, self.medium.room) for block in section.blocks]
        head = _head(section)
        total = head + sum(body.height() for body in bodies) + BETWEEN * (len(bodies) - 1)
        if fresh or not self.sketches:
            self._begin()
        elif total > self._rest + 2:
            empty = self.medium.body
            begins = head + _reach(bodies, self._rest - head)
            if total <= empty + 2 or begins * 3 < head + _reach(bodies, empty - head):
                self._begin()
        self._blocks(section, bodies)
        self.y += APART

    def _blocks(self, section: Section, bodies: Sequence[Body]) -> None:
        """Draws the bodies of a section under its heading, on as many pages as they need."""
        bodies = [body for body in bodies if body.rows]
        head = _head(section)
        again = False
        index, first = 0, 0
        while index < len(bodies) or not again:
            top, shown_rows = self.y, ""
            self.y += head
            widest = self.medium.room
            while index < len(bodies):
                body = bodies[index]
                rows = len(body.rows) - first
                fits = rows if self.medium.height is None else body.fitting(first, self._rest)
                at_top = self.y <= self.medium.margin + head + 0.01
                reach = body.height(first, first + fits) if fits else 0.0
                if fits < rows and not at_top and (not fits or reach < FEW):
                    break
                last = first + (fits or 1)
                body.draw(self._sketch, self._sketch.left, self.y, first, last)
                widest = max(widest, body.width)
                self.y += body.height(first, last)
                if (first, last) != (0, len(body.rows)):
                    shown_rows = shown_rows or body.describe(first, last)
                first = last
                if last < len(body.rows):
                    break
                index, first = index + 1, 0
                self.y += BETWEEN if index < len(bodies) else 0.0
            self._heading(section, top, shown_rows, widest, again=again)
            again = True
            if index < len(bodies):
                self._begin()

    def _heading(self, section: Section, y: float, rows: str, wide: float, *, again: bool) -> None:
        """Draws the heading over a section's rows; only the first time is it in the outline."""
        page = self._sketch
        page.width = max(page.width, wide + 2 * self.medium.margin)
        sketch = dataclasses.replace(page, width=wide + 2 * self.medium.margin)
        if not again and (section.anchor or section.title):
            target = section.anchor or f"section:{section.title}"
            name = (section.outline or section.title) if section.listed else ""
            sketch.anchor(target, name, max(0.0, y - 8), 1 if self.several else 0)
        if not section.title:
            return
        kind = "   ".join(filter(None, (section.kind, rows)))
        full = room = sketch.right - sketch.left - (BAR_WIDTH + 18 if section.scale else 0)
        sketch.line((sketch.left, y - 2), (sketch.right, y - 2))
        if section.aside is not None:
            style = BODY.toned("accent" if section.aside.target else section.aside.tone)
            end = sketch.left + room
            wide = sketch.text(end, y + 12, section.aside.text, style, anchor="end", room=room / 2)
            if section.aside.target:
                sketch.link(end - wide - 2, y + 4, wide + 4, 11, section.aside.target)
            room -= wide + 12
        aside = sketch.medium.measure(kind, LEAD) + 9 if kind else 0.0
        x = sketch.left
        x += sketch.text(x, y + 12, section.title, HEADING, room=max(60.0, room - aside)) + 9
        left = max(0.0, sketch.left + room - x)
        sketch.text(x, y + 12, kind, LEAD.but(colour=QUIET), room=left)
        sketch.text(sketch.left, y + 23, section.facts, MUTED, room=full)
        if section.scale is not None:
            sketch.scale(sketch.right - BAR_WIDTH, y + 7, section.scale, BAR_WIDTH)

    def finish(self, captions: Sequence[str]) -> list[Page]:
        """All pages with their captions, their numbers and the numbers of others."""
        if not self.sketches:
            self._begin()
        sketches, numbers = self.sketches, dict[str, int]()
        for number, sketch in enumerate(sketches, 1):
            for item in sketch.items:
                if isinstance(item, Anchor):
                    numbers.setdefault(item.name, number)
        for sketch in sketches:
            for index, target in sketch.references:
                item = sketch.items[index]
                if isinstance(item, Text):
                    words = str(numbers.get(target, ""))
                    sketch.items[index] = dataclasses.replace(item, text=words)
        texts = (
            item.text for sketch in sketches for item in sketch.items if isinstance(item, Text)
        )
        captions = [line for line in (*captions, lacking(texts)) if line]
        return [self._finished(*numbered, captions) for numbered in enumerate(sketches, 1)]

    def _finished(self, number: int, sketch: Sketch, captions: Sequence[str]) -> Page:
        if self.medium.height is None:
            y = self.y
            for line in captions:
                y = sketch.paragraph(sketch.left, y + 1, line, NOTE, sketch.right - sketch.left)
            return sketch.page(y + 16)
        top = self.medium.height - self.medium.foot + (22 if len(captions) <= LINES else 14)
        y = top
        for line in captions:
            y = sketch.paragraph(sketch.left, y, line, NOTE, self.medium.room - 70, lines=1)
        if len(self.sketches) > 1:
            sketch.label(sketch.right, top, f"{number} / {len(self.sketches)}", NOTE, "end")
        if sketch.back:
            words = "back to cover"
            wide = sketch.medium.measure(words, NOTE)
            sketch.label(sketch.right, top + 9, words, NOTE.but(colour=ACCENT), "end")
            sketch.link(sketch.right - wide - 2, top + 2, wide + 4, 10, sketch.back)
        return sketch.page(0)


def _head(section: Section) -> float:
    if not section.title:
        return 0.0
    return HEAD if section.facts or section.scale else LINE


def _reach(bodies: Sequence[Body], room: float) -> float:
    """How much of a height bodies fill."""
    used = 0.0
    for body in bodies:
        fits = body.fitting(0, room - used)
        if not fits:
            return used
        used += body.height(0, fits) + BETWEEN
        if fits < len(body.rows):
            return used
    return used


def _fine(document: Document, medium: Medium) -> Medium:
    """The medium, on a screen so fine that every photograph fits its size on the page.

    Words are then as large beside a large photograph as beside a small one.
    """
    if medium.resolution is None:
        return medium
    needed = (
        max(map(max, block.shapes)) / block.side
        for block in document.pictures()
        if block.side is not None and (isinstance(block, Grid) or block.tall is None)
    )
    finest = math.ceil(max([medium.resolution, *needed]))
    return dataclasses.replace(medium, resolution=float(finest))
