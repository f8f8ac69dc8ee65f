"""What a pattern is worth: the activation that it reached, against what else there is."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.ascent import Ascent, Optimisation
from layersight.nouns.patterns.placements import unseen, whole


class Judge:
    """Measures canvases by the layers of an ascent.

    Args:
        begun: The ascent under way.
        ascent: What is optimised.
    """

    def __init__(self, begun: Optimisation, ascent: Ascent) -> None:
        self._optimisation, self._ascent = begun, ascent
        self._still = whole(ascent.size)
        self._known: dict[Hashable, list[FloatArray]] = {}

    def values(
        self, canvases: Sequence[FloatArray], weights: Sequence[Sequence[FloatArray]]
    ) -> FloatArray:
        """The objective of each canvas, each with weights of its own, ``(canvas,)``."""
        return self._weighted(canvases, weights, self._still)

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
        """The mean objective of each under the placements that no step has seen."""
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
        """What the probes find of canvases, batch by batch, each batch filled up."""
        size = self._ascent.batch
        for start in range(0, len(canvases), size):
            part = list(canvases[start : start + size])
            filled = np.stack(part + [part[-1]] * (size - len(part)))
            yield tuple(output[: len(part)] for output in self._optimisation.measure(filled, view))


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
