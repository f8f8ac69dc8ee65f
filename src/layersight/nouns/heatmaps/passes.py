"""What methods need from a network: maps and gradients of a layer, scores of changed copies.

The rule of this module: arrays in, arrays out; each method is defined in its own file. Sums over
positions are taken in float64, and no arithmetic here warns: NaN stays NaN, and the verb reports
it. Copies run copy by copy, and of each copy image by image, and results are summed in that order,
so that neither the size of a batch nor its other images change the result of an image.
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
"""The range of a map that counts as constant, as a share of its largest absolute value."""

AXES = {1: "position", 2: "height, width", 3: "frame or slice, height, width"}
"""The axes of positions of what is explained, by their number."""


def check_maps(values: FloatArray, layer: str, axes: int) -> FloatArray:
    """The output of a layer; refused unless it has maps with as many axes as the input."""
    if values.ndim != axes + 2:
        shape = " x ".join(str(size) for size in values.shape[1:])
        raise ModelInputError(
            f"expected a layer with maps, (image, {AXES[axes]}, channel), but one image makes "
            f"{shape} of '{layer}'; name a convolution or pooling layer before it"
        )
    return values


def layer_maps(request: Request) -> FloatArray:
    """The maps of the first layer, ``(image, *positions, channel)``."""
    layer = request.layers[0]
    values = request.model.forward(request.images.values, [layer]).layers[layer]
    return check_maps(values, layer, len(request.images.size))


def maps_and_gradients(request: Request) -> tuple[FloatArray, FloatArray]:
    """The maps of the first layer and the gradients of the target by their values.

    Both ``(image, *positions, channel)``; a layer without such maps is refused.
    """
    layer = request.layers[0]
    result = request.model.differentiate(request.images.values, request.target, layers=[layer])
    values = check_maps(result.values[layer], layer, len(request.images.size))
    return values, result.gradients[layer]


@np.errstate(all="ignore")
def weighted_sum(values: FloatArray, weights: NDArray[np.floating]) -> FloatArray:
    """The sum over channels of weight times map, ``(image, *positions)`` float32.

    Values are ``(image, *positions, channel)``, weights ``(image, channel)``.
    """
    flat = values.reshape(len(values), -1, values.shape[-1])
    summed: FloatArray = np.matmul(flat, weights.astype(np.float32)[:, :, np.newaxis])
    return summed.reshape(values.shape[:-1])


def rectify(maps: FloatArray) -> FloatArray:
    """Values below 0 become 0; float32."""
    return np.maximum(maps, 0).astype(np.float32, copy=False)


@np.errstate(all="ignore")
def normalise(maps: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Scales each map of ``(map, *positions)`` from its own range to 0..1, in place.

    Also returns for each whether it varies; a constant map becomes 0.
    """
    axes = tuple(range(1, maps.ndim))
    low, high = maps.min(axis=axes), maps.max(axis=axes)
    varies = ~(high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    shape = (-1, *(1 for _ in axes))
    maps -= low.reshape(shape)
    maps /= np.where(varies, high - low, 1).reshape(shape)
    maps[~varies] = 0
    return maps, varies


def select_goals(goal: Goal, images: Indices) -> Goal:
    """The goal of rows that are copies of some images of a batch."""
    return tuple(
        part if len(part.weights) == 1 else dataclasses.replace(part, weights=part.weights[images])
        for part in goal
    )


def strongest_indices(sizes: NDArray[np.floating], count: int) -> Indices:
    """The indices of the largest sizes above 0, ascending; of equal sizes the first.

    At most ``count``, or all for 0; NaN counts as large.
    """
    ranks = np.where(np.isnan(sizes), np.inf, sizes)
    indices = np.flatnonzero(ranks > 0)
    if count and len(indices) > count:
        order = np.argsort(-ranks[indices], kind="stable")
        indices = np.sort(indices[order[:count]])
    return indices


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Which copy of which image each row of a batch is."""

    copies: Indices  # (row,): the number of the copy, never decreasing
    images: Indices  # (row,): the index of the image

    def __len__(self) -> int:
        return len(self.images)

    def split(self, size: int) -> list[Rows]:
        """The rows in batches of at most ``size``."""
        return [
            Rows(self.copies[start : start + size], self.images[start : start + size])
            for start in range(0, len(self), size)
        ]

    def pairs(self) -> Iterable[tuple[int, int]]:
        return zip(self.copies.tolist(), self.images.tolist(), strict=True)

    @property
    def span(self) -> range:
        """The copies in the batch, which its rows index by ``copies - span.start``."""
        return range(int(self.copies[0]), int(self.copies[-1]) + 1)


def batches(copies: int, images: Sequence[int] | Indices, size: int) -> list[Rows]:
    """Every copy of every image, in batches of at most ``size`` rows.

    >>> [list(rows.pairs()) for rows in batches(2, [0, 1], 3)]
    [[(0, 0), (0, 1), (1, 0)], [(1, 1)]]
    """
    chosen = np.asarray(images, np.intp)
    copy, index = np.divmod(np.arange(copies * len(chosen)), max(len(chosen), 1))
    return Rows(copy, chosen[index]).split(size)


def original_rows(images: Images) -> Rows:
    indices = np.arange(len(images))
    return Rows(np.zeros_like(indices), indices)


def read_scores(request: Request, rows: Rows, pixels: FloatArray) -> NDArray[np.float64]:
    """The score of each row, ``(row,)``, of pixels ``(row, *positions, channel)``; finite."""
    scores = request.model.read(
        _inputs(request, rows, pixels), select_goals(request.target, rows.images)
    )
    return require_finite(scores, "score").astype(np.float64)


def pixel_gradients(
    request: Request, rows: Rows, pixels: FloatArray, *, guided: bool = False
) -> tuple[FloatArray, FloatArray]:
    """The score of each row, unchecked, and its gradient, ``(row, *positions, channel)``.

    A gradient that is not finite is refused. ``guided`` lets only positive gradients back through
    rectifiers.
    """
    name = request.images.input
    result = request.model.differentiate(
        _inputs(request, rows, pixels),
        select_goals(request.target, rows.images),
        by=[name],
        guided=guided,
    )
    by_pixels = require_finite(result.inputs[name], "gradient of the score by the pixels")
    return result.scores, by_pixels.reshape(pixels.shape)


def input_gradients(request: Request, *, guided: bool = False) -> FloatArray:
    images = request.images
    return pixel_gradients(request, original_rows(images), images.pixels, guided=guided)[1]


def require_finite(values: NDArray[np.floating], what: str) -> FloatArray:
    """The values as float32; refused if any is infinite or NaN."""
    with np.errstate(over="ignore"):
        single = np.asarray(values, np.float32)
    if not np.isfinite(single).all():
        raise ModelInputError(
            f"the {what} is not finite (infinite or NaN), so that no heatmap can be made: "
            "either the weights hold such values or they arise on the way; `layersight "
            "activations` shows in which layer"
        )
    return single


def _inputs(request: Request, rows: Rows, pixels: FloatArray) -> dict[str, FloatArray]:
    """The inputs of a batch; inputs that are not explained are those of each row's image."""
    inputs = {name: array[rows.images] for name, array in request.images.values.items()}
    return inputs | {request.images.input: request.images.as_input(pixels)}
