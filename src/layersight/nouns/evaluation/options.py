"""The options of pictures of evaluations."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.fields import Options, option


@dataclass(frozen=True, slots=True)
class TableOptions(Options):
    """How a picture of an evaluation looks.

    Attributes:
        columns: Metrics beside each other, at least 1.

    Raises:
        UsageError: A value is out of its range.
    """

    columns: int = option(2, help="Metrics in a row.", low=1, high=100)
