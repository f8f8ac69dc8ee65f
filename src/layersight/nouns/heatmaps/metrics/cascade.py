"""A network loses what it has learned, layer by layer from its output down, and a map beside it.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS
2018: what shows a network has to change when its weights are replaced by random ones. A map that
stays as it was shows the image, as an edge detector does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.errors import SelectionError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.methods.method import Images, Progress
from layersight.nouns.heatmaps.metrics.bench import Explain
from layersight.nouns.heatmaps.metrics.likeness import (
    rank_correlation,
    strength,
    structural_similarity,
)


@dataclass(frozen=True, eq=False, slots=True)
class Cascade:
    """The map of a network that loses what it has learned, from the output down.

    Attributes:
        layers: For each stage the layer nearest to the input whose weights were drawn anew.
        counts: How many layers those are then.
        before: ``(height, width)`` float32: the map of the network as it was.
        maps: ``(stage, height, width)`` float32.
        ranks: ``(stage,)`` float32: Spearman's rank correlation of each with the first, without
            their signs.
        structures: ``(stage,)`` float32: their structural similarity (SSIM), without their signs,
            each over its greatest value.
    """

    layers: tuple[str, ...]
    counts: tuple[int, ...]
    before: FloatArray
    maps: FloatArray
    ranks: FloatArray
    structures: FloatArray

    @property
    def likeness(self) -> float:
        """The mean rank correlation: 1 if the map stayed as it was, 0 if nothing is left."""
        return float(self.ranks.mean())


def cascade(
    model: Differentiable,
    images: Images,
    explain: Explain,
    *,
    layers: Sequence[str],
    values: FloatArray | None = None,
    stages: int = 8,
    share: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Cascade:
    """The maps of a network whose weights are drawn anew, from the output down.

    Args:
        model: The network; it has its own weights again afterwards.
        images: One image.
        explain: Makes the map of ``(1, height, width, channel)`` with the network as it is.
        layers: The layers with weights, in the order in which they run; see
            :func:`~layersight.nouns.heatmaps.metrics.bench.weighted_layers`.
        values: The map before, ``(height, width)``; ``None``: it is made.
        stages: How many times the map is made anew: first after the last layer alone, then
            after evenly more.
        share: Of the layers, how many are drawn anew in the end.
        seed: Of what is drawn.
        progress: Told after each stage how many are done and how many there are.

    Raises:
        SelectionError: No layer has weights.
    """
    if not layers:
        raise SelectionError("no layer has weights: there is nothing to draw anew")
    pixels = images.pixels
    before = explain(pixels)[0] if values is None else values
    down = list(layers)[::-1]
    last = max(1.0, share * len(down))
    counts = np.unique(np.rint(np.linspace(1, last, stages)).astype(int)).tolist()
    maps = []
    for place, count in enumerate(counts, 1):
        with model.randomised(down[:count], seed):
            maps.append(np.asarray(explain(pixels)[0], np.float32))
        if progress is not None:
            progress(place, len(counts))
    first = strength(before)
    return Cascade(
        layers=tuple(down[count - 1] for count in counts),
        counts=tuple(counts),
        before=np.asarray(before, np.float32),
        maps=np.stack(maps),
        ranks=np.array([rank_correlation(first, strength(each)) for each in maps], np.float32),
        structures=np.array(
            [structural_similarity(first, strength(each)) for each in maps], np.float32
        ),
    )
