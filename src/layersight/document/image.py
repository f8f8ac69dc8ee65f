"""An image and the model's predictions for it, as blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.image import InputImage
from layersight.data.prediction import VALUES, Prediction
from layersight.data.stack import contact_sheet
from layersight.document.blocks import Block, Cell, Column, Curve, Note, Picture, Series, Table
from layersight.document.colour import palette
from layersight.document.words import count, number, plural, scale_line, size

MOST_OUTPUTS = 3
MOST_CHANNELS = 12  # the most channels of a signal that are drawn
MOST_POINTS = 800  # the most positions of a signal that are all drawn
SIDE = 150.0  # of the square that an input is fitted into, in points


def input_pixels(image: InputImage) -> tuple[Bytes, Bytes | None]:
    """The pixels of an input, and their palette if they are grey."""
    pixels = image.pixels
    if pixels.shape[-1] >= 3:
        return np.ascontiguousarray(pixels[..., :3]), None
    return np.ascontiguousarray(pixels[..., 0]), palette("grey")


def input_picture(image: InputImage, side: float = SIDE, lines: tuple[str, ...] = ()) -> Picture:
    """An input as the network saw it."""
    pixels, colours = input_pixels(image)
    name = f"{image.name}, as the network saw it"
    return Picture(pixels, colours, side=side, lines=lines, name=name)


def input_block(image: InputImage, side: float = SIDE, wide: float | None = None) -> Block:
    """An input as the network saw it: a picture, all frames or slices, a curve, or bars."""
    if image.is_line:
        return input_curve(image, wide)
    if image.frames is None:
        return input_picture(image, side)
    sheet = contact_sheet(image.frames, 255)
    grey = sheet.shape[-1] == 1
    pixels, colours = (sheet[..., 0], palette("grey")) if grey else (sheet, None)
    return Picture(pixels, colours, side=side, name=f"{image.name}, as the network saw it")


def input_curve(image: InputImage, wide: float | None = None, tall: float = 74.0) -> Curve:
    """A signal with a curve for each channel, or a vector as bars."""
    name = f"{image.name}, as the network saw it"
    if image.values.ndim == 1:
        names = image.names if 0 < len(image.names) <= MOST_CHANNELS else ()
        series = Series(image.values, style="bars", tone="plain")
        return Curve((series,), x_title="unit", x_names=names, wide=wide, tall=tall, name=name)
    length, channels = image.values.shape
    drawn = []
    for channel in range(min(channels, MOST_CHANNELS)):
        x, y, _ = thinned(image.values[:, channel])
        drawn.append(Series(y, x, style="plain" if channels == 1 else "thin", tone="plain"))
    more = f"the first {MOST_CHANNELS} of {channels} channels" if channels > MOST_CHANNELS else ""
    return Curve(
        tuple(drawn),
        x=(0.0, float(max(1, length - 1))),
        x_title="position",
        wide=wide,
        tall=tall,
        lines=(more,) if more else (),
        name=name,
    )


def thinned(
    values: FloatArray, strength: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """A signal reduced to the points that a page can show: the extremes of each short piece.

    Args:
        values: ``(position,)``.
        strength: ``(position,)``, of which the strongest of each piece is kept.

    Returns:
        ``(point,)``: the positions, the values, and their strength.
    """
    if len(values) <= MOST_POINTS:
        return np.arange(len(values), dtype=np.float32), np.asarray(values, np.float32), strength
    length = 2 * -(-len(values) // MOST_POINTS)
    positions: list[int] = []
    strongest: list[float] = []
    for start in range(0, len(values), length):
        piece = values[start : start + length]
        extremes = sorted({start + int(piece.argmin()), start + int(piece.argmax())})
        positions += extremes
        if strength is not None:
            part = strength[start : start + length]
            strongest += [float(part[np.abs(part).argmax()])] * len(extremes)
    reduced = None if strength is None else np.array(strongest, np.float32)
    return np.array(positions, np.float32), np.asarray(values, np.float32)[positions], reduced


def input_note(image: InputImage, title: str, *, named: bool = True) -> Note:
    """How an image was brought to the network."""
    height, width = image.pixels.shape[:2]
    sizes = f"{size(image.original_size)} pixels in the file, {size((width, height))} here"
    if image.is_line:
        sizes = f"{size(image.values.shape)} numbers"
    elif image.frames is not None:
        sizes = f"{plural(len(image.frames), 'picture')} of {size((width, height))} pixels"
    lines = (sizes, *image.steps, scale_line(image))
    return Note(lines, title, lead=image.name if named else "")


def prediction_blocks(predictions: Sequence[Prediction]) -> tuple[Block, ...]:
    """The predictions for an image: a table with bars for each output."""
    several = len(predictions) > 1
    blocks = [_prediction(prediction, several=several) for prediction in predictions[:MOST_OUTPUTS]]
    if len(predictions) > MOST_OUTPUTS:
        more = plural(len(predictions) - MOST_OUTPUTS, "more output")
        blocks.append(Note((f"and {more}",), tone="quiet"))
    return tuple(blocks)


def _prediction(prediction: Prediction, *, several: bool) -> Block:
    named = len(prediction.top)
    title = f"Output {prediction.output}" if several else "Output"
    if 0 < named < prediction.size:
        values = prediction.kind == VALUES
        title += f", the {'greatest' if values else 'strongest'} {named} of "
        title += count(prediction.size) + (" values" if values else "")
    if not named:
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
