"""The pictures of a page: sprites, single pictures, photographs under them, ramps of colours.

The rule of this module: a picture that is needed twice is in the page once, as a class of its
style. All are encoded before the first tag is written, on all cores.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from layersight.data.stack import mosaic
from layersight.document.blocks import Bytes, Document, Grid, Overlay, Picture
from layersight.writers.pixels import data_uri, photo, png

SIZES = {"s": 64, "m": 112, "l": 224}
"""About how many pixels of the screen the longer side of a tile takes."""
SHARES = {"s": 0.6, "m": 1.0, "l": 2.0}  # of what a block asks for, where it asks for a size
PER_POINT = 4 / 3  # pixels of the screen in a point
TINY = 5  # tiles of so few pixels, as of kernels, are half as large
SHARED = 64
"""Tiles of RGB pixels stand in one sprite up to this side; larger ones can be saved one by one."""
SMOOTH = 56  # photographs of more pixels along a side may be smoothed to the size of the screen
PALE = 0.55  # the share of white in what the network did not see of a photograph


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pixels of a grid or of a picture, encoded."""

    uris: tuple[str, ...]  # one for each tile, or a single one where all share a sprite
    photos: tuple[str, ...]  # for each tile the class of the photograph under it, if there is one
    columns: int  # tiles in a row of the sprite; 0 where each has a picture of its own
    style: str  # custom properties: the sizes of all tiles
    styles: tuple[str, ...]  # of each tile, where their sizes differ
    sharp: bool  # whether pixels are drawn as squares
    pixel: tuple[int, int]  # height and width of a tile in its own pixels
    on_screen: tuple[int, int]  # height and width of a tile of middle size on the screen


class Art:
    """All encoded pictures of a document, and the classes of those that are shared."""

    def __init__(self, document: Document) -> None:
        self._known: dict[tuple[int, ...], str] = {}
        self._rules: dict[str, str] = {}
        blocks = list(document.pictures())
        overlays = [one for block in blocks for one in block.photographs if one is not None]
        self.peak = max((int(overlay.alpha.max(initial=0)) for overlay in overlays), default=0)
        for overlay in overlays:
            self.photo(overlay)
        with ThreadPoolExecutor() as pool:
            # The pictures of all blocks at once: a block may hold one or hundreds.
            encoded = [[pool.submit(job) for job in self._jobs(block)] for block in blocks]
            self._drawn = {
                id(block): self._draw(block, tuple(job.result() for job in jobs))
                for block, jobs in zip(blocks, encoded, strict=True)
            }

    def __getitem__(self, block: Grid | Picture) -> Drawn:
        return self._drawn[id(block)]

    def style(self, within: str = "") -> str:
        """The rules of the shared classes, within the elements that a selector chooses."""
        return "".join(
            f"{within}.{name}{{background-image:url({uri})}}" for uri, name in self._rules.items()
        )

    def ramp(self, palette: Bytes) -> str:
        """The class of a bar of colours."""
        steps = np.arange(256, dtype=np.uint8)[None]
        return self._class("c-", lambda: data_uri(png(steps, palette)), palette)

    def photo(self, overlay: Overlay | None) -> str:
        """The class of the photograph under a tile; empty without one."""
        if overlay is None:
            return ""
        arrays = (overlay.under,) if overlay.faded is None else (overlay.under, overlay.faded)
        return self._class("p-", lambda: rgb_uri(faded(overlay)), *arrays)

    def _class(self, start: str, make: Callable[[], str], *arrays: object) -> str:
        # The document holds the arrays as long as they are looked up by identity.
        key = tuple(map(id, arrays))
        if key not in self._known:
            uri = make()
            # Named after its content: the cells of a notebook share one page.
            self._known[key] = f"{start}{zlib.crc32(uri.encode()):08x}"
            self._rules[uri] = self._known[key]
        return self._known[key]

    def _jobs(self, block: Grid | Picture) -> list[Callable[[], str]]:
        """What encodes each picture of a block."""
        if isinstance(block, Picture):
            if block.cover:
                return [str]
            return [partial(self._encode, block.pixels, block.palette, block.overlay)]
        if columns := shared_columns(block):
            return [partial(_sprite, block, columns)]
        if block.photos:
            pairs = zip(block.tiles, block.pixels, strict=True)
            return [str if tile.cover else partial(photo_uri, pixels) for tile, pixels in pairs]
        palettes = map(block.palette_of, block.tiles)
        inputs = zip(block.tiles, block.pixels, palettes, block.photographs, strict=True)
        return [str if tile.cover else partial(self._encode, *rest) for tile, *rest in inputs]

    def _draw(self, block: Grid | Picture, uris: tuple[str, ...]) -> Drawn:
        photos = tuple(map(self.photo, block.photographs))
        smooth = any(photos) or (isinstance(block, Grid) and block.photos)
        whole = not smooth
        columns = 0 if isinstance(block, Picture) else shared_columns(block)
        shapes = block.shapes
        height, width = shapes[0]
        if isinstance(block, Picture):
            # Pictures beside each other have one size; only enlarged pixels are whole squares.
            whole = max(height, width) <= min(block.side, block.side if whole else SMOOTH)
        on_screen = sizes(height, width, block.side, whole=whole)
        if isinstance(block, Picture) and block.tall is not None:
            on_screen = stretched(height, width, block.side, block.tall)
        styles: tuple[str, ...] = ()
        if len(set(shapes)) > 1:
            styles = tuple(style_of(sizes(*shape, block.side, whole=whole)) for shape in shapes)
        sharp = not smooth or max(height, width) <= SMOOTH
        style = "" if styles else style_of(on_screen)
        return Drawn(uris, photos, columns, style, styles, sharp, (height, width), on_screen["m"])

    def _encode(self, pixels: Bytes, palette: Bytes | None, overlay: Overlay | None) -> str:
        if overlay is None:
            return indexed_uri(pixels, palette)
        alpha = np.rint(overlay.alpha * (255 / max(1, self.peak))).astype(np.uint8)
        if overlay.faded is not None:
            hole = overlay.faded if pixels.ndim == 2 else overlay.faded[..., None]
            alpha, pixels = np.where(overlay.faded, 0, alpha), np.where(hole, 0, pixels)
            alpha, pixels = alpha.astype(np.uint8), pixels.astype(np.uint8)
        if pixels.ndim == 2 and palette is not None:
            # As a rule opacity depends on the colour, and then the palette can hold it.
            opacity = np.zeros(256, np.uint8)
            opacity[pixels] = alpha
            if np.array_equal(opacity[pixels], alpha):
                return data_uri(png(np.ascontiguousarray(pixels), palette, opacity))
            pixels = palette[pixels]
        colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
        return data_uri(png(np.concatenate([colours, alpha[..., None]], -1)))


def shared_columns(block: Grid) -> int:
    """Tiles in a row of the sprite; 0 if each has a picture of its own."""
    pixels = block.pixels
    if not isinstance(pixels, np.ndarray) or not len(pixels) or any(block.overlays):
        return 0
    if pixels.ndim == 4:
        alone = max(pixels.shape[1:3]) > SHARED
    else:
        alone = any(block.palette_of(tile) is not block.palette for tile in block.tiles)
    height, width = pixels.shape[1:3]
    return 0 if alone else max(1, min(round(math.sqrt(len(pixels) * height / width)), len(pixels)))


def _sprite(block: Grid, columns: int) -> str:
    sheet = mosaic(np.asarray(block.pixels), columns=columns)
    return photo_uri(sheet) if block.photos else indexed_uri(sheet, block.palette)


def faded(overlay: Overlay) -> Bytes:
    """The photograph, pale where the network did not see it."""
    if overlay.faded is None or not overlay.faded.any():
        return overlay.under
    pale = np.rint(overlay.under * (1 - PALE) + 255 * PALE).astype(np.uint8)
    return np.where(overlay.faded[..., None], pale, overlay.under)


def indexed_uri(pixels: Bytes, palette: Bytes | None) -> str:
    """Indices with their palette, or colours, as an address."""
    if pixels.ndim == 3:
        return rgb_uri(pixels)
    return data_uri(png(np.ascontiguousarray(pixels), palette))


def rgb_uri(pixels: Bytes) -> str:
    """Colours as an address; grey ones as grey, which is a third of the size."""
    if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
    return data_uri(png(np.ascontiguousarray(pixels)))


def photo_uri(pixels: Bytes) -> str:
    """A photograph as an address."""
    return data_uri(photo(pixels, "WEBP"), "webp")


def sizes(
    height: int, width: int, side: float | None, *, whole: bool
) -> dict[str, tuple[int, int]]:
    """Height and width on the screen for each choice of sizes.

    ``side`` is about how many points the longer one takes, or ``None`` for the usual sizes;
    ``whole`` asks for a whole number of screen pixels for each pixel, or the reverse.

    >>> sizes(36, 36, None, whole=True)
    {'s': (72, 72), 'm': (108, 108), 'l': (216, 216)}
    """
    longer = max(height, width)
    result = {}
    for name, target in SIZES.items():
        wanted = target if side is None else max(1, round(side * PER_POINT * SHARES[name]))
        if side is None and longer <= TINY:
            wanted //= 2
        zoom = zoom_to(longer, wanted) if whole else wanted / longer
        result[name] = max(1, round(height * zoom)), max(1, round(width * zoom))
    return result


def stretched(height: int, width: int, side: float, tall: float) -> dict[str, tuple[int, int]]:
    """Height and width of a picture whose rows take at least ``tall`` points each."""
    wide, row = width * zoom_to(width, round(side * PER_POINT)), tall * PER_POINT
    return {
        name: (max(1, round(height * row * down)), max(1, round(wide * across)))
        for name, down, across in (("s", 0.7, 0.6), ("m", 1.0, 1.0), ("l", 2.0, 1.5))
    }


def style_of(sides: dict[str, tuple[int, int]]) -> str:
    """Sizes as custom properties."""
    return ";".join(
        f"--w{name}:{width}px;--h{name}:{height}px" for name, (height, width) in sides.items()
    )


def zoom_to(edge: int, target: int) -> float:
    """The zoom that brings an edge nearest to a target: a whole number, or one over it.

    >>> zoom_to(36, 112), zoom_to(148, 112), zoom_to(224, 112)
    (3, 1, 0.5)
    """
    ratio = max(edge, target) / min(edge, target)
    factor = math.floor(ratio)
    if (factor + 1) / ratio < ratio / factor:
        factor += 1
    return factor if edge <= target or factor == 1 else 1 / factor


def clip(block: Grid | Picture) -> str:
    """Cuts the cells of the last row that hold no slice out of a tile; empty if there are none.

    >>> clip(Grid(np.zeros((1, 4, 4), np.uint8), (), slices=(2, 2), depth=3))
    '--clip:polygon(0 0,100% 0,100% 50%,50% 50%,50% 100%,0 100%)'
    """
    rows, columns = block.slices
    left = block.depth - (rows - 1) * columns
    if rows * columns == 1 or left == columns:
        return ""
    x, y = f"{100 * left / columns:.6g}%", f"{100 * (rows - 1) / rows:.6g}%"
    return f"--clip:polygon(0 0,100% 0,100% {y},{x} {y},{x} 100%,0 100%)"
