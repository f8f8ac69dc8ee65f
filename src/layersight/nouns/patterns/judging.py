"""What a pattern is worth: the activation that it reached, against what else there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Ascent, Optimisation
from layersight.data.model import LayerInfo
from layersight.nouns.patterns.placements import unseen, whole


class Judge:
    """Measures canvases by the layers of an ascent.

    Args:
        begun: The ascent under way.
        ascent: What is optimised.
        movable: Whether shifts and rescalings of the canvas mean something.
    """

    def __init__(self, begun: Optimisation, ascent: Ascent, *, movable: bool = True) -> None:
        self._optimisation, self._ascent, self._movable = begun, ascent, movable
        self._still = whole(ascent.size)
        self._known: dict[Hashable, list[FloatArray]] = {}

    def values(
        self, canvases: Sequence[FloatArray], weights: Sequence[Sequence[FloatArray]]
    ) -> FloatArray:
        """The objective of each canvas, each with weights of its own, ``(canvas,)``."""
        return self._weighted(canvases, weights, self._still)

    def active(
        self, canvases: Sequence[FloatArray], weights: Sequence[Sequence[FloatArray]]
    ) -> list[list[FloatArray]]:
        """Of each canvas, for each probe, where the channels that have a weight are active.

        Each ``(channel, axis)``, as :meth:`Optimisation.active` tells it.
        """
        found = self._run(self._optimisation.active, canvases, self._still)
        rows = (row for shares in found for row in zip(*shares, strict=True))
        return [
            [shares[weight != 0] for shares, weight in zip(row, own, strict=True)]
            for row, own in zip(rows, weights, strict=True)
        ]

    def starts(
        self,
        keys: Sequence[Hashable],
        canvases: Sequence[FloatArray],
        weights: Sequence[Sequence[FloatArray]],
    ) -> FloatArray:
        """As :meth:`values` of starts, those of one key measured once."""
        new = {
            key: canvas
            for key, canvas in zip(keys, canvases, strict=True)
            if key not in self._known
        }
        rows = (
            row
            for found in self._measure([*new.values()], self._still)
            for row in zip(*found, strict=True)
        )
        self._known.update(zip(new, map(list, rows), strict=True))
        return np.array(
            [
                sum(
                    float(np.sum(output * one))
                    for output, one in zip(self._known[key], own, strict=True)
                )
                for key, own in zip(keys, weights, strict=True)
            ],
            np.float32,
        )

    def kept(
        self, canvases: Sequence[FloatArray], weights: Sequence[Sequence[FloatArray]]
    ) -> FloatArray:
        """The mean objective of each under the placements that no step has seen, NaN without."""
        if not self._movable:
            return np.full(len(canvases), np.nan, np.float32)
        views = unseen(self._ascent.size)
        found = [self._weighted(canvases, weights, view) for view in views]
        return np.asarray(np.mean(found, 0), np.float32)

    def all(
        self, canvases: Sequence[FloatArray], weights: Sequence[Sequence[FloatArray]]
    ) -> FloatArray:
        """Every objective of every canvas, ``(canvas, objective)``."""
        found: list[FloatArray] = []
        for outputs in self._measure(canvases, self._still):
            parts = [
                output @ np.stack([own[n] for own in weights]).T for n, output in enumerate(outputs)
            ]
            found.append(np.sum(parts, 0))
        return np.concatenate(found)

    def _weighted(
        self,
        canvases: Sequence[FloatArray],
        weights: Sequence[Sequence[FloatArray]],
        view: FloatArray,
    ) -> FloatArray:
        found: list[FloatArray] = []
        start = 0
        for outputs in self._measure(canvases, view):
            own = weights[start : start + len(outputs[0])]
            parts = [
                np.sum(output * np.stack([entry[n] for entry in own]), -1)
                for n, output in enumerate(outputs)
            ]
            found.append(np.sum(parts, 0))
            start += len(own)
        return np.concatenate(found).astype(np.float32)

    def _measure(
        self, canvases: Sequence[FloatArray], view: FloatArray
    ) -> Iterator[tuple[FloatArray, ...]]:
        """What the probes find of canvases."""
        return self._run(self._optimisation.measure, canvases, view)

    def _run(
        self,
        find: Callable[[FloatArray, FloatArray], tuple[FloatArray, ...]],
        canvases: Sequence[FloatArray],
        view: FloatArray,
    ) -> Iterator[tuple[FloatArray, ...]]:
        """What is found of canvases, batch by batch, each batch filled up."""
        size = self._ascent.batch
        for start in range(0, len(canvases), size):
            part = list(canvases[start : start + size])
            filled = np.stack(part + [part[-1]] * (size - len(part)))
            yield tuple(output[: len(part)] for output in find(filled, view))


def covered(
    layer: LayerInfo, active: Sequence[float], size: tuple[int, int], described: tuple[int, int]
) -> float:
    """About how much of a picture a channel answers to, 0..1.

    What the rows and the columns with active positions see, as if they lay side by side.

    Args:
        layer: The layer.
        active: The share of the rows, and of the columns, where the channel is not 0 at all.
        size: Height and width of the picture.
        described: The height and width for which the layer's shape is known.

    Returns:
        Not a number where positions are none of a picture, or what they see is not known.

    Example:
        >>> layer = LayerInfo("conv", "Conv2D", (None, 9, 9, 64), receptive_field=(18, 18))
        >>> round(covered(layer, (1 / 9, 1 / 9), (50, 50), (50, 50)), 2)
        0.13
        >>> covered(layer, (1.0, 1.0), (100, 100), (50, 50))
        1.0
    """
    sides, field = (layer.example_shape or (None,))[:-1], layer.receptive_field
    if len(sides) != 2 or field is None or len(field) != 2:
        return math.nan
    found = 1.0
    for own, share, side, canvas, known in zip(field, active, sides, size, described, strict=True):
        if not side:
            return math.nan
        stride = known / side
        count = share * canvas / stride
        found *= min(1.0, (own + stride * (count - 1)) / canvas) if share else 0.0
    return found


def percentiles(natural: FloatArray, reached: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What natural images reach, and where a pattern lies among them.

    Args:
        natural: ``(image, pattern)``.
        reached: ``(pattern,)``.

    Returns:
        ``(pattern, 3)``: median, 99th percentile and greatest; and ``(pattern,)``: the share
        of natural images that reach no more, in percent.
    """
    marks = np.stack([np.median(natural, 0), np.percentile(natural, 99, 0), natural.max(0)], -1)
    place = 100 * np.mean(natural <= reached, 0)
    return marks.astype(np.float32), place.astype(np.float32)
