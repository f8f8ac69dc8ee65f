"""How heatmaps are measured, as plain data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from layersight.data.arrays import FloatArray
from layersight.errors import UsageError, near

FILLINGS = ("mean", "black", "grey", "white", "blur")
"""What can stand for a pixel that is deleted."""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """How heatmaps are measured; each metric reads those that it names.

    Attributes:
        points: For deletion and insertion, in how many equal shares the pixels go or come.
        filling: For deletion, what stands for a pixel: ``"mean"`` (the image's own mean colour),
            ``"black"``, ``"grey"``, ``"white"`` or ``"blur"`` (the image itself, blurred).
        shares: For ROAD, the shares of pixels that are filled in.
        blemish: For ROAD, the standard deviation of the noise on pixels that are filled in, as a
            share of the range from black to white.
        radius: For sensitivity, the greatest change of a pixel as a share of that range.
        copies: For sensitivity, how many images with noise.
        stages: For randomisation, how many times the map is made anew on the way.
        randoms: How many random maps the number beside is the mean of.
        seed: Of everything random.

    Raises:
        UsageError: A value is none that it can have.
    """

    points: int = 32
    filling: str = "mean"
    shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    blemish: float = 0.01
    radius: float = 0.02
    copies: int = 10
    stages: int = 6
    randoms: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("points", "copies", "stages", "randoms"):
            if getattr(self, name) < 1:
                raise UsageError(f"expected {name} of at least 1, found {getattr(self, name)}")
        if self.seed < 0:
            raise UsageError(f"expected a seed of at least 0, found {self.seed}")
        if self.filling not in FILLINGS:
            raise UsageError(
                f"unknown filling '{self.filling}': expected one of {', '.join(FILLINGS)}."
                f"{near(self.filling, FILLINGS)}"
            )
        for name in ("blemish", "radius"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"expected {name} of at least 0, found {getattr(self, name)}")
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise UsageError(
                "expected shares of pixels above 0 and below 1, found "
                f"{', '.join(f'{share:g}' for share in self.shares) or 'none'}"
            )

    def to_json(self) -> dict[str, Any]:
        """The options as JSON-ready data."""
        return dataclasses.asdict(self) | {"shares": list(self.shares)}


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
