"""Sizes as they are written on a command line."""

from __future__ import annotations

import re

from layersight.errors import UsageError
from layersight.images import check_size


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Height and width from ``224x160``, or one number for both.

    Raises:
        UsageError: It is no size.

    >>> parse_size("224x160"), parse_size("96"), parse_size(None)
    ((224, 160), (96, 96), None)
    """
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})(?:[xX]([0-9]{1,9}))?", text.strip())
    if match is None:
        raise UsageError(f"--size expects HEIGHTxWIDTH such as 224x224, found '{text}'")
    return check_size((int(match[1]), int(match[2] or match[1])), "--size")
