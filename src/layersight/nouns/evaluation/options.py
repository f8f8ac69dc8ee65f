"""What pictures of an evaluation can be asked to look like."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.fields import Options, option


@dataclass(frozen=True, slots=True)
class TableOptions(Options):
    """What a picture of an evaluation should look like.

    Attributes:
        columns: Metrics beside each other, at least 1.

    Raises:
        UsageError: A value is none of those.
    """

    columns: int = option(2, help="Metrics in a row.", low=1, high=100)
