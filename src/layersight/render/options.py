"""How a picture is asked for, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.document.colour import COLORMAPS
from layersight.errors import UsageError, near

HEAT_VIEWS = ("single", "row", "table", "sheet")
"""One map beside its photograph; the targets of a method; methods and targets; a document."""

HEAT_SCALES = ("own", "shared")
"""A scale for each map; one for all maps of an image and a method."""

FINE_PERCENTILE = 99.5
"""Where the scale of heat ends that a method gives for every pixel by itself."""


@dataclass(frozen=True, slots=True)
class HeatOptions:
    """What a picture of heatmaps should look like.

    Attributes:
        view: One of :data:`HEAT_VIEWS`; ``None`` for the one that fits: ``"single"`` for a
            single map of each image, ``"row"`` for several targets of one method, ``"table"``
            for several methods, ``"sheet"`` for several images.
        colormap: One of :data:`COLORMAPS`, for heat that is never below 0. Heat with a sign is
            always blue below 0 and red above, alike on both sides.
        opacity: Of the strongest heat over the photograph, 0 to 1; weaker heat covers less.
        normalise: ``"own"``: each map from 0 to its own greatest value. ``"shared"``: to the
            greatest of all maps of the same image and method.
        percentile: The scale ends at this percentile of the heat instead of its greatest value,
            and what is above has the last colour. ``None``: the greatest value, but
            :data:`FINE_PERCENTILE` for maps of single pixels, of which the few largest would
            leave all others dark.
        smooth: Whether maps smaller than the photograph are enlarged smoothly; else their cells
            are squares.
        columns: Pictures in a row, at least 1.

    Raises:
        UsageError: A value is none of those.
    """

    view: str | None = None
    colormap: str = "viridis"
    opacity: float = 0.7
    normalise: str = "own"
    percentile: float | None = None
    smooth: bool = True
    columns: int = 4

    def __post_init__(self) -> None:
        if self.view is not None:
            _check("view", self.view, HEAT_VIEWS)
        _check("colour map", self.colormap, COLORMAPS)
        _check("normalisation", self.normalise, HEAT_SCALES)
        _check_columns(self.columns)
        for name, value, low in (("opacity", self.opacity, 0), ("percentile", self.percentile, 50)):
            high = 1 if name == "opacity" else 100
            if value is not None and not low <= value <= high:
                raise UsageError(f"expected {name} from {low} to {high}, found {value:g}")


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What a picture of an evaluation should look like: so far there is nothing to choose."""


def _check(label: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"unknown {label} '{value}': expected one of {', '.join(known)}.{near(value, known)}"
        )


def _check_columns(columns: int) -> None:
    if columns < 1:
        raise UsageError(f"expected at least 1 column of tiles, found {columns}")
