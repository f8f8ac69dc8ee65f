"""What pictures of patterns can be asked to look like."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.fields import check, option

GALLERY_VIEWS = ("pattern", "grid", "sheet")
"""One pattern, large; all patterns of a layer; a document with a row for each layer."""


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

    view: str | None = option(
        None, help="What to draw; else what fits.", kind=str, choices=GALLERY_VIEWS
    )
    columns: int = option(8, help="Patterns in a row.", low=1)

    def __post_init__(self) -> None:
        check(self)
