"""An image and what the model says of it, as blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.image import InputImage
from layersight.data.prediction import VALUES, Prediction
from layersight.document.blocks import Block, Bytes, Cell, Column, Note, Picture, Table
from layersight.document.colour import palette
from layersight.document.words import count, number, plural, size

MOST_OUTPUTS = 3
SIDE = 150.0
"""Of the square that an input is fitted into, in points."""


def input_pixels(shown: InputImage) -> tuple[Bytes, Bytes | None]:
    """The pixels of an input, and their palette if they are grey."""
    pixels = shown.pixels
    if pixels.shape[-1] >= 3:
        return np.ascontiguousarray(pixels[..., :3]), None
    return np.ascontiguousarray(pixels[..., 0]), palette("grey")


def input_picture(shown: InputImage, side: float = SIDE, lines: tuple[str, ...] = ()) -> Picture:
    """An input as the network saw it."""
    pixels, colours = input_pixels(shown)
    name = f"{shown.name}, as the network saw it"
    return Picture(pixels, colours, side=side, lines=lines, name=name)


def input_note(shown: InputImage, title: str, *, named: bool = True) -> Note:
    """How an image came to the network."""
    height, width = shown.pixels.shape[:2]
    how = shown.preprocessing
    lines = (
        f"{size(shown.original_size)} pixels in the file, {size((width, height))} here",
        *shown.steps,
        f"{how.describe()} ({how.reason})",
    )
    return Note(lines, title, lead=shown.name if named else "")


def prediction_blocks(predictions: Sequence[Prediction]) -> tuple[Block, ...]:
    """What the model says of an image: a table with bars for each output."""
    several = len(predictions) > 1
    blocks = [_prediction(each, several=several) for each in predictions[:MOST_OUTPUTS]]
    if len(predictions) > MOST_OUTPUTS:
        more = plural(len(predictions) - MOST_OUTPUTS, "more output")
        blocks.append(Note((f"and {more}",), tone="quiet"))
    return tuple(blocks)


def _prediction(prediction: Prediction, *, several: bool) -> Block:
    shown = len(prediction.top)
    title = f"Output {prediction.output}" if several else "Output"
    if 0 < shown < prediction.size:
        values = prediction.kind == VALUES
        title += f", the {'greatest' if values else 'strongest'} {shown} of "
        title += count(prediction.size) + (" values" if values else "")
    if not shown:
        return Note((prediction.describe(),), title)
    longest = max([1.0, *(abs(top.score) for top in prediction.top)])
    rows = tuple(
        (
            Cell(prediction.name_of(top)),
            Cell(number(top.score), share=min(1.0, max(0.0, top.score / longest))),
        )
        for top in prediction.top
    )
    return Table((Column(""), Column("", "right")), rows, title)
