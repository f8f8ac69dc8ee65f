"""Patterns on their way: a picture for each frame.

The rule of this module: all frames have one layout, so that nothing moves but the patterns.
"""

from __future__ import annotations

import dataclasses

from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import LayerPatterns, by_layer, facets_beside
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import captions
from layersight.render.patterns.grid import PatternBody, lay_tiles
from layersight.render.patterns.tile import Caption
from layersight.writers.page import Bytes, Page
from layersight.writers.sketch import ACCENT, BODY, HEADING, MEDIA, NOTE, QUIET, Sketch

MEDIUM = dataclasses.replace(MEDIA["screen"], margin=14.0)
NARROWEST = 230.0
"""The least width of a frame, in points."""
SIDES = ((1, 384), (4, 224), (12, 160), (1 << 30, 112))
"""Device pixels that a tile is wide at least, by how many patterns there are at most."""
TITLE = 30.0
LAYER = 20.0
BAR = 2.0


def frame_pages(result: Patterns, options: GalleryOptions) -> list[Page]:
    """A page for each frame of a result that has frames."""
    frames = result.frames if result.frames is not None else result.images[:0][None]
    groups = by_layer(result)
    bodies = [_body(group, options) for group in groups]
    width = max([NARROWEST, *(body.width for body in bodies)]) + 2 * MEDIUM.margin
    return [
        _page(result, groups, bodies, width, frame, number) for number, frame in enumerate(frames)
    ]


def _body(group: LayerPatterns, options: GalleryOptions) -> PatternBody:
    result = group.result
    least = next(side for most, side in SIDES if len(result) <= most)
    size = (int(result.images.shape[1]), int(result.images.shape[2]))
    facets = facets_beside(result, group.places)
    lattice = lay_tiles(MEDIUM, size, len(group.places), options.columns, facets, least=least)
    return PatternBody(result, group.places, lattice, Caption(lattice.wide, numbered=False))


def _page(
    result: Patterns,
    groups: list[LayerPatterns],
    bodies: list[PatternBody],
    width: float,
    frame: Bytes,
    number: int,
) -> Page:
    shown = dataclasses.replace(result, images=frame)
    sketch = Sketch(MEDIUM, width)
    last = result.frame_steps[-1]
    step = result.frame_steps[number]
    y = MEDIUM.margin
    _title(sketch, y, result.model.name, step, last)
    y += TITLE
    for group, body in zip(groups, bodies, strict=True):
        sketch.text(sketch.left, y + 8, group.name, BODY.but(bold=True), room=width)
        body = dataclasses.replace(body, result=shown)
        body.draw(sketch, sketch.left, y + LAYER - 5, 0, body.rows)
        y += LAYER + body.rows * body.row_height
    for line in captions(result)[1:]:
        y = sketch.paragraph(sketch.left, y + 1, line, NOTE, sketch.right - sketch.left)
    return sketch.page(f"step {step}", y + 8)


def _title(sketch: Sketch, y: float, name: str, step: int, last: int) -> None:
    """What is seen, and how far it has come."""
    words = f"step {step:,} of {last:,}"
    sketch.label(sketch.right, y + 9, words, BODY, "end")
    room = sketch.right - sketch.left - sketch.measure(words, BODY) - 8
    sketch.text(sketch.left, y + 9, name, HEADING.but(colour=QUIET), room=room)
    wide = sketch.right - sketch.left
    sketch.box(sketch.left, y + 16, wide, BAR, "#e3e7e9")
    sketch.box(sketch.left, y + 16, wide * step / max(1, last), BAR, ACCENT)
