"""What a heatmap explains, as data.

The rule of this module: a target is plain values that can be stored and read back; what they mean
in a network is decided where they are computed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

MEAN, PREDICTED = "mean", "predicted"  # all positions; those at which the unit is the strongest

Position = tuple[int, ...]

AXIS_NAMES: dict[int, tuple[str, ...]] = {
    1: ("position",),
    2: ("row", "column"),
    3: ("frame", "row", "column"),
}
"""The names of the axes of maps, by their number."""


@dataclass(frozen=True, slots=True)
class Target:
    """A class, a channel, a neuron, a region of a map, or the difference of two.

    Attributes:
        layer: The name of the layer that it is read from, usually an output.
        unit: The class, unit or channel.
        against: Another of the same layer that is subtracted, for a contrast.
        sign: -1 for the evidence against it: the other side of a single unit, "not dog".
        where: For a layer with maps: :data:`MEAN` over all positions; :data:`PREDICTED`: over
            those where the unit is the strongest of all; a neuron ``(y, x)``; or a region
            ``(y0, x0, y1, x1)``, ends not included; in positions of the map. Of a map with
            another number of axes as many numbers, or twice as many.
        before: Whether it is read before the layer's activation function (a logit).
        label: The name of the class, if known.
        against_label: The name of ``against``, if known.
        opposite: The name of the other side of a single unit, "cat" if the unit is "dog".
    """

    layer: str
    unit: int
    against: int | None = None
    sign: int = 1
    where: str | Position = MEAN
    before: bool = True
    label: str | None = None
    against_label: str | None = None
    opposite: str | None = None

    @property
    def name(self) -> str:
        """Its name in a caption.

        >>> Target("top", 1, label="dog", sign=-1).name
        'not dog'
        >>> Target("top", 3, against=5).name
        'class 3 rather than class 5'
        >>> Target("top", 0, label="dog", sign=-1, opposite="cat").name
        'cat'
        """
        if self.sign < 0 and self.opposite is not None and self.against is None:
            return self.opposite
        text = self.label or f"class {self.unit}"
        if self.against is not None:
            text += f" rather than {self.against_label or f'class {self.against}'}"
        return text if self.sign > 0 else f"not {text}"

    def to_json(self) -> dict[str, Any]:
        """The target as JSON-ready data."""
        where = self.where if isinstance(self.where, str) else list(self.where)
        return dataclasses.asdict(self) | {"where": where, "name": self.name}
