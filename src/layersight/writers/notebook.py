"""Documents in the cells of a notebook.

The rule of this module: a cell has the blocks of a page but no script, is small enough for a
notebook, says what it leaves out, and escapes every name. All sections are open, so that a notebook
that is printed or exported shows them too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
from PIL import Image

from layersight.data.arrays import Bytes
from layersight.document.blocks import Beside, Block, Document, Grid, Overlay, Part, Picture, flat
from layersight.document.words import plural
from layersight.writers.html import Ids, asset
from layersight.writers.html.drawn import Art
from layersight.writers.html.filters import environment
from layersight.writers.pixels import png

BYTES = 2_000_000
"""The most bytes of pixels in a cell before compression, unless its first section has more."""
TILES = 32  # the most tiles with a picture each
EDGE = 72  # maps of more pixels along a side are thinned
PHOTO = 360  # photographs of more pixels along a side are reduced
NO_IDS = Ids(Document("", "", (), ()))  # cells share a page, so that none may have ids

T = TypeVar("T", bound=Block)


def to_html(document: Document) -> str:
    """A document as an HTML fragment with a small style of its own and without scripts."""
    left_out: dict[str, None] = {}
    parts = []
    for part in document.parts[:1]:
        front = _blocks(part.intro, left_out)
        chosen = [
            dataclasses.replace(section, blocks=_blocks(section.blocks, left_out))
            for section in part.sections
        ]
        totals = np.cumsum([_bytes(section.blocks) for section in chosen])
        fit = max(1, int((totals <= BYTES).sum()))
        parts.append(Part(tuple(chosen[:fit]), front))
        if fit < len(chosen):
            left_out[f"the first {fit} of {len(chosen)}"] = None
    if len(document.parts) > 1:
        left_out[f"the first of {plural(len(document.parts), 'image')}"] = None
    small = dataclasses.replace(document, parts=tuple(parts))
    art = Art(small)
    style = asset("cell.css").replace("--cover: 1;", f"--cover: {art.peak / 255:.3g};")
    return (
        environment()
        .get_template("cell.html")
        .render(
            document=small, left_out=list(left_out), art=art, ids=NO_IDS, style=style, script=""
        )
    )


def to_png(document: Document) -> bytes | None:
    """The pixels of a document's only picture as a PNG file.

    A notebook stores this beside the HTML. Several pictures, or one whose colours have a scale that
    pixels alone do not show, give ``None``.
    """
    blocks = list(document.pictures())
    if len(blocks) != 1 or any(blocks[0].photographs):
        return None
    block = blocks[0]
    if isinstance(block, Picture):
        pixels, cover = block.pixels, block.cover
    elif len(block.tiles) == 1:
        pixels, cover = block.pixels[0], block.tiles[0].cover
    else:
        return None
    scaled = pixels.ndim == 2 and not _is_grey(block.palette)
    return None if scaled or cover else png(np.ascontiguousarray(pixels))


def _is_grey(palette: Bytes | None) -> bool:
    return palette is None or bool((palette == np.arange(256)[:, None]).all())


def _bytes(blocks: Sequence[Block]) -> int:
    drawn = [block for block in flat(blocks) if isinstance(block, Grid | Picture)]
    tiles = [block.pixels if isinstance(block, Grid) else [block.pixels] for block in drawn]
    return sum(pixels.nbytes for pixels in chain.from_iterable(tiles))


def _blocks(blocks: Sequence[Block], left_out: dict[str, None]) -> tuple[Block, ...]:
    """Blocks with so few and so small pictures that a notebook can hold them."""
    reduced: list[Block] = []
    for block in blocks:
        if isinstance(block, Beside):
            parts = tuple(_blocks(part, left_out) for part in block.parts)
            reduced.append(dataclasses.replace(block, parts=parts))
        elif isinstance(block, Grid):
            reduced.append(_grid(block, left_out))
        elif isinstance(block, Picture) and block.overlay:
            pixels, overlay = _small(block.pixels, block.overlay)
            reduced.append(dataclasses.replace(block, pixels=pixels, overlay=overlay))
        else:
            reduced.append(block)
    return tuple(reduced)


def _grid(grid: Grid, left_out: dict[str, None]) -> Grid:
    pixels, overlays, tiles, numbers = grid.pixels, grid.overlays, grid.tiles, grid.numbers
    separate = not isinstance(pixels, np.ndarray) or pixels.ndim == 4
    if separate and len(tiles) > TILES and not grid.rows:
        left_out[f"the first {TILES} of each"] = None
        pixels, overlays, tiles = pixels[:TILES], overlays[:TILES], tiles[:TILES]
        numbers = tuple(dataclasses.replace(one, values=one.values[:TILES]) for one in grid.numbers)
    if isinstance(pixels, np.ndarray) and grid.slices == (1, 1) and not any(overlays):
        stride = max(1, round(max(pixels.shape[1:3]) / EDGE)) if pixels.ndim == 3 else 1
        if stride > 1:
            left_out[f"one pixel of {stride} x {stride} of large maps"] = None
            pixels = pixels[:, ::stride, ::stride]
    elif any(overlays):
        reduced = [_small(*pair) for pair in zip(pixels, overlays, strict=True)]
        pixels, overlays = [photo for photo, _ in reduced], [overlay for _, overlay in reduced]
    return dataclasses.replace(grid, pixels=pixels, overlays=overlays, tiles=tiles, numbers=numbers)


def _small(pixels: Bytes, overlay: Overlay | None) -> tuple[Bytes, Overlay | None]:
    """A photograph with what lies over it, reduced."""
    stride = max(1, -(-max(pixels.shape[:2]) // PHOTO))
    if overlay is None or stride == 1:
        return pixels, overlay
    thin = np.s_[::stride, ::stride]
    height, width = pixels[thin].shape[:2]
    under = Image.fromarray(overlay.under).resize((width, height), Image.Resampling.BOX)
    faded = None if overlay.faded is None else overlay.faded[thin]
    return pixels[thin], Overlay(np.asarray(under), overlay.alpha[thin], faded)
