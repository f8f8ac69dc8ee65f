"""What pictures of an evaluation can be asked to look like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What a picture of an evaluation should look like: so far there is nothing to choose."""
