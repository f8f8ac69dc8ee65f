"""The options of pictures of feature maps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from layersight.data.colormaps import COLORMAPS
from layersight.data.fields import Options, option

VIEWS = ("sheet", "grid", "channel", "across")
"""The document; all channels of a layer; one map, large; one channel in every layer."""

NORMALISATIONS = ("standardise", "minmax", "layer", "none")
"""How values become colours; see :class:`PictureOptions`."""

LARGEST_STEP = 1e6
"""The largest contrast and centre; beyond them a map has two colours alone."""


@dataclass(frozen=True, slots=True)
class PictureOptions(Options):
    """The options of a picture of activations.

    Attributes:
        view: One of :data:`VIEWS`.
        normalise: ``"standardise"``: each map by itself, ``(x - mean) / std * contrast +
            centre``, cut to 0..255. ``"minmax"``: each map by itself, its least value 0, its
            greatest 255; vectors are drawn so by both. ``"layer"``: likewise with one scale for
            the layer. ``"none"``: the values as they are, cut to 0..255.
        contrast: For ``"standardise"``, colour steps for one standard deviation.
        centre: For ``"standardise"``, the colour step of the mean.
        colormap: One of :data:`~layersight.document.colour.COLORMAPS`.
        columns: Tiles in a row, at least 1.
        units: Whether JSON of several images holds every unit of layers without maps too; that of
            one image always does.

    Raises:
        UsageError: A value is none of those.
    """

    view: str = option("sheet", help="What to draw.", choices=VIEWS)
    normalise: str = option(
        "standardise", help="How values become colours.", choices=NORMALISATIONS
    )
    contrast: float = option(
        64.0,
        help="For standardise: steps for one deviation.",
        low=0,
        high=LARGEST_STEP,
        exclusive=True,
    )
    centre: float = option(
        128.0, help="For standardise: the step of the mean.", low=-LARGEST_STEP, high=LARGEST_STEP
    )
    colormap: str = option("viridis", help="The colours.", choices=COLORMAPS)
    columns: int = option(16, help="Tiles in a row.", low=1)
    units: bool = option(
        False, help="JSON of several images: every unit of dense layers too.", flag="--units"
    )

    def settled(self) -> PictureOptions:
        """The options as drawn: single maps need no standardising to be comparable."""
        if self.view == "channel" and self.normalise == "standardise":
            return replace(self, normalise="minmax")
        return self

    def describe(self, *, vectors: bool = False) -> str:
        """The normalisation in words, for captions; ``vectors`` where some layers have no maps."""
        words = {
            "standardise": f"each map standardised: (x - mean) / std * {self.contrast:g} + "
            f"{self.centre:g}, cut to 0..255",
            "minmax": "each map from its own least to its own greatest value",
            "layer": "one scale for a layer, from its least to its greatest value",
            "none": "values as they are, cut to 0..255",
        }[self.normalise]
        if vectors and self.normalise in ("standardise", "minmax"):
            words += "; vectors from their least to their greatest value"
        return words
