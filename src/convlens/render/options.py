"""How a picture is asked for, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.errors import UsageError, near

VIEWS = ("sheet", "grid", "channel", "across")
"""The whole document; all channels of a layer; one map, large; one channel in every layer."""

NORMALISATIONS = ("standardise", "minmax", "layer", "none")
"""How values become colours; see :class:`PictureOptions`."""

LARGEST_STEP = 1e6
"""The largest contrast and centre; beyond them nothing is left of a map but two colours."""

COLORMAPS = ("viridis", "cividis", "magma", "inferno", "plasma", "grey")
"""Perceptually uniform colour maps, readable with any colour vision."""


GALLERY_VIEWS = ("pattern", "grid", "sheet")
"""One pattern, large; all patterns of a layer; a document with a row for each layer."""


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What a picture of activations should look like.

    Attributes:
        view: One of :data:`VIEWS`.
        normalise: ``"standardise"``: each map by itself, ``(x - mean) / std * contrast +
            centre``, cut to 0..255. ``"minmax"``: each map by itself, its least value 0, its
            greatest 255. ``"layer"``: likewise with one scale for the whole layer.
            ``"none"``: the values as they are, cut to 0..255.
        contrast: For ``"standardise"``, colour steps for one standard deviation.
        centre: For ``"standardise"``, the colour step of the mean.
        colormap: One of :data:`COLORMAPS`.
        columns: Tiles in a row, at least 1.

    Raises:
        UsageError: A value is none of those.
    """

    view: str = "sheet"
    normalise: str = "standardise"
    contrast: float = 64.0
    centre: float = 128.0
    colormap: str = "viridis"
    columns: int = 16

    def __post_init__(self) -> None:
        _check("view", self.view, VIEWS)
        _check("normalisation", self.normalise, NORMALISATIONS)
        _check("colour map", self.colormap, COLORMAPS)
        _check_columns(self.columns)
        if not self.contrast > 0:
            raise UsageError(f"expected a contrast above 0, found {self.contrast:g}")
        for name in ("contrast", "centre"):
            value = getattr(self, name)
            if not abs(value) <= LARGEST_STEP:
                raise UsageError(
                    f"expected a {name} of at most {LARGEST_STEP:g} colour steps, found {value:g}"
                )

    def describe(self) -> str:
        """The normalisation in words, for captions."""
        match self.normalise:
            case "standardise":
                return (
                    f"each map standardised: (x - mean) / std * {self.contrast:g} + "
                    f"{self.centre:g}, cut to 0..255"
                )
            case "minmax":
                return "each map from its own least to its own greatest value"
            case "layer":
                return "one scale for a layer, from its least to its greatest value"
            case _:
                return "values as they are, cut to 0..255"


@dataclass(frozen=True, slots=True)
class GalleryOptions:
    """What a picture of patterns should look like.

    Attributes:
        view: One of :data:`GALLERY_VIEWS`; ``None`` for the one that fits: ``"pattern"`` for a
            single pattern, ``"grid"`` for one layer, ``"sheet"`` for several.
        columns: Patterns in a row, at least 1.

    Raises:
        UsageError: A value is none of those.
    """

    view: str | None = None
    columns: int = 8

    def __post_init__(self) -> None:
        if self.view is not None:
            _check("view", self.view, GALLERY_VIEWS)
        _check_columns(self.columns)


@dataclass(frozen=True, slots=True)
class KernelOptions:
    """What a picture of kernels should look like.

    Attributes:
        columns: Tiles in a row, at least 1: filters, or the strongest inputs of one filter.

    Raises:
        UsageError: A value is none of those.
    """

    columns: int = 16

    def __post_init__(self) -> None:
        _check_columns(self.columns)


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
