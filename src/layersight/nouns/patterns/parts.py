"""Patterns by layer, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from layersight.data.model import LayerInfo
from layersight.nouns.patterns.result import Patterns


@dataclass(frozen=True, eq=False, slots=True)
class LayerPatterns:
    """The patterns of one layer."""

    result: Patterns  # all patterns
    name: str  # the layer's name
    layer: LayerInfo | None  # what is known of it, if it is a layer of the model
    indices: tuple[int, ...]  # where its patterns stand in result

    def count(self, marks: NDArray[np.bool_]) -> int:
        """Of how many of its patterns something is true."""
        return int(marks[list(self.indices)].sum())

    @property
    def alive(self) -> tuple[int, ...]:
        """Where those that have a picture stand."""
        empty = self.result.empty
        return tuple(index for index in self.indices if not empty[index])

    @property
    def median_kept(self) -> float | None:
        """What half of those with a picture keep at least when moved; ``None`` if unknown."""
        known = self.result.kept[list(self.alive)]
        known = known[np.isfinite(known)]
        return float(np.median(known)) if known.size else None


def by_layer(result: Patterns) -> list[LayerPatterns]:
    """The layers that patterns stand under, in the order in which they were asked for."""
    known = {layer.name: layer for layer in result.model.layers}
    found: dict[str, list[int]] = {}
    for index, objective in enumerate(result):
        found.setdefault(objective.layer, []).append(index)
    return [
        LayerPatterns(result, name, known.get(name), tuple(indices))
        for name, indices in found.items()
    ]


def default_view(result: Patterns) -> str:
    """The view that fits a result for which none was asked."""
    if len(result) == 1:
        return "pattern"
    return "grid" if len(set(result.layers)) == 1 else "sheet"


def siblings(result: Patterns, index: int) -> tuple[int, ...]:
    """Where all facets of a pattern's objective stand, itself among them."""
    terms = result.objectives[index].terms
    return tuple(other for other, entry in enumerate(result) if entry.terms == terms)


def facets_beside(result: Patterns, indices: Sequence[int]) -> int:
    """How many facets of each objective follow each other; 1 if not all have as many."""
    terms = [result.objectives[index].terms for index in indices]
    counts = {len(list(same)) for _, same in groupby(terms)}
    return counts.pop() if len(counts) == 1 else 1
