"""Pictures inside a page: one sprite for each layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.image import InputImage
from layersight.document.colour import palette
from layersight.nouns.activations.tiles import Tiles
from layersight.writers.pixels import data_uri, mosaic, png

Bytes = NDArray[np.uint8]

GREY = (0x9A, 0x9A, 0x9A, 255)
"""What stands for a unit that is not a number: no colour of any colour map."""

FLAT = (0xD8, 0xD8, 0xD4, 255)
"""The flat tile of a dead map."""


def pixels_of(image: InputImage) -> Bytes:
    """The pixels that the network was given, before preprocessing, as a picture can show them.

    Of channels that are neither grey, RGB nor RGBA the first is taken.
    """
    pixels = image.pixels
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4):
        pixels = pixels[:, :, :1]
    return np.ascontiguousarray(pixels)


def picture(image: InputImage) -> str:
    """The pixels that the network was given, before preprocessing, as a data address."""
    return data_uri(png(pixels_of(image)))


def bar(colormap: str) -> str:
    """The colour map from its first to its last colour as a data address."""
    return data_uri(png(np.arange(256, dtype=np.uint8)[None], palette(colormap)))


@dataclass(frozen=True, slots=True)
class Sprite:
    """All tiles of one layer for one image as one picture.

    Attributes:
        uri: The picture as a data address.
        count: How many tiles it holds.
        columns: Tiles in a row.
        rows: Rows of tiles.
        height: Of a tile in pixels.
        width: Likewise.
    """

    uri: str
    count: int
    columns: int
    rows: int
    height: int
    width: int


def each_tile(tiles: Tiles) -> Bytes:
    """A picture for each channel, ``(channel, height, width)``; of rows each is one high."""
    return tiles.pixels if tiles.form == "tiles" else tiles.pixels[0][:, None]


def sheet_of(
    tiles: Tiles, colormap: str, *, columns: int, gap: tuple[int, int], depth: int = 1
) -> Bytes:
    """The tiles of a layer as one picture that stands by itself.

    Args:
        tiles: Of form ``"tiles"`` or ``"rows"``.
        colormap: The name of the colour map.
        columns: Tiles in a row.
        gap: Pixels below and to the right of each tile.
        depth: Of 3-D layers, how many slices each tile holds.

    Returns:
        ``(height, width, 4)`` RGBA: dead and broken maps flat grey, gaps and places
        without a slice transparent.
    """
    pixels = each_tile(tiles)
    kinds = np.full(pixels.shape, 1, np.uint8)
    rows, across = tiles.slices
    left = depth - (rows - 1) * across
    kinds[:, pixels.shape[1] * (rows - 1) // rows :, pixels.shape[2] * left // across :] = 0
    kinds[tiles.dead | tiles.broken] = 2
    steps = mosaic(pixels, columns=columns, gap=gap)
    kind = mosaic(kinds, columns=columns, gap=gap)
    sheet = _with_alpha(colormap)[steps]
    sheet[kind == 2] = FLAT
    sheet[kind == 0] = 0
    return sheet


def _with_alpha(colormap: str) -> Bytes:
    return np.concatenate([palette(colormap), np.full((256, 1), 255, np.uint8)], axis=1)


def sprite_of(tiles: Tiles, colormap: str, columns: int | None = None) -> Sprite:
    """Lays the tiles of a layer into one picture.

    Args:
        tiles: Of form ``"tiles"``, or ``"rows"``, where each row becomes a tile.
        colormap: The name of the colour map.
        columns: Tiles in a row; by default so many that the picture is about square.
    """
    pixels = each_tile(tiles)
    count, height, width = pixels.shape
    wanted = columns or round(math.sqrt(count * height / width))
    columns = max(1, min(wanted, count))
    sheet = mosaic(pixels, columns=columns)
    uri = data_uri(png(sheet, palette(colormap)))
    return Sprite(uri, count, columns, math.ceil(count / columns), height, width)


def cells_of(tiles: Tiles, colormap: str) -> Sprite:
    """The units of a vector as one picture, a pixel each.

    Units that are not numbers are grey; what is left of the last row is transparent.
    """
    steps = tiles.pixels[0]
    height, width = steps.shape
    count = len(tiles.channels)
    pixels = _with_alpha(colormap)[steps].reshape(-1, 4)
    pixels[:count][tiles.broken] = GREY
    pixels[count:] = 0
    uri = data_uri(png(pixels.reshape(height, width, 4)))
    return Sprite(uri, count, width, height, 1, 1)
