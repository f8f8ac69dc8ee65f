"""The options of pictures of heatmaps."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.colormaps import COLORMAPS
from layersight.data.fields import check, option

HEAT_VIEWS = ("single", "overlay", "row", "table", "sheet")
"""One map beside its photograph; only the heat over it; the targets of a method; methods and
targets; a document."""

HEAT_SCALES = ("own", "shared")  # a scale for each map; one for all maps of an image and a method

FINE_PERCENTILE = 99.5  # where the scale ends for methods that give each pixel its own value


@dataclass(frozen=True, slots=True)
class HeatOptions:
    """How a picture of heatmaps looks.

    Attributes:
        view: One of :data:`HEAT_VIEWS`; ``None``: ``"single"`` for a single map of each image,
            ``"row"`` for several targets of one method, ``"table"`` for several methods,
            ``"sheet"`` for several images.
        colormap: One of :data:`COLORMAPS`, for heat that is never below 0. Signed heat is always
            blue below 0 and red above, symmetrically.
        opacity: Of the strongest heat over the photograph, 0 to 1; weaker heat covers less.
        clear: Heat below this share of its scale, 0 to 0.95, does not cover the photograph at all.
        normalise: ``"own"``: each map from 0 to its own greatest value. ``"shared"``: to the
            greatest of all maps of the same image and method.
        percentile: The scale ends at this percentile of the heat instead of its greatest value,
            and values above have the last colour. ``None``: the greatest value, but
            :data:`FINE_PERCENTILE` for maps of single pixels, whose few largest values would
            leave all others dark.
        smooth: Whether maps smaller than the photograph are enlarged smoothly; else their cells
            are squares.
        columns: Pictures in a row, at least 1.

    Raises:
        UsageError: A value is none of those.
    """

    view: str | None = option(None, help="What to draw; else what fits.", choices=HEAT_VIEWS)
    colormap: str = option("viridis", help="The colours of heat.", choices=COLORMAPS)
    opacity: float = option(0.7, help="Of the strongest heat.", low=0, high=1)
    clear: float = option(
        0.0, help="Weaker heat, as a share of its scale, covers nothing.", low=0, high=0.95
    )
    normalise: str = option("own", help="A scale for each map or for all.", choices=HEAT_SCALES)
    percentile: float | None = option(
        None, help="Where the scale ends, in percent.", low=50, high=100
    )
    smooth: bool = option(True, help="How coarse maps are enlarged.", flag="--smooth/--squares")
    columns: int = option(4, help="Pictures in a row.", low=1)

    def __post_init__(self) -> None:
        check(self)
