"""How much memory a file of a stranger may ask for, beside the weights that it holds.

The rule of this module: a limit that is met is told with how to allow more.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT = 1 << 30
"""The bytes that are allowed if nothing else is said."""

MORE = "allow more with --max-memory (max_memory= in Python)"
"""How to allow more, for the end of a message."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model from a file may take.

    Attributes:
        memory: The bytes that what it computes may take for one image, in building and in a
            pass. The weights that the file itself holds do not count.
    """

    memory: int = DEFAULT

    def __post_init__(self) -> None:
        if self.memory < 1:
            raise ValueError(f"expected a positive number of bytes, found {self.memory}")


def in_words(count: float) -> str:
    """A number of bytes as people read it.

    >>> in_words(3 << 30), in_words(1 << 20), in_words(12)
    ('3 GiB', '1 MiB', '12 bytes')
    """
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if count >= size:
            return (
                f"{count / size:.3g} {unit}"
                if count < 1000 * size
                else f"{count / size:,.0f} {unit}"
            )
    return f"{count:,.0f} bytes"
