"""The colours of heat: the ends of the scale, and a colour for every value.

The rule of this module: the scale begins at 0, or is centred on the neutral value if heat has a
sign, and its ends are always labelled.
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

UNSEEN = 0  # the colour step of pixels that the network did not see
LAST = 255
FEW = 1000  # shorter signals are scaled to their greatest heat, not to a percentile
LEAST = 0.5
"""The opacity of signed heat of 0, as a share: a paler photograph makes colours readable."""


@dataclass(frozen=True, eq=False, slots=True)
class HeatScale:
    """A scale of colours for values."""

    limit: float  # the heat of the last colour; 0 if all is 0
    most: float  # the greatest absolute heat, which may exceed the limit
    signed: bool  # whether the scale goes as far below the neutral value
    colours: Bytes  # (256, 3) RGB; the first is for pixels that were not seen
    neutral: float = 0.0  # the value whose heat is 0

    @property
    def low(self) -> float:
        return self.neutral - self.limit if self.signed else self.neutral

    @property
    def high(self) -> float:
        return self.neutral + self.limit

    @property
    def is_clipped(self) -> bool:
        return self.most > self.limit

    def steps(self, heat: FloatArray) -> Bytes:
        """The colour step of heat, 1 to 255; :data:`UNSEEN` where it is not finite."""
        finite = np.isfinite(heat)
        if self.signed:
            steps = signed_steps(heat, self.limit)
        else:
            share = np.where(finite, heat, 0) / (self.limit or 1.0)
            steps = (1 + np.rint((LAST - 1) * np.clip(share, 0, 1))).astype(np.uint8)
        return np.where(finite, steps, np.uint8(UNSEEN))

    def strength(self) -> FloatArray:
        """The value of each colour step as a share of the limit, 0..1, ``(256,)``."""
        steps = np.arange(LAST + 1, dtype=np.float32)
        distance = np.abs(steps - ZERO) / (LAST - ZERO)
        share = distance if self.signed else (steps - 1) / (LAST - 1)
        return np.clip(share, 0, 1).astype(np.float32)

    def opacity(self, most: float, clear: float = 0.0) -> FloatArray:
        """The opacity of each colour step over the photograph, ``(256,)``; ``most`` for the last.

        It grows fast at first and then slower, so that weak heat and the photograph are both
        visible; up to a share ``clear`` of the limit heat covers nothing.
        """
        strength = np.clip((self.strength() - clear) / (1 - clear), 0, 1)
        share = 1 - (1 - strength) ** 2
        veil = LEAST if self.signed and not clear else 0.0
        opacity = np.asarray(most * (veil + (1 - veil) * share), np.float32)
        opacity[UNSEEN] = FADED
        return opacity

    def marks(self) -> dict[float, str]:
        """The labels of the ends of the colour bar, and of the middle of a signed one."""
        at_least, at_most = ("\u2265 ", "\u2264 ") if self.is_clipped else ("", "")
        high = f"{at_least}{_format(self.high)}"
        if not self.signed:
            return {0.0: "0", 1.0: high}
        return {0.0: f"{at_most}{_format(self.low)}", 0.5: _format(self.neutral), 1.0: high}

    def ramp(self) -> Bytes:
        return np.concatenate([self.colours[1:2], self.colours[1:]])


def heat_scale(result: Heatmaps, index: int, options: HeatOptions) -> HeatScale:
    entry = result.maps[index]
    entries = [entry]
    if options.normalise == "shared":
        entries = [
            other for other in result if (other.image, other.method) == (entry.image, entry.method)
        ]
    sizes = [_sizes(other) for other in entries]
    percentiles = [percentile_of(other, options) for other in entries]
    limit = max(map(_limit, sizes, percentiles))
    colours = (diverging() if entry.signed else palette(options.colormap)).copy()
    colours[UNSEEN] = PALE
    most = max(float(each.max(initial=0)) for each in sizes)
    return HeatScale(limit, most, entry.signed, colours, entry.neutral)


def colour_bar(scale: HeatScale) -> Scale:
    marks = tuple(scale.marks().items())
    # Index 0 is for pixels that were not seen; the first colour of heat is index 1.
    step = (scale.high - scale.low) / 254
    return Scale(scale.ramp(), marks, scale.low - step, scale.high)


def _format(value: float) -> str:
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
    """The value at the percentile of a map; the greatest value if that is 0."""
    most = float(sizes.max(initial=0))
    if percentile == 100 or not sizes.size:
        return most
    return float(np.percentile(sizes, percentile)) or most
