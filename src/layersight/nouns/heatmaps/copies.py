"""Changed copies of images, shown to a network batch by batch.

The rule of this module: copies are shown copy by copy, of each copy image by image, and whoever
adds up what they give adds in that order, so that neither the size of a batch nor the images
beside it change what an image gets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.errors import ModelInputError
from layersight.nouns.heatmaps.methods.method import Images, Request

Numbers = NDArray[np.intp]


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """What the rows of one batch are."""

    copies: Numbers  # (row,): which copy each is, never falling
    images: Numbers  # (row,): of which image

    def __len__(self) -> int:
        return len(self.images)

    def split(self, size: int) -> list[Rows]:
        """The rows in batches of so many at most."""
        starts = range(0, len(self), size)
        return [
            Rows(self.copies[start : start + size], self.images[start : start + size])
            for start in starts
        ]

    def pairs(self) -> Iterable[tuple[int, int]]:
        return zip(self.copies.tolist(), self.images.tolist(), strict=True)

    @property
    def span(self) -> range:
        """The copies that the batch holds; its rows are the places ``copies - span.start``."""
        return range(int(self.copies[0]), int(self.copies[-1]) + 1)


def batches(copies: int, images: Sequence[int] | Numbers, size: int) -> list[Rows]:
    """Every copy of every image, in batches of so many rows at most.

    >>> [list(rows.pairs()) for rows in batches(2, [0, 1], 3)]
    [[(0, 0), (0, 1), (1, 0)], [(1, 1)]]
    """
    chosen = np.asarray(images, np.intp)
    copy, place = np.divmod(np.arange(copies * len(chosen)), max(len(chosen), 1))
    return Rows(copy, chosen[place]).split(size)


def originals(images: Images) -> Rows:
    every = np.arange(len(images))
    return Rows(np.zeros_like(every), every)


def read(request: Request, rows: Rows, pixels: FloatArray) -> NDArray[np.float64]:
    """The score of each row, ``(row,)``, of pixels ``(row, *positions, channel)``; finite."""
    scores = request.model.read(_inputs(request, rows, pixels), _goals(request.target, rows))
    return numbers(scores, "score").astype(np.float64)


def gradients(
    request: Request, rows: Rows, pixels: FloatArray, *, guided: bool = False
) -> tuple[FloatArray, FloatArray]:
    """The score of each row, unchecked, and its gradient, ``(row, *positions, channel)``.

    A gradient that is not finite is refused. ``guided`` lets only what is positive back through
    rectifiers.
    """
    name = request.images.input
    found = request.model.differentiate(
        _inputs(request, rows, pixels), _goals(request.target, rows), by=[name], guided=guided
    )
    slopes = numbers(found.inputs[name], "gradient of the score by the pixels")
    return found.scores, slopes.reshape(pixels.shape)


def image_gradients(request: Request, *, guided: bool = False) -> FloatArray:
    images = request.images
    return gradients(request, originals(images), images.pixels, guided=guided)[1]


def numbers(values: NDArray[np.floating], what: str) -> FloatArray:
    """The values as float32; refused if some are infinite or no numbers."""
    with np.errstate(over="ignore"):
        found = np.asarray(values, np.float32)
    if not np.isfinite(found).all():
        raise ModelInputError(
            f"the {what} is not finite (infinite or NaN), so that no heatmap can be made: "
            "either the weights hold such values or they arise on the way; `layersight "
            "activations` shows in which layer"
        )
    return found


def _inputs(request: Request, rows: Rows, pixels: FloatArray) -> dict[str, FloatArray]:
    """The inputs of a batch: of what is not explained each row has its image's."""
    inputs = {name: array[rows.images] for name, array in request.images.values.items()}
    return inputs | {request.images.input: request.images.as_input(pixels)}


def _goals(target: Goal, rows: Rows) -> Goal:
    return tuple(
        readout
        if len(readout.weights) == 1
        else dataclasses.replace(readout, weights=readout.weights[rows.images])
        for readout in target
    )
