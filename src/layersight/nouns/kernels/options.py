"""The options of pictures of kernels."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.fields import Options, option


@dataclass(frozen=True, slots=True)
class KernelOptions(Options):
    """The options of a picture of kernels.

    Attributes:
        columns: Tiles in a row, at least 1: filters, or the strongest inputs of one filter.

    Raises:
        UsageError: A value is none of those.
    """

    columns: int = option(
        16, help="Tiles in a row: filters, or a filter's strongest inputs.", low=1
    )
