"""What may be shown on a terminal of text that comes from a stranger's file."""

from __future__ import annotations

import re
import unicodedata

MAX_MESSAGE = 1_000  # how many characters of an error are shown

TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of what follows them."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def printable(text: str, *, lines: bool = False) -> str:
    r"""Text whose control characters are escapes, as JSON has them; our own ``lines`` may stay.

    Example:
        >>> printable("conv\x1b]0;title\x07"), printable("a\nb"), printable("a\nb", lines=True)
        ('conv\\u001b]0;title\\u0007', 'a\\u000ab', 'a\nb')
    """
    if text.isprintable():
        return text
    return "".join(
        f"\\u{ord(sign):04x}" if _acts(sign) and not (lines and sign == "\n") else sign
        for sign in text
    )


def in_a_line(message: str) -> str:
    r"""A message as one line of bounded length; of a long one its start and its end.

    >>> len(in_a_line("x" * 5000)), in_a_line("two \n lines")
    (1000, 'two lines')
    """
    line = printable(" ".join(_COLOUR.sub("", message).split()))
    if len(line) <= MAX_MESSAGE:
        return line
    return f"{line[: MAX_MESSAGE - 305]} ... {line[-300:]}"


def _acts(sign: str) -> bool:
    return sign in TURNING or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")
