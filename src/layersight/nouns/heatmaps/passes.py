"""What methods ask of a network: maps and gradients of a layer, scores of changed copies.

The rule of this module: arrays in, arrays out; what a method is stands in its own file. Sums over
positions are taken in float64, and no arithmetic here warns: what is not a number stays so, and
is named by the verb. Copies are shown copy by copy, of each copy image by image, and whoever adds
up what they give adds in that order, so that neither the size of a batch nor the images beside it
change what an image gets.
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

Indices = NDArray[np.intp]

ROUNDING = 1e-6
"""The range of a map that is taken for constant, as a share of its largest absolute value."""


AXES = {1: "position", 2: "height, width", 3: "frame or slice, height, width"}
"""The axes of positions of what is explained, by their number."""


def checked(values: FloatArray, layer: str, axes: int) -> FloatArray:
    """The output of a layer, if it has maps with as many axes as what is explained."""
    if values.ndim != axes + 2:
        shape = " x ".join(str(size) for size in values.shape[1:])
        raise ModelInputError(
            f"expected a layer with maps, (image, {AXES[axes]}, channel), but one image makes "
            f"{shape} of '{layer}'; name a convolution or pooling layer before it"
        )
    return values


def maps_of(request: Request) -> FloatArray:
    """The maps of the first layer, ``(image, *positions, channel)``, if it has some."""
    layer = request.layers[0]
    found = request.model.forward(request.images.values, [layer])
    return checked(found.layers[layer], layer, len(request.images.size))


def maps_and_gradients(request: Request) -> tuple[FloatArray, FloatArray]:
    """The maps of the first layer and the gradients of the target by their values.

    Both ``(image, *positions, channel)``; a layer without such maps is refused.
    """
    layer = request.layers[0]
    found = request.model.differentiate(request.images.values, request.target, layers=[layer])
    values = checked(found.values[layer], layer, len(request.images.size))
    return values, found.gradients[layer]


@np.errstate(all="ignore")
def weighted(values: FloatArray, weights: NDArray[np.floating]) -> FloatArray:
    """The sum over channels of weight times map, ``(image, *positions)`` float32.

    Values are ``(image, *positions, channel)``, weights ``(image, channel)``.
    """
    flat = values.reshape(len(values), -1, values.shape[-1])
    summed: FloatArray = np.matmul(flat, weights.astype(np.float32)[:, :, np.newaxis])
    return summed.reshape(values.shape[:-1])


def rectified(maps: FloatArray) -> FloatArray:
    """Values below 0 become 0; float32."""
    return np.maximum(maps, 0).astype(np.float32, copy=False)


@np.errstate(all="ignore")
def normalise(maps: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Brings each map of ``(map, *positions)`` from its own range to 0..1, in place.

    Told is also for each whether it has a range; a constant one is 0.
    """
    axes = tuple(range(1, maps.ndim))
    low, high = maps.min(axis=axes), maps.max(axis=axes)
    ranged = ~(high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    one_each = (-1, *(1 for _ in axes))
    maps -= low.reshape(one_each)
    maps /= np.where(ranged, high - low, 1).reshape(one_each)
    maps[~ranged] = 0
    return maps, ranged


def goals_of(goal: Goal, images: Indices) -> Goal:
    """What is explained of some images of a batch, in the order of their copies."""
    return tuple(
        part if len(part.weights) == 1 else dataclasses.replace(part, weights=part.weights[images])
        for part in goal
    )


def strongest(sizes: NDArray[np.floating], count: int) -> Indices:
    """The indices of the largest sizes above 0, rising; of equal ones the first.

    At most ``count``, or all for 0; one that is no number counts as large.
    """
    known = np.where(np.isnan(sizes), np.inf, sizes)
    alive = np.flatnonzero(known > 0)
    if count and len(alive) > count:
        order = np.argsort(-known[alive], kind="stable")
        alive = np.sort(alive[order[:count]])
    return alive


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """What the rows of one batch are."""

    copies: Indices  # (row,): which copy each is, never falling
    images: Indices  # (row,): of which image

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


def batches(copies: int, images: Sequence[int] | Indices, size: int) -> list[Rows]:
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
    scores = request.model.read(
        _inputs(request, rows, pixels), goals_of(request.target, rows.images)
    )
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
        _inputs(request, rows, pixels),
        goals_of(request.target, rows.images),
        by=[name],
        guided=guided,
    )
    by_pixels = numbers(found.inputs[name], "gradient of the score by the pixels")
    return found.scores, by_pixels.reshape(pixels.shape)


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
