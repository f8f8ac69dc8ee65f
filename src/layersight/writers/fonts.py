"""What text may hold and how wide it is, without a font library being imported early.

The rule of this module: text from strangers (file names, layer names) becomes drawable and
harmless here, once; what does not fit is shortened in the middle, where names differ least.
"""

from __future__ import annotations

import functools
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from layersight.writers.scripts import runs

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.ImageFont import FreeTypeFont

ELLIPSIS = "…"
MEASURED_AT = 64


def clean(text: str) -> str:
    """The text on one line, without characters that no file format can hold.

    >>> clean("two" + chr(10) + "lines" + chr(0xDC80))
    'two lines�'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_clean_character, text))


def _clean_character(character: str) -> str:
    if character in "\n\r\t":
        return " "
    category = unicodedata.category(character)
    # Controls, lone surrogates and code points that are no characters; U+202E and its kind
    # would let a file's name rewrite the line around it.
    if category in ("Cc", "Cs", "Cn") or character in "\u202a\u202b\u202c\u202d\u202e\ufeff":
        return "\ufffd"
    return character


@functools.lru_cache(maxsize=4096)
def is_latin(text: str) -> bool:
    """Whether the standard fonts of PDF can draw the text.

    >>> is_latin("épée – 3 × 3"), is_latin("кот")
    (True, False)
    """
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


@functools.lru_cache(maxsize=64)
def pixel_font(file: Path | None, size: float) -> FreeTypeFont:
    """A font for pictures of pixels; Pillow's own where there is none."""
    from PIL import ImageFont

    if file is None:
        default: FreeTypeFont = ImageFont.load_default(size)  # type: ignore[assignment]
        return default
    # The basic layout is part of every Pillow, so that the same text gives the same pixels.
    basic = ImageFont.Layout.BASIC
    return ImageFont.truetype(str(file), size, 0, layout_engine=basic)


@functools.lru_cache(maxsize=16384)
def text_width(text: str, size: float, bold: bool = False, *, pixels: bool = False) -> float:
    """How wide the text is drawn, in points; in PDF and SVG, or in a picture of pixels."""
    if pixels or not is_latin(text):
        found = sum(
            pixel_font(file, MEASURED_AT).getlength(part) for part, file in runs(text, bold)
        )
        return float(found) * size / MEASURED_AT
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(stringWidth(text, "Helvetica-Bold" if bold else "Helvetica", size))


def shorten(text: str, width: float, measure: Callable[[str], float]) -> str:
    """The text, or its beginning and its end around an ellipsis, no wider than ``width``.

    >>> shorten("a_very_long_name_of_a_file.jpg", 70, lambda text: text_width(text, 8))
    'a_very_l…_file.jpg'
    """
    if measure(text) <= width:
        return text

    def cut(kept: int) -> str:
        return text[: kept // 2] + ELLIPSIS + text[len(text) - (kept + 1) // 2 :]

    return cut(bisect_right(range(1, len(text)), width, key=lambda kept: measure(cut(kept))))


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """The text in lines no wider than ``width``; words that are wider are shortened.

    >>> wrap("one two three", 40, lambda text: text_width(text, 8))
    ['one two', 'three']
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if measure(longer) <= width:
            lines[-1:] = [longer]
        else:
            lines.append(shorten(word, width, measure))
    return lines
