"""Blocks beside each other, which continue in a new row where the room ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from layersight.document.blocks import Beside, Block, Curve, Picture
from layersight.writers.layout.body import BETWEEN, Body, lay, stack
from layersight.writers.layout.curve import shared_key, without_key
from layersight.writers.sketch import Medium, Sketch

APART = 22.0  # between two columns of blocks
CLOSE = 9.0  # between two pictures
NARROWEST = 150.0  # the least width of words beside a picture
SHRUNK = 0.7  # pictures shrink down to this share rather than begin a new row


@lay.register
def _beside(block: Beside, medium: Medium, room: float) -> Body:
    if not block.parts:
        return stack([])
    curves = [part[0] for part in block.parts if len(part) == 1 and isinstance(part[0], Curve)]
    key = shared_key(curves, medium, room) if len(curves) == len(block.parts) else None
    if key is not None:
        bare = tuple((without_key(curve),) for curve in curves)
        block = dataclasses.replace(block, parts=bare)
    pictures = all(len(part) == 1 and isinstance(part[0], Picture) for part in block.parts)
    lines = _pictures(block, medium, room) if pictures else None
    if lines is None:
        lines = _lines(block, medium, room)
    heights = [max(body.rows[0] for _, body in line) for line in lines]
    above = 0.0 if key is None else key.height()

    def draw(sketch: Sketch, x: float, y: float, first: int, last: int) -> None:
        if key is not None:
            key.draw(sketch, x, y, 0, 1)
        y += above
        for line, height in zip(lines[first:last], heights[first:last], strict=True):
            for shift, body in line:
                body.draw(sketch, x + shift, y, 0, 1)
            y += height + BETWEEN

    width = max(shift + body.width for line in lines for shift, body in line)
    rows = tuple(height + BETWEEN for height in heights[:-1])
    return Body(width, (*rows, heights[-1]), draw, above)


def _lines(block: Beside, medium: Medium, room: float) -> list[list[tuple[float, Body]]]:
    """The parts of each row with their left edges."""
    lines: list[list[tuple[float, Body]]] = []
    left = room + APART
    for number, part in enumerate(block.parts):
        body = _column(part, medium, room)
        rest = room - left
        fits = rest >= min(body.width, NARROWEST) - 0.01
        if fits and body.width > rest:
            narrower = _column(part, medium, rest)
            fits = narrower.width <= rest + 0.01
            body = narrower if fits else body
        if not fits:
            lines.append([])
            left = 0.0
        lines[-1].append((left, body))
        filling = block.fill and number == len(block.parts) - 1
        left = room if filling else left + body.width + APART
    return lines


def _pictures(block: Beside, medium: Medium, room: float) -> list[list[tuple[float, Body]]] | None:
    """All pictures in one row, if they fit there, perhaps a little smaller."""
    bodies = [_column(part, medium, room) for part in block.parts]
    gaps = CLOSE * (len(bodies) - 1)
    total = sum(body.width for body in bodies)
    if medium.height is not None and total > room - gaps:
        if (room - gaps) / total < SHRUNK:
            return None
        share = (room - gaps) / len(bodies)
        bodies = [_column(part, medium, share) for part in block.parts]
    left, line = 0.0, []
    for body in bodies:
        line.append((left, body))
        left += body.width + CLOSE
    return [line]


def _column(part: Sequence[Block], medium: Medium, room: float) -> Body:
    return stack([lay(block, medium, room) for block in part])
