"""The strongest or weakest images of a channel, as one small picture or one by one.

The rule of this module: each crop shows the pixels that the channel depends on at its position.
Small crops keep their own pixels as squares; large ones are made smaller.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from layersight.document.blocks import Bytes, Cell, Grid, Tile
from layersight.document.words import brief, finite, number
from layersight.nouns.survey.result import Examples, LayerSurvey, Survey

GAP = 2
"""Pixels between two crops."""
BLANK = 200
"""The grey between crops, and where there is none; no page has that colour."""
SIZES = ((1_000, (46, 6)), (6_000, (32, 8)), (20_000, (20, 10)))
"""The most channels of a report, with pixels of a crop's side and channels in a row for it."""
SMALLEST = 16, 10
ALONE, ACROSS = 96, 9
"""Pixels of the side of a single crop, and how many there are in a row."""


def crop_size(channels: int) -> tuple[int, int]:
    """Pixels of a crop's side and channels in a row, so that a report of many stays usable.

    >>> crop_size(352), crop_size(26560)
    ((46, 6), (16, 10))
    """
    return next((sizes for most, sizes in SIZES if channels <= most), SMALLEST)


def with_crop(entry: LayerSurvey, examples: Examples, channel: int) -> list[int]:
    """The ranks worth showing: with a crop, and among the strongest only where the channel fires.

    A channel that is silent for most images has zeros among its strongest.
    """
    silent = examples is entry.strongest and bool(entry.min[channel] >= 0)
    activations, crops = examples.activations[channel], examples.crops[channel]
    return [
        rank
        for rank in range(examples.crops.shape[1])
        if crops[rank] >= 0 and not (silent and activations[rank] <= 0)
    ]


def montages(
    survey: Survey, entry: LayerSurvey, channels: Sequence[int], side: int, count: int = 9
) -> Bytes:
    """The strongest crops of some channels, each row by row in a square.

    Args:
        survey: Where the crops are.
        entry: The layer.
        channels: Which of its channels.
        side: Pixels of a crop's side.
        count: How many crops at most: 1, 4 or 9.

    Returns:
        ``(channel, height, width, 3)``; grey where there is none.
    """
    examples = entry.strongest
    across = math.ceil(math.sqrt(min(count, examples.crops.shape[1])))
    sheet = across * side + (across - 1) * GAP
    sheets = np.full((len(channels), sheet, sheet, 3), BLANK, np.uint8)
    cells = [
        (int(examples.crops[channel, rank]), row, cell)
        for row, channel in enumerate(channels)
        for cell, rank in enumerate(with_crop(entry, examples, channel)[:count])
    ]
    # In the order of the file.
    for crop, row, cell in sorted(cells):
        top, left = (step * (side + GAP) for step in divmod(cell, across))
        sheets[row, top : top + side, left : left + side] = fitted(survey.crop(crop), side)
    return sheets


def example_images(
    survey: Survey, entry: LayerSurvey, examples: Examples, channel: int, title: str
) -> Iterator[Grid]:
    """What the strongest images of a channel show, or the weakest; nothing if there are no crops.

    Args:
        survey: Where the crops are.
        entry: The layer.
        examples: The strongest images of its channels, or the weakest.
        channel: Which channel.
        title: The title over them.
    """
    pixels, tiles = [], []
    for rank in with_crop(entry, examples, channel)[:ACROSS]:
        pixels.append(fitted(survey.crop(int(examples.crops[channel, rank])), ALONE))
        name = survey.names[int(examples.images[channel, rank])]
        position = ", ".join(map(str, examples.positions[channel, rank].tolist()))
        folder = name.rpartition("/")[0] if survey.classes else ""
        tiles.append(
            Tile(
                label=number(float(examples.activations[channel, rank])),
                lines=tuple(
                    (brief(line, 26), Cell()) for line in (PurePosixPath(name).stem, folder) if line
                ),
                name=name,
                facts=(("image", name), ("position", position or "the whole image")),
            )
        )
    if tiles:
        yield Grid(
            *(np.stack(pixels), tiles),
            columns=ACROSS,
            side=76.0,
            title=title,
            unit="image",
            photos=True,
        )


def example_numbers(survey: Survey, examples: Examples, channel: int) -> list[dict[str, Any]]:
    """The strongest images of a channel, or the weakest, by name, JSON-ready."""
    return [
        {
            "image": survey.names[int(image)],
            "activation": finite(float(examples.activations[channel, rank])),
            "box": [int(edge) for edge in examples.boxes[channel, rank]],
        }
        for rank, image in enumerate(examples.images[channel])
        if image >= 0
    ]


def fitted(crop: Bytes, side: int) -> Bytes:
    """A crop in a square of RGB pixels, its sides in proportion, on grey.

    >>> fitted(np.zeros((1, 2, 1), np.uint8), 4)[..., 0].tolist()
    [[200, 200, 200, 200], [0, 0, 0, 0], [0, 0, 0, 0], [200, 200, 200, 200]]
    """
    longer = max(crop.shape[:2])
    tall, wide = (max(1, round(edge * side / longer)) for edge in crop.shape[:2])
    square = np.full((side, side, 3), BLANK, np.uint8)
    top, left = (side - tall) // 2, (side - wide) // 2
    colours = np.repeat(crop, 3, 2) if crop.shape[2] == 1 else crop
    square[top : top + tall, left : left + wide] = resized(colours, (tall, wide))
    return square


def resized(pixels: Bytes, shape: tuple[int, int]) -> Bytes:
    """Pixels at another size: larger as squares, smaller as their mean."""
    larger = shape[0] >= pixels.shape[0]
    how = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
    picture = Image.fromarray(np.ascontiguousarray(pixels)).resize(shape[::-1], how)
    return np.asarray(picture, np.uint8)
