"""From heat to colours: how far the scale goes, and one colour for every value.

The rule of this module: the scale begins at 0, or has in its middle what says nothing where heat
has a sign (0, or the map's own ground), and its end is a value that is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.document.blocks import Bytes, Scale
from layersight.document.colour import FADED, PALE, ZERO, diverging, palette
from layersight.document.colour import steps as signed_steps
from layersight.document.words import MINUS, number
from layersight.nouns.heatmaps.options import FINE_PERCENTILE, HeatOptions
from layersight.nouns.heatmaps.result import Heatmap, Heatmaps

UNSEEN = 0  # the colour step of what the network did not see
LAST = 255
FEW = 1000  # positions of a signal below which its greatest heat is no odd one among many
LEAST = 0.5
"""Of the opacity, what heat of 0 has where it has a sign: paler ground makes it readable."""


@dataclass(frozen=True, eq=False, slots=True)
class HeatScale:
    """How values become colours."""

    limit: float  # the heat of the last colour; 0 where there is nothing but zeros
    most: float  # the greatest size of heat, which may lie beyond the limit
    signed: bool  # whether the scale goes as far below the ground
    colours: Bytes  # (256, 3) RGB; the first is that of pixels that were not seen
    neutral: float = 0.0  # the value that heat is counted from

    @property
    def low(self) -> float:
        return self.neutral - self.limit if self.signed else self.neutral

    @property
    def high(self) -> float:
        return self.neutral + self.limit

    @property
    def cut(self) -> bool:
        return self.most > self.limit

    def steps(self, heat: FloatArray) -> Bytes:
        """The colour step of heat, 1 to 255; :data:`UNSEEN` where there is none."""
        known = np.isfinite(heat)
        if self.signed:
            found = signed_steps(heat, self.limit)
        else:
            share = np.where(known, heat, 0) / (self.limit or 1.0)
            found = (1 + np.rint((LAST - 1) * np.clip(share, 0, 1))).astype(np.uint8)
        return np.where(known, found, np.uint8(UNSEEN))

    def strength(self) -> FloatArray:
        """For each colour step the share of the limit that its value has, 0..1, ``(256,)``."""
        places = np.arange(LAST + 1, dtype=np.float32)
        far = np.abs(places - ZERO) / (LAST - ZERO)
        share = far if self.signed else (places - 1) / (LAST - 1)
        return np.clip(share, 0, 1).astype(np.float32)

    def opacity(self, most: float, clear: float = 0.0) -> FloatArray:
        """How far each colour step covers the photograph, ``(256,)``; ``most`` for the last.

        It grows fast at first and then slower, so that weak heat is seen and the photograph too; up
        to a share ``clear`` of the limit heat covers nothing.
        """
        strength = np.clip((self.strength() - clear) / (1 - clear), 0, 1)
        share = 1 - (1 - strength) ** 2
        veil = LEAST if self.signed and not clear else 0.0
        found = np.asarray(most * (veil + (1 - veil) * share), np.float32)
        found[UNSEEN] = FADED
        return found

    def marks(self) -> dict[float, str]:
        """What the ends of the colour bar mean, and the middle of one with a sign."""
        beyond = "\u2265 " if self.cut else ""
        end = f"{beyond}{_told(self.high)}"
        if not self.signed:
            return {0.0: "0", 1.0: end}
        below = "\u2264 " if self.cut else ""
        return {0.0: f"{below}{_told(self.low)}", 0.5: _told(self.neutral), 1.0: end}

    def ramp(self) -> Bytes:
        return np.concatenate([self.colours[1:2], self.colours[1:]])


def heat_scale(result: Heatmaps, place: int, options: HeatOptions) -> HeatScale:
    entry = result.maps[place]
    entries = [entry]
    if options.normalise == "shared":
        entries = [
            other for other in result if (other.image, other.method) == (entry.image, entry.method)
        ]
    sizes = [(_sizes(other), percentile_of(other, options)) for other in entries]
    limit = max(_limit(each, percentile) for each, percentile in sizes)
    colours = (diverging() if entry.signed else palette(options.colormap)).copy()
    colours[UNSEEN] = PALE
    most = max(float(each.max(initial=0)) for each, _ in sizes)
    return HeatScale(limit, most, entry.signed, colours, entry.neutral)


def colour_bar(scale: HeatScale) -> Scale:
    marks = tuple(scale.marks().items())
    # Index 0 is what was not seen; the first colour of heat is index 1.
    step = (scale.high - scale.low) / 254
    return Scale(scale.ramp(), marks, scale.low - step, scale.high)


def _told(value: float) -> str:
    return f"{MINUS}{number(-value)}" if value < 0 else number(value) if value else "0"


def percentile_of(entry: Heatmap, options: HeatOptions) -> float:
    if options.percentile is not None:
        return options.percentile
    if entry.values.ndim == 1 and entry.values.size < FEW:
        return 100.0
    return FINE_PERCENTILE if entry.coarse.shape == entry.values.shape else 100.0


def _sizes(entry: Heatmap) -> FloatArray:
    values = np.abs(entry.heat) if entry.signed else np.maximum(entry.heat, 0)
    return values[np.isfinite(values)]


def _limit(sizes: FloatArray, percentile: float) -> float:
    """The value at the percentile of a map; its greatest where that would be 0."""
    most = float(sizes.max(initial=0))
    if percentile == 100 or not sizes.size:
        return most
    return float(np.percentile(sizes, percentile)) or most
